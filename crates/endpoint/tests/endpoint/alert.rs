//! Alert slots: announcements that a call starts, and alerts that are spoken.

use std::time::Duration;

use endpoint::profile::Announcement;
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{Profile, Rounds};
use media::sdp::SecurityOffer;
use model::status::{
    DeviceEvent, Signals, SoundClass, SoundOrigin, StopReason, Strobe, StrobeColour, StrobePattern,
};
use model::{PRIORITY_HEADER, PRIORITY_OF_ZONE, SlotKind, SlotPosition};
use sip::message::HeaderName;
use sip::user_agent::SessionId;

use crate::server::Registrar;
use crate::world::{RATE, TICK, World, profile, recording, slot, speech};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const FIRE: i16 = 5_000;
const FLOOD: i16 = 6_000;
const SPOKEN: &[(&str, &str)] = &[("Oyez-Page", "alert-1"), ("Priority", "emergency")];
const SPOKEN_DRILL: &[(&str, &str)] = &[("Oyez-Page", "drill-1"), ("Priority", "urgent")];
const URGENT: &[(&str, &str)] = &[("Priority", "urgent")];

#[test]
fn a_call_starts_the_announcement_which_goes_on_when_its_caller_has_hung_up() {
    let mut world = World::sounding(with_alerts());

    let caller = world.page("fire", &[]);
    assert_eq!(world.server().statuses(caller.session), [200]);
    assert!(share(&world.listen(2 * SECOND), FIRE) > 0.95);
    world.hang_up(caller.session);
    world.run_for(SECOND);

    assert!(world.server().bye_answer(caller.session).is_some());
    assert_eq!(world.device.holdings().calls, 0);
    assert!(share(&world.listen(60 * SECOND), FIRE) > 0.99);
    assert_eq!(world.stops(), []);
}

#[test]
fn what_the_caller_of_an_announcement_says_is_not_heard() {
    let mut world = World::sounding(with_alerts());
    let caller = world.page("fire", &[("Oyez-Page", "forged")]);

    world.speak_page(&caller, &speech(2 * SECOND));

    assert!(share(&world.listen(2 * SECOND), FIRE) > 0.95);
    world.hang_up(caller.session);
    world.run_for(SECOND);
    let (_, answer) = world.server().bye_answer(caller.session).unwrap();
    assert_eq!(
        answer.body(),
        b"",
        "nothing of it was heard, and no receipt says so"
    );
}

#[test]
fn an_announcement_is_shown_with_its_caller_its_number_and_its_tone() {
    let mut world = World::sounding(with_alerts());

    world.page("flood", &[]);

    let sounding = world.what_sounds().unwrap();
    assert_eq!(sounding.class, SoundClass::EmergencyAlert);
    assert_eq!(sounding.origin, SoundOrigin::SlotCall);
    assert_eq!(sounding.slot.unwrap().as_str(), "alert-2");
    assert_eq!(sounding.announcement, Some(2));
    assert_eq!(sounding.tone.as_deref(), Some("flood.wav"));
    assert_eq!(sounding.what, "emergency alert from Front desk");
    assert!(!sounding.drill);
    let signals = world.device.status(world.now).signals;
    assert_eq!(signals, light(StrobeColour::Red, StrobePattern::MultiStrobeFast));
}

#[test]
fn an_announcement_ends_by_the_cancel_extension_and_its_callers_learn_it() {
    let mut world = World::sounding(with_alerts());
    let caller = world.page("fire", &[]);
    world.run_for(SECOND);

    let cancel = world.page("cancel", &[]);

    assert!(ended(&mut world, caller.session).contains("alert cancelled"));
    assert_eq!(world.stops(), [StopReason::Cancelled]);
    assert_eq!(world.what_sounds().unwrap().what, "page from Front desk");
    world.hang_up(cancel.session);
    assert!(world.listen(SECOND).iter().all(|sample| *sample == 0));
}

#[test]
fn an_announcement_ends_after_its_longest_time_and_not_before() {
    let mut profile = with_alerts();
    profile.alerts.length_max = 600 * SECOND;
    let mut world = World::sounding(profile);
    let caller = world.page("fire", &[]);
    let began = world.now;
    world.hang_up(caller.session);

    world.run_for(began + 600 * SECOND - MILLISECOND - world.now);
    assert!(world.what_sounds().is_some());
    world.run_for(MILLISECOND);

    assert_eq!(world.what_sounds(), None);
    assert_eq!(world.stops(), [StopReason::TimedOut]);
}

#[test]
fn an_announcement_of_two_rounds_ends_after_them_and_its_caller_is_hung_up() {
    let mut profile = with_alerts();
    profile.alerts.announcements[0].rounds = Rounds::Times(2);
    let mut world = World::sounding(profile);

    let caller = world.page("fire", &[]);
    let heard = world.listen(5 * SECOND);

    assert_eq!(heard.iter().filter(|sample| **sample == FIRE).count(), 16_000);
    assert_eq!(world.stops(), [StopReason::Ended]);
    assert!(ended(&mut world, caller.session).contains("the announcement is over"));
}

#[test]
fn an_announcement_that_is_called_again_begins_again_and_keeps_its_callers() {
    let mut profile = with_alerts();
    profile.alerts.length_max = 10 * SECOND;
    let mut world = World::sounding(profile);
    let first = world.page("fire", &[]);
    world.run_for(8 * SECOND);

    let second = world.page("fire", &[]);
    world.run_for(8 * SECOND);

    assert_eq!(
        world.stops(),
        [StopReason::Restarted],
        "its time has begun anew as well"
    );
    assert!(world.server().bye_of_device(first.session).is_none());
    world.run_for(3 * SECOND);
    assert!(world.server().bye_of_device(first.session).is_some());
    assert!(world.server().bye_of_device(second.session).is_some());
}

#[test]
fn an_announcement_sounds_though_its_call_cannot_be_answered() {
    let mut world = World::sounding(with_alerts());
    world.opens_media = false;

    let (session, _) = world.call("fire", SecurityOffer::Standard, &[]);
    world.input(endpoint::Input::MediaFailed {
        call: world.media_opened[0],
    });

    assert_eq!(world.server().statuses(session), [500]);
    assert!(share(&world.listen(2 * SECOND), FIRE) > 0.95);
}

#[test]
fn of_two_announcements_the_later_is_heard_and_the_earlier_goes_on_behind_it() {
    let mut world = World::sounding(with_alerts());
    world.page("fire", &[]);
    world.run_for(SECOND);

    world.page("flood", &[]);
    assert!(share(&world.listen(SECOND), FLOOD) > 0.95);
    world.input(stop(2));

    assert!(share(&world.listen(SECOND), FIRE) > 0.95);
    assert_eq!(world.stops(), [StopReason::Paused, StopReason::Cancelled]);
}

#[test]
fn an_announcement_takes_the_place_of_a_page_and_refuses_the_next() {
    let mut world = World::sounding(with_alerts());
    let page = world.page("hall", &[("Oyez-Page", "page-1")]);

    world.page("fire", &[]);

    assert!(ended(&mut world, page.session).contains("emergency alert takes its place"));
    let (next, _) = world.call("hall", SecurityOffer::Standard, &[]);
    assert_eq!(world.server().statuses(next), [486]);
}

#[test]
fn a_third_caller_of_an_announcement_is_answered_in_the_place_of_the_first() {
    let mut world = World::sounding(with_alerts());
    let first = world.page("fire", &[]);
    world.page("fire", &[]);

    let third = world.page("fire", &[]);

    assert_eq!(world.server().statuses(third.session), [200]);
    assert!(world.server().bye_of_device(first.session).is_some());
    assert!(share(&world.listen(SECOND), FIRE) > 0.95);
}

#[test]
fn a_page_of_a_zone_to_an_alert_slot_is_spoken_and_the_announcement_goes_on_behind_it() {
    let mut world = in_a_zone(with_alerts());
    world.page("fire", &[]);
    world.run_for(SECOND);

    let spoken = world.page("fire", SPOKEN);
    world.speak_page(&spoken, &speech(SECOND));
    let heard = world.listen(SECOND);
    assert_eq!(share(&heard, FIRE), 0.0);
    assert!(heard.iter().any(|sample| sample.abs() > 10_000));
    assert_eq!(world.what_sounds().unwrap().tone, None);
    world.hang_up(spoken.session);
    world.run_for(SECOND);

    assert!((990..=1_000).contains(&world.receipt(spoken.session).played_ms));
    assert!(share(&world.listen(SECOND), FIRE) > 0.95);
}

#[test]
fn a_page_of_a_foreign_server_to_an_alert_slot_starts_its_announcement() {
    let mut world = World::sounding(with_alerts());

    world.page("fire", SPOKEN);

    assert_eq!(world.what_sounds().unwrap().announcement, Some(1));
}

#[test]
fn a_slot_without_announcement_carries_the_callers_speech() {
    let mut profile = with_alerts();
    profile.alerts.announcements[0].tone = ToneSource::None;
    let mut world = World::sounding(profile);

    let caller = world.page("fire", &[]);
    world.speak_page(&caller, &speech(SECOND));

    assert!(world.listen(SECOND).iter().any(|sample| sample.abs() > 10_000));
    assert_eq!(world.what_sounds().unwrap().announcement, None);
    world.hang_up(caller.session);
    world.run_for(SECOND);
    assert_eq!(world.what_sounds(), None, "it ends with its caller");
}

#[test]
fn an_exercise_is_a_priority_page_that_says_in_each_round_what_it_is() {
    let mut profile = with_alerts();
    profile.alerts.announcements[0].tone = recording("fire.wav", FIRE, 800);
    let mut world = in_a_zone(profile);

    world.page("fire", URGENT);

    let sounding = world.what_sounds().unwrap();
    assert_eq!((sounding.class, sounding.drill), (SoundClass::PriorityPage, true));
    let signals = world.device.status(world.now).signals;
    assert_eq!(signals, light(StrobeColour::Amber, StrobePattern::ClassicMedium));
    // Rounds of 1.2 s of the signal and 100 ms of the announcement.
    let heard = world.listen(13 * SECOND);
    let begins = heard.windows(2).filter(|pair| pair[0] != FIRE && pair[1] == FIRE);
    assert_eq!(begins.count(), 10);
    assert!(share(&heard, FIRE) < 0.1);
}

#[test]
fn an_alert_ends_an_exercise_of_the_same_announcement_and_no_exercise_an_alert() {
    let mut world = in_a_zone(with_alerts());
    let exercise = world.page("fire", URGENT);

    world.page("fire", &[]);
    assert!(ended(&mut world, exercise.session).contains("emergency alert takes its place"));
    let (second, _) = world.call("fire", SecurityOffer::Standard, URGENT);

    assert_eq!(world.server().statuses(second), [486]);
    assert!(!world.what_sounds().unwrap().drill);
    assert!(share(&world.listen(SECOND), FIRE) > 0.95);
}

#[test]
fn calls_to_a_slot_for_exercises_are_exercises_unless_they_are_marked_as_an_emergency() {
    let emergency: &[(&str, &str)] = &[("Priority", "emergency")];
    for (headers, is_of_zone, is_drill) in [
        (&[][..], false, true),
        (&[], true, true),
        (URGENT, true, true),
        (emergency, true, false),
        (emergency, false, true),
    ] {
        let mut profile = with_alerts();
        profile.alerts.announcements[0].is_drill = true;
        let mut world = if is_of_zone {
            in_a_zone(profile)
        } else {
            World::sounding(profile)
        };

        world.page("fire", headers);

        assert_eq!(
            world.what_sounds().unwrap().drill,
            is_drill,
            "{headers:?} {is_of_zone}"
        );
    }
}

#[test]
fn a_spoken_exercise_begins_with_the_signal_of_exercises() {
    let mut world = in_a_zone(with_alerts());
    let (session, _) = world.call("fire", SecurityOffer::Standard, SPOKEN_DRILL);

    let signal = BuiltinTone::Drill.signal().round();
    let heard = world.listen(signal - TICK);

    assert!(heard.iter().any(|sample| sample.abs() > 1_000));
    assert_eq!(world.server().statuses(session), [180]);
    world.run_for(SECOND);
    assert_eq!(world.server().statuses(session), [180, 200]);
    assert!(world.what_sounds().unwrap().drill);
}

#[test]
fn the_signals_follow_what_sounds() {
    let mut world = World::sounding(with_alerts());
    let page = world.page("hall", &[]);
    world.page("fire", &[]);
    world.page("cancel", &[]);
    world.hang_up(page.session);
    world.run_for(SECOND);
    world.input(endpoint::Input::Shutdown);
    world.run_for(SECOND);

    let told: Vec<Signals> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            DeviceEvent::SignalsChanged { signals } => Some(*signals),
            _ => None,
        })
        .collect();

    let green = light(StrobeColour::Green, StrobePattern::Steady);
    let red = light(StrobeColour::Red, StrobePattern::MultiStrobeFast);
    assert_eq!(
        told.first(),
        Some(&green),
        "a page, then the alert, then the call that cancels it"
    );
    assert!(
        told.windows(2).all(|pair| pair[0] != pair[1]),
        "only changes are told"
    );
    assert!(told.contains(&red));
    assert_eq!(told.last(), Some(&Signals::default()));
    assert_eq!(world.device.status(world.now).signals, Signals::default());
}

/// A device with two announcements of a second each, and the cancel extension.
pub(crate) fn with_alerts() -> Profile {
    let mut profile = profile();
    for (number, user, value) in [(1, "fire", FIRE), (2, "flood", FLOOD)] {
        let position = SlotPosition::new(SlotKind::Alert, number).unwrap();
        profile.slots.push(slot(position, user));
        profile.alerts.announcements.push(Announcement {
            number,
            tone: recording(&format!("{user}.wav"), value, RATE.samples_in(SECOND)),
            rounds: Rounds::Endless,
            is_drill: false,
        });
    }
    profile.slots.push(slot(SlotPosition::CANCEL, "cancel"));
    profile
}

fn in_a_zone(profile: Profile) -> World {
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    world.server().extra_headers = vec![(PRIORITY_HEADER, PRIORITY_OF_ZONE.to_owned())];
    world.begin();
    world.run_for(SECOND);
    world.start_sink();
    world
}

pub(crate) fn stop(number: u8) -> endpoint::Input {
    endpoint::Input::Sound(endpoint::SoundOrder::StopAnnouncement { number })
}

fn light(colour: StrobeColour, pattern: StrobePattern) -> Signals {
    Signals {
        strobe: Some(Strobe { pattern, colour }),
        relay: true,
    }
}

/// How much of what was heard has this value.
fn share(heard: &[i16], value: i16) -> f32 {
    let count = heard.iter().filter(|sample| **sample == value).count();
    count as f32 / heard.len() as f32
}

/// Why the device ended a call.
fn ended(world: &mut World, session: SessionId) -> String {
    let (_, bye) = world.server().bye_of_device(session).expect("the call is ended");
    bye.header(HeaderName::Reason).expect("a reason").to_owned()
}
