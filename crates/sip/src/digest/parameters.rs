//! The parameter list of a challenge or an answer: `Digest name=value, name="value", ...`.

use std::borrow::Cow;

/// Parameters of one header value: RFC 7616 defines 13, the rest is room for extensions.
pub(super) const PARAMETERS_MAX: usize = 32;
/// Octets of one header value: generous for a nonce and a URI, far below the limit of a message.
pub(super) const LENGTH_MAX: usize = 4096;

/// Why a header value is no list of digest parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParametersError {
    /// Another scheme than Digest.
    #[error("the scheme is not Digest")]
    OtherScheme,
    /// Longer than [`LENGTH_MAX`].
    #[error("longer than {LENGTH_MAX} octets")]
    TooLong,
    /// More than [`PARAMETERS_MAX`] parameters.
    #[error("more than {PARAMETERS_MAX} parameters")]
    TooMany,
    /// Not `name=value` pairs with commas between them.
    #[error("not a list of name=value pairs")]
    Malformed,
    /// The same parameter twice.
    #[error("a parameter stands there twice")]
    Duplicate,
}

/// A parsed list; values borrow from the header.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    values: Vec<(&'a str, &'a str)>,
}

impl<'a> Parameters<'a> {
    pub(super) fn parse(header: &'a str) -> Result<Self, ParametersError> {
        if header.len() > LENGTH_MAX {
            return Err(ParametersError::TooLong);
        }
        let mut rest = strip_scheme(header)?;
        let mut values: Vec<(&str, &str)> = Vec::with_capacity(12);
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
            if rest.is_empty() {
                return Ok(Self { values });
            }
            let (name, after_name) = take_name(rest)?;
            let (value, after_value) = take_value(after_name)?;
            if values.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Err(ParametersError::Duplicate);
            }
            if values.len() == PARAMETERS_MAX {
                return Err(ParametersError::TooMany);
            }
            values.push((name, value));
            rest = after_value;
        }
    }

    /// The value as it stands on the wire, without its quotation marks: what hashes of nonce, cnonce and uri take.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.values
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// The value it stands for, with its quoted pairs resolved.
    pub(super) fn unescaped(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name).map(unescape)
    }
}

/// Writes a text as a quoted string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        let meant = if character == '\\' {
            characters.next()
        } else {
            Some(character)
        };
        text.extend(meant);
    }
    Cow::Owned(text)
}

fn strip_scheme(header: &str) -> Result<&str, ParametersError> {
    let (scheme, rest) = header
        .trim_start()
        .split_once([' ', '\t', '\r', '\n'])
        .ok_or(ParametersError::Malformed)?;
    if scheme.eq_ignore_ascii_case("Digest") {
        Ok(rest)
    } else {
        Err(ParametersError::OtherScheme)
    }
}

fn take_name(text: &str) -> Result<(&str, &str), ParametersError> {
    let (name, rest) = text.split_once('=').ok_or(ParametersError::Malformed)?;
    let name = name.trim_end_matches([' ', '\t', '\r', '\n']);
    let is_token = !name.is_empty() && name.bytes().all(is_token_byte);
    if is_token {
        Ok((name, rest.trim_start_matches([' ', '\t', '\r', '\n'])))
    } else {
        Err(ParametersError::Malformed)
    }
}

fn take_value(text: &str) -> Result<(&str, &str), ParametersError> {
    let (value, rest) = match text.strip_prefix('"') {
        Some(quoted) => take_quoted(quoted)?,
        None => {
            let end = text.find([',', ' ', '\t', '\r', '\n']).unwrap_or(text.len());
            let (value, rest) = text.split_at_checked(end).ok_or(ParametersError::Malformed)?;
            // Nonces and URIs without their quotation marks are seen in the field; a mark inside is an attack or an error, and
            // a backslash would escape the mark that it is sent back before.
            if value.is_empty() || value.contains(['"', '\\']) {
                return Err(ParametersError::Malformed);
            }
            (value, rest)
        }
    };
    let rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    if rest.is_empty() || rest.starts_with(',') {
        Ok((value, rest))
    } else {
        Err(ParametersError::Malformed)
    }
}

fn take_quoted(text: &str) -> Result<(&str, &str), ParametersError> {
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let value = text.get(..position).ok_or(ParametersError::Malformed)?;
                let rest = text.get(position + 1..).ok_or(ParametersError::Malformed)?;
                return Ok((value, rest));
            }
            _ => {}
        }
    }
    Err(ParametersError::Malformed)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_values_folds_and_odd_spaces_are_understood() {
        let parameters =
            Parameters::parse("digest\trealm = \"a, \\\"b\\\"\" ,\r\n qop=auth,, nc=\"00000001\" ,").unwrap();

        assert_eq!(parameters.raw("REALM"), Some("a, \\\"b\\\""));
        assert_eq!(parameters.unescaped("realm").as_deref(), Some("a, \"b\""));
        assert_eq!(parameters.raw("qop"), Some("auth"));
        assert_eq!(parameters.raw("nc"), Some("00000001"));
        assert_eq!(parameters.raw("nonce"), None);
    }

    #[test]
    fn broken_lists_are_refused() {
        for (header, error) in [
            ("Basic dXNlcg==", ParametersError::OtherScheme),
            ("Digest", ParametersError::Malformed),
            ("Digest realm", ParametersError::Malformed),
            ("Digest =x", ParametersError::Malformed),
            ("Digest realm=", ParametersError::Malformed),
            ("Digest nonce=ab\\", ParametersError::Malformed),
            ("Digest realm=\"open", ParametersError::Malformed),
            ("Digest realm=\"open\\\"", ParametersError::Malformed),
            ("Digest realm=\"a\" nonce=\"b\"", ParametersError::Malformed),
            ("Digest realm=\"a\"x", ParametersError::Malformed),
            ("Digest re alm=a", ParametersError::Malformed),
            ("Digest realm=a\"b\"", ParametersError::Malformed),
            ("Digest nonce=a, NONCE=b", ParametersError::Duplicate),
        ] {
            assert_eq!(Parameters::parse(header).unwrap_err(), error, "{header}");
        }
    }

    #[test]
    fn the_number_of_parameters_is_limited() {
        let list = |count: usize| {
            let parameters: Vec<_> = (0..count).map(|number| format!("p{number}=x")).collect();
            format!("Digest {}", parameters.join(","))
        };

        assert!(Parameters::parse(&list(PARAMETERS_MAX)).is_ok());
        assert_eq!(
            Parameters::parse(&list(PARAMETERS_MAX + 1)).unwrap_err(),
            ParametersError::TooMany
        );
    }

    #[test]
    fn the_length_is_limited() {
        let header = |length: usize| format!("Digest a={}", "x".repeat(length - "Digest a=".len()));

        assert!(Parameters::parse(&header(LENGTH_MAX)).is_ok());
        assert_eq!(
            Parameters::parse(&header(LENGTH_MAX + 1)).unwrap_err(),
            ParametersError::TooLong
        );
    }

    #[test]
    fn a_quoted_text_reads_back_as_it_was() {
        for text in ["plain", "a \"b\" c", "back\\slash", ""] {
            let header = format!("Digest realm={}", quote(text));

            assert_eq!(
                Parameters::parse(&header).unwrap().unescaped("realm").as_deref(),
                Some(text)
            );
        }
    }
}
