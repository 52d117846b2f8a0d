//! CSeq (RFC 3261 section 20.16).

use crate::message::Method;
use crate::syntax::{self, Scanner, SyntaxError};

/// The sequence number and method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number; any 32-bit value is let in, though RFC 3261 section 8.1.1.5 sends only half.
    pub sequence: u32,
    /// The method.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a value that fills the whole text.
    ///
    /// # Errors
    /// [`SyntaxError::Number`] for a number beyond 32 bits, others for a broken grammar.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        scanner.skip_whitespace();
        let digits = scanner.expect(syntax::TOKEN)?;
        let sequence = syntax::decimal(digits).ok_or(SyntaxError::Number)?;
        if !scanner.peek().is_some_and(syntax::is_whitespace) {
            return Err(scanner.unexpected());
        }
        scanner.skip_whitespace();
        let method = scanner.expect(syntax::TOKEN)?;
        scanner.expect_end()?;
        Ok(Self {
            sequence,
            method: Method::from(method),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_may_stand_on_two_lines() {
        assert_eq!(
            CSeq::parse("0009\r\n  INVITE"),
            Ok(CSeq {
                sequence: 9,
                method: Method::Invite
            })
        );
    }

    #[test]
    fn the_number_fits_32_bits() {
        assert_eq!(
            CSeq::parse("4294967295 ACK").map(|cseq| cseq.sequence),
            Ok(u32::MAX)
        );
        assert_eq!(CSeq::parse("4294967296 ACK"), Err(SyntaxError::Number));
        assert_eq!(CSeq::parse("-1 ACK"), Err(SyntaxError::Number));
    }

    #[test]
    fn both_parts_are_needed() {
        for value in ["", "1", "1 ", "ACK", "1 ACK x"] {
            assert!(CSeq::parse(value).is_err(), "{value:?}");
        }
    }
}
