//! Attacks of strangers, and by what is no message or comes over the wrong connection.

use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message};
use switch::Input;

use super::code;
use crate::stranger::{self, request};
use crate::world::{DOMAIN, World};

#[test]
fn a09_a_stranger_is_told_no_with_few_octets() {
    for method in [
        "NOTIFY",
        "REFER",
        "MESSAGE",
        "INFO",
        "SUBSCRIBE",
        "PUBLISH",
        "UPDATE",
        "PRACK",
        "WHATEVER",
    ] {
        let mut world = World::new(&["anna"]);
        world.register("anna", Transport::Udp);
        let message = request(
            method,
            &format!("sip:anna@{DOMAIN}"),
            1,
            &[("Event", "check-sync")],
        );
        let asked = message.as_bytes().len();

        let answers = world.ask(stranger::flow(Transport::Udp), message);

        assert_eq!(answers.len(), 1, "{method}");
        assert!(
            matches!(code(&answers[0]), 400..=501),
            "{method}: {}",
            code(&answers[0])
        );
        assert!(
            answers[0].as_bytes().len() < asked + 200,
            "{method} is not amplified"
        );
        assert_eq!(world.phones[0].questions, 0, "{method} is not relayed");
    }
}

#[test]
fn a09_a_question_to_the_zone_itself_is_answered() {
    let mut world = World::new(&["anna"]);
    let message = request("OPTIONS", "sip:192.0.2.1", 1, &[]);
    let asked = message.as_bytes().len();

    let answers = world.ask(stranger::flow(Transport::Udp), message);

    assert_eq!(code(&answers[0]), 200);
    assert!(answers[0].header(HeaderName::Allow).is_some());
    assert!(answers[0].as_bytes().len() < 2 * asked);
    assert_eq!(world.zone.counters().requests.options, 1);
}

#[test]
fn a09_an_invite_of_a_stranger_is_challenged_and_costs_no_leg() {
    let mut world = World::new(&["anna"]);
    world.register("anna", Transport::Tls);
    for number in ["100", "700", "nobody"] {
        let uri = format!("sip:{number}@{DOMAIN}");
        let message = request("INVITE", &uri, 1, &[("Call-ID", number)]);
        let text = String::from_utf8(message.into_bytes())
            .unwrap()
            .replace("z9hG4bK", &format!("z9hG4bK{number}"));

        let answers = world.ask(
            stranger::flow(Transport::Udp),
            Message::parse_datagram(text.into_bytes()).unwrap(),
        );

        assert_eq!(
            code(&answers[0]),
            407,
            "{number}: the answer does not tell who exists"
        );
        assert_eq!(answers[0].headers(HeaderName::ProxyAuthenticate).count(), 1);
    }
    assert!(world.phones[0].invites.is_empty());
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn a11_octets_that_are_no_message_close_a_stream_after_an_answer() {
    let mut world = World::new(&["anna"]);
    let text = "OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 203.0.113.66;branch=z9hG4bKbad\r\n\
                From: <sip:m@h>;tag=1\r\nTo: <sip:m@h>\r\nCall-ID: bad\r\nCSeq: 1 OPTIONS\r\n\
                Content-Length: -5\r\n\r\n";
    let flow = stranger::flow(Transport::Tcp);
    let error = Message::parse_datagram(text.as_bytes().to_vec()).unwrap_err();

    world.input(Input::Framing { flow, error });

    let answer = Message::parse_datagram(world.stray[0].1.clone()).unwrap();
    assert_eq!(code(&answer), 400);
    assert_eq!(world.disconnected, [flow.connection]);
}

#[test]
fn a12_sips_over_udp_is_refused() {
    let mut world = World::new(&["mallory"]);
    let flow = stranger::flow(Transport::Udp);
    let uri = format!("sips:100@{DOMAIN}");

    assert_eq!(world.status_of(flow, request("INVITE", &uri, 1, &[])), 480);
    let uri = format!("sips:{DOMAIN}");
    let to = format!("<sips:mallory@{DOMAIN}>");
    assert_eq!(
        world.status_of(flow, request("REGISTER", &uri, 2, &[("To", &to)])),
        480
    );

    let phone = world.add("mallory", Transport::Udp);
    let now = world.now;
    world.phones[phone].register_with(now, &[("Contact", "<sips:m@h1>")]);
    world.settle();
    assert_eq!(world.phones[phone].register_statuses, [400]);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
}

#[test]
fn a12_a_connection_that_claims_to_be_an_alias_of_another_gets_none_of_its_calls() {
    let mut world = World::new(&["caller", "victim", "mallory"]);
    world.register("caller", Transport::Tls);
    let victim = world.register("victim", Transport::Tls);
    let victims = crate::world::reversed(world.phones[victim].flow);
    let thief = Flow {
        connection: ConnectionId(9_001),
        ..victims
    };
    let alias = format!("SIP/2.0/TLS {};branch=z9hG4bKalias;alias", victims.remote);
    let text = request("OPTIONS", "sip:192.0.2.1", 1, &[]).into_bytes();
    let text = String::from_utf8(text).unwrap();
    let via = text.lines().find(|line| line.starts_with("Via:")).unwrap();
    let aliased = text.replace(via, &format!("Via: {alias}"));

    world.input(Input::Sip {
        flow: thief,
        message: Message::parse_datagram(aliased.into_bytes()).unwrap(),
    });
    world.stray.clear();
    world.phones[0].call(world.now, "101");
    world.settle();

    assert_eq!(world.phones[victim].invites.len(), 1);
    assert!(
        world.stray.is_empty(),
        "the thief's connection carries nothing of it"
    );
}

#[test]
fn a09_an_invite_refused_before_its_sender_is_known_leaves_no_state_and_is_judged_again() {
    for (what, headers) in [
        ("challenged", &[][..]),
        ("bad answer", &[("Proxy-Authorization", "Digest nonsense")]),
        ("no hops left", &[("Max-Forwards", "0")]),
        ("stopping", &[]),
    ] {
        let mut world = World::new(&["anna"]);
        if what == "stopping" {
            world.input(Input::Shutdown);
        }
        for _ in 0..2 {
            let invite = request("INVITE", "sip:anna@acme.example", 1, headers);
            world.status_of(stranger::flow(Transport::Udp), invite);
        }

        let counters = world.zone.counters();
        let judged = counters.identity.challenged + counters.identity.refused + counters.calls.refused_other;
        assert_eq!(judged, 2, "{what}");
    }
}
