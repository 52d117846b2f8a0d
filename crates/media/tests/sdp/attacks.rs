//! Descriptions that try to take the protection away, or to break the reader.

use media::sdp::{CryptoOffence, SdpError, SecurityOffer, answer, offer};
use media::srtp::Suite;

use super::{KEY, accepted, answered, answered_by, crypto, local, rng, session};

fn refused(error: Option<SdpError>, expected: SdpError, status: u16) {
    let error = error.expect("the description is refused");
    assert_eq!((error.status(), error), (status, expected));
}

#[test]
fn m01_a_plain_answer_to_a_secure_offer_is_refused() {
    let standard = local(SecurityOffer::Standard);
    refused(
        accepted(&standard, "m=audio 4000 RTP/AVP 0\r\n").err(),
        SdpError::ProfileChanged,
        488,
    );
    let with_keys = format!("m=audio 4000 RTP/AVP 0\r\n{}", crypto(2));
    refused(
        accepted(&standard, &with_keys).err(),
        SdpError::ProfileChanged,
        488,
    );
}

#[test]
fn m01_a_secure_answer_without_keys_is_refused() {
    let standard = local(SecurityOffer::Standard);
    refused(
        accepted(&standard, "m=audio 4000 RTP/SAVP 0\r\n").err(),
        SdpError::NoCrypto,
        488,
    );
}

#[test]
fn m01_a_fallback_to_dtls_is_refused() {
    let standard = local(SecurityOffer::Standard);
    let answer = "m=audio 4000 UDP/TLS/RTP/SAVP 0\r\na=fingerprint:sha-256 AB\r\n";
    refused(accepted(&standard, answer).err(), SdpError::Transport, 488);
    let fingerprint_only = "m=audio 4000 RTP/SAVP 0\r\na=fingerprint:sha-256 AB\r\n";
    refused(
        answered_by(&standard, fingerprint_only).err(),
        SdpError::NoCrypto,
        488,
    );
}

#[test]
fn m01_an_answer_with_a_suite_or_tag_that_was_not_offered_is_refused() {
    let standard = local(SecurityOffer::Standard);
    for (line, expected) in [
        // Tag 1 was offered with AES-256, tag 2 with AES-128.
        (crypto(1), SdpError::CryptoNotOffered),
        (crypto(3), SdpError::CryptoNotOffered),
        (
            format!("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"),
            SdpError::CryptoNotOffered,
        ),
        (
            format!("a=crypto:2 NULL_HMAC_SHA1_80 inline:{KEY}\r\n"),
            SdpError::UnusableCrypto(CryptoOffence::UnknownSuite),
        ),
        (
            format!("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP\r\n"),
            SdpError::UnusableCrypto(CryptoOffence::Weakened),
        ),
        (
            format!("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4\r\n"),
            SdpError::UnusableCrypto(CryptoOffence::KeyIdentifier),
        ),
        (
            crypto(2) + &crypto(1),
            SdpError::SeveralCryptoAnswers { count: 2 },
        ),
        (crypto(2) + &crypto(2), SdpError::RepeatedCryptoTag { tag: 2 }),
    ] {
        let error = accepted(&standard, &format!("m=audio 4000 RTP/SAVP 0\r\n{line}")).err();
        assert_eq!(error, Some(expected), "{line}");
    }
    assert!(accepted(&standard, &format!("m=audio 4000 RTP/SAVP 0\r\n{}", crypto(2))).is_ok());
}

#[test]
fn m01_keys_that_were_not_offered_are_refused() {
    let disabled = local(SecurityOffer::Disabled);
    let answer = format!("m=audio 4000 RTP/AVP 0\r\n{}", crypto(1));
    refused(
        accepted(&disabled, &answer).err(),
        SdpError::CryptoNotOffered,
        488,
    );
}

#[test]
fn m01_a_broken_key_in_the_answer_to_an_optional_offer_does_not_end_in_plain_rtp() {
    let answer = format!("m=audio 4000 RTP/AVP 0\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}AAAA\r\n");
    let error = accepted(&local(SecurityOffer::Optional), &answer).err();
    assert!(matches!(error, Some(SdpError::UnusableCrypto(_))));
}

#[test]
fn m01_our_own_key_sent_back_is_refused() {
    let (text, pending) = offer(&local(SecurityOffer::Standard), &mut rng()).unwrap();
    let second = text.lines().filter(|line| !line.starts_with("a=crypto:1 "));
    let reflected = second.collect::<Vec<_>>().join("\r\n");
    refused(
        pending.accept(reflected.as_bytes()).err(),
        SdpError::KeyReflected,
        488,
    );
}

#[test]
fn m01_a_plain_offer_is_refused_where_policy_asks_for_srtp() {
    let standard = local(SecurityOffer::Standard);
    refused(
        answered_by(&standard, "m=audio 4000 RTP/AVP 0\r\n").err(),
        SdpError::PlainRefused,
        488,
    );
}

#[test]
fn m01_a_secure_offer_is_refused_where_policy_forbids_srtp() {
    let offered = format!("m=audio 4000 RTP/SAVP 0\r\n{}", crypto(1));
    refused(
        answered_by(&local(SecurityOffer::Disabled), &offered).err(),
        SdpError::SecureRefused,
        488,
    );
}

#[test]
fn m01_weak_and_weakened_suites_are_refused() {
    let mut strong = local(SecurityOffer::Standard);
    strong.suites = vec![Suite::AeadAes256Gcm];
    let offered = |parameters: &str| {
        format!("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} {parameters}\r\n")
    };
    let weak = CryptoOffence::SuiteNotAllowed(Suite::AesCm128HmacSha1_80);
    refused(
        answered_by(&strong, &offered("")).err(),
        SdpError::UnusableCrypto(weak),
        488,
    );
    for policy in [SecurityOffer::Standard, SecurityOffer::Optional] {
        for parameter in ["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"] {
            let error = answered_by(&local(policy), &offered(parameter)).err();
            refused(error, SdpError::UnusableCrypto(CryptoOffence::Weakened), 488);
        }
    }
}

#[test]
fn m01_keys_over_an_open_channel_are_refused() {
    let secure = format!("m=audio 4000 RTP/SAVP 0\r\n{}", crypto(1));
    for policy in [SecurityOffer::Standard, SecurityOffer::Optional] {
        let mut media = local(policy);
        media.channel_is_secure = false;
        refused(answered_by(&media, &secure).err(), SdpError::InsecureChannel, 488);
    }
}

#[test]
fn m05_an_impossible_port_is_malformed() {
    for port in ["4294967296", "65536", "-1", "x", ""] {
        let error = answered(&format!("m=audio {port} RTP/AVP 0\r\n")).err().unwrap();
        assert!(matches!(error, SdpError::Syntax { .. }), "{port}");
        assert_eq!(error.status(), 400);
    }
}

#[test]
fn m05_an_impossible_packet_time_is_malformed() {
    for attribute in ["ptime", "maxptime"] {
        for value in [
            "0",
            "241",
            "1000",
            "4294967296",
            "99999999999999999999",
            "-20",
            "20x",
            "",
            "20.x",
            ".5",
        ] {
            let error = answered(&format!("m=audio 4000 RTP/AVP 0\r\na={attribute}:{value}\r\n")).err();
            refused(error, SdpError::PacketTime { attribute }, 400);
        }
        let error = answered(&format!("m=audio 4000 RTP/AVP 0\r\na={attribute}\r\n")).err();
        refused(error, SdpError::PacketTime { attribute }, 400);
    }
}

#[test]
fn m05_a_maximum_below_every_packet_time_cannot_be_met() {
    let error = answered("m=audio 4000 RTP/AVP 0\r\na=maxptime:9\r\n").err();
    refused(
        error,
        SdpError::PacketTime {
            attribute: "maxptime",
        },
        400,
    );
}

#[test]
fn m05_a_nul_in_an_attribute_is_malformed() {
    let error = answered("m=audio 4000 RTP/AVP 0\r\na=fmtp:0 a\0b\r\n")
        .err()
        .unwrap();
    assert!(matches!(error, SdpError::Syntax { .. }));
    assert_eq!(error.status(), 400);
}

#[test]
fn m05_a_payload_type_that_does_not_exist_is_malformed() {
    for format in ["128", "256", "-1", "PCMU", "0 8 4294967296"] {
        refused(
            answered(&format!("m=audio 4000 RTP/AVP {format}\r\n")).err(),
            SdpError::PayloadType,
            400,
        );
    }
}

#[test]
fn addresses_that_nothing_should_be_sent_to_are_refused() {
    for address in [
        "IP4 224.2.1.1/127",
        "IP4 224.2.1.1",
        "IP4 255.255.255.255",
        "IP4 host.example",
        "IP4 ::1",
        "IP6 192.0.2.1",
        "IP6 ff02::1",
        "IP4 192.0.2.1/24",
        "ATM 47",
    ] {
        let error = answered(&format!("m=audio 4000 RTP/AVP 0\r\nc=IN {address}\r\n")).err();
        refused(error, SdpError::Address, 488);
    }
    let no_address = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let error = answer(no_address.as_bytes(), &local(SecurityOffer::Optional), &mut rng()).err();
    refused(error, SdpError::NoAddress, 400);
}

#[test]
fn rtcp_to_nowhere_is_malformed() {
    for value in [
        "0",
        "65536",
        "x",
        "4001 IN",
        "4001 IN IP4",
        "4001 IN IP4 192.0.2.1 x",
    ] {
        let error = answered(&format!("m=audio 4000 RTP/AVP 0\r\na=rtcp:{value}\r\n")).err();
        refused(error, SdpError::RtcpPort, 400);
    }
    let multicast = "m=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 224.1.1.1\r\n";
    refused(answered(multicast).err(), SdpError::Address, 488);
}

#[test]
fn an_offer_without_speech_is_not_acceptable() {
    refused(answered("").err(), SdpError::NoAudio, 488);
    refused(
        answered("m=video 4000 RTP/AVP 96\r\n").err(),
        SdpError::NoAudio,
        488,
    );
    refused(answered("m=audio 0 RTP/AVP 0\r\n").err(), SdpError::Declined, 488);
    refused(
        answered("m=audio 4000 RTP/AVP 3 18\r\n").err(),
        SdpError::NoCommonCodec,
        488,
    );
    refused(
        answered("m=audio 4000 TCP/RTP/AVP 0\r\n").err(),
        SdpError::Transport,
        488,
    );
}

#[test]
fn an_answer_declines_or_answers_the_one_stream() {
    let media = local(SecurityOffer::Disabled);
    refused(
        accepted(&media, "m=audio 0 RTP/AVP 0\r\n").err(),
        SdpError::Declined,
        488,
    );
    refused(accepted(&media, "").err(), SdpError::MediaCount { count: 0 }, 488);
    let two = "m=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 0\r\n";
    refused(
        accepted(&media, two).err(),
        SdpError::MediaCount { count: 2 },
        488,
    );
    refused(
        accepted(&media, "m=audio 4000 RTP/AVP 18\r\n").err(),
        SdpError::NoCommonCodec,
        488,
    );
}

#[test]
fn a_version_other_than_0_is_not_repeated_in_the_reason() {
    let error = answer(b"v=secret\r\n", &local(SecurityOffer::Optional), &mut rng())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "malformed session description: the version is not 0"
    );
}

#[test]
fn a_key_is_in_no_error_and_no_debug_text() {
    let offered = format!("m=audio 4000 RTP/SAVP 0\r\n{}", crypto(1));
    let (_, view) = answered_by(&local(SecurityOffer::Standard), &offered).unwrap();
    assert!(
        !format!("{view:?}").contains("119, 68, 102"),
        "the first octets of the key"
    );
    let (_, pending) = offer(&local(SecurityOffer::Standard), &mut rng()).unwrap();
    assert!(format!("{pending:?}").contains("MasterKey { suite: AesCm256HmacSha1_80, .. }"));
    let broken = session(&offered).replace("t=0 0", "t=x");
    let error = answer(broken.as_bytes(), &local(SecurityOffer::Standard), &mut rng())
        .err()
        .unwrap();
    assert!(!format!("{error} {error:?}").contains(KEY));
}
