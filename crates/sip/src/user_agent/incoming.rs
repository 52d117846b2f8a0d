//! Requests: retransmissions, refusals, CANCEL, and who gets the rest.

use std::net::SocketAddr;
use std::time::Instant;

use super::admission;
use super::{EndCause, Event, Reply, ServerId, ServerUser, UserAgent};
use crate::dialog::DialogKey;
use crate::flow::{Flow, Transport};
use crate::framing::{FramingError, FramingFault};
use crate::message::{Message, Method, StatusCode};
use crate::transaction::{AckOutcome, Arrival, MergeKey, ServerKey, TransactionId};

impl UserAgent {
    /// Takes octets that could not be framed as a message: answers them where they can be answered. A datagram of nothing
    /// but line ends keeps a way open and is no offence (RFC 3261 7.5).
    pub fn handle_framing_error(&mut self, now: Instant, flow: Flow, error: &FramingError) {
        match (error.request(), error.status()) {
            (Some(request), Some(status)) => {
                let request = request.clone().with_received_from(flow.remote);
                self.refuse_malformed(&flow, &request, status);
            }
            (Some(_) | None, _) if error.fault() == FramingFault::Empty => {}
            (Some(_) | None, _) => self.counters.malformed_dropped += 1,
        }
        self.settle(now);
    }

    pub(super) fn handle_request(&mut self, now: Instant, flow: Flow, message: Message) {
        let message = message.with_received_from(flow.remote);
        let Ok(key) = ServerKey::of_request(&message) else {
            return self.refuse_malformed(&flow, &message, StatusCode::BAD_REQUEST);
        };
        if message.method() == Some(Method::Ack) {
            return self.handle_ack(now, &key, message);
        }
        if self.servers.handle_retransmission(now, &key, &mut self.outbox) {
            self.counters.retransmissions += 1;
            return self.flush();
        }
        if let Err(offence) = message.validate() {
            return match offence.status() {
                Some(status) => self.refuse_malformed(&flow, &message, status),
                None => self.counters.malformed_dropped += 1,
            };
        }
        let Ok(merge_key) = MergeKey::of_request(&message) else {
            return self.refuse_malformed(&flow, &message, StatusCode::BAD_REQUEST);
        };
        let reply_flow = reply_flow(&flow, &message);
        if self.servers.is_full(&flow) && !self.relieves(&message) {
            return self.reply_overflow(&message, reply_flow);
        }
        let is_merged = merge_key
            .as_ref()
            .is_some_and(|merge_key| self.servers.is_merged(merge_key));
        let merge_key = merge_key.filter(|_| !is_merged);
        let id = TransactionId(self.take_id());
        let request = message.clone();
        self.servers.start(
            id,
            now,
            Arrival {
                key,
                merge_key,
                flow,
                reply_flow,
                request,
            },
        );
        self.admit(now, id, flow, message, is_merged);
    }

    /// Refuses a request by RFC 3261 8.2, or gives it to whom it concerns.
    fn admit(&mut self, now: Instant, id: TransactionId, flow: Flow, message: Message, is_merged: bool) {
        if let Some(refusal) = admission::refused(&self.config, &flow, &message) {
            self.refuse(now, id, &refusal.reply());
        } else if message.method() == Some(Method::Cancel) {
            self.handle_cancel(now, id, message);
        } else if is_merged {
            self.refuse(now, id, &Reply::new(StatusCode::LOOP_DETECTED));
        } else {
            self.route(now, id, flow, message);
        }
    }

    /// Whether a request ends something that exists, and so is let in however full the agent is: at most one CANCEL
    /// for each INVITE, and one BYE for each session.
    fn relieves(&self, message: &Message) -> bool {
        match message.method() {
            Some(Method::Cancel) => {
                ServerKey::of_cancelled(message).is_ok_and(|invite| self.servers.id(&invite).is_some())
            }
            Some(Method::Bye) => {
                let to_tag = message.to().ok().and_then(|to| to.tag());
                to_tag.is_some_and(|to_tag| self.find_session(message, to_tag).is_some())
            }
            _ => false,
        }
    }

    /// Refuses a request outside sessions.
    pub(super) fn refuse(&mut self, now: Instant, id: TransactionId, reply: &Reply) {
        self.counters.refused += 1;
        self.reply(now, id, reply);
    }

    /// Gives a request to its session or to the owner.
    fn route(&mut self, now: Instant, id: TransactionId, flow: Flow, message: Message) {
        let method = message.method();
        let Some(to_tag) = message.to().ok().and_then(|to| to.tag()) else {
            return match method {
                Some(Method::Invite) => self.handle_invite(now, id, flow, message),
                Some(Method::Bye) => self.reply_without_dialog(now, id),
                _ => {
                    self.server_user_by_transaction.insert(id, ServerUser::Request);
                    self.emit(Event::Request {
                        transaction: ServerId(id.0),
                        flow,
                        message,
                    });
                }
            };
        };
        match self.find_session(&message, to_tag) {
            Some(session) => self.handle_session_request(now, id, session, message),
            None => self.reply_without_dialog(now, id),
        }
    }

    /// The session of a request with a To tag.
    fn find_session(&self, message: &Message, to_tag: &str) -> Option<super::SessionId> {
        let key = DialogKey::new(message.call_id().ok()?, to_tag);
        let from = message.from().ok()?;
        self.sessions.find(&key, from.tag().unwrap_or_default())
    }

    /// Answers 481: the request is for a dialog that does not exist.
    fn reply_without_dialog(&mut self, now: Instant, id: TransactionId) {
        self.counters.without_dialog += 1;
        self.reply(
            now,
            id,
            &Reply::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        );
    }

    /// An ACK is never answered: it ends a transaction, confirms a session, or is dropped.
    fn handle_ack(&mut self, now: Instant, key: &ServerKey, message: Message) {
        let outcome = self.servers.handle_ack(now, key, &mut self.outbox);
        self.flush();
        if outcome == AckOutcome::Absorbed {
            return;
        }
        if message.validate().is_err() {
            self.counters.malformed_dropped += 1;
            return;
        }
        let session = message
            .to()
            .ok()
            .and_then(|to| self.find_session(&message, to.tag().unwrap_or_default()));
        match session {
            Some(session) => self.handle_session_ack(now, session, message),
            None if self.is_ack_of_refusal(&message) => {}
            None => self.counters.without_dialog += 1,
        }
    }

    /// Answers the CANCEL, and ends the INVITE it is about if that has no final response (RFC 3261 9.2).
    fn handle_cancel(&mut self, now: Instant, id: TransactionId, message: Message) {
        let Some(invite) = ServerKey::of_cancelled(&message)
            .ok()
            .and_then(|key| self.servers.id(&key))
        else {
            return self.reply_without_dialog(now, id);
        };
        self.reply(now, id, &Reply::new(StatusCode::OK));
        match self.server_user_by_transaction.get(&invite).copied() {
            Some(ServerUser::Invite(session)) => {
                self.reply_to_invite(now, session, &Reply::new(StatusCode::REQUEST_TERMINATED));
                self.end_session(now, session, EndCause::Cancelled { message });
            }
            Some(ServerUser::Reinvite(session)) => {
                self.reply_in_session(now, invite, session, &Reply::new(StatusCode::REQUEST_TERMINATED));
            }
            Some(ServerUser::Request | ServerUser::SessionRequest(_) | ServerUser::Bye) | None => {}
        }
    }

    /// Answers a malformed request without state, as far as its headers allow.
    fn refuse_malformed(&mut self, flow: &Flow, message: &Message, status: StatusCode) {
        if !message.is_answerable() {
            self.counters.malformed_dropped += 1;
            return;
        }
        self.counters.malformed_answered += 1;
        self.reply_without_state(message, reply_flow(flow, message), &Reply::new(status));
    }
}

/// Where the response to a request goes: by stream to where it came from; by datagram to the address it came from,
/// at the port it came from if its Via asks for that, and at the port of sent-by otherwise (RFC 3261 18.2.2,
/// RFC 3581 4). `maddr` is not followed: it would let a request choose a third party to be answered.
fn reply_flow(flow: &Flow, request: &Message) -> Flow {
    let asked_port = match (flow.transport, request.top_via()) {
        (Transport::Udp, Ok(via)) if via.rport().is_none() => {
            via.port().unwrap_or(Transport::Udp.default_port())
        }
        (Transport::Udp | Transport::Tcp | Transport::Tls, Ok(_) | Err(_)) => flow.remote.port(),
    };
    Flow {
        remote: SocketAddr::new(flow.remote.ip(), asked_port),
        ..*flow
    }
}
