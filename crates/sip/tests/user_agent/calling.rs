//! Sessions that we call for (RFC 3261 13.2, 9.1, 15; RFC 6026).

use sip::flow::Transport;
use sip::message::{Method, StatusCode};
use sip::user_agent::{Body, CALLING_MAX, EndCause, Event, FORKS_MAX, ROUTE_SET_MAX, Reply, RequestFailure};

use crate::lone::{Lone, header, in_dialog, ms, outgoing};

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut lone = Lone::new(Transport::Udp);
    let (session, invite) = lone.call();

    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    lone.expect_nothing_sent();
    lone.answer(&invite, StatusCode::TRYING, &[]);

    let cancel = lone.sent();
    assert_eq!(cancel.method(), Some(Method::Cancel));
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(header(&cancel, name), header(&invite, name), "{name}");
    }
    assert_eq!(cancel.request_uri(), invite.request_uri());
    assert_eq!(cancel.cseq().unwrap().sequence, invite.cseq().unwrap().sequence);
    lone.expect_no_event();
}

#[test]
fn an_invite_withdrawn_before_any_response_is_not_sent_again() {
    let mut lone = Lone::new(Transport::Udp);
    let (session, _) = lone.call();
    lone.pass(ms(499));
    lone.agent.hang_up(lone.now, session, Vec::new(), None);

    lone.pass(ms(31_500));
    lone.expect_nothing_sent();
    lone.expect_no_event();
    lone.pass(ms(1));

    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::HungUp { answer: None },
            ..
        }
    ));
    assert_eq!(lone.agent.transactions() + lone.agent.sessions(), 0);
}

#[test]
fn a_2xx_to_a_withdrawn_invite_is_acknowledged_and_ended() {
    let mut lone = Lone::new(Transport::Udp);
    let (session, invite) = lone.call();
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    lone.pass(ms(31_999));

    lone.answer(&invite, StatusCode::OK, &[("Contact", "<sip:bob@192.0.2.9>")]);

    assert_eq!(lone.sent_lines(), ["ACK", "BYE"]);
}

#[test]
fn a_cancelled_call_ends_with_487() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, invite) = lone.call();
    lone.answer(&invite, StatusCode::RINGING, &[]);
    assert!(matches!(lone.event(), Event::Progress { .. }));
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    let cancel = lone.sent();
    lone.answer(&cancel, StatusCode::OK, &[]);
    lone.expect_no_event();

    lone.answer(&invite, StatusCode::REQUEST_TERMINATED, &[]);

    assert_eq!(lone.sent_lines(), ["ACK"]);
    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::HungUp { answer: Some(_) },
            ..
        }
    ));
}

#[test]
fn a_cancel_without_effect_ends_the_call_after_64_times_t1() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, invite) = lone.call();
    lone.answer(&invite, StatusCode::TRYING, &[]);
    lone.agent.hang_up(lone.now, session, Vec::new(), None);

    lone.pass(ms(31_999));
    lone.expect_no_event();
    lone.pass(ms(1));

    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::HungUp { answer: None },
            ..
        }
    ));
    assert_eq!(lone.agent.transactions() + lone.agent.sessions(), 0);
}

#[test]
fn a_2xx_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, invite) = lone.call();
    lone.answer(&invite, StatusCode::TRYING, &[]);
    let farewell = Body {
        content_type: "text/plain".to_owned(),
        bytes: b"bye".to_vec(),
    };
    lone.agent.hang_up(lone.now, session, Vec::new(), Some(farewell));
    assert_eq!(lone.sent_lines(), ["CANCEL"]);

    lone.answer(&invite, StatusCode::OK, &[("Contact", "<sip:bob@192.0.2.9>")]);

    assert_eq!(lone.sent().method(), Some(Method::Ack));
    let bye = lone.sent();
    assert_eq!((bye.method(), bye.body()), (Some(Method::Bye), b"bye".as_slice()));
    lone.expect_no_event();
    lone.answer(&bye, StatusCode::OK, &[]);
    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::HungUp { answer: Some(_) },
            ..
        }
    ));
}

#[test]
fn a_2xx_that_comes_again_gets_its_ack_again_even_after_the_end() {
    let mut lone = Lone::new(Transport::Udp);
    let (session, invite, ack) = lone.call_answered(&[("Contact", "<sip:bob@192.0.2.9>")]);
    assert_eq!(ack.request_uri(), Some("sip:bob@192.0.2.9"));
    assert_ne!(
        ack.top_via().unwrap().branch(),
        invite.top_via().unwrap().branch()
    );

    lone.answer(&invite, StatusCode::OK, &[("Contact", "<sip:bob@192.0.2.9>")]);
    assert_eq!(lone.sent(), ack);
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    let bye = lone.sent();
    lone.answer(&bye, StatusCode::OK, &[]);
    lone.answer(&invite, StatusCode::OK, &[("Contact", "<sip:bob@192.0.2.9>")]);

    assert_eq!(lone.sent(), ack);
}

#[test]
fn other_branches_of_a_fork_are_acknowledged_and_ended_up_to_the_limit() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, invite, _) = lone.call_answered(&[]);

    for branch in 0..FORKS_MAX {
        let contact = format!("<sip:bob@192.0.2.{branch}>");
        let text = lone.response(
            &invite,
            StatusCode::OK,
            &format!("fork-{branch}"),
            &[("Contact", &contact)],
        );
        lone.receive(&text);
        assert_eq!(lone.sent_lines(), ["ACK", "BYE"], "{branch}");
        lone.receive(&text);
        assert_eq!(lone.sent_lines(), ["ACK"], "{branch}");
    }
    let text = lone.response(&invite, StatusCode::OK, "one-more", &[]);
    lone.receive(&text);

    lone.expect_nothing_sent();
    lone.expect_no_event();
    assert_eq!(lone.agent.sessions(), 1);
}

#[test]
fn a_call_that_only_rings_is_cancelled_at_the_limit() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, invite) = lone.call();
    lone.answer(&invite, StatusCode::RINGING, &[]);
    lone.event();

    lone.pass(CALLING_MAX - ms(1));
    lone.expect_nothing_sent();
    lone.pass(ms(1));
    assert_eq!(lone.sent_lines(), ["CANCEL"]);
    lone.answer(&invite, StatusCode::REQUEST_TERMINATED, &[]);

    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::NotAnswered,
            ..
        }
    ));
}

#[test]
fn an_invite_without_any_answer_is_rejected_as_408() {
    let mut lone = Lone::new(Transport::Udp);
    lone.call();

    lone.pass(ms(32_000));

    assert!(matches!(
        lone.event(),
        Event::Rejected {
            status: StatusCode::REQUEST_TIMEOUT,
            message: None,
            failure: Some(RequestFailure::Timeout),
            ..
        }
    ));
    assert_eq!(lone.sent_lines(), ["INVITE"; 6]);
    assert_eq!(lone.agent.sessions(), 0);
}

#[test]
fn a_refusal_that_comes_again_gets_its_ack_again_from_the_transaction() {
    let mut lone = Lone::new(Transport::Udp);
    let (_, invite) = lone.call();
    lone.answer(&invite, StatusCode::BUSY_HERE, &[]);
    let ack = lone.sent();
    assert_eq!(
        ack.top_via().unwrap().branch(),
        invite.top_via().unwrap().branch()
    );
    assert_eq!(ack.to().unwrap().tag(), Some("peer"));
    lone.event();

    lone.answer(&invite, StatusCode::BUSY_HERE, &[]);

    assert_eq!(lone.sent(), ack);
    lone.expect_no_event();
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, invite, _) = lone.call_answered(&[]);
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    let ours = lone.sent();
    let text = format!(
        "BYE sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKx\nFrom: <sip:bob@example.com>;tag=peer\n\
         To: {}\nCall-ID: {}\nCSeq: 5 BYE\nContent-Length: 0\n\n",
        header(&invite, "From"),
        header(&invite, "Call-ID"),
    );

    lone.receive(&text);
    assert_eq!(lone.sent_status(), 200);
    lone.expect_no_event();
    lone.answer(&ours, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);

    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::HungUp { .. },
            ..
        }
    ));
    lone.expect_no_event();
}

#[test]
fn a_session_the_peer_does_not_know_is_lost() {
    for status in [
        StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
        StatusCode::REQUEST_TIMEOUT,
    ] {
        let mut lone = Lone::new(Transport::Tcp);
        let (session, ..) = lone.call_answered(&[]);
        lone.agent
            .request_in_session(lone.now, session, Method::Info, Vec::new(), None);
        let info = lone.sent();

        lone.answer(&info, status, &[]);

        assert!(matches!(lone.event(), Event::Response { outcome: Ok(_), .. }));
        assert!(matches!(
            lone.event(),
            Event::Ended {
                cause: EndCause::Lost,
                ..
            }
        ));
        assert_eq!(lone.sent_lines(), ["BYE"]);
    }
}

#[test]
fn a_session_whose_request_has_no_answer_is_lost() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, ..) = lone.call_answered(&[]);
    lone.agent
        .request_in_session(lone.now, session, Method::Info, Vec::new(), None);

    lone.pass(ms(32_000));

    assert!(matches!(
        lone.event(),
        Event::Response {
            outcome: Err(RequestFailure::Timeout),
            ..
        }
    ));
    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::Lost,
            ..
        }
    ));
}

#[test]
fn no_request_goes_into_a_session_that_is_not_answered_or_is_busy() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, invite) = lone.call();
    let not_possible = |event| {
        matches!(
            event,
            Event::Response {
                outcome: Err(RequestFailure::NotPossible),
                ..
            }
        )
    };
    lone.agent
        .request_in_session(lone.now, session, Method::Info, Vec::new(), None);
    assert!(not_possible(lone.event()));
    lone.answer(&invite, StatusCode::OK, &[]);
    lone.event();
    lone.agent
        .request_in_session(lone.now, session, Method::Invite, Vec::new(), None);
    lone.agent
        .request_in_session(lone.now, session, Method::Invite, Vec::new(), None);
    assert!(not_possible(lone.event()));
    lone.agent
        .request_in_session(lone.now, session, Method::Bye, Vec::new(), None);
    assert!(not_possible(lone.event()));

    assert_eq!(lone.sent_lines(), ["ACK", "INVITE"]);
}

#[test]
fn a_peer_that_rings_may_send_requests_but_no_bye_and_no_invite() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, invite) = lone.call();
    lone.answer(&invite, StatusCode::RINGING, &[]);
    lone.event();
    let early = |method: &str, sequence: u32| {
        in_dialog(
            method,
            sequence,
            invite.from().unwrap().tag().unwrap(),
            &format!("z9hG4bK{method}"),
        )
        .replace("tag=bob", "tag=peer")
        .replace("call-of-bob", header(&invite, "Call-ID"))
    };

    lone.receive(&early("INFO", 1));
    let Event::SessionRequest {
        session: found,
        transaction,
        ..
    } = lone.event()
    else {
        panic!("INFO goes up");
    };
    assert_eq!(found, session);
    lone.agent
        .respond(lone.now, transaction, Reply::new(StatusCode::OK));
    lone.receive(&early("INVITE", 2));
    lone.receive(&early("BYE", 3));
    lone.receive(&early("INFO", 4).replace("tag=peer", "tag=other"));

    assert_eq!(lone.sent_lines(), ["200", "491", "481", "481"]);
    lone.answer(&invite, StatusCode::OK, &[]);
    assert!(matches!(lone.event(), Event::Answered { .. }));
}

#[test]
fn early_dialogs_are_known_up_to_the_limit() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, invite) = lone.call();
    for branch in 0..=FORKS_MAX {
        let text = lone.response(&invite, StatusCode::RINGING, &format!("early-{branch}"), &[]);
        lone.receive(&text);
        lone.event();
    }
    let info = |branch: usize| {
        in_dialog(
            "INFO",
            1,
            invite.from().unwrap().tag().unwrap(),
            &format!("z9hG4bK{branch}"),
        )
        .replace("tag=bob", &format!("tag=early-{branch}"))
        .replace("call-of-bob", header(&invite, "Call-ID"))
    };

    lone.receive(&info(FORKS_MAX - 1));
    assert!(matches!(lone.event(), Event::SessionRequest { .. }));
    lone.receive(&info(FORKS_MAX));

    assert_eq!(lone.sent_status(), 481);
    lone.expect_no_event();
}

#[test]
fn a_request_for_an_early_or_foreign_dialog_is_answered_481() {
    let mut lone = Lone::new(Transport::Tcp);
    lone.call();

    for method in ["INFO", "BYE", "INVITE", "UPDATE", "OPTIONS"] {
        let mut text = in_dialog(method, 1, "unknown", &format!("z9hG4bK{method}"));
        if method == "UPDATE" {
            text = in_dialog("NOTIFY", 1, "unknown", "z9hG4bKn");
        }
        lone.receive(&text);
        let expected = if method == "UPDATE" { 405 } else { 481 };
        assert_eq!(lone.sent_status(), expected, "{method}");
    }
    lone.receive(&in_dialog("ACK", 1, "unknown", "z9hG4bKack"));

    lone.expect_nothing_sent();
    lone.expect_no_event();
    assert_eq!(lone.agent.counters().without_dialog, 5);
}

#[test]
fn an_invite_whose_connection_fails_is_rejected_as_503() {
    let mut lone = Lone::new(Transport::Tls);
    lone.call_with(outgoing(Method::Invite));

    lone.agent.handle_flow_failed(lone.now, lone.flow.connection);

    assert!(matches!(
        lone.event(),
        Event::Rejected {
            status: StatusCode::SERVICE_UNAVAILABLE,
            failure: Some(RequestFailure::FlowFailed),
            ..
        }
    ));
    assert_eq!(lone.agent.transactions() + lone.agent.sessions(), 0);
}

#[test]
fn a_2xx_with_a_path_of_32_proxies_makes_a_session_and_with_one_more_it_is_left_at_once() {
    let path = |length: usize| vec![("Record-Route", "<sip:proxy.example.com;lr>"); length];
    let mut lone = Lone::new(Transport::Udp);
    let (_, invite) = lone.call();
    lone.answer(&invite, StatusCode::OK, &path(ROUTE_SET_MAX));
    assert!(matches!(lone.event(), Event::Answered { .. }));

    for headers in [path(ROUTE_SET_MAX + 1), vec![("Record-Route", "x")]] {
        let mut lone = Lone::new(Transport::Udp);
        let (_, invite) = lone.call();
        lone.answer(&invite, StatusCode::OK, &headers);

        let (ack, bye) = (lone.sent(), lone.sent());
        assert_eq!(
            (ack.method(), bye.method()),
            (Some(Method::Ack), Some(Method::Bye))
        );
        assert_eq!(header(&bye, "Route"), "(none)");
        assert!(header(&bye, "To").ends_with(";tag=peer"));
        assert!(matches!(
            lone.event(),
            Event::Rejected {
                failure: Some(RequestFailure::BadAnswer),
                ..
            }
        ));
        lone.answer(&invite, StatusCode::OK, &headers);
        assert_eq!(lone.sent_lines(), ["ACK"]);
        lone.answer(&bye, StatusCode::OK, &[]);
        lone.pass(ms(40_000));
        lone.expect_no_event();
        assert_eq!(lone.agent.transactions() + lone.agent.sessions(), 0);
    }
}

#[test]
fn a_2xx_that_makes_no_dialog_ends_a_call_that_is_being_hung_up() {
    let mut lone = Lone::new(Transport::Udp);
    let (session, invite) = lone.call();
    lone.agent.hang_up(lone.now, session, Vec::new(), None);

    lone.answer(&invite, StatusCode::OK, &[("Record-Route", "x")]);

    assert_eq!(lone.sent().method(), Some(Method::Ack));
    let bye = lone.sent();
    lone.answer(&bye, StatusCode::OK, &[]);
    assert!(matches!(lone.event(), Event::Ended { .. }));
}
