//! How other programs are told of what happens in an account, without a clock, a socket or a database: what a message says
//! ([`message`]), how it is signed and how a receiver shows that it knows the secret ([`signature`]), which addresses it may go to
//! ([`address`]), when a device counts as up or down ([`Presence`]), and which message is tried when ([`Courier`]).
//!
//! What this crate deliberately does not do: it keeps no messages. They lie in a store, and whoever carries out what the courier says
//! tells it what comes first there.
//!
//! ```
//! use model::Secret;
//! use model::inventory::Timestamp;
//!
//! let secret = Secret::from("a secret of the receiver");
//! let signed = webhooks::signature::sign(&secret, Timestamp(1_700_000_000_000), "{}");
//! assert_eq!(signed.timestamp, "1700000000");
//! assert!(signed.signature.starts_with("v0="));
//! ```

pub mod address;
mod courier;
mod form;
pub mod message;
mod moves;
mod presence;
pub mod signature;

pub use courier::{Courier, Head, IN_FLIGHT_MAX, Next, Outcome, Output, RetryPlan, RetryPlanError, Wanted};
pub use form::form;
pub use moves::{Moved, Moves};
pub use presence::{DOWN_AFTER, Presence, START_GRACE, Told};
