//! The registrar: challenges, bindings, their flows and their ends.

use std::net::SocketAddr;
use std::time::Duration;

use model::directory::{DigestAlgorithm, Edit, Epoch, Update};
use model::status::{RegistrationRefusal, SipTransport, ZoneEvent};
use sip::digest::{Algorithm, Challenge, ClientCredentials, Secret, answer};
use sip::flow::{Flow, Transport};
use sip::message::{HeaderName, Message, Method};
use switch::registrar::{
    BINDINGS_PER_USER_MAX, LIFETIME_DATAGRAM_MAX, LIFETIME_DEFAULT, LIFETIME_MAX, LIFETIME_MIN,
};
use switch::{Input, KEEP_ALIVE_EVERY, KeepAlive, KeepAliveManner, PlainMedia};

use crate::pages::page;
use crate::stranger;
use crate::world::{DOMAIN, World, config, credential};

const SECOND: Duration = Duration::from_secs(1);

/// A zone with one user, whose phone has registered over TLS.
fn anna() -> World {
    let mut world = World::new(&["anna"]);
    world.register("anna", Transport::Tls);
    world
}

/// Registers with these headers from a phone and returns the final response.
fn register(world: &mut World, phone: usize, headers: &[(&str, &str)]) -> Message {
    world.phones[phone].register_with(world.now, headers);
    world.settle();
    world.phones[phone].responses.last().unwrap().clone()
}

fn status(response: &Message) -> u16 {
    response.status().unwrap().code()
}

fn contacts(response: &Message) -> Vec<String> {
    response.headers(HeaderName::Contact).map(str::to_owned).collect()
}

#[test]
fn a_register_is_challenged_once_and_accepted_with_its_lifetime() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);

    let response = register(
        &mut world,
        anna,
        &[("Contact", "<sip:anna@10.7.0.1>;q=0.5;expires=600")],
    );

    assert_eq!(status(&response), 200);
    assert_eq!(contacts(&response), ["<sip:anna@10.7.0.1>;q=0.5;expires=600"]);
    assert_eq!(world.zone.counters().identity.challenged, 1);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 1);
    let registered = world.zone.registered();
    let ZoneEvent::Registered {
        user,
        from,
        user_agent,
        transport,
        ..
    } = &world.events[0]
    else {
        panic!("{:?}", world.events)
    };
    assert_eq!((user.as_str(), from.as_str()), ("anna", "10.7.0.1:5060"));
    assert_eq!(user_agent.as_deref(), Some("phone-0"));
    assert_eq!((&registered[0].user, &registered[0].from), (user, from));
    assert_eq!(*transport, Some(SipTransport::Tls));
    assert_eq!(registered[0].transport, *transport);
    assert_eq!(registered.len(), 1);
}

#[test]
fn the_one_challenge_has_the_algorithm_of_the_credential() {
    let mut world = World::new(&["anna", "old"]);
    let edits = vec![Edit::PutCredential(credential("old", DigestAlgorithm::Md5))];
    let removal = Edit::RemoveCredential("id-old".parse().unwrap(), model::directory::Generation(1));
    let change = model::directory::Change {
        account: "acme".parse().unwrap(),
        since: Epoch(1),
        epoch: Epoch(2),
        edits: [vec![removal], edits].concat(),
    };
    world.input(Input::Directory(Update::Change(change)));

    for (name, algorithm) in [("anna", "SHA-256"), ("old", "MD5"), ("nobody", "SHA-256")] {
        let to = format!("<sip:{name}@{DOMAIN}>");
        let request = stranger::request(
            "REGISTER",
            &format!("sip:{DOMAIN}"),
            1,
            &[("To", &to), ("Call-ID", name)],
        );
        let request = renumbered(request, name);
        let answers = world.ask(stranger::flow(Transport::Udp), request);

        let challenges: Vec<&str> = answers[0].headers(HeaderName::WwwAuthenticate).collect();
        assert_eq!((status(&answers[0]), challenges.len()), (401, 1), "{name}");
        assert!(
            challenges[0].contains(&format!("algorithm={algorithm}, ")),
            "{name}: {}",
            challenges[0]
        );
    }
}

/// The same request in a transaction of its own.
fn renumbered(request: Message, mark: &str) -> Message {
    let text = String::from_utf8(request.into_bytes()).unwrap();
    Message::parse_datagram(
        text.replace("branch=z9hG4bK", &format!("branch=z9hG4bK-{mark}"))
            .into_bytes(),
    )
    .unwrap()
}

#[test]
fn a_wrong_password_is_challenged_again_and_told() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);
    world.phones[anna].password = "guess".to_owned();

    world.phones[anna].register(world.now);
    world.settle();

    assert_eq!(world.phones[anna].register_statuses, [401]);
    assert_eq!(world.zone.counters().identity.wrong_answers, 1);
    assert!(matches!(
        world.events[..],
        [ZoneEvent::RegistrationRefused {
            why: RegistrationRefusal::WrongCredentials,
            ..
        }]
    ));
}

#[test]
fn bindings_are_listed_removed_one_by_one_and_all_at_once() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);
    register(
        &mut world,
        anna,
        &[("Contact", "<sip:a@h1>, <sip:b@h2>"), ("Contact", "<sip:c@h3>")],
    );

    let listed = register(&mut world, anna, &[]);
    assert_eq!(
        contacts(&listed),
        [
            "<sip:a@h1>;expires=600",
            "<sip:b@h2>;expires=600",
            "<sip:c@h3>;expires=600"
        ]
    );

    let fewer = register(&mut world, anna, &[("Contact", "<sip:b@h2>;expires=0")]);
    assert_eq!(
        contacts(&fewer),
        ["<sip:a@h1>;expires=600", "<sip:c@h3>;expires=600"]
    );

    world.events.clear();
    let none = register(&mut world, anna, &[("Contact", "*"), ("Expires", "0")]);
    assert_eq!((status(&none), contacts(&none).len()), (200, 0));
    assert!(matches!(world.events[..], [ZoneEvent::Unregistered { .. }]));
}

#[test]
fn a_lifetime_is_granted_within_the_limits() {
    let seconds = |lifetime: Duration| lifetime.as_secs().to_string();
    let (tls, udp) = (Transport::Tls, Transport::Udp);
    let cases = [
        (tls, seconds(LIFETIME_MIN), 200, LIFETIME_MIN),
        (tls, seconds(LIFETIME_MAX), 200, LIFETIME_MAX),
        (tls, seconds(LIFETIME_MAX + SECOND), 200, LIFETIME_MAX),
        (tls, seconds(LIFETIME_MIN - SECOND), 423, LIFETIME_MIN),
        (udp, seconds(LIFETIME_DATAGRAM_MAX), 200, LIFETIME_DATAGRAM_MAX),
        (
            udp,
            seconds(LIFETIME_DATAGRAM_MAX + SECOND),
            200,
            LIFETIME_DATAGRAM_MAX,
        ),
        (udp, seconds(LIFETIME_MIN - SECOND), 423, LIFETIME_MIN),
    ];
    for (transport, asked, expected, lifetime) in cases {
        let mut world = World::new(&["anna"]);
        let anna = world.add("anna", transport);

        let response = register(
            &mut world,
            anna,
            &[("Contact", "<sip:a@h1>"), ("Expires", &asked)],
        );

        assert_eq!(status(&response), expected, "{asked} over {transport}");
        if expected == 200 {
            assert_eq!(
                contacts(&response),
                [format!("<sip:a@h1>;expires={}", lifetime.as_secs())]
            );
        } else {
            assert_eq!(response.min_expires().map(u64::from), Some(lifetime.as_secs()));
        }
    }
}

#[test]
fn the_contact_parameter_outweighs_the_header_and_nothing_means_the_default() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);

    let response = register(
        &mut world,
        anna,
        &[
            ("Contact", "<sip:a@h1>;expires=120, <sip:b@h2>"),
            ("Expires", "240"),
        ],
    );
    assert_eq!(
        contacts(&response),
        ["<sip:a@h1>;expires=120", "<sip:b@h2>;expires=240"]
    );

    let response = register(&mut world, anna, &[("Contact", "<sip:c@h3>")]);
    assert_eq!(
        contacts(&response)[2],
        format!("<sip:c@h3>;expires={}", LIFETIME_DEFAULT.as_secs())
    );
}

#[test]
fn a_binding_ends_when_its_time_is_over_unless_it_was_refreshed() {
    let mut world = anna();
    world.run(599 * SECOND);
    world.phones[0].register(world.now);
    world.settle();

    world.run(599 * SECOND);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 1);
    world.events.clear();
    world.run(SECOND);

    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
    assert!(matches!(world.events[..], [ZoneEvent::Unregistered { .. }]));
}

#[test]
fn the_time_left_is_told_and_a_live_binding_never_says_zero() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);
    register(&mut world, anna, &[("Contact", "<sip:a@h1>;expires=60")]);

    world.run(Duration::from_millis(59_900));

    assert_eq!(
        contacts(&register(&mut world, anna, &[])),
        ["<sip:a@h1>;expires=1"]
    );
}

#[test]
fn a_stream_binding_ends_with_its_connection() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut world = World::new(&["anna"]);
        world.register("anna", transport);
        world.events.clear();

        world.disconnect(0);

        assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
        assert!(matches!(world.events[..], [ZoneEvent::Unregistered { .. }]));
    }
}

#[test]
fn a_binding_moves_to_the_connection_it_is_refreshed_over() {
    let mut world = World::new(&["anna"]);
    let flows = [
        world.add("anna", Transport::Tls),
        world.add("anna", Transport::Tls),
    ];
    for phone in flows {
        register(&mut world, phone, &[("Contact", "<sip:anna@device.example>")]);
        world.run(SECOND);
    }

    world.disconnect(flows[0]);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 1);
    world.disconnect(flows[1]);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
}

#[test]
fn requests_go_over_the_flow_of_the_binding_whatever_the_contact_says() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut world = World::new(&["talker", "north"]);
        world.register("talker", Transport::Tls);
        let north = world.add("north", transport);
        register(
            &mut world,
            north,
            &[("Contact", "<sip:north@198.51.100.99:9>;expires=600")],
        );

        page(&mut world);

        assert_eq!(world.phones[north].invites.len(), 1, "{transport}");
        assert_eq!(
            world.phones[north].invites[0].request_uri(),
            Some("sip:north@198.51.100.99:9")
        );
        assert!(world.stray.is_empty(), "nothing goes to the host of the contact");
    }
}

#[test]
fn the_source_of_a_datagram_counts_and_not_its_via() {
    let mut world = World::new(&["talker", "north"]);
    world.register("talker", Transport::Tls);
    let north = world.add("north", Transport::Udp);
    // Behind an address translator: the phone does not know this address of its own.
    world.phones[north].flow.local = SocketAddr::from(([203, 0, 113, 7], 61_234));

    register(&mut world, north, &[("Contact", "<sip:north@192.168.1.5>")]);
    page(&mut world);

    assert_eq!(world.phones[north].invites.len(), 1);
}

#[test]
fn a_udp_flow_is_kept_open_and_a_stream_is_not() {
    let mut settings = config();
    settings.media.plain = PlainMedia::OverClearFlows;
    settings.keep_alive = Some(KeepAlive {
        manner: KeepAliveManner::LineBreaks,
        every: KEEP_ALIVE_EVERY,
    });
    let mut world = World::with_config(settings, &["anna", "bert"]);
    world.register("anna", Transport::Udp);
    world.register("bert", Transport::Tls);

    world.run(4 * KEEP_ALIVE_EVERY);

    assert_eq!((world.phones[0].keep_alives, world.phones[1].keep_alives), (4, 0));
    assert_eq!(world.zone.counters().registrations.keep_alives, 4);
}

#[test]
fn a_phone_that_sends_from_one_port_and_listens_at_another_is_reached_where_it_listens() {
    let mut settings = config();
    settings.media.plain = PlainMedia::OverClearFlows;
    settings.keep_alive = Some(KeepAlive {
        manner: KeepAliveManner::LineBreaks,
        every: KEEP_ALIVE_EVERY,
    });
    for (rport, port) in [("", 5_070), (";rport", 49_152)] {
        let mut world = World::with_config(settings.clone(), &["mallory"]);
        let mut flow = stranger::flow(Transport::Udp);
        flow.remote.set_port(49_152);

        register_by_hand(&mut world, flow, rport);
        world.run(KEEP_ALIVE_EVERY);

        let (way, octets) = world.stray.last().unwrap();
        assert_eq!((way.remote.port(), octets.as_slice()), (port, &b"\r\n\r\n"[..]));
    }
}

/// Registers mallory over a flow with requests whose Via has this parameter.
fn register_by_hand(world: &mut World, flow: Flow, rport: &str) {
    let uri = format!("sip:{DOMAIN}");
    let to = format!("<sip:mallory@{DOMAIN}>");
    let request = |number, headers: &[(&str, &str)]| {
        let message = stranger::request("REGISTER", &uri, number, headers);
        let text = String::from_utf8(message.into_bytes()).unwrap();
        Message::parse_datagram(text.replace(";rport", rport).into_bytes()).unwrap()
    };
    let refused = world.ask(flow, request(1, &[("To", &to)]));
    let challenge = refused[0].header(HeaderName::WwwAuthenticate).unwrap();
    let challenge = Challenge::choose([challenge], Algorithm::Md5).unwrap();
    let credentials = ClientCredentials {
        username: "id-mallory".to_owned(),
        password: Secret::from("secret-mallory"),
        weakest: Algorithm::Md5,
    };
    let answer = answer(&challenge, &credentials, "REGISTER", &uri, 1, "cnonce");
    let accepted = request(2, &[("To", &to), ("Authorization", &answer)]);
    assert_eq!(world.status_of(flow, accepted), 200);
}

#[test]
fn a_udp_flow_can_be_kept_open_by_questions() {
    let mut settings = config();
    settings.media.plain = PlainMedia::OverClearFlows;
    settings.keep_alive = Some(KeepAlive {
        manner: KeepAliveManner::Options,
        every: KEEP_ALIVE_EVERY,
    });
    let mut world = World::with_config(settings, &["anna"]);
    world.register("anna", Transport::Udp);

    world.run(2 * KEEP_ALIVE_EVERY);

    assert_eq!(world.phones[0].questions, 2);
}

#[test]
fn each_device_of_a_user_is_asked_to_fetch_its_configuration_and_nobody_else_is() {
    let mut world = World::new(&["anna", "berta", "carl"]);
    for (user, transport) in [
        ("anna", Transport::Tls),
        ("anna", Transport::Udp),
        ("berta", Transport::Tls),
    ] {
        let phone = world.register(user, transport);
        world.phones[phone].late = Some(Vec::new());
    }
    let anna = "anna".parse().unwrap();

    let asked = world.zone.check_sync(world.now, &anna, false);
    world.settle();

    assert_eq!(asked, 2);
    let mut asked_of = |phone: usize| world.phones[phone].late.replace(Vec::new()).unwrap();
    for phone in [0, 1] {
        let [notify] = &asked_of(phone)[..] else {
            panic!("one request");
        };
        assert_eq!(notify.method(), Some(Method::Notify));
        assert_eq!(notify.header(HeaderName::Event), Some("check-sync;reboot=false"));
        assert!(notify.header(HeaderName::SubscriptionState).is_some());
    }
    assert!(asked_of(2).is_empty());
    assert_eq!(
        world.zone.check_sync(world.now, &"carl".parse().unwrap(), true),
        0
    );
    assert_eq!(
        world.zone.check_sync(world.now, &"berta".parse().unwrap(), true),
        1
    );
    world.settle();
    let restart = &world.phones[2].late.take().unwrap()[0];
    assert_eq!(restart.header(HeaderName::Event), Some("check-sync;reboot=true"));
}

#[test]
fn an_older_request_changes_nothing() {
    let mut world = anna();
    let older = world.phones[0].contact();
    world.phones[0].rewind_registers();

    let response = register(&mut world, 0, &[("Contact", &format!("{older};expires=0"))]);

    assert_eq!(status(&response), 500);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 1);
}

#[test]
fn a_request_with_one_bad_contact_changes_nothing() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);

    let response = register(&mut world, anna, &[("Contact", "<sip:a@h1>, <tel:+1555>")]);

    assert_eq!(status(&response), 400);
    assert!(contacts(&register(&mut world, anna, &[])).is_empty());
}

#[test]
fn one_binding_more_than_allowed_pushes_out_the_one_refreshed_longest_ago() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);
    for number in 0..=BINDINGS_PER_USER_MAX {
        world.run(SECOND);
        let response = register(&mut world, anna, &[("Contact", &format!("<sip:a{number}@h>"))]);
        assert_eq!(status(&response), 200);
        assert_eq!(contacts(&response).len(), (number + 1).min(BINDINGS_PER_USER_MAX));
    }

    let left = contacts(&register(&mut world, anna, &[]));
    assert!(left[0].starts_with("<sip:a1@h>"), "{left:?}");
}

#[test]
fn a_flow_of_rfc_5626_is_confirmed_and_identified_by_instance_and_number() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);
    let contact =
        |host: &str, flow: u32| format!("<sip:a@{host}>;+sip.instance=\"<urn:uuid:1>\";reg-id={flow}");
    let supported = ("Supported", "path, outbound");

    let first = register(&mut world, anna, &[("Contact", &contact("h1", 1)), supported]);
    assert_eq!(first.header(HeaderName::Require), Some("outbound"));
    assert!(first.header(HeaderName::FlowTimer).is_some());
    register(&mut world, anna, &[("Contact", &contact("h2", 2)), supported]);
    let replaced = register(&mut world, anna, &[("Contact", &contact("h3", 1)), supported]);

    assert_eq!(
        contacts(&replaced),
        [
            format!("{};expires=600", contact("h3", 1)),
            format!("{};expires=600", contact("h2", 2))
        ]
    );
}

#[test]
fn several_contacts_beside_a_flow_are_refused() {
    let mut world = World::new(&["anna"]);
    let anna = world.add("anna", Transport::Tls);
    let flow = "<sip:a@h1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";

    let two = register(&mut world, anna, &[("Contact", flow), ("Contact", "<sip:b@h2>")]);
    let one_goes = register(
        &mut world,
        anna,
        &[("Contact", flow), ("Contact", "<sip:b@h2>;expires=0")],
    );

    assert_eq!((status(&two), status(&one_goes)), (400, 200));
}

#[test]
fn a_path_is_kept_returned_and_becomes_the_route() {
    let mut world = World::new(&["talker", "north"]);
    world.register("talker", Transport::Tls);
    let north = world.add("north", Transport::Tls);
    let path = "<sip:p2.example;lr>, <sip:p1.example;lr;ob>";

    let response = register(
        &mut world,
        north,
        &[
            ("Contact", "<sip:north@h1>"),
            ("Supported", "path"),
            ("Path", path),
        ],
    );
    page(&mut world);

    let returned: Vec<&str> = response.list(HeaderName::Path).collect();
    assert_eq!(returned, ["<sip:p2.example;lr>", "<sip:p1.example;lr;ob>"]);
    let route: Vec<&str> = world.phones[north].invites[0].list(HeaderName::Route).collect();
    assert_eq!(route, returned);
}

#[test]
fn a_lost_connection_between_two_registers_costs_no_binding_of_another_device() {
    let mut world = anna();
    let second = world.register("anna", Transport::Tls);

    world.disconnect(0);

    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 1);
    let left = contacts(&register(&mut world, second, &[]));
    assert!(left[0].contains("10.7.0.2"), "{left:?}");
}

#[test]
fn who_registers_by_its_authorization_id_is_told_of_under_that_name() {
    let mut world = World::new(&["anna"]);
    let phone = world.add("id-anna", Transport::Tls);
    world.phones[phone].credentials_of = Some("anna".to_owned());

    let response = register(&mut world, phone, &[("Contact", "<sip:anna@h1>")]);

    assert_eq!(status(&response), 403);
    assert!(
        matches!(world.events.as_slice(), [ZoneEvent::RegistrationRefused { user, why, .. }]
            if user == "id-anna" && *why == RegistrationRefusal::OtherUser),
        "{:?}",
        world.events
    );
}
