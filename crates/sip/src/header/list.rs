//! Headers whose value is a comma-separated list (RFC 3261 section 7.3.1).

use crate::syntax;

/// Iterates over the comma-separated values of one header line, trimmed.
///
/// A comma inside a quoted string or inside angle brackets does not separate. An empty member is
/// yielded as an empty text.
#[derive(Clone, Debug)]
pub struct ListValues<'a> {
    rest: Option<&'a str>,
}

impl<'a> ListValues<'a> {
    /// Begins with the first value of a header line.
    #[must_use]
    pub fn new(value: &'a str) -> Self {
        Self {
            rest: if syntax::trim(value).is_empty() {
                None
            } else {
                Some(value)
            },
        }
    }

    /// What follows the comma behind the value yielded last.
    pub(crate) fn remainder(&self) -> Option<&'a str> {
        self.rest
    }
}

impl<'a> Iterator for ListValues<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let (value, rest) = match comma(rest).and_then(|place| rest.split_at_checked(place)) {
            Some((value, rest)) => (value, rest.strip_prefix(',')),
            None => (rest, None),
        };
        self.rest = rest;
        Some(syntax::trim(value))
    }
}

/// The place of the first comma that separates.
fn comma(text: &str) -> Option<usize> {
    // Most lines hold one value, and the search for any comma is many times faster.
    memchr::memchr(b',', text.as_bytes())?;
    let mut is_quoted = false;
    let mut is_angled = false;
    let mut octets = text.bytes().enumerate();
    while let Some((place, octet)) = octets.next() {
        match octet {
            b'\\' if is_quoted => drop(octets.next()),
            b'"' if !is_angled => is_quoted = !is_quoted,
            b'<' if !is_quoted => is_angled = true,
            b'>' if !is_quoted => is_angled = false,
            b',' if !is_quoted && !is_angled => return Some(place),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_separate_outside_quotes_and_angles_only() {
        let values: Vec<_> = ListValues::new(r#" "a, \"b" <sip:a,b@c> , <sip:d>;x="," ,,e "#).collect();
        assert_eq!(values, [r#""a, \"b" <sip:a,b@c>"#, r#"<sip:d>;x=",""#, "", "e"]);
    }

    #[test]
    fn an_empty_line_has_no_values() {
        assert_eq!(ListValues::new(" \r\n ").count(), 0);
    }
}
