//! Sessions that a peer calls us for: ringing, answering, waiting for the ACK (RFC 3261 13.3).

use std::time::Instant;

use bytes::Bytes;

use super::config::{PROVISIONAL_REFRESH, RINGING_MAX};
use super::reply::{DialogPart, Written};
use super::session::{Phase, Session, SessionTimer, Unacknowledged};
use super::sessions::Deadline;
use super::{EndCause, Event, Reply, ServerUser, SessionId, UserAgent};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::message::{Message, StatusCode};
use crate::transaction::TransactionId;

impl UserAgent {
    /// Sends a provisional response (101-199) to the INVITE of a session that waits for an answer.
    ///
    /// It is repeated every minute, so that no proxy gives up. A reply with another status, or to a session in
    /// another state, is counted and not sent.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a reply is used up: it belongs to one request"
    )]
    pub fn provisional(&mut self, now: Instant, session: SessionId, reply: Reply) {
        if reply.status.is_provisional() && self.is_ringing(session) {
            if let Some(response) = self.reply_to_invite(now, session, &reply) {
                if let Some(state) = self.sessions.get_mut(session) {
                    state.provisional = Some(response);
                }
                let refresh = Deadline::Session(session, SessionTimer::Provisional);
                self.sessions.schedule(refresh, Some(now + PROVISIONAL_REFRESH));
            }
        } else {
            self.counters.late_replies += 1;
        }
        self.settle(now);
    }

    /// Answers the INVITE with a 2xx, which is sent until its ACK comes.
    ///
    /// A reply with another status, or to a session in another state (the caller may just have cancelled), is
    /// counted and not sent.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a reply is used up: it belongs to one request"
    )]
    pub fn answer(&mut self, now: Instant, session: SessionId, reply: Reply) {
        if reply.status.is_success() && self.is_ringing(session) {
            self.accept_invite(now, session, &reply);
        } else {
            self.counters.late_replies += 1;
        }
        self.settle(now);
    }

    /// Refuses the INVITE with a final response (300-699); the session is over without a further event.
    ///
    /// It is sent until its ACK comes; only a reply [`without_state`](Reply::without_state), before any other response, is
    /// sent once. A reply with another status, or to a session in another state, is counted and not sent.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a reply is used up: it belongs to one request"
    )]
    pub fn reject(&mut self, now: Instant, session: SessionId, reply: Reply) {
        if reply.status.is_final() && !reply.status.is_success() && self.is_ringing(session) {
            self.refuse_invite(now, session, &reply);
            self.sessions.remove(session);
        } else {
            self.counters.late_replies += 1;
        }
        self.settle(now);
    }

    /// A caller that has had a provisional response no longer repeats its INVITE, so only the transaction sees to it that
    /// the final response arrives.
    fn refuse_invite(&mut self, now: Instant, session: SessionId, reply: &Reply) {
        match self.sessions.get(session).map(|state| &state.phase) {
            Some(&Phase::Ringing { invite }) if reply.is_forgotten && !self.servers.has_responded(invite) => {
                self.reply(now, invite, reply);
            }
            Some(_) | None => {
                self.reply_to_invite(now, session, reply);
            }
        }
    }

    /// A session for an INVITE outside dialogs.
    pub(super) fn handle_invite(&mut self, now: Instant, id: TransactionId, flow: Flow, message: Message) {
        if self.sessions.len() >= self.config.limits.sessions {
            self.counters.overflow += 1;
            return self.reply(now, id, &Reply::new(StatusCode::SERVICE_UNAVAILABLE));
        }
        if let Err(too_small) = self.asked_expiry(&message) {
            return self.refuse(now, id, &too_small.reply());
        }
        let tag = self.random.tag();
        let Ok(dialog) = Dialog::called(&message, &tag) else {
            return self.refuse(now, id, &Reply::new(StatusCode::BAD_REQUEST));
        };
        let session = SessionId(self.take_id());
        let contact = self.own_contact(&flow, dialog.is_secure());
        // A phone that sends from one port and listens at another says so in its Via, and hears requests where it hears
        // responses.
        let way_back = self.servers.reply_flow(id).unwrap_or(flow);
        let state = Session::new(way_back, dialog, contact, Phase::Ringing { invite: id });
        self.sessions.insert(session, state);
        self.sessions.schedule(
            Deadline::Session(session, SessionTimer::Patience),
            Some(now + RINGING_MAX),
        );
        self.server_user_by_transaction
            .insert(id, ServerUser::Invite(session));
        self.emit(Event::Invite {
            session,
            flow,
            message,
        });
    }

    /// Sends a response to the first INVITE, if it can be written.
    pub(super) fn reply_to_invite(
        &mut self,
        now: Instant,
        session: SessionId,
        reply: &Reply,
    ) -> Option<Written> {
        let state = self.sessions.get_mut(session)?;
        let Phase::Ringing { invite } = state.phase else {
            return None;
        };
        if let Some(contact) = &reply.contact {
            state.contact.clone_from(contact);
        }
        let state = self.sessions.get(session)?;
        let request = self.servers.request(invite)?;
        let part = DialogPart {
            to_tag: Some(state.dialog.local_tag()),
            contact: Some(&state.contact),
            is_secure: state.dialog.is_secure(),
        };
        let response = self.compose(request, reply, part);
        self.send_reply(now, invite, response.clone());
        response
    }

    /// Sends a 2xx and keeps sending it.
    fn accept_invite(&mut self, now: Instant, session: SessionId, reply: &Reply) {
        let Some((invite, sequence)) = self.pending_invite(session) else {
            return;
        };
        let Some(reply_flow) = self.servers.reply_flow(invite) else {
            return;
        };
        let Some(request) = self.servers.request(invite) else {
            return;
        };
        let is_offer = request.body().is_empty() && reply.body.is_some();
        let (reply, agreed) = self.agree(request, reply);
        let response = match self.reply_to_invite(now, session, &reply) {
            Some(Written { status, octets }) if status.is_success() => octets,
            // The answer could not be written, and the caller has been told so if it could be told anything.
            Some(_) | None => return self.end_session(now, session, EndCause::NotAnswered),
        };
        self.sessions
            .schedule(Deadline::Session(session, SessionTimer::Patience), None);
        self.sessions
            .schedule(Deadline::Session(session, SessionTimer::Provisional), None);
        if let Some(state) = self.sessions.get_mut(session) {
            state.phase = Phase::ExpectAck;
            state.provisional = None;
            state.description = reply.body;
        }
        self.refreshed_by_peer(now, session, agreed);
        self.expect_ack(now, session, sequence, (response, is_offer), reply_flow);
    }

    /// Starts the retransmission of a 2xx (RFC 3261 13.3.1.4, on every transport).
    pub(super) fn expect_ack(
        &mut self,
        now: Instant,
        session: SessionId,
        sequence: u32,
        (response, is_offer): (Bytes, bool),
        reply_flow: Flow,
    ) {
        let timers = self.config.timers;
        if let Some(state) = self.sessions.get_mut(session) {
            state.unacknowledged = Some(Unacknowledged {
                sequence,
                response,
                is_offer,
                reply_flow,
                interval: timers.t1,
                give_up_at: now + timers.patience(),
            });
            let retransmit = Deadline::Session(session, SessionTimer::Retransmit);
            self.sessions.schedule(retransmit, Some(now + timers.t1));
        }
    }

    /// An ACK inside a session: confirms the 2xx with the same CSeq number.
    pub(super) fn handle_session_ack(&mut self, now: Instant, session: SessionId, message: Message) {
        let Ok(sequence) = message.cseq().map(|cseq| cseq.sequence) else {
            return;
        };
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        if state
            .unacknowledged
            .as_ref()
            .is_none_or(|waiting| waiting.sequence != sequence)
        {
            return;
        }
        state.unacknowledged = None;
        self.sessions
            .schedule(Deadline::Session(session, SessionTimer::Retransmit), None);
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        match std::mem::replace(&mut state.phase, Phase::Confirmed) {
            Phase::HangUpAfterAck(farewell) => self.send_bye(now, session, farewell),
            Phase::ExpectAck | Phase::Confirmed => self.emit(Event::Confirmed { session, message }),
            phase @ (Phase::Calling { .. }
            | Phase::Proceeding { .. }
            | Phase::Withdrawing { .. }
            | Phase::Cancelling { .. }
            | Phase::Ringing { .. }
            | Phase::Leaving) => state.phase = phase,
        }
    }

    /// The 2xx is due again, or its ACK will not come.
    pub(super) fn retransmit_or_give_up(&mut self, now: Instant, session: SessionId) {
        let t2 = self.config.timers.t2;
        let Some(state) = self.sessions.get_mut(session) else {
            return;
        };
        let Some(waiting) = &mut state.unacknowledged else {
            return;
        };
        if now < waiting.give_up_at {
            waiting.interval = (waiting.interval * 2).min(t2);
            let next = (now + waiting.interval).min(waiting.give_up_at);
            let (flow, response) = (waiting.reply_flow, waiting.response.clone());
            self.sessions
                .schedule(Deadline::Session(session, SessionTimer::Retransmit), Some(next));
            self.transmit(flow, response);
            return;
        }
        state.unacknowledged = None;
        match std::mem::replace(&mut state.phase, Phase::Confirmed) {
            Phase::HangUpAfterAck(farewell) => self.send_bye(now, session, farewell),
            Phase::ExpectAck | Phase::Confirmed => self.abandon(now, session, EndCause::AckTimeout),
            phase @ (Phase::Calling { .. }
            | Phase::Proceeding { .. }
            | Phase::Withdrawing { .. }
            | Phase::Cancelling { .. }
            | Phase::Ringing { .. }
            | Phase::Leaving) => state.phase = phase,
        }
    }

    /// Nobody has answered the INVITE for too long.
    pub(super) fn stop_ringing(&mut self, now: Instant, session: SessionId) {
        self.reply_to_invite(now, session, &Reply::new(StatusCode::TEMPORARILY_UNAVAILABLE));
        self.end_session(now, session, EndCause::NotAnswered);
    }

    /// Sends the last provisional response again.
    pub(super) fn repeat_provisional(&mut self, now: Instant, session: SessionId) {
        let Some(state) = self.sessions.get(session) else {
            return;
        };
        let (Phase::Ringing { invite }, Some(response)) = (&state.phase, state.provisional.clone()) else {
            return;
        };
        let invite = *invite;
        self.send_reply(now, invite, Some(response));
        let refresh = Deadline::Session(session, SessionTimer::Provisional);
        self.sessions.schedule(refresh, Some(now + PROVISIONAL_REFRESH));
    }

    pub(super) fn is_ringing(&self, session: SessionId) -> bool {
        self.sessions
            .get(session)
            .is_some_and(|state| matches!(state.phase, Phase::Ringing { .. }))
    }

    /// The transaction and the CSeq number of the INVITE that waits for an answer.
    fn pending_invite(&self, session: SessionId) -> Option<(TransactionId, u32)> {
        let Phase::Ringing { invite } = self.sessions.get(session)?.phase else {
            return None;
        };
        let sequence = self.servers.request(invite)?.cseq().ok()?.sequence;
        Some((invite, sequence))
    }
}
