//! Session timers (RFC 4028): what is agreed, who refreshes, and what becomes of a session that nobody refreshes.

use std::time::Duration;

use sip::flow::Transport;
use sip::message::{HeaderName, Message, Method, OwnedMethod, StatusCode};
use sip::user_agent::{
    Body, Config, EndCause, Event, Reply, SESSION_INTERVAL_MAX, SESSION_INTERVAL_MIN, SessionId,
};

use crate::lone::{Lone, header, in_dialog, outgoing, request};

const SECOND: Duration = Duration::from_secs(1);
const DESCRIPTION: &str = "v=0\r\n";

fn lone() -> Lone {
    let mut config = Config::new("lone/1");
    config.session_timers = true;
    config.methods.push(OwnedMethod::from(Method::Update));
    Lone::with_config(Transport::Tcp, config)
}

/// Answers an INVITE with these headers; returns the session and the 200.
fn answered(lone: &mut Lone, headers: &str) -> (SessionId, Message) {
    let session = lone.called(&request("INVITE", "z9hG4bKi", headers));
    let answer = Reply::new(StatusCode::OK).body(Body::sdp(DESCRIPTION));
    lone.agent.answer(lone.now, session, answer);
    let ok = lone.sent();
    let tag = tag_of(&ok);
    lone.receive(&in_dialog("ACK", 1, &tag, "z9hG4bKa"));
    assert!(matches!(lone.event(), Event::Confirmed { .. }));
    (session, ok)
}

fn tag_of(ok: &Message) -> String {
    let tag = ok.to().expect("To").tag().expect("a tag");
    tag.to_owned()
}

#[test]
fn an_interval_below_the_least_is_refused_and_the_least_is_not() {
    let supported = |seconds: u32| format!("Supported: timer\nSession-Expires: {seconds}\n");
    let mut agent = lone();
    agent.receive(&request(
        "INVITE",
        "z9hG4bK1",
        &supported(SESSION_INTERVAL_MIN - 1),
    ));
    let refused = agent.sent();
    assert_eq!(refused.status(), Some(StatusCode::SESSION_INTERVAL_TOO_SMALL));
    assert_eq!(header(&refused, "Min-SE"), "90");
    agent.expect_no_event();

    let (_, ok) = answered(&mut lone(), &supported(SESSION_INTERVAL_MIN));
    assert_eq!(header(&ok, "Session-Expires"), "90;refresher=uac");
}

#[test]
fn a_caller_that_knows_no_timer_is_not_refused_for_a_small_one_that_a_proxy_has_asked_for() {
    let (_, ok) = answered(&mut lone(), "Session-Expires: 30\n");
    assert_eq!(header(&ok, "Session-Expires"), "(none)");
}

//= https://www.rfc-editor.org/rfc/rfc4028#section-9
//# The UAS MUST set the value of the refresher parameter in the
//# Session-Expires header field in the 2xx response.
#[test]
fn the_refresher_is_whom_the_table_of_the_rfc_says() {
    for (asked, told, require) in [
        ("Session-Expires: 1800\n", "1800;refresher=uas", "(none)"),
        (
            "Session-Expires: 1800;refresher=uas\n",
            "1800;refresher=uas",
            "(none)",
        ),
        (
            "Supported: timer\nSession-Expires: 1800\n",
            "1800;refresher=uac",
            "timer",
        ),
        (
            "Supported: timer\nSession-Expires: 1800;refresher=uac\n",
            "1800;refresher=uac",
            "timer",
        ),
        (
            "Supported: timer\nSession-Expires: 1800;refresher=uas\n",
            "1800;refresher=uas",
            "timer",
        ),
        ("Supported: timer\n", "(none)", "(none)"),
        ("", "(none)", "(none)"),
    ] {
        let (_, ok) = answered(&mut lone(), asked);
        assert_eq!(
            (header(&ok, "Session-Expires"), header(&ok, "Require")),
            (told, require),
            "{asked}"
        );
        assert!(ok.has_token(HeaderName::Supported, "timer"));
    }
}

#[test]
fn a_long_interval_is_shortened_unless_the_caller_forbids_it() {
    for (asked, told) in [
        (
            format!("Session-Expires: {SESSION_INTERVAL_MAX}\n"),
            "3600;refresher=uas",
        ),
        (
            format!("Session-Expires: {}\n", SESSION_INTERVAL_MAX + 1),
            "3600;refresher=uas",
        ),
        (
            "Session-Expires: 90000\nMin-SE: 7200\n".to_owned(),
            "7200;refresher=uas",
        ),
        (
            "Session-Expires: 4294967295\nMin-SE: 4294967295\n".to_owned(),
            "4294967295;refresher=uas",
        ),
    ] {
        let (_, ok) = answered(&mut lone(), &asked);
        assert_eq!(header(&ok, "Session-Expires"), told, "{asked}");
    }
}

#[test]
fn an_agent_without_timers_promises_none() {
    let mut agent = Lone::new(Transport::Tcp);
    let (_, ok) = answered(&mut agent, "Supported: timer\nSession-Expires: 90\n");
    assert_eq!(header(&ok, "Session-Expires"), "(none)");
    agent.pass(SECOND * 7_200);
    assert_eq!(agent.agent.sessions(), 1);
}

#[test]
fn a_session_that_the_caller_does_not_refresh_ends_a_little_before_its_time() {
    for (interval, end) in [(90_u64, 60), (1_800, 1_768)] {
        let mut agent = lone();
        answered(
            &mut agent,
            &format!("Supported: timer\nSession-Expires: {interval}\n"),
        );

        agent.pass(SECOND * u32::try_from(end).unwrap() - Duration::from_millis(1));
        agent.expect_no_event();
        agent.pass(Duration::from_millis(1));

        assert!(matches!(
            agent.event(),
            Event::Ended {
                cause: EndCause::Lost,
                ..
            }
        ));
        assert_eq!(agent.sent().method(), Some(Method::Bye));
        assert_eq!(agent.agent.counters().expired, 1);
    }
}

#[test]
fn a_refresh_by_update_or_by_re_invite_lets_the_session_stand_on() {
    for method in ["UPDATE", "INVITE"] {
        let mut agent = lone();
        let (_, ok) = answered(&mut agent, "Supported: timer\nSession-Expires: 90\n");
        let tag = tag_of(&ok);
        for round in 0..20 {
            agent.pass(SECOND * 45);
            let refresh = in_dialog(method, 2 + round, &tag, &format!("z9hG4bKr{round}")).replace(
                "Content-Length",
                "Contact: <sip:bob@192.0.2.2:5062>\nSupported: timer\nSession-Expires: 90;refresher=uac\nContent-Length",
            );
            agent.receive(&refresh);
            let Event::SessionRequest { transaction, .. } = agent.event() else {
                panic!("a refresh is the owner's to answer");
            };
            let answer = Reply::new(StatusCode::OK).body(Body::sdp(DESCRIPTION));
            agent.agent.respond(agent.now, transaction, answer);
            let ok = agent.sent();
            assert_eq!(header(&ok, "Session-Expires"), "90;refresher=uac");
            if method == "INVITE" {
                agent.receive(&in_dialog("ACK", 2 + round, &tag, "z9hG4bKk"));
                assert!(matches!(agent.event(), Event::Confirmed { .. }));
            }
        }
        agent.expect_no_event();
        agent.pass(SECOND * 60);
        assert!(
            matches!(
                agent.event(),
                Event::Ended {
                    cause: EndCause::Lost,
                    ..
                }
            ),
            "{method}"
        );
    }
}

#[test]
fn a_refresh_with_too_small_an_interval_is_refused_and_changes_nothing() {
    let mut agent = lone();
    let (_, ok) = answered(&mut agent, "Supported: timer\nSession-Expires: 90\n");
    agent.pass(SECOND * 45);
    let refresh = in_dialog("UPDATE", 2, &tag_of(&ok), "z9hG4bKr").replace(
        "Content-Length",
        "Supported: timer\nSession-Expires: 89\nContent-Length",
    );

    agent.receive(&refresh);

    assert_eq!(agent.sent_status(), 422);
    agent.expect_no_event();
    agent.pass(SECOND * 15);
    assert!(matches!(
        agent.event(),
        Event::Ended {
            cause: EndCause::Lost,
            ..
        }
    ));
}

#[test]
fn who_has_to_refresh_does_so_at_half_time_by_update_where_the_peer_takes_it() {
    let mut agent = lone();
    answered(
        &mut agent,
        "Allow: INVITE, UPDATE\nSupported: timer\nSession-Expires: 600;refresher=uas\n",
    );
    for _round in 0..20 {
        agent.pass(SECOND * 300 - Duration::from_millis(1));
        agent.expect_nothing_sent();
        agent.pass(Duration::from_millis(1));
        let refresh = agent.sent();
        assert_eq!(
            (refresh.method(), refresh.body()),
            (Some(Method::Update), &[][..])
        );
        assert_eq!(header(&refresh, "Session-Expires"), "600;refresher=uac");
        assert!(refresh.has_token(HeaderName::Supported, "timer"));
        agent.answer(
            &refresh,
            StatusCode::OK,
            &[
                ("Session-Expires", "600;refresher=uac"),
                ("Contact", "<sip:bob@192.0.2.2:5062>"),
            ],
        );
    }
    agent.expect_no_event();
    assert_eq!(agent.agent.sessions(), 1);
}

#[test]
fn a_peer_without_update_is_refreshed_by_the_description_that_stands() {
    let mut agent = lone();
    answered(&mut agent, "Allow: INVITE\nSession-Expires: 600\n");
    agent.pass(SECOND * 300);

    let refresh = agent.sent();
    assert_eq!(refresh.method(), Some(Method::Invite));
    assert_eq!(refresh.body(), DESCRIPTION.as_bytes());
    // The proxy that asked is satisfied, and a peer that knows no timer says nothing of it.
    agent.answer(
        &refresh,
        StatusCode::OK,
        &[("Contact", "<sip:bob@192.0.2.2:5062>")],
    );
    assert_eq!(agent.sent().method(), Some(Method::Ack));
    agent.expect_no_event();
    agent.pass(SECOND * 300);
    assert_eq!(agent.sent().method(), Some(Method::Invite));
}

/// A session whose refreshes are the agent's, by re-INVITE; gives the first of them.
fn refreshed_by_re_invite(transport: Transport) -> (Lone, Message) {
    let mut config = Config::new("lone/1");
    config.session_timers = true;
    config.methods.push(OwnedMethod::from(Method::Update));
    let mut agent = Lone::with_config(transport, config);
    answered(&mut agent, "Allow: INVITE\nSession-Expires: 600\n");
    agent.pass(SECOND * 300);
    let refresh = agent.sent();
    assert_eq!(refresh.method(), Some(Method::Invite));
    (agent, refresh)
}

/// A 200 of the peer to `refresh` with this description.
fn described(agent: &Lone, refresh: &Message, description: &str) -> String {
    let contact = [("Contact", "<sip:moved@192.0.2.3:5062>")];
    let response = agent.response(refresh, StatusCode::OK, "peer", &contact);
    let length = description.len();
    let response = response.replace(
        "Content-Length: 0\r\n",
        &format!("Content-Type: application/sdp\r\nContent-Length: {length}\r\n"),
    );
    format!("{response}{description}")
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-13.2.2.4
//# The UAC core MUST generate an ACK request for each 2xx received from
//# the transaction layer.
#[test]
fn the_description_that_answers_a_refresh_is_told_once_and_acknowledged_each_time() {
    let (mut agent, refresh) = refreshed_by_re_invite(Transport::Udp);
    let ok = described(&agent, &refresh, "v=0\r\nm=other\r\n");

    agent.receive(&ok);

    let ack = agent.sent_octets();
    assert!(ack.starts_with(b"ACK sip:moved@192.0.2.3:5062 "));
    match agent.event() {
        Event::Refreshed { message, .. } => assert_eq!(message.body(), b"v=0\r\nm=other\r\n"),
        other => panic!("{other:?}"),
    }
    // The ACK was lost: the peer repeats its 200, and has the ACK again.
    for _copy in 0..3 {
        agent.pass(SECOND);
        agent.receive(&ok);
        assert_eq!(agent.sent_octets(), ack);
        agent.expect_no_event();
    }
}

#[test]
fn a_refresh_that_is_answered_after_the_peer_has_ended_the_timer_is_told_all_the_same() {
    let (mut agent, refresh) = refreshed_by_re_invite(Transport::Tcp);
    let tag = refresh.from().unwrap().tag().unwrap().to_owned();
    agent.receive(&in_dialog("UPDATE", 2, &tag, "z9hG4bKu"));
    let Event::SessionRequest { transaction, .. } = agent.event() else {
        panic!("an UPDATE without an offer is the owner's to answer");
    };
    agent
        .agent
        .respond(agent.now, transaction, Reply::new(StatusCode::OK));
    assert_eq!(agent.sent_status(), 200);

    let ok = described(&agent, &refresh, "v=0\r\nm=other\r\n");
    agent.receive(&ok);

    assert!(matches!(agent.event(), Event::Refreshed { .. }));
}

#[test]
fn a_refresh_whose_200_never_arrives_ends_the_session_instead_of_leaving_it_silent() {
    let (mut agent, _) = refreshed_by_re_invite(Transport::Udp);

    agent.pass(SECOND * 32);

    assert!(matches!(
        agent.event(),
        Event::Ended {
            cause: EndCause::Lost,
            ..
        }
    ));
    let lines = agent.sent_lines();
    assert_eq!(lines.last().map(String::as_str), Some("BYE"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "INVITE").count(), 6);
}

#[test]
fn an_offer_that_crosses_a_refresh_waits_for_its_turn() {
    let (mut agent, refresh) = refreshed_by_re_invite(Transport::Tcp);
    let tag = refresh.from().unwrap().tag().unwrap().to_owned();
    let update = update_with_offer(2, &tag);

    agent.receive(&update);

    assert_eq!(agent.sent_status(), 491);
    agent.expect_no_event();
}

#[test]
fn an_offer_that_crosses_the_one_in_our_2xx_waits_until_that_is_acknowledged() {
    let mut config = Config::new("lone/1");
    config.methods.push(OwnedMethod::from(Method::Update));
    let mut agent = Lone::with_config(Transport::Tcp, config);
    let (_, tag) = agent.called_confirmed();
    agent.receive(&in_dialog("INVITE", 2, &tag, "z9hG4bKr"));
    let Event::SessionRequest { transaction, .. } = agent.event() else {
        panic!("a re-INVITE is the owner's to answer");
    };
    let offer = Reply::new(StatusCode::OK).body(Body::sdp("v=0\r\n"));
    agent.agent.respond(agent.now, transaction, offer);
    assert_eq!(agent.sent_status(), 200);

    agent.receive(&update_with_offer(3, &tag));
    assert_eq!(agent.sent_status(), 491);
    agent.expect_no_event();

    agent.receive(&in_dialog("ACK", 2, &tag, "z9hG4bKack"));
    assert!(matches!(agent.event(), Event::Confirmed { .. }));
    agent.receive(&update_with_offer(4, &tag));
    assert!(matches!(agent.event(), Event::SessionRequest { .. }));
}

fn update_with_offer(sequence: u32, our_tag: &str) -> String {
    in_dialog("UPDATE", sequence, our_tag, &format!("z9hG4bKu{sequence}")).replace(
        "Content-Length: 0\n\n",
        "Contact: <sip:bob@192.0.2.2:5062>\nContent-Type: application/sdp\nContent-Length: 5\n\nv=0\r\n",
    )
}

#[test]
fn a_refresh_that_is_too_large_for_a_datagram_is_sent_all_the_same() {
    let mut config = Config::new("lone/1");
    config.session_timers = true;
    let mut agent = Lone::with_config(Transport::Udp, config);
    let session = agent.called(&request("INVITE", "z9hG4bKi", "Session-Expires: 600\n"));
    let long = "a=x\r\n".repeat(300);
    let answer = Reply::new(StatusCode::OK).body(Body::sdp(format!("v=0\r\n{long}")));
    agent.agent.answer(agent.now, session, answer);
    let tag = tag_of(&agent.sent());
    agent.receive(&in_dialog("ACK", 1, &tag, "z9hG4bKa"));

    agent.pass(SECOND * 300);

    assert_eq!(agent.sent().method(), Some(Method::Invite));
}

#[test]
fn a_refused_refresh_is_tried_again_as_the_refusal_asks_and_without_haste() {
    let mut agent = lone();
    answered(
        &mut agent,
        "Allow: UPDATE\nSupported: timer\nSession-Expires: 600;refresher=uas\n",
    );
    agent.pass(SECOND * 300);
    let refresh = agent.sent();
    agent.answer(
        &refresh,
        StatusCode::SESSION_INTERVAL_TOO_SMALL,
        &[("Min-SE", "1200")],
    );
    agent.expect_nothing_sent();

    agent.pass(SECOND * 10);
    let again = agent.sent();
    assert_eq!(
        (header(&again, "Session-Expires"), header(&again, "Min-SE")),
        ("1200;refresher=uac", "1200")
    );
    for _refusal in 0..26 {
        agent.pass(SECOND * 10);
        let lines = agent.sent_lines();
        assert!(lines.len() <= 11, "{lines:?}");
    }

    assert!(
        matches!(
            agent.event(),
            Event::Ended {
                cause: EndCause::Lost,
                ..
            }
        ),
        "it has not been refreshed"
    );
}

#[test]
fn a_refresh_that_the_peer_knows_no_session_for_ends_it() {
    let mut agent = lone();
    answered(
        &mut agent,
        "Allow: UPDATE\nSupported: timer\nSession-Expires: 600;refresher=uas\n",
    );
    agent.pass(SECOND * 300);
    let refresh = agent.sent();

    agent.answer(&refresh, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);

    assert!(matches!(
        agent.event(),
        Event::Ended {
            cause: EndCause::Lost,
            ..
        }
    ));
}

#[test]
fn a_caller_refreshes_where_its_peer_says_so_and_never_more_often_than_every_45_seconds() {
    for (granted, half) in [("600;refresher=uac", 300), ("1;refresher=uac", 45)] {
        let mut agent = lone();
        let (_, invite) = agent.call_with(outgoing(Method::Invite));
        assert!(invite.has_token(HeaderName::Supported, "timer"));
        assert_eq!(header(&invite, "Session-Expires"), "(none)");
        let headers = [
            ("Session-Expires", granted),
            ("Require", "timer"),
            ("Allow", "UPDATE"),
            ("Contact", "<sip:bob@192.0.2.2:5062>"),
        ];
        agent.answer(&invite, StatusCode::OK, &headers);
        assert_eq!(agent.sent().method(), Some(Method::Ack));
        agent.pass(SECOND * half - Duration::from_millis(1));
        agent.expect_nothing_sent();
        agent.pass(Duration::from_millis(1));
        assert_eq!(agent.sent().method(), Some(Method::Update), "{granted}");
    }
}

#[test]
fn a_session_that_has_ended_has_no_timer_left() {
    let mut agent = lone();
    let (session, _) = answered(
        &mut agent,
        "Allow: UPDATE\nSupported: timer\nSession-Expires: 90;refresher=uas\n",
    );
    agent.agent.hang_up(agent.now, session, Vec::new(), None);
    let bye = agent.sent();
    agent.answer(&bye, StatusCode::OK, &[]);
    assert!(matches!(agent.event(), Event::Ended { .. }));

    agent.pass(SECOND * 600);

    agent.expect_nothing_sent();
    agent.expect_no_event();
    assert_eq!(agent.agent.next_timeout(), None);
}
