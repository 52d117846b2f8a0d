//! What a framed message can do wrong, each fault alone in an otherwise sound message, and its answer.

#![expect(clippy::unwrap_used, reason = "tests state what they expect by unwrapping it")]

use sip::framing::FramingFault;
use sip::header::{Contacts, HeaderError, SyntaxError};
use sip::message::{Finding, HeaderName, Message, StatusCode};
use sip::uri::UriError;

const REGISTER: &str = "REGISTER sip:example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:bob@example.com>;tag=1\r\n\
    To: <sip:bob@example.com>\r\n\
    Call-ID: 1@192.0.2.1\r\n\
    CSeq: 1 REGISTER\r\n\
    Contact: <sip:bob@192.0.2.1>\r\n\
    Expires: 60\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 2\r\n\r\nhi";

fn parse(text: &str) -> Message {
    Message::parse_datagram(text.as_bytes().to_vec()).unwrap()
}

/// What is wrong with the request once this part of it reads otherwise.
fn finding(part: &str, replacement: &str) -> Option<Finding> {
    let text = REGISTER.replacen(part, replacement, 1);
    assert_ne!(text, REGISTER, "{part:?} is part of the request");
    let offence = parse(&text).validate().err()?;
    assert_eq!(
        offence.status(),
        Some(offence.finding().status()),
        "the request is answerable"
    );
    Some(offence.finding())
}

fn malformed(header: HeaderName<'static>, fault: SyntaxError) -> Option<Finding> {
    Some(HeaderError::Malformed { header, fault }.into())
}

#[test]
fn the_sound_request_has_no_finding() {
    assert_eq!(parse(REGISTER).validate(), Ok(()));
}

#[test]
fn a_required_header_that_is_missing_is_named() {
    for (line, header) in [
        ("From: <sip:bob@example.com>;tag=1\r\n", HeaderName::From),
        ("To: <sip:bob@example.com>\r\n", HeaderName::To),
        ("Call-ID: 1@192.0.2.1\r\n", HeaderName::CallId),
        ("CSeq: 1 REGISTER\r\n", HeaderName::CSeq),
    ] {
        assert_eq!(finding(line, ""), Some(HeaderError::Missing(header).into()));
    }
}

#[test]
fn a_request_without_via_is_dropped() {
    let offence = parse(&REGISTER.replace("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n", "")).validate();

    let offence = offence.unwrap_err();
    assert_eq!(offence.finding(), HeaderError::Missing(HeaderName::Via).into());
    assert_eq!(offence.status(), None);
}

#[test]
fn a_header_that_may_stand_once_is_refused_twice_even_if_it_says_the_same() {
    for (line, header) in [
        ("Max-Forwards: 70\r\n", HeaderName::MaxForwards),
        ("From: <sip:bob@example.com>;tag=1\r\n", HeaderName::From),
        ("To: <sip:bob@example.com>\r\n", HeaderName::To),
        ("Call-ID: 1@192.0.2.1\r\n", HeaderName::CallId),
        ("CSeq: 1 REGISTER\r\n", HeaderName::CSeq),
        ("Expires: 60\r\n", HeaderName::Expires),
        ("Content-Type: text/plain\r\n", HeaderName::ContentType),
    ] {
        assert_eq!(finding(line, &line.repeat(2)), Some(Finding::Repeated(header)));
    }
    assert_eq!(
        finding("Expires: 60\r\n", "Expires: 60\r\nX: y\r\nX: y\r\n"),
        None
    );
}

#[test]
fn behind_the_top_via_stands_a_comma_or_nothing() {
    let via = "192.0.2.1;branch=z9hG4bK1";
    for (replacement, fault) in [
        (
            "192.0.2.1;branch=z9hG4bK1 x",
            SyntaxError::UnexpectedCharacter(38),
        ),
        ("192.0.2.1;branch=z9hG4bK1,", SyntaxError::EmptyElement),
        ("192.0.2.1;;branch=z9hG4bK1", SyntaxError::EmptyElement),
    ] {
        assert_eq!(
            finding(via, replacement),
            malformed(HeaderName::Via, fault),
            "{replacement:?}"
        );
    }
    assert_eq!(
        finding(via, "192.0.2.1;branch=z9hG4bK1 , SIP/2.0/UDP a.example.com"),
        None
    );
}

#[test]
fn a_wildcard_stands_alone() {
    let contact = "Contact: <sip:bob@192.0.2.1>\r\n";
    let expected = malformed(HeaderName::Contact, SyntaxError::Wildcard);
    assert_eq!(finding(contact, &format!("Contact: *\r\n{contact}")), expected);
    assert_eq!(finding(contact, &format!("{contact}m: *\r\n")), expected);

    let text = REGISTER.replace("<sip:bob@192.0.2.1>", "*");
    assert!(matches!(parse(&text).contacts(), Ok(Contacts::Star)));
}

#[test]
fn the_start_line_decides_first() {
    assert_eq!(
        finding("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
        Some(Finding::Version)
    );
    assert_eq!(
        finding("sip:example.com SIP", "sip:example.com  SIP"),
        Some(Finding::StartLine)
    );
    assert_eq!(
        finding("Max-Forwards: 70", "Max-Forwards 70"),
        Some(Finding::HeaderLine)
    );
    assert_eq!(
        finding("Max-Forwards: 70", "Max-Forwards: x"),
        malformed(HeaderName::MaxForwards, SyntaxError::Number)
    );
}

#[test]
fn the_request_uri_is_a_sip_or_tel_uri_without_headers() {
    let uri = "sip:example.com SIP";
    assert_eq!(finding(uri, "tel:+1 SIP"), None);
    assert_eq!(finding(uri, "SIPS:example.com SIP"), None);
    assert_eq!(
        finding(uri, "http:example.com SIP"),
        Some(Finding::RequestUriScheme)
    );
    assert_eq!(
        finding(uri, "sip:example.com?a=b SIP"),
        Some(Finding::RequestUriHeaders)
    );
    assert_eq!(
        finding(uri, "sip:@example.com SIP"),
        Some(Finding::RequestUri(UriError::User))
    );
}

#[test]
fn each_fault_has_its_status() {
    let cases = [
        (Finding::Version, StatusCode::VERSION_NOT_SUPPORTED),
        (Finding::RequestUriScheme, StatusCode::UNSUPPORTED_URI_SCHEME),
        (
            Finding::CSeqMethod {
                is_method_known: false,
            },
            StatusCode::NOT_IMPLEMENTED,
        ),
        (
            Finding::CSeqMethod {
                is_method_known: true,
            },
            StatusCode::BAD_REQUEST,
        ),
        (Finding::EmptyBranch, StatusCode::BAD_REQUEST),
    ];
    for (finding, status) in cases {
        assert_eq!(finding.status(), status, "{finding}");
    }
}

#[test]
fn a_response_with_a_fault_is_dropped() {
    let response = REGISTER.replacen("REGISTER sip:example.com SIP/2.0", "SIP/2.0 200 OK", 1);
    assert_eq!(parse(&response).validate(), Ok(()));

    for (part, replacement) in [
        ("192.0.2.1;branch", "224.0.1.75;branch"),
        ("192.0.2.1;branch", "a.example.com;received=ff02::1;branch"),
        ("Call-ID: 1@192.0.2.1\r\n", ""),
    ] {
        let offence = parse(&response.replacen(part, replacement, 1))
            .validate()
            .unwrap_err();
        assert_eq!(offence.status(), None, "{offence}");
    }
}

#[test]
fn a_datagram_one_octet_short_is_answered() {
    let short = &REGISTER.as_bytes()[..REGISTER.len() - 1];
    let error = Message::parse_datagram(short.to_vec()).unwrap_err();

    assert_eq!(
        (error.fault(), error.status()),
        (FramingFault::BodyTooShort, Some(StatusCode::BAD_REQUEST))
    );
}

#[test]
fn a_datagram_of_line_ends_is_a_keep_alive() {
    for octets in [b"".as_slice(), b"\r\n", b"\r\n\r\n"] {
        let error = Message::parse_datagram(octets.to_vec()).unwrap_err();
        assert_eq!((error.fault(), error.status()), (FramingFault::Empty, None));
    }
    let behind_line_ends = Message::parse_datagram(format!("\r\n\r\n{REGISTER}").into_bytes()).unwrap();
    assert_eq!(behind_line_ends, parse(REGISTER));
}
