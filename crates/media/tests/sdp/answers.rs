//! How offers of foreign peers are answered.

use std::time::Duration;

use media::codec::Codec;
use media::sdp::{Direction, LocalMedia, OpusParameters, SdpError, SecurityOffer, answer};
use media::srtp::Suite;

use super::{KEY, answered, answered_by, crypto, lines, local, rng, session};

#[test]
fn the_tag_and_suite_of_the_first_allowed_line_are_echoed() {
    let offered = format!(
        "m=audio 4000 RTP/SAVP 0\r\n\
         a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n\
         a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20\r\n\
         a=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:{}==\r\n",
        "A".repeat(62)
    );
    let (text, view) = answered_by(&local(SecurityOffer::Standard), &offered).unwrap();

    let crypto = lines(&text, "a=crypto:");
    assert_eq!(crypto.len(), 1);
    assert!(crypto[0].starts_with("a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:"));
    assert!(!text.contains(KEY));
    let pair = view.crypto.unwrap();
    assert_eq!(pair.suite(), Suite::AesCm128HmacSha1_80);
    assert_eq!(
        (pair.receive.lifetime(), pair.send.lifetime()),
        (1 << 20, 1 << 48)
    );
}

#[test]
fn a_crypto_line_that_cannot_be_used_gives_way_to_the_next() {
    for defect in [
        "1 AES_CM_128_HMAC_SHA1_80 inline:{}|1:4",
        "1 {}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:{} FUTURE",
    ] {
        let bad = defect.replace("{}", KEY);
        let offered = format!("m=audio 4000 RTP/SAVP 0\r\na=crypto:{bad}\r\n{}", crypto(2));
        let (text, _) = answered_by(&local(SecurityOffer::Standard), &offered).unwrap();
        assert!(text.contains("a=crypto:2 "));
    }
}

#[test]
fn keys_beside_the_plain_profile_are_accepted_in_the_plain_profile() {
    let offered = format!("m=audio 4000 RTP/AVP 0\r\n{}", crypto(1));
    for policy in [SecurityOffer::Standard, SecurityOffer::Optional] {
        let (text, view) = answered_by(&local(policy), &offered).unwrap();
        assert!(text.contains("m=audio 5000 RTP/AVP 0"));
        assert!(text.contains("a=crypto:1 "));
        assert!(view.crypto.is_some());
    }
}

#[test]
fn optional_keys_are_declined_where_they_cannot_be_used() {
    let offered = format!("m=audio 4000 RTP/AVP 0\r\n{}", crypto(1));
    let mut open_channel = local(SecurityOffer::Optional);
    open_channel.channel_is_secure = false;
    let mut no_suite = local(SecurityOffer::Optional);
    no_suite.suites.clear();
    for media in [open_channel, no_suite, local(SecurityOffer::Disabled)] {
        let (text, view) = answered_by(&media, &offered).unwrap();
        assert!(!text.contains("crypto"));
        assert_eq!(view.crypto, None);
    }
}

#[test]
fn the_feedback_profiles_are_answered_in_kind() {
    let offered = format!("m=audio 4000 RTP/SAVPF 0\r\n{}", crypto(1));
    let (text, _) = answered_by(&local(SecurityOffer::Standard), &offered).unwrap();
    assert!(text.contains("m=audio 5000 RTP/SAVPF 0"));
    let (text, _) = answered("m=audio 4000 RTP/AVPF 0\r\n").unwrap();
    assert!(text.contains("m=audio 5000 RTP/AVPF 0"));
}

#[test]
fn all_streams_but_the_first_usable_one_are_rejected_in_place() {
    let (text, view) = answered(
        "m=video 6000 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\n\
         m=audio 0 RTP/AVP 0\r\n\
         m=audio 7000 RTP/AVP 3\r\n\
         m=audio 4000 RTP/AVP 8 0\r\n\
         m=audio 4100 RTP/AVP 0\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    )
    .unwrap();
    assert_eq!(
        lines(&text, "m="),
        [
            "m=video 0 RTP/AVP 96 97",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/AVP 3",
            "m=audio 5000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        ]
    );
    assert_eq!(view.remote_rtp.port(), 4_000);
}

#[test]
fn a_secure_stream_is_chosen_where_policy_refuses_the_plain_one_before_it() {
    let offered = format!(
        "m=audio 4000 RTP/AVP 0\r\nm=audio 4100 RTP/SAVP 0\r\n{}",
        crypto(1)
    );
    let (text, view) = answered_by(&local(SecurityOffer::Standard), &offered).unwrap();
    assert_eq!(
        lines(&text, "m="),
        ["m=audio 0 RTP/AVP 0", "m=audio 5000 RTP/SAVP 0"]
    );
    assert!(view.crypto.is_some());
}

#[test]
fn the_codec_is_the_first_of_the_offer_that_we_know() {
    let (text, view) = answered(
        "m=audio 4000 RTP/AVP 9 111 8 101 110\r\n\
         a=rtpmap:111 OPUS/48000/2\r\na=fmtp:111 maxaveragebitrate=24000; useinbandfec=1;maxplaybackrate=16000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n",
    )
    .unwrap();
    assert_eq!(
        (view.codec, view.send_payload_type, view.receive_payload_type),
        (Codec::Opus, 111, 111)
    );
    assert_eq!(
        (view.telephone_event, view.send_telephone_event),
        (Some(110), Some(110))
    );
    assert_eq!(
        view.opus,
        OpusParameters {
            in_band_fec: true,
            max_average_bitrate: Some(24_000),
            max_playback_rate: Some(16_000)
        }
    );
    assert!(text.contains("m=audio 5000 RTP/AVP 111 110\r\n"));
    assert!(text.contains("a=rtpmap:111 opus/48000/2\r\n"));
}

#[test]
fn g711_needs_no_rtpmap_but_obeys_one() {
    assert_eq!(
        answered("m=audio 4000 RTP/AVP 8\r\n").unwrap().1.codec,
        Codec::Pcma
    );
    let (_, view) = answered("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 pcmu/8000/1\r\n").unwrap();
    assert_eq!((view.codec, view.send_payload_type), (Codec::Pcmu, 97));
    let contradicting = "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 GSM/8000\r\n";
    assert_eq!(answered(contradicting).err(), Some(SdpError::NoCommonCodec));
}

//= https://www.rfc-editor.org/rfc/rfc3551#section-4.5.2
//# Even though the actual sampling rate for G.722 audio is 16,000 Hz,
//# the RTP clock rate for the G722 payload format is 8,000 Hz because
//# that value was erroneously assigned in RFC 1890 and must remain
//# unchanged for backward compatibility.
#[test]
fn g722_is_offered_by_its_clock_and_decoded_at_its_rate() {
    let local = LocalMedia {
        codecs: vec![Codec::G722],
        ..local(SecurityOffer::Optional)
    };
    let (_, view) = answered_by(&local, "m=audio 4000 RTP/AVP 9\r\n").unwrap();
    assert_eq!((view.codec, view.send_payload_type), (Codec::G722, 9));
    assert_eq!(view.codec.clock_rate(), 8_000);
    assert_eq!(view.codec.sample_rate().hertz(), 16_000);
    let lie = "m=audio 4000 RTP/AVP 9\r\na=rtpmap:9 G722/16000\r\n";
    assert_eq!(answered_by(&local, lie).err(), Some(SdpError::NoCommonCodec));
}

#[test]
fn opus_without_its_second_channel_is_no_opus() {
    for rtpmap in ["opus/48000", "opus/48000/1", "opus/8000/2", "opus/48000/x"] {
        let offered = format!("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 {rtpmap}\r\n");
        assert_eq!(
            answered(&offered).err(),
            Some(SdpError::NoCommonCodec),
            "{rtpmap}"
        );
    }
}

#[test]
fn nonsense_in_opus_parameters_counts_as_not_said() {
    let offered = "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n\
        a=fmtp:96 maxaveragebitrate=5999;maxplaybackrate=48001;useinbandfec=7;;=;x\r\na=fmtp:300 useinbandfec=1\r\n";
    assert_eq!(answered(offered).unwrap().1.opus, OpusParameters::default());
}

#[test]
fn addresses_are_those_of_the_stream_before_those_of_the_session() {
    let (_, view) = answered("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.77\r\na=rtcp:4055\r\n").unwrap();
    assert_eq!(view.remote_rtp, "192.0.2.77:4000".parse().unwrap());
    assert_eq!(view.remote_rtcp, "192.0.2.77:4055".parse().unwrap());

    let (_, view) = answered("m=audio 4000 RTP/AVP 0\r\na=rtcp:4055 IN IP4 192.0.2.78\r\n").unwrap();
    assert_eq!(view.remote_rtcp, "192.0.2.78:4055".parse().unwrap());
}

#[test]
fn ip_version_6_is_spoken() {
    let offered =
        "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::5\r\n";
    let mut media = local(SecurityOffer::Optional);
    assert_eq!(
        answer(offered.as_bytes(), &media, &mut rng()).err(),
        Some(SdpError::AddressFamily)
    );
    media.address = "2001:db8::1".parse().unwrap();
    let (text, view) = answer(offered.as_bytes(), &media, &mut rng()).unwrap();
    assert_eq!(view.remote_rtp, "[2001:db8::5]:4000".parse().unwrap());
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"));
}

#[test]
fn the_direction_of_the_stream_overrides_that_of_the_session() {
    let text = |session_level: &str, media_level: &str| {
        session(&format!(
            "a={session_level}\r\nm=audio 4000 RTP/AVP 0\r\n{media_level}"
        ))
    };
    for (offered, expected) in [
        (text("sendonly", ""), Direction::ReceiveOnly),
        (text("sendonly", "a=recvonly\r\n"), Direction::SendOnly),
        (text("inactive", "a=SendRecv\r\n"), Direction::SendReceive),
    ] {
        let (answer, view) = answer(offered.as_bytes(), &local(SecurityOffer::Optional), &mut rng()).unwrap();
        assert_eq!(view.direction, expected);
        assert!(answer.contains(&format!("a={}\r\n", expected.name())));
    }
}

#[test]
fn the_old_way_to_hold_stops_our_sending() {
    let (text, view) = answered("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n").unwrap();
    assert_eq!(view.direction, Direction::ReceiveOnly);
    assert!(view.remote_rtp.ip().is_unspecified());
    assert!(text.contains("a=recvonly\r\n"));
}

#[test]
fn the_packet_time_of_the_offer_is_taken_up_and_repeated() {
    let (text, view) = answered("m=audio 4000 RTP/AVP 0\r\na=ptime:40\r\n").unwrap();
    assert_eq!(view.ptime, Duration::from_millis(40));
    assert!(text.contains("a=ptime:40\r\n"));
    let opus = "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=ptime:30\r\n";
    assert_eq!(answered(opus).unwrap().1.ptime, Duration::from_millis(20));
}

#[test]
fn rtcp_without_a_port_after_the_last_needs_multiplexing() {
    let offered = "m=audio 65535 RTP/AVP 0\r\n";
    assert_eq!(answered(offered).err(), Some(SdpError::RtcpPort));
    let mut media = local(SecurityOffer::Optional);
    media.rtcp_mux = true;
    let (text, view) = answered_by(&media, &format!("{offered}a=rtcp-mux\r\n")).unwrap();
    assert_eq!(view.remote_rtcp.port(), 65_535);
    assert!(text.contains("a=rtcp-mux\r\n"));
}

#[test]
fn a_payload_type_that_looks_like_rtcp_is_passed_over() {
    for (payload_type, usable) in [(63, true), (64, false), (95, false), (96, true)] {
        let offered = format!("m=audio 4000 RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} PCMU/8000\r\n");
        assert_eq!(answered(&offered).is_ok(), usable, "{payload_type}");
    }
}
