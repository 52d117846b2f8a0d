//! Responses: what the agent adds to a [`Reply`], and answering without state.

use std::time::Instant;

use bytes::Bytes;

use super::outgoing::class;
use super::{Reply, ServerId, ServerUser, UserAgent};
use crate::draft::secured;
use crate::flow::{Flow, Transport};
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::transaction::TransactionId;

/// What a request over a limit is told to wait, in seconds: long enough for UDP transactions to run out.
const RETRY_AFTER_OVERFLOW: &str = "32";

/// What a response takes from the dialog it belongs to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DialogPart<'a> {
    /// Added to a To header field without a tag.
    pub(super) to_tag: Option<&'a str>,
    /// Used where the reply names no Contact.
    pub(super) contact: Option<&'a str>,
    /// Whether the Contact must be `sips:` (RFC 3261 12.1.1).
    pub(super) is_secure: bool,
}

/// A response as it goes out.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Not always that of the reply: what cannot be written becomes a 500.
    pub(super) status: StatusCode,
    pub(super) octets: Bytes,
}

impl UserAgent {
    /// Answers a request that came up as [`Event::Request`](super::Event::Request),
    /// [`Event::SessionRequest`](super::Event::SessionRequest) or
    /// [`EndCause::Bye`](super::EndCause::Bye). Provisional replies are accepted for a re-INVITE only.
    ///
    /// A reply to a transaction that is over, or that has been answered, is counted and not sent.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a reply is used up: it belongs to one request"
    )]
    pub fn respond(&mut self, now: Instant, transaction: ServerId, reply: Reply) {
        let id = TransactionId(transaction.0);
        match self.server_user_by_transaction.get(&id).copied() {
            Some(ServerUser::Request | ServerUser::Bye) => self.reply(now, id, &reply),
            Some(ServerUser::SessionRequest(session) | ServerUser::Reinvite(session)) => {
                self.reply_in_session(now, id, session, &reply);
            }
            Some(ServerUser::Invite(_)) | None => self.counters.late_replies += 1,
        }
        self.settle(now);
    }

    /// Where the responses to a request go: to where it came from, or to another port of the same address where its Via
    /// asks for that (RFC 3261 18.2.2). `None` where it has been answered and forgotten.
    pub fn reply_flow(&self, transaction: ServerId) -> Option<Flow> {
        self.servers.reply_flow(TransactionId(transaction.0))
    }

    /// Answers outside a session. A refusal leaves no state, or whoever has no password could fill the agent with it; the
    /// same request again is judged again. So does any answer to OPTIONS, which changes nothing.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.7
    //# The stateless UAS role is needed primarily to handle unauthenticated
    //# requests for which a challenge response is issued.
    pub(super) fn reply(&mut self, now: Instant, id: TransactionId, reply: &Reply) {
        let Some(request) = self.servers.request(id) else {
            self.counters.late_replies += 1;
            return;
        };
        let is_harmless = !reply.status.is_success() || request.method() == Some(Method::Options);
        self.reply_and_keep(now, id, reply);
        if is_harmless && self.servers.request(id).is_none() {
            self.servers.forget(id, &mut self.outbox);
        }
    }

    /// Answers through the transaction, so that retransmissions get the same answer: a request inside a session may find
    /// the session in another state when it comes again.
    pub(super) fn reply_and_keep(&mut self, now: Instant, id: TransactionId, reply: &Reply) {
        let Some(request) = self.servers.request(id) else {
            self.counters.late_replies += 1;
            return;
        };
        let tag = self.stateless_tag(request);
        let response = self.compose(
            request,
            reply,
            DialogPart {
                to_tag: Some(&tag),
                ..DialogPart::default()
            },
        );
        self.send_reply(now, id, response);
    }

    /// Whether an ACK is for a refusal that left no state (RFC 3261 8.2.7: such an ACK is ignored).
    pub(super) fn is_ack_of_refusal(&self, ack: &Message) -> bool {
        let tag = ack.to().ok().and_then(|to| to.tag());
        tag.is_some_and(|tag| tag == self.stateless_tag(ack))
    }

    /// Hands a written response to its transaction.
    //= https://www.rfc-editor.org/rfc/rfc4320#section-4.2
    //# A transaction-stateful SIP element MUST NOT send a response with
    //# Status-Code of 408 to a non-INVITE request.
    pub(super) fn send_reply(&mut self, now: Instant, id: TransactionId, response: Option<Written>) {
        let Some(Written { status, octets }) = response else {
            // Nothing could be said: the same request again is as good as the first.
            self.servers.forget(id, &mut self.outbox);
            return self.count_unsent();
        };
        let method = self.servers.request(id).and_then(Message::method);
        if status == StatusCode::REQUEST_TIMEOUT && method != Some(Method::Invite) {
            self.counters.late_replies += 1;
            return;
        }
        self.servers
            .respond(now, id, class(status), octets, &mut self.outbox);
        if status.is_final() {
            self.server_user_by_transaction.remove(&id);
        }
        self.flush();
    }

    /// Answers without a transaction; a retransmission of the request gets the same answer again.
    pub(super) fn reply_without_state(&mut self, request: &Message, reply_flow: Flow, reply: &Reply) {
        let tag = self.stateless_tag(request);
        let response = self.compose(
            request,
            reply,
            DialogPart {
                to_tag: Some(&tag),
                ..DialogPart::default()
            },
        );
        match response {
            Some(written) => self.transmit(reply_flow, written.octets),
            None => self.count_unsent(),
        }
    }

    fn count_unsent(&mut self) {
        self.counters.unsent += 1;
    }

    /// Answers 503 without a transaction, because a limit is reached.
    pub(super) fn reply_overflow(&mut self, request: &Message, reply_flow: Flow) {
        self.counters.overflow += 1;
        let reply = Reply::new(StatusCode::SERVICE_UNAVAILABLE).header("Retry-After", RETRY_AFTER_OVERFLOW);
        self.reply_without_state(request, reply_flow, &reply);
    }

    /// Writes a response. A reply that cannot be written (a line break in a header, more octets than a message may have)
    /// becomes a bare 500; `None` where what the request is owed leaves no room for that either.
    pub(super) fn compose(
        &self,
        request: &Message,
        reply: &Reply,
        dialog: DialogPart<'_>,
    ) -> Option<Written> {
        let failure = Reply::new(StatusCode::SERVER_INTERNAL_ERROR);
        [reply, &failure].into_iter().find_map(|reply| {
            let octets = self.try_compose(request, reply, dialog)?;
            Some(Written {
                status: reply.status,
                octets: Bytes::from(octets),
            })
        })
    }

    fn try_compose(&self, request: &Message, reply: &Reply, dialog: DialogPart<'_>) -> Option<Vec<u8>> {
        let mut builder = request.response(reply.status);
        if let Some(tag) = dialog.to_tag {
            builder = builder.to_tag(tag);
        }
        let method = request.method();
        let establishes = matches!(method, Some(Method::Invite)) && is_dialog_forming(reply.status);
        if establishes {
            builder = builder.record_route();
        }
        let contact = reply
            .contact
            .as_deref()
            .or(dialog.contact.filter(|_| wants_contact(method, reply.status)));
        if let Some(contact) = contact {
            let contact = if dialog.is_secure {
                secured(contact)
            } else {
                contact.to_owned()
            };
            builder = builder.header(HeaderName::Contact, &contact);
        }
        let describes_itself =
            reply.status.is_success() && matches!(method, Some(Method::Invite | Method::Options));
        if describes_itself
            || reply.status == StatusCode::METHOD_NOT_ALLOWED
            || reply.status == StatusCode::NOT_IMPLEMENTED
        {
            builder = builder.header(HeaderName::Allow, &self.allow);
        }
        if describes_itself && !self.supported.is_empty() {
            builder = builder.header(HeaderName::Supported, &self.supported);
        }
        builder = builder.header(HeaderName::Server, &self.config.user_agent);
        for (name, value) in &reply.headers {
            builder = builder.header(HeaderName::from(name.as_str()), value);
        }
        if let Some(body) = &reply.body {
            builder = builder.body(&body.content_type, &body.bytes);
        }
        builder.finish_octets().ok()
    }

    /// The Contact of a session whose owner gives none.
    pub(super) fn own_contact(&self, flow: &Flow, is_secure: bool) -> String {
        let sent_by = self.config.sent_by(flow.transport, flow.local);
        match flow.transport {
            Transport::Tls if is_secure => format!("<sips:{sent_by}>"),
            Transport::Udp => format!("<sip:{sent_by}>"),
            Transport::Tcp | Transport::Tls => {
                format!("<sip:{sent_by};transport={}>", flow.transport.uri_token())
            }
        }
    }

    fn stateless_tag(&self, request: &Message) -> String {
        let branch = request
            .top_via()
            .ok()
            .and_then(|via| via.branch())
            .unwrap_or_default();
        let call_id = request.call_id().unwrap_or_default();
        self.random.stateless_tag(&[branch, call_id])
    }
}

/// Whether a response to INVITE makes a dialog, confirmed or early.
fn is_dialog_forming(status: StatusCode) -> bool {
    status.is_success() || (status.is_provisional() && status != StatusCode::TRYING)
}

/// Whether a response carries the Contact of its session (RFC 3261 Table 2, 12.1.1).
fn wants_contact(method: Option<Method<'_>>, status: StatusCode) -> bool {
    matches!(method, Some(Method::Invite | Method::Update)) && is_dialog_forming(status)
}
