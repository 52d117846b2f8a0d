//! The endpoint's web pages and REST API, over HTTPS.
//!
//! Pages are made on the server from the schema of the configuration ([`model::config::KEYS`]): the name of a field is the key, the
//! same as in a file and in the API. They work without scripts, which add what moves: the live status, revealing a password.
//!
//! Nobody signs in by a default password: a new device prints a claim code, and who has it chooses the password.
//!
//! What this crate deliberately does not do: it decides nothing about the configuration, which is [`device::Appliance`]'s, and serves
//! nothing without encryption.

mod access;
mod api;
mod certificate;
mod log_book;
mod moment;
mod pages;
mod server;
mod site;
mod syslog;

pub use access::{Access, AccessError};
pub use log_book::{LOG_LINE_LENGTH_MAX, LOG_LINES_MAX, LOG_LINES_QUEUED_MAX, LogBook, LogLine};
pub use server::{LIMITS, Web, WebError, WebSetup};
pub use syslog::Syslog;
