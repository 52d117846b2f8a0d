//! A request before it is sent: everything but Via, CSeq number and credentials, which each attempt has its own of.

use crate::message::{BuildError, HeaderName, Message, OwnedMethod, RequestBuilder};
use crate::user_agent::Body;

/// Where requests start counting down the hops they may take (RFC 3261 8.1.1.6).
pub(crate) const MAX_FORWARDS: &str = "70";

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
    /// Authorization or Proxy-Authorization.
    pub(crate) authorization: Option<&'a (String, String)>,
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

    pub(crate) fn write(&self, attributes: &Attributes<'_>) -> Result<Message, BuildError> {
        let cseq = format!("{} {}", attributes.sequence, self.method);
        let mut fields: Vec<(&str, &str)> = vec![("Via", attributes.via)];
        fields.extend(self.route.iter().map(|route| ("Route", route.as_str())));
        fields.extend([
            ("Max-Forwards", MAX_FORWARDS),
            ("From", &self.from),
            ("To", &self.to),
            ("Call-ID", &self.call_id),
            ("CSeq", &cseq),
        ]);
        fields.extend(self.contact.iter().map(|contact| ("Contact", contact.as_str())));
        fields.extend(
            attributes
                .authorization
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        fields.extend(attributes.allow.iter().map(|allow| ("Allow", *allow)));
        fields.extend(
            attributes
                .supported
                .iter()
                .map(|supported| ("Supported", *supported)),
        );
        fields.push(("User-Agent", attributes.user_agent));
        fields.extend(
            self.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let mut builder = RequestBuilder::new(self.method.as_method(), &self.uri);
        for (name, value) in fields {
            builder = builder.header(HeaderName::Other(name), value);
        }
        if let Some(body) = &self.body {
            builder = builder.body(&body.content_type, &body.bytes);
        }
        builder.finish()
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
