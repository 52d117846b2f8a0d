//! Attacks, by their ids in the field reference: A07 (auto-answer by strangers) and M01 (SRTP downgrade).

use std::time::Duration;

use endpoint::profile::Announcement;
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{Input, Output, Profile, Rounds};
use media::sdp::SecurityOffer;
use model::status::DeviceEvent;
use model::{SlotKind, SlotPosition};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message};
use sip::user_agent::SessionId;

use crate::world::{PRIMARY, World, address, mirrored, profile, slot};

const SECOND: Duration = Duration::from_secs(1);

/// Headers that ask for auto-answer in every dialect.
const AUTO_ANSWER: &[(&str, &str)] = &[
    ("Alert-Info", "<http://192.0.2.66>;info=alert-autoanswer;delay=0"),
    ("Call-Info", "<sip:192.0.2.66>;answer-after=0"),
    ("Answer-Mode", "Auto;require"),
    ("P-Auto-Answer", "normal"),
    ("Priority", "emergency"),
];

#[test]
fn a07_a_stranger_is_not_answered_whatever_headers_it_sends() {
    let mut world = World::sounding(profile());
    let stranger = Flow {
        remote: address("203.0.113.66:5061"),
        connection: ConnectionId(666),
        ..world.flow()
    };
    world.flows.push(stranger);

    let (offer, _) = offer(SecurityOffer::Standard);
    let session = world.call_with(mirrored(stranger), "hall", Some(offer), AUTO_ANSWER);
    world.run_for(5 * SECOND);

    assert_eq!(world.server().statuses(session), [403]);
    assert!(world.media_opened.is_empty());
    assert_eq!(world.device.counters().calls_from_strangers, 1);
}

#[test]
fn a07_a_stranger_starts_no_announcement_and_rings_no_bell() {
    let mut profile = profile();
    for (kind, user) in [(SlotKind::Alert, "alarm"), (SlotKind::Ring, "bell")] {
        let mut slot = slot(SlotPosition::new(kind, 1).unwrap(), user);
        slot.tone = ToneSource::Builtin(BuiltinTone::Buzzer);
        profile.slots.push(slot);
    }
    profile.alerts.announcements.push(Announcement {
        number: 1,
        tone: ToneSource::Builtin(BuiltinTone::Evacuation),
        rounds: Rounds::Endless,
        is_drill: false,
    });
    let mut world = World::sounding(profile);
    let stranger = Flow {
        remote: address("203.0.113.66:5061"),
        connection: ConnectionId(666),
        ..world.flow()
    };
    world.flows.push(stranger);

    for user in ["alarm", "bell"] {
        let (offer, _) = offer(SecurityOffer::Standard);
        let session = world.call_with(mirrored(stranger), user, Some(offer), AUTO_ANSWER);

        assert_eq!(world.server().statuses(session), [403], "{user}");
        assert_eq!(world.what_sounds(), None);
    }
}

#[test]
fn a07_a_stranger_does_not_learn_which_users_exist() {
    let mut world = World::sounding(profile());
    let stranger = Flow {
        remote: address("203.0.113.66:5061"),
        connection: ConnectionId(666),
        ..world.flow()
    };
    world.flows.push(stranger);

    let known = world.call_with(
        mirrored(stranger),
        "hall",
        Some(offer(SecurityOffer::Standard).0),
        &[],
    );
    let unknown = world.call_with(
        mirrored(stranger),
        "nobody",
        Some(offer(SecurityOffer::Standard).0),
        &[],
    );
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(known), [403]);
    assert_eq!(world.server().statuses(unknown), [403]);
}

#[test]
fn a07_another_peer_on_the_datagram_socket_is_a_stranger() {
    let mut world = World::sounding(over_datagrams());
    let stranger = Flow {
        remote: address("203.0.113.66:5060"),
        ..world.flow()
    };
    world.flows.push(stranger);

    let session = world.call_with(
        mirrored(stranger),
        "hall",
        Some(offer(SecurityOffer::Disabled).0),
        AUTO_ANSWER,
    );
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(session), [403]);
}

#[test]
fn a07_a_server_whose_keep_alive_answer_was_lost_over_datagrams_is_no_stranger() {
    let mut world = World::sounding(over_datagrams());
    world.run_for(60 * SECOND);
    world.frozen.push(world.flow().connection);
    world.run_until(60 * SECOND, |world| world.shown(0) == "No reply from server");
    world.frozen.clear();

    let stranger = Flow {
        remote: address("203.0.113.66:5060"),
        ..world.flow()
    };
    world.flows.push(stranger);
    let offered = Some(offer(SecurityOffer::Disabled).0);
    let refused = world.call_with(mirrored(stranger), "hall", offered, AUTO_ANSWER);
    let (answered, _) = world.call("hall", SecurityOffer::Disabled, &[]);

    assert_eq!(world.shown(0), "No reply from server");
    assert_eq!(world.server().statuses(answered), [200]);
    assert_eq!(world.server().statuses(refused), [403]);
}

#[test]
fn a07_a_slot_that_is_not_registered_answers_nobody() {
    let mut world = World::new(
        profile(),
        crate::server::Registrar::Answers {
            status: 403,
            headers: Vec::new(),
        },
    );
    world.begin();
    world.run_for(SECOND);

    let (session, _) = world.call("hall", SecurityOffer::Standard, AUTO_ANSWER);
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(session), [403]);
}

#[test]
fn a07_a_page_slot_answers_its_server_without_any_such_header() {
    let mut world = World::sounding(profile());

    let page = world.page("hall", &[]);

    assert_eq!(world.server().statuses(page.session), [200]);
}

#[test]
fn a07_a_header_value_of_64_kilobytes_is_refused_by_the_parser() {
    let value = "a".repeat(64 * 1024);
    let bytes = format!(
        "INVITE sip:hall@198.51.100.7:40000 SIP/2.0\r\n\
         Via: SIP/2.0/TLS 192.0.2.10:5061;branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1001@example.com>;tag=1\r\nTo: <sip:hall@example.com>\r\n\
         Call-ID: 1\r\nCSeq: 1 INVITE\r\nAlert-Info: <{value}>\r\nContent-Length: 0\r\n\r\n"
    );

    assert!(Message::parse_datagram(bytes.into_bytes()).is_err());
}

#[test]
fn a07_replaces_of_64_kilobytes_is_refused_and_the_longest_that_fits_replaces_nothing() {
    let invite = |length: usize| {
        let value = "a".repeat(length);
        format!(
            "INVITE sip:hall@198.51.100.7:40000 SIP/2.0\r\n\
             Via: SIP/2.0/TLS 203.0.113.66:5061;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@example.com>;tag=1\r\nTo: <sip:hall@example.com>\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:1001@203.0.113.66>\r\n\
             Replaces: {value};to-tag=1;from-tag=2\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    };
    assert!(Message::parse_datagram(invite(64 * 1024)).is_err());
    let mut world = World::sounding(profile());
    let page = world.page("hall", &[]);
    let stranger = stranger(&mut world);

    let answers = answers_to(&mut world, stranger, invite(60_000));

    assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), [403]);
    assert!(world.open_media.contains_key(&page.call), "the page goes on");

    answers_to(&mut world, stranger, invite(60_000));
    assert_eq!(
        world.device.counters().calls_from_strangers,
        2,
        "nothing was kept of the first"
    );
}

#[test]
fn a09_what_strangers_ask_gets_one_short_answer_and_has_no_effect() {
    for method in [
        "NOTIFY",
        "REFER",
        "MESSAGE",
        "INFO",
        "OPTIONS",
        "SUBSCRIBE",
        "UPDATE",
        "PUBLISH",
        "REGISTER",
        "BYE",
        "PRACK",
        "WHATEVER",
    ] {
        let mut world = World::sounding(profile());
        let page = world.page("hall", &[]);
        let stranger = stranger(&mut world);
        let asked = format!(
            "{method} sip:hall@198.51.100.7:40000 SIP/2.0\r\n\
             Via: SIP/2.0/TLS 203.0.113.66:5061;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@example.com>;tag=1\r\nTo: <sip:hall@example.com>\r\n\
             Call-ID: 1\r\nCSeq: 1 {method}\r\nContact: <sip:1001@203.0.113.66>\r\n\
             Event: check-sync;reboot=true\r\nRefer-To: <sip:premium@example.net>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let bytes = asked.len();

        let answers = answers_to(&mut world, stranger, asked.into_bytes());

        assert_eq!(answers.len(), 1, "{method}");
        let expected = if method == "OPTIONS" { 200..=200 } else { 400..=501 };
        assert!(
            expected.contains(&code(&answers[0])),
            "{method}: {}",
            code(&answers[0])
        );
        assert!(
            answers[0].as_bytes().len() < bytes + 200,
            "{method} is not amplified"
        );
        world.run_for(SECOND);
        assert!(
            world.open_media.contains_key(&page.call),
            "{method}: the page goes on"
        );
        assert_eq!(world.shown(0), "Successful", "{method}");
        assert!(!world.stopped, "{method}");
    }
}

#[test]
fn p10_check_sync_counts_over_the_flow_of_a_registered_slot_and_from_nobody_else() {
    let notify = |event: &str| {
        format!(
            "NOTIFY sip:hall@198.51.100.7:40000 SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.10:5061;branch=z9hG4bK{}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:example.com>;tag=1\r\nTo: <sip:hall@example.com>\r\nCall-ID: 1\r\n\
             CSeq: 1 NOTIFY\r\nContact: <sip:192.0.2.10>\r\nEvent: {event}\r\nContent-Length: 0\r\n\r\n",
            event.len()
        )
    };
    for (is_server, event, answer, counts) in [
        (true, "check-sync;reboot=true", 200, true),
        (true, "Check-Sync", 200, true),
        (true, "message-summary", 481, false),
        (false, "check-sync;reboot=true", 481, false),
    ] {
        let mut world = World::registered(profile());
        let flow = if is_server {
            world.flow()
        } else {
            stranger(&mut world)
        };
        let message = Message::parse_datagram(notify(event).into_bytes()).unwrap();

        world.device.handle_input(world.now, Input::Sip { flow, message });

        let (mut answers, mut asked) = (Vec::new(), false);
        while let Some(output) = world.device.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    answers.push(code(&Message::parse_datagram(bytes.to_vec()).unwrap()));
                }
                Output::Event(DeviceEvent::CheckSync) => asked = true,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((answers, asked), (vec![answer], counts), "{is_server} {event}");
    }
}

#[test]
fn m01_plain_rtp_is_refused_where_srtp_is_demanded() {
    let mut world = World::sounding(profile());

    let (session, _) = world.call("hall", SecurityOffer::Disabled, &[]);

    assert_refused(&mut world, session, "plain RTP");
}

#[test]
fn m01_a_secure_profile_without_keys_is_refused() {
    let mut world = World::sounding(profile());
    let stripped = without_crypto(&offer(SecurityOffer::Standard).0);

    let session = world.call_with(mirrored(world.flow()), "hall", Some(stripped), &[]);

    assert_refused(&mut world, session, "without a=crypto");
}

#[test]
fn m01_dtls_is_refused() {
    let mut world = World::sounding(profile());
    let dtls = without_crypto(&offer(SecurityOffer::Standard).0).replace("RTP/SAVP", "UDP/TLS/RTP/SAVP");

    let session = world.call_with(mirrored(world.flow()), "hall", Some(dtls), &[]);

    assert_refused(&mut world, session, "transport");
}

#[test]
fn m01_a_suite_that_policy_does_not_allow_is_refused() {
    let mut world = World::sounding(profile());
    let weak = offer(SecurityOffer::Standard)
        .0
        .replace("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32");

    let session = world.call_with(mirrored(world.flow()), "hall", Some(weak), &[]);

    assert_refused(&mut world, session, "a=crypto");
}

#[test]
fn m01_keys_over_a_channel_without_tls_are_refused() {
    let mut world = World::sounding(over_tcp());

    let session = world.call_with(
        mirrored(world.flow()),
        "hall",
        Some(offer(SecurityOffer::Standard).0),
        &[],
    );

    assert_refused(&mut world, session, "without TLS");
}

#[test]
fn m01_plain_rtp_is_taken_where_policy_allows_it() {
    let mut profile = over_tcp();
    profile.media.security = SecurityOffer::Disabled;
    let mut world = World::sounding(profile);

    let (session, _) = world.call("hall", SecurityOffer::Disabled, &[]);
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(session), [200]);
}

#[test]
fn an_invite_without_offer_is_refused() {
    let mut world = World::sounding(profile());

    let session = world.call_with(mirrored(world.flow()), "hall", None, &[]);

    assert_refused(&mut world, session, "offers no media");
}

fn over_tcp() -> Profile {
    let mut profile = profile();
    profile.targets[0].transport = Some(Transport::Tcp);
    profile
}

fn code(answer: &Message) -> u16 {
    answer.status().unwrap().code()
}

/// A connection that leads to none of the device's servers.
fn stranger(world: &mut World) -> Flow {
    Flow {
        remote: address("203.0.113.66:5061"),
        connection: ConnectionId(666),
        ..world.flow()
    }
}

/// Gives the device one message, and returns what it sends back; a stranger's message has no other effect.
fn answers_to(world: &mut World, flow: Flow, bytes: Vec<u8>) -> Vec<Message> {
    let message = Message::parse_datagram(bytes).unwrap();
    world.device.handle_input(world.now, Input::Sip { flow, message });
    let outputs = std::iter::from_fn(|| world.device.poll_output());
    outputs
        .map(|output| match output {
            Output::Transmit { flow: towards, bytes } if towards == flow => {
                Message::parse_datagram(bytes.to_vec()).unwrap()
            }
            other => panic!("a stranger's message does something: {other:?}"),
        })
        .collect()
}

/// 488, the socket closed, and the reason told.
fn assert_refused(world: &mut World, session: SessionId, reason: &str) {
    world.run_for(SECOND);
    assert_eq!(world.server().statuses(session), [488]);
    assert!(world.open_media.is_empty());
    assert!(world.flow_to(PRIMARY).is_some());
    let why = world.events.iter().find_map(|(_, event)| match event {
        DeviceEvent::CallRefused { status: 488, why, .. } => Some(why.clone()),
        _ => None,
    });
    let why = why.expect("the refusal is told");
    assert!(why.contains(reason), "{why}");
    let answer = world.server().rejection(session).expect("the call is refused");
    let warning = answer
        .header(HeaderName::Warning)
        .expect("the caller is told why");
    assert_eq!(warning, format!("399 oyez {}", sip::header::quote(&why)));
}

fn without_crypto(offer: &str) -> String {
    let lines: Vec<_> = offer
        .lines()
        .filter(|line| !line.starts_with("a=crypto"))
        .collect();
    lines.join("\r\n") + "\r\n"
}

fn offer(security: SecurityOffer) -> (String, media::sdp::PendingOffer) {
    crate::world::offer(security)
}

fn over_datagrams() -> Profile {
    let mut profile = profile();
    profile.targets[0].transport = Some(Transport::Udp);
    profile.media.security = SecurityOffer::Disabled;
    profile
}
