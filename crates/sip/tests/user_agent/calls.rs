//! INVITE sessions from one end to the other.

use std::time::Duration;

use sip::flow::Transport;
use sip::message::{Message, Method, StatusCode};
use sip::user_agent::{Body, EndCause, Event, OutgoingRequest, Reply, SessionId};

use crate::wire::{ALICE, BOB, Wire, header};

#[test]
fn a_call_is_answered_confirmed_and_ended_by_the_caller() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut wire = Wire::new(transport);
        let (caller, callee) = connect(&mut wire);

        hang_up(&mut wire, ALICE, caller, &[("Reason", "SIP;cause=200")]);
        wire.run(TRIP);
        let (transaction, message) = match wire.event(BOB) {
            Event::Ended {
                session,
                cause: EndCause::Bye { transaction, message },
            } if session == callee => (transaction, message),
            other => panic!("{other:?}"),
        };
        assert_eq!(header(&message, "Reason"), "SIP;cause=200");
        let receipt = Body {
            content_type: "application/receipt".to_owned(),
            bytes: b"heard".to_vec(),
        };
        wire.sides[BOB]
            .agent
            .respond(wire.now, transaction, Reply::new(StatusCode::OK).body(receipt));
        wire.run(TRIP);

        match wire.event(ALICE) {
            Event::Ended {
                session,
                cause: EndCause::HungUp { answer: Some(answer) },
            } if session == caller => {
                assert_eq!(answer.body(), b"heard");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(wire.sent_by(ALICE), ["INVITE", "ACK", "BYE"]);
        assert_eq!(wire.sent_by(BOB), ["180 INVITE", "200 INVITE", "200 BYE"]);
        wire.run_out();
        assert_eq!(wire.alive(), 0, "{transport}");
    }
}

#[test]
fn the_callee_hangs_up_with_a_receipt_in_its_bye() {
    let mut wire = Wire::new(Transport::Tls);
    let (caller, callee) = connect(&mut wire);
    let receipt = Body {
        content_type: "application/receipt".to_owned(),
        bytes: b"heard".to_vec(),
    };

    wire.sides[BOB]
        .agent
        .hang_up(wire.now, callee, Vec::new(), Some(receipt));
    wire.run(TRIP);

    match wire.event(ALICE) {
        Event::Ended {
            session,
            cause: EndCause::Bye { message, .. },
        } if session == caller => {
            assert_eq!(message.body(), b"heard");
        }
        other => panic!("{other:?}"),
    }
    wire.run(Duration::from_millis(1990));
    wire.expect_quiet(BOB);
    wire.run(TRIP * 2);
    assert!(matches!(
        wire.event(BOB),
        Event::Ended {
            cause: EndCause::HungUp { answer: Some(_) },
            ..
        }
    ));
    assert_eq!(wire.sent_by(ALICE), ["INVITE", "ACK", "200 BYE"]);
}

#[test]
fn a_cancel_ends_a_ringing_call_on_both_sides() {
    let mut wire = Wire::new(Transport::Udp);
    let caller = invite(&mut wire);
    wire.run(TRIP);
    let callee = take_invite(&mut wire);
    wire.sides[BOB]
        .agent
        .provisional(wire.now, callee, Reply::new(StatusCode::RINGING));
    wire.run(TRIP);
    assert!(matches!(wire.event(ALICE), Event::Progress { .. }));

    hang_up(
        &mut wire,
        ALICE,
        caller,
        &[("Reason", "SIP;cause=200;text=\"Call completed elsewhere\"")],
    );
    wire.run(TRIP * 2);

    match wire.event(BOB) {
        Event::Ended {
            session,
            cause: EndCause::Cancelled { message },
        } if session == callee => {
            assert!(header(&message, "Reason").contains("completed elsewhere"));
        }
        other => panic!("{other:?}"),
    }
    assert!(
        matches!(wire.event(ALICE), Event::Ended { session, cause: EndCause::HungUp { answer: Some(_) } } if session == caller)
    );
    assert_eq!(wire.sent_by(ALICE), ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(wire.sent_by(BOB), ["180 INVITE", "200 CANCEL", "487 INVITE"]);
    wire.run_out();
    assert_eq!(wire.alive(), 0);
}

#[test]
fn a_refused_call_is_rejected_once() {
    let mut wire = Wire::new(Transport::Udp);
    let caller = invite(&mut wire);
    wire.run(TRIP);
    let callee = take_invite(&mut wire);

    wire.sides[BOB]
        .agent
        .reject(wire.now, callee, Reply::new(StatusCode::BUSY_HERE));
    wire.run(TRIP * 2);

    assert!(
        matches!(wire.event(ALICE), Event::Rejected { session, status: StatusCode::BUSY_HERE, message: Some(_), failure: None } if session == caller)
    );
    wire.run_out();
    wire.expect_quiet(ALICE);
    wire.expect_quiet(BOB);
    assert_eq!(wire.alive(), 0);
}

#[test]
fn requests_and_re_invites_travel_inside_the_session() {
    let mut wire = Wire::new(Transport::Tcp);
    let (caller, callee) = connect(&mut wire);

    for (method, lines) in [
        (Method::Info, vec!["INFO"]),
        (Method::Invite, vec!["INFO", "INVITE", "ACK"]),
    ] {
        wire.sides[BOB]
            .agent
            .request_in_session(wire.now, callee, method, Vec::new(), None);
        wire.run(TRIP);
        let transaction = match wire.event(ALICE) {
            Event::SessionRequest {
                session, transaction, ..
            } if session == caller => transaction,
            other => panic!("{other:?}"),
        };
        wire.sides[ALICE]
            .agent
            .respond(wire.now, transaction, Reply::new(StatusCode::OK));
        wire.run(TRIP * 2);
        assert!(matches!(wire.event(BOB), Event::Response { outcome: Ok(_), .. }));
        assert!(wire.sent_by(BOB).ends_with(&lines), "{:?}", wire.sent_by(BOB));
    }
    assert!(matches!(wire.event(ALICE), Event::Confirmed { session, .. } if session == caller));
}

const TRIP: Duration = Duration::from_millis(15);

fn invite(wire: &mut Wire) -> SessionId {
    let mut request = OutgoingRequest::new(
        Method::Invite,
        "sip:bob@192.0.2.2",
        "<sip:alice@example.com>",
        "<sip:bob@example.com>",
    );
    request.contact = Some("<sip:alice@192.0.2.1:5060>".to_owned());
    request.body = Some(Body::sdp("v=0\r\n"));
    let side = &mut wire.sides[ALICE];
    side.agent.invite(wire.now, side.flow, request)
}

fn take_invite(wire: &mut Wire) -> SessionId {
    match wire.event(BOB) {
        Event::Invite { session, .. } => session,
        other => panic!("{other:?}"),
    }
}

fn connect(wire: &mut Wire) -> (SessionId, SessionId) {
    let caller = invite(wire);
    wire.run(TRIP);
    let callee = take_invite(wire);
    wire.sides[BOB]
        .agent
        .provisional(wire.now, callee, Reply::new(StatusCode::RINGING));
    wire.run(TRIP);
    assert!(matches!(wire.event(ALICE), Event::Progress { session, .. } if session == caller));
    let answer = Reply::new(StatusCode::OK)
        .contact("<sip:bob@192.0.2.2>")
        .body(Body::sdp("v=0\r\n"));
    wire.sides[BOB].agent.answer(wire.now, callee, answer);
    wire.run(TRIP * 2);
    let answered: Message = match wire.event(ALICE) {
        Event::Answered { session, message } if session == caller => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(answered.body(), b"v=0\r\n");
    assert!(matches!(wire.event(BOB), Event::Confirmed { session, .. } if session == callee));
    (caller, callee)
}

fn hang_up(wire: &mut Wire, side: usize, session: SessionId, headers: &[(&str, &str)]) {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    wire.sides[side].agent.hang_up(wire.now, session, headers, None);
    wire.pump();
}
