//! The device core in virtual time, against servers made of `sip`'s user agent.

mod calling;
mod page;
mod registration;
mod server;
mod world;
