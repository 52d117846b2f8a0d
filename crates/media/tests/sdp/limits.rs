//! Each limit at its value and one past it.

use media::sdp::{FORMATS_MAX, MEDIA_MAX, PACKET_TIME_MAX, SDP_LENGTH_MAX, SdpError};

use super::{answered, session};

#[test]
fn a_description_may_have_16_kib() {
    let media = "m=audio 4000 RTP/AVP 0\r\na=fmtp:0 ";
    let fill = SDP_LENGTH_MAX - session(media).len();
    assert!(answered(&format!("{media}{}", "x".repeat(fill))).is_ok());
    let error = answered(&format!("{media}{}", "x".repeat(fill + 1))).err();
    assert_eq!(
        error,
        Some(SdpError::TooLong {
            length: SDP_LENGTH_MAX + 1
        })
    );
}

#[test]
fn an_offer_may_have_16_streams() {
    let stream = "m=audio 4000 RTP/AVP 0\r\n";
    assert!(answered(&stream.repeat(MEDIA_MAX)).is_ok());
    let error = answered(&stream.repeat(MEDIA_MAX + 1)).err();
    assert_eq!(error, Some(SdpError::TooManyMedia { count: MEDIA_MAX + 1 }));
}

#[test]
fn a_stream_may_have_64_formats() {
    let formats = |count: usize| format!("m=audio 4000 RTP/AVP{}\r\n", " 0".repeat(count));
    assert!(answered(&formats(FORMATS_MAX)).is_ok());
    let error = answered(&formats(FORMATS_MAX + 1)).err();
    assert_eq!(
        error,
        Some(SdpError::TooManyFormats {
            count: FORMATS_MAX + 1
        })
    );
}

#[test]
fn a_packet_may_be_asked_to_last_240_ms() {
    let asked = |ms: u128| format!("m=audio 4000 RTP/AVP 0\r\na=ptime:{ms}\r\n");
    assert!(answered(&asked(PACKET_TIME_MAX.as_millis())).is_ok());
    let error = answered(&asked(PACKET_TIME_MAX.as_millis() + 1)).err();
    assert_eq!(error, Some(SdpError::PacketTime { attribute: "ptime" }));
}
