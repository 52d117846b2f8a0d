//! What comes out of a [`UserAgent`](super::UserAgent): bytes to send, and what happened.

use std::fmt;

use bytes::Bytes;

use crate::flow::Flow;
use crate::message::{Message, StatusCode};

/// A request received outside a session, or inside one, that its owner answers with
/// [`respond`](super::UserAgent::respond).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub(crate) u64);

/// A non-INVITE request outside a session, or any request inside one, that this agent sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// A session that an INVITE set up or tries to set up; never reused by one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(crate) u64);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server-{}", self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request-{}", self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session-{}", self.0)
    }
}

/// One effect of a [`UserAgent`](super::UserAgent), to be carried out in the order in which it was polled.
#[expect(
    clippy::large_enum_variant,
    reason = "an output is moved once, from the queue to the owner"
)]
pub enum Output {
    /// Send these bytes, one whole message, on this flow.
    Transmit {
        /// The connection or socket, and the peer's address.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// Tell the owner.
    Event(Event),
}

/// Shows the length of a message only: headers and bodies carry credentials and keys.
impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit { flow, bytes } => formatter
                .debug_struct("Transmit")
                .field("flow", flow)
                .field("length", &bytes.len())
                .finish(),
            Self::Event(event) => formatter.debug_tuple("Event").field(event).finish(),
        }
    }
}

/// What the owner of a [`UserAgent`](super::UserAgent) learns.
///
/// The life of a session this agent starts: any number of `Progress`, then `Answered` or `Rejected`; after
/// `Answered`, `Ended`. Of a session the peer starts: `Invite`; after [`answer`](super::UserAgent::answer),
/// `Confirmed`; then `Ended`. `Rejected` or `Ended` comes exactly once for each session, and is its last event but
/// for the `Response`s to requests still under way; a session its owner [`reject`](super::UserAgent::reject)s has
/// no further event.
#[derive(Debug)]
pub enum Event {
    /// A request outside any session: REGISTER, OPTIONS, MESSAGE and so on. Unanswered, it ends after 64*T1.
    Request {
        /// What to answer.
        transaction: ServerId,
        /// Where it came from.
        flow: Flow,
        /// The request.
        message: Message,
    },
    /// An INVITE for a new session. 100 is sent after 200 ms if the owner has not answered.
    Invite {
        /// The session to answer or reject.
        session: SessionId,
        /// Where it came from.
        flow: Flow,
        /// The INVITE.
        message: Message,
    },
    /// A provisional response (101-199) to our INVITE.
    Progress {
        /// Our session.
        session: SessionId,
        /// The response.
        message: Message,
    },
    /// Our INVITE was answered 2xx; the ACK has been sent.
    Answered {
        /// Our session.
        session: SessionId,
        /// The 2xx response.
        message: Message,
    },
    /// Our INVITE came to nothing: the last event of this session.
    Rejected {
        /// Our session.
        session: SessionId,
        /// The peer's status, or the one that stands for the local `failure` (408, 503, 513, ...).
        status: StatusCode,
        /// The peer's response, if one came.
        message: Option<Message>,
        /// The local failure; `None` when the peer refused.
        failure: Option<RequestFailure>,
    },
    /// The ACK for our 2xx to an INVITE or a re-INVITE arrived.
    Confirmed {
        /// The session.
        session: SessionId,
        /// The ACK, which may carry an SDP answer.
        message: Message,
    },
    /// A request inside a session (INFO, re-INVITE, UPDATE, OPTIONS, ...), to be answered with
    /// [`respond`](super::UserAgent::respond).
    SessionRequest {
        /// The session.
        session: SessionId,
        /// What to answer.
        transaction: ServerId,
        /// The request.
        message: Message,
    },
    /// The peer has answered a refresh of the agent's own (RFC 4028) by a re-INVITE, which has repeated the last description of
    /// ours; the ACK has been sent. What the description in the response says is in force (RFC 3261 14.1, RFC 3264 8);
    /// where it is of no use the owner hangs up.
    Refreshed {
        /// The session.
        session: SessionId,
        /// The 2xx response, with a body.
        message: Message,
    },
    /// The last event of a session.
    Ended {
        /// The session.
        session: SessionId,
        /// Why.
        cause: EndCause,
    },
    /// The outcome of a request, other than a session's first INVITE, its CANCEL and its BYE.
    Response {
        /// What [`request`](super::UserAgent::request) or
        /// [`request_in_session`](super::UserAgent::request_in_session) returned.
        request: RequestId,
        /// The final response, or why there is none.
        outcome: Result<Message, RequestFailure>,
        /// Why the challenge that the response is was not answered; `None` where it is none.
        unanswered: Option<ChallengeFault>,
    },
}

/// Why a session ended.
#[derive(Debug)]
pub enum EndCause {
    /// The peer sent BYE. The owner answers it with [`respond`](super::UserAgent::respond) within
    /// [`BYE_ANSWER_MAX`](super::BYE_ANSWER_MAX); after that the agent answers 200.
    Bye {
        /// What to answer.
        transaction: ServerId,
        /// The BYE, with its Reason and body.
        message: Message,
    },
    /// The caller cancelled before an answer; 200 and 487 have been sent.
    Cancelled {
        /// The CANCEL, with its Reason.
        message: Message,
    },
    /// [`hang_up`](super::UserAgent::hang_up) has come to its end.
    HungUp {
        /// The peer's final answer to the BYE or to the cancelled INVITE, if one came.
        answer: Option<Message>,
    },
    /// No ACK came for a 2xx within 64*T1; BYE has been sent.
    AckTimeout,
    /// The owner did not answer an INVITE within [`RINGING_MAX`](super::RINGING_MAX), and 480 has been sent; or its
    /// answer could not be written, and 500 has been sent if that could be; or the peer only rang for
    /// [`CALLING_MAX`](super::CALLING_MAX), and CANCEL has been sent.
    NotAnswered,
    /// The peer does not know the session (481), or did not answer a request in it (408 or silence); BYE has
    /// been sent (RFC 3261 12.2.1.2).
    Lost,
    /// The flow failed.
    FlowFailed,
}

/// Why a challenge (401, 407) is the final response to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeFault {
    /// The request has no credentials.
    NoCredentials,
    /// None of its challenges can be answered: other schemes, algorithms that are unknown or weaker than the credentials
    /// allow, malformed ones, or more realms than [`REALMS_MAX`](super::REALMS_MAX).
    NotUsable,
    /// A realm challenges again after its challenge has been answered.
    Repeated,
}

/// Why a request has no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFailure {
    /// No final response within 64*T1, or, for an INVITE that only rang, within the agent's limit.
    #[error("no final response in time")]
    Timeout,
    /// The flow failed.
    #[error("the flow failed")]
    FlowFailed,
    /// The request is larger than [`DATAGRAM_MAX`](super::DATAGRAM_MAX) and the flow is UDP: use a stream, or
    /// say that a large datagram is acceptable (RFC 3261 18.1.1). Nothing has been sent.
    #[error("too large for a datagram")]
    NeedsStream,
    /// A `sips:` Request-URI, and the flow is not TLS (RFC 5630 3.1). Nothing has been sent.
    #[error("sips: over a flow that is not TLS")]
    NeedsTls,
    /// The request cannot be written: a header holds a line break, or a URI is not one. Nothing has been sent.
    #[error("the request cannot be written")]
    Malformed,
    /// A limit of this agent is reached. Nothing has been sent.
    #[error("too many requests or sessions at once")]
    Overload,
    /// The 2xx to an INVITE makes no dialog: its path is malformed, or longer than
    /// [`ROUTE_SET_MAX`](super::ROUTE_SET_MAX). ACK and BYE have been sent.
    #[error("the answer makes no dialog")]
    BadAnswer,
    /// The session is unknown or has ended, or cannot take this request in its present state (a re-INVITE while
    /// another is pending, any request before the dialog exists). Nothing has been sent.
    #[error("the session cannot take the request")]
    NotPossible,
}

impl RequestFailure {
    /// The status that stands for this failure where a status is wanted (RFC 3261 8.1.3.1).
    pub fn status(self) -> StatusCode {
        match self {
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::FlowFailed | Self::Overload => StatusCode::SERVICE_UNAVAILABLE,
            Self::NeedsStream => StatusCode::MESSAGE_TOO_LARGE,
            Self::NeedsTls => StatusCode::UNSUPPORTED_URI_SCHEME,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::BadAnswer => StatusCode::BAD_GATEWAY,
            Self::NotPossible => StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
        }
    }
}
