//! Every limit at its value and one past it.

use sip::flow::{ConnectionId, Transport};
use sip::message::{Method, OwnedMethod};
use sip::user_agent::{
    Body, Config, DATAGRAM_MAX, Event, Limits, REQUIRED_OPTIONS_MAX, RequestFailure, Sequence,
};

use crate::lone::{Lone, header, in_dialog, invite, ms, outgoing, request};

#[test]
fn one_flow_has_a_bounded_number_of_transactions_and_the_next_request_is_told_to_wait() {
    let mut lone = with_limits(
        Transport::Tcp,
        Limits {
            server_transactions_per_flow: 3,
            ..Limits::default()
        },
    );
    for number in 0..3 {
        lone.receive(&options(number));
        assert!(matches!(lone.event(), Event::Request { .. }));
    }

    lone.receive(&options(3));

    let refusal = lone.sent();
    assert_eq!(refusal.status().unwrap().code(), 503);
    assert_eq!(header(&refusal, "Retry-After"), "32");
    lone.expect_no_event();
    assert_eq!(lone.agent.transactions(), 3);
    assert_eq!(lone.agent.counters().overflow, 1);
    lone.receive(&options(3));
    assert_eq!(lone.sent(), refusal);

    lone.flow.connection = ConnectionId(2);
    lone.flow.remote.set_port(5999);
    lone.receive(&options(3));
    assert!(matches!(lone.event(), Event::Request { .. }));
}

#[test]
fn one_source_has_a_bounded_number_of_transactions_over_all_its_flows() {
    let mut lone = with_limits(
        Transport::Tcp,
        Limits {
            server_transactions_per_source: 3,
            ..Limits::default()
        },
    );
    for number in 0..4 {
        lone.flow.connection = ConnectionId(10 + u64::try_from(number).expect("a small number"));
        lone.flow
            .remote
            .set_port(6000 + u16::try_from(number).expect("a small number"));
        lone.receive(&options(number));
        if number < 3 {
            assert!(matches!(lone.event(), Event::Request { .. }));
        }
    }
    assert_eq!(lone.sent_status(), 503);
    lone.expect_no_event();

    lone.flow.remote.set_ip("192.0.2.3".parse().expect("an address"));
    lone.receive(&options(4));

    assert!(matches!(lone.event(), Event::Request { .. }));
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_source() {
    let mut lone = with_limits(
        Transport::Tcp,
        Limits {
            server_transactions_per_source: 1,
            ..Limits::default()
        },
    );
    for (number, address, is_let_in) in [
        (0, "[2001:db8:0:1::1]:6000", true),
        (1, "[2001:db8:0:1:ffff::2]:6000", false),
        (2, "[2001:db8:0:2::1]:6000", true),
    ] {
        lone.flow.remote = address.parse().expect("an address");
        lone.receive(&options(number));

        if is_let_in {
            assert!(matches!(lone.event(), Event::Request { .. }), "{address}");
        } else {
            assert_eq!(lone.sent_status(), 503, "{address}");
        }
    }
}

#[test]
fn transactions_of_a_flow_are_forgotten_when_they_are_over() {
    let mut lone = with_limits(
        Transport::Tcp,
        Limits {
            server_transactions_per_flow: 1,
            ..Limits::default()
        },
    );
    for number in 0..5 {
        lone.receive(&request("BYE", &format!("z9hG4bK{number}"), ""));
        assert_eq!(lone.sent_status(), 481);
    }

    assert_eq!(lone.agent.counters().overflow, 0);
}

#[test]
fn datagrams_leave_a_quarter_of_the_room_to_connections() {
    let mut lone = with_limits(
        Transport::Udp,
        Limits {
            server_transactions: 8,
            ..Limits::default()
        },
    );
    for number in 0..6 {
        lone.receive(&options(number));
        assert!(matches!(lone.event(), Event::Request { .. }));
    }
    lone.receive(&options(6));
    assert_eq!(lone.sent_status(), 503);

    lone.flow.transport = Transport::Tls;
    lone.flow.connection = ConnectionId(2);
    for number in 7..9 {
        lone.receive(&options(number));
        assert!(matches!(lone.event(), Event::Request { .. }));
    }
    lone.receive(&options(9));
    assert_eq!(lone.sent_status(), 503);
}

#[test]
fn bye_and_cancel_pass_a_full_agent_but_only_for_what_exists() {
    let mut lone = with_limits(
        Transport::Tcp,
        Limits {
            server_transactions: 2,
            ..Limits::default()
        },
    );
    let (_, tag) = lone.called_confirmed();
    let other = invite("z9hG4bKother").replace("call-of-bob", "other-call");
    lone.called(&other);
    assert_eq!(lone.agent.transactions(), 2);

    lone.receive(&in_dialog("INFO", 2, &tag, "z9hG4bKinfo"));
    assert_eq!(lone.sent_status(), 503);
    lone.receive(&request("CANCEL", "z9hG4bKnone", ""));
    assert_eq!(lone.sent_status(), 503);
    lone.receive(&in_dialog("BYE", 2, "unknown", "z9hG4bKb0"));
    assert_eq!(lone.sent_status(), 503);
    lone.receive(&other.replace("INVITE", "CANCEL"));
    assert_eq!(lone.sent_lines(), ["200", "487"]);
    lone.event();
    lone.receive(&in_dialog("BYE", 2, &tag, "z9hG4bKb"));

    assert!(matches!(lone.event(), Event::Ended { .. }));
}

#[test]
fn sessions_are_bounded_in_both_directions() {
    let mut lone = with_limits(
        Transport::Tcp,
        Limits {
            sessions: 2,
            ..Limits::default()
        },
    );
    lone.called(&invite("z9hG4bKi"));
    lone.call();

    lone.receive(&invite("z9hG4bKj").replace("call-of-bob", "second"));
    assert_eq!(lone.sent_status(), 503);
    lone.agent.invite(lone.now, lone.flow, outgoing(Method::Invite));

    assert!(matches!(
        lone.event(),
        Event::Rejected {
            failure: Some(RequestFailure::Overload),
            ..
        }
    ));
    lone.expect_nothing_sent();
    assert_eq!(lone.agent.sessions(), 2);
}

#[test]
fn client_transactions_are_bounded() {
    let mut lone = with_limits(
        Transport::Tcp,
        Limits {
            client_transactions: 2,
            ..Limits::default()
        },
    );
    for _ in 0..3 {
        lone.agent.request(lone.now, lone.flow, outgoing(Method::Options));
    }

    assert!(matches!(
        lone.event(),
        Event::Response {
            outcome: Err(RequestFailure::Overload),
            ..
        }
    ));
    assert_eq!(lone.sent_lines(), ["OPTIONS", "OPTIONS"]);
}

#[test]
fn a_request_of_1300_octets_is_a_datagram_and_one_octet_more_needs_a_stream() {
    let padded = |length: usize| {
        let mut request = outgoing(Method::Options);
        request.sequence = Some(Sequence {
            call_id: "kept".to_owned(),
            number: 1,
        });
        request.headers.push(("Subject".to_owned(), "x".repeat(length)));
        request
    };
    let mut lone = Lone::new(Transport::Udp);
    lone.agent.request(lone.now, lone.flow, padded(0));
    let room = DATAGRAM_MAX - lone.sent().as_bytes().len();

    lone.agent.request(lone.now, lone.flow, padded(room));
    assert_eq!(lone.sent().as_bytes().len(), DATAGRAM_MAX);
    lone.agent.request(lone.now, lone.flow, padded(room + 1));
    assert!(matches!(
        lone.event(),
        Event::Response {
            outcome: Err(RequestFailure::NeedsStream),
            ..
        }
    ));
    lone.expect_nothing_sent();

    let mut large = padded(room + 1);
    large.large_datagram = true;
    lone.agent.request(lone.now, lone.flow, large);
    assert_eq!(lone.sent().as_bytes().len(), DATAGRAM_MAX + 1);
    lone.flow.transport = Transport::Tcp;
    lone.agent.request(lone.now, lone.flow, padded(room + 1));
    assert_eq!(lone.sent().as_bytes().len(), DATAGRAM_MAX + 1);
}

#[test]
fn unsupported_options_are_named_up_to_the_limit() {
    let mut lone = Lone::new(Transport::Tcp);
    let required = |count: usize| {
        let options: Vec<String> = (0..count).map(|number| format!("option-{number}")).collect();
        format!("Require: {}\n", options.join(", "))
    };
    for (count, named) in [
        (REQUIRED_OPTIONS_MAX, REQUIRED_OPTIONS_MAX),
        (REQUIRED_OPTIONS_MAX + 1, REQUIRED_OPTIONS_MAX),
    ] {
        lone.receive(&request("OPTIONS", &format!("z9hG4bK{count}"), &required(count)));

        let refusal = lone.sent();
        assert_eq!(refusal.status().unwrap().code(), 420);
        assert_eq!(header(&refusal, "Unsupported").split(',').count(), named);
    }
}

#[test]
fn a_body_of_the_owner_with_a_line_break_in_its_type_is_not_sent() {
    let mut lone = Lone::new(Transport::Tcp);
    let mut request = outgoing(Method::Options);
    request.body = Some(Body {
        content_type: "text/plain\r\nEvil: 1".to_owned(),
        bytes: Vec::new(),
    });

    lone.agent.request(lone.now, lone.flow, request);

    assert!(matches!(
        lone.event(),
        Event::Response {
            outcome: Err(RequestFailure::Malformed),
            ..
        }
    ));
    lone.expect_nothing_sent();
}

#[test]
fn an_unanswered_request_is_forgotten_after_64_times_t1() {
    let mut lone = Lone::new(Transport::Udp);
    lone.receive(&options(1));

    lone.pass(ms(3_500));
    assert_eq!(lone.sent_lines(), ["100"]);
    lone.pass(ms(28_499));
    assert_eq!(lone.agent.transactions(), 1);
    lone.pass(ms(1));

    assert_eq!(lone.agent.transactions(), 0);
    lone.expect_nothing_sent();
}

fn with_limits(transport: Transport, limits: Limits) -> Lone {
    let mut config = Config::new("lone/1");
    config.limits = limits;
    config.methods.push(OwnedMethod::from(Method::Message));
    Lone::with_config(transport, config)
}

fn options(number: usize) -> String {
    request("OPTIONS", &format!("z9hG4bK-options-{number}"), "")
        .replace("CSeq: 1", &format!("CSeq: {}", number + 1))
}
