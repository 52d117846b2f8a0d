//! Simulated phones and endpoints over real sockets, in numbers.
//!
//! - [`talker`]: a phone for tests: it registers, calls an extension and speaks what it is given, also wrongly on purpose.
//! - [`registrant`]: registers users as fast as a server lets it.
//! - [`listener`] and [`ears`]: loudspeakers that answer pages, and note when the first packet of sound comes.
//! - [`relay`]: a way for packets that loses some and delays others.
//! - [`process`]: what a server under load uses.
//!
//! The program `fleet` measures with them; `docs/benchmarks.md` says what.
//!
//! What it deliberately is not: a part of a product, or a phone that a person could use. It plays nothing, and it trusts that the
//! server it is pointed at is the one under test.

pub mod ears;
pub mod link;
pub mod listener;
pub mod process;
pub mod registrant;
pub mod relay;
pub mod talker;

pub use talker::{CallOptions, Conversation, Talker, TalkerError, TalkerSetup};
