//! What every site of Oyez is served by: an HTTPS listener whose clients have limits, passwords as hashes, wrong tries that slow
//! down the next, and answers that no other site can frame or read.
//!
//! What this crate deliberately does not do: it has no pages, only what they look like, and knows nobody who signs in.

mod answer;
mod assets;
mod claim_code;
mod hardening;
mod listener;
mod one_time;
mod password;
mod stalls;
mod throttle;

pub use answer::{cookie, forget_cookie, page, set_cookie};
pub use assets::Asset;
pub use claim_code::{ClaimCode, derived_password, drawn_password};
pub use hardening::{CHANGE_TIME, bound, harden, is_from_own_site};
pub use listener::{Limits, Listener, ListenerError, OnHandshakeFailure, Peer, Remembered};
pub use one_time::{CODE_SECONDS, OneTimeSecret, drawn_recovery_code, typed_recovery_code};
pub use password::{PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, PasswordHash};
pub use stalls::WRITE_STALL_MAX;
pub use throttle::{FREE_TRIES, FREE_TRIES_OF_ALL, SOURCES_MAX, Source, Throttle, WAIT_MAX, network};
