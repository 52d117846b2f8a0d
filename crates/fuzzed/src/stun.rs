//! STUN on a SIP socket.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use sip::stun::{ATTRIBUTES_MAX, answer, is_stun};

/// Header, an error code with its words, and a list of attributes.
const ANSWER_LENGTH_MAX: usize = 20 + 28 + 4 + 2 * ATTRIBUTES_MAX;

/// Answers a datagram in both families.
///
/// # Panics
/// If an answer is no STUN, is too long, belongs to another transaction, or would be answered in turn.
pub fn stun(data: &[u8]) {
    for from in [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 5_060)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, 5_060)),
    ] {
        let Some(answered) = answer(data, from) else {
            continue;
        };
        assert!(is_stun(data) && is_stun(&answered));
        assert!(answered.len() <= ANSWER_LENGTH_MAX);
        assert_eq!(answered.get(4..20), data.get(4..20));
        assert_eq!(answer(&answered, from), None);
    }
}
