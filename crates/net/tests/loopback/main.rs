//! The crate on the loopback interface: real sockets, free ports, no sleeps.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test states what it expects by unwrapping it"
)]

mod exchange;
mod hostile;
mod media;
mod names;
mod side;
mod tls;
