//! Media from end to end in virtual time: senders, an emulated network, bridges and receivers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests state what they expect by unwrapping it, and compute with small numbers"
)]

mod bridge;
mod hostile;
mod line;
mod network;
mod opus;
mod page;
mod playout;
mod recovery;
mod site;
mod sources;
mod speech;
