//! How a stream is cut into messages, and what ends it.

#![expect(clippy::unwrap_used, reason = "tests state what they expect by unwrapping it")]

use sip::framing::{Framed, FramingError, FramingFault, Side, StreamFramer};
use sip::message::{MESSAGE_BYTES_MAX, Method, StatusCode};

const INVITE: &[u8] = include_bytes!("messages/invite.dat");
const REGISTER: &[u8] = include_bytes!("messages/register.dat");

/// A second request that a peer may try to hide in the body of the first.
const SMUGGLED: &str =
    "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK2\r\nContent-Length: 0\r\n\r\n";

/// What a stream yields: the methods of its messages, then what ended it.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    framed: Vec<String>,
    fault: Option<(FramingFault, Option<StatusCode>)>,
}

fn drain(framer: &mut StreamFramer) -> Outcome {
    let mut framed = Vec::new();
    loop {
        match framer.next() {
            Ok(Some(Framed::Message(message))) => framed.push(message.method().unwrap().to_string()),
            Ok(Some(Framed::Ping)) => framed.push("ping".to_owned()),
            Ok(Some(Framed::Pong)) => framed.push("pong".to_owned()),
            Ok(None) => return Outcome { framed, fault: None },
            Err(error) => {
                return Outcome {
                    framed,
                    fault: Some((error.fault(), error.status())),
                };
            }
        }
    }
}

fn frame(side: Side, octets: &[u8]) -> Outcome {
    let mut framer = StreamFramer::new(side);
    framer.push(octets);
    drain(&mut framer)
}

fn yields(framed: &[&str]) -> Outcome {
    Outcome {
        framed: framed.iter().map(|&name| name.to_owned()).collect(),
        fault: None,
    }
}

fn ends_with(fault: FramingFault, status: Option<StatusCode>) -> Outcome {
    Outcome {
        framed: Vec::new(),
        fault: Some((fault, status)),
    }
}

/// A MESSAGE with these Content-Length lines, whose body is another request.
fn message_with(content_length: &str) -> String {
    format!(
        "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n{content_length}\r\n{SMUGGLED}"
    )
}

#[test]
fn a_body_that_looks_like_a_request_stays_a_body() {
    let length = SMUGGLED.len();
    for line in [
        format!("Content-Length: {length}\r\n"),
        format!("Content-Length : {length}\r\n"),
        format!("Content-Length \t :{length} \r\n"),
        format!("Content-Length:\r\n {length}\r\n"),
        format!("Content-Length: {length}\r\n \r\n"),
        format!("CONTENT-LENGTH: 00{length}\r\n"),
        format!("l:{length}\r\n"),
    ] {
        assert_eq!(
            frame(Side::Accepted, message_with(&line).as_bytes()),
            yields(&["MESSAGE"]),
            "{line:?}"
        );
    }
}

#[test]
fn any_doubt_about_the_length_is_answered_and_ends_the_stream() {
    let length = SMUGGLED.len();
    let cases = [
        (String::new(), FramingFault::MissingContentLength),
        (
            format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
            FramingFault::RepeatedContentLength,
        ),
        (
            format!("Content-Length: {length}\r\nl: {length}\r\n"),
            FramingFault::RepeatedContentLength,
        ),
        (
            format!("Content-Length: +{length}\r\n"),
            FramingFault::ContentLength,
        ),
        (
            format!("Content-Length: -{length}\r\n"),
            FramingFault::ContentLength,
        ),
        (
            format!("Content-Length: {length}, {length}\r\n"),
            FramingFault::ContentLength,
        ),
        (
            format!("Content-Length: {length};x\r\n"),
            FramingFault::ContentLength,
        ),
        ("Content-Length: 0x10\r\n".to_owned(), FramingFault::ContentLength),
        ("Content-Length: five\r\n".to_owned(), FramingFault::ContentLength),
        ("Content-Length:\r\n".to_owned(), FramingFault::ContentLength),
        ("Content-Length: 1 0\r\n".to_owned(), FramingFault::ContentLength),
        (
            "Content-Length: 18446744073709551615\r\n".to_owned(),
            FramingFault::ContentLength,
        ),
        (
            "Content-Length: 18446744073709551616\r\n".to_owned(),
            FramingFault::ContentLength,
        ),
        (
            "Content-Length: 4294967296\r\n".to_owned(),
            FramingFault::ContentLength,
        ),
    ];
    for (line, fault) in cases {
        let expected = ends_with(fault, Some(StatusCode::BAD_REQUEST));
        assert_eq!(
            frame(Side::Accepted, message_with(&line).as_bytes()),
            expected,
            "{line:?}"
        );
    }
}

#[test]
fn a_line_without_colon_is_no_content_length() {
    let expected = ends_with(FramingFault::MissingContentLength, Some(StatusCode::BAD_REQUEST));
    assert_eq!(
        frame(Side::Accepted, message_with("Content-Length 5\r\n").as_bytes()),
        expected
    );
}

#[test]
fn a_line_end_that_others_might_see_ends_the_stream_without_answer() {
    for line in [
        "X: a\nContent-Length: 0\r\n",
        "X: a\rContent-Length: 0\r\n",
        "X: a\n\nContent-Length: 0\r\n",
    ] {
        let text = message_with(&format!("{line}l: {}\r\n", SMUGGLED.len()));
        assert_eq!(
            frame(Side::Accepted, text.as_bytes()),
            ends_with(FramingFault::BareLineEnd, None),
            "{line:?}"
        );
    }
}

#[test]
fn a_bad_response_or_ack_ends_the_stream_without_answer() {
    for start in ["SIP/2.0 200 OK", "ACK sip:a@b SIP/2.0"] {
        let text = message_with("").replacen("MESSAGE sip:a@b SIP/2.0", start, 1);
        let expected = ends_with(FramingFault::MissingContentLength, None);
        assert_eq!(frame(Side::Dialled, text.as_bytes()), expected, "{start:?}");
    }
}

#[test]
fn a_framed_message_that_is_unsound_does_not_end_the_stream() {
    let text = format!(
        "MESSAGE  sip:a@b  SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1\r\nFoo bar\r\nl: 0\r\n\r\n{SMUGGLED}"
    );
    let mut framer = StreamFramer::new(Side::Accepted);
    framer.push(text.as_bytes());

    let Ok(Some(Framed::Message(first))) = framer.next() else {
        panic!("the first message is framed")
    };
    assert_eq!(
        first.validate().unwrap_err().status(),
        Some(StatusCode::BAD_REQUEST)
    );
    let Ok(Some(Framed::Message(second))) = framer.next() else {
        panic!("the second message is framed")
    };
    assert_eq!(second.method(), Some(Method::Bye));
}

#[test]
fn after_a_fault_nothing_more_is_framed() {
    let mut framer = StreamFramer::new(Side::Accepted);
    framer.push(message_with("").as_bytes());
    assert!(
        framer
            .next()
            .is_err_and(|error: FramingError| error.request().is_some())
    );

    framer.push(REGISTER);
    let error = framer.next().unwrap_err();
    assert_eq!(
        (error.fault(), error.status()),
        (FramingFault::MissingContentLength, None)
    );
    assert!(!framer.is_within_message());
}

#[test]
fn messages_may_come_in_any_pieces() {
    let stream = [
        INVITE,
        b"\r\n\r\n",
        REGISTER,
        b"\r\n",
        SMUGGLED.as_bytes(),
        b"\r\n\r\n\r\n\r\n",
    ]
    .concat();
    let whole = yields(&["INVITE", "ping", "REGISTER", "BYE", "ping", "ping"]);

    for size in [1, 2, 3, 5, 7, 64, 1000, 1193, 1195, stream.len()] {
        let mut framer = StreamFramer::new(Side::Accepted);
        let mut framed = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            framed.extend(drain(&mut framer).framed);
        }
        assert_eq!(Outcome { framed, fault: None }, whole, "pieces of {size} octets");
        assert!(!framer.is_within_message());
    }
}

#[test]
fn the_side_that_was_dialled_sees_pings_even_in_halves() {
    assert_eq!(frame(Side::Accepted, b"\r\n\r\n"), yields(&["ping"]));
    assert_eq!(frame(Side::Accepted, b"\r\n"), yields(&[]));
    assert_eq!(
        frame(Side::Accepted, &[b"\r\n", REGISTER].concat()),
        yields(&["REGISTER"])
    );

    let mut framer = StreamFramer::new(Side::Accepted);
    for half in [b"\r\n", b"\r\n"] {
        framer.push(half);
    }
    assert_eq!(drain(&mut framer), yields(&["ping"]));
}

#[test]
fn the_side_that_dialled_sees_pongs_at_once() {
    assert_eq!(frame(Side::Dialled, b"\r\n"), yields(&["pong"]));
    assert_eq!(
        frame(Side::Dialled, &[b"\r\n", REGISTER].concat()),
        yields(&["pong", "REGISTER"])
    );
}

#[test]
fn a_message_of_the_largest_size_is_framed_and_one_octet_more_is_answered() {
    let head = |length: usize| {
        format!(
            "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nl: {length}\r\n\r\n"
        )
    };
    let length = MESSAGE_BYTES_MAX - head(10_000).len();

    let mut largest = head(length).into_bytes();
    largest.resize(MESSAGE_BYTES_MAX, b'x');
    assert_eq!(frame(Side::Accepted, &largest), yields(&["MESSAGE"]));

    let expected = ends_with(FramingFault::TooLarge, Some(StatusCode::MESSAGE_TOO_LARGE));
    assert_eq!(frame(Side::Accepted, head(length + 1).as_bytes()), expected);
    assert_eq!(
        frame(Side::Accepted, head(u32::MAX as usize).as_bytes()),
        expected
    );
}

#[test]
fn a_header_section_of_the_largest_size_is_framed_and_one_octet_more_is_not() {
    let with_value = |length: usize| {
        format!(
            "MESSAGE sip:a@b SIP/2.0\r\nl: 0\r\nX: {}\r\n\r\n",
            "x".repeat(length)
        )
        .into_bytes()
    };
    let length = MESSAGE_BYTES_MAX - with_value(0).len();

    assert_eq!(frame(Side::Accepted, &with_value(length)), yields(&["MESSAGE"]));
    assert_eq!(
        frame(Side::Accepted, &with_value(length + 1)),
        ends_with(FramingFault::TooLarge, None)
    );
}

#[test]
fn a_header_section_without_end_is_given_up_at_the_limit() {
    let mut framer = StreamFramer::new(Side::Accepted);
    framer.push(&vec![b'x'; MESSAGE_BYTES_MAX - 1]);
    assert_eq!(drain(&mut framer), yields(&[]));
    assert!(framer.is_within_message());

    framer.push(b"x");
    assert_eq!(drain(&mut framer), ends_with(FramingFault::TooLarge, None));
}

#[test]
fn ten_thousand_pings_in_one_push_are_ten_thousand_pings() {
    let outcome = frame(Side::Accepted, &b"\r\n\r\n".repeat(10_000));
    assert_eq!(outcome.framed.len(), 10_000);
}
