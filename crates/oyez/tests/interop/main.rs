//! Foreign phones against a zone and loudspeakers of ours, judged by what the loudspeakers recorded.
//!
//! `docs/interop.md` says how to run them. A test whose foreign programs are not installed says that it was skipped.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests say what they expect by unwrapping it, and print the figures they measure"
)]

mod behind_nat;
mod hearing;
mod real_phones;
mod scenarios;
mod site;
