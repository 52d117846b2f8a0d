//! Who may sound now, and who has heard it: priorities, the life of a page, receipts.
//!
//! - [`Arbiter`]: one loudspeaker, many that want it. SIP calls, multicast, REST, inputs and schedules all ask here,
//!   and the order of [`Class`] decides.
//! - [`Page`]: what became of a page at each listener, and the one definition of *heard* ([`judge`]).
//!
//! The crate deliberately plays nothing, sends nothing and knows no protocol: it is told what happened and says what
//! follows. It has no clock; instants come in as arguments.
//!
//! ```
//! use paging::{Arbiter, Class, Effect, Order, SoundId};
//!
//! let mut arbiter = Arbiter::new(Order::default());
//! let (music, page) = (SoundId(1), SoundId(2));
//! assert_eq!(arbiter.request(music, Class::BackgroundMusic), [Effect::Start(music)]);
//! assert_eq!(arbiter.request(page, Class::Page), [Effect::Suspend(music), Effect::Start(page)]);
//! assert_eq!(arbiter.release(page), [Effect::Resume(music)]);
//! ```

mod arbiter;
mod class;
mod page;
mod verdict;

pub use arbiter::{Arbiter, Effect, Refusal, SOUNDS_MAX, SoundId};
pub use class::{Class, Order, OrderError, Rank};
pub use page::{DEVICES_MAX, LISTENERS_MAX, LegNumber, Page, RECEIPT_WAIT, ReceiptRefusal};
pub use verdict::{HEARD_PERCENT_MIN, judge};
