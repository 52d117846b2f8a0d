//! The registrar alone: RFC 4475's messages for registrars, proxies on the way, and its own bookkeeping.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::SipUser;
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::Message;
use sip::user_agent::Reply;

use super::{Effect, RegisterOffence, Registrar};

fn flow(transport: Transport, connection: u64) -> Flow {
    Flow {
        transport,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        remote: SocketAddr::from(([198, 51, 100, 1], 5060)),
        connection: ConnectionId(connection),
    }
}

fn user() -> SipUser {
    "watson".parse().unwrap()
}

fn torture(octets: &[u8]) -> Message {
    Message::parse_datagram(octets.to_vec()).unwrap()
}

fn request(headers: &[&str]) -> Message {
    let mut text = "REGISTER sip:example.com SIP/2.0\r\n\
                    Via: SIP/2.0/TLS 198.51.100.1;branch=z9hG4bK1\r\n\
                    From: <sip:watson@example.com>;tag=1\r\n\
                    To: <sip:watson@example.com>\r\n"
        .to_owned();
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    for (name, default) in [("Call-ID", "a"), ("CSeq", "1 REGISTER")] {
        if !headers.iter().any(|header| header.starts_with(name)) {
            text.push_str(&format!("{name}: {default}\r\n"));
        }
    }
    text.push_str("\r\n");
    Message::parse_datagram(text.into_bytes()).unwrap()
}

/// What a registrar without bindings makes of a request.
fn register(message: &Message) -> Result<Reply, RegisterOffence> {
    Registrar::new(None).register(Instant::now(), &user(), flow(Transport::Tls, 1), message)
}

fn contacts(reply: &Reply) -> Vec<&str> {
    let contacts = reply.headers.iter().filter(|(name, _)| name == "Contact");
    contacts.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn rfc4475_cparam01_a_parameter_outside_brackets_is_the_headers() {
    let reply = register(&torture(include_bytes!(
        "../../../sip/tests/rfc4475/cparam01.dat"
    )))
    .unwrap();

    assert_eq!(
        contacts(&reply),
        ["<sip:+19725552222@gw1.example.net>;unknownparam;expires=600"]
    );
}

#[test]
fn rfc4475_cparam02_a_parameter_inside_brackets_is_the_uris() {
    let reply = register(&torture(include_bytes!(
        "../../../sip/tests/rfc4475/cparam02.dat"
    )))
    .unwrap();

    assert_eq!(
        contacts(&reply),
        ["<sip:+19725552222@gw1.example.net;unknownparam>;expires=600"]
    );
}

#[test]
fn rfc4475_regescrt_an_escaped_route_stays_part_of_the_uri() {
    let reply = register(&torture(include_bytes!(
        "../../../sip/tests/rfc4475/regescrt.dat"
    )))
    .unwrap();

    assert_eq!(
        contacts(&reply),
        ["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=600"]
    );
}

#[test]
fn rfc4475_regbadct_a_uri_with_headers_needs_brackets() {
    let refused = register(&torture(include_bytes!(
        "../../../sip/tests/rfc4475/regbadct.dat"
    )));

    assert!(matches!(refused, Err(RegisterOffence::Header(_))));
}

#[test]
fn rfc4475_escnull_two_contacts_that_differ_in_escaped_nuls_are_two() {
    let reply = register(&torture(include_bytes!("../../../sip/tests/rfc4475/escnull.dat"))).unwrap();

    assert_eq!(contacts(&reply).len(), 2);
}

#[test]
fn equivalent_uris_are_one_contact() {
    let mut registrar = Registrar::new(None);
    let now = Instant::now();
    for (number, uri) in ["sip:%77atson@GW.example;x=1", "sip:watson@gw.example;y=2"]
        .into_iter()
        .enumerate()
    {
        let message = request(&[
            &format!("Contact: <{uri}>"),
            &format!("CSeq: {} REGISTER", number + 1),
        ]);
        registrar
            .register(now, &user(), flow(Transport::Tls, 1), &message)
            .unwrap();
    }

    assert_eq!(registrar.len(), 1);
    assert_eq!(
        &*registrar.bindings(&user())[0].uri,
        "sip:watson@gw.example;y=2",
        "the later form is called"
    );
}

#[test]
fn folded_parameters_come_back_in_one_line() {
    let reply = register(&request(&[
        "Contact: <sip:a@b>;q=0.5\r\n ;+sip.instance=\"<urn:\r\n\tuuid:1>\"",
    ]))
    .unwrap();

    assert_eq!(
        contacts(&reply),
        ["<sip:a@b>;q=0.5;+sip.instance=\"<urn: uuid:1>\";expires=600"]
    );
}

#[test]
fn a_flow_through_a_proxy_counts_only_if_that_keeps_it() {
    let contact = "Contact: <sip:a@b>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    let via = "Via: SIP/2.0/TLS 10.0.0.1;branch=z9hG4bK2";
    let cases = [
        (
            vec!["Supported: path, outbound"],
            Err(RegisterOffence::FirstHopLacksOutbound),
        ),
        (
            vec!["Supported: path, outbound", "Path: <sip:edge.example;lr>"],
            Err(RegisterOffence::FirstHopLacksOutbound),
        ),
        (
            vec!["Supported: path, outbound", "Path: <sip:edge.example;lr;ob>"],
            Ok(true),
        ),
        (vec!["Supported: path", "Path: <sip:edge.example;lr>"], Ok(false)),
    ];
    for (headers, expected) in cases {
        let outcome = register(&request(&[&headers[..], &[contact, via]].concat()));

        let is_outbound = outcome.map(|reply| reply.headers.iter().any(|(name, _)| name == "Require"));
        assert_eq!(is_outbound, expected, "{headers:?}");
    }
}

#[test]
fn a_flow_number_without_an_instance_is_ignored() {
    let reply = register(&request(&[
        "Contact: <sip:a@b>;reg-id=1",
        "Supported: path, outbound",
    ]))
    .unwrap();

    assert!(reply.headers.iter().all(|(name, _)| name != "Require"));
}

#[test]
fn a_secure_contact_needs_a_secure_flow() {
    let message = request(&["Contact: <sips:a@b>"]);
    let mut registrar = Registrar::new(None);
    let mut over = |transport| {
        registrar
            .register(Instant::now(), &user(), flow(transport, 1), &message)
            .map(|_| ())
    };

    assert_eq!(over(Transport::Udp), Err(RegisterOffence::InsecureFlow));
    assert_eq!(over(Transport::Tls), Ok(()));
}

#[test]
fn the_same_request_from_another_call_is_a_later_one() {
    let mut registrar = Registrar::new(None);
    let now = Instant::now();
    let flow = flow(Transport::Tls, 1);
    let mut send = |call_id: &str, sequence: u32| {
        let sequence = format!("CSeq: {sequence} REGISTER");
        let call_id = format!("Call-ID: {call_id}");
        registrar
            .register(
                now,
                &user(),
                flow,
                &request(&["Contact: <sip:a@b>", &sequence, &call_id]),
            )
            .map(|_| ())
    };

    assert_eq!(send("a", 5), Ok(()));
    assert_eq!(send("a", 5), Err(RegisterOffence::OutOfOrder));
    assert_eq!(send("a", 4), Err(RegisterOffence::OutOfOrder));
    assert_eq!(send("b", 1), Ok(()));
    assert_eq!(send("a", 4), Ok(()), "the binding is b's");
}

#[test]
fn nothing_is_left_of_bindings_that_have_ended() {
    let mut registrar = Registrar::new(Some(Duration::from_secs(25)));
    let now = Instant::now();
    for (number, transport) in [Transport::Udp, Transport::Tcp, Transport::Tls]
        .into_iter()
        .enumerate()
    {
        let message = request(&[
            &format!("Contact: <sip:a{number}@b>;expires=60"),
            &format!("CSeq: {} REGISTER", number + 1),
        ]);
        let flow = flow(transport, u64::try_from(number).unwrap());
        registrar.register(now, &user(), flow, &message).unwrap();
    }

    registrar.handle_closed(ConnectionId(1));
    assert_eq!(registrar.len(), 2);
    registrar.handle_timeout(now + Duration::from_secs(60));

    assert!(registrar.is_empty());
    assert_eq!(registrar.next_timeout(), None);
    assert!(registrar.bindings_by_user.is_empty() && registrar.bindings_by_connection.is_empty());
    let effects: Vec<Effect> = std::iter::from_fn(|| registrar.poll_effect()).collect();
    assert!(
        matches!(effects.last(), Some(Effect::Unregistered { .. })),
        "{effects:?}"
    );
}

#[test]
fn bindings_end_with_the_udp_socket_they_came_to() {
    let mut registrar = Registrar::new(None);
    let message = request(&["Contact: <sip:a@b>"]);
    registrar
        .register(Instant::now(), &user(), flow(Transport::Udp, 3), &message)
        .unwrap();

    registrar.handle_closed(ConnectionId(2));
    assert_eq!(registrar.len(), 1);
    registrar.handle_closed(ConnectionId(3));
    assert!(registrar.is_empty());
}
