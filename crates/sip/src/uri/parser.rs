//! Reads a URI from left to right, once.

use super::escape::is_escaped;
use super::{Host, Scheme, Uri, UriError};
use crate::syntax;

pub(super) fn parse(text: &str) -> Result<Uri<'_>, UriError> {
    let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
    match self::scheme(scheme)? {
        scheme @ (Scheme::Sip | Scheme::Sips) => sip(text, scheme, rest),
        Scheme::Tel => tel(text, rest),
        scheme @ Scheme::Other(_) => other(text, scheme, rest),
    }
}

fn scheme(text: &str) -> Result<Scheme<'_>, UriError> {
    if text.eq_ignore_ascii_case("sip") {
        return Ok(Scheme::Sip);
    }
    if text.eq_ignore_ascii_case("sips") {
        return Ok(Scheme::Sips);
    }
    if text.eq_ignore_ascii_case("tel") {
        return Ok(Scheme::Tel);
    }
    let starts_with_letter = text
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());
    let is_scheme =
        |octet: u8| octet.is_ascii_alphanumeric() || octet == b'+' || octet == b'-' || octet == b'.';
    if starts_with_letter && text.bytes().all(is_scheme) {
        Ok(Scheme::Other(text))
    } else {
        Err(UriError::Scheme)
    }
}

/// `[ userinfo "@" ] hostport uri-parameters [ headers ]`.
fn sip<'a>(text: &'a str, scheme: Scheme<'a>, rest: &'a str) -> Result<Uri<'a>, UriError> {
    // Neither userinfo nor anything behind it may hold an unescaped "@", so the first one divides, and
    // `;`, `?` and `:` before it belong to the user part.
    let (user, password, rest) = match rest.split_once('@') {
        Some((userinfo, rest)) => {
            let (user, password) = self::userinfo(userinfo)?;
            (Some(user), password, rest)
        }
        None => (None, None, rest),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) => (rest, Some(self::headers(headers)?)),
        None => (rest, None),
    };
    let (hostport, parameters) = match rest.split_once(';') {
        Some((hostport, parameters)) => (hostport, self::parameters(parameters)?),
        None => (rest, ""),
    };
    let (host, port) = self::hostport(hostport)?;
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

fn userinfo(text: &str) -> Result<(&str, Option<&str>), UriError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    //= https://www.rfc-editor.org/rfc/rfc3261#section-19.1.1
    //# If the @ sign is present in a SIP or SIPS URI, the user field MUST NOT be empty.
    let is_valid = !user.is_empty()
        && is_escaped(user, syntax::USER)
        && password.is_none_or(|password| is_escaped(password, syntax::PASSWORD));
    if is_valid {
        Ok((user, password))
    } else {
        Err(UriError::User)
    }
}

fn hostport(text: &str) -> Result<(Host<'_>, Option<u16>), UriError> {
    // The colons of an IPv6 address are inside its brackets, and a port follows the closing one.
    let host_length = match text.strip_prefix('[') {
        Some(inner) => inner.find(']').map(|end| end + 2).ok_or(UriError::Host)?,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(host_length).ok_or(UriError::Host)?;
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(self::port(digits)?),
        None if rest.is_empty() => None,
        None => return Err(UriError::Host),
    };
    Ok((Host::parse(host)?, port))
}

/// Reads a port number.
pub(crate) fn port(digits: &str) -> Result<u16, UriError> {
    syntax::decimal(digits)
        .and_then(|number| u16::try_from(number).ok())
        .ok_or(UriError::Port)
}

fn parameters(text: &str) -> Result<&str, UriError> {
    for parameter in text.split(';') {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        };
        let is_valid = !name.is_empty()
            && is_escaped(name, syntax::URI_PARAMETER)
            && value.is_none_or(|value| !value.is_empty() && is_escaped(value, syntax::URI_PARAMETER));
        if !is_valid {
            return Err(UriError::Parameters);
        }
    }
    Ok(text)
}

fn headers(text: &str) -> Result<&str, UriError> {
    for header in text.split('&') {
        let (name, _) = header.split_once('=').ok_or(UriError::Headers)?;
        if name.is_empty() || !is_escaped(header, syntax::URI_HEADER) {
            return Err(UriError::Headers);
        }
    }
    Ok(text)
}

/// `tel:` with the number as user part; parameters are checked for their characters only.
fn tel<'a>(text: &'a str, rest: &'a str) -> Result<Uri<'a>, UriError> {
    let (number, parameters) = match rest.split_once(';') {
        Some((number, parameters)) => (number, self::parameters(parameters)?),
        None => (rest, ""),
    };
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_digit = |octet: u8| octet.is_ascii_hexdigit() || octet == b'*' || octet == b'#';
    let is_phone_digit = |octet: u8| is_digit(octet) || matches!(octet, b'-' | b'.' | b'(' | b')');
    if !digits.bytes().all(is_phone_digit) || !digits.bytes().any(is_digit) {
        return Err(UriError::Telephone);
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
            ("sip:2001:db8::10", UriError::Port),
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
