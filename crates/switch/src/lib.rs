//! The zone core: registrar, call legs, page bridges, permissions, admission.
//!
//! A [`Switch`] serves one account from its own copy of the directory and its own table of bindings. It is the core of
//! a zone and of a node alike: inputs go in with the time, outputs come out in order, and nothing else happens.
//!
//! - The [`registrar`] knows who is reached where (RFC 3261 §10). A binding belongs to the flow it came over.
//! - Calls are those of a back-to-back user agent. Each leg has its own dialog, media description and keys; a page
//!   joins one talker and all devices of all members, a conversation joins two.
//! - [`admission`] bounds how much is taken on, [`permission`] says from whom, [`pin`] what a talker keys in before.
//! - [`mod@status`] counts.
//!
//! ```text
//!   Input::Sip, Closed, …   ┌─────────────┐ Output::Transmit, Disconnect
//!  ────────────────────────▶│   Switch    │────────────────────────────▶ connections
//!   Input::MediaOpened,     │             │ Output::OpenMedia, Media
//!  ────────────────────────▶│             │────────────────────────────▶ media::bridge::Plane
//!   Input::Directory        │             │ Output::Event
//!  ────────────────────────▶│             │────────────────────────────▶ service
//!                           └─────────────┘
//! ```
//!
//! Who a caller is follows from its credential alone; what it says of itself, or asks of a phone, is not passed on.
//!
//! What it deliberately does not do: relay requests to other domains, fork as a proxy, subscriptions, messages,
//! transfers, GRUUs, music; carry RTP (the bridge does); keep anything on disk.
//!
//! ```
//! use switch::{Config, Switch};
//!
//! let mut switch = Switch::new([7; 32], Config::new("zone-a", "acme".parse()?));
//! assert!(switch.poll_output().is_none());
//! assert_eq!(switch.next_timeout(), None);
//! # Ok::<(), model::TextError>(())
//! ```

pub mod admission;
mod call;
mod config;
mod deadlines;
mod guesses;
mod identity;
mod leg;
mod peers;
pub mod permission;
pub mod pin;
pub mod registrar;
pub mod status;
mod switch;

pub use call::{
    ENDING_MAX, FLOW_ANSWER_MAX, PAGE_ANSWER_MAX, PAGE_HEADER, PROBE_EVERY, RECEIPT_LENGTH_MAX, RINGING_MAX,
};
pub use config::{
    Config, KEEP_ALIVE_EVERY, KeepAlive, KeepAliveManner, MediaPolicy, PACKET_TIME, PlainMedia,
};
pub use switch::{Input, Output, Switch};
