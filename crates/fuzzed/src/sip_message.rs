//! One message of one datagram.

use sip::framing::{Framed, Side, StreamFramer};
use sip::message::{BuildError, HEADERS_MAX, HeaderName, MESSAGE_BYTES_MAX, Message, StatusCode, VIAS_MAX};
use sip::uri::Uri;

/// The headers that a response repeats (RFC 3261 section 8.2.6.2).
const REPEATED: [HeaderName<'static>; 3] = [HeaderName::From, HeaderName::CallId, HeaderName::CSeq];

/// Reads a datagram, reads what was read once more, answers it, and changes it.
///
/// # Panics
/// If the message differs from the datagram, exceeds a limit, reads differently the second time or on a stream, is
/// judged sound although a part of it cannot be read, or if an answer or an edit loses a header.
pub fn sip_message(data: &[u8]) {
    let message = match Message::parse_datagram(data.to_vec()) {
        Ok(message) => message,
        Err(error) => {
            assert_eq!(error.status().is_some(), error.request().is_some());
            if let Some(request) = error.request() {
                check_response(request);
            }
            return;
        }
    };
    check_octets(data, &message);
    check_stream(&message);
    read_everything(&message);
    if message.validate().is_ok() {
        check_sound(&message);
    }
    if message.is_answerable() {
        check_response(&message);
    }
    check_edits(&message);
}

fn check_octets(data: &[u8], message: &Message) {
    let octets = message.as_bytes();
    assert!(octets.len() <= MESSAGE_BYTES_MAX);
    assert!(message.fields().count() <= HEADERS_MAX);
    assert!(
        data.windows(octets.len()).any(|window| window == octets),
        "a message is a part of its datagram"
    );
    assert!(octets.ends_with(message.body()));
    let again = Message::parse_datagram(octets.to_vec()).expect("a message that was read can be read again");
    assert_eq!(&again, message);
    assert_eq!(again.validate(), message.validate());
    assert_eq!(
        again.fields().collect::<Vec<_>>(),
        message.fields().collect::<Vec<_>>()
    );
}

/// Where the message says its own length, a stream must cut it at the same place as the datagram did.
fn check_stream(message: &Message) {
    if message.header(HeaderName::ContentLength).is_none() {
        return;
    }
    let mut framer = StreamFramer::new(Side::Accepted);
    framer.push(message.as_bytes());
    let framed = framer.next().expect("the datagram had no fault of framing");
    assert_eq!(framed, Some(Framed::Message(message.clone())));
    assert!(matches!(framer.next(), Ok(None)));
}

/// Reads every typed header, whether the message is sound or not.
fn read_everything(message: &Message) {
    let vias: Vec<_> = message.vias().collect();
    for via in vias.iter().flatten() {
        assert!(via.as_str().len() <= MESSAGE_BYTES_MAX);
        assert!(
            via.unique_branch()
                .is_none_or(|unique| via.branch().is_some_and(|branch| branch.len() >= unique.len()))
        );
    }
    for address in message.routes().chain(message.record_routes()).flatten() {
        assert!(Uri::parse(address.uri().as_str()).is_ok());
        drop(address.display_name());
    }
    let _ = (message.contacts().is_ok(), message.max_forwards().is_ok());
    let _ = (
        message.expires(),
        message.min_expires(),
        message.min_se(),
        message.r_seq(),
    );
    let _ = (message.content_type().is_ok(), message.session_expires().is_ok());
    let _ = (message.retry_after().is_ok(), message.r_ack().is_ok());
    assert!(message.reasons().count() <= MESSAGE_BYTES_MAX);
    assert!(!format!("{message:?}").is_empty());
}

fn check_sound(message: &Message) {
    assert!(message.from().is_ok() && message.to().is_ok() && message.call_id().is_ok());
    let cseq = message.cseq().expect("a sound message has a CSeq");
    assert!(message.top_via().is_ok());
    let vias = message.list(HeaderName::Via).count();
    assert!((1..=VIAS_MAX).contains(&vias));
    assert_ne!(message.is_request(), message.status().is_some());
    if message.is_request() {
        assert_eq!(message.method(), Some(cseq.method));
        let uri = message.request_uri().expect("a sound request has a Request-URI");
        assert!(Uri::parse(uri).is_ok());
    }
}

fn check_response(request: &Message) {
    let response = match request.response(StatusCode::BAD_REQUEST).finish() {
        Ok(response) => response,
        Err(error) => return assert_is_limit(&error),
    };
    let response = Message::parse_datagram(response.into_bytes()).expect("our own response can be read");
    assert_eq!(response.status(), Some(StatusCode::BAD_REQUEST));
    let vias = |message: &Message| -> Vec<Vec<u8>> {
        let fields = message.fields().filter(|(name, _)| *name == HeaderName::Via);
        fields.map(|(_, value)| value.to_vec()).collect()
    };
    assert_eq!(vias(&response), vias(request));
    for name in REPEATED {
        assert_eq!(response.header_bytes(name), request.header_bytes(name), "{name}");
    }
}

fn check_edits(message: &Message) {
    if message.validate().is_err() {
        // Only sound messages are forwarded.
        return;
    }
    match message.with_top_via("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKfuzz") {
        Ok(forwarded) => {
            let branch = forwarded.top_via().ok().and_then(|via| via.branch());
            assert_eq!(branch, Some("z9hG4bKfuzz"));
            assert_eq!(forwarded.without_top_via().as_ref(), Ok(message));
        }
        Err(error) => assert_is_limit(&error),
    }
    let stamped = message.clone().with_received_from(([192, 0, 2, 7], 5060).into());
    assert_eq!(stamped.body(), message.body());
    assert_eq!(stamped.fields().count(), message.fields().count());
    match message.with_header(HeaderName::Subject, "fuzz") {
        Ok(edited) => {
            assert_eq!(edited.headers(HeaderName::Subject).collect::<Vec<_>>(), ["fuzz"]);
            assert_eq!(edited.body(), message.body());
        }
        Err(error) => assert_is_limit(&error),
    }
}

/// A message may be too long to grow further, and must not be refused for anything else.
fn assert_is_limit(error: &BuildError) {
    assert!(
        matches!(error, BuildError::TooLarge | BuildError::TooManyHeaders),
        "{error}"
    );
}
