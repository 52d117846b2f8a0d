//! Conversations between two parties, and what may change while they last.

use std::time::Duration;

use media::bridge::{Command, Event, Role};
use media::codec::Codec;
use media::sdp::{self, Direction};
use model::SlotKind;
use model::directory::{Change, Edit, Epoch, ExtensionRecord, ExtensionRole, Update, User, UserKind};
use model::status::ZoneEvent;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::flow::Transport;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Body, EndCause};
use switch::{Input, PROBE_EVERY, RINGING_MAX};

use crate::phone::Script;
use crate::world::{World, person, user};

const SECOND: Duration = Duration::from_secs(1);

/// A caller and a callee with one phone each.
fn two() -> World {
    let mut world = World::new(&["caller", "callee"]);
    world.register("caller", Transport::Tls);
    world.register("callee", Transport::Tls);
    world.events.clear();
    world
}

fn call(world: &mut World) {
    world.phones[0].call(world.now, "101");
    world.settle();
}

#[test]
fn two_phones_talk_with_each_other() {
    let mut world = two();

    call(&mut world);

    assert_eq!(world.phones[0].answers.len(), 1);
    let roles: Vec<Role> = world.joined().into_iter().map(|(_, role)| role).collect();
    assert_eq!(roles, [Role::Both, Role::Both]);
    assert_eq!(world.zone.status(world.now).accounts[0].calls, 1);
    assert!(
        world.phones[1].invites[0]
            .header(HeaderName::AnswerMode)
            .is_none(),
        "a person answers"
    );
}

#[test]
fn either_side_ends_a_conversation() {
    for caller_ends in [true, false] {
        let mut world = two();
        call(&mut world);

        if caller_ends {
            world.phones[0].hang_up(world.now);
        } else {
            world.phones[1].hang_up_incoming(world.now);
        }
        world.settle();

        let other = usize::from(caller_ends);
        assert!(matches!(world.phones[other].ended[..], [EndCause::Bye { .. }]));
        assert_eq!(world.open_ports(), 0);
        assert_eq!(world.zone.status(world.now).accounts[0].calls, 0);
    }
}

#[test]
fn the_first_phone_that_answers_has_the_call_alone() {
    let mut world = two();
    let second = world.register("callee", Transport::Tls);
    world.phones[1].script = Script::Ring;
    world.phones[second].script = Script::Ring;
    call(&mut world);

    world.phones[second].answer(world.now);
    world.settle();

    assert!(matches!(world.phones[1].ended[..], [EndCause::Cancelled { .. }]));
    assert_eq!(world.joined().len(), 2);
    assert_eq!(world.open_ports(), 2);
}

#[test]
fn a_phone_rings_for_as_long_as_it_takes_to_walk_there() {
    let mut world = two();
    world.phones[1].script = Script::Ring;
    call(&mut world);

    world.run(RINGING_MAX - Duration::from_millis(1));
    assert!(world.phones[0].rejected.is_empty());
    world.run(Duration::from_millis(1));

    assert_eq!(
        world.phones[0].rejected[0].status(),
        Some(StatusCode::TEMPORARILY_UNAVAILABLE)
    );
    assert!(matches!(world.phones[1].ended[..], [EndCause::Cancelled { .. }]));
}

#[test]
fn a_refusal_reaches_the_caller() {
    for (refusal, told) in [(486, 486), (603, 603), (404, 480), (302, 480), (407, 480)] {
        let mut world = two();
        world.phones[1].script = Script::Refuse(refusal);

        call(&mut world);

        assert_eq!(
            world.phones[0].rejected[0].status().unwrap().code(),
            told,
            "for {refusal}"
        );
        assert_eq!(world.open_ports(), 0);
    }
}

#[test]
fn an_unregistered_phone_is_not_available() {
    let mut world = World::new(&["caller", "callee"]);
    world.register("caller", Transport::Tls);

    call(&mut world);

    assert_eq!(
        world.phones[0].rejected[0].status(),
        Some(StatusCode::TEMPORARILY_UNAVAILABLE)
    );
    assert_eq!(world.zone.status(world.now).accounts[0].calls, 0);
}

#[test]
fn what_nobody_has_or_nobody_may_dial_is_refused() {
    for (number, status) in [
        ("999", 404),
        ("702", 403),
        ("", 484),
        ("700%00", 404),
        ("%37%30%30", 480),
    ] {
        let mut world = two();
        world.phones[0].script = Script::Answer;
        world.disconnect(1);
        let uri = if number.is_empty() {
            String::new()
        } else {
            format!("{number}@")
        };

        world.phones[0].call_uri(world.now, &format!("sip:{uri}acme.example"));
        world.settle();

        assert_eq!(
            world.phones[0].rejected[0].status().unwrap().code(),
            status,
            "{number}"
        );
    }
}

#[test]
fn calls_to_other_domains_are_not_relayed() {
    for (host, status) in [
        ("example.com", 404),
        ("192.0.2.9", 404),
        ("192.0.2.1", 200),
        ("ACME.example", 200),
    ] {
        let mut world = two();

        world.phones[0].call_uri(world.now, &format!("sip:101@{host}"));
        world.settle();

        let responses = world.phones[0].rejected.iter().chain(&world.phones[0].answers);
        let statuses: Vec<u16> = responses
            .map(|response| response.status().unwrap().code())
            .collect();
        assert_eq!(statuses, [status], "{host}");
    }
}

#[test]
fn a_pause_in_a_conversation_does_not_end_it() {
    let mut world = two();
    call(&mut world);
    let (leg, _) = world.joined()[0];

    world.input(Input::Media(Event::TalkerSilent { leg }));
    world.run(10 * SECOND);

    assert!(world.phones[0].ended.is_empty());
}

#[test]
fn a_conversation_whose_party_vanished_ends_after_a_while() {
    for gone in [0, 1] {
        let mut world = World::new(&["caller", "callee"]);
        world.register("caller", Transport::Udp);
        world.register("callee", Transport::Udp);
        call(&mut world);
        world.run(3 * PROBE_EVERY - SECOND);
        assert!(
            world.phones[1 - gone].ended.is_empty(),
            "both answer when they are asked"
        );
        world.phones[gone].is_deaf = true;

        world.run(60 * SECOND);

        assert!(matches!(world.phones[1 - gone].ended[..], [EndCause::Bye { .. }]));
        assert_eq!(world.zone.status(world.now).accounts[0].calls, 0);
        assert_eq!(world.open_ports(), 0);
    }
}

#[test]
fn a_hold_is_answered_and_joined_anew() {
    let mut world = two();
    call(&mut world);
    let joined = world.joined().len();

    let response = reinvite(&mut world, 1, Direction::SendOnly, Codec::Pcma);

    assert_eq!(response.status(), Some(StatusCode::OK));
    assert!(String::from_utf8_lossy(response.body()).contains("a=recvonly"));
    let before = sdp::origin(world.phones[0].answers[0].body()).unwrap();
    let after = sdp::origin(response.body()).unwrap();
    assert_eq!(after.session_id, before.session_id);
    assert_eq!(after.session_version, before.session_version + 1);
    assert_eq!(world.joined().len(), joined + 1);
    let Some(Command::Connect { negotiated, .. }) = world.media.last() else {
        panic!("{:?}", world.media)
    };
    assert_eq!(negotiated.direction, Direction::ReceiveOnly);
}

#[test]
fn an_unchanged_offer_gets_the_unchanged_answer() {
    let mut world = two();
    call(&mut world);
    let first = world.phones[0].answers[0].body().to_vec();
    let joined = world.joined().len();

    let response = reinvite(&mut world, 0, Direction::SendReceive, Codec::Pcma);

    assert_eq!(response.status(), Some(StatusCode::OK));
    assert_eq!(response.body(), first, "the same keys, so that the streams go on");
    assert_eq!(world.joined().len(), joined);
}

#[test]
fn an_offer_that_cannot_be_accepted_leaves_the_call_as_it_is() {
    let mut world = two();
    call(&mut world);

    let session = world.phones[0].outgoing.unwrap();
    let now = world.now;
    let body = Body::sdp(
        "v=0\r\no=- 1 9 IN IP4 10.7.0.1\r\ns=-\r\nc=IN IP4 10.7.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n",
    );
    world.phones[0]
        .agent
        .request_in_session(now, session, Method::Invite, Vec::new(), Some(body));
    world.settle();

    assert_eq!(
        world.phones[0].responses.last().unwrap().status(),
        Some(StatusCode::NOT_ACCEPTABLE_HERE)
    );
    assert!(world.phones[0].ended.is_empty());
    let after = reinvite(&mut world, 0, Direction::SendReceive, Codec::Pcma);
    assert_eq!(
        after.body(),
        world.phones[0].answers[0].body(),
        "the description was not touched"
    );
}

#[test]
fn an_update_without_a_body_refreshes_the_session() {
    let mut world = two();
    call(&mut world);
    let session = world.phones[0].outgoing.unwrap();
    let now = world.now;

    world.phones[0]
        .agent
        .request_in_session(now, session, Method::Update, Vec::new(), None);
    world.settle();

    let response = world.phones[0].responses.last().unwrap();
    assert_eq!(response.status(), Some(StatusCode::OK));
    assert!(response.body().is_empty());
}

#[test]
fn a_reinvite_without_an_offer_gets_one() {
    let mut world = two();
    call(&mut world);
    let session = world.phones[0].outgoing.unwrap();
    let now = world.now;

    world.phones[0]
        .agent
        .request_in_session(now, session, Method::Invite, Vec::new(), None);
    world.settle();

    let response = world.phones[0].responses.last().unwrap();
    assert_eq!(response.status(), Some(StatusCode::OK));
    assert!(String::from_utf8_lossy(response.body()).contains("RTP/SAVP"));
}

#[test]
fn digits_and_questions_inside_a_call_are_acknowledged() {
    let mut world = two();
    call(&mut world);
    let session = world.phones[0].outgoing.unwrap();
    let now = world.now;
    let digit = Body {
        content_type: "application/dtmf-relay".to_owned(),
        bytes: b"Signal=1\r\n".to_vec(),
    };

    world.phones[0]
        .agent
        .request_in_session(now, session, Method::Info, Vec::new(), Some(digit));
    world.phones[0]
        .agent
        .request_in_session(now, session, Method::Options, Vec::new(), None);
    world.settle();

    let statuses: Vec<_> = world.phones[0]
        .responses
        .iter()
        .rev()
        .take(2)
        .map(Message::status)
        .collect();
    assert_eq!(statuses, [Some(StatusCode::OK); 2]);
}

#[test]
fn a_leg_the_bridge_refuses_is_hung_up_on() {
    let mut world = two();
    call(&mut world);
    let (callee, _) = world.joined()[1];

    world.input(Input::Media(Event::Refused {
        leg: callee,
        refusal: media::bridge::Refusal::Codec,
    }));

    assert!(matches!(world.phones[1].ended[..], [EndCause::Bye { .. }]));
    assert!(matches!(world.phones[0].ended[..], [EndCause::Bye { .. }]));
}

#[test]
fn an_alert_to_a_slot_of_a_device_that_is_away_is_told_of_and_one_call_to_it_that_is_none_is_not() {
    for (kind, is_told) in [(SlotKind::Alert, true), (SlotKind::Ring, false)] {
        let mut world = World::new(&["caller"]);
        world.register("caller", Transport::Tls);
        let slot = User {
            kind: UserKind::Device("hall".parse().unwrap()),
            ..person("slot")
        };
        let extension = ExtensionRecord {
            extension: "900".parse().unwrap(),
            name: "Hall".to_owned(),
            role: ExtensionRole::Slot {
                kind,
                user: user("slot"),
            },
        };
        world.input(Input::Directory(Update::Change(Change {
            account: "acme".parse().unwrap(),
            since: Epoch(1),
            epoch: Epoch(2),
            edits: vec![Edit::PutUser(slot), Edit::PutExtension(extension)],
        })));

        world.phones[0].call(world.now, "900");
        world.settle();

        assert_eq!(
            world.phones[0].rejected[0].status(),
            Some(StatusCode::TEMPORARILY_UNAVAILABLE)
        );
        let is_raised = |event: &ZoneEvent| {
            matches!(event, ZoneEvent::AlertRaised { caller, extension, .. }
                if caller.as_str() == "caller" && extension.as_str() == "900")
        };
        let raised = world.events.iter().filter(|event| is_raised(event)).count();
        assert_eq!(raised, usize::from(is_told), "{kind:?}");
    }
}

/// Sends a re-INVITE with this version of the caller's description and returns the response.
fn reinvite(world: &mut World, version: u64, direction: Direction, codec: Codec) -> Message {
    let mut local = world.phones[0].local_media(version);
    local.direction = direction;
    local.codecs = vec![codec];
    let (text, _) = sdp::offer(&local, &mut ChaCha20Rng::from_seed([3; 32])).unwrap();
    let session = world.phones[0].outgoing.unwrap();
    let now = world.now;
    world.phones[0]
        .agent
        .request_in_session(now, session, Method::Invite, Vec::new(), Some(Body::sdp(text)));
    world.settle();
    world.phones[0].responses.last().unwrap().clone()
}
