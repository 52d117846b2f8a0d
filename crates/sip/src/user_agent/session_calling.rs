//! Sessions that we call a peer for: from the INVITE to its answer (RFC 3261 13.2).

use std::time::Instant;

use super::config::CALLING_MAX;
use super::outgoing::Opening;
use super::session::{Access, Farewell, Phase, Session, SessionTimer};
use super::sessions::Deadline;
use super::{ClientUser, Event, OutgoingRequest, RequestFailure, SessionId, UserAgent};
use crate::dialog::Dialog;
use crate::draft::{Authorizations, is_sips};
use crate::flow::Flow;
use crate::message::{Message, Method, OwnedMethod, StatusCode};
use crate::transaction::TransactionId;

impl UserAgent {
    /// Calls a peer. [`Event::Answered`] or [`Event::Rejected`] tells how it went, also where the INVITE could
    /// not be sent.
    pub fn invite(&mut self, now: Instant, flow: Flow, mut request: OutgoingRequest) -> SessionId {
        let session = SessionId(self.take_id());
        request.method = OwnedMethod::from(Method::Invite);
        if request.contact.is_none() {
            request.contact = Some(self.own_contact(&flow, is_sips(&request.uri)));
        }
        let Opening { attempt, from_tag } = self.open(request);
        let contact = attempt.draft.contact.clone().unwrap_or_default();
        let description = attempt.draft.body.clone();
        let dialog = Dialog::calling(&attempt.draft, from_tag, attempt.sequence);
        let access = Access {
            credentials: attempt.credentials.clone(),
            authorizations: Authorizations::new(),
            large_datagram: attempt.large_datagram,
        };
        let started = if self.sessions.len() < self.config.limits.sessions {
            self.start(now, flow, attempt, ClientUser::Invite(session))
        } else {
            Err(RequestFailure::Overload)
        };
        match started {
            Ok(invite) => {
                let state = Session {
                    access,
                    description,
                    ..Session::new(flow, dialog, contact, Phase::Calling { invite })
                };
                self.sessions.insert(session, state);
                let patience = Deadline::Session(session, SessionTimer::Patience);
                self.sessions.schedule(patience, Some(now + CALLING_MAX));
            }
            Err(failure) => self.emit_rejected(session, failure),
        }
        self.settle(now);
        session
    }

    /// Whether the peer has said nothing at all to the INVITE of this session, not even 100.
    pub fn is_unheard(&self, session: SessionId) -> bool {
        let state = self.sessions.get(session);
        state.is_some_and(|state| matches!(state.phase, Phase::Calling { .. }))
    }

    /// Whether the INVITE of this session is still worth repeating.
    pub(super) fn wants_invite(&self, session: SessionId) -> bool {
        self.sessions.get(session).is_some_and(Session::is_calling)
    }

    /// The INVITE was challenged and has been sent again with an answer.
    pub(super) fn invite_restarted(
        &mut self,
        session: SessionId,
        invite: TransactionId,
        authorizations: Authorizations,
    ) {
        if let Some(state) = self.sessions.get_mut(session) {
            state.phase = Phase::Calling { invite };
            state.access.authorizations = authorizations;
        }
    }

    /// A provisional response to the first INVITE.
    pub(super) fn invite_proceeds(&mut self, now: Instant, session: SessionId, response: Message) {
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        if let Some(tag) = response.to().ok().and_then(|to| to.tag()) {
            state.note_early_tag(tag);
        }
        match state.phase {
            Phase::Calling { invite } | Phase::Proceeding { invite } => {
                state.phase = Phase::Proceeding { invite };
                if response.status() != Some(StatusCode::TRYING) {
                    self.emit(Event::Progress {
                        session,
                        message: response,
                    });
                }
            }
            Phase::Withdrawing { invite } => self.send_cancel(now, session, invite),
            Phase::Cancelling { .. }
            | Phase::Ringing { .. }
            | Phase::ExpectAck
            | Phase::HangUpAfterAck(_)
            | Phase::Confirmed
            | Phase::Leaving => {}
        }
    }

    /// The first 2xx makes the dialog of the session.
    pub(super) fn invite_accepted(
        &mut self,
        now: Instant,
        id: TransactionId,
        session: SessionId,
        response: Message,
    ) {
        let Some(state) = self.sessions.get(session) else {
            return;
        };
        let (flow, calling, authorizations) = (
            state.flow,
            state.dialog.clone(),
            state.access.authorizations.clone(),
        );
        let (dialog, is_usable) = match calling.established_by(&response) {
            Ok(dialog) => (dialog, true),
            Err(_) => (calling.unusable_with(&response), false),
        };
        self.acknowledge(id, flow, calling, &dialog, authorizations);
        self.sessions
            .schedule(Deadline::Session(session, SessionTimer::Patience), None);
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        state.dialog = dialog;
        match std::mem::replace(&mut state.phase, Phase::Confirmed) {
            Phase::Calling { .. } | Phase::Proceeding { .. } if !is_usable => {
                self.leave_unusable(now, session, response);
            }
            Phase::Calling { .. } | Phase::Proceeding { .. } => {
                self.refreshed_by_us(now, session, &response);
                self.emit(Event::Answered {
                    session,
                    message: response,
                });
            }
            Phase::Withdrawing { .. } | Phase::Cancelling { .. } => {
                let farewell = state.farewell.take().unwrap_or_default();
                self.send_bye(now, session, farewell);
            }
            phase @ (Phase::Ringing { .. }
            | Phase::ExpectAck
            | Phase::HangUpAfterAck(_)
            | Phase::Confirmed
            | Phase::Leaving) => state.phase = phase,
        }
    }

    /// The first 2xx made no dialog in which anything could be sent but the ACK and this BYE.
    fn leave_unusable(&mut self, now: Instant, session: SessionId, message: Message) {
        self.counters.responses_malformed += 1;
        if !self.start_bye(now, session, Farewell::default(), ClientUser::Nobody) {
            self.counters.unsent += 1;
        }
        self.sessions.remove(session);
        let failure = RequestFailure::BadAnswer;
        self.emit(Event::Rejected {
            session,
            status: failure.status(),
            message: Some(message),
            failure: Some(failure),
        });
    }

    /// A final response other than 2xx to the first INVITE.
    pub(super) fn invite_refused(&mut self, session: SessionId, message: Message) {
        let Some(state) = self.sessions.remove(session) else {
            return;
        };
        if is_hanging_up(&state.phase) {
            self.emit(Event::Ended {
                session,
                cause: state.own_end(Some(message)),
            });
        } else if let Some(status) = message.status() {
            self.emit(Event::Rejected {
                session,
                status,
                message: Some(message),
                failure: None,
            });
        }
    }

    /// The first INVITE has no final response, and will have none.
    pub(super) fn invite_failed(&mut self, session: SessionId, failure: RequestFailure) {
        let Some(state) = self.sessions.remove(session) else {
            return;
        };
        if is_hanging_up(&state.phase) {
            self.emit(Event::Ended {
                session,
                cause: state.own_end(None),
            });
        } else {
            self.emit_rejected(session, failure);
        }
    }

    /// The INVITE has rung for too long, or its CANCEL had no effect.
    pub(super) fn stop_calling(&mut self, now: Instant, session: SessionId) {
        let Some(state) = self.sessions.get(session) else {
            return;
        };
        match state.phase {
            Phase::Proceeding { invite } => {
                self.send_cancel(now, session, invite);
                if let Some(state) = self.sessions.get_mut(session) {
                    state.is_given_up = true;
                }
            }
            Phase::Calling { invite } | Phase::Withdrawing { invite } | Phase::Cancelling { invite } => {
                if !self.clients.give_up(now, invite, &mut self.outbox) {
                    self.invite_failed(session, RequestFailure::Timeout);
                }
                self.flush();
            }
            Phase::Ringing { .. }
            | Phase::ExpectAck
            | Phase::HangUpAfterAck(_)
            | Phase::Confirmed
            | Phase::Leaving => {}
        }
    }

    fn emit_rejected(&mut self, session: SessionId, failure: RequestFailure) {
        let status = failure.status();
        self.emit(Event::Rejected {
            session,
            status,
            message: None,
            failure: Some(failure),
        });
    }
}

fn is_hanging_up(phase: &Phase) -> bool {
    matches!(phase, Phase::Withdrawing { .. } | Phase::Cancelling { .. })
}
