//! Attacks by their ids.

use std::time::Duration;

use model::status::{MissingReason, RegistrationRefusal, Verdict, ZoneEvent};
use sip::digest::{Algorithm, Challenge, ClientCredentials, Secret, answer};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message, StatusCode};
use sip::user_agent::{Body, EndCause};
use switch::admission::{CALLS_PER_CALLER_MAX, Limits};
use switch::registrar::{
    BINDINGS_PER_REQUEST_MAX, BINDINGS_PER_USER_MAX, CONTACT_LENGTH_MAX, LIFETIME_MAX, PATHS_MAX,
};
use switch::{Input, PlainMedia};

use crate::pages::{hall, page};
use crate::phone::Script;
use crate::stranger::{self, request};
use crate::world::{DOMAIN, REALM, World, config, verdict};

/// Registers as a user that knows its password, with these headers; returns the final response.
fn register(world: &mut World, headers: &[(&str, &str)]) -> Message {
    if world.phones.is_empty() {
        world.add("mallory", Transport::Tls);
    }
    world.phones[0].register_with(world.now, headers);
    world.settle();
    world.phones[0].responses.last().unwrap().clone()
}

fn code(response: &Message) -> u16 {
    response.status().unwrap().code()
}

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
fn a07_what_a_caller_asks_of_phones_is_not_passed_on() {
    let mut world = World::new(&["mallory", "north"]);
    world.register("mallory", Transport::Tls);
    world.register("north", Transport::Tls);
    let long = format!("<http://evil.example/{}>", "x".repeat(50_000));
    let headers = [
        ("Alert-Info", long.as_str()),
        ("Call-Info", "<sip:evil.example>;answer-after=0"),
        ("Answer-Mode", "Auto"),
        ("Priv-Answer-Mode", "Auto"),
        ("P-Auto-Answer", "normal"),
        ("Priority", "emergency"),
        ("Oyez-Page", "forged"),
        ("Oyez-Other", "forged"),
        ("Replaces", "a@b;to-tag=1;from-tag=2"),
        ("Subject", "forged"),
    ];
    let offer = world.phones[0].offer();

    world.phones[0].call_with(world.now, "101", &headers, Some(offer));
    world.settle();

    let invite = &world.phones[1].invites[0];
    for (name, _) in headers {
        assert!(invite.header(HeaderName::from(name)).is_none(), "{name}");
    }
}

#[test]
fn a07_a_forged_page_id_is_replaced_by_the_zones_own() {
    let mut world = hall(&["north"]);
    let offer = world.phones[0].offer();

    world.phones[0].call_with(world.now, "700", &[("Oyez-Page", "forged")], Some(offer));
    world.settle();

    let pages: Vec<&str> = world.phones[1].invites[0]
        .headers(HeaderName::Other("Oyez-Page"))
        .collect();
    assert_eq!(pages.len(), 1);
    assert_ne!(pages, ["forged"]);
}

#[test]
fn a08_a_request_without_hops_left_goes_nowhere() {
    let mut world = hall(&["north"]);
    world.phones[0].tap = true;
    page(&mut world);
    let invite = world.phones[0]
        .tapped
        .iter()
        .rev()
        .find(|text| text.starts_with("INVITE"))
        .cloned();
    let invite = invite.unwrap();
    for (hops, expected) in [("0", 483), ("1", 407)] {
        let text = invite
            .replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}"))
            .replace("branch=z9hG4bK", &format!("branch=z9hG4bKhops{hops}"))
            .replace("tag=", &format!("tag=h{hops}"));
        let flow = world.phones[0].flow;
        let message = Message::parse_datagram(text.into_bytes()).unwrap();
        world.phones[0].heard.clear();
        world.input(Input::Sip {
            flow: crate::world::reversed(flow),
            message,
        });

        assert!(
            world.phones[0].heard.contains(&expected),
            "{hops}: {:?}",
            world.phones[0].heard
        );
    }
}

#[test]
fn a08_a_request_that_does_not_say_how_far_it_may_go_is_answered() {
    let mut world = World::new(&["anna"]);

    let answer = world.status_of(
        stranger::flow(Transport::Udp),
        request("OPTIONS", "sip:192.0.2.1", 1, &[("Max-Forwards", "")]),
    );

    assert_eq!(answer, 200);
}

#[test]
fn a08_a_contact_that_names_the_zone_itself_makes_no_loop() {
    let mut world = World::new(&["caller", "mallory"]);
    world.register("caller", Transport::Tls);
    let phone = world.add("mallory", Transport::Tls);
    let spiral = format!("<sip:101@{DOMAIN}>, <sip:101@192.0.2.1:5061;transport=tls>");
    world.phones[phone].register_with(world.now, &[("Contact", &spiral), ("Expires", "600")]);
    world.settle();
    world.phones[phone].script = Script::Ring;

    world.phones[0].call(world.now, "101");
    world.settle();

    assert!(
        world.stray.is_empty(),
        "nothing goes but over the flow it registered on"
    );
    assert!((1..=2).contains(&world.phones[phone].invites.len()));
    assert_eq!(world.zone.status(world.now).accounts[0].calls, 1);
}

#[test]
fn a08_a_call_forks_to_no_more_than_the_bindings_of_one_user() {
    let mut world = World::new(&["caller", "callee"]);
    world.register("caller", Transport::Tls);
    for _ in 0..BINDINGS_PER_USER_MAX + 5 {
        let phone = world.add("callee", Transport::Tls);
        world.phones[phone].script = Script::Ring;
        world.phones[phone].register(world.now);
        world.settle();
    }

    world.phones[0].call(world.now, "101");
    world.settle();

    let invited: usize = world.phones.iter().map(|phone| phone.invites.len()).sum();
    assert!((1..=BINDINGS_PER_USER_MAX).contains(&invited), "{invited}");
}

#[test]
fn a08_hops_are_counted_through_the_zone() {
    for (received, sent) in [("70", "69"), ("2", "1"), ("1", "0"), ("255", "70")] {
        let mut world = World::new(&["caller", "callee"]);
        world.register("caller", Transport::Tls);
        world.register("callee", Transport::Tls);
        let offer = world.phones[0].offer();

        world.phones[0].call_with(world.now, "101", &[("Max-Forwards", received)], Some(offer));
        world.settle();

        let hops: Vec<&str> = world.phones[1].invites[0]
            .headers(HeaderName::MaxForwards)
            .collect();
        assert_eq!(hops, [sent], "{received}");
    }
}

#[test]
fn a08_seventy_vias_are_answered_once() {
    let mut world = World::new(&["anna"]);
    let vias: Vec<String> = (0..69)
        .map(|hop| format!("SIP/2.0/UDP hop{hop}.example;branch=z9hG4bK{hop}"))
        .collect();
    let headers: Vec<(&str, &str)> = vias.iter().map(|via| ("Via", via.as_str())).collect();

    let answers = world.ask(
        stranger::flow(Transport::Udp),
        request("OPTIONS", "sip:192.0.2.1", 1, &headers),
    );

    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].list(HeaderName::Via).count(), 70);
}

#[test]
fn a08_one_caller_holds_a_bounded_number_of_calls() {
    let mut world = World::new(&["mallory", "victim"]);
    world.register("mallory", Transport::Tls);
    let victim = world.register("victim", Transport::Tls);
    world.phones[victim].script = Script::Ring;

    for number in 1..=CALLS_PER_CALLER_MAX + 1 {
        world.phones[0].call(world.now, "101");
        world.settle();
        assert_eq!(
            world.phones[victim].invites.len(),
            number.min(CALLS_PER_CALLER_MAX)
        );
    }

    assert_eq!(world.phones[0].rejected[0].status(), Some(StatusCode::BUSY_HERE));
    assert_eq!(world.zone.counters().calls.refused_full, 1);
}

#[test]
fn a08_a_full_zone_says_so_before_any_phone_rings() {
    let mut settings = config();
    settings.limits = Limits {
        legs: 3,
        legs_kept_for_alerts: 0,
        ..Limits::default()
    };
    for (listeners, expected) in [(2, 0), (3, 1)] {
        let mut world = World::with_config(settings.clone(), &["talker", "a", "b", "c"]);
        world.register("talker", Transport::Tls);
        for name in ["a", "b", "c"].iter().take(listeners) {
            world.register(name, Transport::Tls);
        }

        page(&mut world);

        let refused = world.phones[0]
            .rejected
            .iter()
            .filter(|response| code(response) == 503)
            .count();
        assert_eq!(refused, expected, "{listeners} listeners");
        assert_eq!(world.phones[1].invites.is_empty(), expected == 1);
        assert!(
            world.phones[0]
                .rejected
                .iter()
                .all(|response| response.header(HeaderName::RetryAfter).is_some())
        );
    }
}

#[test]
fn a08_room_comes_back_when_calls_end_however_they_end() {
    let mut settings = config();
    settings.limits = Limits {
        legs: 2,
        legs_kept_for_alerts: 0,
        ..Limits::default()
    };
    let mut world = World::with_config(settings, &["caller", "callee"]);
    world.register("caller", Transport::Tls);
    world.register("callee", Transport::Tls);
    for script in [
        Script::Answer,
        Script::Refuse(486),
        Script::Ring,
        Script::StripKeys,
    ] {
        world.phones[1].script = script;
        let invited = world.phones[1].invites.len();

        world.phones[0].call(world.now, "101");
        world.settle();
        assert_eq!(world.phones[1].invites.len(), invited + 1, "{script:?} has room");
        world.phones[0].hang_up(world.now);
        world.settle();
        world.run(Duration::from_secs(40));
    }
    assert_eq!(world.zone.status(world.now).accounts[0].calls, 0);
    assert_eq!(world.open_ports(), 0);
}

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
fn m01_an_answer_that_takes_the_keys_out_ends_the_leg() {
    let mut world = hall(&["north", "stripped"]);
    world.phones[2].script = Script::StripKeys;

    page(&mut world);

    assert!(matches!(world.phones[2].ended[..], [EndCause::Bye { .. }]));
    assert_eq!(world.joined().len(), 2, "the talker and the sound listener");
    assert_eq!(world.zone.counters().legs.refused_media, 1);
    crate::pages::end(&mut world);
    assert_eq!(
        *verdict(world.report(), "stripped"),
        Verdict::Missing {
            why: MissingReason::Refused { status: 488 }
        }
    );
}

#[test]
fn m01_an_answer_without_a_description_ends_the_leg() {
    let mut world = hall(&["north"]);
    world.phones[1].script = Script::Undescribed;

    page(&mut world);

    assert!(world.phones[0].answers.is_empty());
    assert_eq!(
        world.phones[0].rejected[0].status(),
        Some(StatusCode::NOT_ACCEPTABLE_HERE)
    );
}

#[test]
fn m01_keys_over_udp_are_refused() {
    let mut settings = config();
    settings.media.plain = PlainMedia::Anywhere;
    let mut world = World::with_config(settings, &["mallory", "north"]);
    world.register("mallory", Transport::Udp);
    world.register("north", Transport::Tls);
    let keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 10.7.0.1\r\ns=-\r\nc=IN IP4 10.7.0.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n{keys}"
    );

    world.phones[0].call_with(world.now, "700", &[], Some(Body::sdp(sdp)));
    world.settle();

    assert_eq!(
        world.phones[0].rejected[0].status(),
        Some(StatusCode::NOT_ACCEPTABLE_HERE)
    );
    assert!(world.phones[1].invites.is_empty(), "nobody was called");
    assert_eq!(world.zone.counters().calls.refused_media, 1);
}

#[test]
fn m01_a_plain_offer_over_tls_is_refused_unless_the_account_allows_it() {
    for (plain, expected) in [
        (PlainMedia::Never, 488),
        (PlainMedia::OverClearFlows, 488),
        (PlainMedia::Anywhere, 200),
    ] {
        let mut settings = config();
        settings.media.plain = plain;
        let mut world = World::with_config(settings, &["talker", "north"]);
        world.register("talker", Transport::Tls);
        world.register("north", Transport::Tls);
        world.phones[0].security = media::sdp::SecurityOffer::Disabled;

        page(&mut world);

        let responses = world.phones[0].rejected.iter().chain(&world.phones[0].answers);
        let statuses: Vec<u16> = responses.map(code).collect();
        assert_eq!(statuses, [expected], "{plain:?}");
    }
}

#[test]
fn m01_a_renegotiation_cannot_take_the_keys_out() {
    let mut world = hall(&["north"]);
    page(&mut world);
    let sdp =
        "v=0\r\no=- 77 5 IN IP4 10.7.0.1\r\ns=-\r\nc=IN IP4 10.7.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let session = world.phones[0].outgoing.unwrap();
    let now = world.now;

    let method = sip::message::Method::Invite;
    world.phones[0]
        .agent
        .request_in_session(now, session, method, Vec::new(), Some(Body::sdp(sdp)));
    world.settle();

    assert_eq!(
        world.phones[0].responses.last().unwrap().status(),
        Some(StatusCode::NOT_ACCEPTABLE_HERE)
    );
    assert_eq!(world.joined().len(), 2, "the legs stay as they were");
}
