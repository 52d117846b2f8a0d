//! Quoted strings and folds: between their form on the wire and their meaning.

use std::borrow::Cow;

use crate::syntax;

/// Writes a text as a quoted string, with quotes; CR and LF, which no quoting can carry, become spaces.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\r' | '\n' => quoted.push(' '),
            // Other control characters may stand in a quoted pair only.
            '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f' => quoted.extend(['\\', character]),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// The meaning of a value that may be a quoted string: without quotes, quoted pairs and folds.
///
/// A text that is not quoted is returned as it is.
#[must_use]
pub fn unquote(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    if memchr::memchr3(b'\\', b'\r', b'\n', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            '\r' | '\n' => {
                while characters
                    .next_if(|next| matches!(next, '\r' | '\n' | ' ' | '\t'))
                    .is_some()
                {}
                plain.push(' ');
            }
            _ => plain.push(character),
        }
    }
    Cow::Owned(plain)
}

/// Replaces each fold by a single space (RFC 3261 section 7.3.1).
#[must_use]
pub fn unfold(value: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\n', value.as_bytes()).is_none() {
        return Cow::Borrowed(value);
    }
    let mut lines = value.split("\r\n");
    let mut unfolded = lines
        .next()
        .unwrap_or_default()
        .trim_end_matches([' ', '\t'])
        .to_owned();
    for line in lines {
        unfolded.push(' ');
        unfolded.push_str(line.trim_matches([' ', '\t']));
    }
    Cow::Owned(unfolded)
}

/// Says whether a text can stand as a token, without quotes.
#[must_use]
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && syntax::all(text, syntax::TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_protected_and_restored() {
        assert_eq!(quote(r#"a "b" \c"#), r#""a \"b\" \\c""#);
        assert_eq!(unquote(r#""a \"b\" \\c""#), r#"a "b" \c"#);
    }

    #[test]
    fn line_ends_never_reach_a_quoted_string() {
        assert_eq!(quote("a\r\nb"), "\"a  b\"");
    }

    #[test]
    fn a_fold_means_one_space() {
        assert_eq!(
            unfold("newfangled value\r\n continued"),
            "newfangled value continued"
        );
        assert_eq!(unfold("a \r\n\t \r\n b"), "a  b");
        assert_eq!(unquote("\"a\r\n  b\""), "a b");
    }
}
