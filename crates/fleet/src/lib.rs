//! Simulated phones and endpoints over real sockets, in numbers.
//!
//! [`talker`] is a phone for tests: it registers, calls an extension and speaks what it is given, also wrongly on purpose.
//!
//! What it deliberately is not: a part of a product, or a phone that a person could use. It plays nothing, takes no calls, and
//! trusts that the server it is pointed at is the one under test.

pub mod link;
pub mod talker;

pub use talker::{CallOptions, Conversation, Talker, TalkerError, TalkerSetup};
