//! Request-Line and Status-Line (RFC 3261 section 7).

use std::ops::Range;

use super::StatusCode;
use super::head::Span;
use crate::syntax;

/// The start line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartLine {
    Request {
        method: Span,
        uri: Span,
        version: Version,
    },
    /// A line that begins with a method but breaks the grammar behind it.
    MalformedRequest { method: Span },
    Response {
        status: StatusCode,
        reason: Span,
        version: Version,
    },
    /// A line of which only this much is known.
    Malformed { is_response: bool },
}

/// The SIP version of a well-formed start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Sip2,
    Other,
}

/// Reads the start line that lies in this range.
pub(super) fn parse(octets: &[u8], line: Range<usize>) -> StartLine {
    let text = octets.get(line.clone()).unwrap_or_default();
    if text
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
    {
        return response(text, &line).unwrap_or(StartLine::Malformed { is_response: true });
    }
    request(text, &line)
}

/// `Method SP Request-URI SP SIP-Version`: single spaces, and none at the ends.
fn request(text: &[u8], line: &Range<usize>) -> StartLine {
    let method_length = memchr::memchr(b' ', text).unwrap_or(text.len());
    let method = text.get(..method_length).unwrap_or_default();
    if method.is_empty() || !method.iter().all(|octet| syntax::is(*octet, syntax::TOKEN)) {
        return StartLine::Malformed { is_response: false };
    }
    let method = Span::new(line.start..line.start + method_length);
    let malformed = StartLine::MalformedRequest { method };

    let uri_start = method_length + 1;
    let Some(rest) = text.get(uri_start..) else {
        return malformed;
    };
    let Some(uri_length) = memchr::memchr(b' ', rest) else {
        return malformed;
    };
    let version = rest.get(uri_length + 1..).and_then(version);
    match version {
        Some(version) if uri_length > 0 => {
            let start = line.start + uri_start;
            StartLine::Request {
                method,
                uri: Span::new(start..start + uri_length),
                version,
            }
        }
        Some(_) | None => malformed,
    }
}

/// `SIP-Version SP Status-Code SP Reason-Phrase`; the last space may be missing if the phrase is empty.
fn response(text: &[u8], line: &Range<usize>) -> Option<StartLine> {
    let version_length = memchr::memchr(b' ', text)?;
    let version = text.get(..version_length).and_then(version)?;
    let (code, reason) = text.get(version_length + 1..)?.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) || !matches!(reason.first(), None | Some(b' ')) {
        return None;
    }
    let number = code
        .iter()
        .fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    let reason_start = (line.start + version_length + 5).min(line.end);
    Some(StartLine::Response {
        status: StatusCode::new(number)?,
        reason: Span::new(reason_start..line.end),
        version,
    })
}

/// `"SIP" "/" 1*DIGIT "." 1*DIGIT`.
fn version(text: &[u8]) -> Option<Version> {
    if text.eq_ignore_ascii_case(b"SIP/2.0") {
        return Some(Version::Sip2);
    }
    let (name, numbers) = text.split_at_checked(4)?;
    let dot = memchr::memchr(b'.', numbers)?;
    let (major, minor) = numbers.split_at_checked(dot)?;
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_version = name.eq_ignore_ascii_case(b"SIP/") && is_number(major) && is_number(minor.get(1..)?);
    is_version.then_some(Version::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> StartLine {
        parse(text.as_bytes(), 0..text.len())
    }

    #[test]
    fn a_request_line_has_exactly_three_elements() {
        let expected = StartLine::Request {
            method: Span::new(0..3),
            uri: Span::new(4..11),
            version: Version::Sip2,
        };
        assert_eq!(read("BYE sip:a@b SIP/2.0"), expected);
        for text in [
            "BYE  sip:a@b SIP/2.0",
            "BYE sip:a@b  SIP/2.0",
            "BYE sip:a@b SIP/2.0 ",
            "BYE sip:a@b;\tlr x SIP/2.0",
            "BYE sip:a@b",
            "BYE sip:a@b ",
            "BYE  SIP/2.0",
            "BYE sip:a@b HTTP/1.1",
            "BYE",
        ] {
            assert_eq!(
                read(text),
                StartLine::MalformedRequest {
                    method: Span::new(0..3)
                },
                "{text:?}"
            );
        }
        for text in ["", " BYE sip:a@b SIP/2.0", "\u{7f}ELF"] {
            assert_eq!(
                read(text),
                StartLine::Malformed { is_response: false },
                "{text:?}"
            );
        }
    }

    #[test]
    fn another_version_is_well_formed() {
        for text in [
            "BYE sip:a@b SIP/7.0",
            "BYE sip:a@b sip/2.1",
            "BYE sip:a@b SIP/02.0",
        ] {
            assert!(
                matches!(
                    read(text),
                    StartLine::Request {
                        version: Version::Other,
                        ..
                    }
                ),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_status_code_has_three_digits_and_a_phrase_may_be_missing() {
        for text in ["SIP/2.0 100 ", "SIP/2.0 100", "sip/2.0 100 Trying"] {
            assert!(matches!(read(text), StartLine::Response { .. }), "{text:?}");
        }
        for text in [
            "SIP/2.0 4294967301 x",
            "SIP/2.0 099 x",
            "SIP/2.0 700 x",
            "SIP/2.0 20 x",
            "SIP/2.0  200 x",
        ] {
            assert_eq!(read(text), StartLine::Malformed { is_response: true }, "{text:?}");
        }
    }
}
