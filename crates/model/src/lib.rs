//! Plain data shared by all parts of Oyez: identifiers, directory, permissions, configuration keys, statuses.
//!
//! - [`id`] and [`identity`]: opaque ids, and the three values that must never be mixed up: SIP user,
//!   authorization id and extension.
//! - [`directory`]: what a switch knows of one account, learnt only from snapshots and changes with epochs.
//! - [`directory_file`]: a TOML file as one source of snapshots.
//! - [`inventory`]: what the service keeps of an account, and the directory that follows from it.
//! - [`config`]: the configuration keys of an endpoint, their schema, and a file that keeps its lines.
//! - [`status`]: registration statuses, receipts, page reports and events, as they go over the wire.
//!
//! The crate deliberately reads no file, knows no clock and decides nothing about calls: a text comes in as
//! `&str`, a moment as milliseconds, and a permission is looked up here but enforced by the switch.
//!
//! ```
//! use model::{Extension, SipUser};
//!
//! let extension: Extension = "7001".parse()?;
//! let user: SipUser = "pg-7f3a".parse()?;
//! assert_eq!(extension.as_str(), "7001");
//! assert!("70 01".parse::<Extension>().is_err());
//! # let _ = user;
//! # Ok::<(), model::TextError>(())
//! ```

mod asking;
mod attempt;
pub mod config;
pub mod directory;
pub mod directory_file;
pub mod id;
pub mod identity;
pub mod inventory;
mod nearest;
mod priority_header;
mod secret;
mod slot;
pub mod status;
mod utf8;
mod validated_text;

pub use asking::{ASK_HEADER, ASK_PIN, NO_PIN_CAUSE, TALKER_PACKAGE, WRONG_PIN_CAUSE};
pub use attempt::{ATTEMPT_HEADER, Attempt, AttemptError};
pub use id::{AccountId, DeviceId, PageId, SlotId};
pub use identity::{AuthorizationId, Extension, SipUser};
pub use priority_header::{PRIORITY_HEADER, PRIORITY_OF_ZONE};
pub use secret::Secret;
pub use slot::{SlotKind, SlotPosition, SlotPositionError};
pub use utf8::{NotUtf8, text_of};
pub use validated_text::TextError;
