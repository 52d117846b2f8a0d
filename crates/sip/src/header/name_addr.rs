//! `name-addr / addr-spec` with parameters: From, To, Route, Record-Route, Refer-To and their like.

use std::borrow::Cow;

use super::parameters::Parameters;
use super::quoting::unquote;
use crate::syntax::{self, Scanner, SyntaxError};
use crate::uri::Uri;

/// A display name, a URI and parameters (RFC 3261 section 20.10).
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    display_name: Option<&'a str>,
    uri: Uri<'a>,
    parameters: Parameters<'a>,
    /// The first `tag` among `parameters`.
    tag: Option<&'a str>,
    value: &'a str,
}

impl<'a> NameAddr<'a> {
    /// Reads a value that fills the whole text.
    ///
    /// # Errors
    /// A [`SyntaxError`] that names the fault.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        let parsed = Self::take(&mut scanner)?;
        scanner.expect_end()?;
        Ok(parsed)
    }

    /// Takes one value at the scanner's position and stops behind its parameters.
    pub(crate) fn take(scanner: &mut Scanner<'a>) -> Result<Self, SyntaxError> {
        scanner.skip_whitespace();
        let start = scanner.position();
        let (display_name, uri) = match scanner.peek() {
            None => return Err(SyntaxError::UnexpectedEnd),
            Some(b'"') => {
                let quoted = scanner.quoted_string()?;
                scanner.skip_whitespace();
                (Some(quoted), angled(scanner)?)
            }
            Some(b'<') => (None, angled(scanner)?),
            Some(_) => unquoted(scanner)?,
        };
        let mut tag = None;
        let parameters = Parameters::take_noting(scanner, |parameter| {
            if tag.is_none() && parameter.is("tag") {
                tag = parameter.value;
            }
        })?;
        Ok(Self {
            display_name,
            uri,
            parameters,
            tag,
            value: scanner.since(start),
        })
    }

    /// The display name without quotes and quoted pairs.
    #[must_use]
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        self.display_name.map(unquote)
    }

    /// The URI.
    #[must_use]
    pub fn uri(&self) -> Uri<'a> {
        self.uri
    }

    /// The parameters of the header, which are not those of the URI.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        self.parameters
    }

    /// The `tag` parameter of From and To.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The value as it was written, parameters included.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.value
    }
}

/// Takes `"<" addr-spec ">"`; white space inside the brackets is no part of a URI.
#[inline]
fn angled<'a>(scanner: &mut Scanner<'a>) -> Result<Uri<'a>, SyntaxError> {
    if !scanner.take(b'<') {
        return Err(scanner.unexpected());
    }
    let start = scanner.position();
    let length = memchr::memchr(b'>', scanner.rest().as_bytes()).ok_or(SyntaxError::UnterminatedAngle)?;
    scanner.advance(length);
    let uri = Uri::parse(scanner.since(start))?;
    scanner.advance(1);
    Ok(uri)
}

/// Takes either tokens and an angled URI, or a URI without brackets.
fn unquoted<'a>(scanner: &mut Scanner<'a>) -> Result<(Option<&'a str>, Uri<'a>), SyntaxError> {
    let start = scanner.position();
    let is_mark = |octet: &u8| matches!(octet, b'<' | b';' | b',' | b'"');
    let length = scanner.rest().bytes().take_while(|octet| !is_mark(octet)).count();
    scanner.advance(length);
    let text = syntax::trim(scanner.since(start));
    if scanner.peek() == Some(b'<') {
        // RFC 4475 section 3.1.1.6: the grammar demands white space before "<" by mistake.
        let is_display_name = text
            .bytes()
            .all(|octet| syntax::is(octet, syntax::TOKEN) || syntax::is_whitespace(octet));
        if !is_display_name {
            return Err(SyntaxError::UnexpectedCharacter(start));
        }
        return Ok((Some(text), angled(scanner)?));
    }
    //= https://www.rfc-editor.org/rfc/rfc3261#section-20
    //# If the URI contains a comma, question mark or semicolon, the URI MUST be
    //# enclosed in angle brackets (< and >).
    let uri = Uri::parse(text)?;
    if uri.headers().is_some() {
        return Err(SyntaxError::UnbracketedUri);
    }
    Ok((None, uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_the_display_name_are_read() {
        let cases = [
            (
                r#""J Rosenberg \\\""       <sip:j@example.com>"#,
                Some(r#"J Rosenberg \""#),
            ),
            ("caller<sip:j@example.com>", Some("caller")),
            (
                "token1~` token2'+_ token3*%!.- <sip:j@example.com>",
                Some("token1~` token2'+_ token3*%!.-"),
            ),
            ("<sip:j@example.com>", None),
            ("sip:j@example.com", None),
        ];
        for (value, display_name) in cases {
            let parsed = NameAddr::parse(value).unwrap();
            assert_eq!(parsed.display_name().as_deref(), display_name, "{value}");
            assert_eq!(parsed.uri().user(), Some("j"), "{value}");
        }
    }

    #[test]
    fn parameters_without_brackets_belong_to_the_header() {
        let parsed = NameAddr::parse("sip:j@example.com;tag=1").unwrap();
        assert_eq!(
            (parsed.tag(), parsed.uri().has_parameter("tag")),
            (Some("1"), false)
        );
        let parsed = NameAddr::parse("<sip:j@example.com;tag=1>;tag=2").unwrap();
        assert_eq!(
            (parsed.tag(), parsed.uri().parameter_value("tag")),
            (Some("2"), Some("1"))
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let cases = [
            ("", SyntaxError::UnexpectedEnd),
            (
                r#""Mr. J. User <sip:j.user@example.com>"#,
                SyntaxError::UnterminatedQuote,
            ),
            ("<sip:j@example.com", SyntaxError::UnterminatedAngle),
            ("sip:j@example.com?Route=x", SyntaxError::UnbracketedUri),
        ];
        for (value, fault) in cases {
            assert_eq!(NameAddr::parse(value).map(|_| ()), Err(fault), "{value}");
        }
        for value in [
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "< sip:t.watson@example.org >",
            "\"Watson\" sip:t.watson@example.org",
            "a@b <sip:a@b>",
            "<sip:a@b> x",
            "<sip:a@b>, <sip:c@d>",
        ] {
            assert!(NameAddr::parse(value).is_err(), "{value}");
        }
    }
}
