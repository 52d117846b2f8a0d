//! Sessions that the peer calls for (RFC 3261 13.3, RFC 6026).

use sip::flow::Transport;
use sip::message::{Method, StatusCode};
use sip::user_agent::{
    BYE_ANSWER_MAX, Body, EndCause, Event, PROVISIONAL_REFRESH, RINGING_MAX, Reply, SESSION_REQUESTS_MAX,
};

use crate::lone::{Lone, header, in_dialog, invite, ms, request};

#[test]
fn a_slow_owner_is_covered_by_a_100_after_200_ms() {
    let mut lone = Lone::new(Transport::Udp);
    lone.called(&invite("z9hG4bKi"));

    lone.pass(ms(199));
    lone.expect_nothing_sent();
    lone.pass(ms(1));

    let trying = lone.sent();
    assert_eq!(trying.status(), Some(StatusCode::TRYING));
    assert_eq!(trying.to().unwrap().tag(), None);
}

#[test]
fn requests_of_ours_go_where_the_caller_hears_responses() {
    for (rport, port) in [("", 5062), (";rport", 49_152)] {
        let mut lone = Lone::new(Transport::Udp);
        lone.flow.remote.set_port(49_152);
        let session = lone.called(&invite("z9hG4bKi").replace(";rport", rport));
        lone.agent.answer(lone.now, session, Reply::new(StatusCode::OK));
        let (flow, ok) = lone.sent_to();
        assert_eq!(flow.remote.port(), port);
        let tag = ok.to().unwrap().tag().unwrap().to_owned();
        lone.receive(&in_dialog("ACK", 1, &tag, "z9hG4bKa"));

        lone.agent.hang_up(lone.now, session, Vec::new(), None);

        let (flow, bye) = lone.sent_to();
        assert_eq!((bye.method(), flow.remote.port()), (Some(Method::Bye), port));
    }
}

#[test]
fn a_quick_owner_needs_no_100() {
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent
        .provisional(lone.now, session, Reply::new(StatusCode::RINGING));

    lone.pass(ms(400));

    assert_eq!(lone.sent_lines(), ["180"]);
}

#[test]
fn an_invite_that_comes_again_is_answered_with_the_last_response_and_not_passed_up() {
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent
        .provisional(lone.now, session, Reply::new(StatusCode::RINGING));
    let ringing = lone.sent();

    lone.receive(&invite("z9hG4bKi"));

    assert_eq!(lone.sent(), ringing);
    lone.expect_no_event();
    assert_eq!(lone.agent.counters().retransmissions, 1);
}

#[test]
fn a_2xx_is_sent_until_its_ack_also_on_a_stream() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut lone = Lone::new(transport);
        let session = lone.called(&invite("z9hG4bKi"));
        lone.agent.answer(lone.now, session, Reply::new(StatusCode::OK));
        let mut gaps = Vec::new();
        let ok = lone.sent();
        for _ in 0..6 {
            let mut gap = 0;
            while lone.sent_lines().is_empty() {
                lone.pass(ms(100));
                gap += 100;
            }
            gaps.push(gap);
        }
        assert_eq!(gaps, [500, 1000, 2000, 4000, 4000, 4000], "{transport}");

        lone.receive(&in_dialog("ACK", 1, ok.to().unwrap().tag().unwrap(), "z9hG4bKa"));

        assert!(matches!(lone.event(), Event::Confirmed { .. }));
        lone.pass(ms(60_000));
        lone.expect_nothing_sent();
    }
}

#[test]
fn an_ack_with_another_number_confirms_nothing() {
    let mut lone = Lone::new(Transport::Tcp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent.answer(lone.now, session, Reply::new(StatusCode::OK));
    let tag = lone.sent().to().unwrap().tag().unwrap().to_owned();

    lone.receive(&in_dialog("ACK", 2, &tag, "z9hG4bKa"));

    lone.expect_no_event();
    lone.pass(ms(500));
    assert_eq!(lone.sent_lines(), ["200"]);
}

#[test]
fn a_request_with_the_right_call_and_the_wrong_peer_is_answered_481() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, tag) = lone.called_confirmed();

    lone.receive(&in_dialog("BYE", 2, &tag, "z9hG4bKb").replace("tag=bob", "tag=eve"));

    assert_eq!(lone.sent_status(), 481);
    lone.expect_no_event();
}

#[test]
fn a_2xx_without_ack_ends_with_bye_after_64_times_t1() {
    let mut lone = Lone::new(Transport::Tcp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent.answer(lone.now, session, Reply::new(StatusCode::OK));

    lone.pass(ms(31_999));
    lone.expect_no_event();
    lone.pass(ms(1));

    assert!(
        matches!(lone.event(), Event::Ended { session: ended, cause: EndCause::AckTimeout } if ended == session)
    );
    assert_eq!(lone.sent_lines().last().map(String::as_str), Some("BYE"));
    assert_eq!(lone.agent.sessions(), 0);
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut lone = Lone::new(Transport::Tcp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent.answer(lone.now, session, Reply::new(StatusCode::OK));
    let tag = lone.sent().to().unwrap().tag().unwrap().to_owned();

    lone.agent.hang_up(
        lone.now,
        session,
        vec![("Reason".to_owned(), "SIP;cause=486".to_owned())],
        None,
    );
    lone.expect_nothing_sent();
    lone.receive(&in_dialog("ACK", 1, &tag, "z9hG4bKa"));

    let bye = lone.sent();
    assert_eq!(bye.method(), Some(Method::Bye));
    assert_eq!(header(&bye, "Reason"), "SIP;cause=486");
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
fn hanging_up_while_ringing_answers_480() {
    let mut lone = Lone::new(Transport::Tcp);
    let session = lone.called(&invite("z9hG4bKi"));

    lone.agent.hang_up(lone.now, session, Vec::new(), None);

    assert_eq!(lone.sent_status(), 480);
    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::HungUp { answer: None },
            ..
        }
    ));
}

#[test]
fn an_invite_nobody_answers_is_refused_at_the_limit() {
    let mut lone = Lone::new(Transport::Tcp);
    lone.called(&invite("z9hG4bKi"));
    lone.pass(RINGING_MAX - ms(1));
    lone.expect_no_event();
    lone.sent_lines();

    lone.pass(ms(1));

    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::NotAnswered,
            ..
        }
    ));
    assert_eq!(lone.sent_status(), 480);
}

#[test]
fn ringing_is_repeated_every_minute() {
    let mut lone = Lone::new(Transport::Tcp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent
        .provisional(lone.now, session, Reply::new(StatusCode::RINGING));

    lone.pass(PROVISIONAL_REFRESH * 2);

    assert_eq!(lone.sent_lines(), ["180", "180", "180"]);
}

#[test]
fn a_bye_waits_for_its_owner_up_to_the_limit() {
    let mut lone = Lone::new(Transport::Udp);
    let (_, tag) = lone.called_confirmed();
    lone.receive(&in_dialog("BYE", 2, &tag, "z9hG4bKb"));
    let Event::Ended {
        cause: EndCause::Bye { transaction, .. },
        ..
    } = lone.event()
    else {
        panic!("the session ends");
    };
    lone.pass(BYE_ANSWER_MAX - ms(1));
    lone.expect_nothing_sent();
    lone.pass(ms(1));
    assert_eq!(lone.sent_status(), 200);

    lone.agent
        .respond(lone.now, transaction, Reply::new(StatusCode::OK));

    lone.expect_nothing_sent();
    assert_eq!(lone.agent.counters().late_replies, 1);
}

#[test]
fn a_bye_of_a_caller_that_does_not_wait_for_the_answer_ends_the_invite() {
    let mut lone = Lone::new(Transport::Tcp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent
        .provisional(lone.now, session, Reply::new(StatusCode::RINGING));
    let tag = lone.sent().to().unwrap().tag().unwrap().to_owned();

    lone.receive(&in_dialog("BYE", 2, &tag, "z9hG4bKb"));

    assert_eq!(lone.sent_status(), 487);
    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::Bye { .. },
            ..
        }
    ));
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.agent.answer(lone.now, session, Reply::new(StatusCode::OK));
    lone.sent_lines();

    lone.receive(&request("CANCEL", "z9hG4bKi", ""));

    assert_eq!(lone.sent_lines(), ["200"]);
    lone.expect_no_event();
    assert_eq!(lone.agent.sessions(), 1);
}

#[test]
fn an_answer_that_crosses_a_cancel_is_counted_and_not_sent() {
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&invite("z9hG4bKi"));
    lone.receive(&request("CANCEL", "z9hG4bKi", "Reason: SIP;cause=200\n"));
    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::Cancelled { .. },
            ..
        }
    ));
    assert_eq!(lone.sent_lines(), ["200", "487"]);

    lone.agent.answer(
        lone.now,
        session,
        Reply::new(StatusCode::OK).body(Body::sdp("v=0\r\n")),
    );

    lone.expect_nothing_sent();
    assert_eq!(lone.agent.counters().late_replies, 1);
}

#[test]
fn an_owner_who_never_answers_a_re_invite_is_covered_at_the_limit() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, tag) = lone.called_confirmed();
    lone.receive(&in_dialog("INVITE", 2, &tag, "z9hG4bKr"));
    assert!(matches!(lone.event(), Event::SessionRequest { .. }));

    lone.pass(RINGING_MAX);

    assert_eq!(lone.sent_lines(), ["100", "480"]);
}

#[test]
fn requests_that_a_session_owes_an_answer_are_ended_with_it() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, tag) = lone.called_confirmed();
    lone.receive(&in_dialog("INFO", 2, &tag, "z9hG4bK2"));
    lone.receive(&in_dialog("INVITE", 3, &tag, "z9hG4bK3"));
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    let bye = lone.sent();

    lone.answer(&bye, StatusCode::OK, &[]);

    assert_eq!(lone.sent_lines(), ["487", "487"]);
    assert_eq!(lone.agent.sessions(), 0);
}

#[test]
fn a_session_lets_a_bounded_number_of_requests_wait() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, tag) = lone.called_confirmed();
    for number in 0..SESSION_REQUESTS_MAX {
        lone.receive(&in_dialog("INFO", 2, &tag, &format!("z9hG4bK-{number}")));
    }
    lone.expect_nothing_sent();

    lone.receive(&in_dialog("INFO", 2, &tag, "z9hG4bK-more"));

    assert_eq!(lone.sent_status(), 503);
}

#[test]
fn a_request_the_owner_forgets_makes_room_again() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, tag) = lone.called_confirmed();
    for number in 0..SESSION_REQUESTS_MAX {
        lone.receive(&in_dialog("INFO", 2, &tag, &format!("z9hG4bK-{number}")));
        lone.event();
    }
    lone.pass(ms(32_000));

    lone.receive(&in_dialog("INFO", 2, &tag, "z9hG4bK-more"));

    assert!(matches!(lone.event(), Event::SessionRequest { .. }));
}

#[test]
fn a_request_out_of_order_is_refused() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, tag) = lone.called_confirmed();
    lone.receive(&in_dialog("INFO", 9, &tag, "z9hG4bK9"));
    assert!(matches!(lone.event(), Event::SessionRequest { .. }));

    lone.receive(&in_dialog("INFO", 8, &tag, "z9hG4bK8"));

    assert_eq!(lone.sent_status(), 500);
    lone.expect_no_event();
}

#[test]
fn glare_is_refused_from_both_sides() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, tag) = lone.called_confirmed();
    lone.agent
        .request_in_session(lone.now, session, Method::Invite, Vec::new(), None);
    let ours = lone.sent();

    lone.receive(&in_dialog("INVITE", 2, &tag, "z9hG4bK2"));
    assert_eq!(lone.sent_status(), 491);
    lone.receive(&in_dialog("ACK", 2, &tag, "z9hG4bK2"));
    lone.answer(&ours, StatusCode::REQUEST_PENDING, &[]);
    assert_eq!(lone.sent().method(), Some(Method::Ack));
    lone.receive(&in_dialog("INVITE", 3, &tag, "z9hG4bK3"));
    lone.receive(&in_dialog("INVITE", 4, &tag, "z9hG4bK4"));

    let refusal = lone.sent();
    assert_eq!(refusal.status(), Some(StatusCode::SERVER_INTERNAL_ERROR));
    assert!(header(&refusal, "Retry-After").parse::<u32>().unwrap() <= 10);
}

#[test]
fn a_peer_after_rfc_2543_gets_its_retransmissions_and_its_ack_matched() {
    let old = |method: &str, to_tag: &str| {
        format!(
            "{method} sip:alice@192.0.2.1 SIP/2.0\n\
             Via: SIP/2.0/UDP 192.0.2.2:5062\n\
             From: <sip:bob@example.com>\n\
             To: <sip:alice@example.com>{to_tag}\n\
             Call-ID: old\n\
             CSeq: 1 {method}\n\n"
        )
    };
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&old("INVITE", ""));
    lone.agent
        .reject(lone.now, session, Reply::new(StatusCode::BUSY_HERE));
    let busy = lone.sent();

    lone.receive(&old("INVITE", ""));
    assert_eq!(lone.sent(), busy);
    lone.receive(&old(
        "ACK",
        &format!(";tag={}", busy.to().unwrap().tag().unwrap()),
    ));
    lone.pass(ms(40_000));

    lone.expect_nothing_sent();
    assert_eq!(lone.agent.transactions(), 0);
}
