//! `RAck` (RFC 3262 section 7.2).

use super::cseq::CSeq;
use crate::syntax::{self, Scanner, SyntaxError};

/// Which reliable provisional response a PRACK acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The `RSeq` of the response.
    pub response: u32,
    /// The `CSeq` of the response.
    pub cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    /// Reads a value that fills the whole text.
    ///
    /// # Errors
    /// [`SyntaxError::Number`] for a number beyond 32 bits, others for a broken grammar.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        scanner.skip_whitespace();
        let response = syntax::decimal(scanner.expect(syntax::TOKEN)?).ok_or(SyntaxError::Number)?;
        if !scanner.peek().is_some_and(syntax::is_whitespace) {
            return Err(scanner.unexpected());
        }
        Ok(Self {
            response,
            cseq: CSeq::parse(scanner.rest())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Method;

    #[test]
    fn two_numbers_and_a_method_are_read() {
        let expected = RAck {
            response: 776_656,
            cseq: CSeq {
                sequence: 1,
                method: Method::Invite,
            },
        };
        assert_eq!(RAck::parse("776656 1 INVITE"), Ok(expected));
        assert!(RAck::parse("776656 INVITE").is_err());
    }
}
