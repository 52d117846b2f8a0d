//! What RFC 3261 8.2 refuses before anything looks at what a request is about.
//!
//! The order is that of 8.2: method, Request-URI, Require, content. Schemes that nobody serves are refused before, by
//! [`Message::validate`].

use super::Reply;
use super::config::{Config, REQUIRED_OPTIONS_MAX};
use crate::draft::is_sips;
use crate::flow::Flow;
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::uri::Uri;

const SDP: &str = "application/sdp";

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No method this crate has a name for.
    UnknownMethod,
    /// A known method that the owner does not take.
    UnsupportedMethod,
    /// A `sips:` Request-URI over a flow that is not TLS (RFC 5630 5.1.2).
    SipsWithoutTls,
    /// A `sips:` Request-URI with a Contact that is not (RFC 5630 5.1.2).
    SchemesDiffer,
    /// Option tags in Require that the owner does not support.
    BadExtension(Vec<String>),
    /// An INVITE or UPDATE with a body that is no SDP.
    UnsupportedMediaType,
    /// An INVITE whose Accept has no room for SDP.
    NotAcceptable,
}

impl Refusal {
    /// The one place where a refusal becomes a status.
    pub(super) fn reply(&self) -> Reply {
        match self {
            Self::UnknownMethod => Reply::new(StatusCode::NOT_IMPLEMENTED),
            Self::UnsupportedMethod => Reply::new(StatusCode::METHOD_NOT_ALLOWED),
            Self::SipsWithoutTls => Reply::new(StatusCode::TEMPORARILY_UNAVAILABLE)
                .header("Warning", "380 oyez \"SIPS Not Allowed\""),
            Self::SchemesDiffer => Reply::new(StatusCode::BAD_REQUEST),
            Self::BadExtension(options) => {
                Reply::new(StatusCode::BAD_EXTENSION).header("Unsupported", options.join(", "))
            }
            Self::UnsupportedMediaType => {
                Reply::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).header("Accept", SDP)
            }
            Self::NotAcceptable => Reply::new(StatusCode::NOT_ACCEPTABLE)
                .header("Warning", "399 oyez \"a session needs application/sdp\""),
        }
    }
}

/// Why a well-formed request goes no further, if it does not.
pub(super) fn refused(config: &Config, flow: &Flow, request: &Message) -> Option<Refusal> {
    refused_method(config, request)
        .or_else(|| refused_uri(flow, request))
        .or_else(|| {
            // RFC 3261 8.2.2.3: Require is ignored in CANCEL and in ACK.
            if matches!(request.method(), Some(Method::Cancel | Method::Ack)) {
                return None;
            }
            refused_extension(config, request).or_else(|| refused_content(request))
        })
}

fn refused_method(config: &Config, request: &Message) -> Option<Refusal> {
    let method = request.method()?;
    if config.takes(method) {
        None
    } else if method.is_known() {
        Some(Refusal::UnsupportedMethod)
    } else {
        Some(Refusal::UnknownMethod)
    }
}

fn refused_uri(flow: &Flow, request: &Message) -> Option<Refusal> {
    let uri = request.request_uri().and_then(|uri| Uri::parse(uri).ok())?;
    if !is_sips(uri.as_str()) {
        return None;
    }
    if !flow.transport.is_secure() {
        return Some(Refusal::SipsWithoutTls);
    }
    let contact = request
        .contacts()
        .ok()
        .and_then(|contacts| contacts.first().map(|contact| contact.uri()));
    let differs = request.method() == Some(Method::Invite)
        && contact.is_some_and(|contact| contact.is_sip() && !is_sips(contact.as_str()));
    differs.then_some(Refusal::SchemesDiffer)
}

fn refused_extension(config: &Config, request: &Message) -> Option<Refusal> {
    let unsupported: Vec<String> = request
        .list(HeaderName::Require)
        .filter(|option| {
            !config
                .supported
                .iter()
                .any(|known| known.eq_ignore_ascii_case(option))
        })
        .take(REQUIRED_OPTIONS_MAX)
        .map(str::to_owned)
        .collect();
    (!unsupported.is_empty()).then_some(Refusal::BadExtension(unsupported))
}

fn refused_content(request: &Message) -> Option<Refusal> {
    if !matches!(request.method(), Some(Method::Invite | Method::Update)) {
        return None;
    }
    let is_sdp = request.body().is_empty()
        || request
            .content_type()
            .is_ok_and(|media_type| media_type.is_some_and(|media_type| media_type.is(SDP)));
    if !is_sdp && !is_optional(request) {
        return Some(Refusal::UnsupportedMediaType);
    }
    let mut accepted = request.list(HeaderName::Accept).peekable();
    if accepted.peek().is_some() && !accepted.any(covers_sdp) {
        return Some(Refusal::NotAcceptable);
    }
    None
}

/// Whether the sender says that the body may be ignored (RFC 3261 20.11).
fn is_optional(request: &Message) -> bool {
    request
        .header(HeaderName::ContentDisposition)
        .is_some_and(|disposition| {
            disposition.split(';').skip(1).any(|parameter| {
                parameter
                    .split_once('=')
                    .is_some_and(|(name, value)| name.trim() == "handling" && value.trim() == "optional")
            })
        })
}

/// Whether a media range of Accept has room for SDP (RFC 3261 20.1).
fn covers_sdp(range: &str) -> bool {
    let media_type = range.split(';').next().unwrap_or_default().trim();
    ["*/*", "application/*", SDP]
        .iter()
        .any(|covering| covering.eq_ignore_ascii_case(media_type))
}
