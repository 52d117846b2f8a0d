//! A running switch: sockets, media and control around the pure core.
//!
//! [`Zone::start`] binds everything first and starts nothing if something cannot be had. One task owns the
//! [`switch::Switch`] and is its clock; media has a thread of its own ([`net::media::MediaPlane`]).
//!
//! ```text
//!   transports ──Incoming──▶ ┌────────┐ ──Transmit──▶ transports
//!   media thread ─MediaEvent▶│ driver │ ──Command──▶ media thread
//!   file or feed ──Update──▶│        │ ──ZoneEvent─▶ subscribers, control socket
//!   control socket ─status──▶└────────┘
//! ```
//!
//! It decides nothing about calls; what it adds to the core is a byte budget for answers to datagrams, a small one for
//! those of strangers.

pub mod config;
mod directory;
mod driver;
mod failed_handshakes;
mod inputs;
mod service_directory;
mod start;
pub mod toml_file;

pub use directory::{DirectoryFile, DirectoryFileError};
pub use inputs::Lost;
pub use service_directory::{DirectoryCopy, FeedError, ServiceDirectory, keep_last};
pub use start::{CheckSyncs, RollCall, StartError, Zone, ZoneSetup};

/// Zone events kept for a subscriber that reads slowly.
pub const EVENTS_KEPT: usize = 1_024;
