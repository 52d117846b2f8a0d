//! Media from end to end in virtual time: senders, an emulated network, bridges and receivers.

mod line;
mod network;
mod opus;
mod page;
mod playout;
mod recovery;
mod sources;
mod speech;
