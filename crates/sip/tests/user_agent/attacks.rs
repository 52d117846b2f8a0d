//! Attacks and odd addresses by their ids.

use sip::flow::Transport;
use sip::message::Method;
use sip::uri::Uri;

use crate::lone::{Lone, header, invite, outgoing, request};

#[test]
fn a12_an_ipv6_scope_does_not_leave_the_machine() {
    let mut lone = Lone::new(Transport::Tcp);
    lone.flow.local = "[fe80::1%3]:5060".parse().expect("an address");

    lone.agent.request(lone.now, lone.flow, outgoing(Method::Options));

    let sent = lone.sent();
    let via = sent.top_via().expect("a sound Via");
    assert_eq!(
        (via.host().to_string().as_str(), via.port()),
        ("[fe80::1]", Some(5060))
    );
    let mut unaddressed = outgoing(Method::Invite);
    unaddressed.contact = None;
    let (_, invite) = lone.call_with(unaddressed);
    assert!(header(&invite, "Contact").starts_with("<sip:[fe80::1]:5060"));
}

#[test]
fn a12_an_ipv4_mapped_address_is_written_as_ipv4() {
    let mut lone = Lone::new(Transport::Tcp);
    lone.flow.local = "[::ffff:192.0.2.1]:5060".parse().expect("an address");

    lone.agent.request(lone.now, lone.flow, outgoing(Method::Options));

    let via = lone.sent();
    let via = via.top_via().expect("a sound Via");
    assert_eq!(via.host().to_string(), "192.0.2.1");
}

#[test]
fn a12_an_ipv6_scope_in_a_message_is_malformed() {
    for uri in ["sip:a@[fe80::1%eth0]", "sip:a@[fe80::1%25eth0]"] {
        assert!(Uri::parse(uri).is_err(), "{uri}");
        let mut lone = Lone::new(Transport::Udp);

        lone.receive(&invite("z9hG4bK1").replace("sip:alice@192.0.2.1", uri));

        assert_eq!(lone.sent_status(), 400, "{uri}");
        lone.expect_no_event();
    }
}

#[test]
fn a08_a_request_without_max_forwards_is_taken_and_a_malformed_count_is_refused() {
    for (more, status) in [
        ("", 501),
        ("Max-Forwards: 4294967296\n", 501),
        ("Max-Forwards: -1\n", 400),
        ("Max-Forwards: 70 70\n", 400),
    ] {
        let mut lone = Lone::new(Transport::Udp);

        lone.receive(&request("WHATEVER", "z9hG4bK1", more));

        assert_eq!(lone.sent_status(), status, "{more}");
    }
}
