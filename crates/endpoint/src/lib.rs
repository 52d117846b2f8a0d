//! The device core: slots, registrations, calls, sound.
//!
//! [`Endpoint`] is a loudspeaker, strobe or relay as SIP sees it: it keeps one connection to the first of its targets
//! that serves, registers its slots over it, answers pages by itself, plays them, and says how much of each was heard.
//!
//! The core is pure: sockets, DNS, TLS, sound devices and clocks are the shell's. It gets inputs with the instant at
//! which they happened, gives outputs in order, and says when it wants to be called again. It deliberately does not
//! provision itself, read configuration files, or open anything.
//!
//! ```text
//!             Input                                             Output
//!   shell ───────────▶  uplinks ──▶ registrations  ◀──▶  user agent  ───────────▶ shell
//!                                        calls  ──▶ arbiter ──▶ sound
//! ```

mod call;
pub mod caller;
mod clock;
mod endpoint;
mod io;
mod jitter;
mod keepalive;
pub mod profile;
mod receipt;
mod recovery;
mod refusal;
mod registration;
mod slot;
mod sound;
mod uplink;

pub use call::tone::TONE_MAX;
pub use call::{CALLS_MAX, CALLS_PER_SLOT_MAX};
pub use caller::{Caller, CallerEvent, CallerFailure, CallerProfile};
pub use endpoint::{Counters, Endpoint, PAGE_HEADER, SLOTS_MAX};
pub use io::{CallId, ConnectToken, Input, Output};
pub use keepalive::KeepaliveTimes;
pub use profile::Profile;
pub use recovery::RecoveryTimes;
pub use registration::RegistrationTimes;
pub use uplink::UplinkTimes;
