//! The device core in virtual time, against servers made of `sip`'s user agent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "helpers of tests fail the test"
)]

mod alert;
mod attack;
mod attempts;
mod calling;
mod configuration;
mod credentials;
mod delayed;
mod feedback;
mod flows;
mod handset;
mod local;
mod loudness;
mod multicast;
mod multicast_attack;
mod multicast_precedence;
mod multicast_send;
mod opening;
mod page;
mod passcode;
mod precedence;
mod receipt;
mod reconfiguration;
mod registration;
mod ring;
mod server;
mod session_timer;
mod streams;
mod translator;
mod two_way;
mod world;
