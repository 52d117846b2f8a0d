//! Attacks by calls: headers, hops, forks, limits, and descriptions without keys.

use std::time::Duration;

use model::status::{MissingReason, Verdict};
use sip::flow::Transport;
use sip::message::{HeaderName, Message, StatusCode};
use sip::user_agent::{Body, EndCause};
use switch::admission::{CALLS_PER_CALLER_MAX, Limits};
use switch::registrar::BINDINGS_PER_USER_MAX;
use switch::{Input, PlainMedia};

use super::code;
use crate::pages::{hall, page};
use crate::phone::Script;
use crate::stranger::{self, request};
use crate::world::{DOMAIN, World, config, verdict};

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
fn a07_a_zone_says_that_it_sets_priority_itself() {
    let mut world = World::new(&["north"]);

    world.register("north", Transport::Udp);

    let phone = &world.phones[0];
    assert_eq!(phone.register_statuses, [200]);
    let answer = phone.responses.last().expect("the REGISTER was answered");
    assert_eq!(answer.header(HeaderName::Other("Oyez-Priority")), Some("zone"));
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
            why: MissingReason::Refused {
                status: 488,
                text: None
            }
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
