//! The end of sessions: CANCEL, BYE, and what the owner is told (RFC 3261 9, 15).

use std::time::Instant;

use super::attempt::Attempt;
use super::session::{Farewell, Phase, Reinvite, Session, SessionTimer};
use super::sessions::Deadline;
use super::{
    BYE_ANSWER_MAX, Body, ClientUser, EndCause, Event, Reply, ServerId, ServerUser, SessionId, UserAgent,
};
use crate::flow::Flow;
use crate::message::{HeaderName, Message, Method, OwnedMethod, RequestBuilder, StatusCode};
use crate::transaction::{ClientKey, TransactionId};

impl UserAgent {
    /// Ends a session in the way its state asks for: CANCEL once a provisional response has come, BYE after the
    /// answer (and after the ACK where we were called), 480 to an INVITE that waits for us. An INVITE without any
    /// response is not sent again: it would begin at the peer what has ended here.
    ///
    /// `headers` (for example Reason) and `body` go into the BYE; the headers alone into a CANCEL or 480.
    /// [`Event::Ended`] follows, with the peer's answer.
    pub fn hang_up(
        &mut self,
        now: Instant,
        session: SessionId,
        headers: Vec<(String, String)>,
        body: Option<Body>,
    ) {
        let farewell = Farewell { headers, body };
        if let Some(state) = self.sessions.get_mut(session) {
            match state.phase {
                Phase::Calling { invite } => {
                    state.phase = Phase::Withdrawing { invite };
                    state.farewell = Some(farewell);
                    self.clients.withdraw(now, invite, &mut self.outbox);
                }
                Phase::Proceeding { invite } => {
                    state.farewell = Some(farewell);
                    self.send_cancel(now, session, invite);
                }
                Phase::Ringing { .. } => {
                    let mut reply = Reply::new(StatusCode::TEMPORARILY_UNAVAILABLE);
                    reply.headers = farewell.headers;
                    self.reply_to_invite(now, session, &reply);
                    self.end_session(now, session, EndCause::HungUp { answer: None });
                }
                Phase::ExpectAck => state.phase = Phase::HangUpAfterAck(farewell),
                Phase::Confirmed => self.send_bye(now, session, farewell),
                Phase::Withdrawing { .. }
                | Phase::Cancelling { .. }
                | Phase::HangUpAfterAck(_)
                | Phase::Leaving => {}
            }
        }
        self.settle(now);
    }

    /// Sends CANCEL for the first INVITE and gives it 64*T1 to take effect (RFC 3261 9.1).
    pub(super) fn send_cancel(&mut self, now: Instant, session: SessionId, invite: TransactionId) {
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        state.phase = Phase::Cancelling { invite };
        let flow = state.flow;
        let headers = state
            .farewell
            .as_ref()
            .map(|farewell| farewell.headers.clone())
            .unwrap_or_default();
        let patience = Deadline::Session(session, SessionTimer::Patience);
        self.sessions
            .schedule(patience, Some(now + self.config.timers.patience()));
        let cancel = self
            .clients
            .request(invite)
            .and_then(|request| write_cancel(request, &headers));
        if let Some((branch, cancel)) = cancel {
            self.start_written(now, flow, &branch, cancel);
        }
    }

    /// A CANCEL has the branch of its INVITE, so it is not written like other requests.
    fn start_written(&mut self, now: Instant, flow: Flow, branch: &str, cancel: Message) {
        let id = TransactionId(self.take_id());
        let key = ClientKey::new(branch, Method::Cancel);
        self.clients.start(id, now, flow, key, cancel, &mut self.outbox);
        self.flush();
    }

    /// Sends BYE and waits for its answer.
    pub(super) fn send_bye(&mut self, now: Instant, session: SessionId, farewell: Farewell) {
        if let Some(state) = self.sessions.get_mut(session) {
            state.phase = Phase::Leaving;
            state.unacknowledged = None;
        }
        self.sessions
            .schedule(Deadline::Session(session, SessionTimer::Retransmit), None);
        if !self.start_bye(now, session, farewell, ClientUser::Bye(session)) {
            self.bye_answered(now, session, None);
        }
    }

    /// Ends a session at once, and sends the peer a BYE whose answer concerns nobody.
    pub(super) fn abandon(&mut self, now: Instant, session: SessionId, cause: EndCause) {
        if !self.start_bye(now, session, Farewell::default(), ClientUser::Nobody) {
            self.counters.unsent += 1;
        }
        self.end_session(now, session, cause);
    }

    /// Sends BYE; `false` says that it could not be sent.
    pub(super) fn start_bye(
        &mut self,
        now: Instant,
        session: SessionId,
        farewell: Farewell,
        user: ClientUser,
    ) -> bool {
        let first = self.random.first_sequence();
        let Some(state) = self.sessions.get_mut(session) else {
            return false;
        };
        let sequence = state.dialog.next_sequence(first);
        let mut draft = state.dialog.draft(OwnedMethod::from(Method::Bye));
        draft.headers = farewell.headers;
        draft.body = farewell.body;
        let mut attempt = Attempt::new(draft, sequence, state.access.credentials.clone());
        // A BYE that waits for a stream would leave the session standing.
        attempt.large_datagram = true;
        let flow = state.flow;
        self.start(now, flow, attempt, user).is_ok()
    }

    /// Our BYE has its answer, or will have none: either way the session is over (RFC 3261 15.1.1).
    pub(super) fn bye_answered(&mut self, now: Instant, session: SessionId, answer: Option<Message>) {
        if let Some(state) = self.close(now, session) {
            self.emit(Event::Ended {
                session,
                cause: state.own_end(answer),
            });
        }
    }

    /// Forgets a session and tells the owner why, if it still stands.
    pub(super) fn end_session(&mut self, now: Instant, session: SessionId, cause: EndCause) {
        if self.close(now, session).is_some() {
            self.emit(Event::Ended { session, cause });
        }
    }

    /// Forgets a session and answers 487 to every request of the peer that it has not answered.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-15.1.2
    //# The UAS MUST still respond to any pending requests received for that
    //# dialog.  It is RECOMMENDED that a 487 (Request Terminated) response
    //# be generated to those pending requests.
    pub(super) fn close(&mut self, now: Instant, session: SessionId) -> Option<Session> {
        let terminated = Reply::new(StatusCode::REQUEST_TERMINATED);
        self.reply_to_invite(now, session, &terminated);
        let pending = std::mem::take(&mut self.sessions.get_mut(session)?.requests);
        for id in pending {
            self.reply_in_session(now, id, session, &terminated);
        }
        let state = self.sessions.remove(session)?;
        if let Some(Reinvite::Ours(id)) = state.reinvite {
            // The peer repeats its 2xx only as long as it has the session.
            let patience = self.config.timers.patience();
            self.sessions
                .schedule(Deadline::Reinvite(id), Some(now + patience));
        }
        Some(state)
    }

    /// A BYE inside a session.
    pub(super) fn handle_bye(
        &mut self,
        now: Instant,
        id: TransactionId,
        session: SessionId,
        message: Message,
    ) {
        let phase = self.sessions.get(session).map(|state| &state.phase);
        if matches!(phase, Some(Phase::Leaving)) {
            // Both have hung up at once: our own BYE ends the session.
            return self.reply(now, id, &Reply::new(StatusCode::OK));
        }
        self.server_user_by_transaction.insert(id, ServerUser::Bye);
        self.sessions
            .schedule(Deadline::Owner(id), Some(now + BYE_ANSWER_MAX));
        let transaction = ServerId(id.0);
        self.end_session(now, session, EndCause::Bye { transaction, message });
    }

    /// The owner has not answered a BYE or a re-INVITE in time.
    pub(super) fn answer_for_owner(&mut self, now: Instant, id: TransactionId) {
        match self.server_user_by_transaction.get(&id).copied() {
            Some(ServerUser::Bye) => self.reply(now, id, &Reply::new(StatusCode::OK)),
            Some(ServerUser::Reinvite(session)) => {
                self.reply_in_session(now, id, session, &Reply::new(StatusCode::TEMPORARILY_UNAVAILABLE));
            }
            Some(ServerUser::Request | ServerUser::Invite(_) | ServerUser::SessionRequest(_)) | None => {}
        }
    }
}

/// CANCEL for an INVITE: the same Request-URI, top Via, Route, From, To, Call-ID and CSeq number.
fn write_cancel(invite: &Message, headers: &[(String, String)]) -> Option<(String, Message)> {
    let via = invite.top_via().ok()?;
    let branch = via.branch()?.to_owned();
    let sequence = invite.cseq().ok()?.sequence;
    let mut builder =
        RequestBuilder::new(Method::Cancel, invite.request_uri()?).header(HeaderName::Via, via.as_str());
    for route in invite.headers(HeaderName::Route) {
        builder = builder.header(HeaderName::Route, route);
    }
    builder = builder
        .header(HeaderName::MaxForwards, crate::draft::MAX_FORWARDS)
        .header(HeaderName::From, invite.header(HeaderName::From)?)
        .header(HeaderName::To, invite.header(HeaderName::To)?)
        .header(HeaderName::CallId, invite.header(HeaderName::CallId)?)
        .header(HeaderName::CSeq, &format!("{sequence} CANCEL"));
    for (name, value) in headers {
        builder = builder.header(HeaderName::Other(name), value);
    }
    Some((branch, builder.finish().ok()?))
}
