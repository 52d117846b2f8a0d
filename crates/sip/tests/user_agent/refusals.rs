//! What the agent answers by itself (RFC 3261 8.2), and what it drops.

use sip::flow::Transport;
use sip::message::{HEADERS_MAX, MESSAGE_BYTES_MAX, Method, OwnedMethod, StatusCode};
use sip::user_agent::{Config, Counters, EndCause, Event, Reply};

use crate::lone::{Lone, header, in_dialog, invite, ms, outgoing, request};

#[test]
fn methods_are_refused_by_405_if_known_and_by_501_if_not_both_with_allow() {
    for (method, status) in [
        ("SUBSCRIBE", 405),
        ("REGISTER", 405),
        ("FROBNICATE", 501),
        ("invite", 501),
    ] {
        let mut lone = Lone::new(Transport::Tcp);

        lone.receive(&request(method, "z9hG4bK1", ""));

        let refusal = lone.sent();
        assert_eq!(refusal.status().unwrap().code(), status, "{method}");
        assert_eq!(
            header(&refusal, "Allow"),
            "INVITE, OPTIONS, INFO, ACK, BYE, CANCEL"
        );
        lone.expect_no_event();
    }
}

#[test]
fn a_configured_method_and_a_supported_option_pass() {
    let mut config = Config::new("lone/1");
    config.methods.push(OwnedMethod::from(Method::Message));
    config.supported.push("path".to_owned());
    let mut lone = Lone::with_config(Transport::Tcp, config);

    lone.receive(&request("MESSAGE", "z9hG4bK1", "Require: PATH\n"));

    assert!(matches!(lone.event(), Event::Request { .. }));
}

#[test]
fn an_option_that_is_not_supported_is_refused_by_name() {
    let mut lone = Lone::new(Transport::Tcp);

    lone.receive(&request(
        "INVITE",
        "z9hG4bK1",
        "Require: 100rel\nRequire: nothing\n",
    ));

    let refusal = lone.sent();
    assert_eq!(
        (refusal.status().unwrap().code(), header(&refusal, "Unsupported")),
        (420, "100rel, nothing")
    );
}

#[test]
fn a_body_that_is_no_sdp_is_refused_unless_it_is_optional() {
    let body = |disposition: &str| {
        invite("z9hG4bK1").replace(
            "Content-Length: 0\n\n",
            &format!("Content-Type: text/plain\n{disposition}Content-Length: 2\n\nhi"),
        )
    };
    let mut lone = Lone::new(Transport::Tcp);
    lone.receive(&body(""));
    let refusal = lone.sent();
    assert_eq!(
        (refusal.status().unwrap().code(), header(&refusal, "Accept")),
        (415, "application/sdp")
    );

    let mut lone = Lone::new(Transport::Tcp);
    lone.receive(&body("Content-Disposition: session; handling=optional\n"));
    assert!(matches!(lone.event(), Event::Invite { .. }));
}

#[test]
fn an_accept_without_room_for_sdp_is_refused() {
    for (accept, status) in [
        ("text/plain", Some(406)),
        ("text/plain, application/sdp;level=1", None),
        ("application/*", None),
        ("*/*;q=0.1", None),
    ] {
        let mut lone = Lone::new(Transport::Tcp);
        lone.receive(&request("INVITE", "z9hG4bK1", &format!("Accept: {accept}\n")));
        match status {
            Some(status) => assert_eq!(lone.sent_status(), status, "{accept}"),
            None => assert!(matches!(lone.event(), Event::Invite { .. }), "{accept}"),
        }
    }
}

#[test]
fn sips_is_refused_off_tls_and_with_a_contact_that_is_not_sips() {
    let sips = invite("z9hG4bK1").replace("INVITE sip:", "INVITE sips:");
    for (transport, text, status, warning) in [
        (Transport::Udp, sips.clone(), 480, "380 oyez \"SIPS Not Allowed\""),
        (Transport::Tls, sips, 400, "(none)"),
    ] {
        let mut lone = Lone::new(transport);

        lone.receive(&text);

        let refusal = lone.sent();
        assert_eq!(
            (refusal.status().unwrap().code(), header(&refusal, "Warning")),
            (status, warning)
        );
    }
}

#[test]
fn a_request_that_arrives_by_two_paths_is_merged() {
    let mut lone = Lone::new(Transport::Udp);
    lone.called(&invite("z9hG4bKone"));

    lone.receive(&invite("z9hG4bKtwo"));

    assert_eq!(lone.sent_status(), 482);
    lone.expect_no_event();
}

#[test]
fn requests_of_two_senders_with_one_call_id_are_not_merged() {
    let mut lone = Lone::new(Transport::Udp);
    lone.called(&invite("z9hG4bKone"));

    lone.called(&invite("z9hG4bKtwo").replace("tag=bob", "tag=eve"));

    lone.expect_nothing_sent();
}

#[test]
fn one_branch_of_two_senders_is_two_requests() {
    let mut lone = Lone::new(Transport::Udp);
    lone.called(&invite("z9hG4bKone"));

    lone.called(
        &invite("z9hG4bKone")
            .replace("192.0.2.2:5062;branch", "192.0.2.3:5062;branch")
            .replace("call-of-bob", "other"),
    );

    assert_eq!(lone.agent.counters().retransmissions, 0);
}

#[test]
fn the_next_attempt_of_a_challenged_request_is_not_merged() {
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&invite("z9hG4bKone"));
    lone.agent.reject(
        lone.now,
        session,
        Reply::new(StatusCode::UNAUTHORIZED).without_state(),
    );
    lone.sent_lines();

    lone.called(&invite("z9hG4bKtwo").replace("CSeq: 1", "CSeq: 2"));

    lone.expect_nothing_sent();
}

#[test]
fn a_cancel_for_nothing_is_answered_481() {
    let mut lone = Lone::new(Transport::Udp);

    lone.receive(&request("CANCEL", "z9hG4bK1", "Require: anything\n"));

    assert_eq!(lone.sent_status(), 481);
}

#[test]
fn what_is_refused_outside_a_session_and_what_changes_nothing_leaves_no_state() {
    for (text, status) in [
        (request("SUBSCRIBE", "z9hG4bK1", ""), 405),
        (request("BYE", "z9hG4bK2", ""), 481),
        (in_dialog("INFO", 2, "unknown", "z9hG4bK3"), 481),
        (in_dialog("INVITE", 2, "unknown", "z9hG4bK4"), 481),
        (request("INVITE", "z9hG4bK5", "Require: nothing\n"), 420),
        (request("OPTIONS", "z9hG4bK6", ""), 200),
    ] {
        let mut lone = Lone::new(Transport::Udp);

        for _ in 0..2 {
            lone.receive(&text);
            if status == 200 {
                let Event::Request { transaction, .. } = lone.event() else {
                    panic!("OPTIONS goes up");
                };
                lone.agent
                    .respond(lone.now, transaction, Reply::new(StatusCode::OK));
            }
            assert_eq!(lone.sent_status(), status, "{text}");
        }

        assert_eq!(lone.agent.transactions(), 0, "{text}");
    }
}

#[test]
fn what_is_refused_inside_a_session_is_remembered() {
    let mut lone = Lone::new(Transport::Udp);
    let (_, tag) = lone.called_confirmed();
    let before = lone.agent.transactions();

    lone.receive(&in_dialog("INFO", 0, &tag, "z9hG4bK1"));

    assert_eq!(lone.sent_status(), 500);
    assert_eq!(lone.agent.transactions(), before + 1);
}

#[test]
fn an_ack_is_never_answered() {
    let mut lone = Lone::new(Transport::Udp);

    lone.receive(&request("ACK", "z9hG4bK1", "Require: anything\n"));
    lone.receive(&request("ACK", "z9hG4bK2", "").replace("From: <sip:bob@example.com>;tag=bob\n", ""));
    lone.receive("ACK sip:a SIP/2.0\n\n");

    lone.expect_nothing_sent();
    lone.expect_no_event();
    assert_eq!(lone.agent.transactions(), 0);
}

#[test]
fn malformed_requests_are_answered_without_state_and_with_one_tag() {
    let mut lone = Lone::new(Transport::Udp);
    let text = invite("z9hG4bK1").replace(
        "To: <sip:alice@example.com>",
        "To: \"alice <sip:alice@example.com>",
    );

    lone.receive(&text);
    let first = lone.sent();
    lone.receive(&text);

    assert_eq!(first.status(), Some(StatusCode::BAD_REQUEST));
    assert_eq!(lone.sent(), first);
    assert_eq!(lone.agent.transactions(), 0);
    assert_eq!(lone.agent.counters().malformed_answered, 2);
}

#[test]
fn responses_that_belong_to_nothing_or_are_malformed_are_dropped_and_counted() {
    let mut lone = Lone::new(Transport::Udp);
    lone.agent.request(lone.now, lone.flow, outgoing(Method::Options));
    let options = lone.sent();
    let sound = lone.response(&options, StatusCode::OK, "peer", &[]);

    lone.receive(&sound.replace("branch=z9hG4bK", "branch=z9hG4bKx"));
    assert_eq!(lone.agent.counters().responses_stray, 1);
    lone.receive(&sound.replace("Via:", "Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKv\nVia:"));
    lone.receive(&sound.replace("CSeq:", "X:"));
    assert_eq!(lone.agent.counters().responses_malformed, 2);
    lone.expect_no_event();

    lone.receive(&sound);
    assert!(matches!(lone.event(), Event::Response { .. }));
    lone.receive(&sound);
    lone.expect_no_event();
}

#[test]
fn a_provisional_answer_to_anything_but_invite_is_not_sent() {
    let mut lone = Lone::new(Transport::Udp);
    lone.receive(&request("OPTIONS", "z9hG4bK1", ""));
    let Event::Request { transaction, .. } = lone.event() else {
        panic!("OPTIONS goes up");
    };

    lone.agent
        .respond(lone.now, transaction, Reply::new(StatusCode::SESSION_PROGRESS));
    lone.expect_nothing_sent();
    lone.receive(&request("OPTIONS", "z9hG4bK1", ""));
    lone.expect_nothing_sent();
    lone.agent
        .respond(lone.now, transaction, Reply::new(StatusCode::OK));

    let ok = lone.sent();
    assert_eq!(header(&ok, "Allow"), "INVITE, OPTIONS, INFO, ACK, BYE, CANCEL");
    assert_eq!(header(&ok, "Server"), "lone/1");
}

#[test]
fn a_retransmission_while_the_owner_thinks_gets_the_100_and_nothing_else() {
    let mut lone = Lone::new(Transport::Udp);
    lone.receive(&request("OPTIONS", "z9hG4bK1", ""));
    let Event::Request { transaction, .. } = lone.event() else {
        panic!("OPTIONS goes up");
    };
    lone.pass(ms(3_500));
    lone.agent
        .respond(lone.now, transaction, Reply::new(StatusCode::SESSION_PROGRESS));

    lone.receive(&request("OPTIONS", "z9hG4bK1", ""));

    assert_eq!(lone.sent_lines(), ["100", "100"]);
}

#[test]
fn a_408_is_no_answer_to_anything_but_invite() {
    let mut lone = Lone::new(Transport::Udp);
    lone.receive(&request("OPTIONS", "z9hG4bK1", ""));
    let Event::Request { transaction, .. } = lone.event() else {
        panic!("OPTIONS goes up");
    };

    lone.agent
        .respond(lone.now, transaction, Reply::new(StatusCode::REQUEST_TIMEOUT));

    lone.expect_nothing_sent();
    assert_eq!(lone.agent.counters().late_replies, 1);
}

#[test]
fn a_reply_that_cannot_be_written_becomes_a_500() {
    let mut lone = Lone::new(Transport::Udp);
    lone.receive(&request("OPTIONS", "z9hG4bK1", ""));
    let Event::Request { transaction, .. } = lone.event() else {
        panic!("OPTIONS goes up");
    };

    lone.agent.respond(
        lone.now,
        transaction,
        Reply::new(StatusCode::OK).header("X", "a\r\nEvil: 1"),
    );

    let refusal = lone.sent();
    assert_eq!(
        (refusal.status().unwrap().code(), header(&refusal, "Evil")),
        (500, "(none)")
    );
}

#[test]
fn an_answer_of_the_owner_that_cannot_be_written_ends_its_session() {
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&invite("z9hG4bK1"));

    lone.agent.answer(
        lone.now,
        session,
        Reply::new(StatusCode::OK).header("X", "a\r\nEvil: 1"),
    );

    assert_eq!(lone.sent_status(), 500);
    assert!(matches!(
        lone.event(),
        Event::Ended {
            cause: EndCause::NotAnswered,
            ..
        }
    ));
    assert_eq!(lone.agent.sessions(), 0);
}

#[test]
fn a_request_with_as_many_headers_as_there_may_be_is_answered() {
    let mut lone = Lone::new(Transport::Udp);
    let via = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKv\n";
    let text = request("SUBSCRIBE", "z9hG4bK1", "")
        .replace("Contact: <sip:bob@192.0.2.2:5062>\nContent-Length: 0\n", "")
        .replace("From:", &format!("{}From:", via.repeat(HEADERS_MAX - 5)));

    lone.receive(&text);

    let written = lone.sent_octets();
    assert!(written.starts_with(b"SIP/2.0 405 "));
    let vias = String::from_utf8(written).expect("text").matches("Via: ").count();
    assert_eq!(vias, HEADERS_MAX - 4);
    assert_eq!(lone.agent.counters().unsent, 0);
}

#[test]
fn a_request_that_leaves_no_room_for_an_answer_gets_none_and_is_counted() {
    let mut lone = Lone::new(Transport::Tcp);
    let fill = |length: usize| {
        let text = request("SUBSCRIBE", "z9hG4bK1", "").replace("Contact: <sip:bob@192.0.2.2:5062>\n", "");
        let text = text.replace('\n', "\r\n");
        text.replace("call-of-bob", &"x".repeat(length))
    };
    let room = MESSAGE_BYTES_MAX - fill(0).len();

    lone.receive(&fill(room));

    lone.expect_nothing_sent();
    assert_eq!(lone.agent.counters().unsent, 1);
    assert_eq!(lone.agent.transactions(), 0);
    lone.receive(&fill(room - 200));
    assert_eq!(lone.sent_status(), 405);
}

#[test]
fn line_ends_that_keep_a_way_open_are_neither_answered_nor_counted() {
    let mut lone = Lone::new(Transport::Udp);

    lone.receive("\n\n");

    lone.expect_nothing_sent();
    lone.expect_no_event();
    assert_eq!(*lone.agent.counters(), Counters::default());
}
