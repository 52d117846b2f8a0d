//! The four transaction machines (RFC 3261 17 with RFC 6026 and RFC 4320), the timers that drive them, the keys
//! that messages find them by, and the bounded table that holds them.
//!
//! A machine knows nothing of bytes, addresses or headers: it takes a class of response, a timer or a failure,
//! and returns [`Effect`]s in the order in which they are to happen.

mod client_invite;
mod client_non_invite;
mod clients;
mod key;
mod outbox;
mod server_invite;
mod server_non_invite;
mod servers;
mod timer;
#[cfg(test)]
mod transition_table;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::message::{BuildError, HeaderName, Message, Method, RequestBuilder, StatusCode};

pub(crate) use clients::{Clients, ResponseOutcome};
pub(crate) use key::{ClientKey, MergeKey, ServerKey};
pub(crate) use outbox::{Outbox, Outgoing};
pub(crate) use servers::{AckOutcome, Arrival, Room, Servers};
pub use timer::Timers;
pub(crate) use timer::{Running, Timer};

/// Names a transaction, client or server; never reused by one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TransactionId(pub(crate) u64);

impl TransactionId {
    pub(crate) const FIRST: Self = Self(0);
    pub(crate) const LAST: Self = Self(u64::MAX);
}

/// What a status code means to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// 100-199.
    Provisional,
    /// 200-299.
    Success,
    /// 300-699.
    Failure,
}

/// What a machine wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Client: send the request again. Server: send the latest response, if there is one.
    Send,
    /// Send the ACK that answers a 300-699 response to INVITE.
    SendAck,
    /// Send 100 in the user's place.
    SendTrying,
    /// Give the message that has just arrived to the user.
    Deliver,
    /// Tell the user that the time to answer is over.
    TimedOut,
    /// Tell the user that the flow cannot carry the transaction.
    FlowFailed,
}

/// Effects in the order in which they are to happen.
pub(crate) type Effects = SmallVec<[Effect; 2]>;

/// The ACK for a 300-699 response to `invite` (RFC 3261 17.1.1.3).
//= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.3
//# The ACK request constructed by the client transaction MUST contain
//# values for the Call-ID, From, and Request-URI that are equal to the
//# values of those header fields in the request passed to the transport
//# by the client transaction (call this the "original request").  The To
//# header field in the ACK MUST equal the To header field in the
//# response being acknowledged, and will therefore usually differ from
//# the To header field in the original request by the addition of the
//# tag parameter.
fn acknowledge(invite: &Message, response: &Message) -> Option<Bytes> {
    let sequence = invite.cseq().ok()?.sequence;
    let to = crate::header::unfold(response.header(HeaderName::To)?);
    let mut builder = RequestBuilder::new(Method::Ack, invite.request_uri()?)
        .header(HeaderName::Via, invite.header(HeaderName::Via)?);
    for route in invite.headers(HeaderName::Route) {
        builder = builder.header(HeaderName::Route, route);
    }
    let ack = builder
        .header(HeaderName::MaxForwards, crate::draft::MAX_FORWARDS)
        .header(HeaderName::From, invite.header(HeaderName::From)?)
        .header(HeaderName::To, &to)
        .header(HeaderName::CallId, invite.header(HeaderName::CallId)?)
        .header(HeaderName::CSeq, &format!("{sequence} ACK"))
        .finish();
    ack.ok().map(|ack| Bytes::from(ack.into_bytes()))
}

/// 100 Trying, which needs no To tag (RFC 3261 8.2.6.2).
fn trying(request: &Message) -> Result<Bytes, BuildError> {
    request
        .response(StatusCode::TRYING)
        .finish()
        .map(|response| Bytes::from(response.into_bytes()))
}
