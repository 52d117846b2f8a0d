//! Admission: which calls are let in, what is agreed with them, and how the others are refused.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::mix::Gain;
use media::sdp::{self, Direction, Hidden, LocalMedia};
use model::config::PriorityTrust;
use model::status::{DeviceEvent, StopReason};
use model::{ATTEMPT_HEADER, Attempt, PageId, SlotKind, SlotPosition};
use paging::{Class, Effect, SoundId};
use rand_core::Rng;
use sip::flow::Flow;
use sip::message::{HeaderName, Message, StatusCode};
use sip::uri::Uri;
use sip::user_agent::{Reply, SessionId};

use super::{Endpoint, Phase};
use crate::call::farewell::Farewell;
use crate::call::page::{About, Agreed, PageCall};
use crate::call::{CALLS_MAX, CallMedia, Entrance, Loss, TONE_MAX};
use crate::io::{CallId, Output};
use crate::local::Starter;
use crate::passcode::Passcode;
use crate::playback::{Playback, Rounds};
use crate::refusal::Refusal;
use crate::tones::{BuiltinTone, ToneSource};

/// Names the page of a call between parts of Oyez.
pub const PAGE_HEADER: &str = "Oyez-Page";

/// Packet time we ask for: what the zone forwards without re-encoding.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// A caller's name is cut to this many characters where it is shown.
const CALLER_SHOWN_MAX: usize = 64;

impl Endpoint {
    /// Lets a call in, or refuses it.
    ///
    /// A page slot answers whatever comes over the flow that its registrar knows it by, and nothing else: that flow leads
    /// to a server whose certificate was checked, and which checked the caller. Of the headers of the INVITE only Priority
    /// makes a difference, and only from a server that has said that it sets it itself, or of which the configuration
    /// says so. What else a caller writes (Alert-Info, Call-Info, Answer-Mode, `Oyez-…`) ranks no call.
    pub(super) fn handle_invite(&mut self, now: Instant, session: SessionId, flow: Flow, invite: &Message) {
        let admitted = self.admit(now, flow, invite);
        let (slot, position) = match admitted {
            Ok(admitted) => admitted,
            Err((slot, refusal)) => return self.refuse(now, session, slot, &refusal),
        };
        let attempt = attempt_of(invite);
        if self.is_overtaken(now, attempt) {
            return self.refuse(now, session, Some(slot), &Refusal::Overtaken);
        }
        if position == SlotPosition::CANCEL && !self.gate.recent.is_done(attempt) {
            // Before anything that could refuse the call: what it asks for is done by its coming.
            self.cancel_alerts(now);
            self.gate.recent.set_done(attempt);
        }
        if let Err(refusal) = self.take_in(now, session, flow, (slot, position), invite) {
            self.refuse(now, session, Some(slot), &refusal);
        }
    }

    /// Does what an admitted call asks for: starts an announcement, opens a socket or rings.
    fn take_in(
        &mut self,
        now: Instant,
        session: SessionId,
        flow: Flow,
        (slot, position): (usize, SlotPosition),
        invite: &Message,
    ) -> Result<(), Refusal> {
        let priority = self.priority_of(now, flow, slot, invite);
        let class = self.class_of(now, flow, slot, position, priority);
        let announcement = self.announcement_of(now, flow, slot, position, invite);
        // Who says that it is an emergency, and is believed, has been asked already.
        let passcode = match priority {
            Some(Priority::Emergency) => None,
            Some(Priority::Urgent) | None => self.passcode_of(now, slot)?,
        };
        let about = About {
            id: self.calls.next_id(),
            session,
            slot,
            kind: position.kind(),
            flow,
            class: self.talked_back(slot, position.kind(), class),
            page: page_of(invite).filter(|_| announcement.is_none()),
            announcement,
            is_drill: class == Class::PriorityPage && position.kind() == SlotKind::Alert,
            attempt: attempt_of(invite),
            caller: caller(invite),
        };
        if passcode.is_none() {
            // Before anything else that could refuse the call, as well.
            self.announce(now, &about)?;
        }
        match position.kind() {
            SlotKind::Page | SlotKind::Alert => self.take_page(now, about, passcode, invite.body().to_vec()),
            SlotKind::Ring => {
                self.make_room(now, &about, Entrance::Open)?;
                self.ring(now, about, invite);
                Ok(())
            }
        }
    }

    /// Keeps a page or an alert, and has a socket opened for it.
    fn take_page(
        &mut self,
        now: Instant,
        about: About,
        passcode: Option<Passcode>,
        offer: Vec<u8>,
    ) -> Result<(), Refusal> {
        let recorder = self.recorder_of(&about)?;
        let entrance = if passcode.is_some() {
            Entrance::Guarded
        } else {
            Entrance::Open
        };
        self.make_room(now, &about, entrance)?;
        let opens = Output::OpenMedia {
            call: about.id,
            local: about.flow.local.ip(),
        };
        let sound = self.sound.profile();
        let gain = Gain::new(sound.output_rate, sound.speech_volume_db(about.kind));
        let mut call = PageCall::new(now, about, offer, gain, self.profile.times.page_max);
        if sound.levels_speech {
            call = call.levelled(sound.output_rate);
        }
        if let Some(passcode) = passcode {
            call = call.guarded(passcode);
        }
        if let Some(recorder) = recorder {
            call = call.recorded(recorder);
        }
        self.calls.insert_page(call);
        self.outputs.push_back(opens);
        Ok(())
    }

    /// Starts the announcement that a call asks for, if it does, and no other attempt at it has: somebody may have cancelled that
    /// since.
    pub(super) fn announce(&mut self, now: Instant, about: &About) -> Result<(), Refusal> {
        let Some(number) = about.announcement else {
            return Ok(());
        };
        if self.gate.recent.is_done(about.attempt) {
            return Ok(());
        }
        let slot = self
            .slots
            .get(about.slot)
            .map(|slot| slot.profile().position.id());
        let starter = slot.map_or(Starter::Device, |slot| Starter::Call {
            slot,
            caller: about.caller.clone(),
        });
        self.start_announcement(now, number, about.is_drill, starter)?;
        self.gate.recent.set_done(about.attempt);
        Ok(())
    }

    /// The announcement that a call to an alert slot starts. A page of a zone has somebody who speaks: it carries the
    /// speech, as does every call to a slot without an announcement.
    fn announcement_of(
        &self,
        now: Instant,
        flow: Flow,
        slot: usize,
        position: SlotPosition,
        invite: &Message,
    ) -> Option<u8> {
        if position.kind() != SlotKind::Alert || position == SlotPosition::CANCEL {
            return None;
        }
        let announcement = self.profile.alerts.announcement(position.port())?;
        let is_spoken = page_of(invite).is_some() && self.is_of_zone(now, flow, slot);
        (announcement.tone != ToneSource::None && !is_spoken).then_some(announcement.number)
    }

    /// Says whether the configuration has an alert slot for exercises.
    fn is_for_drills(&self, position: SlotPosition) -> bool {
        let announcement = self.profile.alerts.announcement(position.port());
        announcement.is_some_and(|announcement| announcement.is_drill)
    }

    /// Says whether a call to a slot comes from a zone of Oyez, which sets the headers itself that rank and name it.
    fn is_of_zone(&self, now: Instant, flow: Flow, slot: usize) -> bool {
        self.slots
            .get(slot)
            .is_some_and(|slot| slot.sets_priority(now, flow))
    }

    /// The Priority of a call, where that is to be believed.
    fn priority_of(&self, now: Instant, flow: Flow, slot: usize, invite: &Message) -> Option<Priority> {
        let is_believed = match self.profile.priority {
            PriorityTrust::Zone => self.is_of_zone(now, flow, slot),
            PriorityTrust::Always => true,
            PriorityTrust::Never => false,
        };
        invite
            .header(HeaderName::Priority)
            .filter(|_| is_believed)
            .and_then(Priority::read)
    }

    /// What kind of sound a call is, by its slot and by its Priority.
    fn class_of(
        &self,
        now: Instant,
        flow: Flow,
        slot: usize,
        position: SlotPosition,
        priority: Option<Priority>,
    ) -> Class {
        let is_of_zone = self.is_of_zone(now, flow, slot);
        match (position.kind(), priority) {
            // Who cancels an alert may say so, but not in the place of another one.
            (SlotKind::Alert, _) if position == SlotPosition::CANCEL => Class::Page,
            (SlotKind::Ring, _) => Class::Ring,
            (SlotKind::Page | SlotKind::Alert, Some(Priority::Emergency)) => Class::EmergencyAlert,
            // A zone knows what was dialled, and the slot only who was called: its urgent call to an alert slot is an
            // exercise, which ends when an alert comes. Elsewhere urgent is more than nothing, and lowers no alert.
            (SlotKind::Alert, Some(Priority::Urgent)) if is_of_zone => Class::PriorityPage,
            (SlotKind::Page, Some(Priority::Urgent)) => Class::PriorityPage,
            (SlotKind::Page, None) => Class::Page,
            (SlotKind::Alert, _) if self.is_for_drills(position) => Class::PriorityPage,
            (SlotKind::Alert, Some(Priority::Urgent) | None) => Class::EmergencyAlert,
        }
    }

    pub(super) fn handle_media_opened(&mut self, now: Instant, id: CallId, local: SocketAddr) {
        if self.calls.page(id).is_none_or(|call| call.offer().is_none()) {
            // The caller has hung up meanwhile.
            self.outputs.push_back(Output::CloseMedia { call: id });
            return;
        }
        if let Err(refusal) = self.agree(now, id, local) {
            self.refuse_call(now, id, &refusal);
        }
    }

    pub(super) fn handle_media_failed(&mut self, now: Instant, id: CallId) {
        self.refuse_call(now, id, &Refusal::NoSocket);
    }

    fn admit(
        &self,
        now: Instant,
        flow: Flow,
        invite: &Message,
    ) -> Result<(usize, SlotPosition), (Option<usize>, Refusal)> {
        if self.phase != Phase::Running {
            // Its binding may still be called while it is being taken back.
            return Err((None, Refusal::Leaving));
        }
        let user = invite
            .request_uri()
            .and_then(|uri| Uri::parse(uri).ok())
            .and_then(|uri| uri.user());
        let mut known = None;
        for (index, slot) in self.slots.iter().enumerate() {
            if user.is_none() || slot.account().map(|account| account.user.as_str()) != user {
                continue;
            }
            known = Some(index);
            if slot.is_called_over(now, flow) {
                return Ok((index, slot.profile().position));
            }
        }
        let from_our_server = self.slots.iter().any(|slot| slot.is_called_over(now, flow));
        Err((
            known,
            if from_our_server && known.is_none() {
                Refusal::Nobody
            } else {
                Refusal::Stranger
            },
        ))
    }

    /// Agrees on media, asks for the loudspeaker, and rings.
    fn agree(&mut self, now: Instant, id: CallId, local: SocketAddr) -> Result<(), Refusal> {
        let Some(about) = self.calls.about(id).cloned() else {
            return Ok(());
        };
        let local_media = self.local_media(local, about.flow);
        let offer = self.calls.page(id).and_then(PageCall::offer).unwrap_or_default();
        if offer.is_empty() {
            return Err(Refusal::NoOffer);
        }
        let (sdp, negotiated) = sdp::answer(offer, &local_media, &mut self.rng).map_err(Refusal::Media)?;
        let agreed = Agreed {
            sdp: Hidden(sdp),
            offered: sdp::origin(offer).map_err(Refusal::Media)?,
        };
        let rate = self.sound.profile().output_rate;
        let media = CallMedia::new(&negotiated, rate, &mut self.rng).map_err(|_| Refusal::NoCodec)?;
        if self.calls.page(id).is_some_and(PageCall::is_guarded) {
            if !media.takes_keys() {
                return Err(Refusal::NoKeys);
            }
            self.ring_page(now, &about, media, agreed, Playback::nothing(rate));
            return Ok(());
        }
        let tone = self.request_page(now, &about)?;
        self.ring_page(now, &about, media, agreed, tone);
        Ok(())
    }

    /// Asks for the loudspeaker for a page; gives the tone before it.
    pub(super) fn request_page(&mut self, now: Instant, about: &About) -> Result<Playback, Refusal> {
        let continues = self.take_over_page(now, about);
        let rate = self.sound.profile().output_rate;
        if self.calls.page(about.id).is_some_and(PageCall::is_recorded) {
            return Ok(Playback::nothing(rate));
        }
        if about.is_heard() {
            match self.request_sound(now, SoundId(about.id.0), about.class) {
                // Its caller must not take the alert for going on: the call is answered, though its words are not heard.
                Err(Refusal::Sound(_)) if self.is_cancel(about.slot) => {}
                requested => requested?,
            }
        }
        let drill = ToneSource::Builtin(BuiltinTone::Drill);
        let tone = match self.slots.get(about.slot).map(|slot| &slot.profile().tone) {
            Some(_) | None if continues || !about.is_heard() => &ToneSource::None,
            Some(_) if about.is_drill => &drill,
            Some(tone) => tone,
            None => &ToneSource::None,
        };
        Ok(Playback::new(&[tone], Rounds::Times(1), TONE_MAX, rate))
    }

    /// Rings while the tone plays, and answers then.
    fn ring_page(&mut self, now: Instant, about: &About, media: CallMedia, agreed: Agreed, tone: Playback) {
        if !tone.is_finished() {
            self.agent
                .provisional(now, about.session, Reply::new(StatusCode::RINGING));
        }
        if let Some(call) = self.calls.page_mut(about.id) {
            call.ring(now, media, agreed, tone);
        }
    }

    fn local_media(&mut self, local: SocketAddr, flow: Flow) -> LocalMedia {
        LocalMedia {
            address: local.ip(),
            port: local.port(),
            codecs: self.profile.media.codecs.clone(),
            security: self.profile.media.security,
            suites: self.profile.media.suites.clone(),
            ptime: PACKET_TIME,
            direction: Direction::SendReceive,
            session_id: u64::from(self.rng.next_u32()),
            session_version: 1,
            rtcp_mux: true,
            channel_is_secure: flow.transport.is_secure(),
        }
    }

    /// Takes note of an attempt of a zone; says whether a later one for the same leg has come already, be it over or under way.
    /// What the earlier one asks for has been done, and the zone is about to cancel it.
    fn is_overtaken(&mut self, now: Instant, attempt: Option<Attempt>) -> bool {
        let Some(attempt) = attempt else {
            return false;
        };
        let stands = self
            .calls
            .abouts()
            .filter_map(|about| about.attempt)
            .any(|known| known.leg == attempt.leg && attempt.number < known.number);
        self.gate.recent.take(now, attempt) || stands
    }

    /// Ends the older dialog of a page that arrives through another one, so that it is not played twice. Says whether
    /// the page was being played.
    fn take_over_page(&mut self, now: Instant, about: &About) -> bool {
        let Some(older) = about
            .page
            .as_ref()
            .and_then(|page| self.calls.same_page(about.id, page))
        else {
            return false;
        };
        let Some(mut older_call) = self.calls.remove_page(older) else {
            return false;
        };
        let was_let_in = older_call.is_let_in();
        if let Some(call) = self.calls.page_mut(about.id).filter(|_| was_let_in) {
            call.continue_from(&mut older_call);
        }
        self.calls.insert_page(older_call);
        // The receipt comes with the dialog that the page ends in: a page has one.
        self.hang_up(now, older, Farewell::Moved);
        was_let_in
    }

    /// Ends a call where one more would be beyond the limits: one that its caller has left, else the one that is missed
    /// least of those that the newcomer silences, the oldest of its like. Whoever has to key in a passcode first has
    /// nothing fall silent by its call alone.
    pub(super) fn make_room(
        &mut self,
        now: Instant,
        newcomer: &About,
        entrance: Entrance,
    ) -> Result<(), Refusal> {
        let is_guarded = entrance == Entrance::Guarded;
        let rivals = self.calls.rivals(newcomer.slot, entrance);
        if rivals.is_empty() {
            return Ok(());
        }
        let arbiter = &self.sound.arbiter;
        let left = rivals.iter().find(|about| self.calls.is_left(now, about.id));
        let (id, farewell) = if let Some(left) = left {
            (left.id, Farewell::Succeeded)
        } else {
            let is_cancelled_again =
                |about: &About| about.slot == newcomer.slot && self.is_cancel(newcomer.slot);
            let silenced = rivals
                .iter()
                .filter(|about| {
                    arbiter.takes_over(newcomer.class, about.class)
                        || is_cancelled_again(about)
                        // Who has keyed in nothing keeps nobody out who need not.
                        || (!is_guarded && self.calls.is_guarded(about.id))
                })
                .filter(|about| !is_guarded || self.calls.loss(about) < Loss::Sound)
                .reduce(|least, about| {
                    let matters_less = if about.class == least.class {
                        self.calls.loss(about) < self.calls.loss(least)
                    } else {
                        arbiter.takes_over(least.class, about.class)
                    };
                    if matters_less { about } else { least }
                })
                .ok_or(Refusal::TooManyCalls)?;
            (silenced.id, Farewell::PreEmpted(newcomer.class))
        };
        self.hang_up(now, id, farewell);
        Ok(())
    }

    fn is_cancel(&self, slot: usize) -> bool {
        self.slots
            .get(slot)
            .is_some_and(|slot| slot.profile().position == SlotPosition::CANCEL)
    }

    /// Asks for the loudspeaker. A call that holds it although its caller has left ends, and it is asked for once more;
    /// another one may have waited behind it.
    pub(super) fn request_sound(
        &mut self,
        now: Instant,
        sound: SoundId,
        class: Class,
    ) -> Result<(), Refusal> {
        let mut effects = self.sound.arbiter.request(sound, class);
        for _call in 0..CALLS_MAX {
            let Some(left) = self.left_behind(now, &effects) else {
                break;
            };
            self.hang_up(now, left, Farewell::Succeeded);
            effects = self.sound.arbiter.request(sound, class);
        }
        self.follow_arbiter(now, &effects)
    }

    /// The call that a sound has been refused for and that its caller has left. One of a class whose like wait for each
    /// other is heard to its end.
    fn left_behind(&self, now: Instant, effects: &[Effect]) -> Option<CallId> {
        let is_busy = effects.iter().any(|effect| {
            matches!(
                effect,
                Effect::Refuse {
                    refusal: paging::Refusal::Busy { .. },
                    ..
                }
            )
        });
        let (sound, class) = self.sound.arbiter.sounding().filter(|_| is_busy)?;
        let id = CallId(sound.0);
        let is_left = if self.sound.arbiter.takes_over(class, class) {
            self.calls.is_abandoned(now, id)
        } else {
            self.calls.is_left(now, id)
        };
        is_left.then_some(id)
    }

    pub(super) fn refuse_call(&mut self, now: Instant, id: CallId, refusal: &Refusal) {
        let Some((session, slot)) = self.calls.about(id).map(|about| (about.session, about.slot)) else {
            return;
        };
        self.refuse(now, session, Some(slot), refusal);
        self.forget(now, id, StopReason::Ended);
    }

    fn refuse(&mut self, now: Instant, session: SessionId, slot: Option<usize>, refusal: &Refusal) {
        match refusal {
            Refusal::Stranger => self.gate.counters.calls_from_strangers += 1,
            Refusal::Nobody => self.gate.counters.calls_to_nobody += 1,
            Refusal::Leaving
            | Refusal::Overtaken
            | Refusal::TooManyCalls
            | Refusal::TooManyMessages
            | Refusal::NoOffer
            | Refusal::Media(_)
            | Refusal::NoCodec
            | Refusal::NoSocket
            | Refusal::NoAnnouncement(_)
            | Refusal::NoZone(_)
            | Refusal::NoKeys
            | Refusal::Locked { .. }
            | Refusal::Sound(_) => self.gate.counters.calls_refused += 1,
        }
        let reply = Reply::new(refusal.status());
        let explained = |reply: Reply| reply.header("Warning", refusal.warning());
        let reply = match refusal {
            Refusal::Stranger => reply.without_state(),
            Refusal::Nobody => reply,
            Refusal::Leaving
            | Refusal::Overtaken
            | Refusal::TooManyCalls
            | Refusal::TooManyMessages
            | Refusal::NoOffer
            | Refusal::Media(_)
            | Refusal::NoCodec
            | Refusal::NoSocket
            | Refusal::NoAnnouncement(_)
            | Refusal::NoZone(_)
            | Refusal::NoKeys
            | Refusal::Sound(_) => explained(reply),
            Refusal::Locked { seconds } => explained(reply).header("Retry-After", seconds.to_string()),
        };
        self.agent.reject(now, session, reply);
        // Strangers may call by the thousand: they are counted, and not told one by one.
        let Some(slot) = slot
            .and_then(|slot| self.slots.get(slot))
            .filter(|_| *refusal != Refusal::Stranger)
        else {
            return;
        };
        let slot = slot.profile().position.id();
        self.tell(DeviceEvent::CallRefused {
            slot,
            status: refusal.status().code(),
            why: refusal.to_string(),
        });
    }
}

/// The values of Priority (RFC 3261 section 20.26) that rank a call above others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Priority {
    Emergency,
    Urgent,
}

impl Priority {
    fn read(value: &str) -> Option<Self> {
        let value = value.trim();
        if value.eq_ignore_ascii_case("emergency") {
            Some(Self::Emergency)
        } else if value.eq_ignore_ascii_case("urgent") {
            Some(Self::Urgent)
        } else {
            None
        }
    }
}

/// The id of the page that a call carries.
fn page_of(invite: &Message) -> Option<PageId> {
    let header = invite.header(HeaderName::Other(PAGE_HEADER))?;
    header.trim().parse().ok()
}

/// Which attempt of a zone at this device a call is, if it says so.
fn attempt_of(invite: &Message) -> Option<Attempt> {
    let header = invite.header(HeaderName::Other(ATTEMPT_HEADER))?;
    header.parse().ok()
}

/// The caller as it is shown: the display name, else the user. Controls are left out, as this text goes to pages and
/// logs.
fn caller(invite: &Message) -> String {
    let Ok(from) = invite.from() else {
        return String::new();
    };
    let name = from.display_name().filter(|name| !name.trim().is_empty());
    let name = name.as_deref().or_else(|| from.uri().user()).unwrap_or("unknown");
    name.chars()
        .filter(|character| !character.is_control())
        .take(CALLER_SHOWN_MAX)
        .collect()
}
