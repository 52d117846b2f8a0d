//! Delayed pages: recorded first, played when the caller is done.

use std::time::Duration;

use endpoint::passcode::Passcode;
use endpoint::profile::PageMode;
use endpoint::tones::ToneSource;
use endpoint::{Input, MESSAGE_MAX, MESSAGES_MAX, Profile, Rounds, SoundOrder, ToneClass};
use media::sdp::SecurityOffer;
use model::config::PriorityTrust;
use model::status::{DeviceEvent, MessagesStatus, SoundClass, SoundOrigin, StopReason};
use model::{SlotKind, SlotPosition};
use sip::message::HeaderName;

use crate::handset::Handset;
use crate::world::{Page, RATE, World, profile, recording, slot, speech};

const SECOND: Duration = Duration::from_secs(1);
const PAGE: &[(&str, &str)] = &[("Oyez-Page", "page-1")];

#[test]
fn what_is_said_is_heard_when_the_caller_has_hung_up_and_not_before() {
    let mut world = World::sounding(delaying());
    let page = world.page("hall", PAGE);
    let mut handset = Handset::new(&mut world, &page);
    handset.speak(&mut world, &speech(2 * SECOND));

    assert!(loud(&world.played) == 0, "while it is recorded");
    assert_eq!(messages(&world), (1, 0));
    assert!(
        loud(&handset.heard(&world)) > 0,
        "the caller hears that it may speak"
    );
    world.hang_up(page.session);
    world.run_for(SECOND);

    let sounding = world.what_sounds().expect("the message sounds");
    assert_eq!(
        (sounding.class, sounding.origin),
        (SoundClass::Page, SoundOrigin::DelayedPage)
    );
    assert_eq!(sounding.what, "delayed page from Front desk");
    assert_eq!(messages(&world), (0, 0));
    world.run_for(2 * SECOND);
    assert_eq!(world.what_sounds(), None);
    let heard = RATE.duration_of(loud(&world.played) as u64);
    assert!((1_900..=2_000).contains(&heard.as_millis()), "{heard:?}");
}

#[test]
fn the_tone_comes_before_the_message() {
    let mut profile = delaying();
    profile.slots[0].tone = recording("bell.wav", 15_000, 800);
    let mut world = World::sounding(profile);
    record(&mut world, "hall", SECOND);
    world.run_for(2 * SECOND);

    let first = world.played.iter().position(|sample| *sample != 0).unwrap();
    assert_eq!(world.played[first..first + 800], [15_000; 800]);
    assert!(loud(&world.played[first + 800..]) > 7_000);
}

#[test]
fn a_key_ends_the_message_where_it_is_to_and_is_of_no_account_elsewhere() {
    for ends_by_key in [true, false] {
        let mut profile = delaying();
        profile.slots[0].mode = PageMode::Delayed { ends_by_key };
        let mut world = World::sounding(profile);
        let page = world.page("hall", &[]);
        let mut handset = Handset::new(&mut world, &page);
        handset.speak(&mut world, &speech(SECOND));

        handset.key_in(&mut world, "#");

        assert_eq!(world.server().bye_of_device(page.session).is_some(), ends_by_key);
        assert_eq!(world.what_sounds().is_some(), ends_by_key);
    }
}

#[test]
fn a_message_is_recorded_while_a_page_is_heard_and_played_after_it() {
    let mut profile = delaying();
    let mut live = slot(SlotPosition::new(SlotKind::Page, 2).unwrap(), "yard");
    live.mode = PageMode::OneWay;
    profile.slots.push(live);
    let mut world = World::sounding(profile);
    let live = world.page("yard", &[]);
    world.speak_page(&live, &speech(20 * SECOND));

    record(&mut world, "hall", SECOND);
    assert_eq!(messages(&world), (0, 1));
    assert_eq!(world.what_sounds().unwrap().origin, SoundOrigin::SlotCall);

    world.hang_up(live.session);
    world.run_for(SECOND / 2);
    assert_eq!(world.what_sounds().unwrap().origin, SoundOrigin::DelayedPage);
    assert_eq!(messages(&world), (0, 0));
}

#[test]
fn messages_are_played_one_after_the_other_in_their_order() {
    let mut world = World::sounding(delaying());
    let first = world.page("hall", &[]);
    let second = world.page("hall", &[]);
    for page in [&first, &second] {
        Handset::new(&mut world, page).speak(&mut world, &speech(SECOND));
    }
    world.hang_up(second.session);
    world.hang_up(first.session);
    world.run_for(4 * SECOND);

    let begun: Vec<_> = world
        .events
        .iter()
        .filter(|(_, event)| matches!(event, DeviceEvent::Started { .. }))
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(begun.len(), 2);
    assert!(begun[1] - begun[0] >= 9 * SECOND / 10);
}

#[test]
fn an_alert_ends_a_message_and_a_ring_waits_for_its_end() {
    let mut profile = delaying();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Alert, 1).unwrap(), "alarm"));
    let mut ring = slot(SlotPosition::new(SlotKind::Ring, 1).unwrap(), "bell");
    ring.tone = recording("ring.wav", 3_000, 800);
    profile.slots.push(ring);
    let mut world = World::sounding(profile);
    world.call("bell", SecurityOffer::Standard, &[]);
    world.run_for(SECOND / 10);
    assert_eq!(world.what_sounds().unwrap().class, SoundClass::Ring);
    record(&mut world, "hall", 3 * SECOND);

    assert_eq!(world.what_sounds().unwrap().origin, SoundOrigin::DelayedPage);
    assert_eq!(world.stops(), [StopReason::Paused]);
    let alarm = world.page("alarm", &[]);
    assert_eq!(world.what_sounds().unwrap().class, SoundClass::EmergencyAlert);
    assert_eq!(world.stops(), [StopReason::Paused, StopReason::PreEmpted]);
    world.hang_up(alarm.session);
    world.run_for(SECOND);

    assert_eq!(
        world.what_sounds().unwrap().class,
        SoundClass::Ring,
        "and the message is not played again"
    );
}

#[test]
fn as_many_messages_are_kept_as_may_be_and_not_one_more() {
    // The limit of calls to one slot is met first.
    let mut profile = delaying();
    for port in 2..6 {
        let mut slot = slot(
            SlotPosition::new(SlotKind::Page, port).unwrap(),
            &format!("room-{port}"),
        );
        slot.mode = PageMode::Delayed { ends_by_key: false };
        profile.slots.push(slot);
    }
    let mut world = World::sounding(profile);
    world.input(Input::Sound(SoundOrder::StartTone {
        tone: recording("busy.wav", 1, 800),
        rounds: Rounds::Endless,
        class: ToneClass::Page,
        zone: None,
    }));
    for number in 0..MESSAGES_MAX {
        record(&mut world, &format!("room-{}", number + 2), SECOND);
    }
    assert_eq!(messages(&world), (0, MESSAGES_MAX));

    let (session, _) = world.call("hall", SecurityOffer::Standard, &[]);
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(session), [486]);
}

#[test]
fn a_message_of_the_longest_time_is_played_and_its_caller_hung_up() {
    let mut world = World::sounding(delaying());
    let page = world.page("hall", &[]);
    let mut handset = Handset::new(&mut world, &page);
    handset.speak(&mut world, &speech(MESSAGE_MAX + SECOND));

    assert!(world.server().bye_of_device(page.session).is_some());
    assert_eq!(world.what_sounds().unwrap().origin, SoundOrigin::DelayedPage);
    world.run_for(MESSAGE_MAX);
    assert_eq!(world.what_sounds(), None);
}

#[test]
fn a_page_that_nobody_has_heard_yet_promises_no_receipt_and_gives_none() {
    let mut world = World::sounding(delaying());
    let page = world.page("hall", PAGE);
    Handset::new(&mut world, &page).speak(&mut world, &speech(SECOND));
    world.hang_up(page.session);
    world.run_for(5 * SECOND);

    let (_, answer) = world.server().answered_at(page.session).unwrap();
    assert_eq!(answer.header(HeaderName::Other("Oyez-Page")), None);
    let (_, answer) = world.server().bye_answer(page.session).unwrap();
    assert!(answer.body().is_empty());
}

#[test]
fn what_is_more_important_than_a_page_is_heard_at_once() {
    let mut profile = delaying();
    profile.priority = PriorityTrust::Always;
    let mut world = World::sounding(profile);

    world.page("hall", &[("Priority", "urgent")]);

    assert_eq!(world.what_sounds().unwrap().class, SoundClass::PriorityPage);
    assert_eq!(messages(&world), (0, 0));
}

#[test]
fn who_cancels_an_alert_is_heard_at_once_however_many_messages_wait() {
    let mut profile = delaying();
    let mut cancel = slot(SlotPosition::CANCEL, "cancel");
    cancel.mode = PageMode::Delayed { ends_by_key: false };
    profile.slots.push(cancel);
    let mut world = World::sounding(profile);
    world.input(Input::Sound(SoundOrder::StartTone {
        tone: recording("busy.wav", 1, 800),
        rounds: Rounds::Endless,
        class: ToneClass::Page,
        zone: None,
    }));
    for _ in 0..MESSAGES_MAX {
        record(&mut world, "hall", SECOND);
    }

    let cancel = world.page("cancel", &[]);
    Handset::new(&mut world, &cancel).speak(&mut world, &speech(SECOND));
    world.hang_up(cancel.session);
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(cancel.session), [200]);
    assert_eq!(messages(&world), (0, MESSAGES_MAX), "and leaves none");
}

#[test]
fn a_message_is_recorded_behind_its_passcode() {
    let mut profile = delaying();
    profile.slots[0].passcode = Some(Passcode {
        code: "47".into(),
        prompt: ToneSource::None,
    });
    let mut world = World::sounding(profile);
    let page = world.page("hall", &[]);
    let mut handset = Handset::new(&mut world, &page);
    handset.key_in(&mut world, "47");
    handset.speak(&mut world, &speech(SECOND));
    world.hang_up(page.session);
    world.run_for(2 * SECOND);

    assert!(loud(&world.played) > 7_000);
}

#[test]
fn who_keys_in_no_passcode_takes_the_place_of_no_message() {
    let mut world = World::sounding(guarded_and_open());
    for user in ["hall", "hall", "room"] {
        world.page(user, &[]);
    }
    assert_eq!(messages(&world), (0, 0));

    let page = world.page("yard", &[]);

    assert_eq!(messages(&world), (1, 0));
    assert_eq!(world.server().statuses(page.session), [200]);
}

#[test]
fn who_keys_in_the_passcode_when_no_more_messages_may_be_kept_is_told_so_by_a_bye() {
    for kept in [MESSAGES_MAX - 1, MESSAGES_MAX] {
        let mut world = World::sounding(guarded_and_open());
        world.input(Input::Sound(SoundOrder::StartTone {
            tone: recording("busy.wav", 1, 800),
            rounds: Rounds::Endless,
            class: ToneClass::Page,
            zone: None,
        }));
        let page = world.page("hall", &[]);
        let mut handset = Handset::new(&mut world, &page);
        for _ in 0..kept {
            record(&mut world, "yard", SECOND);
        }

        handset.key_in(&mut world, "47");

        let bye = world.server().bye_of_device(page.session);
        let reason = bye.and_then(|(_, bye)| bye.header(HeaderName::Reason).map(str::to_owned));
        if kept < MESSAGES_MAX {
            assert_eq!((reason, messages(&world)), (None, (1, kept)));
        } else {
            assert!(reason.unwrap().contains("too many messages"));
            assert_eq!(messages(&world), (0, kept));
        }
    }
}

#[test]
fn a_call_without_a_word_is_no_message() {
    let mut world = World::sounding(delaying());
    let page = world.page("hall", &[]);
    world.run_for(SECOND);
    world.hang_up(page.session);
    world.run_for(SECOND);

    assert!(
        world
            .events
            .iter()
            .all(|(_, event)| !matches!(event, DeviceEvent::Started { .. }))
    );
    assert!(!world.device.is_busy());
}

/// A page slot that delays.
fn delaying() -> Profile {
    let mut profile = profile();
    profile.slots[0].mode = PageMode::Delayed { ends_by_key: false };
    profile
}

/// Page slots that delay: two that ask for a passcode, and one that does not.
fn guarded_and_open() -> Profile {
    let mut profile = delaying();
    for (port, user) in [(2, "room"), (3, "yard")] {
        let mut slot = slot(SlotPosition::new(SlotKind::Page, port).unwrap(), user);
        slot.mode = PageMode::Delayed { ends_by_key: false };
        profile.slots.push(slot);
    }
    for slot in &mut profile.slots[..2] {
        slot.passcode = Some(Passcode {
            code: "47".into(),
            prompt: ToneSource::None,
        });
    }
    profile
}

/// Leaves a message of this length.
fn record(world: &mut World, user: &str, length: Duration) -> Page {
    let page = world.page(user, &[]);
    Handset::new(world, &page).speak(world, &speech(length));
    world.hang_up(page.session);
    world.run_for(SECOND / 5);
    page
}

fn messages(world: &World) -> (usize, usize) {
    let MessagesStatus { recording, waiting } = world.device.status(world.now).messages;
    (recording, waiting)
}

/// How many samples are no silence.
fn loud(samples: &[i16]) -> usize {
    samples.iter().filter(|sample| sample.abs() > 100).count()
}
