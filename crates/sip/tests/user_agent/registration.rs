//! REGISTER and other requests outside sessions.

use std::time::Duration;

use sip::flow::Transport;
use sip::message::{Method, OwnedMethod, StatusCode};
use sip::user_agent::{Config, Event, OutgoingRequest, Reply, RequestFailure, RequestId, ServerId};

use crate::wire::{ALICE, BOB, Wire, header};

#[test]
fn a_register_reaches_the_registrar_and_its_answer_comes_back() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut wire = registrar_wire(transport);
        let request = send_register(&mut wire);
        wire.run(Duration::from_millis(20));
        let (transaction, message) = take_request(&mut wire);
        assert_eq!(header(&message, "CSeq"), "7 REGISTER");
        assert_eq!(header(&message, "Call-ID"), "kept");

        respond(
            &mut wire,
            transaction,
            Reply::new(StatusCode::OK).header("Expires", "300"),
        );
        wire.run(Duration::from_millis(20));

        let message = take_response(&mut wire, request).expect("a response");
        assert_eq!(message.status(), Some(StatusCode::OK));
        assert_eq!(header(&message, "Expires"), "300");
        assert_eq!(wire.sent_by(ALICE), ["REGISTER"]);
        wire.run_out();
        assert_eq!(wire.alive(), 0, "{transport}");
    }
}

#[test]
fn a_lost_answer_is_given_again_without_asking_the_registrar() {
    let mut wire = registrar_wire(Transport::Udp);
    let request = send_register(&mut wire);
    wire.run(Duration::from_millis(20));
    let (transaction, _) = take_request(&mut wire);
    wire.weather.loss = 100;
    respond(&mut wire, transaction, Reply::new(StatusCode::OK));
    wire.weather.loss = 0;

    wire.run(Duration::from_secs(1));

    assert!(take_response(&mut wire, request).is_ok());
    wire.expect_quiet(BOB);
    assert_eq!(wire.sent_by(BOB), ["200 REGISTER", "200 REGISTER"]);
    assert_eq!(wire.sides[BOB].agent.counters().retransmissions, 1);
}

#[test]
fn silence_is_a_timeout_after_64_times_t1() {
    let mut wire = registrar_wire(Transport::Tcp);
    wire.weather.loss = 100;
    let request = send_register(&mut wire);

    wire.run(Duration::from_millis(31_999));
    wire.expect_quiet(ALICE);
    wire.run(Duration::from_millis(1));

    assert_eq!(take_response(&mut wire, request), Err(RequestFailure::Timeout));
}

fn registrar_wire(transport: Transport) -> Wire {
    let mut registrar = Config::new("registrar/1");
    registrar.methods.push(OwnedMethod::from(Method::Register));
    Wire::with_configs(transport, 1, [Config::new("endpoint/1"), registrar])
}

fn send_register(wire: &mut Wire) -> RequestId {
    let mut request = OutgoingRequest::new(
        Method::Register,
        "sip:example.com",
        "<sip:alice@example.com>",
        "<sip:alice@example.com>",
    );
    request.sequence = Some(sip::user_agent::Sequence {
        call_id: "kept".to_owned(),
        number: 7,
    });
    request.contact = Some("<sip:alice@192.0.2.1>".to_owned());
    let side = &mut wire.sides[ALICE];
    side.agent.request(wire.now, side.flow, request)
}

fn take_request(wire: &mut Wire) -> (ServerId, sip::message::Message) {
    match wire.event(BOB) {
        Event::Request {
            transaction, message, ..
        } => (transaction, message),
        other => panic!("{other:?}"),
    }
}

fn respond(wire: &mut Wire, transaction: ServerId, reply: Reply) {
    wire.sides[BOB].agent.respond(wire.now, transaction, reply);
    wire.pump();
}

fn take_response(wire: &mut Wire, expected: RequestId) -> Result<sip::message::Message, RequestFailure> {
    match wire.event(ALICE) {
        Event::Response { request, outcome, .. } if request == expected => outcome,
        other => panic!("{other:?}"),
    }
}
