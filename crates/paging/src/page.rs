//! The life of one page, from the invitation of its listeners to the last receipt.
//!
//! A listener is a user. It may have several devices, each with a leg of its own, and has heard a page only if each of them has.
//!
//! ```text
//!   each device:     invited ──answered──▶ listening ──ended──▶ ended ──receipt──▶ (judged)
//!     left out ─────────┤ refused, failed, no answer      │ receipt may come first
//!                       ▼
//!                    missing
//!
//!   the page:        open ──ended──▶ closing ── every receipt come, or overdue ──▶ settled
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use model::status::{ListenerReport, MissingReason, NotHeardReason, PageReport, Receipt, Verdict};
use model::{Extension, PageId, SipUser};

use super::judge;

/// Listeners of one page: as many as a group may have members.
pub const LISTENERS_MAX: usize = model::directory::MEMBERS_MAX;
/// Devices of one listener: as many as a user may have registered.
pub const DEVICES_MAX: usize = 10;
/// How long after the end of a page its receipts are waited for: an endpoint plays out for up to 500 ms, and a lost
/// BYE is repeated 0.5, 1.5 and 3.5 s after it (RFC 3261 §17.1.2.2).
pub const RECEIPT_WAIT: Duration = Duration::from_secs(5);

/// Numbers the leg to one device of a listener; the caller's to choose, and unique within a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegNumber(pub u64);

/// The ledger of one page.
#[derive(Clone, Debug)]
pub struct Page {
    page: PageId,
    extension: Extension,
    talker: SipUser,
    started: Instant,
    /// When the talker's first audio came.
    first_audio: Option<Instant>,
    listener_by_user: BTreeMap<SipUser, Listener>,
    is_broken_off: bool,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    at: Instant,
    receipts_until: Instant,
    audio_ms: u64,
}

#[derive(Clone, Debug)]
struct Listener {
    name: String,
    /// Why no device of it is known. What is known of a device comes before it.
    missing: Option<MissingReason>,
    /// At most [`DEVICES_MAX`].
    device_by_leg: BTreeMap<LegNumber, Device>,
}

#[derive(Clone, Debug)]
struct Device {
    state: State,
    receipt: Option<Receipt>,
}

#[derive(Clone, Debug)]
enum State {
    Invited,
    Listening {
        answered: Instant,
        owes_receipt: bool,
    },
    Ended {
        answered: Instant,
        owes_receipt: bool,
        loss_permille: Option<u16>,
    },
    Missing {
        why: MissingReason,
    },
}

/// Why a receipt is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ReceiptRefusal {
    /// It is for another page.
    #[error("the receipt is for another page")]
    OtherPage,
    /// Its sender is no listener of this page.
    #[error("the receipt comes from no listener of the page")]
    Stranger,
    /// The listener has not answered, so it cannot have played anything.
    #[error("the receipt comes from a listener that has not answered")]
    NotAnswered,
    /// The listener's device has given a receipt.
    #[error("the device of the listener has given its receipt")]
    Duplicate,
}

impl Page {
    /// Opens the ledger of a page, which starts with that.
    #[must_use]
    pub fn new(now: Instant, page: PageId, extension: Extension, talker: SipUser) -> Self {
        Self {
            page,
            extension,
            talker,
            started: now,
            first_audio: None,
            listener_by_user: BTreeMap::new(),
            is_broken_off: false,
            end: None,
        }
    }

    /// The page's id.
    #[must_use]
    pub fn id(&self) -> &PageId {
        &self.page
    }

    /// Enters a device of a listener, which is sent an invitation. Beyond [`LISTENERS_MAX`] and [`DEVICES_MAX`] it is
    /// not entered and `false` is returned: it must not be invited.
    pub fn invite(&mut self, user: SipUser, leg: LegNumber, name: String) -> bool {
        self.enter_device(user, leg, name, State::Invited)
    }

    /// Enters a device of a listener that is known and cannot be invited; with the limits of [`Page::invite`].
    pub fn leave_out(&mut self, user: SipUser, leg: LegNumber, name: String, why: MissingReason) -> bool {
        self.enter_device(user, leg, name, State::Missing { why })
    }

    /// Enters a listener of which no device is known; with the limit of [`Page::invite`].
    pub fn miss(&mut self, user: SipUser, name: String, why: MissingReason) -> bool {
        let listener = self.enter(user, name);
        listener.is_some_and(|listener| listener.missing.replace(why).is_none())
    }

    /// The listener answered over a leg. `owes_receipt` says whether it is of a kind that gives receipts.
    pub fn answered(&mut self, now: Instant, user: &SipUser, leg: LegNumber, owes_receipt: bool) {
        if let Some(device) = self.device_mut(user, leg)
            && let State::Invited = device.state
        {
            device.state = State::Listening {
                answered: now,
                owes_receipt,
            };
        }
    }

    /// The listener will not answer over a leg.
    pub fn failed(&mut self, user: &SipUser, leg: LegNumber, why: MissingReason) {
        if let Some(device) = self.device_mut(user, leg)
            && let State::Invited = device.state
        {
            device.state = State::Missing { why };
        }
    }

    /// The talker's first audio has come.
    pub fn audio_began(&mut self, now: Instant) {
        self.first_audio.get_or_insert(now);
    }

    /// A leg of the listener has ended; `loss_permille` is the loss it reported by RTCP, if it did.
    pub fn left(&mut self, user: &SipUser, leg: LegNumber, loss_permille: Option<u16>) {
        if let Some(device) = self.device_mut(user, leg)
            && let State::Listening {
                answered,
                owes_receipt,
            } = device.state
        {
            device.state = State::Ended {
                answered,
                owes_receipt,
                loss_permille,
            };
        }
    }

    /// Takes the receipt of a listener's device; the first one that comes over a leg counts.
    ///
    /// # Errors
    ///
    /// Says why the receipt is not taken.
    pub fn receive(
        &mut self,
        user: &SipUser,
        leg: LegNumber,
        receipt: Receipt,
    ) -> Result<(), ReceiptRefusal> {
        if receipt.page != self.page {
            return Err(ReceiptRefusal::OtherPage);
        }
        let device = self.device_mut(user, leg).ok_or(ReceiptRefusal::Stranger)?;
        match device.state {
            State::Invited | State::Missing { .. } => return Err(ReceiptRefusal::NotAnswered),
            State::Listening { .. } | State::Ended { .. } => {}
        }
        if device.receipt.is_some() {
            return Err(ReceiptRefusal::Duplicate);
        }
        device.receipt = Some(receipt);
        Ok(())
    }

    /// The last listener has left while the talker had more to say: nobody has heard the page, however much of it they have played.
    pub fn break_off(&mut self) {
        self.is_broken_off |= self.end.is_none();
    }

    /// The talker has finished; `audio` is the length of what it sent. Listeners that have not answered are missing.
    pub fn ended(&mut self, now: Instant, audio: Duration) {
        if self.end.is_some() {
            return;
        }
        let audio_ms = millis(audio);
        self.end = Some(End {
            at: now,
            receipts_until: now + RECEIPT_WAIT,
            audio_ms,
        });
        for device in self.devices_mut() {
            if let State::Invited = device.state {
                device.state = State::Missing {
                    why: MissingReason::PageEnded,
                };
            }
        }
    }

    /// Says whether the report is final: the page has ended, and every receipt has come or is overdue.
    #[must_use]
    pub fn is_settled(&self, now: Instant) -> bool {
        self.end
            .is_some_and(|end| now >= end.receipts_until || self.owed().next().is_none())
    }

    /// Listeners of which a receipt is still owed.
    pub fn owed(&self) -> impl Iterator<Item = &SipUser> {
        self.listener_by_user
            .iter()
            .filter(|(_, listener)| listener.device_by_leg.values().any(Device::owes_receipt))
            .map(|(user, _)| user)
    }

    /// Judges every listener by what is known. Before the page has ended, its length counts as zero.
    #[must_use]
    pub fn report(&self) -> PageReport {
        let audio_ms = self.end.map_or(0, |end| end.audio_ms);
        // How long the whole of it would have been is not known; it is more than anybody has played.
        let whole_ms = if self.is_broken_off { u64::MAX } else { audio_ms };
        let listeners = self
            .listener_by_user
            .iter()
            .map(|(user, listener)| listener.report(user, whole_ms, self.first_audio));
        PageReport {
            page: self.page.clone(),
            extension: self.extension.clone(),
            talker: self.talker.clone(),
            duration_ms: audio_ms,
            since_start_ms: None,
            since_end_ms: None,
            listeners: listeners.collect(),
        }
    }

    /// The report as [`Page::report`] makes it, with how long ago the page started and ended.
    #[must_use]
    pub fn report_at(&self, now: Instant) -> PageReport {
        let since = |then| millis(now.saturating_duration_since(then));
        PageReport {
            since_start_ms: Some(since(self.started)),
            since_end_ms: self.end.map(|end| since(end.at)),
            ..self.report()
        }
    }

    fn enter_device(&mut self, user: SipUser, leg: LegNumber, name: String, state: State) -> bool {
        let Some(listener) = self.enter(user, name) else {
            return false;
        };
        let is_full = listener.device_by_leg.len() >= DEVICES_MAX;
        if is_full || listener.device_by_leg.contains_key(&leg) {
            return false;
        }
        listener
            .device_by_leg
            .insert(leg, Device { state, receipt: None });
        true
    }

    fn enter(&mut self, user: SipUser, name: String) -> Option<&mut Listener> {
        let is_full = self.listener_by_user.len() >= LISTENERS_MAX;
        match self.listener_by_user.entry(user) {
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(place) => Some(place.insert(Listener {
                name,
                missing: None,
                device_by_leg: BTreeMap::new(),
            })),
            Entry::Occupied(place) => Some(place.into_mut()),
        }
    }

    fn device_mut(&mut self, user: &SipUser, leg: LegNumber) -> Option<&mut Device> {
        self.listener_by_user.get_mut(user)?.device_by_leg.get_mut(&leg)
    }

    fn devices_mut(&mut self) -> impl Iterator<Item = &mut Device> {
        self.listener_by_user
            .values_mut()
            .flat_map(|listener| listener.device_by_leg.values_mut())
    }
}

impl Listener {
    /// Judges the listener by the device that did worst: where one of two loudspeakers of a hall was silent, the hall
    /// has not heard.
    fn report(&self, user: &SipUser, audio_ms: u64, talker: Option<Instant>) -> ListenerReport {
        let judged = self
            .device_by_leg
            .values()
            .map(|device| (device.verdict(audio_ms), device));
        let heard = judged.clone().filter(|(verdict, _)| *verdict == Verdict::Heard);
        let heard_devices = heard.count();
        let (verdict, worst) = match judged.min_by_key(|(verdict, _)| rank(verdict)) {
            Some((verdict, device)) => (verdict, Some(device)),
            None => {
                let why = self.missing.clone().unwrap_or(MissingReason::NotRegistered);
                (Verdict::Missing { why }, None)
            }
        };
        ListenerReport {
            user: user.clone(),
            name: self.name.clone(),
            verdict,
            first_audio_ms: worst.and_then(|device| device.first_audio_ms(talker)),
            receipt: worst.and_then(|device| device.receipt.clone()),
            devices: self.device_by_leg.len(),
            heard_devices,
        }
    }
}

/// The order of verdicts, the worst first.
fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Missing { .. } => 0,
        Verdict::NotHeard { .. } => 1,
        Verdict::Answered { .. } => 2,
        Verdict::Heard => 3,
    }
}

impl Device {
    fn answer(&self) -> Option<Instant> {
        match self.state {
            State::Listening { answered, .. } | State::Ended { answered, .. } => Some(answered),
            State::Invited | State::Missing { .. } => None,
        }
    }

    fn owes_receipt(&self) -> bool {
        match self.state {
            State::Listening { owes_receipt, .. } | State::Ended { owes_receipt, .. } => {
                owes_receipt && self.receipt.is_none()
            }
            State::Invited | State::Missing { .. } => false,
        }
    }

    fn verdict(&self, audio_ms: u64) -> Verdict {
        match (&self.state, &self.receipt) {
            (State::Missing { why }, _) => Verdict::Missing { why: why.clone() },
            (State::Invited, _) => Verdict::Missing {
                why: MissingReason::NoAnswer,
            },
            (State::Listening { .. } | State::Ended { .. }, Some(receipt)) => judge(audio_ms, receipt),
            (
                State::Listening {
                    owes_receipt: true, ..
                }
                | State::Ended {
                    owes_receipt: true, ..
                },
                None,
            ) => Verdict::NotHeard {
                why: NotHeardReason::NoReceipt,
            },
            (State::Listening { .. }, None) => Verdict::Answered { loss_permille: None },
            (State::Ended { loss_permille, .. }, None) => Verdict::Answered {
                loss_permille: *loss_permille,
            },
        }
    }

    /// Milliseconds from the talker's first audio to the device's: the device counts from its answer, which may
    /// have come before or after the talker's first audio.
    fn first_audio_ms(&self, talker: Option<Instant>) -> Option<u64> {
        let from_answer = Duration::from_millis(self.receipt.as_ref()?.first_audio_ms?);
        let audible = self.answer()?.checked_add(from_answer)?;
        Some(millis(audible.saturating_duration_since(talker?)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
