//! Attacks on who somebody is: answers to challenges, registrations, the name of a caller.

use std::time::Duration;

use model::status::{RegistrationRefusal, ZoneEvent};
use sip::digest::{Algorithm, Challenge, ClientCredentials, Secret, answer};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message};
use switch::Input;
use switch::registrar::{BINDINGS_PER_REQUEST_MAX, CONTACT_LENGTH_MAX, LIFETIME_MAX, PATHS_MAX};

use super::{code, register};
use crate::stranger::{self, request};
use crate::world::{DOMAIN, REALM, World};

#[test]
fn a02_an_answer_is_not_accepted_twice() {
    let mut world = World::new(&["mallory"]);
    let phone = world.add("mallory", Transport::Tls);
    world.phones[phone].tap = true;
    register(&mut world, &[("Contact", "<sip:m@h1>")]);
    let captured = world.phones[phone].tapped.last().unwrap().clone();
    let replayed = captured.replace("branch=z9hG4bK", "branch=z9hG4bKreplay");

    let answer = world.status_of(
        stranger::flow(Transport::Tls),
        Message::parse_datagram(replayed.into()).unwrap(),
    );

    assert_eq!(answer, 401);
    assert_eq!(world.zone.counters().identity.stale_answers, 1);
}

/// The status a REGISTER of mallory gets whose answer is made of the challenge after `alter`.
fn status_of_altered(world: &mut World, alter: impl Fn(&str) -> String) -> u16 {
    let flow = stranger::flow(Transport::Udp);
    let uri = format!("sip:{DOMAIN}");
    let to = format!("<sip:mallory@{DOMAIN}>");
    let refused = world.ask(flow, request("REGISTER", &uri, 1, &[("To", &to)]));
    let challenge = alter(refused[0].header(HeaderName::WwwAuthenticate).unwrap());
    let challenge = Challenge::choose([challenge.as_str()], Algorithm::Md5).unwrap();
    let credentials = ClientCredentials {
        username: "id-mallory".to_owned(),
        password: Secret::from("secret-mallory"),
        weakest: Algorithm::Md5,
    };
    let answer = answer(&challenge, &credentials, "REGISTER", &uri, 1, "cnonce");
    world.status_of(
        flow,
        request("REGISTER", &uri, 2, &[("To", &to), ("Authorization", &answer)]),
    )
}

#[test]
fn a02_an_answer_without_quality_of_protection_is_refused() {
    let mut world = World::new(&["mallory"]);

    assert_eq!(
        status_of_altered(&mut world, str::to_owned),
        200,
        "nothing else is wrong with the answer"
    );
    let mut world = World::new(&["mallory"]);
    assert_eq!(
        status_of_altered(&mut world, |challenge| challenge.replace(", qop=\"auth\"", "")),
        403
    );
}

#[test]
fn a02_credentials_in_an_ack_or_a_cancel_are_not_judged_and_not_answered() {
    for method in ["ACK", "CANCEL"] {
        let mut world = World::new(&["mallory"]);
        let uri = format!("sip:100@{DOMAIN}");
        let message = request(
            method,
            &uri,
            1,
            &[(
                "Proxy-Authorization",
                "Digest username=\"id-mallory\", response=\"0\"",
            )],
        );

        let answers = world.ask(stranger::flow(Transport::Udp), message);

        assert!(
            answers
                .iter()
                .all(|answer| code(answer) == 481 && method == "CANCEL"),
            "{method}: neither is challenged"
        );
        assert_eq!(world.zone.counters().identity, Default::default());
    }
}

#[test]
fn a03_an_answer_with_a_weaker_algorithm_is_refused() {
    let mut world = World::new(&["mallory"]);

    assert_eq!(
        status_of_altered(&mut world, |challenge| challenge.replace("SHA-256", "MD5")),
        403
    );
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
}

#[test]
fn a04_an_answer_made_for_another_realm_is_not_accepted() {
    let mut world = World::new(&["mallory"]);

    assert_eq!(
        status_of_altered(&mut world, |challenge| challenge.replace(REALM, "elsewhere")),
        401
    );
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
}

#[test]
fn a05_a_register_for_another_user_is_forbidden() {
    let mut world = World::new(&["mallory", "victim"]);
    let phone = world.add("victim", Transport::Tls);
    world.phones[phone].credentials_of = Some("mallory".to_owned());

    let response = register(&mut world, &[("Contact", "<sip:m@h1>")]);

    assert_eq!(code(&response), 403);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
    assert!(matches!(
        world.events[..],
        [ZoneEvent::RegistrationRefused {
            why: RegistrationRefusal::OtherUser,
            ..
        }]
    ));
}

#[test]
fn a05_removing_everything_needs_expires_zero_and_nothing_beside_it() {
    let mut world = World::new(&["mallory"]);
    register(&mut world, &[("Contact", "<sip:m@h1>")]);

    for headers in [
        &[("Contact", "*")][..],
        &[("Contact", "*"), ("Expires", "1")],
        &[("Contact", "*"), ("Expires", "never")],
        &[("Contact", "*, <sip:m@h2>"), ("Expires", "0")],
    ] {
        assert_eq!(code(&register(&mut world, headers)), 400, "{headers:?}");
    }
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 1);
}

#[test]
fn a05_two_hundred_contacts_are_refused() {
    let list = |count: usize| {
        (0..count)
            .map(|number| format!("<sip:m{number}@h>"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let mut world = World::new(&["mallory"]);

    assert_eq!(code(&register(&mut world, &[("Contact", &list(200))])), 400);
    assert_eq!(
        code(&register(
            &mut world,
            &[("Contact", &list(BINDINGS_PER_REQUEST_MAX + 1))]
        )),
        400
    );
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0);
    assert_eq!(
        code(&register(
            &mut world,
            &[("Contact", &list(BINDINGS_PER_REQUEST_MAX))]
        )),
        200
    );
}

#[test]
fn a05_a_contact_is_kept_up_to_its_limit() {
    let contact = |length: usize| {
        let start = "<sip:m@h>;x=";
        format!("{start}{}", "y".repeat(length - start.len()))
    };
    let mut world = World::new(&["mallory"]);

    assert_eq!(
        code(&register(
            &mut world,
            &[("Contact", &contact(CONTACT_LENGTH_MAX))]
        )),
        200
    );
    assert_eq!(
        code(&register(
            &mut world,
            &[("Contact", &contact(CONTACT_LENGTH_MAX + 1))]
        )),
        400
    );
}

#[test]
fn a05_impossible_lifetimes_are_bounded() {
    for expires in ["4294967295", "4294967296", "99999999999999999999", "-1"] {
        let mut world = World::new(&["mallory"]);

        let response = register(&mut world, &[("Contact", "<sip:m@h1>"), ("Expires", expires)]);

        assert_eq!(code(&response), 200, "{expires}");
        world.run(LIFETIME_MAX);
        assert_eq!(world.zone.status(world.now).accounts[0].bindings, 0, "{expires}");
    }
}

#[test]
fn a05_a_lifetime_of_zero_registers_nothing() {
    let mut world = World::new(&["mallory"]);

    let response = register(&mut world, &[("Contact", "<sip:m@h1>"), ("Expires", "0")]);

    assert_eq!(
        (code(&response), response.headers(HeaderName::Contact).count()),
        (200, 0)
    );
}

#[test]
fn a05_a_path_that_the_phone_does_not_know_of_is_refused_and_its_length_is_bounded() {
    let paths = |count: usize| vec!["<sip:evil.example;lr>"; count].join(", ");
    let mut world = World::new(&["mallory"]);

    let injected = register(&mut world, &[("Contact", "<sip:m@h1>"), ("Path", &paths(1))]);
    assert_eq!(
        (code(&injected), injected.header(HeaderName::Unsupported)),
        (420, Some("path"))
    );

    for (count, expected) in [(PATHS_MAX, 200), (PATHS_MAX + 1, 400)] {
        let headers = [
            ("Contact", "<sip:m@h1>"),
            ("Supported", "path"),
            ("Path", &paths(count)),
        ];
        assert_eq!(code(&register(&mut world, &headers)), expected, "{count}");
    }
}

#[test]
fn a05_a_service_route_in_a_request_is_not_given_back() {
    let mut world = World::new(&["mallory"]);

    let response = register(
        &mut world,
        &[
            ("Contact", "<sip:m@h1>"),
            ("Service-Route", "<sip:evil.example;lr>"),
        ],
    );

    assert_eq!(code(&response), 200);
    assert!(response.header(HeaderName::ServiceRoute).is_none());
}

#[test]
fn a05_naming_the_instance_of_another_user_takes_nothing_from_it() {
    let mut world = World::new(&["mallory", "victim"]);
    let victim = world.add("victim", Transport::Tls);
    let contact = "+sip.instance=\"<urn:uuid:victim>\";reg-id=1";
    let supported = ("Supported", "path, outbound");
    world.phones[victim].register_with(
        world.now,
        &[("Contact", &format!("<sip:v@h1>;{contact}")), supported],
    );
    world.settle();
    let thief = world.add("mallory", Transport::Tls);

    world.phones[thief].register_with(
        world.now,
        &[("Contact", &format!("<sip:m@h2>;{contact}")), supported],
    );
    world.settle();

    assert_eq!(world.phones[thief].register_statuses, [200]);
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 2);
    world.phones[victim].register_with(world.now, &[]);
    world.settle();
    let listed = world.phones[victim].responses.last().unwrap();
    assert!(
        listed
            .header(HeaderName::Contact)
            .unwrap()
            .starts_with("<sip:v@h1>")
    );
}

#[test]
fn a05_no_address_is_given_out_that_could_be_guessed() {
    let mut world = World::new(&["mallory", "victim"]);
    let victim = world.add("victim", Transport::Tls);
    world.phones[victim].register_with(
        world.now,
        &[
            ("Contact", "<sip:v@h1>;+sip.instance=\"<urn:uuid:victim>\""),
            ("Supported", "gruu, path"),
        ],
    );
    world.settle();
    let registered = world.phones[victim].responses.last().unwrap();
    let contact = registered.header(HeaderName::Contact).unwrap();
    assert!(!contact.contains("gruu"), "{contact}");

    let guessed = format!("sip:victim@{DOMAIN};gr=urn:uuid:victim");
    let answers = world.ask(
        stranger::flow(Transport::Udp),
        request("INVITE", &guessed, 1, &[]),
    );

    assert_eq!(code(&answers[0]), 407, "as any other address");
    assert!(world.phones[victim].invites.is_empty());
}

#[test]
fn a05_refusals_of_strangers_are_counted_and_not_told() {
    let mut world = World::new(&["mallory"]);
    let to = [("To", "<sip:x@evil.example>")];

    world.status_of(
        stranger::flow(Transport::Udp),
        request("REGISTER", &format!("sip:{DOMAIN}"), 1, &to),
    );

    assert_eq!(world.zone.counters().registrations.refused, 1);
    assert!(
        world.events.is_empty(),
        "a flood of them would be a flood of events"
    );
}

#[test]
fn a_user_that_asks_for_another_domain_is_told_of() {
    let mut world = World::new(&["mallory"]);
    let to = [("To", "<sip:mallory@evil.example>")];

    world.status_of(
        stranger::flow(Transport::Udp),
        request("REGISTER", &format!("sip:{DOMAIN}"), 1, &to),
    );

    assert!(
        matches!(world.events.as_slice(), [ZoneEvent::RegistrationRefused { user, why, .. }]
            if user == "mallory" && *why == RegistrationRefusal::OtherDomain),
        "{:?}",
        world.events
    );
}

#[test]
fn a05_addresses_of_record_of_other_domains_and_schemes_are_refused() {
    for (uri, to, expected) in [
        (
            format!("sip:{DOMAIN}"),
            "<sip:mallory@evil.example>".to_owned(),
            404,
        ),
        (
            "sip:evil.example".to_owned(),
            format!("<sip:mallory@{DOMAIN}>"),
            404,
        ),
        (format!("sip:{DOMAIN}"), "<tel:+15550100>".to_owned(), 400),
        (format!("sip:{DOMAIN}"), format!("<sip:{DOMAIN}>"), 400),
    ] {
        let mut world = World::new(&["mallory"]);

        let answer = world.status_of(
            stranger::flow(Transport::Udp),
            request("REGISTER", &uri, 1, &[("To", &to)]),
        );

        assert_eq!(answer, expected, "{uri} {to}");
    }
}

#[test]
fn a05_an_escaped_user_is_the_same_user_and_a_nul_ends_nothing() {
    let mut world = World::new(&["mallory"]);
    let phone = world.add("mallory", Transport::Tls);
    for (written, expected) in [("%6Dallory", 200), ("mallory%00", 403), ("MALLORY", 403)] {
        world.phones[phone].address_user = Some(written.to_owned());

        assert_eq!(
            code(&register(&mut world, &[("Contact", "<sip:m@h1>")])),
            expected,
            "{written}"
        );
    }
}

#[test]
fn a06_the_caller_is_whoever_the_credential_says() {
    let mut world = World::new(&["mallory", "chief", "north"]);
    world.register("mallory", Transport::Tls);
    world.register("north", Transport::Tls);
    let asserted = [
        ("P-Asserted-Identity", "<sip:chief@acme.example>"),
        ("P-Preferred-Identity", "<sip:chief@acme.example>"),
        ("Remote-Party-ID", "<sip:chief@acme.example>"),
    ];
    world.phones[0].from_user = Some("chief".to_owned());
    let offer = world.phones[0].offer();

    world.phones[0].call_with(world.now, "102", &asserted, Some(offer));
    world.settle();

    let invite = &world.phones[1].invites[0];
    assert_eq!(invite.from().unwrap().uri().as_str(), "sip:100@acme.example");
    for name in ["P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"] {
        assert!(invite.header(HeaderName::from(name)).is_none(), "{name}");
    }
}

#[test]
fn a06_no_address_of_another_domain_is_reached_and_nothing_is_told_of_it() {
    let mut answers = Vec::new();
    for number in ["102", "999"] {
        let mut world = World::new(&["mallory", "chief", "north"]);
        world.register("mallory", Transport::Tls);
        world.register("north", Transport::Tls);

        world.phones[0].call_uri(world.now, &format!("sip:{number}@tenant-b.example"));
        world.settle();

        assert!(world.phones[1].invites.is_empty());
        let told = world.events.iter().filter_map(|event| match event {
            ZoneEvent::CallRefused { why, .. } => Some(format!("{why:?}")),
            _ => None,
        });
        let told: Vec<String> = told.collect();
        assert_eq!(told.len(), 1, "{:?}", world.events);
        answers.push((told, format!("{:?}", world.zone.counters().calls)));
    }
    assert_eq!(
        answers[0], answers[1],
        "whether the number is somebody's is not told"
    );
}

/// A dialog as a header names it (RFC 3891 §3): `own` is the tag of whoever the header is for.
fn dialog(message: &Message, own: HeaderName<'_>, other: HeaderName<'_>) -> String {
    let call = message.header(HeaderName::CallId).unwrap();
    let tag = |name| message.header(name).unwrap().split_once("tag=").unwrap().1;
    format!("{call};to-tag={};from-tag={}", tag(own), tag(other))
}

#[test]
fn a06_no_header_reaches_into_a_call_of_others() {
    for number in 0..3 {
        let mut world = World::new(&["mallory", "anna", "north"]);
        for name in ["mallory", "anna", "north"] {
            world.register(name, Transport::Tls);
        }
        world.phones[2].tap = true;
        world.phones[1].call(world.now, "102");
        world.settle();
        let to_caller = world.phones[1].answers[0].clone();
        let mut of_called = world.phones[2].tapped.iter();
        let of_called = of_called.find(|sent| sent.starts_with("SIP/2.0 200") && sent.contains("INVITE"));
        let of_called = Message::parse_datagram(of_called.unwrap().clone().into()).unwrap();
        // What the zone has with the one and with the other, and what the called one has with the zone.
        let dialogs = [
            dialog(&to_caller, HeaderName::To, HeaderName::From),
            dialog(&of_called, HeaderName::From, HeaderName::To),
            dialog(&of_called, HeaderName::To, HeaderName::From),
        ];
        assert_no_header_reaches_into(world, &dialogs[number]);
    }
}

fn assert_no_header_reaches_into(mut world: World, dialog: &str) {
    let joining = [
        ("Replaces", dialog),
        ("Join", dialog),
        ("Refer-To", "<sip:102@acme.example>"),
        ("Referred-By", "<sip:anna@acme.example>"),
        ("Target-Dialog", dialog),
    ];
    let offer = world.phones[0].offer();

    world.phones[0].call_with(world.now, "102", &joining, Some(offer));
    world.settle();
    let refer = request("REFER", &format!("sip:102@{DOMAIN}"), 1, &joining[2..3]);
    let referred = world.status_of(stranger::flow(Transport::Tls), refer);

    assert!(world.phones[1].ended.is_empty(), "the call of others goes on");
    assert!(world.phones[2].ended.is_empty());
    assert_eq!(world.phones[2].invites.len(), 2, "it is a call of its own");
    for (name, _) in joining {
        let asked = world.phones[2].invites.iter().skip(1);
        let mut carried = asked.filter(|invite| invite.header(HeaderName::from(name)).is_some());
        assert!(carried.next().is_none(), "{name}");
    }
    assert!(referred >= 400, "{referred}");
}

/// Registers from a connection of its own with a password; says how it is answered.
fn try_password(world: &mut World, connection: u64, user: &str, password: &str, number: u32) -> Message {
    let flow = Flow {
        connection: ConnectionId(connection),
        ..stranger::flow(Transport::Tls)
    };
    let uri = format!("sips:{DOMAIN}");
    let (to, from) = (
        format!("<sips:{user}@{DOMAIN}>"),
        format!("<sips:{user}@{DOMAIN}>;tag=m"),
    );
    let contact = format!("<sips:{user}@203.0.113.66:5070>");
    let headers = [("To", to.as_str()), ("From", &from), ("Contact", &contact)];
    let first = world.ask(flow, request("REGISTER", &uri, 2 * number, &headers));
    let challenge = first[0].header(HeaderName::WwwAuthenticate).unwrap();
    let challenge = Challenge::choose([challenge], Algorithm::Md5).unwrap();
    let credentials = ClientCredentials {
        username: format!("id-{user}"),
        password: Secret::from(password),
        weakest: Algorithm::Md5,
    };
    let answer = answer(&challenge, &credentials, "REGISTER", &uri, 1, "cnonce");
    let headers = [&headers[..], &[("Authorization", answer.as_str())]].concat();
    world
        .ask(flow, request("REGISTER", &uri, 2 * number + 1, &headers))
        .remove(0)
}

/// Why registrations were refused, as it was told.
fn refusals(world: &World) -> Vec<RegistrationRefusal> {
    let told = world.events.iter().filter_map(|event| match event {
        ZoneEvent::RegistrationRefused { why, .. } => Some(*why),
        _ => None,
    });
    told.collect()
}

/// What an answer says but for the nonce.
fn without_nonce(answer: &Message) -> String {
    let text = String::from_utf8_lossy(answer.as_bytes()).into_owned();
    let lines = text.lines().map(|line| match line.split_once("nonce=\"") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('"').unwrap().1),
        None => line.replace("victim", "x").replace("nobody", "x"),
    });
    lines.collect()
}

#[test]
fn a01_who_guesses_is_not_listened_to_for_longer_and_longer_and_known_users_are_as_unknown_ones() {
    let mut said = Vec::new();
    for user in ["victim", "nobody"] {
        let mut world = World::new(&["victim"]);
        for number in 1..=8 {
            let answer = try_password(&mut world, 9_000, user, "wrong", number);
            assert_eq!(code(&answer), 401, "{user}");
            said.push(without_nonce(&answer));
        }
        let mut told = vec![RegistrationRefusal::WrongCredentials; 4];
        told.push(RegistrationRefusal::TooManyAttempts);
        assert_eq!(refusals(&world), told, "{user}: told once, and then no more");
        let early = try_password(&mut world, 9_001, user, "secret-victim", 9);
        assert_eq!(
            code(&early),
            401,
            "{user}: a right answer is not looked at, over whatever connection"
        );
        world.run(Duration::from_secs(1));
        let late = try_password(&mut world, 9_001, user, "secret-victim", 10);
        assert_eq!(code(&late), if user == "victim" { 200 } else { 401 });
    }
    let (known, unknown) = said.split_at(8);
    assert_eq!(known, unknown);
}

#[test]
fn a01_who_is_registered_goes_on_whatever_somebody_guesses_from_the_same_address() {
    let mut world = World::new(&["victim"]);
    assert_eq!(
        code(&try_password(&mut world, 9_001, "victim", "secret-victim", 1)),
        200
    );
    for number in 2..10 {
        try_password(&mut world, 9_000, "victim", "wrong", number);
    }
    assert_eq!(
        code(&try_password(&mut world, 9_001, "victim", "secret-victim", 10)),
        200
    );
    assert_eq!(
        code(&try_password(&mut world, 9_000, "victim", "secret-victim", 11)),
        200,
        "it was forgiven"
    );
}

#[test]
fn a01_a_phone_that_was_registered_comes_back_while_somebody_guesses_from_the_same_address() {
    let mut world = World::new(&["victim", "stranger"]);
    let known = try_password(&mut world, 9_001, "victim", "secret-victim", 1);
    assert_eq!(code(&known), 200);
    world.input(Input::Closed {
        connection: ConnectionId(9_001),
    });
    for number in 0..100 {
        try_password(&mut world, 9_000, &format!("nobody{number}"), "wrong", 1);
    }

    let back = try_password(&mut world, 9_002, "victim", "secret-victim", 1);
    let stranger = try_password(&mut world, 9_003, "stranger", "secret-stranger", 1);
    for number in 2..7 {
        try_password(&mut world, 9_004, "victim", "wrong", number);
    }
    let guessed = try_password(&mut world, 9_004, "victim", "secret-victim", 7);

    assert_eq!(code(&back), 200, "it is known there");
    assert_eq!(code(&stranger), 401, "nobody else is");
    assert_eq!(code(&guessed), 401, "wrong answers for its own id slow it down");
}
