//! Requests and responses from their parts.
//!
//! A builder writes octets at once and keeps its first error until [`RequestBuilder::finish`], so that
//! calls can be chained. Content-Length is always written, as the last header.

use thiserror::Error;

use super::{HEADERS_MAX, HeaderName, MESSAGE_BYTES_MAX, Message, Method, StatusCode};
use crate::header::is_token;
use crate::uri::{Uri, UriError};

/// Why a message could not be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A method or a header name is no token.
    #[error("{0:?} is no token")]
    Token(String),
    /// The Request-URI is malformed.
    #[error("the Request-URI is malformed: {0}")]
    Uri(#[from] UriError),
    /// A value holds CR, LF or NUL, with which a peer could be made to see other headers.
    #[error("the value of {0} holds a line end or NUL")]
    Value(String),
    /// Content-Length is the builder's own.
    #[error("Content-Length is written by the builder")]
    ContentLength,
    /// More than [`HEADERS_MAX`] headers, beside those that a response copies from its request.
    #[error("too many headers")]
    TooManyHeaders,
    /// More than [`MESSAGE_BYTES_MAX`] octets.
    #[error("the message is too large")]
    TooLarge,
}

/// Writes a request.
#[derive(Clone, Debug)]
pub struct RequestBuilder {
    draft: Draft,
}

impl RequestBuilder {
    /// Begins with the Request-Line; a malformed method or URI is reported by [`Self::finish`].
    #[must_use]
    pub fn new(method: Method<'_>, uri: &str) -> Self {
        let mut draft = Draft::with_capacity(1024);
        if !is_token(method.as_str()) {
            draft.fail(BuildError::Token(method.as_str().to_owned()));
        } else if let Err(error) = Uri::parse(uri) {
            draft.fail(error.into());
        }
        draft.write(&[method.as_str(), " ", uri, " SIP/2.0\r\n"]);
        Self { draft }
    }

    /// Adds a header; a name that is no token and a value with CR, LF or NUL are reported by
    /// [`Self::finish`].
    #[must_use]
    pub fn header(mut self, name: HeaderName<'_>, value: &str) -> Self {
        self.draft.header(name, value);
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.draft.body(content_type, body);
        self
    }

    /// Completes the message.
    ///
    /// # Errors
    /// The first [`BuildError`] of any call.
    pub fn finish(self) -> Result<Message, BuildError> {
        self.draft.finish().map(Message::from_framed)
    }
}

/// Writes a response to a request.
///
/// It copies all Via values, From, To, Call-ID and `CSeq` as far as the request has them (RFC 3261 section
/// 8.2.6.2), and Timestamp into a 100.
#[derive(Clone, Debug)]
pub struct ResponseBuilder<'a> {
    request: &'a Message,
    status: StatusCode,
    reason: Option<&'a str>,
    to_tag: Option<&'a str>,
    copies_record_route: bool,
    /// The headers behind the copied ones.
    draft: Draft,
}

impl<'a> ResponseBuilder<'a> {
    pub(super) fn new(request: &'a Message, status: StatusCode) -> Self {
        let draft = Draft::with_capacity(256);
        Self {
            request,
            status,
            reason: None,
            to_tag: None,
            copies_record_route: false,
            draft,
        }
    }

    /// Replaces the default reason phrase.
    #[must_use]
    pub fn reason(mut self, phrase: &'a str) -> Self {
        self.reason = Some(phrase);
        self
    }

    /// Adds this tag to To, unless the request's To has one.
    #[must_use]
    pub fn to_tag(mut self, tag: &'a str) -> Self {
        self.to_tag = Some(tag);
        self
    }

    /// Copies Record-Route too, as a response that makes a dialog must (RFC 3261 section 12.1.1).
    #[must_use]
    pub fn record_route(mut self) -> Self {
        self.copies_record_route = true;
        self
    }

    /// Adds a header; a name that is no token and a value with CR, LF or NUL are reported by
    /// [`Self::finish`].
    #[must_use]
    pub fn header(mut self, name: HeaderName<'_>, value: &str) -> Self {
        self.draft.header(name, value);
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.draft.body(content_type, body);
        self
    }

    /// Completes the message.
    ///
    /// # Errors
    /// The first [`BuildError`] of any call.
    pub fn finish(self) -> Result<Message, BuildError> {
        self.finish_octets().map(Message::from_framed)
    }

    /// Completes the octets of a message that is sent and not read: it needs no table.
    ///
    /// # Errors
    /// The first [`BuildError`] of any call.
    pub fn finish_octets(self) -> Result<Vec<u8>, BuildError> {
        let mut draft = Draft::with_capacity(512 + self.draft.octets.len() + self.draft.body.len());
        let phrase = self.reason.unwrap_or_else(|| self.status.reason());
        if !is_safe(phrase) {
            draft.fail(BuildError::Value("Reason-Phrase".to_owned()));
        }
        draft.write(&["SIP/2.0 ", &self.status.to_string(), " ", phrase, "\r\n"]);
        self.copy(&mut draft);
        draft.append(self.draft);
        draft.finish()
    }

    fn copy(&self, draft: &mut Draft) {
        draft.copy_all(self.request, HeaderName::Via);
        if self.copies_record_route {
            draft.copy_all(self.request, HeaderName::RecordRoute);
        }
        draft.copy_first(self.request, HeaderName::From, None);
        draft.copy_first(self.request, HeaderName::To, self.missing_tag());
        draft.copy_first(self.request, HeaderName::CallId, None);
        draft.copy_first(self.request, HeaderName::CSeq, None);
        //= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.6.1
        //# When a 100 (Trying) response is generated, any Timestamp header field
        //# present in the request MUST be copied into this 100 (Trying)
        //# response.
        if self.status == StatusCode::TRYING {
            draft.copy_first(self.request, HeaderName::Timestamp, None);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.6.2
    //# However, if the To header field in the request did not contain a tag,
    //# the URI in the To header field in the response MUST equal the URI in
    //# the To header field; additionally, the UAS MUST add a tag to the To
    //# header field in the response
    fn missing_tag(&self) -> Option<&'a str> {
        let tag = self.to_tag?;
        let is_tagged = self.request.to().is_ok_and(|to| to.tag().is_some());
        if is_tagged { None } else { Some(tag) }
    }
}

/// A message as far as it is written.
#[derive(Clone, Debug)]
struct Draft {
    octets: Vec<u8>,
    body: Vec<u8>,
    headers: usize,
    error: Option<BuildError>,
}

impl Draft {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            octets: Vec::with_capacity(capacity),
            body: Vec::new(),
            headers: 0,
            error: None,
        }
    }

    fn fail(&mut self, error: BuildError) {
        self.error.get_or_insert(error);
    }

    fn write(&mut self, texts: &[&str]) {
        for text in texts {
            self.octets.extend_from_slice(text.as_bytes());
        }
    }

    fn header(&mut self, name: HeaderName<'_>, value: &str) {
        let text = name.as_str();
        if !is_token(text) {
            self.fail(BuildError::Token(text.to_owned()));
        } else if !is_safe(value) {
            self.fail(BuildError::Value(text.to_owned()));
        } else if name == HeaderName::ContentLength {
            self.fail(BuildError::ContentLength);
        } else {
            self.write(&[text, ": ", value, "\r\n"]);
            self.headers += 1;
        }
    }

    fn body(&mut self, content_type: &str, body: &[u8]) {
        self.header(HeaderName::ContentType, content_type);
        self.body = body.to_vec();
    }

    /// Copies values of a parsed message as they are: their folds are sound. They do not count, or a request that just
    /// keeps the limit could not be answered.
    fn copy_all(&mut self, source: &Message, name: HeaderName<'static>) {
        for entry in source.entries(name) {
            self.copy(name, entry.value.of(&source.octets), None);
        }
    }

    fn copy_first(&mut self, source: &Message, name: HeaderName<'static>, tag: Option<&str>) {
        if let Some(value) = source.header_bytes(name) {
            self.copy(name, value, tag);
        }
    }

    fn copy(&mut self, name: HeaderName<'static>, value: &[u8], tag: Option<&str>) {
        self.write(&[name.as_str(), ": "]);
        self.octets.extend_from_slice(value);
        if let Some(tag) = tag {
            if !is_token(tag) {
                self.fail(BuildError::Token(tag.to_owned()));
            }
            self.write(&[";tag=", tag]);
        }
        self.write(&["\r\n"]);
    }

    fn append(&mut self, other: Self) {
        self.octets.extend_from_slice(&other.octets);
        self.body = other.body;
        self.headers += other.headers;
        if let Some(error) = other.error {
            self.fail(error);
        }
    }

    fn finish(mut self) -> Result<Vec<u8>, BuildError> {
        let length = self.body.len().to_string();
        self.write(&["Content-Length: ", &length, "\r\n\r\n"]);
        self.octets.append(&mut self.body);
        if self.octets.len() > MESSAGE_BYTES_MAX {
            self.fail(BuildError::TooLarge);
        }
        if self.headers + 1 > HEADERS_MAX {
            self.fail(BuildError::TooManyHeaders);
        }
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.octets),
        }
    }
}

fn is_safe(value: &str) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, value.as_bytes()).is_none()
}
