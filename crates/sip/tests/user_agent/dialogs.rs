//! Where requests inside a dialog go (RFC 3261 12), Via and Contact (RFC 3581, RFC 5630), and where answers go.

use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Advertised, Config, Event, Reply};

use crate::lone::{Lone, header, in_dialog, invite, outgoing, request};

#[test]
fn a_caller_visits_the_recorded_route_in_reverse_order() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, _, ack) = lone.call_answered(&[
        (
            "Record-Route",
            "<sip:far.example.com;lr>, <sip:near.example.com;lr>",
        ),
        ("Contact", "<sip:bob@192.0.2.9>"),
    ]);

    let expected = ["<sip:near.example.com;lr>", "<sip:far.example.com;lr>"];
    assert_eq!(
        (ack.request_uri(), routes(&ack)),
        (Some("sip:bob@192.0.2.9"), expected.map(str::to_owned).to_vec())
    );
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    assert_eq!(routes(&lone.sent()), expected);
}

#[test]
fn a_callee_visits_the_recorded_route_in_order_and_gives_it_back() {
    let mut lone = Lone::new(Transport::Tcp);
    let recorded = "Record-Route: <sip:near.example.com;lr>\nRecord-Route: <sip:far.example.com;lr;x=1>\n";
    let session = lone.called(&request("INVITE", "z9hG4bKi", recorded));
    lone.agent.answer(lone.now, session, Reply::new(StatusCode::OK));
    let ok = lone.sent();
    let expected = ["<sip:near.example.com;lr>", "<sip:far.example.com;lr;x=1>"];
    assert_eq!(ok.headers(HeaderName::RecordRoute).collect::<Vec<_>>(), expected);
    lone.receive(&in_dialog("ACK", 1, ok.to().unwrap().tag().unwrap(), "z9hG4bKa"));

    lone.agent.hang_up(lone.now, session, Vec::new(), None);

    let bye = lone.sent();
    assert_eq!(
        (bye.request_uri(), routes(&bye)),
        (
            Some("sip:bob@192.0.2.2:5062"),
            expected.map(str::to_owned).to_vec()
        )
    );
}

#[test]
fn a_strict_router_takes_the_place_of_the_target() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, _, ack) = lone.call_answered(&[
        ("Record-Route", "<sip:p3;lr>, <sip:p2>, <sip:p1>"),
        ("Contact", "<sip:user@remoteua>"),
    ]);

    assert_eq!(ack.request_uri(), Some("sip:p1"));
    assert_eq!(routes(&ack), ["<sip:p2>", "<sip:p3;lr>", "<sip:user@remoteua>"]);
}

#[test]
fn an_accepted_re_invite_moves_the_target_and_a_refused_one_does_not() {
    for (status, expected) in [
        (StatusCode::OK, "sip:moved@192.0.2.8"),
        (StatusCode::NOT_ACCEPTABLE_HERE, "sip:bob@192.0.2.2:5062"),
    ] {
        let mut lone = Lone::new(Transport::Tcp);
        let (session, tag) = lone.called_confirmed();
        let text = in_dialog("INVITE", 2, &tag, "z9hG4bKr")
            .replace("Content-Length", "Contact: <sip:moved@192.0.2.8>\nContent-Length");
        lone.receive(&text);
        let Event::SessionRequest { transaction, .. } = lone.event() else {
            panic!("a re-INVITE");
        };
        lone.agent.respond(lone.now, transaction, Reply::new(status));
        lone.sent();
        lone.receive(&in_dialog(
            "ACK",
            2,
            &tag,
            if status == StatusCode::OK {
                "z9hG4bKa2"
            } else {
                "z9hG4bKr"
            },
        ));

        lone.agent
            .request_in_session(lone.now, session, Method::Info, Vec::new(), None);

        assert_eq!(lone.sent().request_uri(), Some(expected));
    }
}

#[test]
fn numbers_inside_a_dialog_grow_by_one() {
    let mut lone = Lone::new(Transport::Tcp);
    let (session, invite, ack) = lone.call_answered(&[]);
    let first = invite.cseq().unwrap().sequence;
    assert_eq!(ack.cseq().unwrap().sequence, first);

    for step in 1..4 {
        lone.agent
            .request_in_session(lone.now, session, Method::Info, Vec::new(), None);
        assert_eq!(lone.sent().cseq().unwrap().sequence, first + step);
    }
}

#[test]
fn a_route_set_at_the_limit_is_taken_and_one_more_is_refused() {
    for (count, is_taken) in [(32, true), (33, false)] {
        let mut lone = Lone::new(Transport::Tcp);
        let recorded = "Record-Route: <sip:p;lr>\n".repeat(count);

        lone.receive(&request("INVITE", "z9hG4bKi", &recorded));

        if is_taken {
            assert!(matches!(lone.event(), Event::Invite { .. }));
        } else {
            assert_eq!(lone.sent_status(), 400);
        }
    }
}

#[test]
fn via_names_the_local_address_or_what_is_advertised() {
    let mut lone = Lone::new(Transport::Udp);
    let (_, invite) = lone.call();
    assert!(header(&invite, "Via").starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"));
    assert!(header(&invite, "Via").ends_with(";rport"));

    let mut config = Config::new("lone/1");
    let host = "zone.example.com".to_owned();
    config.advertised.push(Advertised {
        transport: Transport::Tls,
        host,
        port: 5091,
    });
    let mut lone = Lone::with_config(Transport::Tls, config);
    let (_, invite) = lone.call();
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TLS zone.example.com:5091;"));
}

#[test]
fn max_forwards_is_70_unless_the_owner_gives_it() {
    let mut lone = Lone::new(Transport::Tcp);
    let (_, invite) = lone.call();
    assert_eq!(header(&invite, "Max-Forwards"), "70");
    let mut handed_on = outgoing(Method::Invite);
    handed_on
        .headers
        .push(("max-forwards".to_owned(), "12".to_owned()));

    let (_, invite) = lone.call_with(handed_on);

    assert_eq!(
        invite.headers(HeaderName::MaxForwards).collect::<Vec<_>>(),
        ["12"]
    );
}

#[test]
fn an_answer_by_datagram_goes_to_the_source_port_if_rport_asks_for_it() {
    for (via, port) in [
        ("192.0.2.2:5062;rport", 40_000),
        ("192.0.2.2:5062", 5062),
        ("192.0.2.2", 5060),
        ("203.0.113.9:5062;maddr=203.0.113.7;received=203.0.113.8", 5062),
    ] {
        let mut lone = Lone::new(Transport::Udp);
        lone.flow.remote.set_port(40_000);

        lone.receive(&request("BYE", "z9hG4bKi", "").replace(
            "192.0.2.2:5062;branch=z9hG4bKi;rport",
            &format!("{via};branch=z9hG4bKi"),
        ));

        let (flow, response) = lone.sent_to();
        assert_eq!(
            flow,
            Flow {
                remote: format!("192.0.2.2:{port}").parse().unwrap(),
                ..lone.flow
            },
            "{via}"
        );
        assert_eq!(
            response.top_via().unwrap().rport().flatten(),
            via.contains("rport").then_some(40_000)
        );
    }
}

#[test]
fn an_answer_on_a_stream_goes_back_on_it() {
    let mut lone = Lone::new(Transport::Tls);
    lone.flow.remote.set_port(40_000);

    lone.receive(&request("BYE", "z9hG4bKi", "").replace(";rport", ""));

    assert_eq!(lone.sent_to().0, lone.flow);
}

#[test]
fn a_sips_call_has_a_sips_contact_and_needs_tls() {
    let mut sips = outgoing(Method::Invite);
    sips.uri = "sips:bob@192.0.2.2".to_owned();
    let mut lone = Lone::new(Transport::Tls);
    let (_, invite) = lone.call_with(sips.clone());
    assert_eq!(header(&invite, "Contact"), "<sips:alice@192.0.2.1>");

    let mut lone = Lone::new(Transport::Tcp);
    lone.agent.invite(lone.now, lone.flow, sips);

    assert!(matches!(
        lone.event(),
        Event::Rejected {
            failure: Some(sip::user_agent::RequestFailure::NeedsTls),
            ..
        }
    ));
    lone.expect_nothing_sent();
}

#[test]
fn a_call_to_a_sips_uri_is_answered_with_a_sips_contact() {
    let mut lone = Lone::new(Transport::Tls);
    let text = invite("z9hG4bKi")
        .replace("INVITE sip:", "INVITE sips:")
        .replace("Contact: <sip:", "Contact: <sips:");
    let session = lone.called(&text);

    lone.agent.answer(
        lone.now,
        session,
        Reply::new(StatusCode::OK).contact("<sip:alice@192.0.2.1>"),
    );

    assert_eq!(header(&lone.sent(), "Contact"), "<sips:alice@192.0.2.1>");
}

#[test]
fn a_contact_is_made_from_the_flow_where_the_owner_gives_none() {
    for (transport, expected) in [
        (Transport::Udp, "<sip:192.0.2.1:5060>"),
        (Transport::Tcp, "<sip:192.0.2.1:5060;transport=tcp>"),
        (Transport::Tls, "<sip:192.0.2.1:5060;transport=tls>"),
    ] {
        let mut lone = Lone::new(transport);
        let session = lone.called(&invite("z9hG4bKi"));

        lone.agent
            .provisional(lone.now, session, Reply::new(StatusCode::RINGING));

        assert_eq!(header(&lone.sent(), "Contact"), expected);
    }
}

#[test]
fn sessions_end_with_their_connection_except_those_moved_before() {
    let mut lone = Lone::new(Transport::Tls);
    let (moved, ..) = lone.call_answered(&[]);
    let (left, ..) = lone.call_answered(&[]);
    let other = Flow {
        connection: ConnectionId(2),
        ..lone.flow
    };
    assert!(lone.agent.move_session(moved, other, None));

    lone.agent.handle_flow_failed(lone.now, lone.flow.connection);

    match lone.event() {
        Event::Ended {
            session,
            cause: sip::user_agent::EndCause::FlowFailed,
        } => assert_eq!(session, left),
        event => panic!("{event:?}"),
    }
    lone.expect_no_event();
    lone.agent.hang_up(lone.now, moved, Vec::new(), None);
    assert_eq!(lone.sent_to().0, other);
}

#[test]
fn an_unreachable_peer_fails_requests_but_not_sessions() {
    let mut lone = Lone::new(Transport::Udp);
    let (session, ..) = lone.call_answered(&[]);
    lone.agent.request(lone.now, lone.flow, outgoing(Method::Options));

    lone.agent.handle_peer_unreachable(lone.now, lone.flow);

    assert!(matches!(
        lone.event(),
        Event::Response {
            outcome: Err(sip::user_agent::RequestFailure::FlowFailed),
            ..
        }
    ));
    lone.expect_no_event();
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    assert_eq!(lone.sent_lines(), ["OPTIONS", "BYE"]);
}

fn routes(message: &Message) -> Vec<String> {
    message.headers(HeaderName::Route).map(str::to_owned).collect()
}
