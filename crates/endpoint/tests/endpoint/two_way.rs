//! Two-way calls: the caller hears the room.

use std::time::Duration;

use endpoint::profile::PageMode;
use endpoint::{Input, Profile};
use model::config::PriorityTrust;
use model::status::{DeviceEvent, SinkHealth, SoundClass, StopReason};
use model::{SlotKind, SlotPosition};

use crate::handset::Handset;
use crate::world::{Page, RATE, TICK, TICK_SAMPLES, World, profile, slot, speech};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_caller_hears_the_room_and_the_room_the_caller() {
    let mut world = talking(two_way());
    let page = world.page("hall", &[]);
    let mut handset = Handset::new(&mut world, &page);
    assert_eq!(world.what_sounds().unwrap().class, SoundClass::TwoWayCall);
    assert!(world.device.wants_microphone());

    for _ in 0..50 {
        world.device.hear(world.now, &speech(TICK));
        handset.speak(&mut world, &[8_000; TICK_SAMPLES]);
    }

    let said = loud(&handset.heard(&world));
    assert!(
        said > RATE.samples_in(SECOND * 9 / 10) / 2,
        "{said} samples of the room are heard"
    );
    assert!(world.played.iter().filter(|sample| **sample > 7_000).count() > 7_000);
}

#[test]
fn without_a_microphone_a_call_is_a_page_and_the_status_says_so() {
    let mut world = World::sounding(two_way());
    world.page("hall", &[]);

    assert_eq!(world.what_sounds().unwrap().class, SoundClass::Page);
    assert!(!world.device.wants_microphone());
    let microphone = world.device.status(world.now).microphone;
    assert!(matches!(microphone.health, SinkHealth::Faulty { reason } if reason.contains("no microphone")));
}

#[test]
fn a_microphone_that_fails_is_told_and_one_that_comes_back_too() {
    let mut world = talking(two_way());
    let fault = SinkHealth::Faulty {
        reason: "it was unplugged".to_owned(),
    };
    world.input(Input::Microphone(fault.clone()));
    world.input(Input::Microphone(fault));
    world.input(Input::Microphone(SinkHealth::Healthy));

    let told = |(_, event): &&(_, DeviceEvent)| matches!(event, DeviceEvent::MicrophoneChanged { .. });
    assert_eq!(world.events.iter().filter(told).count(), 3);
}

#[test]
fn a_muted_microphone_is_not_listened_to_and_its_gain_applies() {
    let mut profile = two_way();
    profile.sound.microphone.is_muted = true;
    let mut world = talking(profile);
    world.page("hall", &[]);
    assert!(!world.device.wants_microphone());

    let mut levels = Vec::new();
    for gain_db in [0.0, -12.0] {
        let mut profile = two_way();
        profile.sound.microphone.gain_db = gain_db;
        let mut world = talking(profile);
        let page = world.page("hall", &[]);
        levels.push(room(&mut world, &page));
    }
    assert!((levels[0] / levels[1] - 4.0).abs() < 0.2, "{levels:?}");
}

#[test]
fn a_page_silences_a_two_way_call_in_both_directions_and_it_goes_on_afterwards() {
    let mut profile = two_way();
    profile.priority = PriorityTrust::Always;
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Page, 2).unwrap(), "yard"));
    let mut world = talking(profile);
    let call = world.page("hall", &[]);
    let page = world.page("yard", &[("Priority", "urgent")]);

    assert_eq!(world.what_sounds().unwrap().class, SoundClass::PriorityPage);
    assert_eq!(world.stops(), [StopReason::Paused]);
    assert!(!world.device.wants_microphone());
    assert!(room(&mut world, &call) < 100.0);
    world.hang_up(page.session);
    world.run_for(SECOND);

    assert_eq!(world.what_sounds().unwrap().class, SoundClass::TwoWayCall);
    assert!(world.device.wants_microphone());
}

#[test]
fn what_is_more_important_than_a_page_is_no_two_way_call_and_a_second_call_is_refused() {
    let mut profile = two_way();
    profile.priority = PriorityTrust::Always;
    let mut other = slot(SlotPosition::new(SlotKind::Page, 2).unwrap(), "yard");
    other.mode = PageMode::TwoWay;
    profile.slots.push(other);
    let mut world = talking(profile.clone());
    world.page("hall", &[("Priority", "urgent")]);
    assert_eq!(world.what_sounds().unwrap().class, SoundClass::PriorityPage);

    let mut world = talking(profile);
    world.page("hall", &[]);
    let (session, _) = world.call("yard", media::sdp::SecurityOffer::Standard, &[]);
    world.run_for(SECOND);
    assert_eq!(world.server().statuses(session), [486]);
}

#[test]
fn the_room_is_not_listened_to_when_the_caller_has_hung_up() {
    let mut world = talking(two_way());
    let page = world.page("hall", &[]);
    world.hang_up(page.session);
    world.run_for(SECOND);
    assert!(!world.device.wants_microphone());
}

/// A page slot of two ways.
fn two_way() -> Profile {
    let mut profile = profile();
    profile.slots[0].mode = PageMode::TwoWay;
    profile
}

/// A device with a microphone.
fn talking(profile: Profile) -> World {
    let mut world = World::sounding(profile);
    world.input(Input::Microphone(SinkHealth::Healthy));
    world
}

/// How loud the caller hears a room that speaks for a second.
fn room(world: &mut World, page: &Page) -> f64 {
    let handset = Handset::new(world, page);
    let before = handset.heard(world).len();
    for _ in 0..50 {
        world.device.hear(world.now, &speech(TICK));
        world.pump();
        world.run_for(TICK);
    }
    let heard = handset.heard(world);
    let squares: f64 = heard
        .iter()
        .skip(before)
        .map(|sample| f64::from(*sample).powi(2))
        .sum();
    (squares / RATE.samples_in(SECOND) as f64).sqrt()
}

fn loud(samples: &[i16]) -> usize {
    samples.iter().filter(|sample| sample.abs() > 2_000).count()
}
