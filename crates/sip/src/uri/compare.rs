//! The comparison of RFC 3261 section 19.1.4.

use super::escape::{equal, equal_ignoring_case};
use super::{Scheme, Uri, UriParameter};

/// Parameters that must stand in both URIs or in neither.
//= https://www.rfc-editor.org/rfc/rfc3261#section-19.1.4
//# A user, ttl, or method uri-parameter appearing in only one
//# URI never matches, even if it contains the default value.
// `maddr` is named by the rule that follows it, and `transport` by the rule for components that have a
// default value.
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// URIs with so many parameters or headers are compared octet by octet: the cost of comparing grows with the product of the
/// counts, and no sound URI comes near this one.
pub const COMPARED_PARAMETERS_MAX: usize = 64;

pub(super) fn are_equivalent(left: &Uri<'_>, right: &Uri<'_>) -> bool {
    match (left.scheme, right.scheme) {
        (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => {
            are_users_equal(left.user, right.user)
                && are_users_equal(left.password, right.password)
                && left.host == right.host
                && left.port == right.port
                && are_parameters_equivalent(left, right)
                && are_headers_equivalent(left.headers, right.headers)
        }
        (Scheme::Tel, Scheme::Tel) => are_telephones_equivalent(left, right),
        (Scheme::Other(_), Scheme::Other(_)) => left.text == right.text,
        (Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Other(_), _) => false,
    }
}

fn are_users_equal(left: Option<&str>, right: Option<&str>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => equal(left, right),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn are_parameters_equivalent(left: &Uri<'_>, right: &Uri<'_>) -> bool {
    if left.parameters.is_empty() && right.parameters.is_empty() {
        return true;
    }
    if is_beyond_comparison(left.parameters, b';') || is_beyond_comparison(right.parameters, b';') {
        return left.parameters == right.parameters;
    }
    left.parameters().all(|parameter| is_matched(parameter, right))
        && right.parameters().all(|parameter| is_matched(parameter, left))
}

fn is_beyond_comparison(text: &str, separator: u8) -> bool {
    memchr::memchr_iter(separator, text.as_bytes())
        .nth(COMPARED_PARAMETERS_MAX - 1)
        .is_some()
}

fn is_matched(parameter: UriParameter<'_>, other: &Uri<'_>) -> bool {
    match other
        .parameters()
        .find(|candidate| equal_ignoring_case(candidate.name, parameter.name))
    {
        Some(found) => match (found.value, parameter.value) {
            (None, None) => true,
            (Some(left), Some(right)) => equal_ignoring_case(left, right),
            (None, Some(_)) | (Some(_), None) => false,
        },
        None => !NEVER_IGNORED.iter().any(|name| parameter.is(name)),
    }
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-19.1.4
//# Any present header
//# component MUST be present in both URIs and match for the URIs
//# to match.
fn are_headers_equivalent(left: Option<&str>, right: Option<&str>) -> bool {
    let (left, right) = match (left, right) {
        (None, None) => return true,
        (Some(left), Some(right)) => (left, right),
        (None, Some(_)) | (Some(_), None) => return false,
    };
    if is_beyond_comparison(left, b'&') || is_beyond_comparison(right, b'&') {
        return left == right;
    }
    let is_in = |header: &str, list: &str| {
        list.split('&')
            .any(|other| are_header_fields_equal(header, other))
    };
    left.split('&').count() == right.split('&').count()
        && left.split('&').all(|header| is_in(header, right))
        && right.split('&').all(|header| is_in(header, left))
}

fn are_header_fields_equal(left: &str, right: &str) -> bool {
    match (left.split_once('='), right.split_once('=')) {
        (Some((left_name, left_value)), Some((right_name, right_value))) => {
            equal_ignoring_case(left_name, right_name) && equal(left_value, right_value)
        }
        (None | Some(_), _) => false,
    }
}

/// RFC 3966 section 4: visual separators do not count, parameters do, in any order and case.
fn are_telephones_equivalent(left: &Uri<'_>, right: &Uri<'_>) -> bool {
    let digits = |uri: &Uri<'_>| -> Vec<u8> {
        let number = uri.user.unwrap_or_default();
        number
            .bytes()
            .filter(|octet| !matches!(octet, b'-' | b'.' | b'(' | b')'))
            .map(|octet| octet.to_ascii_lowercase())
            .collect()
    };
    if is_beyond_comparison(left.parameters, b';') || is_beyond_comparison(right.parameters, b';') {
        return left.text == right.text;
    }
    let is_in = |parameter: UriParameter<'_>, other: &Uri<'_>| {
        other.parameters().any(|candidate| {
            equal_ignoring_case(candidate.name, parameter.name)
                && equal_ignoring_case(
                    candidate.value.unwrap_or_default(),
                    parameter.value.unwrap_or_default(),
                )
        })
    };
    digits(left) == digits(right)
        && left.parameters().all(|parameter| is_in(parameter, right))
        && right.parameters().all(|parameter| is_in(parameter, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_equivalent(left: &str, right: &str) -> bool {
        let (left, right) = (Uri::parse(left).unwrap(), Uri::parse(right).unwrap());
        let verdict = left.is_equivalent_to(&right);
        assert_eq!(
            verdict,
            right.is_equivalent_to(&left),
            "the comparison is symmetric"
        );
        verdict
    }

    #[test]
    fn the_equivalent_examples_of_section_19_1_4_match() {
        let pairs = [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:carol@chicago.com;newparam=5",
                "sip:carol@chicago.com;security=on",
            ),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ];
        for (left, right) in pairs {
            assert!(are_equivalent(left, right), "{left} and {right}");
        }
    }

    #[test]
    fn the_different_examples_of_section_19_1_4_do_not_match() {
        let pairs = [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
            ("sip:bob@biloxi.com", "sip:biloxi.com"),
            ("sip:bob@biloxi.com", "sip:bob:x@biloxi.com"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;maddr=192.0.2.1"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;user=ip"),
            ("sip:bob@biloxi.com?a=1&a=1", "sip:bob@biloxi.com?a=1&b=1"),
        ];
        for (left, right) in pairs {
            assert!(!are_equivalent(left, right), "{left} and {right}");
        }
    }

    #[test]
    fn telephone_numbers_match_without_their_separators() {
        assert!(are_equivalent(
            "tel:+358-555-1234567;postd=pp22",
            "tel:+3585551234567;POSTD=PP22"
        ));
        assert!(!are_equivalent(
            "tel:+358-555-1234567;postd=pp22",
            "tel:+358-555-1234567"
        ));
    }

    #[test]
    fn parameters_beyond_the_limit_match_only_when_identical() {
        let with = |count: usize| -> String {
            (0..count).fold("sip:a@b.c".to_owned(), |uri, index| format!("{uri};p{index}=x"))
        };
        let reversed = |count: usize| -> String {
            (0..count)
                .rev()
                .fold("sip:a@b.c".to_owned(), |uri, index| format!("{uri};p{index}=x"))
        };
        assert!(are_equivalent(
            &with(COMPARED_PARAMETERS_MAX),
            &reversed(COMPARED_PARAMETERS_MAX)
        ));
        assert!(!are_equivalent(
            &with(COMPARED_PARAMETERS_MAX + 1),
            &reversed(COMPARED_PARAMETERS_MAX + 1)
        ));
        assert!(are_equivalent(
            &with(COMPARED_PARAMETERS_MAX + 1),
            &with(COMPARED_PARAMETERS_MAX + 1)
        ));
    }
}
