//! What is let in at each limit, and what becomes of one more.

#![expect(clippy::unwrap_used, reason = "tests state what they expect by unwrapping it")]

use sip::framing::FramingFault;
use sip::header::{Contacts, HeaderError};
use sip::message::{
    BuildError, Finding, HEADERS_MAX, HeaderName, MESSAGE_BYTES_MAX, Message, Method, RequestBuilder,
    StatusCode, VIAS_MAX,
};

const START: &str = "OPTIONS sip:alice@example.com SIP/2.0\r\n";
const VIA: &str = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1";
const CORE: &str =
    "From: <sip:bob@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

/// The headers of `CORE` and one Via.
const CORE_HEADERS: usize = 5;

fn parse(text: impl Into<Vec<u8>>) -> Message {
    Message::parse_datagram(text.into()).unwrap()
}

fn with_headers(lines: &str) -> String {
    format!("{START}Via: {VIA}\r\n{CORE}{lines}\r\n")
}

fn finding(message: &Message) -> Option<Finding> {
    message.validate().err().map(|offence| offence.finding())
}

#[test]
fn a_message_may_have_128_headers() {
    let extra = |count: usize| "X: y\r\n".repeat(count - CORE_HEADERS);

    let full = parse(with_headers(&extra(HEADERS_MAX)));
    assert_eq!((full.validate(), full.fields().count()), (Ok(()), HEADERS_MAX));

    let offence = parse(with_headers(&extra(HEADERS_MAX + 1)))
        .validate()
        .unwrap_err();
    assert_eq!(
        (offence.finding(), offence.status()),
        (Finding::TooManyHeaders, Some(StatusCode::BAD_REQUEST))
    );
}

#[test]
fn content_length_counts_even_beyond_the_headers_that_are_kept() {
    let lines = format!("{}Content-Length: 2\r\n", "X: y\r\n".repeat(HEADERS_MAX));
    let message = parse(with_headers(&lines) + "hi and more");

    assert_eq!(message.body(), b"hi");
}

#[test]
fn a_request_whose_vias_do_not_all_fit_gets_no_answer_that_lacks_some() {
    let lines = format!("{}Via: {VIA}\r\n", "X: y\r\n".repeat(HEADERS_MAX));
    let offence = parse(with_headers(&lines)).validate().unwrap_err();

    assert_eq!(
        (offence.finding(), offence.status()),
        (Finding::TooManyHeaders, None)
    );
}

#[test]
fn a_thousand_vias_are_refused_in_lines_and_in_a_list() {
    let lines = parse(with_headers(&format!("Via: {VIA}\r\n").repeat(999)));
    assert_eq!(lines.validate().unwrap_err().status(), None);

    let list = parse(format!("{START}Via: {}\r\n{CORE}\r\n", vec![VIA; 1000].join(",")));
    assert_eq!(finding(&list), Some(Finding::TooManyVias));
}

#[test]
fn a_message_may_have_128_via_values() {
    let with_vias = |count: usize| {
        parse(format!(
            "{START}Via: {}\r\n{CORE}\r\n",
            vec![VIA; count].join(",")
        ))
    };

    assert_eq!(finding(&with_vias(VIAS_MAX)), None);
    assert_eq!(finding(&with_vias(VIAS_MAX + 1)), Some(Finding::TooManyVias));
}

#[test]
fn a_datagram_may_have_64_kib() {
    let text = with_headers("");
    let body = |octets: usize| [text.as_bytes(), &vec![b'x'; octets - text.len()]].concat();

    assert_eq!(parse(body(MESSAGE_BYTES_MAX)).as_bytes().len(), MESSAGE_BYTES_MAX);
    let error = Message::parse_datagram(body(MESSAGE_BYTES_MAX + 1)).unwrap_err();
    assert_eq!((error.fault(), error.status()), (FramingFault::TooLarge, None));
}

#[test]
fn a_header_value_may_fill_the_message() {
    let empty = with_headers("X: \r\n");
    let value = "x".repeat(MESSAGE_BYTES_MAX - empty.len());
    let message = parse(with_headers(&format!("X: {value}\r\n")));

    assert_eq!(message.as_bytes().len(), MESSAGE_BYTES_MAX);
    assert_eq!(message.header(HeaderName::Other("X")), Some(value.as_str()));
    assert_eq!((message.validate(), message.body()), (Ok(()), b"".as_slice()));
}

#[test]
fn a_header_behind_the_largest_value_is_still_found() {
    let lines = |value: &str| format!("X: {value}\r\nSubject: last\r\n");
    let value = "x".repeat(MESSAGE_BYTES_MAX - with_headers(&lines("")).len());
    let message = parse(with_headers(&lines(&value)));

    assert_eq!(message.header(HeaderName::Subject), Some("last"));
}

#[test]
fn thousands_of_contacts_parameters_and_escapes_are_read() {
    let register =
        |value: &str| parse(with_headers(&format!("Contact: {value}\r\n")).replace("OPTIONS", "REGISTER"));

    let many = register(&vec!["<sip:a@b>"; 5_000].join(","));
    let Ok(Contacts::List(list)) = many.contacts() else {
        panic!("5,000 contacts")
    };
    assert_eq!((list.len(), many.validate()), (5_000, Ok(())));

    for value in [
        format!("<sip:a@b>{}", ";p=\"\\\"\"".repeat(8_000)),
        format!("<sip:a@b{}>", ";p=%41".repeat(8_000)),
        format!("\"{}\" <sip:a@b>", "\\\"".repeat(30_000)),
        format!("<sip:{}@b>", "%41".repeat(20_000)),
    ] {
        assert_eq!(register(&value).validate(), Ok(()), "{:.40}", value);
    }
}

#[test]
fn unfinished_nests_of_quotes_and_angles_are_refused() {
    for value in [
        "\"".repeat(60_001),
        "<".repeat(60_000),
        "<sip:a@b>,".repeat(6_000),
        "\"<\",".repeat(15_000),
    ] {
        let text = with_headers(&format!("Contact: {value}\r\n")).replace("OPTIONS", "REGISTER");
        let found = finding(&parse(text));
        let is_about_contact = matches!(
            found,
            Some(Finding::Header(HeaderError::Malformed {
                header: HeaderName::Contact,
                ..
            }))
        );
        assert!(is_about_contact, "{:.10}: {found:?}", value);
    }
}

#[test]
fn a_built_message_keeps_the_limits() {
    let with_headers = |count: usize| {
        let builder = RequestBuilder::new(Method::Options, "sip:a@b");
        // The builder adds Content-Length.
        (1..count)
            .fold(builder, |builder, _| builder.header(HeaderName::Subject, "x"))
            .finish()
    };
    assert_eq!(
        with_headers(HEADERS_MAX).map(|message| message.fields().count()),
        Ok(HEADERS_MAX)
    );
    assert_eq!(with_headers(HEADERS_MAX + 1), Err(BuildError::TooManyHeaders));

    let with_body = |octets: usize| {
        RequestBuilder::new(Method::Options, "sip:a@b")
            .body("text/plain", &vec![b'x'; octets])
            .finish()
    };
    let room = MESSAGE_BYTES_MAX - with_body(10_000).unwrap().as_bytes().len() + 10_000;
    assert_eq!(
        with_body(room).map(|message| message.as_bytes().len()),
        Ok(MESSAGE_BYTES_MAX)
    );
    assert_eq!(with_body(room + 1), Err(BuildError::TooLarge));
}

#[test]
fn an_edited_message_keeps_the_limits() {
    let full = parse(with_headers(&"X: y\r\n".repeat(HEADERS_MAX - CORE_HEADERS)));
    assert_eq!(full.with_top_via(VIA), Err(BuildError::TooManyHeaders));
    assert_eq!(
        full.with_header(HeaderName::Subject, "x"),
        Err(BuildError::TooManyHeaders)
    );
    assert!(full.with_header(HeaderName::CallId, "2").is_ok());

    let text = with_headers("");
    let large = parse([text.as_bytes(), &vec![b'x'; MESSAGE_BYTES_MAX - text.len()]].concat());
    assert_eq!(
        large.with_header(HeaderName::CallId, "22"),
        Err(BuildError::TooLarge)
    );
    assert_eq!(
        large
            .clone()
            .with_received_from("192.0.2.2:5060".parse().unwrap()),
        large
    );
}
