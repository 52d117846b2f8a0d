//! Session descriptions, as offers and as answers.

use std::net::Ipv4Addr;
use std::time::Duration;

use media::codec::Codec;
use media::sdp::{
    Direction, LocalMedia, MEDIA_MAX, Negotiated, PACKET_TIME_MAX, SDP_LENGTH_MAX, SecurityOffer, answer,
    offer, origin,
};
use media::srtp::Suite;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// Takes the octets for an offer and for an answer to ours, under each policy on a secure and an open channel.
///
/// # Panics
/// If an answer has other media lines than its offer, accepts more or less than one of them, or cannot be read; if a
/// limit is exceeded; or if what was agreed breaks the policy or gives keys to an open channel.
pub fn sdp(data: &[u8]) {
    for security in [
        SecurityOffer::Standard,
        SecurityOffer::Optional,
        SecurityOffer::Disabled,
    ] {
        for channel_is_secure in [true, false] {
            let local = local(security, channel_is_secure);
            check_as_offer(data, &local);
            check_as_answer(data, &local);
        }
    }
}

fn check_as_offer(data: &[u8], local: &LocalMedia) {
    let (text, negotiated) = match answer(data, local, &mut rng()) {
        Ok(answered) => answered,
        Err(error) => return assert!(matches!(error.status(), 400 | 488)),
    };
    assert!(data.len() <= SDP_LENGTH_MAX);
    check_agreement(&negotiated, local);
    let offered = String::from_utf8_lossy(data);
    let offered = media_lines(&offered);
    let answered = media_lines(&text);
    assert!(offered.len() <= MEDIA_MAX);
    assert_eq!(answered.len(), offered.len(), "{text}");
    let kind = |line: &&str| line.split(' ').next().map(str::to_owned);
    assert!(answered.iter().map(kind).eq(offered.iter().map(kind)), "{text}");
    let is_accepted = |line: &&&str| line.split(' ').nth(1) != Some("0");
    assert_eq!(answered.iter().filter(is_accepted).count(), 1, "{text}");
    assert_eq!(text.contains("\r\na=crypto:"), negotiated.crypto.is_some());
    if text.len() <= SDP_LENGTH_MAX {
        let origin = origin(text.as_bytes()).expect("our own answer can be read");
        assert_eq!(origin.session_id, local.session_id.to_string());
        assert_eq!(origin.session_version, local.session_version);
    }
}

fn check_as_answer(data: &[u8], local: &LocalMedia) {
    let Ok((text, pending)) = offer(local, &mut rng()) else {
        return;
    };
    assert!(origin(text.as_bytes()).is_ok());
    match pending.accept(data) {
        Ok(negotiated) => check_agreement(&negotiated, local),
        Err(error) => assert!(matches!(error.status(), 400 | 488)),
    }
}

fn check_agreement(negotiated: &Negotiated, local: &LocalMedia) {
    assert!(local.codecs.contains(&negotiated.codec));
    assert!(!negotiated.ptime.is_zero() && negotiated.ptime <= PACKET_TIME_MAX);
    assert!(negotiated.codec.packet_times().contains(&negotiated.ptime));
    assert_ne!(negotiated.remote_rtp.port(), 0);
    assert_ne!(negotiated.remote_rtcp.port(), 0);
    assert_eq!(negotiated.remote_rtp.is_ipv4(), local.address.is_ipv4());
    assert!(negotiated.send_payload_type <= 127 && negotiated.receive_payload_type <= 127);
    assert!(local.rtcp_mux || !negotiated.rtcp_mux);
    match &negotiated.crypto {
        Some(pair) => {
            assert!(local.channel_is_secure && local.security != SecurityOffer::Disabled);
            assert!(local.suites.contains(&pair.suite()));
            assert_eq!(pair.receive.suite(), pair.send.suite());
            assert_ne!(pair.send.key_and_salt(), pair.receive.key_and_salt());
        }
        None => assert_ne!(local.security, SecurityOffer::Standard),
    }
}

/// The values of the media lines, whatever ends a line.
fn media_lines(description: &str) -> Vec<&str> {
    let lines = description.split(['\r', '\n']);
    lines.filter_map(|line| line.strip_prefix("m=")).collect()
}

fn local(security: SecurityOffer, channel_is_secure: bool) -> LocalMedia {
    LocalMedia {
        address: Ipv4Addr::new(192, 0, 2, 2).into(),
        port: 5_000,
        codecs: Codec::ALL.to_vec(),
        security,
        suites: Suite::ALL.to_vec(),
        ptime: Duration::from_millis(20),
        direction: Direction::SendReceive,
        session_id: 4_711,
        session_version: 1,
        rtcp_mux: true,
        channel_is_secure,
    }
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([7; 32])
}
