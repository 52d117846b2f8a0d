//! Requests outside sessions, and the responses to everything this agent sends.

use std::sync::Arc;
use std::time::Instant;

use super::attempt::Attempt;
use super::realms::is_challenge;
use super::{
    ChallengeFault, ClientUser, Event, OutgoingRequest, RequestFailure, RequestId, Sequence, UserAgent,
};
use crate::draft::{Draft, is_sips, secured};
use crate::flow::Flow;
use crate::header::NameAddr;
use crate::message::{Message, StatusCode};
use crate::transaction::{Class, ClientKey, ResponseOutcome, TransactionId};

/// A draft of the first request of a dialog, or of one outside dialogs, with what the agent has chosen for it.
pub(super) struct Opening {
    pub(super) attempt: Attempt,
    pub(super) from_tag: String,
}

impl UserAgent {
    /// Sends a request outside a session; [`Event::Response`] tells how it went, also where it could not be sent.
    pub fn request(&mut self, now: Instant, flow: Flow, request: OutgoingRequest) -> RequestId {
        let id = RequestId(self.take_id());
        let opening = self.open(request);
        if let Err(failure) = self.start(now, flow, opening.attempt, ClientUser::Request(id)) {
            self.emit(Event::Response {
                request: id,
                outcome: Err(failure),
                unanswered: None,
            });
        }
        self.settle(now);
        id
    }

    /// Gives a request its tag, Call-ID and CSeq number.
    pub(super) fn open(&mut self, request: OutgoingRequest) -> Opening {
        let from_tag = self.random.tag();
        let Sequence { call_id, number } = request.sequence.unwrap_or_else(|| Sequence {
            call_id: self.random.call_id(),
            number: self.random.first_sequence(),
        });
        //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1.8
        //# If the Request-URI or top Route header field value contains a SIPS
        //# URI, the Contact header field MUST contain a SIPS URI as well.
        let top_route = request
            .route
            .first()
            .and_then(|route| NameAddr::parse(route).ok());
        let is_secure = is_sips(&request.uri) || top_route.is_some_and(|route| is_sips(route.uri().as_str()));
        let contact = request
            .contact
            .map(|contact| if is_secure { secured(&contact) } else { contact });
        let draft = Draft {
            method: request.method,
            uri: request.uri,
            route: request.route,
            from: format!("{};tag={from_tag}", request.from),
            to: request.to,
            call_id,
            contact,
            headers: request.headers,
            body: request.body,
        };
        let mut attempt = Attempt::new(draft, number, request.credentials.map(Arc::new));
        attempt.large_datagram = request.large_datagram;
        Opening { attempt, from_tag }
    }

    pub(super) fn handle_response(&mut self, now: Instant, response: Message) {
        let Some((status, key)) = response_key(&response) else {
            self.counters.responses_malformed += 1;
            return;
        };
        let class = class(status);
        let outcome = self
            .clients
            .handle_response(now, &key, class, &response, &mut self.outbox);
        self.flush();
        match outcome {
            ResponseOutcome::Stray => self.counters.responses_stray += 1,
            ResponseOutcome::Absorbed => {}
            ResponseOutcome::Deliver(id) => self.deliver(now, id, class, response),
        }
    }

    /// Gives a response to the user of its transaction.
    fn deliver(&mut self, now: Instant, id: TransactionId, class: Class, response: Message) {
        let Some(record) = self.client_by_transaction.get_mut(&id) else {
            return;
        };
        let (user, flow) = (record.user, record.flow);
        if class == Class::Provisional {
            if let ClientUser::Invite(session) = user {
                self.invite_proceeds(now, session, response);
            }
            return;
        }
        let attempt = record.attempt.take();
        let mut unanswered = None;
        if is_challenge(&response) && self.wants_answer(user) {
            let client_nonce = self.random.client_nonce();
            let answering = attempt
                .ok_or(ChallengeFault::NoCredentials)
                .and_then(|attempt| attempt.answering(&response, &client_nonce));
            match answering {
                Ok(attempt) => return self.retry(now, flow, user, attempt),
                Err(fault) => unanswered = Some(fault),
            }
        }
        match user {
            ClientUser::Request(request) => {
                self.emit(Event::Response {
                    request,
                    outcome: Ok(response),
                    unanswered,
                });
            }
            ClientUser::Invite(session) if class == Class::Success => {
                if !self.acknowledge_again(now, id, &response) {
                    self.invite_accepted(now, id, session, response);
                }
            }
            ClientUser::Invite(session) => self.invite_refused(session, response),
            ClientUser::SessionRequest(session, request) => {
                self.session_request_answered(now, session, request, response, unanswered);
            }
            ClientUser::Reinvite(session, request) => {
                if class == Class::Failure || !self.acknowledge_again(now, id, &response) {
                    self.reinvite_answered(now, id, session, request, response, unanswered);
                }
            }
            ClientUser::Bye(session) => self.bye_answered(now, session, Some(response)),
            ClientUser::Nobody => {}
        }
    }

    /// Whether a challenged request is still worth sending again.
    fn wants_answer(&self, user: ClientUser) -> bool {
        match user {
            ClientUser::Invite(session) => self.wants_invite(session),
            ClientUser::Request(_)
            | ClientUser::SessionRequest(..)
            | ClientUser::Reinvite(..)
            | ClientUser::Bye(_)
            | ClientUser::Nobody => true,
        }
    }

    /// Sends a challenged request again.
    fn retry(&mut self, now: Instant, flow: Flow, user: ClientUser, mut attempt: Attempt) {
        attempt.sequence = self.sequence_after(user, attempt.sequence);
        let authorizations = attempt.authorizations.clone();
        match self.start(now, flow, attempt, user) {
            Ok(id) => match user {
                ClientUser::Invite(session) => self.invite_restarted(session, id, authorizations),
                ClientUser::Reinvite(session, _) => self.reinvite_started(now, session, id, authorizations),
                ClientUser::Request(_)
                | ClientUser::SessionRequest(..)
                | ClientUser::Bye(_)
                | ClientUser::Nobody => {}
            },
            Err(failure) => self.user_failed(now, user, failure),
        }
    }

    /// A transaction ended without a response.
    pub(super) fn client_failed(&mut self, now: Instant, id: TransactionId, failure: RequestFailure) {
        if let Some(record) = self.client_by_transaction.get(&id) {
            self.user_failed(now, record.user, failure);
        }
    }

    fn user_failed(&mut self, now: Instant, user: ClientUser, failure: RequestFailure) {
        match user {
            ClientUser::Request(request) => self.emit(Event::Response {
                request,
                outcome: Err(failure),
                unanswered: None,
            }),
            ClientUser::Invite(session) => self.invite_failed(session, failure),
            ClientUser::SessionRequest(session, request) => {
                self.session_request_failed(now, session, request, failure);
            }
            ClientUser::Reinvite(session, request) => {
                self.reinvite_over(session);
                self.session_request_failed(now, session, request, failure);
            }
            ClientUser::Bye(session) => self.bye_answered(now, session, None),
            ClientUser::Nobody => {}
        }
    }
}

/// What a status code means to a transaction.
pub(super) fn class(status: StatusCode) -> Class {
    if status.is_provisional() {
        Class::Provisional
    } else if status.is_success() {
        Class::Success
    } else {
        Class::Failure
    }
}

/// Status and key of a response that can be used: well formed, and with no Via but ours.
//= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.3.3
//# If more than one Via header field value is present in a response, the
//# UAC SHOULD discard the message.
fn response_key(response: &Message) -> Option<(StatusCode, ClientKey)> {
    response.validate().ok()?;
    if response.vias().count() != 1 {
        return None;
    }
    Some((response.status()?, ClientKey::of_response(response).ok()??))
}
