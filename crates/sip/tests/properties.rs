//! Laws that hold for all texts, messages and URIs, tried on generated ones.

#![expect(clippy::unwrap_used, reason = "tests state what they expect by unwrapping it")]

use std::hint::black_box;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sip::framing::{Framed, Side, StreamFramer};
use sip::header::{ListValues, NameAddr, quote, unfold, unquote};
use sip::message::{HeaderName, Message, Method, RequestBuilder, StatusCode};
use sip::uri::{Host, Scheme, Uri, UriBuilder, escape_parameter, escape_user, unescape};

const REGISTER: &[u8] = include_bytes!("messages/register.dat");
const INVITE: &[u8] = include_bytes!("messages/invite.dat");
const ODD: &[u8] = include_bytes!("rfc4475/wsinv.dat");

/// Pieces that turn a sound message into an odd one.
const PIECES: [&str; 24] = [
    "\r\n",
    "\r\n\r\n",
    "\r",
    "\n",
    " ",
    "\t",
    ":",
    ";",
    ",",
    "=",
    "\"",
    "\\",
    "<",
    ">",
    "?",
    "@",
    "%",
    "%0",
    "[",
    "]",
    "\0",
    "\u{e9}",
    "SIP/2.0",
    "Content-Length: 5\r\n",
];

/// A change to a message: at a place, remove some octets and put a piece there.
type Mutation = (Index, usize, &'static str);

fn mutation() -> impl Strategy<Value = Mutation> {
    (any::<Index>(), 0..4_usize, select(PIECES.to_vec()))
}

fn mutated(octets: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for (place, removed, piece) in mutations {
        let start = place.index(octets.len() + 1);
        let end = (start + removed).min(octets.len());
        octets.splice(start..end, piece.bytes());
    }
    octets
}

/// Takes an answer that may be anything, as long as there is one.
fn seen<T>(answer: T) {
    drop(black_box(answer));
}

/// Asks a message everything that can be asked.
fn ask(message: &Message) {
    seen(message.validate());
    seen((
        message.method().map(Method::is_known),
        message.status(),
        message.reason_phrase(),
    ));
    seen((
        message
            .top_via()
            .map(|via| (via.received(), via.rport(), via.unique_branch().is_some())),
        message.vias().count(),
    ));
    seen(
        message
            .from()
            .map(|from| (from.tag(), from.display_name(), from.uri().decoded_user())),
    );
    seen((
        message.to(),
        message.call_id(),
        message.cseq(),
        message.max_forwards(),
        message.expires(),
    ));
    seen((
        message.contacts(),
        message.routes().count(),
        message.record_routes().count(),
    ));
    seen((
        message.content_type(),
        message.session_expires(),
        message.retry_after(),
        message.r_ack(),
    ));
    seen((
        message.min_se(),
        message.r_seq(),
        message.min_expires(),
        message.reasons().count(),
    ));
    for (name, value) in message.fields() {
        assert!(message.header_bytes(name).is_some());
        seen(String::from_utf8_lossy(value).into_owned());
        seen(message.list(name).map(unfold).count());
    }
    seen(
        message
            .response(StatusCode::BAD_REQUEST)
            .to_tag("1")
            .record_route()
            .finish(),
    );
    seen(message.clone().with_received_from(([192, 0, 2, 1], 5060).into()));
    seen((
        message.without_top_via(),
        message.with_header(HeaderName::Subject, "x"),
    ));
}

fn name_text() -> impl Strategy<Value = String> {
    // Any text a user may type as a name, controls and non-ASCII included, without line ends.
    "[^\r\n]{0,40}"
}

fn domain() -> impl Strategy<Value = String> {
    "([a-z0-9]{1,8}\\.){0,3}[a-z][a-z0-9]{0,8}"
}

prop_compose! {
    fn uri_parts()(
        user in "[^\0]{1,12}",
        domain in domain(),
        port in any::<Option<u16>>(),
        parameters in vec(("x[a-z]{1,4}", "[a-zA-Z0-9 %&]{1,6}"), 0..4),
    ) -> (String, String, Option<u16>, Vec<(String, String)>) {
        (user, domain, port, parameters)
    }
}

fn build(user: &str, domain: &str, port: Option<u16>, parameters: &[(String, String)]) -> String {
    let mut builder = UriBuilder::new(Scheme::Sip, Host::Domain(domain)).user(user);
    if let Some(port) = port {
        builder = builder.port(port);
    }
    for (name, value) in parameters {
        builder = builder.parameter(name, value);
    }
    builder.build().unwrap().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn quoting_is_undone_by_unquoting(text in name_text()) {
        let quoted = quote(&text);
        prop_assert_eq!(unquote(&quoted), text);
    }

    #[test]
    fn a_quoted_display_name_survives_in_an_address(text in name_text()) {
        let value = format!("{} <sip:a@example.com>;tag=1", quote(&text));
        let parsed = NameAddr::parse(&value).unwrap();
        prop_assert_eq!(parsed.display_name().unwrap(), text);
        prop_assert_eq!(parsed.tag(), Some("1"));
    }

    #[test]
    fn a_quoted_name_is_one_member_of_a_list(texts in vec(name_text(), 1..5)) {
        let members: Vec<_> = texts.iter().map(|text| format!("{} <sip:a@b>", quote(text))).collect();
        let list = members.join(" , ");
        prop_assert_eq!(ListValues::new(&list).collect::<Vec<_>>(), members);
    }

    #[test]
    fn escaping_is_undone_by_unescaping(text in any::<String>()) {
        let (user, parameter) = (escape_user(&text), escape_parameter(&text));
        let (user, parameter) = (unescape(&user), unescape(&parameter));
        prop_assert_eq!(user.as_ref(), text.as_bytes());
        prop_assert_eq!(parameter.as_ref(), text.as_bytes());
    }

    #[test]
    fn a_built_uri_is_read_as_its_parts((user, domain, port, parameters) in uri_parts()) {
        let text = build(&user, &domain, port, &parameters);
        let uri = Uri::parse(&text).unwrap();
        prop_assert_eq!(uri.decoded_user().unwrap(), user);
        prop_assert_eq!((uri.host(), uri.port()), (Some(Host::Domain(&domain)), port));
        let read: Vec<_> = uri.parameters().map(|parameter| unescape(parameter.value.unwrap()).into_owned()).collect();
        let written: Vec<_> = parameters.iter().map(|(_, value)| value.as_bytes().to_vec()).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn a_uri_is_equivalent_to_itself_reordered_and_in_other_case((user, domain, port, parameters) in uri_parts()) {
        let mut unique = parameters;
        unique.sort();
        unique.dedup_by(|left, right| left.0 == right.0);
        let text = build(&user, &domain, port, &unique);
        let reordered: Vec<_> = unique.iter().rev().map(|(name, value)| (name.to_uppercase(), value.to_lowercase())).collect();
        let other = build(&user, &domain.to_uppercase(), port, &reordered);
        let (left, right) = (Uri::parse(&text).unwrap(), Uri::parse(&other).unwrap());
        prop_assert!(left.is_equivalent_to(&right) && right.is_equivalent_to(&left), "{} {}", text, other);
    }

    #[test]
    fn a_uri_is_not_equivalent_to_another_user_host_or_port((user, domain, port, parameters) in uri_parts()) {
        let text = build(&user, &domain, port, &parameters);
        let uri = Uri::parse(&text).unwrap();
        let others = [
            build(&format!("{user}x"), &domain, port, &parameters),
            build(&user, &format!("x{domain}"), port, &parameters),
            build(&user, &domain, Some(port.map_or(5060, |port| port ^ 1)), &parameters),
        ];
        for other in &others {
            prop_assert!(!uri.is_equivalent_to(&Uri::parse(other).unwrap()), "{} {}", text, other);
        }
    }

    #[test]
    fn what_is_built_is_read_back(headers in vec(("[A-Za-z-]{1,12}", "[^\r\n\0]{0,30}"), 0..10), body in vec(any::<u8>(), 0..50)) {
        let is_own = |name: &str| {
            [HeaderName::ContentLength, HeaderName::ContentType].contains(&HeaderName::from(name))
        };
        let headers: Vec<_> = headers.into_iter().filter(|(name, _)| !is_own(name)).collect();
        let builder = headers.iter().fold(RequestBuilder::new(Method::Info, "sip:a@b"), |builder, (name, value)| {
            builder.header(HeaderName::from(name.as_str()), value)
        });
        let message = builder.body("x/y", &body).finish().unwrap();

        let read = Message::parse_datagram(message.as_bytes().to_vec()).unwrap();
        prop_assert_eq!(read.body(), body);
        let values: Vec<_> = read.fields().map(|(_, value)| value.to_vec()).take(headers.len()).collect();
        let written: Vec<_> = headers.iter().map(|(_, value)| value.trim_matches([' ', '\t']).as_bytes().to_vec()).collect();
        prop_assert_eq!(values, written);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn a_mutated_datagram_is_kept_octet_for_octet_and_harms_nothing(
        original in select(vec![REGISTER, INVITE, ODD]),
        mutations in vec(mutation(), 0..6),
    ) {
        let octets = mutated(original, &mutations);
        match Message::parse_datagram(octets.clone()) {
            Ok(message) => {
                let start = octets.len() - octets.strip_prefix(b"\r\n".as_slice()).unwrap_or(&octets).len();
                prop_assert!(octets[start..].starts_with(message.as_bytes()) || start > 0);
                ask(&message);
            }
            Err(error) => error.request().into_iter().for_each(ask),
        }
    }

    #[test]
    fn a_mutated_stream_is_cut_alike_in_any_pieces(
        mutations in vec(mutation(), 0..6),
        size in 1..400_usize,
    ) {
        let octets = mutated(&[REGISTER, ODD, INVITE].concat(), &mutations);
        prop_assert_eq!(cut(&octets, size), cut(&octets, octets.len()));
    }

    #[test]
    fn arbitrary_octets_harm_nothing(octets in vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::parse_datagram(octets.clone()) {
            ask(&message);
        }
        seen(cut(&octets, 7));
    }
}

/// The messages of a stream that comes in pieces of this size, and the fault that ends it.
fn cut(octets: &[u8], size: usize) -> (Vec<Vec<u8>>, Option<String>) {
    let mut framer = StreamFramer::new(Side::Accepted);
    let mut messages = Vec::new();
    for piece in octets.chunks(size) {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(Framed::Message(message))) => messages.push(message.into_bytes()),
                Ok(Some(Framed::Ping | Framed::Pong)) => {}
                Ok(None) => break,
                Err(error) => return (messages, Some(error.to_string())),
            }
        }
    }
    (messages, None)
}
