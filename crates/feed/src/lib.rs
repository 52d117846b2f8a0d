//! How a zone learns its directory from a service elsewhere, without sockets, clocks and keys.
//!
//! The directory is a set of [`Records`] under keys. The service signs what they are at each epoch, [`Held`], and not how they came
//! over: so a zone can check a whole directory, one that differences have led to, and the copy on its own disk, in the same way.
//!
//! ```text
//!   service                                          zone
//!   History ── Begin, Part…, End(signature) ──▶ Zone ── Take(update) ──▶ switch
//!      ▲   ◀────── Hello(epoch, digest) ──────    │
//!    store ─────────── Beat ─────────────────▶    └── Keep ──▶ disk
//! ```
//!
//! [`History`] answers a zone with the difference to what it holds, or with everything where that is not known. [`Zone`] decides when to
//! connect, what to accept and when what it holds is stale; it takes no epoch back. Hashes of passwords travel, passwords never.
//!
//! The other way a zone tells of itself, by [`Teller`] and [`Hearing`]: who is registered there, which alerts and pages
//! begin, and what became of pages.

mod given;
mod held;
mod history;
mod record;
mod records;
mod tell;
mod wire;
mod zone;

pub use given::{Given, WHOLE_EVERY};
pub use held::Held;
pub use history::{DIFFERENCE_RECORDS_MAX, History, STEPS_MAX};
pub use records::{Difference, Digest, RECORDS_MAX, RecordError, Recorder, Records};
pub use tell::{
    CHANGES_MAX, HAPPENED_MAX, Hearing, Misheard, News, REPORT_OCTETS_MAX, REPORTS_MAX, Teller, Told,
    UNHEARD_MAX,
};
pub use wire::{Decoder, FRAME_LENGTH_MAX, Message, WireError, encode};
pub use zone::{
    BEAT_EVERY, CONNECT_WITHIN, Offence, Output, RETRY_FIRST, RETRY_LAST, Report, SILENCE_MAX, STALE_AFTER,
    WARN_AGAIN_AFTER, Zone,
};
