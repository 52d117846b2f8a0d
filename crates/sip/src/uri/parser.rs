//! Reads a URI from left to right, once.

use super::{Host, Scheme, Uri, UriError};
use crate::syntax::{self, Class, Scanner};

pub(super) fn parse(text: &str) -> Result<Uri<'_>, UriError> {
    let (scheme, rest) = match text.as_bytes() {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..] => return sip(text, Scheme::Sip, "sip:".len()),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', ..] => {
            return sip(text, Scheme::Sips, "sips:".len());
        }
        _ => text.split_once(':').ok_or(UriError::Scheme)?,
    };
    if scheme.eq_ignore_ascii_case("tel") {
        return tel(text, "tel:".len());
    }
    let starts_with_letter = scheme
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());
    let may_stand = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    if starts_with_letter && scheme.bytes().all(may_stand) {
        other(text, Scheme::Other(scheme), rest)
    } else {
        Err(UriError::Scheme)
    }
}

/// `[ userinfo "@" ] hostport uri-parameters [ headers ]`, from this place on.
fn sip<'a>(text: &'a str, scheme: Scheme<'a>, start: usize) -> Result<Uri<'a>, UriError> {
    let mut scanner = Scanner::starting_at(text, start);
    let (user, password) = userinfo(&mut scanner)?;
    let host = Host::take(&mut scanner)?;
    let port = if scanner.take(b':') {
        Some(self::port(scanner.take_while(syntax::TOKEN))?)
    } else {
        None
    };
    let mut end = UriError::Host;
    let mut parameters = "";
    if scanner.peek() == Some(b';') {
        parameters = self::parameters(&mut scanner)?;
        end = UriError::Parameters;
    }
    let mut headers = None;
    if scanner.take(b'?') {
        headers = Some(self::headers(&mut scanner)?);
        end = UriError::Headers;
    }
    if !scanner.is_at_end() {
        return Err(end);
    }
    Ok(Uri {
        text,
        scheme,
        user,
        password,
        host: Some(host),
        port,
        parameters,
        headers,
    })
}

/// Takes user, password and `@`, if they are there.
///
/// Neither userinfo nor anything behind it may hold an unescaped `@`, so the first one divides, and `;`, `?`
/// and `:` before it belong to the user part.
#[inline]
fn userinfo<'a>(scanner: &mut Scanner<'a>) -> Result<(Option<&'a str>, Option<&'a str>), UriError> {
    let start = scanner.position();
    let user = scanner.take_escaped(syntax::USER);
    let password = if scanner.take(b':') {
        Some(scanner.take_escaped(syntax::PASSWORD))
    } else {
        None
    };
    if scanner.take(b'@') {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-19.1.1
        //# If the @ sign is
        //# present in a SIP or SIPS URI, the user field MUST NOT be empty.
        return if user.is_empty() {
            Err(UriError::User)
        } else {
            Ok((Some(user), password))
        };
    }
    if memchr::memchr(b'@', scanner.rest().as_bytes()).is_some() {
        return Err(UriError::User);
    }
    scanner.return_to(start);
    Ok((None, None))
}

/// Reads a port number.
pub(crate) fn port(digits: &str) -> Result<u16, UriError> {
    syntax::decimal(digits)
        .and_then(|number| u16::try_from(number).ok())
        .ok_or(UriError::Port)
}

/// Takes `*( ";" pname [ "=" pvalue ] )` and returns it without its first `;`.
#[inline]
fn parameters<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, UriError> {
    let expect = |scanner: &mut Scanner<'a>, class: Class| {
        if scanner.take_escaped(class).is_empty() {
            Err(UriError::Parameters)
        } else {
            Ok(())
        }
    };
    let start = scanner.position() + 1;
    while scanner.take(b';') {
        expect(scanner, syntax::URI_PARAMETER)?;
        if scanner.take(b'=') {
            expect(scanner, syntax::URI_PARAMETER)?;
        }
    }
    Ok(scanner.since(start))
}

/// Takes `hname "=" hvalue *( "&" hname "=" hvalue )`.
fn headers<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, UriError> {
    let headers = scanner.take_escaped(syntax::URI_HEADER);
    let is_header = |header: &str| header.find('=').is_some_and(|length| length > 0);
    if headers.split('&').all(is_header) {
        Ok(headers)
    } else {
        Err(UriError::Headers)
    }
}

/// `tel:` with the number as user part; parameters are checked for their characters only.
fn tel(text: &str, start: usize) -> Result<Uri<'_>, UriError> {
    let mut scanner = Scanner::starting_at(text, start);
    let is_digit = |octet: u8| octet.is_ascii_hexdigit() || octet == b'*' || octet == b'#';
    let is_phone_digit = |octet: u8| is_digit(octet) || matches!(octet, b'-' | b'.' | b'(' | b')');
    let is_global = scanner.take(b'+');
    let digits = scanner
        .rest()
        .bytes()
        .take_while(|octet| is_phone_digit(*octet))
        .count();
    scanner.advance(digits);
    let number = scanner.since(start);
    if !number.bytes().skip(usize::from(is_global)).any(is_digit) {
        return Err(UriError::Telephone);
    }
    let parameters = if scanner.peek() == Some(b';') {
        self::parameters(&mut scanner)?
    } else {
        ""
    };
    if !scanner.is_at_end() {
        return Err(if parameters.is_empty() {
            UriError::Telephone
        } else {
            UriError::Parameters
        });
    }
    Ok(Uri {
        text,
        scheme: Scheme::Tel,
        user: Some(number),
        password: None,
        host: None,
        port: None,
        parameters,
        headers: None,
    })
}

fn other<'a>(text: &'a str, scheme: Scheme<'a>, rest: &str) -> Result<Uri<'a>, UriError> {
    let may_stand = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>' | b'"');
    if rest.is_empty() || !rest.bytes().all(may_stand) {
        return Err(UriError::Characters);
    }
    Ok(Uri {
        text,
        scheme,
        user: None,
        password: None,
        host: None,
        port: None,
        parameters: "",
        headers: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_section_19_1_3_are_read() {
        let uri = Uri::parse("sip:alice:secretword@atlanta.com;transport=tcp").unwrap();
        assert_eq!((uri.user(), uri.password()), (Some("alice"), Some("secretword")));
        assert_eq!(uri.parameter_value("transport"), Some("tcp"));

        let uri = Uri::parse("sips:alice@atlanta.com?subject=project%20x&priority=urgent").unwrap();
        assert_eq!(uri.scheme(), Scheme::Sips);
        assert_eq!(uri.headers(), Some("subject=project%20x&priority=urgent"));

        let uri = Uri::parse("sip:+1-212-555-1212:1234@gateway.com;user=phone").unwrap();
        assert_eq!(
            (uri.user(), uri.password()),
            (Some("+1-212-555-1212"), Some("1234"))
        );

        let uri = Uri::parse("sip:alice@192.0.2.4").unwrap();
        assert_eq!(uri.host(), Some(Host::parse("192.0.2.4").unwrap()));

        let uri = Uri::parse("sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com").unwrap();
        assert_eq!(
            (uri.user(), uri.headers()),
            (None, Some("to=alice%40atlanta.com"))
        );

        let uri = Uri::parse("sip:alice;day=tuesday@atlanta.com").unwrap();
        assert_eq!(
            (uri.user(), uri.parameters().count()),
            (Some("alice;day=tuesday"), 0)
        );
    }

    #[test]
    fn an_ipv6_reference_may_be_followed_by_a_port() {
        let uri = Uri::parse("sip:[2001:db8::10]:5070").unwrap();
        assert_eq!(
            (uri.host().unwrap().to_string().as_str(), uri.port()),
            ("[2001:db8::10]", Some(5070))
        );
    }

    #[test]
    fn each_malformed_part_is_named() {
        let cases = [
            ("alice@example.com", UriError::Scheme),
            ("1sip:a@b", UriError::Scheme),
            ("", UriError::Scheme),
            ("sip:@example.com", UriError::User),
            ("sip:a b@example.com", UriError::User),
            ("sip:a%4@example.com", UriError::User),
            ("sip:a@b@example.com", UriError::Host),
            ("sip:", UriError::Host),
            ("sip:a@", UriError::Host),
            ("sip:2001:db8::10", UriError::Host),
            ("sip:[2001:db8::10", UriError::Host),
            ("sip:[2001:db8::10]x", UriError::Host),
            ("sip:a@example.com:", UriError::Port),
            ("sip:a@example.com:65536", UriError::Port),
            ("sip:a@example.com:+1", UriError::Port),
            ("sip:a@example.com;", UriError::Parameters),
            ("sip:a@example.com;;lr", UriError::Parameters),
            ("sip:a@example.com;=x", UriError::Parameters),
            ("sip:a@example.com;x=", UriError::Parameters),
            ("sip:a@example.com?", UriError::Headers),
            ("sip:a@example.com?a", UriError::Headers),
            ("sip:a@example.com ", UriError::Host),
            ("tel:", UriError::Telephone),
            ("tel:+--", UriError::Telephone),
            ("tel:alice", UriError::Telephone),
            ("http:", UriError::Characters),
            ("http:a b", UriError::Characters),
        ];
        for (text, error) in cases {
            assert_eq!(
                Uri::parse(text).map(|uri| uri.to_string()),
                Err(error),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_tel_uri_has_its_number_as_user_and_no_host() {
        let uri = Uri::parse("tel:+358-555-1234567;postd=pp22").unwrap();
        assert_eq!(
            (uri.user(), uri.host().is_none()),
            (Some("+358-555-1234567"), true)
        );
        assert_eq!(uri.parameter_value("POSTD"), Some("pp22"));
    }
}
