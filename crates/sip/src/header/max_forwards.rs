//! Max-Forwards (RFC 3261 section 20.22).

use crate::syntax::{self, SyntaxError};

/// Reads a hop count; one over 255 counts as absent (RFC 4475 section 3.1.2.4).
pub(crate) fn parse(value: &str) -> Result<Option<u8>, SyntaxError> {
    let digits = syntax::trim(value);
    if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(SyntaxError::Number);
    }
    Ok(syntax::decimal(digits).and_then(|number| u8::try_from(number).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_count_over_255_counts_as_absent() {
        assert_eq!(parse("0068"), Ok(Some(68)));
        assert_eq!(parse("255"), Ok(Some(255)));
        assert_eq!(parse("256"), Ok(None));
        assert_eq!(parse("99999999999999"), Ok(None));
        assert_eq!(parse("-1"), Err(SyntaxError::Number));
    }
}
