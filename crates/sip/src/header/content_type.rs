//! Content-Type (RFC 3261 section 20.15).

use super::parameters::Parameters;
use crate::syntax::{self, Scanner, SyntaxError};

/// A media type with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct ContentType<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: Parameters<'a>,
}

impl<'a> ContentType<'a> {
    /// Reads a value that fills the whole text.
    ///
    /// # Errors
    /// A [`SyntaxError`] that names the fault.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        scanner.skip_whitespace();
        let kind = scanner.expect(syntax::TOKEN)?;
        if !scanner.take_separator(b'/') {
            return Err(scanner.unexpected());
        }
        let subtype = scanner.expect(syntax::TOKEN)?;
        let parameters = Parameters::take(&mut scanner)?;
        scanner.expect_end()?;
        Ok(Self {
            kind,
            subtype,
            parameters,
        })
    }

    /// Says whether the type is this `type/subtype`, ignoring case and parameters.
    #[must_use]
    pub fn is(&self, media_type: &str) -> bool {
        media_type.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// The type, such as `multipart`.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// The subtype, such as `mixed`.
    #[must_use]
    pub fn subtype(&self) -> &'a str {
        self.subtype
    }

    /// The parameters, such as `boundary`.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        self.parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_compare_without_case_and_parameters() {
        let parsed = ContentType::parse("Application / SDP ; charset=UTF-8").unwrap();
        assert!(parsed.is("application/sdp"));
        assert!(!parsed.is("application/sdpx"));
        assert!(!parsed.is("application"));
        assert_eq!(parsed.parameters().value("charset"), Some("UTF-8"));
        assert!(ContentType::parse("application").is_err());
    }
}
