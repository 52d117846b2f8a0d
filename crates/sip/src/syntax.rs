//! The lexical rules of RFC 3261 section 25.1: character classes, and a scanner that reads one
//! header value from left to right.
//!
//! White space is SP, HT, CR and LF alike. A header value holds CR and LF only as part of a fold (the
//! message parser refuses any other), so a scanner need not know where lines end.

use thiserror::Error;

/// What is wrong with the text of a header value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// The value ends before the grammar is satisfied.
    #[error("the value ends too early")]
    UnexpectedEnd,
    /// A character stands where the grammar has no place for it.
    #[error("an unexpected character at octet {0}")]
    UnexpectedCharacter(usize),
    /// A quoted string has no closing quote.
    #[error("a quoted string without an end")]
    UnterminatedQuote,
    /// A `<` has no `>`.
    #[error("an angle bracket without its counterpart")]
    UnterminatedAngle,
    /// A parameter or a list member is empty.
    #[error("an empty parameter or list member")]
    EmptyElement,
    /// A number is missing, signed, or larger than the header allows.
    #[error("a number is malformed or out of range")]
    Number,
    /// The URI inside the value is malformed.
    #[error("a malformed URI: {0}")]
    Uri(#[from] crate::uri::UriError),
    /// A URI with `?` stands outside angle brackets.
    #[error("a URI with header fields outside angle brackets")]
    UnbracketedUri,
    /// `*` stands beside other Contact values.
    #[error("a wildcard beside other values")]
    Wildcard,
}

/// A set of octets; the constants below can be joined with `|`.
pub(crate) type Class = u8;

/// `token` of RFC 3261 section 25.1.
pub(crate) const TOKEN: Class = 1;
/// `user` without its escapes; `#` is let through because feature codes such as `*82#` reach us so.
pub(crate) const USER: Class = 1 << 1;
/// `password` without its escapes.
pub(crate) const PASSWORD: Class = 1 << 2;
/// `pname` and `pvalue` of URI parameters without their escapes.
pub(crate) const URI_PARAMETER: Class = 1 << 3;
/// `hname`, `hvalue` and their separators without their escapes.
pub(crate) const URI_HEADER: Class = 1 << 4;
/// Labels of host names; `_` is let through because container and Windows host names carry it.
pub(crate) const LABEL: Class = 1 << 5;
/// An unquoted parameter value: `token / host`, IPv6 addresses with and without brackets, and `=`.
pub(crate) const PARAMETER_VALUE: Class = 1 << 6;
/// `word` of RFC 3261 section 25.1, of which a Call-ID consists.
pub(crate) const WORD: Class = 1 << 7;

static CLASSES: [Class; 256] = classes();

/// Says whether an octet belongs to at least one of the classes.
pub(crate) fn is(octet: u8, class: Class) -> bool {
    CLASSES
        .get(usize::from(octet))
        .is_some_and(|found| found & class != 0)
}

/// Says whether all octets belong to the class.
pub(crate) fn all(text: &str, class: Class) -> bool {
    text.bytes().all(|octet| is(octet, class))
}

/// Says whether an octet is white space, folds included.
pub(crate) fn is_whitespace(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// The text without white space at both ends.
pub(crate) fn trim(text: &str) -> &str {
    let octets = text.as_bytes();
    if !octets.first().is_some_and(|octet| is_whitespace(*octet))
        && !octets.last().is_some_and(|octet| is_whitespace(*octet))
    {
        return text;
    }
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Reads an unsigned decimal number that consists of digits only; `None` too if it does not fit.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u32, |number, octet| {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            None
        } else {
            number.checked_mul(10)?.checked_add(u32::from(digit))
        }
    })
}

const fn contains(set: &[u8], octet: u8) -> bool {
    let mut rest = set;
    while let [first, tail @ ..] = rest {
        if *first == octet {
            return true;
        }
        rest = tail;
    }
    false
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler over 0..256, where an excess would be a compile error"
)]
const fn classes() -> [Class; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        table[index] = classes_of(index as u8);
        index += 1;
    }
    table
}

const fn classes_of(octet: u8) -> Class {
    let alphanumeric = octet.is_ascii_alphanumeric();
    let unreserved = alphanumeric || contains(b"-_.!~*'()", octet);
    let mut found = 0;
    if alphanumeric || contains(b"-.!%*_+`'~", octet) {
        found |= TOKEN | PARAMETER_VALUE;
    }
    if contains(b"[]:=/", octet) {
        found |= PARAMETER_VALUE;
    }
    if alphanumeric || contains(b"-.!%*_+`'~()<>:\\\"/[]?{}", octet) {
        found |= WORD;
    }
    if unreserved || contains(b"&=+$,;?/#", octet) {
        found |= USER;
    }
    if unreserved || contains(b"&=+$,", octet) {
        found |= PASSWORD;
    }
    if unreserved || contains(b"[]/:&+$", octet) {
        found |= URI_PARAMETER;
    }
    if unreserved || contains(b"[]/?:+$=&", octet) {
        found |= URI_HEADER;
    }
    if alphanumeric || contains(b"-_", octet) {
        found |= LABEL;
    }
    found
}

/// Reads a header value from left to right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    /// Always on a character boundary: it moves past whole ASCII octets, or to the place of one.
    position: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// Begins behind that many octets, which must end on a character boundary.
    pub(crate) fn starting_at(text: &'a str, position: usize) -> Self {
        Self { text, position }
    }

    /// Returns to a position where the scanner was before.
    pub(crate) fn return_to(&mut self, position: usize) {
        self.position = position;
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.position >= self.text.len()
    }

    /// The text from `start` to the current position.
    #[inline]
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    /// The text from the current position on.
    #[inline]
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// Moves past `count` octets, which must be there, and must be ASCII or end on a character boundary.
    pub(crate) fn advance(&mut self, count: usize) {
        self.position += count;
    }

    pub(crate) fn skip_whitespace(&mut self) {
        self.skip_while(is_whitespace);
    }

    /// Takes the octet if it is next.
    pub(crate) fn take(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        if found {
            self.advance(1);
        }
        found
    }

    /// Takes the octet with optional white space on both sides (SLASH, SEMI, COMMA, EQUAL, COLON).
    #[inline]
    pub(crate) fn take_separator(&mut self, octet: u8) -> bool {
        let start = self.position;
        if self.peek() != Some(octet) {
            self.skip_whitespace();
        }
        if self.take(octet) {
            self.skip_whitespace();
            return true;
        }
        self.position = start;
        false
    }

    /// Takes the longest, possibly empty, run of octets of the class.
    #[inline]
    pub(crate) fn take_while(&mut self, class: Class) -> &'a str {
        let start = self.position;
        self.skip(class);
        self.since(start)
    }

    /// Passes the longest, possibly empty, run of octets of the class.
    fn skip(&mut self, class: Class) {
        self.skip_while(|octet| is(octet, class));
    }

    #[inline]
    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) {
        let octets = self.text.as_bytes();
        // A local variable, because the loop runs for every octet of every header that is read.
        let mut position = self.position;
        while octets.get(position).is_some_and(|octet| belongs(*octet)) {
            position += 1;
        }
        self.position = position;
    }

    /// Takes the longest, possibly empty, run of octets of the class and `%HH` escapes.
    #[inline]
    pub(crate) fn take_escaped(&mut self, class: Class) -> &'a str {
        let start = self.position;
        loop {
            self.skip(class);
            match self.text.as_bytes().get(self.position..) {
                Some([b'%', high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    self.advance(3);
                }
                Some(_) | None => return self.since(start),
            }
        }
    }

    /// Takes a run of at least one octet of the class.
    #[inline]
    pub(crate) fn expect(&mut self, class: Class) -> Result<&'a str, SyntaxError> {
        let found = self.take_while(class);
        if found.is_empty() {
            Err(self.unexpected())
        } else {
            Ok(found)
        }
    }

    /// Takes a quoted string with its quotes; the current octet must be the opening one.
    #[inline]
    pub(crate) fn quoted_string(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.position;
        if !self.take(b'"') {
            return Err(self.unexpected());
        }
        loop {
            match memchr::memchr2(b'"', b'\\', self.rest().as_bytes()) {
                None => return Err(SyntaxError::UnterminatedQuote),
                Some(distance) => {
                    self.advance(distance);
                    if self.take(b'"') {
                        return Ok(self.since(start));
                    }
                    self.quoted_pair()?;
                }
            }
        }
    }

    /// Passes a backslash and the octet it protects: any ASCII octet but CR and LF.
    fn quoted_pair(&mut self) -> Result<(), SyntaxError> {
        self.advance(1);
        match self.peek() {
            None => Err(SyntaxError::UnterminatedQuote),
            Some(octet) if octet.is_ascii() && octet != b'\r' && octet != b'\n' => {
                self.advance(1);
                Ok(())
            }
            Some(_) => Err(self.unexpected()),
        }
    }

    /// Succeeds if nothing but white space is left.
    pub(crate) fn expect_end(&mut self) -> Result<(), SyntaxError> {
        self.skip_whitespace();
        if self.is_at_end() {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// The error that fits the current position.
    pub(crate) fn unexpected(&self) -> SyntaxError {
        match self.peek() {
            None => SyntaxError::UnexpectedEnd,
            Some(_) => SyntaxError::UnexpectedCharacter(self.position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_string_ends_at_the_first_unescaped_quote() {
        let mut scanner = Scanner::new(r#""a\"b\\" rest"#);
        assert_eq!(scanner.quoted_string(), Ok(r#""a\"b\\""#));
        assert_eq!(scanner.rest(), " rest");
    }

    #[test]
    fn a_quoted_string_without_end_is_an_error_even_behind_a_backslash() {
        assert_eq!(
            Scanner::new(r#""abc"#).quoted_string(),
            Err(SyntaxError::UnterminatedQuote)
        );
        assert_eq!(
            Scanner::new(r#""abc\"#).quoted_string(),
            Err(SyntaxError::UnterminatedQuote)
        );
        assert_eq!(
            Scanner::new(r#""abc\""#).quoted_string(),
            Err(SyntaxError::UnterminatedQuote)
        );
    }

    #[test]
    fn a_quoted_pair_may_hold_a_nul_but_no_line_end() {
        assert!(Scanner::new("\"\\\0\"").quoted_string().is_ok());
        assert!(Scanner::new("\"\\\r\n x\"").quoted_string().is_err());
        assert!(Scanner::new("\"\\\n\"").quoted_string().is_err());
    }

    #[test]
    fn a_decimal_has_digits_only_and_fits_32_bits() {
        assert_eq!(decimal("0009"), Some(9));
        assert_eq!(decimal("4294967295"), Some(u32::MAX));
        for bad in ["", "+1", "-1", "4294967296", "1 ", "0x1"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }
}
