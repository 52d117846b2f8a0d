//! The user agent in virtual time: against itself, and against a peer that the test plays.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests state what they expect by unwrapping it"
)]

mod attacks;
mod called;
mod calling;
mod calls;
mod challenges;
mod dialogs;
mod limits;
mod lone;
mod refusals;
mod registration;
mod session_timers;
mod weather;
mod wire;
