//! Calls: who is let in, what a page's life asks of SIP, and how calls end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::mix::Gain;
use media::sdp::{self, Direction, LocalMedia};
use media::tone::Signal;
use model::status::{DeviceEvent, Receipt};
use model::{PageId, SlotKind};
use paging::{Class, SoundId};
use rand_core::Rng;
use sip::flow::Flow;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::uri::Uri;
use sip::user_agent::{Body, EndCause, Reply, ServerId, SessionId};

use super::Endpoint;
use crate::call::CallMedia;
use crate::call::page::{About, Ending, PageCall, Step};
use crate::call::ring::RingCall;
use crate::io::{CallId, Output};
use crate::profile::PageTone;
use crate::refusal::Refusal;

/// Names the page of a call between parts of Oyez.
pub const PAGE_HEADER: &str = "Oyez-Page";

/// Packet time we ask for: what the zone forwards without re-encoding.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// A caller's name is cut to this many characters where it is shown.
const CALLER_SHOWN_MAX: usize = 64;

impl Endpoint {
    /// Lets a call in, or refuses it.
    ///
    /// A page slot answers whatever comes over the flow it is registered on, and nothing else: that flow leads to a
    /// server whose certificate was checked, and which checked the caller. No header of the INVITE (Alert-Info,
    /// Call-Info, Answer-Mode) makes a difference, so a stranger gains nothing by sending one.
    pub(super) fn handle_invite(&mut self, now: Instant, session: SessionId, flow: Flow, invite: &Message) {
        let admitted = self.admit(now, flow, invite);
        let (slot, kind) = match admitted {
            Ok(admitted) => admitted,
            Err((slot, refusal)) => return self.refuse(now, session, slot, &refusal),
        };
        let id = self.calls.next_id();
        let about = About {
            id,
            session,
            slot,
            flow,
            class: class_of(kind),
            page: invite
                .header(HeaderName::Other(PAGE_HEADER))
                .and_then(|page| page.trim().parse::<PageId>().ok()),
            caller: caller(invite),
        };
        match kind {
            SlotKind::Page | SlotKind::Alert => {
                let offer = invite.body().to_vec();
                let sound = self.sound.profile();
                let gain = Gain::new(sound.output_rate, sound.page_volume_db);
                self.calls.insert_page(PageCall::new(
                    now,
                    about,
                    offer,
                    gain,
                    self.profile.times.page_max,
                ));
                self.outputs.push_back(Output::OpenMedia {
                    call: id,
                    local: flow.local.ip(),
                });
            }
            SlotKind::Ring => self.ring(now, about),
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

    pub(super) fn handle_session_request(
        &mut self,
        now: Instant,
        session: SessionId,
        transaction: ServerId,
        request: &Message,
    ) {
        let status = match request.method() {
            // The description stands as it was agreed (RFC 3261 section 14.2).
            Some(Method::Invite | Method::Update) if !request.body().is_empty() => {
                StatusCode::NOT_ACCEPTABLE_HERE
            }
            Some(Method::Info | Method::Options | Method::Update) if self.calls.id_of(session).is_some() => {
                StatusCode::OK
            }
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        self.agent.respond(now, transaction, Reply::new(status));
    }

    pub(super) fn handle_session_ended(&mut self, now: Instant, session: SessionId, cause: &EndCause) {
        let Some(id) = self.calls.id_of(session) else {
            if let EndCause::Bye { transaction, .. } = cause {
                self.agent.respond(now, *transaction, Reply::new(StatusCode::OK));
            }
            return;
        };
        let reply = match cause {
            EndCause::Bye { transaction, .. } => Some(*transaction),
            EndCause::FlowFailed
                if self
                    .calls
                    .page_mut(id)
                    .is_some_and(|call| call.handle_orphaned(now)) =>
            {
                return;
            }
            EndCause::FlowFailed
            | EndCause::Cancelled { .. }
            | EndCause::HungUp { .. }
            | EndCause::AckTimeout
            | EndCause::NotAnswered
            | EndCause::Lost => None,
        };
        if let Some(call) = self.calls.page_mut(id) {
            call.handle_bye(now, reply);
            if !call.is_over() {
                return;
            }
        }
        if let Some(transaction) = reply {
            self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
        }
        self.forget(now, id);
    }

    /// Does one thing that a page wants done; says whether there was any.
    pub(super) fn step_calls(&mut self, now: Instant) -> bool {
        let Some((id, step)) = self.calls.step(now) else {
            return false;
        };
        match step {
            Step::Answer { sdp } => {
                if let Some(session) = self.calls.about(id).map(|about| about.session) {
                    self.agent
                        .answer(now, session, Reply::new(StatusCode::OK).body(Body::sdp(sdp)));
                }
            }
            Step::Send { to, bytes } => self.outputs.push_back(Output::SendMedia { call: id, to, bytes }),
            Step::Drained { reply } => {
                let receipt = self.receipt(now, id);
                if let Some(transaction) = reply {
                    self.answer_bye(now, transaction, receipt.as_ref().and_then(receipt_body));
                }
                self.played(receipt);
                self.forget(now, id);
            }
            Step::HangUp(ending) => {
                let reason = match ending {
                    Ending::TooLong => "Q.850;cause=31;text=\"longest page time reached\"",
                    Ending::Silent => "Q.850;cause=41;text=\"no media received\"",
                };
                self.hang_up(now, id, reason, true);
            }
        }
        true
    }

    pub(super) fn end_all_calls(&mut self, now: Instant) {
        let ids: Vec<CallId> = self.calls.abouts().map(|about| about.id).collect();
        for id in ids {
            self.hang_up(now, id, "SIP;cause=503;text=\"device shuts down\"", true);
        }
    }

    /// Ends a call that something more important has taken the place of.
    pub(super) fn pre_empt(&mut self, now: Instant, id: CallId, by: Class) {
        // RFC 4411 section 5.1: cause 1 is pre-emption at the user agent.
        self.hang_up(
            now,
            id,
            &format!("preemption;cause=1;text=\"{by} takes its place\""),
            true,
        );
    }

    /// Ends a call from our side: BYE with the receipt, or a refusal where it has not been answered.
    fn hang_up(&mut self, now: Instant, id: CallId, reason: &str, with_receipt: bool) {
        let Some(session) = self.calls.about(id).map(|about| about.session) else {
            return;
        };
        let reason_header = ("Reason".to_owned(), reason.to_owned());
        if self.calls.page(id).is_some_and(PageCall::is_answered) {
            let receipt = if with_receipt { self.receipt(now, id) } else { None };
            let body = receipt.as_ref().and_then(receipt_body);
            match self.calls.page_mut(id).and_then(PageCall::take_reply) {
                Some(transaction) => self.answer_bye(now, transaction, body),
                None => self.agent.hang_up(now, session, vec![reason_header], body),
            }
            self.played(receipt);
        } else {
            let reply = Reply::new(StatusCode::BUSY_HERE).header(reason_header.0, reason_header.1);
            self.agent.reject(now, session, reply);
        }
        self.forget(now, id);
    }

    fn admit(
        &self,
        now: Instant,
        flow: Flow,
        invite: &Message,
    ) -> Result<(usize, SlotKind), (Option<usize>, Refusal)> {
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
            if slot.is_bound_to(now, flow) {
                return if self.calls.admits(index) {
                    Ok((index, slot.profile().position.kind()))
                } else {
                    Err((known, Refusal::TooManyCalls))
                };
            }
        }
        let from_our_server = self.slots.iter().any(|slot| slot.is_bound_to(now, flow));
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
        let rate = self.sound.profile().output_rate;
        let media = CallMedia::new(&negotiated, rate, &mut self.rng).map_err(|_| Refusal::NoCodec)?;
        let continues = self.take_over_page(now, &about);
        let sound = SoundId(id.0);
        let effects = self.sound.arbiter.request(sound, about.class);
        self.follow_arbiter(now, &effects)?;
        let tone = match self
            .slots
            .get(about.slot)
            .map_or(PageTone::None, |slot| slot.profile().tone)
        {
            PageTone::Chime if !continues => Signal::chime(),
            PageTone::Chime | PageTone::None => Signal::once(&[]),
        };
        if tone.duration() > Some(Duration::ZERO) {
            self.agent
                .provisional(now, about.session, Reply::new(StatusCode::RINGING));
        }
        if let Some(call) = self.calls.page_mut(id) {
            call.ring(now, media, sdp, tone, rate);
        }
        Ok(())
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
        let Some(older_call) = self.calls.remove_page(older) else {
            return false;
        };
        let was_answered = older_call.is_answered();
        if let Some(call) = self.calls.page_mut(about.id) {
            call.continue_from(&older_call);
        }
        self.calls.insert_page(older_call);
        // The receipt comes with the dialog that the page ends in: a page has one.
        self.hang_up(
            now,
            older,
            "SIP;cause=200;text=\"page continues in another dialog\"",
            false,
        );
        was_answered
    }

    fn ring(&mut self, now: Instant, about: About) {
        let id = about.id;
        let session = about.session;
        let sound = self.sound.profile();
        self.calls
            .insert_ring(RingCall::new(about, sound.output_rate, sound.ring_volume_db));
        let effects = self.sound.arbiter.request(SoundId(id.0), Class::Ring);
        match self.follow_arbiter(now, &effects) {
            Ok(()) => self
                .agent
                .provisional(now, session, Reply::new(StatusCode::RINGING)),
            Err(refusal) => self.refuse_call(now, id, &refusal),
        }
    }

    fn refuse_call(&mut self, now: Instant, id: CallId, refusal: &Refusal) {
        let Some((session, slot)) = self.calls.about(id).map(|about| (about.session, about.slot)) else {
            return;
        };
        self.refuse(now, session, Some(slot), refusal);
        self.forget(now, id);
    }

    fn refuse(&mut self, now: Instant, session: SessionId, slot: Option<usize>, refusal: &Refusal) {
        match refusal {
            Refusal::Stranger => self.counters.calls_from_strangers += 1,
            Refusal::Nobody => self.counters.calls_to_nobody += 1,
            Refusal::TooManyCalls
            | Refusal::NoOffer
            | Refusal::Media(_)
            | Refusal::NoCodec
            | Refusal::NoSocket
            | Refusal::Sound(_) => self.counters.calls_refused += 1,
        }
        self.agent.reject(now, session, Reply::new(refusal.status()));
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

    fn answer_bye(&mut self, now: Instant, transaction: ServerId, body: Option<Body>) {
        let mut answer = Reply::new(StatusCode::OK);
        answer.body = body;
        self.agent.respond(now, transaction, answer);
    }

    /// Closes what a call that is over still holds.
    fn forget(&mut self, now: Instant, id: CallId) {
        let stopped = self.sounding_of(now, id);
        if self.calls.remove_page(id).is_some() {
            self.outputs.push_back(Output::CloseMedia { call: id });
        }
        self.calls.remove_ring(id);
        self.sound.ends(SoundId(id.0));
        if let Some(sounding) = stopped {
            self.tell(DeviceEvent::Stopped { sounding });
        }
        let effects = self.sound.arbiter.release(SoundId(id.0));
        // A release refuses nobody.
        self.follow_arbiter(now, &effects).ok();
    }

    fn receipt(&self, now: Instant, id: CallId) -> Option<Receipt> {
        self.calls
            .page(id)?
            .receipt(self.sound.profile().output_rate, self.sound.output(now))
    }

    fn played(&mut self, receipt: Option<Receipt>) {
        if let Some(receipt) = receipt {
            self.tell(DeviceEvent::PagePlayed { receipt });
        }
    }
}

fn class_of(kind: SlotKind) -> Class {
    match kind {
        SlotKind::Page => Class::Page,
        SlotKind::Alert => Class::EmergencyAlert,
        SlotKind::Ring => Class::Ring,
    }
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

fn receipt_body(receipt: &Receipt) -> Option<Body> {
    let bytes = serde_json::to_vec(receipt).ok()?;
    Some(Body {
        content_type: Receipt::CONTENT_TYPE.to_owned(),
        bytes,
    })
}
