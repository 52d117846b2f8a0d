//! Requests inside a session, ours and the peer's: INFO, re-INVITE, UPDATE, OPTIONS (RFC 3261 12.2, 14).

use std::time::Instant;

use super::attempt::Attempt;
use super::config::{CALLING_MAX, RINGING_MAX};
use super::reply::{DialogPart, Written};
use super::session::{Phase, Reinvite, Session, SessionTimer};
use super::sessions::Deadline;
use super::{
    Body, ChallengeFault, ClientUser, EndCause, Event, Reply, RequestFailure, RequestId, ServerId,
    ServerUser, SessionId, UserAgent,
};
use crate::draft::{Authorizations, secured};
use crate::flow::Flow;
use crate::message::{Message, Method, OwnedMethod, StatusCode};
use crate::transaction::TransactionId;

/// Retry-After of a re-INVITE that comes before the last one is answered, exclusive, in seconds (RFC 3261 14.2).
const RETRY_AFTER_BOUND: u32 = 11;

/// Requests of the peer that one session lets wait for the owner at once; more are answered 503.
pub const SESSION_REQUESTS_MAX: usize = 16;

impl UserAgent {
    /// Sends a request inside an answered session; [`Event::Response`] tells how it went, also where it could
    /// not be sent. A re-INVITE or UPDATE carries the session's Contact, and its 2xx is acknowledged by itself.
    pub fn request_in_session(
        &mut self,
        now: Instant,
        session: SessionId,
        method: Method<'_>,
        headers: Vec<(String, String)>,
        body: Option<Body>,
    ) -> RequestId {
        let request = RequestId(self.take_id());
        if let Err(failure) = self.start_in_session(now, session, request, method, headers, body) {
            self.emit(Event::Response {
                request,
                outcome: Err(failure),
                unanswered: None,
            });
        }
        self.settle(now);
        request
    }

    /// Sends what this session sends from now on over another flow, with this Contact: its connection has been
    /// replaced, or a request has outgrown UDP. `false` says that there is no such session.
    pub fn move_session(&mut self, session: SessionId, flow: Flow, contact: Option<String>) -> bool {
        self.sessions.move_to(session, flow, contact)
    }

    pub(super) fn start_in_session(
        &mut self,
        now: Instant,
        session: SessionId,
        request: RequestId,
        method: Method<'_>,
        headers: Vec<(String, String)>,
        body: Option<Body>,
    ) -> Result<(), RequestFailure> {
        let first = self.random.first_sequence();
        let state = self
            .sessions
            .get_mut(session)
            .ok_or(RequestFailure::NotPossible)?;
        let is_reinvite = method == Method::Invite;
        let is_refresh = state.refresh == Some(request);
        let is_busy = is_reinvite && (state.reinvite.is_some() || state.unacknowledged.is_some());
        let is_agents_own = matches!(method, Method::Ack | Method::Bye | Method::Cancel);
        if !matches!(state.phase, Phase::Confirmed | Phase::ExpectAck) || is_busy || is_agents_own {
            return Err(RequestFailure::NotPossible);
        }
        let mut draft = state.dialog.draft(OwnedMethod::from(method));
        if matches!(method, Method::Invite | Method::Update) {
            let is_secure = state.dialog.is_secure();
            draft.contact = Some(if is_secure {
                secured(&state.contact)
            } else {
                state.contact.clone()
            });
        }
        draft.headers = headers;
        draft.body = body;
        let sequence = state.dialog.next_sequence(first);
        let mut attempt = Attempt::new(draft, sequence, state.access.credentials.clone());
        // A refresh that waits for a stream would let the session end.
        attempt.large_datagram = state.access.large_datagram || is_refresh;
        let flow = state.flow;
        if is_reinvite {
            let id = self.start(now, flow, attempt, ClientUser::Reinvite(session, request))?;
            self.reinvite_started(now, session, id, Authorizations::new());
        } else {
            self.start(now, flow, attempt, ClientUser::SessionRequest(session, request))?;
        }
        Ok(())
    }

    /// The number of a request that is sent again after a challenge.
    pub(super) fn sequence_after(&mut self, user: ClientUser, last: u32) -> u32 {
        let session = match user {
            ClientUser::Invite(session)
            | ClientUser::SessionRequest(session, _)
            | ClientUser::Reinvite(session, _)
            | ClientUser::Bye(session) => Some(session),
            ClientUser::Request(_) | ClientUser::Nobody => None,
        };
        match session.and_then(|session| self.sessions.get_mut(session)) {
            Some(state) => state.dialog.next_sequence(last),
            None => last.saturating_add(1),
        }
    }

    /// Our re-INVITE is on its way, for the first time or with an answer to a challenge.
    pub(super) fn reinvite_started(
        &mut self,
        now: Instant,
        session: SessionId,
        id: TransactionId,
        authorizations: Authorizations,
    ) {
        self.sessions
            .schedule(Deadline::Reinvite(id), Some(now + CALLING_MAX));
        if let Some(state) = self.sessions.get_mut(session) {
            state.reinvite = Some(Reinvite::Ours(id));
            state.access.authorizations = authorizations;
        }
    }

    /// A final response to our re-INVITE; a 2xx is acknowledged.
    pub(super) fn reinvite_answered(
        &mut self,
        now: Instant,
        id: TransactionId,
        session: SessionId,
        request: RequestId,
        response: Message,
        unanswered: Option<ChallengeFault>,
    ) {
        self.reinvite_over(session);
        if response.status().is_some_and(StatusCode::is_success)
            && let Some(state) = self.sessions.get_mut(session)
        {
            let mut calling = state.dialog.clone();
            state.dialog.refresh_target(&response);
            let (flow, dialog) = (state.flow, state.dialog.clone());
            let authorizations = state.access.authorizations.clone();
            if let Ok(cseq) = response.cseq() {
                calling.set_local_sequence(cseq.sequence);
            }
            self.acknowledge(id, flow, calling, &dialog, authorizations);
        }
        self.session_request_answered(now, session, request, response, unanswered);
    }

    pub(super) fn reinvite_over(&mut self, session: SessionId) {
        if let Some(state) = self.sessions.get_mut(session)
            && matches!(state.reinvite, Some(Reinvite::Ours(_)))
        {
            state.reinvite = None;
        }
    }

    /// A final response to a request of ours inside a session.
    pub(super) fn session_request_answered(
        &mut self,
        now: Instant,
        session: SessionId,
        request: RequestId,
        response: Message,
        unanswered: Option<ChallengeFault>,
    ) {
        let status = response.status();
        let method = response.cseq().ok().map(|cseq| cseq.method.to_owned());
        let is_granted = status.is_some_and(StatusCode::is_success);
        if method == Some(Method::Update)
            && is_granted
            && let Some(state) = self.sessions.get_mut(session)
        {
            state.dialog.refresh_target(&response);
        }
        let is_own = self.take_refresh(now, session, request, Some(&response));
        if is_granted && matches!(method, Some(Method::Invite | Method::Update)) {
            self.refreshed_by_us(now, session, &response);
        }
        if !is_own {
            self.emit(Event::Response {
                request,
                outcome: Ok(response),
                unanswered,
            });
        } else if is_granted && method == Some(Method::Invite) && !response.body().is_empty() {
            self.emit(Event::Refreshed {
                session,
                message: response,
            });
        }
        //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.2
        //# If the response for a request within a dialog is a 481
        //# (Call/Transaction Does Not Exist) or a 408 (Request Timeout), the UAC
        //# SHOULD terminate the dialog.
        if matches!(
            status,
            Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT)
        ) {
            self.lose(now, session);
        }
    }

    /// A request of ours inside a session has no final response.
    pub(super) fn session_request_failed(
        &mut self,
        now: Instant,
        session: SessionId,
        request: RequestId,
        failure: RequestFailure,
    ) {
        if !self.take_refresh(now, session, request, None) {
            self.emit(Event::Response {
                request,
                outcome: Err(failure),
                unanswered: None,
            });
        }
        if failure == RequestFailure::Timeout {
            self.lose(now, session);
        }
    }

    fn lose(&mut self, now: Instant, session: SessionId) {
        if self.sessions.get(session).is_some_and(Session::is_answered) {
            self.abandon(now, session, EndCause::Lost);
        }
    }

    /// A request of the peer inside a session, other than ACK and CANCEL.
    pub(super) fn handle_session_request(
        &mut self,
        now: Instant,
        id: TransactionId,
        session: SessionId,
        message: Message,
    ) {
        let sequence = message.cseq().map(|cseq| cseq.sequence).unwrap_or_default();
        let method = message.method();
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        if !state.dialog.accept_sequence(sequence) {
            return self.refuse_in_session(now, id, &Reply::new(StatusCode::SERVER_INTERNAL_ERROR));
        }
        let is_leaving = matches!(state.phase, Phase::Leaving | Phase::HangUpAfterAck(_));
        let is_full = state.requests.len() >= SESSION_REQUESTS_MAX;
        // RFC 3261 15: a callee may not send BYE before its answer.
        let is_early_bye = method == Some(Method::Bye) && state.is_calling();
        if is_early_bye || (is_leaving && method != Some(Method::Bye)) {
            self.counters.without_dialog += 1;
            let gone = Reply::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
            self.reply_and_keep(now, id, &gone);
        } else if method == Some(Method::Bye) {
            self.handle_bye(now, id, session, message);
        } else if let Err(too_small) = self.asked_expiry(&message) {
            self.refuse_in_session(now, id, &too_small.reply());
        } else if method == Some(Method::Update)
            && !message.body().is_empty()
            && let Some(crossing) = self.crossing_offer(session)
        {
            self.refuse_in_session(now, id, &crossing);
        } else if is_full {
            self.counters.overflow += 1;
            self.reply_and_keep(now, id, &Reply::new(StatusCode::SERVICE_UNAVAILABLE));
        } else if method == Some(Method::Invite) {
            self.handle_reinvite(now, id, session, message);
        } else {
            self.pass_up(id, session, ServerUser::SessionRequest(session), message);
        }
    }

    /// How an offer in an UPDATE is refused that meets another one in the same session, if it does.
    //= https://www.rfc-editor.org/rfc/rfc3311#section-5.2
    //# If an UPDATE is received that contains an offer, and the UAS has
    //# generated an offer (in an UPDATE, PRACK or INVITE) to which it has not
    //# yet received an answer, the UAS MUST reject the UPDATE with a 491
    //# response.
    fn crossing_offer(&mut self, session: SessionId) -> Option<Reply> {
        let state = self.sessions.get(session)?;
        let is_answer_due = state
            .unacknowledged
            .as_ref()
            .is_some_and(|waiting| waiting.is_offer);
        match state.reinvite {
            Some(Reinvite::Theirs) => Some(self.not_yet()),
            Some(Reinvite::Ours(_)) => Some(Reply::new(StatusCode::REQUEST_PENDING)),
            // Our offer in a 2xx is answered by the ACK.
            None => is_answer_due.then(|| Reply::new(StatusCode::REQUEST_PENDING)),
        }
    }

    /// The answer to what has come before the last of its like was answered.
    fn not_yet(&mut self) -> Reply {
        let seconds = self.random.below(RETRY_AFTER_BOUND);
        Reply::new(StatusCode::SERVER_INTERNAL_ERROR).header("Retry-After", seconds.to_string())
    }

    fn handle_reinvite(&mut self, now: Instant, id: TransactionId, session: SessionId, message: Message) {
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        let is_unanswered =
            state.reinvite == Some(Reinvite::Theirs) || matches!(state.phase, Phase::Ringing { .. });
        //= https://www.rfc-editor.org/rfc/rfc3261#section-14.2
        //# A UAS that receives an INVITE on a dialog while an INVITE it had sent
        //# on that dialog is in progress MUST return a 491 (Request Pending)
        //# response to the received INVITE.
        let is_glare = matches!(state.reinvite, Some(Reinvite::Ours(_)))
            || state.unacknowledged.is_some()
            || state.is_calling();
        if is_unanswered {
            let reply = self.not_yet();
            self.refuse_in_session(now, id, &reply);
        } else if is_glare {
            self.refuse_in_session(now, id, &Reply::new(StatusCode::REQUEST_PENDING));
        } else {
            state.reinvite = Some(Reinvite::Theirs);
            self.sessions
                .schedule(Deadline::Owner(id), Some(now + RINGING_MAX));
            self.pass_up(id, session, ServerUser::Reinvite(session), message);
        }
    }

    fn refuse_in_session(&mut self, now: Instant, id: TransactionId, reply: &Reply) {
        self.counters.refused += 1;
        self.reply_and_keep(now, id, reply);
    }

    fn pass_up(&mut self, id: TransactionId, session: SessionId, user: ServerUser, message: Message) {
        if let Some(state) = self.sessions.get_mut(session) {
            state.requests.push(id);
        }
        self.server_user_by_transaction.insert(id, user);
        self.emit(Event::SessionRequest {
            session,
            transaction: ServerId(id.0),
            message,
        });
    }

    /// Answers a request of the peer inside a session.
    pub(super) fn reply_in_session(
        &mut self,
        now: Instant,
        id: TransactionId,
        session: SessionId,
        reply: &Reply,
    ) {
        let (Some(request), Some(reply_flow)) = (self.servers.request(id), self.servers.reply_flow(id))
        else {
            self.counters.late_replies += 1;
            return;
        };
        let is_invite = request.method() == Some(Method::Invite);
        if reply.status.is_provisional() && !is_invite {
            self.counters.late_replies += 1;
            return;
        }
        let Some(state) = self.sessions.get_mut(session) else {
            return self.reply_and_keep(now, id, reply);
        };
        state.note_reply(id, request, reply);
        let (contact, is_secure) = (state.contact.clone(), state.dialog.is_secure());
        let part = DialogPart {
            to_tag: None,
            contact: Some(&contact),
            is_secure,
        };
        let sequence = request.cseq().map(|cseq| cseq.sequence).unwrap_or_default();
        let is_offer = request.body().is_empty() && reply.body.is_some();
        let (reply, agreed) = self.agree(request, reply);
        let is_refresh = matches!(request.method(), Some(Method::Invite | Method::Update));
        let response = self.compose(request, &reply, part);
        self.send_reply(now, id, response.clone());
        if is_refresh
            && response
                .as_ref()
                .is_some_and(|written| written.status.is_success())
        {
            self.refreshed_by_peer(now, session, agreed);
        }
        if let Some(Written { status, octets }) = response
            && is_invite
            && status.is_success()
        {
            self.expect_ack(now, session, sequence, (octets, is_offer), reply_flow);
        }
    }

    /// Does what is due for sessions.
    pub(super) fn handle_session_timeout(&mut self, now: Instant) {
        while let Some(deadline) = self.sessions.take_due(now) {
            match deadline {
                Deadline::Owner(id) => self.answer_for_owner(now, id),
                Deadline::Reinvite(id) => {
                    self.clients.give_up(now, id, &mut self.outbox);
                    self.flush();
                }
                Deadline::Session(session, SessionTimer::Retransmit) => {
                    self.retransmit_or_give_up(now, session);
                }
                Deadline::Session(session, SessionTimer::Provisional) => {
                    self.repeat_provisional(now, session);
                }
                Deadline::Session(session, SessionTimer::Refresh) => self.refresh(now, session),
                Deadline::Session(session, SessionTimer::Expire) => self.expire(now, session),
                Deadline::Session(session, SessionTimer::Patience) => {
                    if self.is_ringing(session) {
                        self.stop_ringing(now, session);
                    } else {
                        self.stop_calling(now, session);
                    }
                }
            }
        }
    }
}
