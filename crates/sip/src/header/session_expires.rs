//! Session-Expires (RFC 4028 section 4).

use super::parameters::Parameters;
use crate::syntax::{self, Scanner, SyntaxError};

/// Who refreshes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

/// The interval after which a session ends unless it is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if that is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads a value that fills the whole text.
    ///
    /// # Errors
    /// [`SyntaxError::Number`] for a number beyond 32 bits, others for a broken grammar.
    pub fn parse(value: &str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        scanner.skip_whitespace();
        let seconds = syntax::decimal(scanner.expect(syntax::TOKEN)?).ok_or(SyntaxError::Number)?;
        let parameters = Parameters::take(&mut scanner)?;
        scanner.expect_end()?;
        let refresher = match parameters.value("refresher") {
            Some(side) if side.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(side) if side.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Ok(Self { seconds, refresher })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_and_refresher_are_read() {
        let expected = SessionExpires {
            seconds: 4000,
            refresher: Some(Refresher::Uac),
        };
        assert_eq!(SessionExpires::parse("4000 ; Refresher = UAC"), Ok(expected));
        assert_eq!(
            SessionExpires::parse("90"),
            Ok(SessionExpires {
                seconds: 90,
                refresher: None
            })
        );
    }
}
