//! SIP messages: octets as received or built, with an offset table over them.
//!
//! What came in goes out octet for octet. Reading a header is a look into the table, and a typed value is
//! read from the octets when it is asked for, without allocating. There are three outcomes for received
//! octets:
//!
//! 1. They cannot be framed: [`FramingError`](crate::framing::FramingError).
//! 2. They are framed and [`Message::validate`] names an [`Offence`]: answered with its status, or dropped.
//! 3. They are framed and sound.

mod builder;
mod edit;
mod frame;
mod head;
mod header_name;
mod method;
mod start_line;
mod status;
mod typed;
mod validate;

use std::fmt;

pub use self::builder::{BuildError, RequestBuilder, ResponseBuilder};
pub use self::header_name::HeaderName;
pub use self::method::{Method, OwnedMethod};
pub use self::status::{StatusClass, StatusCode};
pub use self::validate::{Finding, Offence, VIAS_MAX};

pub(crate) use self::frame::Frame;

use self::head::{Entry, Head};
use self::header_name::HeaderId;
use self::start_line::StartLine;
use crate::header::ListValues;

/// The largest message in octets, header section and body together: what 16-bit offsets reach, and more
/// than any UDP datagram carries.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The most header fields a message may have: several times what real ones have, even behind long
/// chains of proxies.
pub const HEADERS_MAX: usize = 128;

/// A SIP request or response.
#[derive(Clone)]
pub struct Message {
    /// Header section and body, nothing behind them; at most [`MESSAGE_BYTES_MAX`].
    octets: Vec<u8>,
    /// Describes `octets`, and nothing else.
    head: Head,
}

impl Message {
    /// The message as it is sent: header section and body.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }

    /// The octets, without copying them.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.octets
    }

    /// Says whether this is a request; a start line that is neither counts as one.
    #[must_use]
    pub fn is_request(&self) -> bool {
        match self.head.start_line {
            StartLine::Request { .. } | StartLine::MalformedRequest { .. } => true,
            StartLine::Response { .. } => false,
            StartLine::Malformed { is_response } => !is_response,
        }
    }

    /// The method of a request.
    #[must_use]
    pub fn method(&self) -> Option<Method<'_>> {
        match self.head.start_line {
            StartLine::Request { method, .. } | StartLine::MalformedRequest { method } => {
                method.text_of(&self.octets).map(Method::from)
            }
            StartLine::Response { .. } | StartLine::Malformed { .. } => None,
        }
    }

    /// The Request-URI as written, if the Request-Line is well formed as far as it concerns its elements.
    #[must_use]
    pub fn request_uri(&self) -> Option<&str> {
        match self.head.start_line {
            StartLine::Request { uri, .. } => uri.text_of(&self.octets),
            StartLine::MalformedRequest { .. } | StartLine::Response { .. } | StartLine::Malformed { .. } => {
                None
            }
        }
    }

    /// The status code of a response.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.head.start_line {
            StartLine::Response { status, .. } => Some(status),
            StartLine::Request { .. } | StartLine::MalformedRequest { .. } | StartLine::Malformed { .. } => {
                None
            }
        }
    }

    /// The reason phrase of a response; `None` too if it is not UTF-8.
    #[must_use]
    pub fn reason_phrase(&self) -> Option<&str> {
        match self.head.start_line {
            StartLine::Response { reason, .. } => reason.text_of(&self.octets),
            StartLine::Request { .. } | StartLine::MalformedRequest { .. } | StartLine::Malformed { .. } => {
                None
            }
        }
    }

    /// The value of the first header of this name, trimmed, folds included; `None` too if it is not UTF-8.
    #[must_use]
    pub fn header(&self, name: HeaderName<'_>) -> Option<&str> {
        self.entry(name)
            .and_then(|entry| entry.value.text_of(&self.octets))
    }

    /// The octets of the first header of this name, trimmed, folds included.
    #[must_use]
    pub fn header_bytes(&self, name: HeaderName<'_>) -> Option<&[u8]> {
        self.entry(name).map(|entry| entry.value.of(&self.octets))
    }

    /// The values of all headers of this name, one item per header line; those that are not UTF-8 are
    /// left out.
    pub fn headers<'a>(&'a self, name: HeaderName<'a>) -> impl Iterator<Item = &'a str> {
        self.entries(name)
            .filter_map(|entry| entry.value.text_of(&self.octets))
    }

    /// The comma-separated values of all headers of this name, trimmed; for headers that are lists.
    pub fn list<'a>(&'a self, name: HeaderName<'a>) -> impl Iterator<Item = &'a str> {
        self.headers(name).flat_map(ListValues::new)
    }

    /// Says whether a list header (Require, Supported, Allow, ...) contains this token, ignoring case.
    #[must_use]
    pub fn has_token(&self, name: HeaderName<'_>, token: &str) -> bool {
        self.headers(name)
            .flat_map(ListValues::new)
            .any(|value| value.eq_ignore_ascii_case(token))
    }

    /// All header fields in their order, as name and octets of the value.
    pub fn fields(&self) -> impl Iterator<Item = (HeaderName<'_>, &[u8])> {
        self.head.entries.iter().filter_map(|entry| {
            let name = match entry.id.name() {
                Some(name) => name,
                None => HeaderName::Other(entry.name.text_of(&self.octets)?),
            };
            Some((name, entry.value.of(&self.octets)))
        })
    }

    /// The body; empty if there is none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.octets.get(self.head.length..).unwrap_or_default()
    }

    /// Begins a response to this request.
    #[must_use]
    pub fn response(&self, status: StatusCode) -> ResponseBuilder<'_> {
        ResponseBuilder::new(self, status)
    }

    fn entry(&self, name: HeaderName<'_>) -> Option<Entry> {
        self.entries(name).next()
    }

    fn entries<'a>(&'a self, name: HeaderName<'a>) -> impl Iterator<Item = Entry> + 'a {
        let id = name.id();
        self.head
            .entries_of(id)
            .filter(move |entry| id != HeaderId::Other || self.is_named(entry, name))
    }

    fn is_named(&self, entry: &Entry, name: HeaderName<'_>) -> bool {
        entry
            .name
            .of(&self.octets)
            .eq_ignore_ascii_case(name.as_str().as_bytes())
    }
}

/// Two messages are equal if their octets are.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl Eq for Message {}

/// Shows the start line without its URI and the sizes only: headers and bodies carry credentials and keys.
impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("method", &self.method())
            .field("status", &self.status())
            .field("headers", &self.head.entries.len())
            .field("body_length", &self.body().len())
            .finish()
    }
}
