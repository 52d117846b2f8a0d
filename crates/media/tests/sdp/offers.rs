//! What is offered, and how the answer to it is judged.

use std::time::Duration;

use media::codec::Codec;
use media::sdp::{
    Direction, LocalMedia, OfferError, PendingOffer, SdpError, SecurityOffer, answer, offer, origin,
};
use media::srtp::{Context, Suite};

use super::{accepted, lines, local, rng, session};

#[test]
fn keys_and_addresses_are_mirrored_and_the_keys_fit_each_other() {
    let mut rng = rng();
    let mut ours = local(SecurityOffer::Standard);
    (ours.address, ours.port) = ("192.0.2.1".parse().unwrap(), 4_000);
    let theirs = local(SecurityOffer::Standard);

    let (offered, pending) = offer(&ours, &mut rng).unwrap();
    let (answered, their_view) = answer(offered.as_bytes(), &theirs, &mut rng).unwrap();
    let our_view = pending.accept(answered.as_bytes()).unwrap();

    let (our_keys, their_keys) = (
        our_view.crypto.clone().unwrap(),
        their_view.crypto.clone().unwrap(),
    );
    assert_eq!(our_keys.send, their_keys.receive);
    assert_eq!(our_keys.receive, their_keys.send);
    assert_ne!(our_keys.send, our_keys.receive);
    assert_eq!(our_keys.suite(), Suite::AesCm256HmacSha1_80);
    assert_eq!(our_view.remote_rtp, "192.0.2.2:5000".parse().unwrap());
    assert_eq!(their_view.remote_rtp, "192.0.2.1:4000".parse().unwrap());
    assert_eq!(their_view.remote_rtcp, "192.0.2.1:4001".parse().unwrap());

    let header = media::rtp::Header {
        marker: false,
        payload_type: 0,
        sequence: 1,
        timestamp: 2,
        ssrc: 3,
    };
    let plain = [header.to_bytes().as_slice(), &[0xff; 160]].concat();
    let mut packet = plain.clone();
    Context::new(&our_keys.send).protect_rtp(&mut packet).unwrap();
    let length = Context::new(&their_keys.receive)
        .unprotect_rtp(&mut packet)
        .unwrap();
    assert_eq!(packet[..length], plain);
}

#[test]
fn standard_offers_the_secure_profile_with_all_suites_in_order() {
    let (text, _) = offer(&local(SecurityOffer::Standard), &mut rng()).unwrap();

    assert_eq!(lines(&text, "m="), ["m=audio 5000 RTP/SAVP 0 8 96 101 102"]);
    let crypto = lines(&text, "a=crypto:");
    assert!(crypto[0].starts_with("a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:"));
    assert!(crypto[1].starts_with("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:"));
    assert_eq!(crypto.len(), 2);
}

#[test]
fn optional_offers_keys_beside_the_plain_profile() {
    let (text, _) = offer(&local(SecurityOffer::Optional), &mut rng()).unwrap();
    assert!(text.contains("m=audio 5000 RTP/AVP "));
    assert_eq!(lines(&text, "a=crypto:").len(), 2);
}

#[test]
fn disabled_offers_no_keys() {
    let (text, _) = offer(&local(SecurityOffer::Disabled), &mut rng()).unwrap();
    assert!(text.contains("m=audio 5000 RTP/AVP "));
    assert!(!text.contains("crypto"));
}

#[test]
fn no_key_is_sent_over_an_open_channel() {
    let mut standard = local(SecurityOffer::Standard);
    standard.channel_is_secure = false;
    assert_eq!(
        offer(&standard, &mut rng()).err(),
        Some(OfferError::InsecureChannel)
    );

    let mut optional = local(SecurityOffer::Optional);
    optional.channel_is_secure = false;
    let (text, _) = offer(&optional, &mut rng()).unwrap();
    assert!(!text.contains("crypto"));
}

#[test]
fn nothing_to_offer_is_an_error() {
    let mut media = local(SecurityOffer::Standard);
    media.suites.clear();
    assert_eq!(offer(&media, &mut rng()).err(), Some(OfferError::NoSuite));
    media.codecs.clear();
    assert_eq!(offer(&media, &mut rng()).err(), Some(OfferError::NoCodec));
}

#[test]
fn the_description_names_codecs_events_and_wishes() {
    let mut media = local(SecurityOffer::Disabled);
    media.address = "2001:db8::1".parse().unwrap();
    media.direction = Direction::ReceiveOnly;
    media.rtcp_mux = true;
    let (text, _) = offer(&media, &mut rng()).unwrap();
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            "v=0",
            "o=- 4711 1 IN IP6 2001:db8::1",
            "s=-",
            "c=IN IP6 2001:db8::1",
            "t=0 0",
            "m=audio 5000 RTP/AVP 0 8 96 101 102",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:96 opus/48000/2",
            "a=fmtp:96 useinbandfec=1",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=rtpmap:102 telephone-event/48000",
            "a=fmtp:102 0-15",
            "a=ptime:20",
            "a=rtcp-mux",
            "a=recvonly",
        ]
    );
    assert!(
        text.lines().count() * 2 == text.matches(['\r', '\n']).count(),
        "each line ends in CRLF"
    );
}

#[test]
fn a_changed_description_has_the_next_version() {
    let mut media = local(SecurityOffer::Disabled);
    let (first, _) = offer(&media, &mut rng()).unwrap();
    media.session_version += 1;
    let (second, _) = offer(&media, &mut rng()).unwrap();

    let (first, second) = (
        origin(first.as_bytes()).unwrap(),
        origin(second.as_bytes()).unwrap(),
    );
    assert_eq!((first.session_id.as_str(), first.session_version), ("4711", 1));
    assert_eq!((second.session_id.as_str(), second.session_version), ("4711", 2));
}

#[test]
fn one_offer_judges_the_answers_of_several_forks() {
    let mut rng = rng();
    let (text, pending) = offer(&local(SecurityOffer::Standard), &mut rng).unwrap();
    let mut fork = || {
        let (answer, _) = answer(text.as_bytes(), &local(SecurityOffer::Standard), &mut rng).unwrap();
        pending.accept(answer.as_bytes()).unwrap().crypto.unwrap()
    };
    let (first, second) = (fork(), fork());
    assert_eq!(first.send, second.send);
    assert_ne!(first.receive, second.receive);
}

#[test]
fn the_answer_chooses_the_codec_and_its_own_payload_types() {
    let media = local(SecurityOffer::Disabled);
    let view = accepted(
        &media,
        "m=audio 4000 RTP/AVP 111 0 126\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/48000\r\n",
    )
    .unwrap();
    assert_eq!(
        (view.codec, view.send_payload_type, view.receive_payload_type),
        (Codec::Opus, 111, 96)
    );
    assert_eq!(
        (view.send_telephone_event, view.telephone_event),
        (Some(126), Some(102))
    );
}

#[test]
fn an_answer_without_telephone_events_has_none() {
    let view = accepted(&local(SecurityOffer::Disabled), "m=audio 4000 RTP/AVP 8\r\n").unwrap();
    assert_eq!((view.codec, view.telephone_event), (Codec::Pcma, None));
}

#[test]
fn the_answer_of_a_peer_without_srtp_to_an_optional_offer_is_plain() {
    let view = accepted(&local(SecurityOffer::Optional), "m=audio 4000 RTP/AVP 0\r\n").unwrap();
    assert_eq!(view.crypto, None);
}

#[test]
fn directions_meet_in_the_answer() {
    use Direction::{Inactive, ReceiveOnly, SendOnly, SendReceive};
    for (ours, theirs, expected) in [
        (SendReceive, "sendrecv", SendReceive),
        (SendReceive, "recvonly", SendOnly),
        (SendReceive, "sendonly", ReceiveOnly),
        (SendReceive, "inactive", Inactive),
        (SendOnly, "recvonly", SendOnly),
        (SendOnly, "sendonly", Inactive),
        (ReceiveOnly, "sendrecv", ReceiveOnly),
        (Inactive, "sendrecv", Inactive),
    ] {
        let mut media = local(SecurityOffer::Disabled);
        media.direction = ours;
        let view = accepted(&media, &format!("m=audio 4000 RTP/AVP 0\r\na={theirs}\r\n")).unwrap();
        assert_eq!(view.direction, expected, "{ours:?} {theirs}");
    }
}

#[test]
fn rtcp_shares_the_port_only_if_both_want_it() {
    for (ours, theirs, expected) in [
        (true, "a=rtcp-mux\r\n", 4_000),
        (true, "", 4_001),
        (false, "a=rtcp-mux\r\n", 4_001),
    ] {
        let mut media = local(SecurityOffer::Disabled);
        media.rtcp_mux = ours;
        let view = accepted(&media, &format!("m=audio 4000 RTP/AVP 0\r\n{theirs}")).unwrap();
        assert_eq!(view.remote_rtcp.port(), expected);
        assert_eq!(view.rtcp_mux, expected == 4_000);
    }
}

#[test]
fn the_packet_time_is_what_the_answer_asks_for() {
    for (asked, expected) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:35\r\n", 30),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
        ("a=maxptime:10\r\n", 10),
        ("a=ptime:20.0\r\n", 20),
    ] {
        let text = format!("m=audio 4000 RTP/AVP 0\r\n{asked}");
        let view = accepted(&local(SecurityOffer::Disabled), &text).unwrap();
        assert_eq!(view.ptime, Duration::from_millis(expected), "{asked}");
    }
}

#[test]
fn a_repeated_offer_judges_an_answer_as_the_offer_did() {
    for security in [
        SecurityOffer::Standard,
        SecurityOffer::Optional,
        SecurityOffer::Disabled,
    ] {
        let mut rng = rng();
        let (text, pending) = offer(&local(security), &mut rng).unwrap();
        let (answered, _) = answer(text.as_bytes(), &local(security), &mut rng).unwrap();

        let repeated = PendingOffer::repeated(text.as_bytes()).unwrap();

        assert_eq!(
            repeated.accept(answered.as_bytes()),
            pending.accept(answered.as_bytes())
        );
    }
}

#[test]
fn an_answer_of_ours_that_is_offered_in_its_turn_keeps_key_codec_and_payload_types() {
    let mut rng = rng();
    let theirs = LocalMedia {
        port: 7_000,
        codecs: vec![Codec::Opus, Codec::Pcma],
        ..local(SecurityOffer::Standard)
    };
    let (offered, _) = offer(&theirs, &mut rng).unwrap();
    // With a stream in front that we reject.
    let offered = offered.replacen("m=audio", "m=video 9 RTP/AVP 99\r\nm=audio", 1);
    let (ours, before) = answer(offered.as_bytes(), &local(SecurityOffer::Standard), &mut rng).unwrap();
    let moved = LocalMedia {
        port: 7_100,
        ..theirs
    };
    let (again, view) = answer(ours.as_bytes(), &moved, &mut rng).unwrap();

    let after = PendingOffer::repeated(ours.as_bytes())
        .unwrap()
        .accept(again.as_bytes())
        .unwrap();

    assert_eq!(after.remote_rtp.port(), 7_100);
    assert_eq!(
        (after.codec, after.receive_payload_type, after.telephone_event),
        (before.codec, before.receive_payload_type, before.telephone_event)
    );
    let (before, after, view) = (
        before.crypto.unwrap(),
        after.crypto.unwrap(),
        view.crypto.unwrap(),
    );
    assert_eq!(after.send, before.send);
    assert_eq!(after.receive, view.send);
}

#[test]
fn an_answer_has_as_many_streams_as_the_repeated_offer() {
    let mut rng = rng();
    let (text, _) = offer(&local(SecurityOffer::Disabled), &mut rng).unwrap();
    let repeated = PendingOffer::repeated(text.as_bytes()).unwrap();
    let two = session("m=audio 9 RTP/AVP 0\r\nm=audio 9 RTP/AVP 0\r\n");

    assert_eq!(
        repeated.accept(two.as_bytes()),
        Err(SdpError::MediaCount { count: 2 })
    );
}
