//! PINs that talkers key in before a page.

use std::time::Duration;

use media::bridge::{Command, Event, LegId, Role};
use media::dtmf::Key;
use media::sdp;
use model::directory::{Epoch, ExtensionRole, Snapshot, Update, UserKind};
use model::status::{CallRefusal, Verdict, ZoneEvent};
use model::{Extension, Secret, SlotKind};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::flow::Transport;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Body, EndCause};
use switch::Input;
use switch::admission::{ASKED_KEPT_FOR_ALERTS, ASKED_MAX, CALLS_PER_CALLER_MAX, Limits};
use switch::pin::{DIGITS_MAX, ENTRY_MAX, KEY_PAUSE_MAX, TRIES_MAX};

use crate::phone::{Script, without_keys};
use crate::world::{World, config, snapshot, verdict};

const SECOND: Duration = Duration::from_secs(1);
const PIN: &str = "4711";
/// The number of the second user alone.
const NORTH: &str = "101";

/// A hall in which paging 700 wants a PIN, and raising 800 another one.
fn guarded_snapshot(users: &[&str]) -> Snapshot {
    let mut snapshot = snapshot(users);
    for permission in &mut snapshot.permissions {
        let pin = match permission.subject.to_string().as_str() {
            "extension 700" => Some(PIN),
            _ => None,
        };
        permission.pin = pin.map(Secret::from);
    }
    let mut alert = snapshot.permissions[0].clone();
    alert.action = model::directory::Action::Alert;
    alert.pin = Some(Secret::from("9119"));
    for number in ["800", "801"] {
        alert.subject = model::directory::Subject::Extension(number.parse().unwrap());
        snapshot.permissions.push(alert.clone());
    }
    snapshot.epoch = Epoch(2);
    snapshot
}

fn guarded_hall_with(config: switch::Config, users: &[&str]) -> World {
    let mut world = World::with_config(config, users);
    world.input(Input::Directory(Update::Snapshot(guarded_snapshot(users))));
    for name in users {
        let phone = world.register(name, Transport::Tls);
        world.phones[phone].script = Script::Endpoint;
    }
    world.events.clear();
    world
}

fn guarded_hall(users: &[&str]) -> World {
    guarded_hall_with(config(), users)
}

/// The hall with an alert slot in place of the last phone, that wants the PIN of alerts.
fn hall_with_alert_slot() -> World {
    let users = ["talker", "north"];
    let mut world = guarded_hall(&users);
    let mut snapshot = guarded_snapshot(&users);
    snapshot.users[1].kind = UserKind::Device("north".parse().unwrap());
    for record in &mut snapshot.extensions {
        if record.extension.as_str() == NORTH {
            record.role = ExtensionRole::Slot {
                kind: SlotKind::Alert,
                user: crate::world::user("north"),
            };
        }
    }
    let mut permission = snapshot.permissions.last().unwrap().clone();
    permission.subject = model::directory::Subject::Extension(NORTH.parse().unwrap());
    snapshot.permissions.push(permission);
    snapshot.epoch = Epoch(3);
    world.input(Input::Directory(Update::Snapshot(snapshot)));
    world.events.clear();
    world
}

fn dial(world: &mut World, phone: usize, number: &str) -> LegId {
    let joined = world.joined().len();
    world.phones[phone].call(world.now, number);
    world.settle();
    let (leg, role) = world.joined()[joined];
    assert_eq!(role, Role::Listener, "whoever is asked is not heard");
    leg
}

fn key_in(world: &mut World, leg: LegId, keys: &str) {
    for key in keys.chars() {
        let key = Key::from_char(key).unwrap();
        world.input(Input::Media(Event::Key { leg, key }));
    }
}

fn turned(world: &World) -> Vec<(LegId, Role)> {
    let turned = world.media.iter().filter_map(|command| match command {
        Command::Turn { leg, role } => Some((*leg, *role)),
        Command::Connect { .. } | Command::Play { .. } | Command::Close { .. } => None,
    });
    turned.collect()
}

/// How often each leg was played a signal, or silence.
fn played(world: &World) -> Vec<(LegId, bool)> {
    let played = world.media.iter().filter_map(|command| match command {
        Command::Play { leg, signal } => Some((*leg, signal.is_some())),
        Command::Connect { .. } | Command::Turn { .. } | Command::Close { .. } => None,
    });
    played.collect()
}

fn refusals(world: &World) -> Vec<CallRefusal> {
    let refused = world.events.iter().filter_map(|event| match event {
        ZoneEvent::CallRefused { why, .. } => Some(*why),
        _ => None,
    });
    refused.collect()
}

/// The Reason of the BYE that a phone got.
fn reason(world: &World, phone: usize) -> String {
    let Some(EndCause::Bye { message, .. }) = world.phones[phone].ended.last() else {
        panic!("{:?}", world.phones[phone].ended);
    };
    message
        .header(HeaderName::Other("Reason"))
        .unwrap_or_default()
        .to_owned()
}

fn header<'a>(message: &'a Message, name: &'static str) -> Option<&'a str> {
    message.header(HeaderName::Other(name))
}

fn status(message: &Message) -> Option<u16> {
    message.status().map(StatusCode::code)
}

#[test]
fn nobody_is_called_until_the_right_pin_and_then_the_page_begins_as_any_other() {
    let mut world = guarded_hall(&["talker", "north", "south"]);

    let leg = dial(&mut world, 0, "700");
    assert_eq!(world.phones[0].answers.len(), 1, "keys travel in its media");
    assert_eq!(header(&world.phones[0].answers[0], "Oyez-Ask"), Some("pin"));
    assert_eq!(played(&world), [(leg, true)], "the prompt");
    key_in(&mut world, leg, PIN);
    world.run(SECOND);
    assert_eq!(
        played(&world),
        [(leg, true), (leg, false)],
        "whoever keys in hears none"
    );
    assert!(world.phones[1].invites.is_empty() && world.phones[2].invites.is_empty());
    assert_eq!(world.joined().len(), 1);
    assert!(world.events.is_empty(), "{:?}", world.events);

    key_in(&mut world, leg, "#");
    assert_eq!(turned(&world), [(leg, Role::Talker)]);
    world.run(4 * SECOND);
    world.phones[0].hang_up(world.now);
    world.settle();

    let report = world.report();
    assert_eq!(report.heard_count(), 2);
    assert!(matches!(verdict(report, "north"), Verdict::Heard));
    assert_eq!(world.plane_refusals, [], "the bridge did all it was told");
    assert_eq!(world.open_ports(), 0);
    let counters = world.zone.counters().calls;
    assert_eq!(
        (counters.pins_asked, counters.wrong_pins, counters.pages_started),
        (1, 0, 1)
    );
}

#[test]
fn a_talker_is_joined_when_somebody_answers_and_not_when_its_pin_is_right() {
    let mut world = guarded_hall(&["talker", "north"]);
    world.phones[1].script = Script::Ring;
    let leg = dial(&mut world, 0, "700");

    key_in(&mut world, leg, "4711#");
    assert_eq!(world.phones[1].invites.len(), 1);
    assert!(turned(&world).is_empty());
    world.phones[1].answer(world.now);
    world.settle();

    assert_eq!(turned(&world), [(leg, Role::Talker)]);
}

#[test]
fn a_talker_that_asks_for_it_is_told_when_its_page_begins() {
    let mut world = guarded_hall(&["talker", "north"]);
    let offer = world.phones[0].offer();
    world.phones[0].call_with(world.now, "700", &[("Recv-Info", "oyez-talker")], Some(offer));
    world.settle();
    let leg = world.joined()[0].0;
    assert!(world.phones[0].informed.is_empty());

    key_in(&mut world, leg, "4711#");

    let told = &world.phones[0].informed[0];
    assert_eq!(header(told, "Info-Package"), Some("oyez-talker"));
    let ZoneEvent::PageStarted { page, .. } = &world.events[0] else {
        panic!("{:?}", world.events);
    };
    assert_eq!(header(told, "Oyez-Page"), Some(page.to_string().as_str()));

    let leg = dial(&mut world, 0, "700");
    key_in(&mut world, leg, "4711#");
    assert_eq!(world.phones[0].informed.len(), 1, "and nobody else is");
}

#[test]
fn a_wrong_pin_is_told_and_the_right_one_taken_after_it() {
    let mut world = guarded_hall(&["talker", "north"]);
    let leg = dial(&mut world, 0, "700");

    key_in(&mut world, leg, "0815#");
    assert_eq!(played(&world).last(), Some(&(leg, true)), "the buzzer");
    assert!(world.phones[1].invites.is_empty());
    key_in(&mut world, leg, "4711#");
    assert!(world.phones[1].invites.is_empty(), "judged when the lock is open");
    world.run(SECOND);

    assert_eq!(world.phones[1].invites.len(), 1);
    assert_eq!(world.zone.counters().calls.wrong_pins, 1);
    assert!(refusals(&world).is_empty());
}

#[test]
fn the_last_wrong_pin_ends_the_call_and_nobody_was_called() {
    let mut world = guarded_hall(&["talker", "north"]);
    let leg = dial(&mut world, 0, "700");

    for _ in 0..TRIES_MAX {
        key_in(&mut world, leg, "0815#");
        world.run(3 * SECOND);
    }

    assert!(reason(&world, 0).contains("wrong PIN"), "{}", reason(&world, 0));
    assert_eq!(refusals(&world), [CallRefusal::WrongPin]);
    assert!(world.phones[1].invites.is_empty());
    assert!(world.reports().is_empty(), "it was no page");
    assert_eq!(world.open_ports(), 0);
    let told = format!("{:?}", world.events);
    assert!(!told.contains("0815") && !told.contains(PIN));
}

#[test]
fn a_call_without_a_pin_in_time_ends() {
    let mut world = guarded_hall(&["talker", "north"]);
    let leg = dial(&mut world, 0, "700");

    world.run(ENTRY_MAX - Duration::from_millis(1));
    assert!(world.phones[0].ended.is_empty());
    key_in(&mut world, leg, "471");
    world.run(Duration::from_millis(1));

    assert!(reason(&world, 0).contains("no PIN in time"));
    assert_eq!(refusals(&world), [CallRefusal::WrongPin]);
    key_in(&mut world, leg, "1#");
    assert!(
        world.phones[1].invites.is_empty(),
        "and it is too late for the rest"
    );
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn a_pin_without_its_hash_key_is_taken_after_a_pause() {
    let mut world = guarded_hall(&["talker", "north"]);
    let leg = dial(&mut world, 0, "700");
    key_in(&mut world, leg, PIN);

    world.run(KEY_PAUSE_MAX - Duration::from_millis(1));
    assert!(world.phones[1].invites.is_empty());
    world.run(Duration::from_millis(1));

    assert_eq!(world.phones[1].invites.len(), 1);
}

#[test]
fn a_pin_of_too_many_digits_is_wrong() {
    let mut world = guarded_hall(&["talker", "north"]);
    let leg = dial(&mut world, 0, "700");

    key_in(&mut world, leg, &"1".repeat(10 * DIGITS_MAX));
    key_in(&mut world, leg, "#");

    assert_eq!(world.zone.counters().calls.wrong_pins, 1);
}

#[test]
fn a_phone_without_telephone_events_is_refused_with_the_reason() {
    let mut world = guarded_hall(&["talker", "north"]);
    let offer = String::from_utf8(world.phones[0].offer().bytes).unwrap();
    let offer = Body::sdp(without_keys(&offer));
    world.phones[0].call_with(world.now, "700", &[], Some(offer));
    world.settle();

    let refusal = &world.phones[0].rejected[0];
    assert_eq!(status(refusal), Some(488));
    assert!(header(refusal, "Warning").unwrap().contains("telephone events"));
}

#[test]
fn a_phone_that_answers_an_offer_without_telephone_events_is_sent_away_with_the_reason() {
    let mut world = guarded_hall(&["talker", "north"]);
    world.phones[0].answers_without_keys = true;
    world.phones[0].call_with(world.now, "700", &[], None);
    world.settle();

    let told = reason(&world, 0);
    assert!(
        told.contains("cause=488") && told.contains("telephone events"),
        "{told}"
    );
    assert_eq!(refusals(&world), [CallRefusal::NoCommonMedia]);
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn a_phone_that_gives_up_telephone_events_while_it_is_asked_is_refused_and_asked_on() {
    let mut world = guarded_hall(&["talker", "north"]);
    let leg = dial(&mut world, 0, "700");
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let (offer, _) = sdp::offer(&world.phones[0].local_media(1), &mut rng).unwrap();
    let offer = Body::sdp(without_keys(&offer));
    let (now, session) = (world.now, world.phones[0].outgoing.unwrap());
    world.phones[0]
        .agent
        .request_in_session(now, session, Method::Invite, Vec::new(), Some(offer));
    world.settle();
    assert_eq!(status(world.phones[0].responses.last().unwrap()), Some(488));

    assert_eq!(world.joined().len(), 1, "the media are as they were");
    key_in(&mut world, leg, "4711#");
    assert_eq!(world.phones[1].invites.len(), 1);
}

#[test]
fn a_talker_whose_pin_can_be_judged_no_more_in_time_is_sent_away_at_once() {
    let mut world = guarded_hall(&["guesser", "north"]);
    let legs: Vec<LegId> = (0..5).map(|_| dial(&mut world, 0, "700")).collect();
    for leg in &legs[..4] {
        key_in(&mut world, *leg, "0815#");
    }
    // Wrong after 0, 1, 3 and 7 seconds: the lock opens after 15.
    world.run(10 * SECOND);
    let late = dial(&mut world, 0, "700");
    key_in(&mut world, legs[4], "0815#");
    world.run(5 * SECOND);
    assert_eq!(world.zone.counters().calls.wrong_pins, 5);
    assert_eq!(
        world.phones[0].ended.len(),
        1,
        "it had until 30 s, and the lock opens at 31 s"
    );
    assert!(reason(&world, 0).contains("wrong PIN"), "{}", reason(&world, 0));

    key_in(&mut world, legs[0], "4");
    assert!(reason(&world, 0).contains("cause=480"), "{}", reason(&world, 0));
    key_in(&mut world, late, "4711#");
    assert_eq!(world.phones[0].ended.len(), 2, "this one has until 40 s");
    world.run(16 * SECOND);
    assert_eq!(world.phones[1].invites.len(), 1);
}

#[test]
fn whoever_guesses_waits_longer_and_longer_in_whatever_calls_and_keeps_nobody_else_out() {
    let mut world = guarded_hall(&["guesser", "rightful", "north"]);
    let legs: Vec<LegId> = (0..5).map(|_| dial(&mut world, 0, "700")).collect();
    // Five calls side by side, each with a wrong PIN: one is judged, the others wait for the lock.
    for leg in &legs {
        key_in(&mut world, *leg, "0815#");
    }
    assert_eq!(world.zone.counters().calls.wrong_pins, 1);
    world.run(5 * SECOND);
    let leg = dial(&mut world, 0, "700");
    world.phones[0].hang_up(world.now);
    world.settle();
    assert!(!legs.contains(&leg), "whoever waits for a little is let in");
    world.run(10 * SECOND);
    assert_eq!(
        world.zone.counters().calls.wrong_pins,
        5,
        "after 0, 1, 3, 7 and 15 seconds"
    );

    world.phones[0].rejected.clear();
    world.phones[0].call(world.now, "700");
    world.settle();
    let refusal = &world.phones[0].rejected[0];
    assert_eq!(status(refusal), Some(480));
    assert!(header(refusal, "Retry-After").is_some());
    assert!(
        header(refusal, "Warning")
            .unwrap()
            .contains("wrong PINs a moment ago")
    );

    let leg = dial(&mut world, 1, "700");
    key_in(&mut world, leg, "4711#");
    assert_eq!(
        world.phones[2].invites.len(),
        1,
        "the rightful one pages meanwhile"
    );
}

#[test]
fn wrong_pins_of_pages_keep_nobody_from_raising_an_alert() {
    let mut world = guarded_hall(&["talker", "north"]);
    for number in ["700", "801"] {
        let leg = dial(&mut world, 0, number);
        key_in(&mut world, leg, "0815#");
    }
    assert_eq!(
        world.zone.counters().calls.wrong_pins,
        2,
        "that of a drill as well"
    );

    let leg = dial(&mut world, 0, "800");
    key_in(&mut world, leg, "9119#");

    assert_eq!(world.phones[1].invites.len(), 1);
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, ZoneEvent::AlertRaised { .. }))
    );
}

#[test]
fn a_talker_that_has_all_its_calls_raises_an_alert_with_its_pin() {
    let mut world = guarded_hall(&["talker", "north"]);
    for _ in 0..CALLS_PER_CALLER_MAX {
        dial(&mut world, 0, "700");
    }
    world.phones[0].call(world.now, "700");
    world.settle();
    assert_eq!(status(&world.phones[0].rejected[0]), Some(486));

    let leg = dial(&mut world, 0, "800");
    key_in(&mut world, leg, "9119#");

    assert_eq!(world.phones[1].invites.len(), 1);
}

#[test]
fn an_alert_slot_asks_for_a_pin_and_then_the_two_talk_with_each_other() {
    let mut world = hall_with_alert_slot();
    world.phones[1].script = Script::Ring;
    let leg = dial(&mut world, 0, NORTH);
    key_in(&mut world, leg, "0815#");
    assert!(world.phones[1].invites.is_empty() && world.events.is_empty());
    world.run(SECOND);

    key_in(&mut world, leg, "9119#");
    assert_eq!(world.phones[1].invites.len(), 1);
    assert!(
        matches!(world.events[..], [ZoneEvent::AlertRaised { .. }]),
        "{:?}",
        world.events
    );
    assert!(turned(&world).is_empty());
    world.phones[1].answer(world.now);
    world.settle();

    assert_eq!(turned(&world), [(leg, Role::Both)]);
    assert_eq!(
        played(&world).last(),
        Some(&(leg, false)),
        "it hears who has answered"
    );
    assert_eq!(world.joined().last().map(|(_, role)| *role), Some(Role::Both));
    assert_eq!(world.plane_refusals, []);
    world.phones[0].hang_up(world.now);
    world.settle();
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn a_pin_that_is_changed_or_taken_away_meanwhile_counts_as_it_is() {
    let users = ["talker", "north"];
    let mut world = guarded_hall(&users);
    let leg = dial(&mut world, 0, "700");
    let mut changed = guarded_snapshot(&users);
    changed.epoch = Epoch(3);
    let paged = |number: &str| model::directory::Subject::Extension(number.parse::<Extension>().unwrap());
    for permission in &mut changed.permissions {
        if permission.subject == paged("700") {
            permission.pin = Some(Secret::from("0815"));
        }
    }
    world.input(Input::Directory(Update::Snapshot(changed.clone())));
    key_in(&mut world, leg, "4711#");
    assert_eq!(world.zone.counters().calls.wrong_pins, 1);

    changed.epoch = Epoch(4);
    changed
        .permissions
        .retain(|permission| permission.subject != paged("700"));
    world.input(Input::Directory(Update::Snapshot(changed)));
    key_in(&mut world, leg, "0815#");
    world.run(SECOND);
    assert_eq!(refusals(&world), [CallRefusal::NotPermitted]);
    assert!(reason(&world, 0).contains("cause=403"));
    assert!(world.phones[1].invites.is_empty());
}

#[test]
fn a_talker_that_hangs_up_while_it_is_asked_leaves_nothing_behind() {
    let mut world = guarded_hall(&["talker", "north"]);
    dial(&mut world, 0, "700");
    world.phones[0].hang_up(world.now);
    world.settle();

    assert_eq!(world.open_ports(), 0);
    assert!(world.reports().is_empty());
    assert_eq!(world.zone.status(world.now).accounts[0].pages, 0);
}

#[test]
fn a_page_that_nobody_answers_ends_with_what_the_talker_would_have_been_refused_with() {
    let mut world = guarded_hall(&["talker", "north"]);
    world.phones[1].script = Script::Refuse(486);
    let leg = dial(&mut world, 0, "700");
    key_in(&mut world, leg, "4711#");

    assert!(reason(&world, 0).contains("cause=486"), "{}", reason(&world, 0));
    assert_eq!(world.reports().len(), 1);
}

#[test]
fn who_keys_in_nothing_takes_no_page_from_those_who_need_no_pin() {
    let names: Vec<String> = (0..=ASKED_MAX).map(|number| format!("talker{number}")).collect();
    let users: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut config = config();
    config.limits = Limits {
        pages: 1,
        pages_kept_for_alerts: 0,
        ..Limits::default()
    };
    let mut world = guarded_hall_with(config, &users);
    let for_pages = ASKED_MAX - ASKED_KEPT_FOR_ALERTS;
    for phone in 0..for_pages {
        dial(&mut world, phone, "700");
    }
    world.phones[for_pages].call(world.now, "700");
    world.settle();
    assert_eq!(
        status(&world.phones[for_pages].rejected[0]),
        Some(503),
        "one more than may be"
    );

    let leg = dial(&mut world, for_pages, "800");
    key_in(&mut world, leg, "9119#");
    assert!(!turned(&world).is_empty(), "an alert has places of its own");
    world.phones[for_pages].hang_up(world.now);
    world.settle();
    world.run(SECOND);
    world.phones[for_pages].call(world.now, "701");
    world.settle();
    assert_eq!(
        world.phones[for_pages].answers.len(),
        2,
        "and a page without a PIN its only one"
    );
}
