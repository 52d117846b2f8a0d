//! Requests and responses as they leave us.

#![expect(clippy::unwrap_used, reason = "tests state what they expect by unwrapping it")]

use sip::header::quote;
use sip::message::{BuildError, HeaderName, Message, Method, RequestBuilder, StatusCode};
use sip::uri::UriError;

const REQUEST: &str = "INVITE sip:4100@example.com SIP/2.0\r\n\
    v: SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bK1\r\n\
    Record-Route: <sip:edge.example.com;lr>\r\n\
    Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK2 ,\r\n SIP/2.0/UDP b.example.com;branch=z9hG4bK3\r\n\
    f: \"B, ob\" <sip:bob@example.com>;\r\n\ttag=1\r\n\
    t: <sip:4100@example.com>\r\n\
    i: 1@192.0.2.1\r\n\
    CSeq: 7 \r\n INVITE\r\n\
    Timestamp: 54.21\r\n\
    l: 0\r\n\r\n";

fn parse(text: &str) -> Message {
    Message::parse_datagram(text.as_bytes().to_vec()).unwrap()
}

fn text(message: &Message) -> &str {
    std::str::from_utf8(message.as_bytes()).unwrap()
}

fn builder() -> RequestBuilder {
    RequestBuilder::new(Method::Options, "sip:a@example.com")
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.6.2
//# The Via header field values in the response MUST equal the Via header field values in the request and MUST
//# maintain the same ordering.
#[test]
fn a_response_copies_what_ties_it_to_its_request() {
    let request = parse(REQUEST);
    let response = request
        .response(StatusCode::RINGING)
        .to_tag("9")
        .record_route()
        .header(HeaderName::Contact, "<sip:4100@192.0.2.9>")
        .finish()
        .unwrap();

    assert_eq!(
        text(&response),
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bK1\r\n\
         Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK2 ,\r\n SIP/2.0/UDP b.example.com;branch=z9hG4bK3\r\n\
         Record-Route: <sip:edge.example.com;lr>\r\n\
         From: \"B, ob\" <sip:bob@example.com>;\r\n\ttag=1\r\n\
         To: <sip:4100@example.com>;tag=9\r\n\
         Call-ID: 1@192.0.2.1\r\n\
         CSeq: 7 \r\n INVITE\r\n\
         Contact: <sip:4100@192.0.2.9>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(response.validate(), Ok(()));
}

#[test]
fn a_tag_that_is_there_is_kept_and_record_route_is_copied_on_demand_only() {
    let request = parse(&REQUEST.replace("t: <sip:4100@example.com>", "t: sip:4100@example.com ;Tag=old"));
    let response = request.response(StatusCode::OK).to_tag("9").finish().unwrap();

    assert_eq!(response.to().unwrap().tag(), Some("old"));
    assert_eq!(response.header(HeaderName::RecordRoute), None);
}

#[test]
fn a_tag_is_added_to_a_uri_without_brackets() {
    let request = parse(&REQUEST.replace("t: <sip:4100@example.com>", "t: sip:4100@example.com"));
    let response = request.response(StatusCode::OK).to_tag("9").finish().unwrap();

    assert_eq!(response.to().unwrap().tag(), Some("9"));
    assert!(!response.to().unwrap().uri().has_parameter("tag"));
}

#[test]
fn only_a_100_carries_the_timestamp() {
    let request = parse(REQUEST);

    let trying = request.response(StatusCode::TRYING).finish().unwrap();
    assert_eq!(trying.header(HeaderName::Timestamp), Some("54.21"));
    let ringing = request.response(StatusCode::RINGING).finish().unwrap();
    assert_eq!(ringing.header(HeaderName::Timestamp), None);
}

#[test]
fn a_reason_phrase_can_be_replaced() {
    let request = parse(REQUEST);
    let response = request
        .response(StatusCode::BUSY_HERE)
        .reason("Sounding an alert")
        .finish()
        .unwrap();
    assert_eq!(response.reason_phrase(), Some("Sounding an alert"));

    let refused = request
        .response(StatusCode::BUSY_HERE)
        .reason("a\r\nVia: b")
        .finish();
    assert_eq!(refused, Err(BuildError::Value("Reason-Phrase".to_owned())));
}

#[test]
fn a_request_is_written_as_it_was_asked_for() {
    let request = builder()
        .header(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
        .header(
            HeaderName::From,
            &format!("{} <sip:bob@example.com>;tag=1", quote("B \"ob\"")),
        )
        .header(HeaderName::To, "<sip:a@example.com>")
        .header(HeaderName::CallId, "1")
        .header(HeaderName::CSeq, "1 OPTIONS")
        .header(HeaderName::Other("Oyez-Page"), "p1")
        .body("text/plain", b"hi\r\n")
        .finish()
        .unwrap();

    assert_eq!(
        text(&request),
        "OPTIONS sip:a@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
         From: \"B \\\"ob\\\"\" <sip:bob@example.com>;tag=1\r\n\
         To: <sip:a@example.com>\r\n\
         Call-ID: 1\r\n\
         CSeq: 1 OPTIONS\r\n\
         Oyez-Page: p1\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: 4\r\n\r\nhi\r\n"
    );
    assert_eq!(request.validate(), Ok(()));
}

#[test]
fn nothing_that_could_become_another_header_is_written() {
    for value in ["a\r\nVia: b", "a\nb", "a\rb", "a\0b", "\r\n"] {
        let refused = builder().header(HeaderName::Subject, value).finish();
        assert_eq!(refused, Err(BuildError::Value("Subject".to_owned())), "{value:?}");
    }
    for name in ["", "a b", "a:", "a\r\nb", "é"] {
        let refused = builder().header(HeaderName::Other(name), "x").finish();
        assert_eq!(refused, Err(BuildError::Token(name.to_owned())), "{name:?}");
    }
    let refused = builder().body("text/plain\r\nVia: b", b"").finish();
    assert_eq!(refused, Err(BuildError::Value("Content-Type".to_owned())));
    let request = parse(REQUEST);
    let refused = request.response(StatusCode::OK).to_tag("a\r\nb").finish();
    assert_eq!(refused, Err(BuildError::Token("a\r\nb".to_owned())));
}

#[test]
fn a_malformed_start_line_is_not_written() {
    let refused = RequestBuilder::new(Method::Other("A B"), "sip:a@b").finish();
    assert_eq!(refused, Err(BuildError::Token("A B".to_owned())));
    let refused = RequestBuilder::new(Method::Bye, "sip:a@b SIP/2.0\r\nX: y").finish();
    assert_eq!(refused, Err(BuildError::Uri(UriError::Host)));
}

#[test]
fn content_length_is_the_builders_own() {
    for name in [
        HeaderName::ContentLength,
        HeaderName::Other("content-length"),
        HeaderName::Other("L"),
    ] {
        assert_eq!(
            builder().header(name, "0").finish(),
            Err(BuildError::ContentLength)
        );
    }
}

#[test]
fn headers_and_bodies_stay_out_of_debug_output() {
    let message = builder()
        .header(HeaderName::Authorization, "Digest response=\"secret\"")
        .body(
            "application/sdp",
            b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret",
        )
        .finish()
        .unwrap();

    let shown = format!("{message:?}");
    assert!(!shown.contains("secret") && !shown.contains("example"), "{shown}");
}
