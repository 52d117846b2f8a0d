//! Contact (RFC 3261 section 20.10).

use smallvec::SmallVec;

use super::expires;
use super::name_addr::NameAddr;
use super::parameters::Parameters;
use crate::syntax::{self, Scanner, SyntaxError};
use crate::uri::Uri;

/// All Contact values of a message.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the list is the usual case, and a box would allocate"
)]
pub enum Contacts<'a> {
    /// `*`: every binding of the address of record (RFC 3261 section 10.2.2).
    Star,
    /// The values in their order; empty if the message has no Contact.
    List(SmallVec<[Contact<'a>; 1]>),
}

impl<'a> Contacts<'a> {
    /// Reads all lines of the header.
    pub(crate) fn parse<E>(
        lines: impl Iterator<Item = Result<&'a str, E>>,
        malformed: impl Fn(SyntaxError) -> E,
    ) -> Result<Self, E> {
        let mut list = SmallVec::new();
        let mut has_star = false;
        for line in lines {
            has_star |= read_line(line?, &mut list).map_err(&malformed)?;
            if has_star && !list.is_empty() {
                return Err(malformed(SyntaxError::Wildcard));
            }
        }
        Ok(if has_star { Self::Star } else { Self::List(list) })
    }

    /// The first address, unless the value is `*` or there is none.
    #[must_use]
    pub fn first(&self) -> Option<Contact<'a>> {
        match self {
            Self::Star => None,
            Self::List(list) => list.first().copied(),
        }
    }
}

/// One Contact value.
#[derive(Clone, Copy, Debug)]
pub struct Contact<'a>(NameAddr<'a>);

impl<'a> Contact<'a> {
    /// Reads a value that fills the whole text.
    ///
    /// # Errors
    /// A [`SyntaxError`] that names the fault; a malformed `q` or `expires` is none.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        NameAddr::parse(value).map(Self)
    }

    /// Takes one value at the scanner's position and stops behind its parameters.
    pub(crate) fn take(scanner: &mut Scanner<'a>) -> Result<Self, SyntaxError> {
        NameAddr::take(scanner).map(Self)
    }

    /// Display name, URI and parameters.
    #[must_use]
    pub fn name_addr(&self) -> NameAddr<'a> {
        self.0
    }

    /// The URI.
    #[must_use]
    pub fn uri(&self) -> Uri<'a> {
        self.0.uri()
    }

    /// The parameters of the header, which are not those of the URI.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        self.0.parameters()
    }

    /// The `expires` parameter in seconds, if there is one.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-20.10
    //# Malformed values SHOULD be treated as equivalent to 3600.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.parameters()
            .find("expires")
            .map(|parameter| expires::parse(parameter.value.unwrap_or_default()))
    }

    /// The `q` parameter in thousandths, from 0 to 1000; 1000 if it is absent, 0 if it is malformed.
    #[must_use]
    pub fn q(&self) -> u16 {
        self.parameters().find("q").map_or(1000, |parameter| {
            parameter.value.and_then(thousandths).unwrap_or(0)
        })
    }

    /// The value as it was written, parameters included.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0.as_str()
    }
}

/// Reads one line into the list; says whether it is `*` instead.
fn read_line<'a>(line: &'a str, list: &mut SmallVec<[Contact<'a>; 1]>) -> Result<bool, SyntaxError> {
    if line == "*" {
        return Ok(true);
    }
    let mut scanner = Scanner::new(line);
    loop {
        list.push(Contact::take(&mut scanner)?);
        if !scanner.take_separator(b',') {
            scanner.expect_end()?;
            return Ok(false);
        }
    }
}

/// Reads `qvalue`: 0 or 1 with up to three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let scale = match decimals.len() {
        0 | 3 => 1,
        1 => 100,
        2 => 10,
        _ => return None,
    };
    let digits = if decimals.is_empty() {
        0
    } else {
        syntax::decimal(decimals)?
    };
    let fraction = u16::try_from(digits).ok()? * scale;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_counts_in_thousandths() {
        let cases = [
            ("", 1000),
            (";q=0.33", 330),
            (";q=1.000", 1000),
            (";q=0", 0),
            (";q=1.1", 0),
            (";q=0.1234", 0),
            (";q", 0),
        ];
        for (parameters, expected) in cases {
            let value = format!("<sip:a@b.c>{parameters}");
            assert_eq!(Contact::parse(&value).unwrap().q(), expected, "{parameters}");
        }
    }

    #[test]
    fn a_malformed_expiry_means_an_hour() {
        let cases = [
            ("", None),
            (";expires=60", Some(60)),
            (";expires=4294967295", Some(u32::MAX)),
            (";expires=4294967296", Some(3600)),
            (";expires=-1", Some(3600)),
            (";expires=\"Thu\"", Some(3600)),
            (";expires", Some(3600)),
        ];
        for (parameters, expected) in cases {
            let value = format!("<sip:a@b.c>{parameters}");
            assert_eq!(
                Contact::parse(&value).unwrap().expires(),
                expected,
                "{parameters}"
            );
        }
    }
}
