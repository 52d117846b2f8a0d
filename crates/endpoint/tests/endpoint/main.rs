//! The device core in virtual time, against servers made of `sip`'s user agent.

#![expect(clippy::large_enum_variant, reason = "logs of a test hold a few values")]

mod page;
mod registration;
mod server;
mod world;
