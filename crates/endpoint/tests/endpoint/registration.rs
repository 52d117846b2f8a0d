//! Registration statuses, their causes, and recovery from each.

use std::time::Duration;

use endpoint::profile::{PageMode, SlotProfile, TargetProfile};
use endpoint::tones::ToneSource;
use endpoint::{Input, KeepaliveTimes, Profile, SLOTS_MAX};
use model::status::{Cause, CertificateFault, DeviceEvent, Shown, TargetRole};
use model::{SlotKind, SlotPosition};
use sip::flow::Transport;
use sip::locate::{Answer, Record, RecordKind};
use sip::message::{HeaderName, Message};

use crate::server::Registrar;
use crate::world::{PRIMARY, Reach, SECONDARY, World, account, address, profile, slot, target};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_slot_registers_by_digest_and_shows_successful() {
    let mut world = World::new(profile(), Registrar::challenging("secret"));

    world.begin();
    world.run_for(SECOND);

    let status = world.registration(0);
    assert_eq!(status.shown, Shown::Successful);
    assert_eq!(status.cause, None);
    let target = status.target.expect("it registered somewhere");
    assert_eq!(
        (target.role, target.address.as_str(), target.transport.as_str()),
        (TargetRole::Primary, PRIMARY, "TLS")
    );
    assert_eq!(world.server().registers.len(), 2, "one challenged, one answered");
}

#[test]
fn a_register_names_the_device_and_the_proxy() {
    let mut world = World::registered(profile());

    let register = &world.server().accepted[0];

    assert_eq!(register.request_uri(), Some("sip:example.com"));
    assert_eq!(
        register.header(HeaderName::Route),
        Some("<sip:192.0.2.10:5061;transport=tls;lr>")
    );
    let contact = register.header(HeaderName::Contact).unwrap();
    assert!(
        contact.starts_with("<sip:hall@198.51.100.7:40000;transport=tls>;+sip.instance="),
        "{contact}"
    );
    assert!(contact.ends_with(";reg-id=1"), "{contact}");
}

#[test]
fn a_first_hop_without_outbound_support_gets_a_plain_contact() {
    let mut world = World::new(profile(), answering(439));
    world.server().plain_contacts_only = true;

    world.begin();
    world.run_for(SECOND);

    assert_eq!(world.shown(0), "Successful");
    let contact = world.server().accepted[0].header(HeaderName::Contact).unwrap();
    assert_eq!(contact, "<sip:hall@198.51.100.7:40000;transport=tls>");
}

#[test]
fn a_wrong_password_is_rejected_tried_slowly_and_mended_without_a_restart() {
    let mut world = World::new(profile(), Registrar::challenging("another"));
    world.begin();

    world.run_for(MINUTE / 4);
    assert_eq!(world.shown(0), "Rejected by Server");
    assert_eq!(world.cause(0), Some(Cause::ChallengedAgain { status: 401 }));
    assert!(
        world.server().registers.len() <= 2,
        "wrong passwords tried quickly get the address banned"
    );

    world.server().registrar = Registrar::challenging("secret");
    world.run_for(MINUTE);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn refusals_are_named_and_mended_without_a_restart() {
    for (status, cause) in [
        (403, Cause::Forbidden),
        (404, Cause::NotFound),
        (400, Cause::Refused { status: 400 }),
        (603, Cause::Refused { status: 603 }),
    ] {
        let mut world = World::new(profile(), answering(status));
        world.begin();

        world.run_for(SECOND);
        assert_eq!(
            (world.shown(0), world.cause(0)),
            ("Rejected by Server", Some(cause))
        );

        world.server().registrar = Registrar::Accepts { expires: 600 };
        world.run_for(MINUTE);
        assert_eq!(world.shown(0), "Successful");
    }
}

#[test]
fn servers_that_cannot_serve_are_named_and_tried_again() {
    for (status, cause) in [
        (480, Cause::TemporarilyUnavailable),
        (500, Cause::ServerFailure { status: 500 }),
        (503, Cause::ServerFailure { status: 503 }),
    ] {
        let mut world = World::new(profile(), answering(status));
        world.begin();

        world.run_for(SECOND);
        assert_eq!(
            (world.shown(0), world.cause(0)),
            ("No reply from server", Some(cause))
        );

        world.server().registrar = Registrar::Accepts { expires: 600 };
        world.run_for(Duration::from_secs(5));
        assert_eq!(world.shown(0), "Successful");
    }
}

#[test]
fn an_interval_too_brief_is_mended_at_once() {
    let mut world = World::new(profile(), Registrar::WantsAtLeast { min_expires: 7200 });

    world.begin();
    world.run_for(SECOND);

    assert_eq!(world.shown(0), "Successful");
    assert_eq!(world.server().accepted[0].expires(), Some(7200));
    let mended = world.events.iter().find_map(|(_, event)| match event {
        DeviceEvent::RegistrationChanged { registration, .. } if registration.cause.is_some() => {
            Some((registration.shown, registration.cause.clone()))
        }
        _ => None,
    });
    let too_brief = Cause::IntervalTooBrief { min_expires_s: 7200 };
    assert_eq!(mended, Some((Shown::Connecting, Some(too_brief))));
}

#[test]
fn a_registrar_that_always_wants_longer_is_followed_three_times_and_not_once_more() {
    let mut world = World::new(profile(), Registrar::WantsEverMore);

    world.begin();
    world.run_for(SECOND);

    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("Rejected by Server", Some(Cause::Refused { status: 423 }))
    );
    assert_eq!(world.server().registers.len(), 4);
}

#[test]
fn a_retry_after_is_honoured() {
    let headers = vec![("Retry-After", "90".to_owned())];
    let mut world = World::new(profile(), Registrar::Answers { status: 503, headers });
    world.begin();

    world.run_for(89 * SECOND);
    assert_eq!(world.server().registers.len(), 1);
    assert_eq!(
        world.cause(0),
        Some(Cause::RetryAfter {
            status: 503,
            retry_after_s: 90
        })
    );

    world.server().registrar = Registrar::Accepts { expires: 600 };
    world.run_for(2 * SECOND);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_retry_after_of_a_day_silences_a_loudspeaker_for_five_minutes_only() {
    let headers = vec![("Retry-After", "86400".to_owned())];
    let mut world = World::new(profile(), Registrar::Answers { status: 503, headers });
    world.begin();
    world.run_for(SECOND);

    world.server().registrar = Registrar::Accepts { expires: 600 };
    world.run_for(299 * SECOND);

    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_registrar_without_answer_is_named_and_asked_again() {
    let mut world = World::new(profile(), Registrar::Silent);
    world.begin();

    world.run_for(33 * SECOND);
    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("No reply from server", Some(Cause::Timeout))
    );

    world.server().registrar = Registrar::Accepts { expires: 600 };
    world.run_for(10 * SECOND);
    assert_eq!(world.shown(0), "Successful");
    assert_eq!(
        world.connects.len(),
        1,
        "the connection answers pings, so it is kept"
    );
}

#[test]
fn a_connection_without_any_answer_is_made_anew() {
    let mut world = World::new(profile(), Registrar::Silent);
    world.servers.clear();
    world.begin();

    world.run_for(33 * SECOND);
    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("No reply from server", Some(Cause::Timeout))
    );

    world.add_server(PRIMARY, Registrar::Accepts { expires: 600 });
    world.run_for(10 * SECOND);
    assert_eq!(world.shown(0), "Successful");
    assert_eq!(world.connects.len(), 2);
}

#[test]
fn a_connection_that_cannot_be_made_is_named_and_tried_again() {
    let causes = [
        Cause::TcpRefused,
        Cause::TcpUnreachable,
        Cause::TcpTimeout,
        Cause::TlsVersion,
        Cause::TlsCertificate {
            fault: CertificateFault::Expired,
        },
        Cause::TlsName {
            expected: "192.0.2.10".to_owned(),
        },
        Cause::TlsHandshake,
    ];
    for cause in causes {
        let mut world = World::new(profile(), Registrar::Accepts { expires: 600 });
        world.set_reach(PRIMARY, Reach::Fails(cause.clone()));
        world.begin();

        world.run_for(SECOND);
        assert_eq!(
            (world.shown(0), world.cause(0)),
            ("No reply from server", Some(cause))
        );
        assert!(world.registration(0).next_try_ms.is_some());

        world.set_reach(PRIMARY, Reach::Open);
        world.run_for(10 * SECOND);
        assert_eq!((world.shown(0), world.cause(0)), ("Successful", None));
    }
}

#[test]
fn a_connection_attempt_without_answer_ends_as_a_timeout() {
    let mut world = World::new(profile(), Registrar::Accepts { expires: 600 });
    world.set_reach(PRIMARY, Reach::BlackHole);
    world.begin();

    world.run_for(14 * SECOND);
    assert_eq!(world.shown(0), "Connecting");
    world.run_for(2 * SECOND);

    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("No reply from server", Some(Cause::TcpTimeout))
    );
}

#[test]
fn a_name_without_address_is_named_and_found_later() {
    let mut world = World::new(named("pbx.example.com"), Registrar::Accepts { expires: 600 });
    world.begin();

    world.run_for(SECOND);
    let cause = Cause::DnsNoRecords {
        name: "pbx.example.com".to_owned(),
    };
    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("No reply from server", Some(cause))
    );

    let records = vec![Record::Address(address(PRIMARY).ip())];
    world.dns.insert(
        (RecordKind::A, "pbx.example.com".to_owned()),
        Answer::Records(records),
    );
    world.run_for(10 * SECOND);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_resolver_that_fails_is_named() {
    let mut world = World::new(named("pbx.example.com"), Registrar::Accepts { expires: 600 });
    for kind in [RecordKind::A, RecordKind::Aaaa] {
        world
            .dns
            .insert((kind, "pbx.example.com".to_owned()), Answer::Failed);
    }

    world.begin();
    world.run_for(SECOND);

    assert_eq!(
        world.cause(0),
        Some(Cause::DnsFailed {
            name: "pbx.example.com".to_owned()
        })
    );
}

#[test]
fn a_restarted_server_has_the_device_back_within_a_second() {
    let mut world = World::registered(profile());

    world.close_connections(PRIMARY);
    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("No reply from server", Some(Cause::ConnectionClosed))
    );
    world.run_for(SECOND);

    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_server_that_closes_every_connection_is_not_stormed() {
    let mut world = World::registered(profile());
    world.server().registrar = Registrar::Silent;

    let until = world.now + MINUTE;
    while world.now < until {
        world.close_connections(PRIMARY);
        world.run_for(SECOND / 2);
    }

    let attempts = world.connects.len();
    assert!((3..=12).contains(&attempts), "{attempts} connections in a minute");
}

#[test]
fn a_binding_is_refreshed_before_it_expires() {
    let mut world = World::new(profile(), Registrar::Accepts { expires: 60 });
    world.begin();

    world.run_for(10 * MINUTE);

    let times: Vec<_> = world.server().registers.iter().map(|(at, _)| *at).collect();
    assert!(times.len() >= 10);
    for pair in times.windows(2) {
        let wait = pair[1] - pair[0];
        assert!((40 * SECOND..=50 * SECOND).contains(&wait), "{wait:?}");
    }
}

#[test]
fn refreshes_keep_their_call_id_and_count_on() {
    let mut world = World::new(profile(), Registrar::challenging("secret"));
    world.begin();
    world.run_for(3 * 60 * MINUTE);

    let registers = &world.server().registers;
    let call_ids: Vec<_> = registers
        .iter()
        .map(|(_, register)| register.call_id().unwrap())
        .collect();
    let numbers: Vec<_> = registers
        .iter()
        .map(|(_, register)| register.cseq().unwrap().sequence)
        .collect();
    assert!(registers.len() >= 6);
    assert!(call_ids.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
}

#[test]
fn a_registrar_that_grants_a_second_gets_no_register_a_second() {
    let mut world = World::new(profile(), Registrar::Accepts { expires: 1 });
    world.begin();

    world.run_for(MINUTE);

    assert_eq!(world.shown(0), "Successful");
    assert!(world.server().registers.len() <= 13);
}

#[test]
fn a_shut_down_device_takes_its_bindings_back() {
    let mut world = World::registered(profile());

    world.input(Input::Shutdown);
    world.run_for(SECOND);

    assert_eq!(world.server().accepted.last().unwrap().expires(), Some(0));
    assert!(world.stopped && world.flows.is_empty());
}

#[test]
fn a_shut_down_device_does_not_wait_for_a_silent_registrar() {
    let mut world = World::registered(profile());
    world.server().registrar = Registrar::Silent;

    world.input(Input::Shutdown);
    world.run_for(3 * SECOND);

    assert!(world.stopped);
    assert_eq!(world.device.next_timeout(), None);
}

#[test]
fn a_stream_that_stops_ponging_is_replaced() {
    let mut world = World::registered(profile());
    world.run_for(MINUTE);
    let first = world.flow();

    world.frozen.push(first.connection);
    world.run_for(35 * SECOND);

    assert_eq!(world.shown(0), "Successful");
    assert_ne!(world.flow().connection, first.connection);
}

#[test]
fn a_server_that_never_pongs_is_not_left() {
    let mut world = World::new(profile(), Registrar::Accepts { expires: 3600 });
    world.server().answers_pings = false;
    world.begin();

    world.run_for(10 * MINUTE);

    assert_eq!(world.connects.len(), 1);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_flow_timer_makes_a_dead_flow_known_sooner() {
    let mut profile = profile();
    profile.times.uplink.keepalive = Some(KeepaliveTimes {
        interval: 20 * SECOND,
        answer: 2 * SECOND,
    });
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    world.server().extra_headers.push(("Flow-Timer", "4".to_owned()));
    world.begin();
    world.run_for(MINUTE);
    let first = world.flow();

    world.frozen.push(first.connection);
    world.run_for(7 * SECOND);

    assert_ne!(world.flow().connection, first.connection);
}

#[test]
fn a_datagram_flow_is_kept_alive_by_requests_and_registered_anew_when_silent() {
    let mut profile = profile();
    profile.targets[0].transport = Some(Transport::Udp);
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    world.begin();
    world.run_for(MINUTE);
    assert_eq!(world.shown(0), "Successful");
    let socket = world.flow().connection;

    world.frozen.push(socket);
    world.run_for(35 * SECOND);
    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("No reply from server", Some(Cause::Timeout))
    );
    world.frozen.clear();
    world.run_for(MINUTE);

    assert_eq!(world.shown(0), "Successful");
    assert_eq!(
        world.flow().connection,
        socket,
        "the socket is shared and stays open"
    );
    assert_eq!(world.server().registers.len(), 2);
}

#[test]
fn the_second_server_takes_over_when_the_first_is_out_of_reach() {
    let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.begin();
    world.run_for(SECOND);
    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Primary);

    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.close_connections(PRIMARY);
    world.run_for(SECOND);

    assert_eq!(world.shown(0), "Successful");
    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Secondary);
}

#[test]
fn the_second_server_does_not_wait_for_a_first_that_never_answers() {
    let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.set_reach(PRIMARY, Reach::BlackHole);

    world.begin();
    world.run_for(3 * SECOND);

    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Secondary);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_second_server_that_loses_the_race_is_left_alone() {
    let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.set_reach(PRIMARY, Reach::After(3 * SECOND));
    world.set_reach(SECONDARY, Reach::After(2 * SECOND));

    world.begin();
    world.run_for(10 * SECOND);

    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Primary);
    assert_eq!(world.connects.len(), 2, "both were tried");
    assert!(world.flow_to(SECONDARY).is_none());
}

#[test]
fn a_first_server_that_sheds_load_sends_the_device_to_the_second() {
    let headers = vec![("Retry-After", "120".to_owned())];
    let mut world = World::new(with_secondary(), Registrar::Answers { status: 503, headers });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });

    world.begin();
    world.run_for(SECOND);
    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Secondary);

    world.run_for(118 * SECOND);
    assert_eq!(
        world.server().registers.len(),
        1,
        "the first server asked for two minutes of rest"
    );
}

#[test]
fn a_first_server_whose_registrar_is_silent_sends_the_device_to_the_second() {
    let mut world = World::new(with_secondary(), Registrar::Silent);
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });

    world.begin();
    world.run_for(33 * SECOND);

    assert_eq!(world.shown(0), "Successful");
    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Secondary);
}

#[test]
fn the_device_moves_back_once_the_first_server_has_been_up_for_a_minute() {
    let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.begin();
    world.run_for(SECOND);

    world.set_reach(PRIMARY, Reach::Open);
    let again = world.connects.len();
    world.run_until(10 * MINUTE, |world| world.connects.len() > again);
    world.run_for(59 * SECOND);
    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Secondary);
    world.run_for(2 * SECOND);

    assert_eq!(world.registration(0).target.unwrap().role, TargetRole::Primary);
    assert_eq!(world.shown(0), "Successful");
    world.run_for(20 * SECOND);
    assert!(
        world.flow_to(SECONDARY).is_none(),
        "the link left behind is closed"
    );
}

#[test]
fn a_slot_that_the_first_server_does_not_serve_stays_with_the_second() {
    let mut profile = with_secondary();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Ring, 1).unwrap(), "bell"));
    let mut world = World::new(profile, Registrar::Accepts { expires: 600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.server().unserved_user = Some("bell");
    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.begin();
    world.run_for(SECOND);

    world.set_reach(PRIMARY, Reach::Open);
    world.run_for(5 * MINUTE);

    let role = |slot| world.registration(slot).target.unwrap().role;
    assert_eq!((world.shown(0), role(0)), ("Successful", TargetRole::Primary));
    assert_eq!((world.shown(1), role(1)), ("Successful", TargetRole::Secondary));

    world.close_connections(SECONDARY);
    world.run_for(SECOND);
    assert_eq!(world.shown(1), "No reply from server");
    assert!(world.registration(1).next_try_ms.is_some());
    world.server().unserved_user = None;
    world.run_for(2 * MINUTE);
    assert_eq!(
        (world.shown(1), world.registration(1).target.unwrap().role),
        ("Successful", TargetRole::Primary)
    );
}

#[test]
fn a_slot_that_the_first_server_refuses_is_tried_there_again_once_the_second_is_lost() {
    let mut world = World::new(with_secondary(), answering(403));
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.begin();
    world.set_reach(PRIMARY, Reach::Open);
    world.run_for(5 * MINUTE);
    assert_eq!(world.shown(0), "Successful");

    world.close_connections(SECONDARY);
    world.run_for(SECOND);
    assert_eq!(world.cause(0), Some(Cause::Forbidden));
    world.server().registrar = Registrar::Accepts { expires: 600 };
    world.run_for(2 * MINUTE);

    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_first_server_that_accepts_connections_but_registers_nobody_does_not_take_the_device_away() {
    let mut world = World::new(with_secondary(), Registrar::Silent);
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.begin();
    world.run_for(SECOND);

    world.set_reach(PRIMARY, Reach::Open);
    for _ in 0..60 {
        world.run_for(10 * SECOND);
        assert_eq!(
            world.shown(0),
            "Successful",
            "after {:?}",
            world.now - world.start
        );
    }
}

#[test]
fn all_slots_share_one_connection() {
    let mut profile = profile();
    profile.slots = (1..=51)
        .map(|port| {
            slot(
                SlotPosition::new(SlotKind::Page, port).unwrap(),
                &format!("zone{port}"),
            )
        })
        .collect();
    let mut world = World::new(profile, Registrar::challenging("secret"));

    world.begin();
    world.run_for(SECOND);

    assert_eq!(world.connects.len(), 1);
    assert!((0..51).all(|index| world.shown(index) == "Successful"));
}

#[test]
fn one_refused_slot_does_not_disturb_the_others() {
    let mut profile = profile();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Ring, 1).unwrap(), "bell"));
    let mut world = World::registered(profile);

    world.server().registrar = answering(503);
    world.run_for(59 * MINUTE);

    assert_eq!(world.connects.len(), 1);
}

#[test]
fn an_empty_slot_has_no_account() {
    let mut profile = profile();
    let position = SlotPosition::new(SlotKind::Ring, 1).unwrap();
    profile.slots.push(SlotProfile {
        position,
        account: None,
        tone: ToneSource::None,
        passcode: None,
        mode: PageMode::OneWay,
    });

    let world = World::registered(profile);

    assert_eq!(world.shown(1), "No Account");
}

#[test]
fn a_device_takes_72_slots_and_not_one_more() {
    for count in [SLOTS_MAX, SLOTS_MAX + 1] {
        let mut profile = profile();
        profile.slots = vec![slot(SlotPosition::BASE_PAGE, "hall"); count];

        let world = World::new(profile, Registrar::Silent);

        assert_eq!(world.device.status(world.now).slots.len(), SLOTS_MAX);
    }
}

#[test]
fn every_change_of_a_status_is_told_once() {
    let mut world = World::registered(profile());
    world.close_connections(PRIMARY);
    world.run_for(2 * MINUTE);

    let told: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            DeviceEvent::RegistrationChanged { registration, .. } => Some(registration.shown.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        ["Connecting", "Successful", "No reply from server", "Successful"]
    );
}

#[test]
fn a_status_says_since_when_it_has_been_so() {
    let mut world = World::registered(profile());

    world.run_for(MINUTE);

    let since_ms = world.registration(0).since_ms;
    assert_eq!(since_ms, 61_000);
}

fn answering(status: u16) -> Registrar {
    Registrar::Answers {
        status,
        headers: Vec::new(),
    }
}

fn with_secondary() -> Profile {
    let mut profile = profile();
    profile.targets.push(target(TargetRole::Secondary, SECONDARY));
    profile
}

fn named(host: &str) -> Profile {
    let mut profile = profile();
    profile.targets = vec![TargetProfile {
        host: host.to_owned(),
        port: Some(5061),
        ..target(TargetRole::Primary, PRIMARY)
    }];
    profile.slots[0].account = Some(account("hall"));
    profile
}

#[test]
fn line_ends_that_keep_a_flow_open_are_no_framing_errors_and_anything_else_is() {
    let mut world = World::registered(profile());
    let flow = world.flow();
    let mut framing_errors_after = |octets: &[u8]| {
        let error = Message::parse_datagram(octets.to_vec()).expect_err("no message");
        world.input(Input::Framing { flow, error });
        world.device.counters().framing_errors
    };

    assert_eq!(framing_errors_after(b"\r\n\r\n"), 0);
    assert_eq!(framing_errors_after(b"REGISTER"), 1);
}
