//! Protection of packets.

use media::srtp::{Context, MasterKey, PACKET_LENGTH_MAX, SrtpError, Suite};

/// Takes the octets for a protected packet, and for a plain one to protect, under each suite.
///
/// # Panics
/// If octets made without the key pass authentication, a protected packet does not open to what it was, opens twice or
/// opens after a bit was changed, or a packet that cannot be protected is changed. A 32-bit tag can be met by chance:
/// once in four thousand million tries.
pub fn srtp(data: &[u8]) {
    for suite in Suite::ALL {
        check_stranger(data, suite);
        check_packet(data, suite, &RTP);
        check_packet(data, suite, &RTCP);
    }
}

/// The two kinds of packets, which are protected alike.
struct Kind {
    protect: fn(&mut Context, &mut Vec<u8>) -> Result<(), SrtpError>,
    unprotect: fn(&mut Context, &mut [u8]) -> Result<usize, SrtpError>,
    growth: fn(Suite) -> usize,
}

const RTP: Kind = Kind {
    protect: Context::protect_rtp,
    unprotect: Context::unprotect_rtp,
    growth: Suite::rtp_tag_length,
};

const RTCP: Kind = Kind {
    protect: Context::protect_rtcp,
    unprotect: Context::unprotect_rtcp,
    growth: |suite| suite.rtcp_tag_length() + 4,
};

fn check_stranger(data: &[u8], suite: Suite) {
    let mut receiver = context(suite);
    for kind in [RTP, RTCP] {
        let opened = (kind.unprotect)(&mut receiver, &mut data.to_vec());
        assert!(opened.is_err(), "{suite:?} opens what was made without its key");
    }
}

fn check_packet(data: &[u8], suite: Suite, kind: &Kind) {
    let mut packet = data.to_vec();
    if (kind.protect)(&mut context(suite), &mut packet).is_err() {
        assert_eq!(packet, data, "a packet that is refused stays as it was");
        return;
    }
    assert_eq!(packet.len(), data.len() + (kind.growth)(suite));
    assert!(packet.len() <= PACKET_LENGTH_MAX);

    let mut damaged = packet.clone();
    if let Some(octet) = damaged.get_mut(place(data, packet.len())) {
        *octet ^= 1 << (data.len() % 8);
    }
    assert!((kind.unprotect)(&mut context(suite), &mut damaged).is_err());

    let mut receiver = context(suite);
    let mut opened = packet.clone();
    assert_eq!((kind.unprotect)(&mut receiver, &mut opened), Ok(data.len()));
    assert_eq!(opened.get(..data.len()), Some(data));
    let replayed = (kind.unprotect)(&mut receiver, &mut packet);
    assert_eq!(replayed, Err(SrtpError::Replayed));
}

/// A place in the packet that the octets themselves decide.
fn place(data: &[u8], length: usize) -> usize {
    let sum: usize = data.iter().map(|octet| usize::from(*octet)).sum();
    sum % length
}

fn context(suite: Suite) -> Context {
    let key_and_salt: Vec<u8> = (1..).take(suite.key_length() + suite.salt_length()).collect();
    Context::new(&MasterKey::new(suite, &key_and_salt).expect("the length is the suite's"))
}
