//! What a framed message can still do wrong, and what follows from it (RFC 4475, RFC 5118).
//!
//! A request with an offence is answered where its Via allows it; an ACK and a response never are, they are
//! dropped. Whether a method, an extension, a body type or a user is acceptable is for the layer above.

use thiserror::Error;

use super::head::HeadFault;
use super::header_name::HeaderId;
use super::start_line::{StartLine, Version};
use super::{HEADERS_MAX, HeaderName, Message, Method, StatusCode};
use crate::header::{HeaderError, ListValues, SyntaxError, Via};
use crate::syntax::Scanner;
use crate::uri::{Scheme, Uri, UriError};

/// The most Via values a message may have, in however few lines: as many as there may be headers.
pub const VIAS_MAX: usize = HEADERS_MAX;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Finding {
    /// The version is not SIP/2.0.
    #[error("the SIP version is not 2.0")]
    Version,
    /// The start line breaks the grammar.
    #[error("the start line is malformed")]
    StartLine,
    /// A header line has no colon, or no name.
    #[error("a header line is malformed")]
    HeaderLine,
    /// More than [`HEADERS_MAX`](super::HEADERS_MAX) headers.
    #[error("too many headers")]
    TooManyHeaders,
    /// More than [`VIAS_MAX`] Via values.
    #[error("too many Via values")]
    TooManyVias,
    /// A header that may stand once stands twice.
    #[error("{0} stands more than once")]
    Repeated(HeaderName<'static>),
    /// A required header is missing, or a header that matters is malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The branch of the top Via is the magic cookie alone, so it identifies nothing.
    #[error("the branch has no value behind its cookie")]
    EmptyBranch,
    /// The method in CSeq is not that of the request.
    #[error("the method in CSeq is another one")]
    CSeqMethod {
        /// Whether the method of the Request-Line is one we have a name for.
        is_method_known: bool,
    },
    /// The Request-URI is malformed.
    #[error("the Request-URI is malformed: {0}")]
    RequestUri(#[from] UriError),
    /// The Request-URI has a header part, which may not stand there (RFC 3261 section 19.1.1, table 1).
    #[error("the Request-URI carries header fields")]
    RequestUriHeaders,
    /// The scheme of the Request-URI is none that we serve.
    #[error("the scheme of the Request-URI is not supported")]
    RequestUriScheme,
    /// The To of a REGISTER is no SIP or SIPS URI.
    #[error("the address of record is no SIP URI")]
    AddressOfRecord,
    /// A Via of a response names a broadcast or multicast address, so forwarding it would be an attack.
    #[error("a Via of the response names a broadcast address")]
    BroadcastVia,
}

impl Finding {
    /// The status that answers a request with this fault: the only place where one is chosen.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Self::RequestUriScheme => StatusCode::UNSUPPORTED_URI_SCHEME,
            // RFC 4475 section 3.1.2.18: for an unknown method 501 says more than 400.
            Self::CSeqMethod {
                is_method_known: false,
            } => StatusCode::NOT_IMPLEMENTED,
            Self::CSeqMethod {
                is_method_known: true,
            }
            | Self::StartLine
            | Self::HeaderLine
            | Self::TooManyHeaders
            | Self::TooManyVias
            | Self::Repeated(_)
            | Self::Header(_)
            | Self::EmptyBranch
            | Self::RequestUri(_)
            | Self::RequestUriHeaders
            | Self::AddressOfRecord
            | Self::BroadcastVia => StatusCode::BAD_REQUEST,
        }
    }
}

/// A finding in a certain message, with its consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{finding}")]
pub struct Offence {
    finding: Finding,
    is_answerable: bool,
}

impl Offence {
    /// What is wrong.
    #[must_use]
    pub fn finding(self) -> Finding {
        self.finding
    }

    /// The status to answer with; `None` if the message is to be dropped.
    #[must_use]
    pub fn status(self) -> Option<StatusCode> {
        self.is_answerable.then(|| self.finding.status())
    }
}

impl Message {
    /// Checks everything that a well-formed message of any kind must satisfy.
    ///
    /// # Errors
    /// The first [`Offence`]; a request must not be processed further, a response must be dropped.
    pub fn validate(&self) -> Result<(), Offence> {
        self.findings().map_err(|finding| Offence {
            finding,
            is_answerable: self.is_answerable(),
        })
    }

    /// Says whether a response could reach the sender: the message is a request other than ACK, and its top
    /// Via names a transport and an address, whatever stands behind them. Where a CR or LF stands alone,
    /// another reader sees other headers, so nothing of them is sent back.
    #[must_use]
    pub fn is_answerable(&self) -> bool {
        self.is_request()
            && self.method() != Some(Method::Ack)
            && !self.head.is_via_lost
            && !self.head.has_bare_line_end
            && self
                .header(HeaderName::Via)
                .is_some_and(|value| Via::take_sender(&mut Scanner::new(value)).is_ok())
    }

    fn findings(&self) -> Result<(), Finding> {
        self.check_start_line()?;
        match self.head.fault {
            Some(HeadFault::HeaderLine) => return Err(Finding::HeaderLine),
            Some(HeadFault::TooManyHeaders) => return Err(Finding::TooManyHeaders),
            None => {}
        }
        self.check_repetitions()?;
        self.check_vias()?;
        self.from()?;
        let to = self.to()?;
        self.call_id()?;
        let cseq = self.cseq()?;
        self.max_forwards()?;
        let Some(method) = self.method() else {
            return Ok(());
        };
        if cseq.method != method {
            return Err(Finding::CSeqMethod {
                is_method_known: method.is_known(),
            });
        }
        if method == Method::Register && !to.uri().is_sip() {
            return Err(Finding::AddressOfRecord);
        }
        if uses_contact(method) {
            self.contacts()?;
        }
        self.check_request_uri()
    }

    fn check_start_line(&self) -> Result<(), Finding> {
        match self.head.start_line {
            StartLine::Request {
                version: Version::Other,
                ..
            }
            | StartLine::Response {
                version: Version::Other,
                ..
            } => Err(Finding::Version),
            StartLine::Request {
                version: Version::Sip2,
                ..
            }
            | StartLine::Response {
                version: Version::Sip2,
                ..
            } => Ok(()),
            StartLine::MalformedRequest { .. } | StartLine::Malformed { .. } => Err(Finding::StartLine),
        }
    }

    fn check_repetitions(&self) -> Result<(), Finding> {
        let mut seen = 0_u128;
        for entry in &self.head.entries {
            let bit = 1_u128 << (entry.id as u8);
            if bit & SINGLE != 0
                && seen & bit != 0
                && let Some(name) = entry.id.name()
            {
                return Err(Finding::Repeated(name));
            }
            seen |= bit;
        }
        Ok(())
    }

    fn check_vias(&self) -> Result<(), Finding> {
        let top = self.top_via()?;
        let is_response = !self.is_request();
        let mut count = 0;
        for value in self.headers(HeaderName::Via).flat_map(ListValues::new) {
            count += 1;
            if count > VIAS_MAX {
                return Err(Finding::TooManyVias);
            }
            if value.is_empty() {
                let fault = SyntaxError::EmptyElement;
                return Err(HeaderError::Malformed {
                    header: HeaderName::Via,
                    fault,
                }
                .into());
            }
            if is_response {
                check_response_via(value)?;
            }
        }
        if self.is_request() && top.has_empty_branch() {
            return Err(Finding::EmptyBranch);
        }
        Ok(())
    }

    fn check_request_uri(&self) -> Result<(), Finding> {
        let uri = Uri::parse(self.request_uri().ok_or(Finding::StartLine)?)?;
        if uri.headers().is_some() {
            return Err(Finding::RequestUriHeaders);
        }
        match uri.scheme() {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
            Scheme::Other(_) => Err(Finding::RequestUriScheme),
        }
    }
}

/// The headers whose repetition changes what a message means.
const SINGLE: u128 = bit(HeaderId::CallId)
    | bit(HeaderId::ContentLength)
    | bit(HeaderId::ContentType)
    | bit(HeaderId::CSeq)
    | bit(HeaderId::Expires)
    | bit(HeaderId::From)
    | bit(HeaderId::MaxForwards)
    | bit(HeaderId::To);

const fn bit(id: HeaderId) -> u128 {
    1 << (id as u8)
}

/// Says whether Contact is part of what the method does: binds an address, or opens or moves a dialog.
fn uses_contact(method: Method<'_>) -> bool {
    match method {
        Method::Register | Method::Invite | Method::Subscribe | Method::Refer | Method::Update => true,
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Info
        | Method::Message
        | Method::Notify
        | Method::Prack
        | Method::Publish
        | Method::Other(_) => false,
    }
}

fn check_response_via(value: &str) -> Result<(), Finding> {
    let malformed = |fault| HeaderError::Malformed {
        header: HeaderName::Via,
        fault,
    };
    let via = Via::parse(value).map_err(malformed)?;
    let addresses = [via.host().ip(), via.received()];
    let is_many = |address: &std::net::IpAddr| match address {
        std::net::IpAddr::V4(address) => address.is_broadcast() || address.is_multicast(),
        std::net::IpAddr::V6(address) => address.is_multicast(),
    };
    if addresses.iter().flatten().any(is_many) {
        Err(Finding::BroadcastVia)
    } else {
        Ok(())
    }
}
