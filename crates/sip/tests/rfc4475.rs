//! The torture messages of RFC 4475, each with the one verdict that we take, and what else must come out
//! right about them.

#![expect(clippy::unwrap_used, reason = "tests state what they expect by unwrapping it")]

mod verdicts;

use sip::framing::{Framed, Side, StreamFramer};
use sip::header::{Contacts, HeaderError};
use sip::message::{Finding, HeaderName, Message, Method, StatusCode};
use sip::uri::{Scheme, Uri};
use verdicts::{assert_verdicts, octets};

fn message(file: &str) -> Message {
    verdicts::message("rfc4475", file)
}

fn request_uri(message: &Message) -> Uri<'_> {
    Uri::parse(message.request_uri().unwrap()).unwrap()
}

fn contact_uris(message: &Message) -> Vec<String> {
    match message.contacts().unwrap() {
        Contacts::Star => vec!["*".to_owned()],
        Contacts::List(list) => list.iter().map(|contact| contact.uri().to_string()).collect(),
    }
}

#[test]
fn every_torture_message_has_its_verdict() {
    assert_verdicts("rfc4475");
}

#[test]
fn wsinv_is_read_through_all_its_white_space() {
    let message = message("wsinv.dat");

    let vias: Vec<_> = message.vias().map(Result::unwrap).collect();
    let hops: Vec<_> = vias
        .iter()
        .map(|via| (via.protocol().transport, via.host().to_string(), via.branch()))
        .collect();
    assert_eq!(
        hops,
        [
            ("UDP", "192.0.2.2".to_owned(), Some("390skdjuw")),
            ("TCP", "spindle.example.com".to_owned(), Some("z9hG4bK9ikj8")),
            ("UDP", "192.168.255.111".to_owned(), Some("z9hG4bK30239")),
        ]
    );
    assert_eq!(vias[0].unique_branch(), None);
    assert_eq!(message.max_forwards(), Ok(Some(68)));
    let cseq = message.cseq().unwrap();
    assert_eq!((cseq.sequence, cseq.method), (9, Method::Invite));
    assert_eq!(message.to().unwrap().tag(), Some("1918181833n"));
    let from = message.from().unwrap();
    assert_eq!(
        (from.display_name().as_deref(), from.tag()),
        (Some("J Rosenberg \\\""), Some("98asjd8"))
    );
    assert_eq!(message.header(HeaderName::Subject), Some(""));
    assert_eq!(
        message.header(HeaderName::Other("UnknownHeaderWithUnusualValue")),
        Some(";;,,;;,;")
    );
    assert!(
        request_uri(&message)
            .parameter("unknownparam")
            .is_some_and(|parameter| parameter.value.is_none())
    );
}

#[test]
fn wsinv_has_a_route_and_a_contact_with_odd_parameters() {
    let message = message("wsinv.dat");

    let route = message.routes().next().unwrap().unwrap().uri();
    assert!(route.has_parameter("lr") && route.has_parameter("unknown-no-value"));
    assert_eq!(route.parameter_value("unknownwith"), Some("value"));
    let contact = message.contacts().unwrap().first().unwrap();
    assert_eq!(
        contact.name_addr().display_name().as_deref(),
        Some("Quoted string \"\"")
    );
    assert_eq!(
        (contact.q(), contact.parameters().value("newparam")),
        (330, Some("newvalue"))
    );
    assert!(contact.parameters().contains("secondparam"));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn intmeth_uses_every_character_that_may_stand() {
    let message = message("intmeth.dat");

    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(message.method(), Some(Method::Other(method)));
    let uri = request_uri(&message);
    assert_eq!(
        uri.user(),
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(
        message.to().unwrap().display_name().as_deref(),
        Some("BEL:\x07 NUL:\0 DEL:\x7f")
    );
    let from = message.from().unwrap();
    assert_eq!(
        from.display_name().as_deref(),
        Some("token1~` token2'+_ token3*%!.-")
    );
    assert_eq!(
        from.parameters()
            .find("fromParam''~+*_!.-%")
            .unwrap()
            .unquoted()
            .as_deref(),
        Some("работающий")
    );
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(
        message.call_id(),
        Ok("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")
    );
    assert_eq!(
        message.header(HeaderName::Other("extensionHeader-!.%*+_`'~")),
        Some("\u{feff}大停電")
    );
}

#[test]
fn esc01_undoes_escapes_in_uris_and_once_only() {
    let message = message("esc01.dat");

    let uri = request_uri(&message);
    assert_eq!(uri.decoded_user().as_deref(), Some("sips:user@example.com"));
    assert_eq!(uri.host().unwrap().to_string(), "example.net");
    let to = message.to().unwrap().uri();
    assert!(to.is_equivalent_to(&Uri::parse("sip:user@example.com").unwrap()));
    assert_eq!(
        message.from().unwrap().uri().decoded_user().as_deref(),
        Some("I have spaces")
    );
    let contact = message.contacts().unwrap().first().unwrap().uri();
    assert!(contact.has_parameter("lr"));
    let value = contact.parameter_value("name").map(sip::uri::unescape);
    assert_eq!(value.as_deref(), Some(b"value%41".as_slice()));
}

#[test]
fn escnull_does_not_end_a_user_part_at_its_nul() {
    let message = message("escnull.dat");

    assert_eq!(
        message.to().unwrap().uri().decoded_user().as_deref(),
        Some("null-\0-null")
    );
    let Contacts::List(list) = message.contacts().unwrap() else {
        panic!("no wildcard")
    };
    let users: Vec<_> = list
        .iter()
        .map(|contact| contact.uri().decoded_user().unwrap())
        .collect();
    assert_eq!(users, ["\0", "\0\0"]);
    assert!(!list[0].uri().is_equivalent_to(&list[1].uri()));
}

#[test]
fn esc02_undoes_no_escapes_outside_uris() {
    let message = message("esc02.dat");

    assert_eq!(message.method(), Some(Method::Other("RE%47IST%45R")));
    assert_eq!(message.to().unwrap().display_name().as_deref(), Some("%Z%45"));
    assert_eq!(
        contact_uris(&message),
        ["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"]
    );
}

#[test]
fn lwsdisp_needs_no_space_before_the_bracket() {
    let message = message("lwsdisp.dat");

    assert_eq!(message.from().unwrap().display_name().as_deref(), Some("caller"));
}

#[test]
fn longreq_passes_with_all_its_vias() {
    let message = message("longreq.dat");

    assert_eq!(message.vias().map(Result::unwrap).count(), 34);
    assert_eq!(
        message.vias().last().unwrap().unwrap().host().to_string(),
        "host.example.com"
    );
    assert_eq!(message.body().len(), 150);
}

#[test]
fn dblreq_is_two_messages_on_a_stream_and_one_in_a_datagram() {
    let datagram = message("dblreq.dat");

    assert_eq!(
        (datagram.method(), datagram.body()),
        (Some(Method::Register), b"".as_slice())
    );
    assert!(datagram.as_bytes().ends_with(b"Content-Length: 0\r\n\r\n"));
    let mut framer = StreamFramer::new(Side::Accepted);
    framer.push(&octets("rfc4475", "dblreq.dat"));
    let methods = [framer.next(), framer.next()].map(|framed| match framed {
        Ok(Some(Framed::Message(message))) => message.method().unwrap().to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(methods, ["REGISTER", "INVITE"]);
}

#[test]
fn semiuri_has_its_semicolon_in_the_user_part() {
    let message = message("semiuri.dat");

    let uri = request_uri(&message);
    assert_eq!(uri.decoded_user().as_deref(), Some("user;par=u@example.net"));
    assert_eq!(
        (uri.host().unwrap().to_string().as_str(), uri.parameters().count()),
        ("example.com", 0)
    );
}

#[test]
fn transports_may_be_unknown_below_the_top_via() {
    let message = message("transports.dat");

    let transports: Vec<_> = message
        .vias()
        .map(|via| via.unwrap().protocol().transport)
        .collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn mpart01_keeps_a_binary_body_whole() {
    let message = message("mpart01.dat");

    let content_type = message.content_type().unwrap().unwrap();
    assert!(content_type.is("multipart/mixed"));
    assert_eq!(
        content_type.parameters().value("boundary"),
        Some("7a9cbec02ceef655")
    );
    assert_eq!(
        message.body().len().to_string(),
        message.header(HeaderName::ContentLength).unwrap()
    );
    assert!(message.body().contains(&0));
}

#[test]
fn reason_phrases_mean_nothing_and_may_be_empty() {
    let odd = message("unreason.dat");
    assert_eq!(odd.status(), Some(StatusCode::OK));
    assert_eq!(
        odd.reason_phrase(),
        Some("= 2**3 * 5**2 но сто девяносто девять - простое")
    );

    let empty = message("noreason.dat");
    assert_eq!(
        (empty.status(), empty.reason_phrase()),
        (Some(StatusCode::TRYING), Some(""))
    );
}

#[test]
fn ncl_never_becomes_a_count() {
    let error = Message::parse_datagram(octets("rfc4475", "ncl.dat")).unwrap_err();

    assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
    assert_eq!(error.request().unwrap().body(), b"");
}

#[test]
fn scalar02_has_other_numbers_out_of_range_that_are_forgiven() {
    let text = String::from_utf8(octets("rfc4475", "scalar02.dat")).unwrap();
    let sound = text.replace("CSeq: 36893488147419103232 REGISTER", "CSeq: 1 REGISTER");
    assert_ne!(sound, text);
    let message = Message::parse_datagram(sound.into_bytes()).unwrap();

    assert_eq!(message.validate(), Ok(()));
    assert_eq!(message.max_forwards(), Ok(None));
    assert_eq!(message.expires(), Some(3600));
    assert_eq!(message.contacts().unwrap().first().unwrap().expires(), Some(3600));
}

#[test]
fn baddn_is_refused_for_its_comma_once_its_header_section_ends() {
    let mut octets = octets("rfc4475", "baddn.dat");
    octets.extend_from_slice(b"\r\n");
    let offence = Message::parse_datagram(octets).unwrap().validate().unwrap_err();

    assert_eq!(offence.status(), Some(StatusCode::BAD_REQUEST));
    let is_about_from = matches!(
        offence.finding(),
        Finding::Header(HeaderError::Malformed {
            header: HeaderName::From,
            ..
        })
    );
    assert!(is_about_from, "{offence}");
}

#[test]
fn clerr_waits_on_a_stream_for_the_rest_of_its_body() {
    let mut framer = StreamFramer::new(Side::Accepted);
    framer.push(&octets("rfc4475", "clerr.dat"));
    assert!(matches!(framer.next(), Ok(None)));

    framer.push(&vec![b'x'; 9999 - 154]);
    let Ok(Some(Framed::Message(message))) = framer.next() else {
        panic!("the body is complete")
    };
    assert_eq!(message.body().len(), 9999);
}

#[test]
fn insuf_is_answered_with_what_it_has() {
    let request = message("insuf.dat");
    let response = request
        .response(StatusCode::BAD_REQUEST)
        .to_tag("1")
        .finish()
        .unwrap();

    assert_eq!(response.header(HeaderName::Via), request.header(HeaderName::Via));
    assert_eq!(response.cseq(), request.cseq());
    assert_eq!(response.header(HeaderName::To), None);
}

#[test]
fn multi01_is_answered_with_the_first_of_each() {
    let request = message("multi01.dat");
    let response = request
        .response(StatusCode::BAD_REQUEST)
        .to_tag("1")
        .finish()
        .unwrap();

    assert_eq!(response.headers(HeaderName::CallId).count(), 1);
    assert_eq!(response.call_id(), request.call_id());
    assert_eq!(response.validate(), Ok(()));
}

#[test]
fn parameters_of_a_contact_stay_inside_or_outside_the_brackets() {
    let outside = message("cparam01.dat");
    let contact = outside.contacts().unwrap().first().unwrap();
    assert!(contact.parameters().contains("unknownparam") && !contact.uri().has_parameter("unknownparam"));

    let inside = message("cparam02.dat");
    let contact = inside.contacts().unwrap().first().unwrap();
    assert!(!contact.parameters().contains("unknownparam") && contact.uri().has_parameter("unknownparam"));
}

#[test]
fn regescrt_keeps_the_escaped_header_as_part_of_the_uri() {
    let message = message("regescrt.dat");

    let uri = message.contacts().unwrap().first().unwrap().uri();
    assert_eq!(uri.headers(), Some("Route=%3Csip:sip.example.com%3E"));
}

#[test]
fn regaut01_passes_its_unknown_scheme_on_unchanged() {
    let message = message("regaut01.dat");

    assert_eq!(
        message.header(HeaderName::Authorization),
        Some("NoOneKnowsThisScheme opaque-data=here")
    );
}

#[test]
fn bext01_and_its_like_leave_the_decision_to_the_layer_above() {
    let extended = message("bext01.dat");
    let required: Vec<_> = extended.list(HeaderName::Require).collect();
    assert_eq!(required, ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert!(extended.has_token(HeaderName::ProxyRequire, "NOPROXIESSUPPORTTHIS"));

    assert_eq!(message("zeromf.dat").max_forwards(), Ok(Some(0)));
    assert!(
        message("invut.dat")
            .content_type()
            .unwrap()
            .unwrap()
            .is("application/unknownformat")
    );
    assert_eq!(
        message("sdp01.dat").header(HeaderName::Accept),
        Some("text/nobodyKnowsThis")
    );
}

#[test]
fn unksm2_has_uris_of_foreign_schemes_in_its_headers() {
    let message = message("unksm2.dat");

    let schemes = [message.to().unwrap().uri(), message.from().unwrap().uri()].map(|uri| uri.scheme());
    assert_eq!(schemes, [Scheme::Other("isbn"), Scheme::Other("http")]);
    assert_eq!(contact_uris(&message), ["name:John_Smith"]);
}

#[test]
fn inv2543_has_a_body_without_a_length() {
    let message = message("inv2543.dat");

    assert!(message.body().starts_with(b"v=0\r\n") && message.body().ends_with(b"\r\n"));
    assert_eq!(
        (message.from().unwrap().tag(), message.max_forwards()),
        (None, Ok(None))
    );
    assert_eq!(message.top_via().unwrap().branch(), None);
}
