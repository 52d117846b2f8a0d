//! The keys that messages find their transactions by (RFC 3261 17.1.3 and 17.2.3, 8.2.2.2).

use std::fmt::{self, Write};

use crate::header::{CSeq, HeaderError, Via};
use crate::message::{Message, Method};

/// Stands between the parts of a key; no part can contain it.
const SEPARATOR: char = '\n';
/// Octets of most keys.
const USUAL_LENGTH: usize = 128;

/// A client transaction: the branch it made, and the method, which tells a CANCEL from its INVITE.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientKey {
    branch: Box<str>,
    method: Box<str>,
}

impl ClientKey {
    pub(crate) fn new(branch: &str, method: Method<'_>) -> Self {
        Self {
            branch: branch.into(),
            method: method.as_str().into(),
        }
    }

    /// The key of the request that a response answers.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.3
    //# 1.  If the response has the same value of the branch parameter in
    //# the top Via header field as the branch parameter in the top
    //# Via header field of the request that created the transaction.
    pub(crate) fn of_response(response: &Message) -> Result<Option<Self>, HeaderError> {
        let method = response.cseq()?.method;
        Ok(response
            .top_via()?
            .branch()
            .map(|branch| Self::new(branch, method)))
    }

    pub(crate) fn is_invite(&self) -> bool {
        *self.method == *Method::Invite.as_str()
    }
}

/// A server transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerKey(Box<str>);

impl ServerKey {
    /// The key of a request's own transaction; an ACK has the key of its INVITE.
    pub(crate) fn of_request(request: &Message) -> Result<Self, HeaderError> {
        let method = request.method().unwrap_or(Method::Other(""));
        Self::with_method(
            request,
            if method == Method::Ack {
                Method::Invite
            } else {
                method
            },
        )
    }

    /// The key of the INVITE that a CANCEL is about (RFC 3261 9.2).
    pub(crate) fn of_cancelled(cancel: &Message) -> Result<Self, HeaderError> {
        Self::with_method(cancel, Method::Invite)
    }

    pub(crate) fn is_invite(&self) -> bool {
        self.0.starts_with("INVITE\n")
    }

    fn with_method(request: &Message, method: Method<'_>) -> Result<Self, HeaderError> {
        let via = request.top_via()?;
        let mut key = Parts::new(method.as_str());
        match via.unique_branch() {
            Some(branch) => {
                key.push(branch);
                key.push_sent_by(&via);
            }
            None => rfc_2543_parts(&mut key, request, &via)?,
        }
        Ok(Self(key.0.into_boxed_str()))
    }
}

/// What two arrivals of one request by different paths have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MergeKey(Box<str>);

impl MergeKey {
    /// `None` for a request inside a dialog.
    pub(crate) fn of_request(request: &Message) -> Result<Option<Self>, HeaderError> {
        if request.to()?.tag().is_some() {
            return Ok(None);
        }
        let CSeq { sequence, method } = request.cseq()?;
        let mut key = Parts::new(method.as_str());
        key.push(request.call_id()?);
        key.push_number(sequence);
        key.push(request.from()?.tag().unwrap_or_default());
        Ok(Some(Self(key.0.into_boxed_str())))
    }
}

/// Parts with a separator between them.
struct Parts(String);

impl Parts {
    fn new(first: &str) -> Self {
        let mut parts = String::with_capacity(USUAL_LENGTH);
        parts.push_str(first);
        Self(parts)
    }

    fn push(&mut self, part: &str) {
        self.0.push(SEPARATOR);
        for (index, line) in part.split(SEPARATOR).enumerate() {
            self.0.push_str(if index > 0 { " " } else { "" });
            self.0.push_str(line);
        }
    }

    fn push_number(&mut self, number: u32) {
        self.0.push(SEPARATOR);
        self.write(format_args!("{number}"));
    }

    /// Sent-by in one spelling: hosts compare without case, an absent port is not the default port.
    fn push_sent_by(&mut self, via: &Via<'_>) {
        self.0.push(SEPARATOR);
        let start = self.0.len();
        self.write(format_args!("{}:", via.host()));
        if let Some(host) = self.0.get_mut(start..) {
            host.make_ascii_lowercase();
        }
        if let Some(port) = via.port() {
            self.write(format_args!("{port}"));
        }
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.0
            .write_fmt(text)
            .expect("writing to a String cannot fail, and neither host nor number fails to be written");
    }
}

/// What identifies a request whose branch is not unique.
//= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.3
//# The INVITE request matches a transaction if the Request-URI, To tag,
//# From tag, Call-ID, CSeq, and top Via header field match those of the
//# INVITE request which created the transaction.
///
/// The To tag stays out: it would tell an ACK, which has one, from its INVITE, which has none.
fn rfc_2543_parts(key: &mut Parts, request: &Message, via: &Via<'_>) -> Result<(), HeaderError> {
    key.push(request.request_uri().unwrap_or_default());
    key.push(request.from()?.tag().unwrap_or_default());
    key.push(request.call_id()?);
    key.push_number(request.cseq()?.sequence);
    key.push(via.as_str());
    Ok(())
}
