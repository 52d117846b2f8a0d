//! The IPv6 torture messages of RFC 5118, each with the one verdict that we take, and what else must come
//! out right about them.

#![expect(clippy::unwrap_used, reason = "tests state what they expect by unwrapping it")]

mod verdicts;

use sip::message::Message;
use sip::uri::Uri;
use verdicts::assert_verdicts;

fn message(file: &str) -> Message {
    verdicts::message("rfc5118", file)
}

fn hostport(uri: &Uri<'_>) -> (String, Option<u16>) {
    (uri.host().unwrap().to_string(), uri.port())
}

#[test]
fn every_ipv6_torture_message_has_its_verdict() {
    assert_verdicts("rfc5118");
}

#[test]
fn a_port_stands_outside_the_brackets() {
    let cases = [
        ("ipv6-good.dat", "[2001:db8::10]", None),
        ("port-ambiguous.dat", "[2001:db8::10:5070]", None),
        ("port-unambiguous.dat", "[2001:db8::10]", Some(5070)),
    ];
    for (file, host, port) in cases {
        let message = message(file);
        let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
        assert_eq!(hostport(&uri), (host.to_owned(), port), "{file}");
    }
}

#[test]
fn a_received_address_is_read_with_and_without_brackets() {
    for file in [
        "via-received-param-with-delim.dat",
        "via-received-param-no-delim.dat",
    ] {
        let received = message(file).top_via().unwrap().received();
        assert_eq!(received, "2001:db8::9:255".parse().ok(), "{file}");
    }
}

#[test]
fn vias_of_both_families_stand_side_by_side() {
    let message = message("mult-ip-in-header.dat");

    let hops: Vec<_> = message
        .vias()
        .map(Result::unwrap)
        .map(|via| (via.host().to_string(), via.port(), via.received()))
        .collect();
    assert_eq!(
        hops,
        [
            ("[2001:db8::9:1]".to_owned(), Some(6050), None),
            ("192.0.2.1".to_owned(), None, None),
            ("[2001:db8::9:255]".to_owned(), None, "192.0.2.200".parse().ok()),
        ]
    );
}

#[test]
fn mapped_addresses_stand_in_via_and_contact() {
    let message = message("ipv4-mapped-ipv6.dat");

    let top = message.top_via().unwrap();
    assert_eq!(
        (top.host().to_string().as_str(), top.port()),
        ("[::ffff:192.0.2.10]", Some(19823))
    );
    let contact = message.contacts().unwrap().first().unwrap().uri();
    assert_eq!(hostport(&contact), ("[::ffff:192.0.2.2]".to_owned(), None));
}

#[test]
fn three_colons_mean_two() {
    let (three, two) = (
        message("ipv6-bug-abnf-3-colons.dat"),
        message("ipv6-correct-abnf-2-colons.dat"),
    );

    assert_eq!(
        hostport(&three.to().unwrap().uri()),
        hostport(&two.to().unwrap().uri())
    );
}
