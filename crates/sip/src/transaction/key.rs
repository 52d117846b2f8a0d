//! The keys that messages find their transactions by (RFC 3261 17.1.3 and 17.2.3, 8.2.2.2).

use sha2::{Digest, Sha256};

use crate::header::{CSeq, HeaderError, Via};
use crate::message::{Message, Method};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerKey {
    digest: PartsDigest,
    is_invite: bool,
}

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
        self.is_invite
    }

    fn with_method(request: &Message, method: Method<'_>) -> Result<Self, HeaderError> {
        let via = request.top_via()?;
        let mut parts = Parts::new(method.as_str());
        match via.unique_branch() {
            Some(branch) => {
                parts.push(branch);
                parts.push(&sent_by(&via));
            }
            None => push_rfc_2543(&mut parts, request, &via)?,
        }
        Ok(Self {
            digest: parts.finish(),
            is_invite: method == Method::Invite,
        })
    }
}

/// What two arrivals of one request by different paths have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MergeKey(PartsDigest);

impl MergeKey {
    /// `None` for a request inside a dialog.
    pub(crate) fn of_request(request: &Message) -> Result<Option<Self>, HeaderError> {
        if request.to()?.tag().is_some() {
            return Ok(None);
        }
        let CSeq { sequence, method } = request.cseq()?;
        let mut parts = Parts::new(method.as_str());
        parts.push(request.call_id()?);
        parts.push(&sequence.to_string());
        parts.push(request.from()?.tag().unwrap_or_default());
        Ok(Some(Self(parts.finish())))
    }
}

/// The first 128 bits of the digest of parts: nobody finds two requests with one key, and who did would confuse its own
/// only. It has one size however long a Call-ID or a branch a stranger sends; what a limit on the number of transactions
/// bounds is then their memory too. Words are compared faster than octets, which a map of thousands does often.
type PartsDigest = [u64; 2];

/// Parts on their way into a digest, each behind its length, so that none can pass for two.
struct Parts(Sha256);

impl Parts {
    fn new(first: &str) -> Self {
        let mut parts = Self(Sha256::new());
        parts.push(first);
        parts
    }

    fn push(&mut self, part: &str) {
        self.0.update(part.len().to_le_bytes());
        self.0.update(part.as_bytes());
    }

    fn finish(self) -> PartsDigest {
        let hash = self.0.finalize();
        let mut digest = [0; 2];
        for (word, octets) in digest.iter_mut().zip(hash.chunks_exact(size_of::<u64>())) {
            *word = octets
                .iter()
                .fold(0, |word, octet| (word << 8) | u64::from(*octet));
        }
        digest
    }
}

/// Sent-by in one spelling: hosts compare without case, an absent port is not the default port.
fn sent_by(via: &Via<'_>) -> String {
    let mut text = format!("{}:", via.host());
    text.make_ascii_lowercase();
    if let Some(port) = via.port() {
        text.push_str(&port.to_string());
    }
    text
}

/// What identifies a request whose branch is not unique.
//= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.3
//# The INVITE request matches a transaction if the Request-URI, To tag,
//# From tag, Call-ID, CSeq, and top Via header field match those of the
//# INVITE request which created the transaction.
///
/// The To tag stays out: it would tell an ACK, which has one, from its INVITE, which has none.
fn push_rfc_2543(parts: &mut Parts, request: &Message, via: &Via<'_>) -> Result<(), HeaderError> {
    parts.push(request.request_uri().unwrap_or_default());
    parts.push(request.from()?.tag().unwrap_or_default());
    parts.push(request.call_id()?);
    parts.push(&request.cseq()?.sequence.to_string());
    parts.push(via.as_str());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_size_whatever_its_request_says_and_ends_its_parts() {
        let digest = |texts: &[&str]| {
            let mut parts = Parts::new("INVITE");
            for text in texts {
                parts.push(text);
            }
            parts.finish()
        };

        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
        assert!(size_of::<ServerKey>() + size_of::<MergeKey>() <= 40);
        let long = "x".repeat(60_000);
        assert_ne!(digest(&[&long, "a"]), digest(&[&long, "b"]));
    }
}
