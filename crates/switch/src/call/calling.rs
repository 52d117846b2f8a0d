//! Those who are called: all their devices at once, and the first answer answers the caller.

use std::time::Instant;

use media::bridge::LegId;
use media::sdp::{self, Hidden, SecurityOffer};
use model::directory::ExtensionRole;
use model::status::{MissingReason, ZoneEvent};
use model::{ASK_HEADER, ASK_PIN, ATTEMPT_HEADER, Extension, PageId, SipUser, SlotKind};
use paging::{LegNumber, Page};
use sip::flow::Flow;
use sip::message::{HeaderName, Message, Method, OwnedMethod, StatusCode};
use sip::user_agent::{Body, OutgoingRequest, Reply, RequestFailure, SessionId};

use super::announcement::PAGE_HEADER;
use super::arriving::refused;
use super::liveness::PROBE_EVERY;
use super::media::local_media;
use super::{Call, CallId, Invitee, PAGE_ANSWER_MAX, Phase, RINGING_MAX, Refused};
use crate::config::PlainMedia;
use crate::leg::{Leg, Prepared, Stage, Target};
use crate::permission::Manner;
use crate::switch::{Output, Switch};

impl Switch {
    /// Opens the ledger of a page, and asks for the ports of all who are called.
    pub(super) fn start_calling(&mut self, now: Instant, id: CallId, invitees: Vec<Invitee>) {
        let page_id = self.random_page_id();
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        let patience = match call.manner {
            Manner::Page => PAGE_ANSWER_MAX,
            Manner::Conversation => RINGING_MAX,
        };
        self.calls.deadlines.set(id, now + patience);
        if call.manner == Manner::Page {
            let talker = self.calls.leg_by_id.get(&call.caller).map(|leg| leg.user.clone());
            call.page = talker.map(|talker| Page::new(now, page_id.clone(), call.extension.clone(), talker));
        }
        let mut listeners = 0;
        for invitee in invitees {
            if self.enlist(id, invitee) {
                listeners += 1;
            }
        }
        self.tell_of_start(id, page_id, listeners);
        self.end_if_alone(now, id);
    }

    fn tell_of_start(&mut self, id: CallId, page: PageId, listeners: u64) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        let (manner, extension) = (call.manner, call.extension.clone());
        let caller = self.calls.leg_by_id.get(&call.caller);
        let caller = caller.map(|leg| leg.user.clone());
        match (manner, &caller) {
            (Manner::Page, Some(talker)) => {
                self.counters.calls.pages_started += 1;
                self.emit(ZoneEvent::PageStarted {
                    account: self.config.account.clone(),
                    page: page.clone(),
                    extension: extension.clone(),
                    talker: talker.clone(),
                    listeners,
                });
            }
            (Manner::Conversation, _) => self.counters.calls.conversations_started += 1,
            (Manner::Page, None) => {}
        }
        if let Some(caller) = caller {
            self.tell_of_alert(page, &extension, &caller);
        }
    }

    /// Tells that somebody raises an alert, if what is called is one.
    pub(super) fn tell_of_alert(&mut self, call: PageId, extension: &Extension, caller: &SipUser) {
        let called = self.directory.extension(extension.as_str());
        let is_alert = called.is_some_and(|record| {
            matches!(
                record.role,
                ExtensionRole::Alert { .. }
                    | ExtensionRole::Slot {
                        kind: SlotKind::Alert,
                        ..
                    }
            )
        });
        if is_alert {
            self.emit(ZoneEvent::AlertRaised {
                account: self.config.account.clone(),
                call,
                extension: extension.clone(),
                caller: caller.clone(),
            });
        }
    }

    /// Enters one user in the ledger and makes a leg for each of its devices; `false` where it is not called.
    fn enlist(&mut self, id: CallId, invitee: Invitee) -> bool {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return false;
        };
        let Invitee {
            user,
            name,
            devices,
            mut left_out,
        } = invitee;
        if devices.is_empty()
            && left_out.is_empty()
            && let Some(page) = &mut call.page
        {
            page.miss(user.clone(), name.clone(), MissingReason::NotRegistered);
        }
        let mut is_called = false;
        for targets in devices {
            match self.add_device(id, &user, &name, targets) {
                Some(()) => is_called = true,
                None => left_out.push(refused(StatusCode::NOT_ACCEPTABLE_HERE)),
            }
        }
        for why in left_out {
            // A number of its own, for a leg that is never made: the listener is judged by this device too.
            let leg = LegNumber(self.calls.next_leg().0);
            let call = self.calls.call_by_id.get_mut(&id);
            if let Some(page) = call.and_then(|call| call.page.as_mut()) {
                page.leave_out(user.clone(), leg, name.clone(), why);
            }
        }
        is_called
    }

    /// Enters one device in the ledger, makes a leg for it, and asks for its ports.
    fn add_device(&mut self, id: CallId, user: &SipUser, name: &str, targets: Vec<Target>) -> Option<()> {
        let flow = targets.last()?.flow;
        let security = self.security(&flow)?;
        let leg = self.calls.next_leg();
        let session_id = self.random_number();
        let call = self.calls.call_by_id.get_mut(&id)?;
        if let Some(page) = &mut call.page
            && !page.invite(user.clone(), LegNumber(leg.0), name.to_owned())
        {
            return None;
        }
        call.legs.insert(leg);
        call.called.insert(leg);
        let mut state = Leg::new(id, user.clone(), flow, security, session_id);
        state.alternatives = targets;
        self.calls.insert(leg, state);
        let local = flow.local.ip();
        self.outputs.push_back(Output::OpenMedia { leg, local });
        Some(())
    }

    /// Sends the INVITE of a called leg that has its ports, to the best of its targets.
    pub(super) fn invite(&mut self, now: Instant, id: LegId) {
        match self.try_invite(now, id) {
            Some(()) => {
                self.counters.legs.invited += 1;
                self.expect_sign(now, id);
            }
            None => self.leg_failed(now, id, StatusCode::SERVER_INTERNAL_ERROR),
        }
    }

    pub(super) fn try_invite(&mut self, now: Instant, id: LegId) -> Option<()> {
        let leg = self.calls.leg_by_id.get(&id)?;
        let call = self.calls.call_by_id.get(&leg.call)?;
        let target = leg.alternatives.last()?.clone();
        let security = match (self.security(&target.flow)?, leg.media.security) {
            (SecurityOffer::Optional, SecurityOffer::Disabled) => SecurityOffer::Disabled,
            (policy, _) => policy,
        };
        let mut request = self.invitation(call, leg, &target);
        let spoken = call.spoken;
        let leg = self.calls.leg_by_id.get_mut(&id)?;
        leg.attempts += 1;
        if let Some(attempt) = leg.attempt() {
            request
                .headers
                .push((ATTEMPT_HEADER.to_owned(), attempt.to_string()));
        }
        leg.media.security = security;
        let local = local_media(&self.config.media, leg, spoken)?;
        let (text, offer) = sdp::offer(&local, &mut self.rng).ok()?;
        request.body = Some(Body::sdp(text.clone()));
        leg.media.description = Hidden(text);
        leg.stage = Stage::Inviting(Box::new(offer));
        let session = self.agent.invite(now, target.flow, request);
        leg.session = Some(session);
        self.calls.leg_by_session.insert(session, id);
        Some(())
    }

    fn invitation(&self, call: &Call, leg: &Leg, target: &Target) -> OutgoingRequest {
        let domain = self.directory.domain();
        let to = format!("<sip:{}@{domain}>", sip::uri::escape_user(leg.user.as_str()));
        let from = call.announcement.from.clone();
        let mut request = OutgoingRequest::new(OwnedMethod::from(Method::Invite), &target.uri, from, to);
        request.route.clone_from(&target.route);
        request.headers = call.announcement.headers(domain, call.page.as_ref());
        // A description with keys does not fit into 1,300 octets, and a phone registered over UDP has no stream: the zone
        // opens no connections, since a page cannot wait to learn that an address translator lets none through.
        request.large_datagram = true;
        request
    }

    /// A called leg rings: so does the call, once.
    pub(crate) fn leg_progressed(&mut self, now: Instant, session: SessionId) {
        let Some((id, _)) = self.calls.leg_of(session) else {
            return;
        };
        self.note_progress(now, id, session);
        let Some((_, call)) = self.calls.call_of(id) else {
            return;
        };
        if call.has_rung || !matches!(call.phase, Phase::Calling) {
            return;
        }
        call.has_rung = true;
        let caller = call.caller;
        let page = call.page.as_ref().map(|page| page.id().to_string());
        if let Some(caller) = self.calls.leg_by_id.get(&caller).and_then(|leg| leg.session) {
            let reply = named(Reply::new(StatusCode::RINGING), page.as_deref());
            self.agent.provisional(now, caller, reply);
        }
    }

    /// A called leg was answered.
    pub(crate) fn leg_answered(&mut self, now: Instant, session: SessionId, message: &Message) {
        let Some((id, _)) = self.calls.leg_of(session) else {
            return;
        };
        self.choose_answered(now, id, session);
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return;
        };
        let Stage::Inviting(offer) = &leg.stage else {
            return;
        };
        let answer = offer.accept(message.body());
        let (call, user) = (leg.call, leg.user.clone());
        let negotiated = match answer {
            Ok(negotiated) => negotiated,
            // A lower protection than was offered is an attack or a fault; either way the leg stays silent (M01).
            Err(_) => {
                self.counters.legs.refused_media += 1;
                return self.leg_failed(now, id, StatusCode::NOT_ACCEPTABLE_HERE);
            }
        };
        leg.stage = Stage::Joined;
        leg.media.remote = sdp::origin(message.body()).ok();
        if !std::mem::replace(&mut leg.has_answered, true) {
            self.counters.legs.answered += 1;
        }
        let Some(known) = self.calls.call_by_id.get_mut(&call) else {
            return;
        };
        if let Some(page) = &mut known.page {
            let owes_receipt = message.header(HeaderName::Other(PAGE_HEADER)) == Some(page.id().as_str());
            page.answered(now, &user, LegNumber(id.0), owes_receipt);
        }
        let is_first = matches!(known.phase, Phase::Calling);
        if is_first {
            known.phase = Phase::Talking;
            let caller = known.caller;
            if self.is_answered(caller) {
                self.hand_over(now, call);
            } else {
                self.answer_caller(now, call);
            }
        }
        self.connect(id, negotiated);
        if is_first {
            self.after_first_answer(now, call, id);
        }
    }

    fn is_answered(&self, caller: LegId) -> bool {
        let leg = self.calls.leg_by_id.get(&caller);
        leg.is_some_and(|leg| matches!(leg.stage, Stage::Joined))
    }

    /// Answers the caller with what was prepared for it, and joins it.
    pub(super) fn answer_caller(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        let leg = call.caller;
        let asks = matches!(call.phase, Phase::Asking(_));
        let page = call.page.as_ref().map(|page| page.id().to_string());
        let Some(caller) = self.calls.leg_by_id.get_mut(&leg) else {
            return;
        };
        let Stage::Ready(prepared) = std::mem::replace(&mut caller.stage, Stage::Joined) else {
            return;
        };
        let (text, negotiated) = match *prepared {
            Prepared::Answer(Hidden(text), negotiated) => (text, Some(negotiated)),
            Prepared::Offer(Hidden(text), offer) => {
                caller.media.pending = Some(Box::new(offer));
                (text, None)
            }
        };
        caller.media.description = Hidden(text.clone());
        let session = caller.session;
        // Joined first, because it speaks as soon as it has its answer.
        if let Some(negotiated) = negotiated {
            self.connect(leg, *negotiated);
        }
        if let Some(session) = session {
            let mut reply = named(Reply::new(StatusCode::OK), page.as_deref());
            if asks {
                reply = reply.header(ASK_HEADER, ASK_PIN);
            }
            self.agent.answer(now, session, reply.body(Body::sdp(text)));
        }
    }

    /// In a conversation the first who answers is the only one; in a page the others may still come.
    fn after_first_answer(&mut self, now: Instant, id: CallId, answered: LegId) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        match call.manner {
            Manner::Page => {}
            Manner::Conversation => {
                self.calls.deadlines.set(id, now + PROBE_EVERY);
                let others: Vec<LegId> = call
                    .called
                    .iter()
                    .copied()
                    .filter(|leg| *leg != answered)
                    .collect();
                // A phone would ring for it as for a second call.
                //= https://www.rfc-editor.org/rfc/rfc5626#section-7
                //# The targeted instance has already provided its response.
                self.withdraw_other(now, answered);
                for other in others {
                    self.leave(now, other, MissingReason::PageEnded);
                }
            }
        }
    }

    /// A called leg was refused, or could not be reached.
    pub(crate) fn leg_rejected(&mut self, now: Instant, session: SessionId, refusal: Refused) {
        let Refused { status, failure, .. } = refusal;
        let Some((id, _)) = self.calls.leg_of(session) else {
            return;
        };
        if self.lose_attempt(id, session) {
            return;
        }
        if let Some(leg) = self.calls.leg_by_id.get_mut(&id) {
            leg.session = None;
        }
        self.calls.leg_by_session.remove(&session);
        if self.try_otherwise(now, id, status, failure).is_some() {
            return;
        }
        let why = match failure {
            Some(RequestFailure::Timeout) => MissingReason::NoAnswer,
            Some(RequestFailure::FlowFailed) => MissingReason::ConnectionFailed,
            Some(_) | None => MissingReason::Refused {
                status: status.code(),
                text: refusal.text,
            },
        };
        self.give_up(now, id, status, why);
    }

    /// Calls the same device again: over another of its flows where this one failed, in plain where it wants no keys
    /// and the account allows that.
    fn try_otherwise(
        &mut self,
        now: Instant,
        id: LegId,
        status: StatusCode,
        failure: Option<RequestFailure>,
    ) -> Option<()> {
        let leg = self.calls.leg_by_id.get_mut(&id)?;
        let is_dead_flow = matches!(
            failure,
            Some(RequestFailure::Timeout | RequestFailure::FlowFailed)
        ) || status == StatusCode::FLOW_FAILED;
        let wants_plain = status == StatusCode::NOT_ACCEPTABLE_HERE
            && leg.media.security == SecurityOffer::Optional
            && self.config.media.plain == PlainMedia::Anywhere;
        if is_dead_flow && leg.alternatives.len() > 1 {
            leg.alternatives.pop();
            self.counters.legs.other_flow += 1;
            if self.move_to_next_flow(id)? {
                return Some(());
            }
        } else if wants_plain {
            leg.media.security = SecurityOffer::Disabled;
        } else {
            return None;
        }
        self.invite(now, id);
        Some(())
    }

    /// Takes the flow of the best target that is left; says whether ports of another family have to be opened first.
    pub(super) fn move_to_next_flow(&mut self, id: LegId) -> Option<bool> {
        let leg = self.calls.leg_by_id.get_mut(&id)?;
        let next = leg.alternatives.last()?.flow;
        let is_other_family = is_ipv4(&leg.flow) != is_ipv4(&next);
        self.calls.peers.remove(&leg.flow);
        self.calls.peers.add(&next);
        leg.flow = next;
        if is_other_family {
            leg.stage = Stage::Opening;
            self.close_ports(id);
        }
        Some(is_other_family)
    }

    /// A called leg fails for a reason of ours.
    pub(super) fn leg_failed(&mut self, now: Instant, id: LegId, status: StatusCode) {
        self.give_up(now, id, status, refused(status));
    }

    fn give_up(&mut self, now: Instant, id: LegId, status: StatusCode, why: MissingReason) {
        self.counters.legs.failed += 1;
        let Some((call, known)) = self.calls.call_of(id) else {
            return;
        };
        known.refusals.add(status);
        self.leave(now, id, why);
        self.end_if_alone(now, call);
    }

    /// The time to answer is over for those who have not.
    pub(super) fn answers_overdue(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        let called = call.called.clone();
        for leg in called {
            let is_waiting = self
                .calls
                .leg_by_id
                .get(&leg)
                .is_some_and(|leg| matches!(leg.stage, Stage::Opening | Stage::Inviting(_)));
            if is_waiting {
                self.leave(now, leg, MissingReason::NoAnswer);
            }
        }
        self.end_if_alone(now, id);
    }
}

/// Names the page to its talker, who has nothing else to know its report by.
fn named(reply: Reply, page: Option<&str>) -> Reply {
    match page {
        Some(page) => reply.header(PAGE_HEADER, page),
        None => reply,
    }
}

/// Whether the media of a leg over this flow goes over IPv4.
pub(super) fn is_ipv4(flow: &Flow) -> bool {
    flow.local.ip().to_canonical().is_ipv4()
}
