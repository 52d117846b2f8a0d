//! A zone core and its phones in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests state what they expect by unwrapping it, and index what they have just built"
)]

mod attacks;
mod calls;
mod directory;
mod pages;
mod phone;
mod pins;
mod receipts;
mod registrations;
mod second_flow;
mod session_timer;
mod shutdown;
mod stranger;
mod world;
