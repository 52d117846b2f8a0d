//! The part of STUN (RFC 8489) that a SIP node over UDP owes to phones that keep their flow open with it (RFC 5626 §8).
//!
//! A Binding Request is answered with the address it came from. Everything else of STUN is recognised, so that nobody takes
//! it for SIP, and not answered: neither indications nor responses, so that two nodes never answer each other.

use std::net::{IpAddr, SocketAddr};

/// Octets of the longest request that is answered: what passes any path in one piece (RFC 8489 §6.1).
pub const REQUEST_LENGTH_MAX: usize = 548;
/// Attributes that are looked at in one request; keep-alives have none or two.
pub const ATTRIBUTES_MAX: usize = 16;

const HEADER_LENGTH: usize = 20;
const MAGIC_COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Attributes below this number have to be understood by whoever answers.
const COMPREHENSION_OPTIONAL: u16 = 0x8000;
/// USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256: nobody is asked for them here, and they may be passed
/// over without harm.
const CREDENTIALS: [u16; 5] = [0x0006, 0x0008, 0x0014, 0x0015, 0x001C];

/// Says whether a datagram is STUN; a SIP message is never taken for it, since none begins with such an octet.
#[must_use]
pub fn is_stun(datagram: &[u8]) -> bool {
    //= https://www.rfc-editor.org/rfc/rfc8489#section-5
    //# The most significant 2 bits of every STUN message MUST be zeros.
    datagram.len() >= HEADER_LENGTH
        && datagram.first().is_some_and(|octet| *octet < 0x40)
        && datagram.get(4..8) == Some(&MAGIC_COOKIE)
}

/// The answer to a Binding Request that came from `from`; `None` for everything else.
#[must_use]
pub fn answer(datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let (header, body) = datagram.split_at_checked(HEADER_LENGTH)?;
    let is_whole = usize::from(word(header, 2)?) == body.len() && body.len().is_multiple_of(4);
    let is_request = is_stun(datagram) && word(header, 0)? == BINDING_REQUEST;
    if !is_request || !is_whole || datagram.len() > REQUEST_LENGTH_MAX {
        return None;
    }
    let identification = header.get(4..)?;
    let unknown = unknown_attributes(body)?;
    Some(if unknown.is_empty() {
        let address = mapped_address(from, identification);
        message(BINDING_SUCCESS, identification, &[(XOR_MAPPED_ADDRESS, address)])
    } else {
        //= https://www.rfc-editor.org/rfc/rfc8489#section-6.3.1
        //# If the request contains one or more unknown comprehension-required
        //# attributes, the server replies with an error response with an error
        //# code of 420 (Unknown Attribute) and includes an UNKNOWN-ATTRIBUTES
        //# attribute in the response that lists the unknown comprehension-
        //# required attributes.
        let listed = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        let attributes = [
            (ERROR_CODE, b"\0\0\x04\x14Unknown Attribute".to_vec()),
            (UNKNOWN_ATTRIBUTES, listed),
        ];
        message(BINDING_ERROR, identification, &attributes)
    })
}

/// The attributes that would have to be understood and are not; `None` where the attributes do not add up.
fn unknown_attributes(mut body: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    for _attribute in 0..ATTRIBUTES_MAX {
        if body.is_empty() {
            return Some(unknown);
        }
        let kind = word(body, 0)?;
        let length = usize::from(word(body, 2)?);
        if kind < COMPREHENSION_OPTIONAL && !CREDENTIALS.contains(&kind) {
            unknown.push(kind);
        }
        body = body.get(4 + length.next_multiple_of(4)..)?;
    }
    body.is_empty().then_some(unknown)
}

/// The value of XOR-MAPPED-ADDRESS: port and address under the cookie and the transaction id, which hides them from
/// translators that rewrite what looks like an address.
fn mapped_address(from: SocketAddr, identification: &[u8]) -> Vec<u8> {
    let masked = |octets: &[u8]| -> Vec<u8> {
        octets
            .iter()
            .zip(identification)
            .map(|(octet, mask)| octet ^ mask)
            .collect()
    };
    let (family, address) = match from.ip().to_canonical() {
        IpAddr::V4(v4) => (1, masked(&v4.octets())),
        IpAddr::V6(v6) => (2, masked(&v6.octets())),
    };
    let port = masked(&from.port().to_be_bytes());
    [vec![0, family], port, address].concat()
}

fn message(kind: u16, identification: &[u8], attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend(identification);
    message.extend(body);
    message
}

fn word(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: [u8; 12] = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

    fn request(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        [&[0, 1], &length[..], &MAGIC_COOKIE, &ID, attributes].concat()
    }

    /// An attribute of four octets.
    fn attribute(kind: u16) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &[0, 4, 1, 2, 3, 4]].concat()
    }

    fn v4() -> SocketAddr {
        "192.0.2.1:32853".parse().unwrap()
    }

    #[test]
    fn the_address_of_a_binding_request_is_told_as_in_the_test_vectors() {
        // RFC 5769 §2.2 and §2.3 have the same transaction id, and these values.
        let answered = answer(&request(&[]), v4()).unwrap();
        assert_eq!(answered[..2], [1, 1]);
        assert_eq!(answered[4..20], request(&[])[4..20]);
        assert_eq!(
            answered[20..],
            *b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
        );

        let v6 = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        assert_eq!(
            answer(&request(&[]), v6).unwrap()[20..],
            *b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"
        );
    }

    #[test]
    fn a_mapped_address_is_told_as_ipv4() {
        let mapped = "[::ffff:192.0.2.1]:32853".parse().unwrap();
        assert_eq!(answer(&request(&[]), mapped), answer(&request(&[]), v4()));
    }

    #[test]
    fn attributes_that_may_be_passed_over_are_and_the_others_are_named() {
        let passed_over = [attribute(0x8022), attribute(0x8028), attribute(0x0006)].concat();
        assert_eq!(answer(&request(&passed_over), v4()).unwrap()[..2], [1, 1]);

        let unknown = [attribute(0x0003), attribute(0x8022), attribute(0x7F01)].concat();
        let refused = answer(&request(&unknown), v4()).unwrap();
        assert_eq!(refused[..2], [1, 0x11]);
        assert_eq!(refused[24..28], [0, 0, 4, 20]);
        assert!(refused.ends_with(&[0, 0x0A, 0, 4, 0, 3, 0x7F, 1]));
    }

    #[test]
    fn a_request_of_the_most_attributes_is_answered_and_one_of_more_is_not() {
        assert!(answer(&request(&attribute(0x8022).repeat(ATTRIBUTES_MAX)), v4()).is_some());
        assert!(answer(&request(&attribute(0x8022).repeat(ATTRIBUTES_MAX + 1)), v4()).is_none());
    }

    #[test]
    fn a_request_of_the_longest_length_is_answered_and_a_longer_one_is_not() {
        let filled = |length: usize| {
            let value = length - HEADER_LENGTH - 4;
            let header = [&[0x80, 0x22][..], &u16::try_from(value).unwrap().to_be_bytes()].concat();
            request(&[header, vec![0; value]].concat())
        };
        assert!(answer(&filled(REQUEST_LENGTH_MAX), v4()).is_some());
        assert!(answer(&filled(REQUEST_LENGTH_MAX + 4), v4()).is_none());
    }

    #[test]
    fn what_is_no_whole_binding_request_is_not_answered() {
        let whole = request(&attribute(0x8022));
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], v4()), None, "{length} octets");
        }
        for (place, octet) in [(0, 0x40), (0, 1), (1, 0x11), (3, 4), (4, 0), (23, 5)] {
            let mut broken = whole.clone();
            broken[place] = octet;
            assert_eq!(answer(&broken, v4()), None, "octet {place}");
        }
        assert!(!is_stun(b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"));
    }

    proptest! {
        #[test]
        fn an_answer_is_stun_of_bounded_length_and_is_never_answered(
            attributes in proptest::collection::vec(any::<(u16, u8)>(), 0..20),
            from in any::<([u8; 16], u16)>(),
        ) {
            let body: Vec<u8> = attributes
                .iter()
                .flat_map(|(kind, length)| {
                    let value = vec![7; usize::from(*length).next_multiple_of(4)];
                    [&kind.to_be_bytes()[..], &[0, *length], &value].concat()
                })
                .collect();
            let from = SocketAddr::from((from.0, from.1));
            if let Some(answered) = answer(&request(&body), from) {
                prop_assert!(is_stun(&answered));
                prop_assert!(answered.len() <= HEADER_LENGTH + 28 + 4 + 2 * ATTRIBUTES_MAX);
                prop_assert_eq!(answer(&answered, from), None);
            }
        }
    }
}
