//! Passcodes before pages and alerts.

use std::time::Duration;

use endpoint::passcode::{ENTRY_MAX, LOCKED_MAX, Passcode, TRIES_MAX};
use endpoint::profile::{AlertsProfile, Announcement};
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{CALLS_MAX, CALLS_PER_SLOT_MAX, KEYING_PER_SLOT_MAX, Profile, Rounds};
use media::sdp::SecurityOffer;
use model::config::PriorityTrust;
use model::status::{DeviceEvent, Verdict};
use model::{SlotKind, SlotPosition};
use sip::message::HeaderName;

use crate::handset::Handset;
use crate::world::{Page, TICK, World, offer, profile, recording, slot, speech};

const SECOND: Duration = Duration::from_secs(1);
const PAGE: &[(&str, &str)] = &[("Oyez-Page", "page-1")];
const CODE: &str = "4711";
const ALERT_CODE: &str = "0815";

#[test]
fn nothing_sounds_until_the_right_passcode_and_then_the_page_is_heard() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);

    handset.speak(&mut world, &speech(SECOND));
    assert!(is_silent(&world), "before the passcode");
    assert_eq!(world.what_sounds(), None);
    handset.key_in(&mut world, CODE);
    assert!(world.what_sounds().is_some());
    let from = world.played.len();
    handset.speak(&mut world, &speech(SECOND));

    assert!(
        loud(&world.played[from..]) > 7_000,
        "{}",
        loud(&world.played[from..])
    );
}

#[test]
fn the_receipt_counts_from_the_passcode_on() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    handset.speak(&mut world, &speech(3 * SECOND));
    handset.key_in(&mut world, CODE);
    handset.speak(&mut world, &speech(2 * SECOND));
    world.hang_up(page.session);
    world.run_for(SECOND);

    let receipt = world.receipt(page.session);

    assert!((1_950..=2_400).contains(&receipt.expected_ms), "{receipt:?}");
    assert_eq!(paging::judge(2_000, &receipt), Verdict::Heard);
}

#[test]
fn the_caller_hears_the_prompt_and_after_the_passcode_the_tone_that_the_room_hears() {
    let mut profile = guarded();
    profile.slots[0].tone = recording("bell.wav", 8_000, 4_000);
    let mut world = World::sounding(profile);
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    world.run_for(SECOND);
    assert!(loud(&handset.heard(&world)) > 1_000, "the prompt");
    assert!(is_silent(&world), "which the room does not hear");

    handset.key_in(&mut world, CODE);
    world.run_for(SECOND);

    let is_bell = |samples: &[i16]| {
        samples
            .iter()
            .filter(|sample| (7_500..8_500).contains(*sample))
            .count()
    };
    assert!(is_bell(&world.played) > 3_500);
    assert!(is_bell(&handset.heard(&world)) > 3_500);
}

#[test]
fn wrong_passcodes_end_the_call_and_the_room_stays_silent() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);

    for _ in 1..TRIES_MAX {
        handset.key_in(&mut world, "0000");
        assert!(world.server().bye_of_device(page.session).is_none());
    }
    handset.key_in(&mut world, "0000");

    assert!(reason(&mut world, &page).contains("wrong passcode"));
    assert!(is_silent(&world));
    assert_eq!(world.device.counters().wrong_passcodes, u64::from(TRIES_MAX));
    assert!(told(&world, "wrong passcode"));
    assert!(!played_a_page(&world), "a call that was not let in is no page");
}

#[test]
fn the_last_try_still_counts() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    for _ in 1..TRIES_MAX {
        handset.key_in(&mut world, "0000");
    }

    handset.key_in(&mut world, CODE);

    assert!(world.what_sounds().is_some());
}

#[test]
fn a_caller_who_keys_nothing_in_has_its_time_and_no_more() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);

    world.run_for(ENTRY_MAX - SECOND);
    assert!(world.server().bye_of_device(page.session).is_none());
    world.run_for(2 * SECOND);

    assert!(reason(&mut world, &page).contains("no passcode in time"));
    assert!(is_silent(&world));
}

#[test]
fn lost_and_doubled_packets_of_a_key_press_make_no_difference() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    handset.speak(&mut world, &speech(TICK * 5));

    handset.copies = 3;
    for key in ["4", "7", "1", "1"] {
        // The first three of the six packets of a press.
        handset.loses = 3;
        handset.key_in(&mut world, key);
    }

    assert!(world.what_sounds().is_some());
}

#[test]
fn a_call_that_carries_no_telephone_events_is_refused() {
    let mut world = World::sounding(guarded());
    let (offer, _) = offer(SecurityOffer::Standard);
    let offer: String = offer
        .split_inclusive("\r\n")
        .filter(|line| !line.contains("telephone-event"))
        .collect();
    let flow = crate::world::mirrored(world.flow());

    let session = world.call_with(flow, "hall", Some(offer), PAGE);
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(session), [488]);
}

#[test]
fn whoever_guesses_is_kept_out_for_longer_and_longer_and_the_right_passcode_ends_that() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    handset.key_in(&mut world, "00000000");
    world.hang_up(page.session);
    world.run_for(SECOND / 10);

    let (session, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    world.run_for(SECOND / 10);
    assert_eq!(world.server().statuses(session), [480]);

    world.run_for(2 * SECOND);
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    handset.key_in(&mut world, CODE);
    world.hang_up(page.session);
    world.run_for(SECOND / 10);
    let page = world.page("hall", PAGE);
    assert_eq!(world.server().statuses(page.session), [200]);
}

#[test]
fn wrong_passcodes_of_pages_keep_nobody_from_raising_an_alert() {
    let mut world = World::sounding(guarded_with_alarm());
    let page = world.page("hall", PAGE);
    Handset::new(&mut world, &page).key_in(&mut world, "000000000000");
    let (locked, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    world.run_for(SECOND / 10);
    assert_eq!(world.server().statuses(locked), [480]);

    let alert = world.page("alarm", &[]);
    Handset::new(&mut world, &alert).key_in(&mut world, ALERT_CODE);

    assert_eq!(world.what_sounds().unwrap().announcement, Some(1));
}

#[test]
fn the_right_passcode_of_pages_lets_nobody_guess_that_of_alerts_faster() {
    let mut world = World::sounding(guarded_with_alarm());
    let alert = world.page("alarm", &[]);
    Handset::new(&mut world, &alert).key_in(&mut world, "000000000000");
    world.run_for(5 * SECOND);
    let page = world.page("hall", PAGE);
    Handset::new(&mut world, &page).key_in(&mut world, CODE);
    assert!(world.what_sounds().is_some());
    world.hang_up(page.session);
    let alert = world.page("alarm", &[]);
    Handset::new(&mut world, &alert).key_in(&mut world, "0000");

    // The fourth wrong one closes the lock for 8 s; a first one would for 1 s.
    world.run_for(6 * SECOND);
    let (guess, _) = world.call("alarm", SecurityOffer::Standard, &[]);
    world.run_for(SECOND / 10);

    assert_eq!(world.server().statuses(guess), [480]);
}

#[test]
fn a_guesser_gets_no_more_than_its_tries_a_minute() {
    let mut world = World::sounding(guarded());
    let until = world.now + 60 * LOCKED_MAX;
    let mut calls = 0;
    while world.now < until {
        let (session, pending) = world.call("hall", SecurityOffer::Standard, &[]);
        world.run_for(SECOND / 5);
        if world.server().answered_at(session).is_none() {
            world.run_for(SECOND);
            continue;
        }
        calls += 1;
        let call = *world.media_opened.last().unwrap();
        let page = Page {
            session,
            pending,
            call,
        };
        let mut handset = Handset::new(&mut world, &page);
        handset.key_in(&mut world, "000000000000");
        world.run_for(SECOND / 5);
    }
    assert!((50..=65).contains(&calls), "{calls} calls in an hour");
}

#[test]
fn an_alert_waits_for_its_passcode_and_an_emergency_that_is_believed_does_not() {
    for (trust, waits) in [(PriorityTrust::Never, true), (PriorityTrust::Always, false)] {
        let mut world = World::sounding(alarm(trust));
        let page = world.page("alarm", &[("Priority", "emergency")]);
        world.run_for(SECOND);
        assert_eq!(world.what_sounds().is_none(), waits, "{trust:?}");

        if waits {
            let mut handset = Handset::new(&mut world, &page);
            handset.key_in(&mut world, CODE);
            let sounding = world.what_sounds().expect("the announcement sounds");
            assert_eq!(sounding.announcement, Some(1));
        }
    }
}

#[test]
fn the_end_of_an_announcement_leaves_a_caller_who_keys_in_the_passcode_its_time() {
    let mut profile = alarm(PriorityTrust::Never);
    profile.alerts.announcements[0].rounds = Rounds::Times(50);
    let mut world = World::sounding(profile);
    let first = world.page("alarm", &[]);
    Handset::new(&mut world, &first).key_in(&mut world, CODE);
    let second = world.page("alarm", &[]);
    let mut handset = Handset::new(&mut world, &second);
    handset.key_in(&mut world, "47");

    world.run_until(ENTRY_MAX, |world| world.what_sounds().is_none());
    assert!(reason(&mut world, &first).contains("the announcement is over"));
    assert!(world.server().bye_of_device(second.session).is_none());
    handset.key_in(&mut world, "11");

    let sounding = world.what_sounds().expect("the announcement sounds again");
    assert_eq!(sounding.announcement, Some(1));
}

#[test]
fn who_keys_nothing_in_ends_no_alert_by_calling_again_and_again() {
    let mut world = World::sounding(spoken_alarm(PriorityTrust::Never));
    let live = world.page("alarm", &[]);
    Handset::new(&mut world, &live).key_in(&mut world, CODE);
    world.speak_page(&live, &speech(10 * SECOND));

    let mut idlers = Vec::new();
    for _ in 0..=KEYING_PER_SLOT_MAX {
        idlers.push(world.page("alarm", &[]));
        world.run_for(SECOND);
    }

    assert!(world.server().bye_of_device(live.session).is_none());
    assert!(loud(&world.listen(SECOND)) > 7_000);
    let ended: Vec<bool> = idlers
        .iter()
        .map(|idler| world.server().bye_of_device(idler.session).is_some())
        .collect();
    assert_eq!(ended, [true, false, false, false, false], "they end one another");
}

#[test]
fn as_many_key_in_the_passcode_of_pages_side_by_side_as_the_limit_and_not_one_more() {
    let mut world = World::sounding(guarded());
    let mut idlers = Vec::new();
    for _ in 0..KEYING_PER_SLOT_MAX {
        idlers.push(world.page("hall", &[]));
    }

    let (refused, _) = world.call("hall", SecurityOffer::Standard, &[]);
    world.run_for(SECOND / 10);
    assert_eq!(world.server().statuses(refused), [486]);

    // Those who key in nothing keep nobody out who keys in the passcode.
    Handset::new(&mut world, &idlers[3]).key_in(&mut world, CODE);
    assert!(world.what_sounds().is_some());
    for idler in &idlers[..3] {
        assert!(world.server().bye_of_device(idler.session).is_none());
    }
}

#[test]
fn a_third_spoken_alert_is_heard_once_its_passcode_is_keyed_in() {
    let mut world = World::sounding(spoken_alarm(PriorityTrust::Never));
    let mut live = Vec::new();
    for _ in 0..CALLS_PER_SLOT_MAX {
        let alert = world.page("alarm", &[]);
        Handset::new(&mut world, &alert).key_in(&mut world, CODE);
        world.speak_page(&alert, &speech(20 * SECOND));
        live.push(alert);
    }

    let third = world.page("alarm", &[]);
    let mut handset = Handset::new(&mut world, &third);
    handset.speak(&mut world, &speech(SECOND));
    for alert in &live {
        assert!(
            world.server().bye_of_device(alert.session).is_none(),
            "by its coming it ends nothing"
        );
    }
    handset.key_in(&mut world, CODE);
    handset.speak(&mut world, &speech(SECOND));

    assert!(world.server().bye_of_device(third.session).is_none());
    let ended: Vec<bool> = live
        .iter()
        .map(|alert| world.server().bye_of_device(alert.session).is_some())
        .collect();
    assert_eq!(ended, [true, false], "the oldest gives way");
}

#[test]
fn an_emergency_that_is_believed_ends_neither_an_alert_nor_who_keys_in() {
    let mut world = World::sounding(spoken_alarm(PriorityTrust::Always));
    let live = world.page("alarm", &[("Priority", "emergency")]);
    world.speak_page(&live, &speech(10 * SECOND));
    let idler = world.page("alarm", &[]);

    let second = world.page("alarm", &[("Priority", "emergency")]);

    for call in [idler, live, second] {
        assert!(world.server().bye_of_device(call.session).is_none());
    }
}

#[test]
fn who_waits_for_the_end_of_an_announcement_gives_way_to_who_starts_it_anew() {
    let mut world = World::sounding(alarm(PriorityTrust::Never));
    let mut waits = Vec::new();
    for _ in 0..CALLS_PER_SLOT_MAX {
        let call = world.page("alarm", &[]);
        Handset::new(&mut world, &call).key_in(&mut world, CODE);
        waits.push(call);
    }

    let third = world.page("alarm", &[]);
    Handset::new(&mut world, &third).key_in(&mut world, CODE);

    let ended: Vec<bool> = waits
        .iter()
        .map(|call| world.server().bye_of_device(call.session).is_some())
        .collect();
    assert_eq!(ended, [true, false]);
    assert!(world.server().bye_of_device(third.session).is_none());
    assert!(loud(&world.listen(SECOND)) > 1_000, "the announcement goes on");
}

#[test]
fn the_cancel_extension_stops_an_alert_and_leaves_who_keys_in_the_passcode_of_one() {
    let mut profile = alarm(PriorityTrust::Never);
    profile.slots.push(slot(SlotPosition::CANCEL, "cancel"));
    let mut world = World::sounding(profile);
    let alert = world.page("alarm", &[]);
    Handset::new(&mut world, &alert).key_in(&mut world, CODE);
    let keys = world.page("alarm", &[]);
    let mut handset = Handset::new(&mut world, &keys);
    handset.key_in(&mut world, "47");

    let cancel = world.page("cancel", &[]);
    assert!(world.server().bye_of_device(alert.session).is_some());
    assert!(world.server().bye_of_device(keys.session).is_none());
    world.hang_up(cancel.session);
    handset.key_in(&mut world, "11");

    let sounding = world.what_sounds().expect("a new alert is not cancelled");
    assert_eq!(sounding.announcement, Some(1));
}

#[test]
fn a_call_that_needs_no_passcode_takes_the_place_of_who_keys_in_where_the_device_is_full() {
    let mut profile = guarded();
    for port in 2..=4 {
        let position = SlotPosition::new(SlotKind::Page, port).unwrap();
        let mut other = slot(position, ["b", "c", "d"][usize::from(port) - 2]);
        other.passcode.clone_from(&profile.slots[0].passcode);
        profile.slots.push(other);
    }
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Page, 5).unwrap(), "yard"));
    let mut world = World::sounding(profile);
    let mut idlers = Vec::new();
    for slot in ["hall", "b", "c", "d"] {
        for _ in 0..KEYING_PER_SLOT_MAX {
            idlers.push(world.page(slot, &[]));
        }
    }
    assert_eq!(idlers.len(), CALLS_MAX);

    let page = world.page("yard", &[]);

    assert!(world.server().bye_of_device(idlers[0].session).is_some());
    assert!(world.server().bye_of_device(page.session).is_none());
}

#[test]
fn who_is_let_in_while_something_sounds_is_told_so_by_a_bye() {
    let mut profile = guarded();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Page, 2).unwrap(), "yard"));
    let mut world = World::sounding(profile);
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    let other = world.page("yard", &[]);
    world.speak_page(&other, &speech(5 * SECOND));

    handset.key_in(&mut world, CODE);

    assert!(reason(&mut world, &page).contains("something else sounds"));
    assert_eq!(
        world
            .what_sounds()
            .and_then(|sounding| sounding.slot)
            .unwrap()
            .as_str(),
        "page-2"
    );
}

#[test]
fn keys_are_in_nothing_that_is_told() {
    let mut world = World::sounding(guarded());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    handset.key_in(&mut world, "9999");
    handset.key_in(&mut world, CODE);
    world.hang_up(page.session);
    world.run_for(SECOND);

    let told = format!(
        "{:?} {:?} {:?}",
        world.events,
        world.device.status(world.now),
        guarded()
    );

    assert!(!told.contains(CODE) && !told.contains("9999"), "{told}");
}

fn passcode() -> Passcode {
    Passcode {
        code: CODE.into(),
        prompt: ToneSource::Builtin(BuiltinTone::Prompt),
    }
}

/// A page slot that asks for a passcode.
fn guarded() -> Profile {
    let mut profile = profile();
    profile.slots[0].passcode = Some(passcode());
    profile
}

/// An alert slot that asks for a passcode.
fn alarm(trust: PriorityTrust) -> Profile {
    let mut profile = profile();
    let mut slot = slot(SlotPosition::new(SlotKind::Alert, 1).unwrap(), "alarm");
    slot.passcode = Some(passcode());
    profile.slots.push(slot);
    profile.priority = trust;
    profile.alerts = AlertsProfile {
        announcements: vec![Announcement {
            number: 1,
            tone: recording("leave.wav", 5_000, 800),
            rounds: Rounds::Endless,
            is_drill: false,
        }],
        ..AlertsProfile::default()
    };
    profile
}

/// An alert slot that asks for a passcode, and carries what is said then.
fn spoken_alarm(trust: PriorityTrust) -> Profile {
    Profile {
        alerts: AlertsProfile::default(),
        ..alarm(trust)
    }
}

/// A page slot and an alert slot that ask for a passcode each.
fn guarded_with_alarm() -> Profile {
    let mut profile = alarm(PriorityTrust::Never);
    profile.slots[0].passcode = Some(passcode());
    profile.slots[1].passcode = Some(Passcode {
        code: ALERT_CODE.into(),
        ..passcode()
    });
    profile
}

fn is_silent(world: &World) -> bool {
    world.played.iter().all(|sample| *sample == 0)
}

fn loud(samples: &[i16]) -> i32 {
    let squares: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (squares / samples.len().max(1) as f64).sqrt() as i32
}

fn reason(world: &mut World, page: &Page) -> String {
    let (_, bye) = world
        .server()
        .bye_of_device(page.session)
        .expect("the call is ended");
    bye.header(HeaderName::Reason).unwrap_or_default().to_owned()
}

fn told(world: &World, what: &str) -> bool {
    world
        .events
        .iter()
        .any(|(_, event)| matches!(event, DeviceEvent::CallRefused { why, .. } if why.contains(what)))
}

fn played_a_page(world: &World) -> bool {
    let mut events = world.events.iter();
    events.any(|(_, event)| matches!(event, DeviceEvent::PagePlayed { .. }))
}
