//! Searches against a DNS that is a table.

use std::net::IpAddr;

use super::*;
use crate::flow::Transport::{Tcp, Tls, Udp};

#[test]
fn an_address_needs_no_dns_and_its_transport_and_port_are_the_usual_ones() {
    for (host, port, transport, sips, expected) in [
        ("192.0.2.1", None, None, false, (Udp, "192.0.2.1:5060")),
        ("192.0.2.1", None, None, true, (Tls, "192.0.2.1:5061")),
        ("192.0.2.1", Some(5080), Some(Tcp), false, (Tcp, "192.0.2.1:5080")),
        ("192.0.2.1", None, Some(Tls), false, (Tls, "192.0.2.1:5061")),
        ("[2001:db8::1]", None, None, false, (Udp, "[2001:db8::1]:5060")),
        (
            "2001:db8::1",
            Some(5070),
            Some(Tls),
            true,
            (Tls, "[2001:db8::1]:5070"),
        ),
    ] {
        let mut search = locate(host, port, transport, sips);

        assert_eq!(search.targets(&[]), [shown(expected)], "{host}");
        assert_eq!(search.asked, [] as [String; 0]);
    }
}

#[test]
fn a_name_with_a_port_is_looked_up_for_addresses_only() {
    let dns = [
        "A pbx.example.com 192.0.2.1",
        "SRV _sip._udp.pbx.example.com 1 1 7000 other.example.com",
    ];

    let mut search = locate("pbx.example.com", Some(5080), None, false);

    assert_eq!(search.targets(&dns), ["UDP 192.0.2.1:5080"]);
    assert_eq!(search.asked, ["AAAA pbx.example.com", "A pbx.example.com"]);
}

#[test]
fn a_name_with_a_transport_is_looked_up_for_its_servers() {
    for (transport, sips, name) in [
        (Some(Udp), false, "_sip._udp"),
        (Some(Tcp), false, "_sip._tcp"),
        (Some(Tls), false, "_sips._tcp"),
        (None, true, "_sips._tcp"),
        (Some(Tcp), true, "_sips._tcp"),
    ] {
        let srv = format!("SRV {name}.example.com 1 1 7000 a.example.com");
        let dns = [srv.as_str(), "A a.example.com 192.0.2.1"];

        let mut search = locate("example.com", None, transport, sips);

        let expected = if sips { Tls } else { transport.unwrap() };
        assert_eq!(
            search.targets(&dns),
            [shown((expected, "192.0.2.1:7000"))],
            "{name}"
        );
    }
}

#[test]
fn the_services_of_a_domain_are_taken_in_their_order() {
    //= https://www.rfc-editor.org/rfc/rfc3263#section-4.1
    let dns = [
        "NAPTR example.com 50 50 s SIPS+D2T _sips._tcp.example.com.",
        "NAPTR example.com 90 50 s SIP+D2T _sip._tcp.example.com",
        "NAPTR example.com 100 50 s SIP+D2U _sip._udp.example.com",
        "NAPTR example.com 10 50 s SIP+D2S _sip._sctp.example.com",
        "NAPTR example.com 10 50 u SIP+D2T _sip._tcp.wrong.example.com",
        "SRV _sip._tcp.example.com 0 1 5060 server1.example.com",
        "SRV _sip._udp.example.com 0 1 5060 server2.example.com",
        "A server1.example.com 192.0.2.1",
        "A server2.example.com 192.0.2.2",
    ];

    let mut search = locate("example.com", None, None, false);

    assert_eq!(search.targets(&dns), ["TCP 192.0.2.1:5060", "UDP 192.0.2.2:5060"]);
}

#[test]
fn a_sips_uri_or_a_client_without_datagrams_takes_only_what_it_may() {
    let dns = [
        "NAPTR example.com 10 1 s SIP+D2U _sip._udp.example.com",
        "NAPTR example.com 20 1 s SIP+D2T _sip._tcp.example.com",
        "SRV _sip._udp.example.com 0 1 5060 u.example.com",
        "SRV _sip._tcp.example.com 0 1 5060 t.example.com",
        "SRV _sips._tcp.example.com 0 1 5061 s.example.com",
        "A u.example.com 192.0.2.1",
        "A t.example.com 192.0.2.2",
        "A s.example.com 192.0.2.3",
    ];
    let support = Support {
        udp: false,
        ..Support::default()
    };

    let mut sips = locate("example.com", None, None, true);
    let mut stream = Search::new("example.com", None, None, false, support);

    assert_eq!(sips.targets(&dns), ["TLS 192.0.2.3:5061"]);
    assert_eq!(stream.targets(&dns), ["TCP 192.0.2.2:5060"]);
}

#[test]
fn without_services_each_transport_is_asked_for_and_clear_text_never_follows_tls() {
    let clear = [
        "SRV _sip._udp.example.com 0 1 5060 u.example.com",
        "SRV _sip._tcp.example.com 0 1 5060 t.example.com",
    ];
    let addresses = [
        "A u.example.com 192.0.2.1",
        "A t.example.com 192.0.2.2",
        "A s.example.com 192.0.2.3",
    ];
    let secure = ["SRV _sips._tcp.example.com 0 1 5061 s.example.com"];

    let without_tls = [&clear[..], &addresses[..]].concat();
    let with_tls = [&clear[..], &addresses[..], &secure[..]].concat();

    let mut search = locate("example.com", None, None, false);
    assert_eq!(
        search.targets(&without_tls),
        ["TCP 192.0.2.2:5060", "UDP 192.0.2.1:5060"]
    );
    let mut search = locate("example.com", None, None, false);
    assert_eq!(search.targets(&with_tls), ["TLS 192.0.2.3:5061"]);
}

#[test]
fn without_servers_the_host_itself_is_tried_at_the_usual_port() {
    let dns = ["A example.com 192.0.2.1"];

    for (transport, sips, expected) in [
        (None, false, "UDP 192.0.2.1:5060"),
        (None, true, "TLS 192.0.2.1:5061"),
        (Some(Tcp), false, "TCP 192.0.2.1:5060"),
        (Some(Tls), false, "TLS 192.0.2.1:5061"),
    ] {
        assert_eq!(
            locate("example.com", None, transport, sips).targets(&dns),
            [expected]
        );
    }
}

#[test]
fn servers_come_by_priority_and_the_families_of_one_do_not_mix_with_the_next() {
    //= https://www.rfc-editor.org/rfc/rfc7984#section-4
    let dns = [
        "SRV _sip._tcp.example.com 20 1 5060 sip-2.example.com",
        "SRV _sip._tcp.example.com 10 1 5060 sip-1.example.com",
        "A sip-1.example.com 192.0.2.45",
        "A sip-1.example.com 203.0.113.109",
        "AAAA sip-1.example.com 2001:db8:58:c02::face",
        "A sip-2.example.com 192.0.2.75",
        "AAAA sip-2.example.com 2001:db8:58:c02::dead",
    ];

    let mut search = locate("example.com", None, Some(Tcp), false);

    assert_eq!(
        search.targets(&dns),
        [
            "TCP [2001:db8:58:c02::face]:5060",
            "TCP 192.0.2.45:5060",
            "TCP 203.0.113.109:5060",
            "TCP [2001:db8:58:c02::dead]:5060",
            "TCP 192.0.2.75:5060",
        ]
    );
}

#[test]
fn local_and_tunnelled_addresses_come_after_ipv4() {
    //= https://www.rfc-editor.org/rfc/rfc6724#section-2.1
    let dns = [
        "AAAA a.example.com fd00::1",
        "AAAA a.example.com 2001::1",
        "AAAA a.example.com 2002::1",
        "AAAA a.example.com 2001:db8::1",
        "A a.example.com 192.0.2.1",
    ];

    let targets = locate("a.example.com", Some(1), None, false).targets(&dns);

    assert_eq!(
        targets,
        [
            "UDP [2001:db8::1]:1",
            "UDP 192.0.2.1:1",
            "UDP [2002::1]:1",
            "UDP [2001::1]:1",
            "UDP [fd00::1]:1"
        ]
    );
}

#[test]
fn a_family_that_is_not_spoken_is_not_asked_for() {
    let dns = ["A a.example.com 192.0.2.1", "AAAA a.example.com 2001:db8::1"];
    let support = Support {
        ipv6: false,
        ..Support::default()
    };

    let mut search = Search::new("a.example.com", Some(1), None, false, support);

    assert_eq!(search.targets(&dns), ["UDP 192.0.2.1:1"]);
    assert_eq!(search.asked, ["A a.example.com"]);
}

#[test]
fn weights_share_the_load_and_weight_0_is_hardly_ever_first() {
    let dns = [
        "SRV _sip._udp.example.com 1 30 1 light.example.com",
        "SRV _sip._udp.example.com 1 60 2 heavy.example.com",
        "SRV _sip._udp.example.com 1 0 3 last.example.com",
        "A light.example.com 192.0.2.1",
        "A heavy.example.com 192.0.2.2",
        "A last.example.com 192.0.2.3",
    ];
    let mut first = [0; 4];
    for seed in 0..1_000_u16 {
        let mut search = locate("example.com", None, Some(Udp), false);
        search.reseed(seed);

        let targets = search.targets(&dns);

        assert_eq!(targets.len(), 3);
        let port: usize = targets[0].rsplit(':').next().unwrap().parse().unwrap();
        first[port] += 1;
    }

    assert!((280..390).contains(&first[1]), "{first:?}");
    assert!((600..710).contains(&first[2]), "{first:?}");
    assert!((1..40).contains(&first[3]), "{first:?}");
}

#[test]
fn the_next_server_is_looked_up_before_it_is_needed() {
    let dns = [
        "SRV _sip._udp.example.com 1 1 5060 a.example.com",
        "SRV _sip._udp.example.com 2 1 5060 b.example.com",
        "SRV _sip._udp.example.com 3 1 5060 c.example.com",
        "A a.example.com 192.0.2.1",
        "A b.example.com 192.0.2.2",
    ];
    let mut search = locate("example.com", None, Some(Udp), false);
    search.answer(&dns);

    assert!(matches!(search.locator.next_target(), Next::Target(_)));

    assert!(search.asked.iter().any(|query| query == "A b.example.com"));
    assert!(matches!(search.locator.next_target(), Next::Target(_)));
    assert_eq!(search.locator.next_target(), Next::Waiting);
}

#[test]
fn the_certificate_must_be_for_the_name_that_was_asked_for() {
    let dns = [
        "SRV _sips._tcp.example.com 1 1 5061 host7.cloud.example.net",
        "A host7.cloud.example.net 192.0.2.1",
    ];
    let mut search = locate("Example.com", None, None, true);
    search.answer(&dns);

    let Next::Target(target) = search.locator.next_target() else {
        panic!("one target")
    };

    assert_eq!(target.server_name, "Example.com");
}

#[test]
fn the_end_says_why() {
    let refused = ["SRV _sip._udp.example.com 0 0 0 ."];
    let name = || "example.com".to_owned();

    assert_eq!(
        locate("example.com", Some(1), None, false).end(&[]),
        Exhausted::NoRecords { name: name() }
    );
    assert_eq!(
        locate("example.com", Some(1), None, false).end(&["A example.com 192.0.2.1"]),
        Exhausted::Tried
    );
    assert_eq!(
        locate("example.com", None, Some(Udp), false).end(&refused),
        Exhausted::NotOffered { name: name() }
    );
    let deaf = Support {
        tls: false,
        ..Support::default()
    };
    assert_eq!(
        Search::new("example.com", None, None, true, deaf).end(&[]),
        Exhausted::Unsupported { name: name() }
    );
    let old = Support {
        ipv6: false,
        ..Support::default()
    };
    assert_eq!(
        Search::new("2001:db8::1", None, None, false, old).end(&[]),
        Exhausted::Unsupported {
            name: "2001:db8::1".into()
        }
    );
}

#[test]
fn a_resolver_that_fails_is_named_but_does_not_stop_the_search() {
    let mut search = locate("example.com", None, Some(Udp), false);
    let srv = search.locator.poll_query().unwrap();
    search.locator.handle_answer(&srv, Answer::Failed);
    let aaaa = search.locator.poll_query().unwrap();
    let a = search.locator.poll_query().unwrap();
    search.locator.handle_answer(&aaaa, Answer::NoData);
    let records = Answer::Records(vec![Record::Address("192.0.2.1".parse().unwrap())]);
    search.locator.handle_answer(&a, records);

    assert!(matches!(search.locator.next_target(), Next::Target(_)));

    let mut dead = locate("example.com", Some(5060), None, false);
    while let Some(query) = dead.locator.poll_query() {
        dead.locator.handle_answer(&query, Answer::Failed);
    }
    let name = "example.com".into();
    assert_eq!(
        dead.locator.next_target(),
        Next::Exhausted(Exhausted::ResolverFailed { name })
    );
}

#[test]
fn answers_nobody_asked_for_are_ignored() {
    let mut search = locate("example.com", Some(5060), None, false);
    let stranger = Query {
        kind: RecordKind::A,
        name: "evil.example.com".into(),
    };
    let records = || Answer::Records(vec![Record::Address("192.0.2.66".parse().unwrap())]);
    search.locator.handle_answer(&stranger, records());
    let query = Query {
        kind: RecordKind::A,
        name: "example.com".into(),
    };
    search.locator.handle_answer(
        &query,
        Answer::Records(vec![Record::Address("192.0.2.1".parse().unwrap())]),
    );
    search.locator.handle_answer(&query, records());

    assert_eq!(search.targets(&[]), ["UDP 192.0.2.1:5060"]);
}

#[test]
fn a13_a_thousand_servers_are_cut_to_the_preferred_ones() {
    let records = (0..1_000_u16).rev().map(|number| {
        Record::Srv(Srv {
            priority: number,
            weight: 1,
            port: 1 + number,
            target: format!("h{number}.example.com"),
        })
    });
    let mut search = locate("example.com", None, Some(Udp), false);
    let srv = search.locator.poll_query().unwrap();
    search
        .locator
        .handle_answer(&srv, Answer::Records(records.collect()));
    let mut ports = Vec::new();
    loop {
        while let Some(query) = search.locator.poll_query() {
            let address: IpAddr = "192.0.2.1".parse().unwrap();
            search
                .locator
                .handle_answer(&query, Answer::Records(vec![Record::Address(address)]));
        }
        match search.locator.next_target() {
            Next::Target(target) => ports.push(target.address.port()),
            Next::Waiting => {}
            Next::Exhausted(_) => break,
        }
    }

    let expected: Vec<u16> = (1..=32).collect();
    assert_eq!(ports, expected);
    assert_eq!(ports.len(), SERVERS_MAX);
}

#[test]
fn a13_a_thousand_services_and_addresses_are_cut() {
    let mut search = locate("example.com", None, None, false);
    let naptr = search.locator.poll_query().unwrap();
    let services = (0..1_000).map(|number| {
        Record::Naptr(Naptr {
            order: number,
            preference: 0,
            flags: "S".into(),
            services: "sip+d2u".into(),
            regexp: String::new(),
            replacement: format!("s{number}.example.com"),
        })
    });
    search
        .locator
        .handle_answer(&naptr, Answer::Records(services.collect()));
    assert_eq!(
        std::iter::from_fn(|| search.locator.poll_query()).count(),
        SERVICES_MAX
    );

    let mut search = locate("example.com", Some(5060), None, false);
    while let Some(query) = search.locator.poll_query() {
        let address = |number: u16| match query.kind {
            RecordKind::A => {
                let [high, low] = number.to_be_bytes();
                IpAddr::from([192, 0, high, low])
            }
            _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number]),
        };
        let records = (0..1_000).map(|number| Record::Address(address(number)));
        search
            .locator
            .handle_answer(&query, Answer::Records(records.collect()));
    }
    assert_eq!(search.targets(&[]).len(), ADDRESSES_MAX);
}

#[test]
fn a_service_that_rewrites_the_name_is_not_followed() {
    let mut search = locate("example.com", None, None, false);
    let naptr = search.locator.poll_query().unwrap();
    let rewriting = Naptr {
        order: 1,
        preference: 1,
        flags: "s".into(),
        services: "SIP+D2U".into(),
        regexp: "!^.*$!sip:evil@example.net!".into(),
        replacement: "_sip._udp.example.net".into(),
    };

    search
        .locator
        .handle_answer(&naptr, Answer::Records(vec![Record::Naptr(rewriting)]));
    search.answer(&[]);

    assert!(
        !search.asked.iter().any(|query| query.ends_with("example.net")),
        "{:?}",
        search.asked
    );
}

#[test]
fn a13_what_is_no_server_is_left_out() {
    let long = format!("SRV _sip._udp.example.com 1 1 5060 {}", "x".repeat(254));
    let dns = [
        long.as_str(),
        "SRV _sip._udp.example.com 1 1 0 zero.example.com",
        "SRV _sip._udp.example.com 1 1 5060 a.example.com",
        "SRV _sip._udp.example.com 2 1 5060 A.example.com.",
        "A a.example.com 192.0.2.1",
        "A zero.example.com 192.0.2.66",
    ];

    assert_eq!(
        locate("example.com", None, Some(Udp), false).targets(&dns),
        ["UDP 192.0.2.1:5060"]
    );
}

#[test]
fn a13_no_name_leads_to_a_link_or_a_group() {
    let dns = [
        "A example.com 169.254.169.254",
        "A example.com 224.0.1.75",
        "A example.com 255.255.255.255",
        "A example.com 0.0.0.0",
        "AAAA example.com fe80::1",
        "AAAA example.com ff02::1",
        "AAAA example.com ::",
        "AAAA example.com ::ffff:169.254.169.254",
    ];
    let mut search = locate("example.com", Some(5060), Some(Udp), false);
    assert_eq!(
        search.end(&dns),
        Exhausted::NoRecords {
            name: "example.com".to_owned()
        }
    );

    let dns = [
        dns.as_slice(),
        &["A example.com 192.0.2.1", "A example.com 127.0.0.1"],
    ]
    .concat();
    assert_eq!(
        locate("example.com", Some(5060), Some(Udp), false).targets(&dns),
        ["UDP 192.0.2.1:5060", "UDP 127.0.0.1:5060"]
    );
}

/// A search together with what it has asked.
struct Search {
    locator: Locator,
    destination: Destination,
    asked: Vec<String>,
}

fn locate(host: &str, port: Option<u16>, transport: Option<crate::flow::Transport>, sips: bool) -> Search {
    Search::new(host, port, transport, sips, Support::default())
}

impl Search {
    fn new(
        host: &str,
        port: Option<u16>,
        transport: Option<crate::flow::Transport>,
        sips: bool,
        support: Support,
    ) -> Self {
        let destination = Destination {
            host: host.into(),
            port,
            transport,
            sips,
        };
        Self {
            locator: Locator::new(destination.clone(), support, [1; 32]),
            destination,
            asked: Vec::new(),
        }
    }

    fn reseed(&mut self, number: u16) {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        self.locator = Locator::new(self.destination.clone(), Support::default(), seed);
    }

    /// Answers every open query from lines of the form `KIND name fields...`.
    fn answer(&mut self, dns: &[&str]) {
        while let Some(query) = self.locator.poll_query() {
            let kind = match query.kind {
                RecordKind::Naptr => "NAPTR",
                RecordKind::Srv => "SRV",
                RecordKind::A => "A",
                RecordKind::Aaaa => "AAAA",
            };
            self.asked.push(format!("{kind} {}", query.name));
            let records: Vec<_> = dns
                .iter()
                .map(|line| line.split(' ').collect::<Vec<_>>())
                .filter(|fields| fields[0] == kind && fields[1] == query.name)
                .map(|fields| record(&fields))
                .collect();
            let answer = if records.is_empty() {
                Answer::NoData
            } else {
                Answer::Records(records)
            };
            self.locator.handle_answer(&query, answer);
        }
    }

    fn run(&mut self, dns: &[&str]) -> (Vec<String>, Exhausted) {
        let mut targets = Vec::new();
        loop {
            self.answer(dns);
            match self.locator.next_target() {
                Next::Target(target) => {
                    targets.push(format!("{} {}", target.transport.via_token(), target.address));
                }
                Next::Waiting => assert!(targets.len() < 1_000, "the search does not end"),
                Next::Exhausted(why) => return (targets, why),
            }
        }
    }

    fn targets(&mut self, dns: &[&str]) -> Vec<String> {
        self.run(dns).0
    }

    fn end(&mut self, dns: &[&str]) -> Exhausted {
        self.run(dns).1
    }
}

fn record(fields: &[&str]) -> Record {
    let number = |index: usize| fields[index].parse().unwrap();
    match fields[0] {
        "NAPTR" => Record::Naptr(Naptr {
            order: number(2),
            preference: number(3),
            flags: fields[4].into(),
            services: fields[5].into(),
            regexp: String::new(),
            replacement: fields[6].into(),
        }),
        "SRV" => Record::Srv(Srv {
            priority: number(2),
            weight: number(3),
            port: number(4),
            target: fields[5].into(),
        }),
        _ => Record::Address(fields[2].parse().unwrap()),
    }
}

fn shown((transport, address): (crate::flow::Transport, &str)) -> String {
    format!("{} {address}", transport.via_token())
}
