//! The device core in virtual time, against servers made of `sip`'s user agent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "helpers of tests fail the test"
)]

mod attack;
mod calling;
mod configuration;
mod credentials;
mod opening;
mod page;
mod precedence;
mod receipt;
mod reconfiguration;
mod registration;
mod server;
mod streams;
mod translator;
mod world;
