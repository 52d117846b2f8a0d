//! Reason (RFC 3326).

use std::borrow::Cow;

use super::parameters::Parameters;
use crate::syntax::{self, Scanner, SyntaxError};

/// Why a request was sent or a call ended.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    protocol: &'a str,
    parameters: Parameters<'a>,
}

impl<'a> Reason<'a> {
    /// Reads one value that fills the whole text.
    ///
    /// # Errors
    /// A [`SyntaxError`] that names the fault.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        scanner.skip_whitespace();
        let protocol = scanner.expect(syntax::TOKEN)?;
        let parameters = Parameters::take(&mut scanner)?;
        scanner.expect_end()?;
        Ok(Self { protocol, parameters })
    }

    /// Whose codes these are: `SIP`, `Q.850` or another.
    #[must_use]
    pub fn protocol(&self) -> &'a str {
        self.protocol
    }

    /// The `cause` code, if it is a number.
    #[must_use]
    pub fn cause(&self) -> Option<u32> {
        self.parameters.value("cause").and_then(syntax::decimal)
    }

    /// The `text` for people.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.parameters.find("text")?.unquoted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_cause_and_text_are_read() {
        let reason = Reason::parse(r#"SIP ;cause=200 ;text="Call completed elsewhere""#).unwrap();
        assert_eq!((reason.protocol(), reason.cause()), ("SIP", Some(200)));
        assert_eq!(reason.text().as_deref(), Some("Call completed elsewhere"));
    }
}
