//! What the owner of a [`UserAgent`](super::UserAgent) asks for: requests and replies without the headers that
//! the agent itself makes (Via, From and To tags, Call-ID, CSeq, Max-Forwards, Content-Length).

use std::fmt;

use crate::digest::ClientCredentials;
use crate::message::{OwnedMethod, StatusCode};

/// A message body and its Content-Type.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// For example `application/sdp`.
    pub content_type: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Body {
    /// An SDP body.
    pub fn sdp(text: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type: "application/sdp".to_owned(),
            bytes: text.into(),
        }
    }
}

/// Shows the type and the length only: SDP carries media keys.
impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Body")
            .field("content_type", &self.content_type)
            .field("length", &self.bytes.len())
            .finish()
    }
}

/// A request outside a dialog, or the INVITE of a new session.
#[derive(Clone)]
pub struct OutgoingRequest {
    /// The method. [`invite`](super::UserAgent::invite) sends INVITE whatever is said here.
    pub method: OwnedMethod,
    /// The Request-URI.
    pub uri: String,
    /// The From header field without its tag: a URI in angle brackets, or a display name before it.
    pub from: String,
    /// The To header field; a tag makes it a request inside a dialog the caller knows of.
    pub to: String,
    /// The Contact header field.
    pub contact: Option<String>,
    /// The Route header fields, top first.
    pub route: Vec<String>,
    /// Further header fields, in order. A Max-Forwards among them takes the place of the agent's own, as a
    /// back-to-back user agent needs (RFC 7332 section 5).
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
    /// Call-ID and CSeq number, where the caller keeps them (REGISTER, RFC 3261 10.2); made by the agent
    /// otherwise.
    pub sequence: Option<Sequence>,
    /// Answers one challenge of each realm, and one more that says `stale`, without asking.
    pub credentials: Option<ClientCredentials>,
    /// Send on UDP whatever the size.
    pub large_datagram: bool,
}

impl OutgoingRequest {
    /// A request with the four fields that none can do without.
    pub fn new(
        method: impl Into<OwnedMethod>,
        uri: impl Into<String>,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Self {
        Self {
            method: method.into(),
            uri: uri.into(),
            from: from.into(),
            to: to.into(),
            contact: None,
            route: Vec::new(),
            headers: Vec::new(),
            body: None,
            sequence: None,
            credentials: None,
            large_datagram: false,
        }
    }
}

/// Shows neither addresses nor the values of headers, which may answer a challenge.
impl fmt::Debug for OutgoingRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OutgoingRequest")
            .field("method", &self.method)
            .field("headers", &names(&self.headers))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// Call-ID and CSeq number of a request whose sender keeps both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// The Call-ID.
    pub call_id: String,
    /// The CSeq number. A request that is challenged is sent again with the next one, which the final
    /// response shows.
    pub number: u32,
}

/// A response without the header fields that follow from the request.
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The Contact header field; for a session the agent makes one from the flow where it is wanted and missing.
    pub contact: Option<String>,
    /// Further header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
    /// Whether it is forgotten when it has been sent; see [`without_state`](Self::without_state).
    pub(super) is_forgotten: bool,
}

impl Reply {
    /// A response with nothing but its status.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            contact: None,
            headers: Vec::new(),
            body: None,
            is_forgotten: false,
        }
    }

    /// Makes a refusal of an INVITE leave no state: it is sent once, and a copy of the INVITE comes up again. For senders
    /// that have not shown who they are, who could otherwise fill the agent.
    #[must_use]
    pub fn without_state(mut self) -> Self {
        self.is_forgotten = true;
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the Contact header field.
    #[must_use]
    pub fn contact(mut self, contact: impl Into<String>) -> Self {
        self.contact = Some(contact.into());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }
}

/// Shows the names of headers without their values, which may hold challenges.
impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &names(&self.headers))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

fn names(headers: &[(String, String)]) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}
