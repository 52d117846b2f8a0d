//! Owned URIs, and writing one from its parts.

use std::fmt;

use super::escape::{escape_parameter, escape_user};
use super::{Host, Scheme, Uri, UriError};

/// A URI that keeps its text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnedUri {
    /// Always a text that [`Uri::parse`] accepts.
    text: String,
}

impl OwnedUri {
    /// Keeps a text that is a URI.
    ///
    /// # Errors
    /// The [`UriError`] of [`Uri::parse`].
    pub fn parse(text: impl Into<String>) -> Result<Self, UriError> {
        let text = text.into();
        Uri::parse(&text)?;
        Ok(Self { text })
    }

    /// The URI with its parts.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the invariant of the only field makes it impossible"
    )]
    pub fn as_uri(&self) -> Uri<'_> {
        Uri::parse(&self.text).expect("an OwnedUri is made from checked text only")
    }

    /// The URI as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<Uri<'_>> for OwnedUri {
    fn from(uri: Uri<'_>) -> Self {
        Self {
            text: uri.text.to_owned(),
        }
    }
}

impl fmt::Display for OwnedUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for OwnedUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_uri().fmt(formatter)
    }
}

/// Writes a `sip` or `sips` URI; user part and parameters are escaped as needed.
#[derive(Clone, Debug)]
pub struct UriBuilder {
    text: String,
    user: Option<String>,
    host: String,
    port: Option<u16>,
    parameters: String,
}

impl UriBuilder {
    /// Begins a URI with its scheme and host.
    #[must_use]
    pub fn new(scheme: Scheme<'_>, host: Host<'_>) -> Self {
        Self {
            text: format!("{}:", scheme.as_str()),
            user: None,
            host: host.to_string(),
            port: None,
            parameters: String::new(),
        }
    }

    /// Sets the user part, given without escapes.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(escape_user(user).into_owned());
        self
    }

    /// Sets the port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Adds a parameter with a value, both given without escapes.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters
            .extend([";", &escape_parameter(name), "=", &escape_parameter(value)]);
        self
    }

    /// Adds a parameter without a value, such as `lr`.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.parameters.extend([";", &escape_parameter(name)]);
        self
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// A [`UriError`] if a part is empty where the grammar needs it, or the scheme is neither `sip`
    /// nor `sips`.
    pub fn build(self) -> Result<OwnedUri, UriError> {
        let mut text = self.text;
        if let Some(user) = &self.user {
            text.extend([user, "@"]);
        }
        text.push_str(&self.host);
        if let Some(port) = self.port {
            text.push(':');
            text.push_str(&port.to_string());
        }
        text.push_str(&self.parameters);
        let uri = OwnedUri::parse(text)?;
        if uri.as_uri().is_sip() {
            Ok(uri)
        } else {
            Err(UriError::Scheme)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_uri_is_escaped_where_it_must_be() {
        let uri = UriBuilder::new(Scheme::Sip, Host::Domain("example.com"))
            .user("j@s0n")
            .port(5070)
            .parameter("transport", "tls")
            .flag("lr")
            .build()
            .unwrap();
        assert_eq!(uri.as_str(), "sip:j%40s0n@example.com:5070;transport=tls;lr");
        assert_eq!(uri.as_uri().decoded_user().as_deref(), Some("j@s0n"));
    }

    #[test]
    fn an_empty_user_or_a_bad_host_is_refused() {
        let builder = UriBuilder::new(Scheme::Sip, Host::Domain("example.com")).user("");
        assert_eq!(builder.build(), Err(UriError::User));
        let builder = UriBuilder::new(Scheme::Sip, Host::Domain("a b"));
        assert_eq!(builder.build(), Err(UriError::Host));
        let builder = UriBuilder::new(Scheme::Tel, Host::Domain("example.com"));
        assert_eq!(builder.build(), Err(UriError::Telephone));
    }
}
