//! Call-ID (RFC 3261 section 20.8).

use crate::syntax::{self, Scanner, SyntaxError};

/// Checks `word [ "@" word ]`; quotes and brackets in it need not pair up.
pub(crate) fn parse(value: &str) -> Result<&str, SyntaxError> {
    let value = syntax::trim(value);
    let mut scanner = Scanner::new(value);
    scanner.expect(syntax::WORD)?;
    if scanner.take(b'@') {
        scanner.expect(syntax::WORD)?;
    }
    scanner.expect_end()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_need_not_pair_up() {
        let odd = "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{";
        assert_eq!(parse(odd), Ok(odd));
    }

    #[test]
    fn two_values_or_two_at_signs_are_refused() {
        for value in ["", "a b", "a@b@c", "a,b", "a@", "é"] {
            assert!(parse(value).is_err(), "{value:?}");
        }
    }
}
