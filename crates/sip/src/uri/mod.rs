//! SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966), read in place.
//!
//! A [`Uri`] borrows its text, which was checked once; parts are raw, and escapes are undone only where
//! a method says so. [`OwnedUri`] keeps the text, [`UriBuilder`] writes one. Other schemes are kept as
//! opaque text: whether they are acceptable is not a question of syntax.

mod builder;
mod compare;
mod escape;
mod host;
mod parameters;
mod parser;

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

pub use self::builder::{OwnedUri, UriBuilder};
pub use self::compare::COMPARED_PARAMETERS_MAX;
pub use self::escape::{escape_parameter, escape_user, unescape};
pub use self::host::Host;
pub use self::parameters::{UriParameter, UriParameters};

pub(crate) use self::parser::port;

/// What is wrong with a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UriError {
    /// No scheme, or characters that no scheme has.
    #[error("no valid scheme")]
    Scheme,
    /// An empty user part, or characters that must be escaped in one.
    #[error("no valid user part")]
    User,
    /// No host, or neither a name nor an address.
    #[error("no valid host")]
    Host,
    /// A port that is no number from 0 to 65535.
    #[error("no valid port")]
    Port,
    /// An empty parameter, or characters that must be escaped in one.
    #[error("no valid parameters")]
    Parameters,
    /// An empty header part, or characters that must be escaped in one.
    #[error("no valid header part")]
    Headers,
    /// White space, control characters, quotes or angle brackets in a URI of another scheme.
    #[error("characters that no URI contains")]
    Characters,
    /// A telephone number without digits (RFC 3966 section 3).
    #[error("no telephone number")]
    Telephone,
}

/// The scheme of a URI.
#[derive(Clone, Copy, Debug)]
pub enum Scheme<'a> {
    /// `sip`.
    Sip,
    /// `sips`: TLS on every hop (RFC 5630).
    Sips,
    /// `tel` (RFC 3966).
    Tel,
    /// Any other scheme, as written.
    Other(&'a str),
}

impl<'a> Scheme<'a> {
    /// The scheme's name, without colon.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Other(name) => name,
        }
    }
}

/// Schemes compare without regard to case.
impl PartialEq for Scheme<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for Scheme<'_> {}

/// A checked URI, borrowed from the text it was read from.
///
/// There is no `PartialEq`, because the comparison of RFC 3261 is not transitive: see
/// [`Uri::is_equivalent_to`].
#[derive(Clone, Copy)]
pub struct Uri<'a> {
    text: &'a str,
    scheme: Scheme<'a>,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: Option<Host<'a>>,
    port: Option<u16>,
    /// Without the leading `;`, empty if there are none.
    parameters: &'a str,
    /// Without the leading `?`.
    headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads a URI that fills the whole text; white space is not tolerated at either end.
    ///
    /// # Errors
    /// A [`UriError`] that names the malformed part.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        parser::parse(text)
    }

    /// The URI as it was written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme<'a> {
        self.scheme
    }

    /// Says whether the scheme is `sip` or `sips`.
    #[must_use]
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part with its escapes, without password; for `tel` the number.
    #[must_use]
    pub fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// The user part with its escapes undone; `None` too if the result is no UTF-8.
    #[must_use]
    pub fn decoded_user(&self) -> Option<Cow<'a, str>> {
        match unescape(self.user?) {
            Cow::Borrowed(octets) => std::str::from_utf8(octets).ok().map(Cow::Borrowed),
            Cow::Owned(octets) => String::from_utf8(octets).ok().map(Cow::Owned),
        }
    }

    /// The password with its escapes; RFC 3261 advises against its use.
    #[must_use]
    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// The host; present in every `sip` and `sips` URI, and in no other.
    #[must_use]
    pub fn host(&self) -> Option<Host<'a>> {
        self.host
    }

    /// The port, if the URI names one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters in their order.
    #[must_use]
    pub fn parameters(&self) -> UriParameters<'a> {
        UriParameters::new(self.parameters)
    }

    /// The first parameter of this name; names compare without case and with escapes undone.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<UriParameter<'a>> {
        if self.parameters.is_empty() {
            return None;
        }
        self.parameters().find(|parameter| parameter.is(name))
    }

    /// The raw value of the first parameter of this name; `None` too if it has no value.
    #[must_use]
    pub fn parameter_value(&self, name: &str) -> Option<&'a str> {
        self.parameter(name)?.value
    }

    /// Says whether the parameter is there, with or without a value.
    #[must_use]
    pub fn has_parameter(&self, name: &str) -> bool {
        self.parameter(name).is_some()
    }

    /// The header part behind `?`, escapes included (RFC 3261 section 19.1.1).
    #[must_use]
    pub fn headers(&self) -> Option<&'a str> {
        self.headers
    }

    /// Compares by the rules of RFC 3261 section 19.1.4; other schemes compare octet by octet.
    #[must_use]
    pub fn is_equivalent_to(&self, other: &Uri<'_>) -> bool {
        compare::are_equivalent(self, other)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text)
    }
}

/// Leaves out the password and the header part, which may carry secrets.
impl fmt::Debug for Uri<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Uri")
            .field("scheme", &self.scheme)
            .field("user", &self.user)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}
