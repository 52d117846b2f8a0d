//! The network below the line: transports, TLS, DNS, media sockets, limits.
//!
//! Everything here moves bytes for a pure core and decides nothing about calls: it has no transactions,
//! no registrations, no permissions. What a peer may cost is bounded here, by named constants: connections,
//! handshakes, queues, datagrams, time.
//!
//! Logs of this crate hold causes and counts, never message bodies, credentials or keys.

pub mod authority;
pub mod control;
pub mod deadline;
pub mod media;
pub mod reply_budget;
pub mod resolver;
mod system;
pub mod tls;
pub mod transport;

pub use system::{OPEN_FILES_WANTED, OpenFiles, host_name, local_addresses, raise_open_files, use_one_heap};
