//! Retry-After (RFC 3261 section 20.33).

use super::parameters::Parameters;
use crate::syntax::{self, Scanner, SyntaxError};

/// When a request may be tried again.
#[derive(Clone, Copy, Debug)]
pub struct RetryAfter<'a> {
    /// Seconds to wait.
    pub seconds: u32,
    parameters: Parameters<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Reads a value that fills the whole text; comments are passed over.
    ///
    /// # Errors
    /// [`SyntaxError::Number`] for a number beyond 32 bits, others for a broken grammar.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        scanner.skip_whitespace();
        let seconds = syntax::decimal(scanner.expect(syntax::TOKEN)?).ok_or(SyntaxError::Number)?;
        scanner.skip_whitespace();
        if scanner.peek() == Some(b'(') {
            skip_comment(&mut scanner)?;
        }
        let parameters = Parameters::take(&mut scanner)?;
        scanner.expect_end()?;
        Ok(Self { seconds, parameters })
    }

    /// How long the called party will then be reachable, in seconds.
    #[must_use]
    pub fn duration(&self) -> Option<u32> {
        self.parameters.value("duration").and_then(syntax::decimal)
    }
}

/// Passes a comment, whose parentheses nest.
fn skip_comment(scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
    let mut depth = 0_usize;
    loop {
        match scanner.peek() {
            None => return Err(SyntaxError::UnexpectedEnd),
            Some(b'\\') => scanner.advance(1),
            Some(b'(') => depth = depth.saturating_add(1),
            Some(b')') => depth = depth.saturating_sub(1),
            Some(_) => {}
        }
        scanner.advance(1);
        if depth == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_comment_and_duration_are_read() {
        let parsed = RetryAfter::parse("18000 (in a (long) meeting \\) );duration=3600").unwrap();
        assert_eq!((parsed.seconds, parsed.duration()), (18000, Some(3600)));
        assert!(RetryAfter::parse("120 (x").is_err());
        assert!(RetryAfter::parse("949302838503028349304023988").is_err());
    }
}
