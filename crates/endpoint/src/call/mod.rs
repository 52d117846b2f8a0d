//! The calls of a device: pages that it answers, and rings that it never answers.

pub(crate) mod farewell;
mod media;
pub(crate) mod page;
pub(crate) mod ring;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::PageId;
use paging::SoundId;
use sip::flow::Flow;
use sip::user_agent::SessionId;

pub(crate) use self::media::CallMedia;
use self::page::{About, PageCall, Step};
use self::ring::RingCall;
use crate::io::CallId;
use crate::multicast::Transmitter;
use crate::profile::SoundProfile;
use crate::receipt::OutputState;
use crate::sound::Mixing;

/// Calls of one slot at a time: one that plays, and the same page arriving through another zone while the first is
/// being ended.
pub const CALLS_PER_SLOT_MAX: usize = 2;
/// Calls of one slot that key in a passcode at a time, beside those that have been let in: people who call one another's
/// page out of time, not a crowd.
pub const KEYING_PER_SLOT_MAX: usize = 4;
/// Calls of a device at a time. Each holds a socket, a jitter buffer and SRTP contexts; one of them sounds.
pub const CALLS_MAX: usize = 16;
/// Longest tone before a page; what is longer is cut. A zone waits ten seconds for the answer of a listener.
pub const TONE_MAX: Duration = Duration::from_secs(8);

/// What a device loses with one of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// Nothing: the announcement that the call has started goes on without it.
    Nothing,
    /// What would be heard of it, were the right passcode keyed in.
    Chance,
    /// What is heard of it, or waits to be.
    Sound,
}

/// How a call comes to its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Nothing is asked of it.
    Open,
    /// It keys in a passcode first.
    Guarded,
    /// It has keyed in the passcode, and has one of the device's places already.
    LetIn,
}

/// All calls.
#[derive(Default)]
pub(crate) struct Calls {
    page_by_id: BTreeMap<CallId, PageCall>,
    ring_by_id: BTreeMap<CallId, RingCall>,
    id_by_session: BTreeMap<SessionId, CallId>,
    last_id: u64,
}

impl Calls {
    pub(crate) fn next_id(&mut self) -> CallId {
        self.last_id += 1;
        CallId(self.last_id)
    }

    /// The calls one of which must end before one more to `slot` is within the limits, the oldest first; none while
    /// there is room. Who keys in a passcode first takes no place of those who need none.
    pub(crate) fn rivals(&self, slot: usize, entrance: Entrance) -> Vec<&About> {
        let is_guarded = entrance == Entrance::Guarded;
        let limit = if is_guarded {
            KEYING_PER_SLOT_MAX
        } else {
            CALLS_PER_SLOT_MAX
        };
        let mut rivals: Vec<&About> = self
            .abouts()
            .filter(|about| about.slot == slot && self.is_guarded(about.id) == is_guarded)
            .collect();
        if rivals.len() < limit {
            rivals = self.abouts().collect();
            if rivals.len() < CALLS_MAX || entrance == Entrance::LetIn {
                return Vec::new();
            }
        }
        rivals.sort_by_key(|about| about.id);
        rivals
    }

    /// Says whether the caller has yet to key in a passcode.
    pub(crate) fn is_guarded(&self, id: CallId) -> bool {
        self.page(id).is_some_and(PageCall::is_guarded)
    }

    pub(crate) fn insert_page(&mut self, call: PageCall) {
        self.id_by_session.insert(call.about().session, call.about().id);
        self.page_by_id.insert(call.about().id, call);
    }

    pub(crate) fn insert_ring(&mut self, call: RingCall) {
        self.id_by_session.insert(call.about().session, call.about().id);
        self.ring_by_id.insert(call.about().id, call);
    }

    pub(crate) fn id_of(&self, session: SessionId) -> Option<CallId> {
        self.id_by_session.get(&session).copied()
    }

    pub(crate) fn page(&self, id: CallId) -> Option<&PageCall> {
        self.page_by_id.get(&id)
    }

    pub(crate) fn page_mut(&mut self, id: CallId) -> Option<&mut PageCall> {
        self.page_by_id.get_mut(&id)
    }

    pub(crate) fn ring(&self, id: CallId) -> Option<&RingCall> {
        self.ring_by_id.get(&id)
    }

    pub(crate) fn remove_page(&mut self, id: CallId) -> Option<PageCall> {
        let call = self.page_by_id.remove(&id)?;
        self.id_by_session.remove(&call.about().session);
        Some(call)
    }

    pub(crate) fn remove_ring(&mut self, id: CallId) -> Option<RingCall> {
        let call = self.ring_by_id.remove(&id)?;
        self.id_by_session.remove(&call.about().session);
        Some(call)
    }

    /// The other call of the same page.
    pub(crate) fn same_page(&self, id: CallId, page: &PageId) -> Option<CallId> {
        self.page_by_id
            .values()
            .map(PageCall::about)
            .find(|about| about.id != id && about.page.as_ref() == Some(page))
            .map(|about| about.id)
    }

    /// Says whether nobody speaks into a page any more, as far as can be told.
    pub(crate) fn is_left(&self, now: Instant, id: CallId) -> bool {
        self.page(id).is_some_and(|call| call.is_left(now))
    }

    /// The same, but for a page whose end is being played.
    pub(crate) fn is_abandoned(&self, now: Instant, id: CallId) -> bool {
        self.page(id).is_some_and(|call| call.is_abandoned(now))
    }

    /// No request arrives any more over `flow` in the dialogs that stand on it.
    pub(crate) fn handle_unreachable(&mut self, now: Instant, flow: Flow) {
        for call in self.page_by_id.values_mut() {
            if call.about().flow == flow {
                call.handle_unreachable(now);
            }
        }
    }

    /// Adds what all calls play here, and hands on what is sent. What only others play is not heard here, as if the output were
    /// muted.
    pub(crate) fn render(
        &mut self,
        now: Instant,
        output: OutputState,
        mixing: &mut Mixing,
        transmitter: &mut Transmitter,
    ) {
        let Mixing { mixer, scratch, .. } = mixing;
        for (id, call) in &mut self.page_by_id {
            let sound = SoundId(id.0);
            let is_muted = output.is_muted || !transmitter.is_played_here(sound);
            call.render(now, scratch, OutputState { is_muted, ..output });
            if transmitter.take(now, sound, scratch) {
                mixer.add(scratch, call.gain_mut());
            }
        }
        for (id, call) in &mut self.ring_by_id {
            call.render(scratch);
            if transmitter.take(now, SoundId(id.0), scratch) {
                mixer.add(scratch, call.gain_mut());
            }
        }
    }

    /// Who calls, for all calls.
    pub(crate) fn abouts(&self) -> impl Iterator<Item = &About> {
        self.page_by_id
            .values()
            .map(PageCall::about)
            .chain(self.ring_by_id.values().map(RingCall::about))
    }

    /// Who calls, for one call.
    pub(crate) fn about(&self, id: CallId) -> Option<&About> {
        self.page_by_id
            .get(&id)
            .map(PageCall::about)
            .or_else(|| self.ring_by_id.get(&id).map(RingCall::about))
    }

    /// Lets a call be heard, or not.
    pub(crate) fn set_may_sound(&mut self, id: CallId, may_sound: bool) {
        if let Some(call) = self.page_by_id.get_mut(&id) {
            call.set_may_sound(may_sound);
        }
        if let Some(call) = self.ring_by_id.get_mut(&id) {
            call.set_may_sound(may_sound);
        }
    }

    /// Makes all calls as loud as their kind is to be.
    pub(crate) fn set_volumes(&mut self, profile: &SoundProfile) {
        for call in self.page_by_id.values_mut() {
            let volume_db = profile.speech_volume_db(call.about().kind);
            call.gain_mut().set(volume_db);
        }
        for call in self.ring_by_id.values_mut() {
            call.gain_mut().set(profile.ring_volume_db);
        }
    }

    /// Notes for the receipts of what sounds that the sink failed, be it fit again before it takes the next samples.
    pub(crate) fn note_fault(&mut self) {
        for call in self.page_by_id.values_mut() {
            call.note_fault();
        }
    }

    /// Takes a packet; says whether it makes a difference at once.
    pub(crate) fn handle_media(
        &mut self,
        now: Instant,
        id: CallId,
        from: SocketAddr,
        bytes: &mut [u8],
    ) -> bool {
        let call = self.page_by_id.get_mut(&id);
        call.is_some_and(|call| call.handle_media(now, from, bytes))
    }

    /// The next thing that any call wants done.
    pub(crate) fn step(&mut self, now: Instant) -> Option<(CallId, Step)> {
        let of_pages = self
            .page_by_id
            .iter_mut()
            .find_map(|(id, call)| call.step(now).map(|step| (*id, step)));
        of_pages.or_else(|| {
            self.ring_by_id
                .iter_mut()
                .find_map(|(id, call)| call.step(now).map(|step| (*id, step)))
        })
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let of_pages = self.page_by_id.values().filter_map(PageCall::next_timeout);
        let of_rings = self.ring_by_id.values().filter_map(RingCall::next_timeout);
        of_pages.chain(of_rings).min()
    }

    /// Lets the callers hear the room who are to.
    pub(crate) fn hear(&mut self, now: Instant, samples: &[i16]) {
        for call in self.page_by_id.values_mut() {
            call.hear(now, samples);
        }
    }

    /// Says whether any caller is to hear the room.
    pub(crate) fn is_room_wanted(&self) -> bool {
        self.page_by_id.values().any(PageCall::hears_room)
    }

    /// What is lost with a call.
    pub(crate) fn loss(&self, about: &About) -> Loss {
        if self.is_guarded(about.id) {
            Loss::Chance
        } else if about.is_heard() {
            Loss::Sound
        } else {
            Loss::Nothing
        }
    }

    /// How many calls are being recorded, without those that have not been let in.
    pub(crate) fn recording(&self) -> usize {
        let calls = self.page_by_id.values();
        calls
            .filter(|call| call.is_recorded() && !call.is_guarded())
            .count()
    }

    /// Says whether a page is under way, which a move to another server would disturb.
    pub(crate) fn is_busy(&self) -> bool {
        !self.page_by_id.is_empty()
    }
}
