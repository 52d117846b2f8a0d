//! Sounds that are started at the device itself.

use std::time::Duration;

use endpoint::profile::{ANNOUNCEMENTS_MAX, Announcement};
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{Input, LOCAL_TONE_MAX, Profile, RECORDING_MAX, Reconfigured, Rounds, SoundOrder, ToneClass};
use media::sdp::SecurityOffer;
use model::status::{DeviceEvent, RelayEvents, SoundClass, SoundOrigin, StopReason, StrobeColour};
use model::{SlotKind, SlotPosition};

use crate::server::Registrar;
use crate::world::{RATE, World, profile, recording, slot};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const VALUE: i16 = 5_000;

#[test]
fn a_loudspeaker_without_any_registration_plays_an_alert_all_the_same() {
    let mut world = unregistered();

    start(&mut world, 1, false);
    let heard = world.listen(2 * SECOND);

    assert!(heard.iter().all(|sample| *sample == VALUE));
    let sounding = world.what_sounds().unwrap();
    assert_eq!(sounding.class, SoundClass::EmergencyAlert);
    assert_eq!(sounding.origin, SoundOrigin::Local);
    assert_eq!((sounding.slot, sounding.announcement), (None, Some(1)));
    assert_eq!(sounding.tone.as_deref(), Some("announcement.wav"));
    assert_eq!(sounding.what, "emergency alert from this device");
    assert_eq!(sounding.since_ms, 2_000);
}

#[test]
fn an_alert_sounds_before_the_device_has_been_started() {
    let mut world = World::new(with_announcements(profile()), Registrar::Silent);
    world.start_sink();

    start(&mut world, 1, false);

    assert!(world.listen(SECOND).iter().all(|sample| *sample == VALUE));
}

#[test]
fn an_announcement_that_is_stopped_falls_silent_and_its_strobe_is_dark() {
    let mut world = unregistered();
    start(&mut world, 1, false);
    world.run_for(SECOND);

    order(&mut world, SoundOrder::StopAnnouncement { number: 2 });
    assert!(world.what_sounds().is_some(), "another number");
    order(&mut world, SoundOrder::StopAnnouncement { number: 1 });

    assert!(world.listen(SECOND).iter().all(|sample| *sample == 0));
    assert!(!world.device.wants_audio());
    assert_eq!(world.stops(), [StopReason::Cancelled]);
    let status = world.device.status(world.now);
    assert_eq!((status.sounding, status.signals.strobe), (None, None));
}

#[test]
fn announcements_have_the_numbers_one_to_ten() {
    for number in 1..=ANNOUNCEMENTS_MAX {
        let mut world = unregistered();
        start(&mut world, number, false);
        assert_eq!(world.what_sounds().unwrap().announcement, Some(number));
    }
    for number in [0, ANNOUNCEMENTS_MAX + 1] {
        let mut world = unregistered();
        start(&mut world, number, true);
        assert_eq!(world.what_sounds(), None);
        assert_eq!(
            refusals(&world),
            [(
                format!("drill of announcement {number}"),
                format!("there is no announcement {number}")
            )]
        );
    }
}

#[test]
fn all_announcements_may_be_wanted_at_once_and_all_are_ended_at_once() {
    let mut world = unregistered();
    for number in 1..=ANNOUNCEMENTS_MAX {
        start(&mut world, number, false);
    }
    assert_eq!(world.what_sounds().unwrap().announcement, Some(10));
    let wanted = |world: &World| {
        let started = |event: &DeviceEvent| matches!(event, DeviceEvent::Started { .. });
        world.events.iter().filter(|(_, event)| started(event)).count()
    };
    assert_eq!(wanted(&world), 10);

    order(&mut world, SoundOrder::StopAlerts);

    assert_eq!(world.what_sounds(), None);
    assert!(!world.device.wants_audio());
}

#[test]
fn an_exercise_is_shown_as_one_and_ends_when_the_alert_comes() {
    let mut world = unregistered();
    start(&mut world, 1, true);
    let sounding = world.what_sounds().unwrap();
    assert_eq!((sounding.class, sounding.drill), (SoundClass::PriorityPage, true));
    let strobe = world.device.status(world.now).signals.strobe.unwrap();
    assert_eq!(strobe.colour, StrobeColour::Amber);

    start(&mut world, 1, false);
    start(&mut world, 1, true);

    assert!(!world.what_sounds().unwrap().drill);
    assert_eq!(world.stops(), [StopReason::PreEmpted]);
    assert_eq!(
        refusals(&world),
        [(
            "drill of announcement 1".to_owned(),
            "emergency alert in progress".to_owned()
        )]
    );
}

#[test]
fn the_relay_follows_the_sounds_that_are_chosen_for_it_and_the_strobe_all() {
    let mut profile = with_announcements(profile());
    profile.sound.relay = RelayEvents::new(vec![SoundClass::EmergencyAlert]);
    let mut world = unregistered_with(profile);
    let shown = |world: &World| {
        let signals = world.device.status(world.now).signals;
        (signals.strobe.is_some(), signals.relay)
    };

    start(&mut world, 1, true);
    assert_eq!(shown(&world), (true, false));
    start(&mut world, 1, false);

    assert_eq!(shown(&world), (true, true));
}

#[test]
fn a_silent_alert_is_seen_and_lasts_as_long_as_it_may() {
    let mut profile = with_announcements(profile());
    profile.alerts.announcements[0].tone = ToneSource::None;
    profile.alerts.announcements[0].rounds = Rounds::Times(1);
    let mut world = unregistered_with(profile);

    start(&mut world, 1, false);
    let heard = world.listen(600 * SECOND - MILLISECOND);

    assert!(heard.iter().all(|sample| *sample == 0));
    let status = world.device.status(world.now);
    assert_eq!(status.signals.strobe.unwrap().colour, StrobeColour::Red);
    assert!(status.signals.relay);
    world.run_for(MILLISECOND);
    assert_eq!(world.stops(), [StopReason::TimedOut]);
}

#[test]
fn a_local_alert_takes_the_place_of_a_page_and_ends_with_the_cancel_extension() {
    let mut profile = with_announcements(profile());
    profile.slots.push(slot(SlotPosition::CANCEL, "cancel"));
    let mut world = World::sounding(profile);
    let page = world.page("hall", &[]);

    start(&mut world, 3, false);
    assert!(world.server().bye_of_device(page.session).is_some());
    world.page("cancel", &[]);

    assert_eq!(world.what_sounds().unwrap().what, "page from Front desk");
    assert_eq!(world.stops(), [StopReason::PreEmpted, StopReason::Cancelled]);
}

#[test]
fn a_tone_is_played_once_and_is_over_with_its_last_sample() {
    let mut world = unregistered();

    tone(&mut world, Rounds::Times(1), ToneClass::Bell);
    let heard = world.listen(5 * SECOND);

    assert_eq!(heard.iter().filter(|sample| **sample == VALUE).count(), 8_000);
    assert_eq!(world.stops(), [StopReason::Ended]);
    assert!(!world.device.wants_audio());
}

#[test]
fn a_tone_is_over_though_the_sink_stands_still() {
    let mut world = unregistered();
    world.sink_runs = false;

    tone(&mut world, Rounds::Times(1), ToneClass::Bell);
    world.run_for(2 * SECOND);

    assert_eq!(world.stops(), [StopReason::TimedOut]);
}

#[test]
fn a_tone_that_nobody_stops_ends_after_an_hour_and_not_before() {
    let mut world = unregistered();
    tone(&mut world, Rounds::Endless, ToneClass::Page);

    world.run_for(LOCAL_TONE_MAX - MILLISECOND);
    assert!(world.what_sounds().is_some());
    world.run_for(MILLISECOND);

    assert_eq!(world.what_sounds(), None);
}

#[test]
fn a_tone_of_the_longest_time_is_played_whole_and_a_longer_one_is_cut() {
    let longest = RATE.samples_in(RECORDING_MAX);
    for samples in [longest, longest + 1] {
        let mut world = unregistered();
        let order = SoundOrder::StartTone {
            tone: recording("long.wav", VALUE, samples),
            rounds: Rounds::Times(1),
            class: ToneClass::Bell,
            zone: None,
        };

        world.input(Input::Sound(order));
        let heard = world.listen(RECORDING_MAX + SECOND);

        assert_eq!(heard.iter().filter(|sample| **sample == VALUE).count(), longest);
    }
}

#[test]
fn a_bell_gives_way_to_a_ring_and_a_tone_of_a_pages_importance_does_not() {
    for (class, name, heard) in [
        (ToneClass::Bell, SoundClass::ScheduledBell, false),
        (ToneClass::Page, SoundClass::Page, true),
    ] {
        let mut profile = with_announcements(profile());
        let position = SlotPosition::new(SlotKind::Ring, 1).unwrap();
        profile.slots.push(slot(position, "bell"));
        let mut world = World::sounding(profile);
        tone(&mut world, Rounds::Endless, class);
        assert_eq!(world.what_sounds().unwrap().class, name);

        world.call("bell", SecurityOffer::Standard, &[]);

        assert_eq!(world.what_sounds().unwrap().class == name, heard);
    }
}

#[test]
fn a_page_is_refused_while_a_tone_of_its_importance_sounds() {
    let mut world = World::sounding(profile());
    tone(&mut world, Rounds::Endless, ToneClass::Page);

    let (session, _) = world.call("hall", SecurityOffer::Standard, &[]);

    assert_eq!(world.server().statuses(session), [486]);
}

#[test]
fn a_tone_that_is_refused_is_told_with_its_name() {
    let mut world = unregistered();
    start(&mut world, 1, false);

    tone(&mut world, Rounds::Times(1), ToneClass::Bell);

    assert_eq!(
        refusals(&world),
        [(
            "tone tone.wav".to_owned(),
            "emergency alert in progress".to_owned()
        )]
    );
}

#[test]
fn a_tone_is_stopped_by_its_name_or_with_all_others() {
    for (name, stops) in [(Some("tone.wav"), true), (Some("other.wav"), false), (None, true)] {
        let mut world = unregistered();
        tone(&mut world, Rounds::Endless, ToneClass::Bell);

        let name = name.map(str::to_owned);
        order(&mut world, SoundOrder::StopTone { name });

        assert_eq!(world.what_sounds().is_none(), stops);
    }
}

#[test]
fn the_stop_of_tones_ends_no_alert_and_the_stop_of_alerts_no_tone() {
    let mut world = unregistered();
    start(&mut world, 1, false);
    order(&mut world, SoundOrder::StopTone { name: None });
    assert!(world.what_sounds().is_some());
    order(&mut world, SoundOrder::StopAlerts);
    tone(&mut world, Rounds::Endless, ToneClass::Bell);

    order(&mut world, SoundOrder::StopAlerts);

    assert_eq!(world.what_sounds().unwrap().class, SoundClass::ScheduledBell);
}

#[test]
fn the_same_tone_begins_again() {
    let mut world = unregistered();
    tone(&mut world, Rounds::Times(1), ToneClass::Page);
    world.run_for(SECOND / 2);

    tone(&mut world, Rounds::Times(1), ToneClass::Page);
    let heard = world.listen(2 * SECOND);

    assert_eq!(heard.iter().filter(|sample| **sample == VALUE).count(), 8_000);
    assert_eq!(world.stops(), [StopReason::Restarted, StopReason::Ended]);
}

#[test]
fn every_built_in_tone_is_heard() {
    for builtin in BuiltinTone::ALL {
        let mut world = unregistered();
        let order = SoundOrder::StartTone {
            tone: ToneSource::Builtin(builtin),
            rounds: Rounds::Times(1),
            class: ToneClass::Bell,
            zone: None,
        };

        world.input(Input::Sound(order));
        assert_eq!(world.what_sounds().unwrap().tone.as_deref(), Some(builtin.name()));
        let heard = world.listen(10 * SECOND);

        assert!(
            heard.iter().any(|sample| sample.abs() > 1_000),
            "{}",
            builtin.name()
        );
        assert_eq!(world.what_sounds(), None);
    }
}

#[test]
fn a_device_that_is_told_to_leave_falls_silent_and_plays_nothing_more() {
    let mut world = World::sounding(with_announcements(profile()));
    start(&mut world, 1, false);

    world.input(Input::Shutdown);
    start(&mut world, 1, false);

    assert_eq!(world.stops(), [StopReason::ShutDown]);
    assert_eq!(world.what_sounds(), None);
    assert_eq!(refusals(&world)[0].1, "the device shuts down");
}

#[test]
fn a_muted_device_plays_an_alert_in_silence_and_its_strobe_flashes() {
    let mut world = unregistered();
    world.input(Input::Muted(true));

    start(&mut world, 1, false);

    assert!(world.listen(SECOND).iter().all(|sample| *sample == 0));
    assert!(world.device.status(world.now).signals.strobe.is_some());
}

#[test]
fn an_alert_goes_on_through_another_profile_as_loud_as_that_has_it() {
    let profile = with_announcements(profile());
    let mut world = World::sounding(profile.clone());
    start(&mut world, 1, false);
    assert!(
        world.device.is_busy(),
        "another core in the place of this one waits for it"
    );

    let mut quieter = profile;
    quieter.sound.alert_volume_db = -20.0;
    quieter.alerts.announcements.clear();
    let taken = world.device.reconfigure(world.now, quieter);
    world.run_for(SECOND);

    assert_eq!(taken, Reconfigured::InPlace);
    assert!(world.listen(SECOND).iter().all(|sample| *sample == VALUE / 10));
    order(&mut world, SoundOrder::StopAlerts);
    assert!(!world.device.is_busy());
}

/// A profile with ten announcements of half a second.
fn with_announcements(mut profile: Profile) -> Profile {
    profile.alerts.announcements = (1..=ANNOUNCEMENTS_MAX)
        .map(|number| Announcement {
            number,
            tone: recording("announcement.wav", VALUE, 4_000),
            rounds: Rounds::Endless,
            is_drill: false,
        })
        .collect();
    profile
}

/// A device with ten announcements that has nobody to register with.
fn unregistered() -> World {
    unregistered_with(with_announcements(profile()))
}

fn unregistered_with(mut profile: Profile) -> World {
    profile.targets.clear();
    profile.slots.clear();
    let mut world = World::new(profile, Registrar::Silent);
    world.begin();
    world.start_sink();
    world
}

fn order(world: &mut World, order: SoundOrder) {
    world.input(Input::Sound(order));
}

fn start(world: &mut World, number: u8, is_drill: bool) {
    order(world, SoundOrder::StartAnnouncement { number, is_drill });
}

/// Starts a tone of a second.
fn tone(world: &mut World, rounds: Rounds, class: ToneClass) {
    let tone = recording("tone.wav", VALUE, 8_000);
    order(
        world,
        SoundOrder::StartTone {
            tone,
            rounds,
            class,
            zone: None,
        },
    );
}

fn refusals(world: &World) -> Vec<(String, String)> {
    let told = world.events.iter().filter_map(|(_, event)| match event {
        DeviceEvent::SoundRefused { what, why } => Some((what.clone(), why.clone())),
        _ => None,
    });
    told.collect()
}
