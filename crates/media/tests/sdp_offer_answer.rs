//! Offer and answer as two sides see them.

use std::time::Duration;

use media::codec::Codec;
use media::sdp::{Direction, LocalMedia, OfferError, SdpError, SecurityOffer, answer, offer};
use media::srtp::{Context, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

#[test]
fn keys_and_addresses_are_mirrored() {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let ours = local("192.0.2.1", 4_000, SecurityOffer::Standard);
    let theirs = local("192.0.2.2", 5_000, SecurityOffer::Standard);

    let (offered, pending) = offer(&ours, &mut rng).unwrap();
    let (answered, their_view) = answer(offered.as_bytes(), &theirs, &mut rng).unwrap();
    let our_view = pending.accept(answered.as_bytes()).unwrap();

    let (our_keys, their_keys) = (
        our_view.crypto.clone().unwrap(),
        their_view.crypto.clone().unwrap(),
    );
    assert_eq!(our_keys.send, their_keys.receive);
    assert_eq!(our_keys.receive, their_keys.send);
    assert_eq!(our_keys.suite(), Suite::AesCm256HmacSha1_80);
    assert_eq!(our_view.remote_rtp, "192.0.2.2:5000".parse().unwrap());
    assert_eq!(their_view.remote_rtcp, "192.0.2.1:4001".parse().unwrap());
    assert_eq!((our_view.codec, their_view.codec), (Codec::Pcmu, Codec::Pcmu));
    assert_eq!(
        (our_view.telephone_event, their_view.send_telephone_event),
        (Some(101), Some(101))
    );

    let mut packet = media::rtp::Header {
        marker: false,
        payload_type: 0,
        sequence: 1,
        timestamp: 2,
        ssrc: 3,
    }
    .to_bytes()
    .to_vec();
    packet.extend_from_slice(&[0xff; 160]);
    let plain = packet.clone();
    Context::new(&our_keys.send).protect_rtp(&mut packet).unwrap();
    assert_ne!(packet[12..172], plain[12..]);
    let length = Context::new(&their_keys.receive)
        .unprotect_rtp(&mut packet)
        .unwrap();
    assert_eq!(packet[..length], plain);
}

fn local(address: &str, port: u16, security: SecurityOffer) -> LocalMedia {
    LocalMedia {
        address: address.parse().unwrap(),
        port,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        security,
        suites: vec![Suite::AesCm256HmacSha1_80, Suite::AesCm128HmacSha1_80],
        ptime: Duration::from_millis(20),
        direction: Direction::SendReceive,
        session_id: 1,
        session_version: 1,
        rtcp_mux: false,
        channel_is_secure: true,
    }
}

#[test]
fn srtp_is_never_offered_over_an_open_channel() {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut ours = local("192.0.2.1", 4_000, SecurityOffer::Standard);
    ours.channel_is_secure = false;
    assert_eq!(offer(&ours, &mut rng).err(), Some(OfferError::InsecureChannel));

    let (offered, _) = offer(&local("192.0.2.1", 4_000, SecurityOffer::Standard), &mut rng).unwrap();
    assert_eq!(
        answer(offered.as_bytes(), &ours, &mut rng).err(),
        Some(SdpError::InsecureChannel)
    );
}
