//! Finds the servers of a SIP or SIPS URI: RFC 3263 with RFC 2782 and RFC 7984, as a machine without a resolver.
//!
//! ```text
//!   host is an address ────────────────────────────────────────────▶ target
//!   port is given ─────────────────────────────────▶ A and AAAA ───▶ targets
//!   transport is given ───────────▶ SRV ──┬────────▶ A and AAAA of each server, in the order of RFC 2782
//!   nothing is given ──▶ NAPTR ──▶ SRV ───┘ none: A and AAAA of the host
//! ```
//!
//! [`Locator::poll_query`] says what to ask the DNS, [`Locator::handle_answer`] takes the answers, and
//! [`Locator::next_target`] gives one target after the other: the first to begin with, the next whenever one has failed
//! (RFC 3263 §4.3).
//!
//! Aliases, caching and lifetimes of records are the resolver's. No name leads to a link-local, multicast or broadcast address.
//! Racing address families is not done: SIP requests are not free of effects (RFC 7984 §3.2).

mod address;
mod dns;
mod locator;
mod service;
mod target;
#[cfg(test)]
mod tests;

pub use dns::{Answer, Naptr, Query, Record, RecordKind, Srv};
pub use locator::Locator;
pub use target::{Destination, Exhausted, Next, Support, Target};

/// Servers of one destination that are kept, the preferred ones: nobody waits for a 33rd to fail.
pub const SERVERS_MAX: usize = 32;
/// NAPTR records of one destination that are followed: there are three services, and a preference or two of each.
pub const SERVICES_MAX: usize = 8;
/// Addresses of one server that are kept, of both families together.
pub const ADDRESSES_MAX: usize = 16;
