//! What holds for every description.

use std::net::IpAddr;
use std::time::Duration;

use media::codec::Codec;
use media::sdp::{Direction, LocalMedia, SecurityOffer, answer, offer, origin};
use media::srtp::Suite;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, subsequence};

use super::{KEY, local, rng, session};

proptest! {
    #[test]
    fn two_of_us_agree_on_mirrored_views(ours in local_media(), theirs in local_media()) {
        let mut rng = rng();
        let (offered, pending) = offer(&ours, &mut rng).unwrap();
        let Ok((answered, their_view)) = answer(offered.as_bytes(), &theirs, &mut rng) else {
            return Ok(());
        };
        let our_view = pending.accept(answered.as_bytes()).unwrap();

        prop_assert_eq!(our_view.remote_rtp, (theirs.address, theirs.port).into());
        prop_assert_eq!(their_view.remote_rtp, (ours.address, ours.port).into());
        prop_assert_eq!(our_view.rtcp_mux, their_view.rtcp_mux);
        prop_assert_eq!(our_view.codec, their_view.codec);
        prop_assert_eq!(our_view.send_payload_type, their_view.receive_payload_type);
        prop_assert_eq!(our_view.receive_payload_type, their_view.send_payload_type);
        prop_assert_eq!(our_view.telephone_event, their_view.send_telephone_event);
        prop_assert_eq!(our_view.ptime, their_view.ptime);
        prop_assert_eq!(our_view.direction.sends(), their_view.direction.receives());
        prop_assert_eq!(our_view.direction.receives(), their_view.direction.sends());
        match (our_view.crypto, their_view.crypto) {
            (Some(our_keys), Some(their_keys)) => {
                prop_assert_eq!(&our_keys.send, &their_keys.receive);
                prop_assert_eq!(&our_keys.receive, &their_keys.send);
                prop_assert!(ours.suites.contains(&our_keys.suite()));
                prop_assert!(theirs.suites.contains(&our_keys.suite()));
            }
            (None, None) => {
                prop_assert!(ours.security != SecurityOffer::Standard);
                prop_assert!(theirs.security != SecurityOffer::Standard);
            }
            (ours, theirs) => prop_assert_eq!(ours, theirs),
        }
    }

    #[test]
    fn no_mutation_of_a_description_panics(
        changes in proptest::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 0..12),
        security in security(),
    ) {
        let mut bytes = session(&format!(
            "m=audio 4000 RTP/SAVP 0 8 96 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=maxptime:60\r\na=rtcp:4001 IN IP4 192.0.2.1\r\n\
             a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31 WSH=128\r\na=sendrecv\r\n"
        ))
        .into_bytes();
        for (position, value, kind) in changes {
            let position = position.index(bytes.len());
            match kind {
                0 => bytes[position] = value,
                1 => bytes.insert(position, value),
                _ => {
                    bytes.remove(position);
                }
            }
        }
        let media = local(security);
        let (_, pending) = offer(&media, &mut rng()).unwrap();
        if let Err(error) = pending.accept(&bytes) {
            prop_assert!([400, 488].contains(&error.status()));
        }
        origin(&bytes).ok();
        if let Ok((text, _)) = answer(&bytes, &media, &mut rng()) {
            prop_assert!(origin(text.as_bytes()).is_ok(), "our own answer parses: {text}");
        }
    }

    #[test]
    fn nothing_of_the_offer_becomes_a_line_of_the_answer(text in "[^\r\n\0]{0,60}") {
        let offered = session(&format!("m=x{text} 9 RTP/AVP {text}\r\nm=audio 4000 RTP/AVP 0\r\na={text}\r\n"));
        if let Ok((answer, _)) = answer(offered.as_bytes(), &local(SecurityOffer::Optional), &mut rng()) {
            let expected = ["v=", "o=", "s=", "c=", "t=", "m=", "m=", "a=", "a=", "a="];
            let kinds: Vec<_> = answer.split("\r\n").filter(|line| !line.is_empty()).filter_map(|line| line.get(..2)).collect();
            prop_assert_eq!(kinds, expected);
        }
    }
}

fn local_media() -> impl Strategy<Value = LocalMedia> {
    let direction = prop_oneof![
        Just(Direction::SendReceive),
        Just(Direction::SendOnly),
        Just(Direction::ReceiveOnly),
        Just(Direction::Inactive)
    ];
    let transport = (any::<u32>(), 1..65_535_u16, any::<bool>());
    let codecs = subsequence(Codec::ALL.to_vec(), 1..=Codec::ALL.len()).prop_shuffle();
    let suites = subsequence(Suite::ALL.to_vec(), 1..=Suite::ALL.len()).prop_shuffle();
    (
        transport,
        codecs,
        suites,
        security(),
        direction,
        10..=60_u64,
        any::<u64>(),
    )
        .prop_map(
            |((host, port, rtcp_mux), codecs, suites, security, direction, ptime, session_id)| LocalMedia {
                // Within 10.0.0.0/8, so that it is no multicast or broadcast address.
                address: IpAddr::from((0x0a00_0000 | host & 0x00ff_ffff).to_be_bytes()),
                port,
                codecs,
                security,
                suites,
                ptime: Duration::from_millis(ptime),
                direction,
                session_id,
                session_version: 0,
                rtcp_mux,
                channel_is_secure: true,
            },
        )
}

fn security() -> impl Strategy<Value = SecurityOffer> {
    prop_oneof![
        Just(SecurityOffer::Standard),
        Just(SecurityOffer::Optional),
        Just(SecurityOffer::Disabled)
    ]
}
