//! A request before it is sent: everything but Via, CSeq number and credentials, which each attempt has its own of.

use crate::message::{BuildError, HeaderName, Message, OwnedMethod, RequestBuilder};
use crate::user_agent::Body;

/// Where requests start counting down the hops they may take (RFC 3261 8.1.1.6).
pub(crate) const MAX_FORWARDS: &str = "70";

/// Authorization and Proxy-Authorization header fields, by name and value.
pub(crate) type Authorizations = Vec<(String, String)>;

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) method: OwnedMethod,
    pub(crate) uri: String,
    pub(crate) route: Vec<String>,
    /// From with its tag.
    pub(crate) from: String,
    /// To, with a tag inside a dialog.
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) contact: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
}

/// What each attempt to send a draft adds.
pub(crate) struct Attributes<'a> {
    pub(crate) via: &'a str,
    pub(crate) sequence: u32,
    pub(crate) authorizations: &'a Authorizations,
    pub(crate) user_agent: &'a str,
    /// Allow and Supported, where the request is to say them.
    pub(crate) allow: Option<&'a str>,
    pub(crate) supported: Option<&'a str>,
}

impl Draft {
    /// Whether the request asks for TLS on every hop (RFC 5630 3.1).
    pub(crate) fn is_secure(&self) -> bool {
        is_sips(&self.uri)
    }

    /// Writes the request; a Max-Forwards among the draft's own headers takes the place of ours.
    pub(crate) fn write(&self, attributes: &Attributes<'_>) -> Result<Message, BuildError> {
        let cseq = format!("{} {}", attributes.sequence, self.method);
        let mut builder =
            RequestBuilder::new(self.method.as_method(), &self.uri).header(HeaderName::Via, attributes.via);
        for route in &self.route {
            builder = builder.header(HeaderName::Route, route);
        }
        if !self.names(HeaderName::MaxForwards) {
            builder = builder.header(HeaderName::MaxForwards, MAX_FORWARDS);
        }
        builder = builder
            .header(HeaderName::From, &self.from)
            .header(HeaderName::To, &self.to)
            .header(HeaderName::CallId, &self.call_id)
            .header(HeaderName::CSeq, &cseq);
        let optional = [
            (HeaderName::Contact, self.contact.as_deref()),
            (HeaderName::Allow, attributes.allow),
            (HeaderName::Supported, attributes.supported),
            (HeaderName::UserAgent, Some(attributes.user_agent)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                builder = builder.header(name, value);
            }
        }
        for (name, value) in attributes.authorizations.iter().chain(&self.headers) {
            builder = builder.header(HeaderName::Other(name), value);
        }
        if let Some(body) = &self.body {
            builder = builder.body(&body.content_type, &body.bytes);
        }
        builder.finish()
    }

    fn names(&self, wanted: HeaderName<'_>) -> bool {
        self.headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(wanted.as_str()))
    }
}

/// Whether a URI or a name-addr has the scheme `sips`.
pub(crate) fn is_sips(uri: &str) -> bool {
    uri.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

/// A Contact with `sips:` in place of `sip:`.
pub(crate) fn secured(contact: &str) -> String {
    match contact.strip_prefix("sip:") {
        Some(rest) => format!("sips:{rest}"),
        None => contact.replacen("<sip:", "<sips:", 1),
    }
}
