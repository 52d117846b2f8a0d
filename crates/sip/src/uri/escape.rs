//! The `%HH` escapes of URIs (RFC 3261 section 19.1.2).

use std::borrow::Cow;

use crate::syntax;

/// Undoes `%HH` once; a `%` without two hexadecimal digits stands for itself.
///
/// The result is octets because an escape can name any octet, NUL and non-UTF-8 included.
#[must_use]
pub fn unescape(text: &str) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text.as_bytes());
    }
    Cow::Owned(octets(text).collect())
}

/// Writes a user part, escaping what the grammar does not let stand there.
#[must_use]
pub fn escape_user(user: &str) -> Cow<'_, str> {
    // `#` is understood when received, and escaped when sent.
    escape(user, |octet| syntax::is(octet, syntax::USER) && octet != b'#')
}

/// Writes a URI parameter's name or value, escaping what the grammar does not let stand there.
#[must_use]
pub fn escape_parameter(text: &str) -> Cow<'_, str> {
    escape(text, |octet| syntax::is(octet, syntax::URI_PARAMETER))
}

/// The octets of a text with its escapes undone, without allocating.
pub(super) fn octets(text: &str) -> impl Iterator<Item = u8> + '_ {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        if let [b'%', high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hexadecimal(*high), hexadecimal(*low))
        {
            rest = tail;
            return Some(high << 4 | low);
        }
        let (first, tail) = rest.split_first()?;
        rest = tail;
        Some(*first)
    })
}

/// Compares with escapes undone, with regard to case.
pub(super) fn equal(left: &str, right: &str) -> bool {
    left == right || octets(left).eq(octets(right))
}

/// Compares with escapes undone, without regard to case.
pub(super) fn equal_ignoring_case(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
        || octets(left)
            .map(|octet| octet.to_ascii_lowercase())
            .eq(octets(right).map(|o| o.to_ascii_lowercase()))
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn escape(text: &str, may_stand: impl Fn(u8) -> bool) -> Cow<'_, str> {
    if text.bytes().all(&may_stand) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for octet in text.bytes() {
        if may_stand(octet) {
            escaped.push(char::from(octet));
        } else {
            escaped.push('%');
            for digit in [octet >> 4, octet & 0x0f] {
                escaped.push(
                    char::from_digit(u32::from(digit), 16)
                        .unwrap_or('0')
                        .to_ascii_uppercase(),
                );
            }
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_undone_once() {
        assert_eq!(unescape("v%61lue%25%34%31").as_ref(), b"value%41");
    }

    #[test]
    fn a_lonely_percent_sign_stands_for_itself() {
        assert_eq!(unescape("50%").as_ref(), b"50%");
        assert_eq!(unescape("%zz").as_ref(), b"%zz");
    }

    #[test]
    fn a_user_part_is_escaped_where_it_must_be() {
        assert_eq!(escape_user("j@s0n #1"), "j%40s0n%20%231");
        assert_eq!(escape_user("+1-212;x=1"), "+1-212;x=1");
    }
}
