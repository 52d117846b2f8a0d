//! Ring slots: which tone sounds, from when on, and until when.

use std::time::Duration;

use endpoint::Profile;
use endpoint::profile::RingRule;
use endpoint::tones::ToneSource;
use media::sdp::SecurityOffer;
use model::status::{DeviceEvent, SoundClass, SoundOrigin, StopReason};
use model::{SlotKind, SlotPosition};
use sip::user_agent::SessionId;

use crate::world::{TICK, World, profile, recording, slot};

const SECOND: Duration = Duration::from_secs(1);
/// Samples of the tone of each value, all shorter than a second.
const TONE: usize = 400;

#[test]
fn a_ring_plays_the_tone_of_its_slot_again_and_again_at_its_own_volume() {
    let mut profile = with_bells();
    profile.sound.ring_volume_db = -20.0;
    let mut world = World::sounding(profile);

    ring(&mut world, "bell2");
    let heard = world.listen(2 * SECOND);

    assert_eq!(heard.iter().filter(|sample| **sample == 200).count(), 16_000);
}

#[test]
fn what_rings_is_shown_with_its_tone() {
    let mut world = World::sounding(with_bells());

    ring(&mut world, "bell1");

    let sounding = world.what_sounds().unwrap();
    assert_eq!(sounding.class, SoundClass::Ring);
    assert_eq!(sounding.origin, SoundOrigin::SlotCall);
    assert_eq!(sounding.slot.unwrap().as_str(), "ring-1");
    assert_eq!(sounding.tone.as_deref(), Some("one.wav"));
    assert_eq!(sounding.what, "ring from Front desk");
}

#[test]
fn a_ring_without_a_tone_is_shown_and_not_heard() {
    let mut profile = with_bells();
    profile.slots[1].tone = ToneSource::None;
    let mut world = World::sounding(profile);

    ring(&mut world, "bell1");
    let heard = world.listen(2 * SECOND);

    assert!(heard.iter().all(|sample| *sample == 0));
    assert_eq!(world.what_sounds().unwrap().tone, None);
}

#[test]
fn a_ring_that_is_answered_elsewhere_stops_and_says_so() {
    for (reasons, why) in [
        (&[][..], StopReason::Ended),
        (
            &["SIP ;cause=200 ;text=\"Call completed elsewhere\""],
            StopReason::CompletedElsewhere,
        ),
        (
            &["Q.850;cause=16", "sip;cause=200"],
            StopReason::CompletedElsewhere,
        ),
        (&["Q.850;cause=31, SIP;cause=200"], StopReason::CompletedElsewhere),
        (&["SIP;cause=600", "Q.850;cause=200"], StopReason::Ended),
        (&["SIP;cause=2000", ";cause=200"], StopReason::Ended),
    ] {
        let mut world = World::sounding(with_bells());
        let session = ring(&mut world, "bell1");
        world.run_for(SECOND);

        let headers = reasons
            .iter()
            .map(|value| ("Reason".to_owned(), (*value).to_owned()));
        let now = world.now;
        world
            .server()
            .agent
            .hang_up(now, session, headers.collect(), None);
        world.pump();

        assert_eq!(world.stops(), [why], "{reasons:?}");
        assert_eq!(world.what_sounds(), None);
        assert!(world.listen(SECOND).iter().all(|sample| *sample == 0));
    }
}

#[test]
fn a_rule_picks_the_tone_by_user_and_name_of_caller_and_called() {
    for (pattern, tone) in [
        ("^1001$", "rule.wav"),
        ("^Front", "rule.wav"),
        ("^bell1$", "rule.wav"),
        ("^bell2$", "one.wav"),
        ("^100$", "one.wav"),
    ] {
        let mut profile = with_bells();
        profile.ring.rules = vec![rule(pattern, "rule.wav", 9_000, 0)];
        let mut world = World::sounding(profile);

        ring(&mut world, "bell1");

        assert_eq!(
            world.what_sounds().unwrap().tone.as_deref(),
            Some(tone),
            "{pattern}"
        );
    }
}

#[test]
fn of_several_rules_that_match_the_first_counts() {
    let mut profile = with_bells();
    profile.ring.rules = vec![
        rule("^9", "never.wav", 1, 0),
        rule("^1", "first.wav", 2, 0),
        rule("^10", "second.wav", 3, 0),
    ];
    let mut world = World::sounding(profile);

    ring(&mut world, "bell1");

    assert_eq!(world.what_sounds().unwrap().tone.as_deref(), Some("first.wav"));
}

#[test]
fn a_ring_with_a_delay_is_silent_until_it_is_over() {
    let mut profile = with_bells();
    profile.ring.rules = vec![rule("1001", "rule.wav", 9_000, 3)];
    let mut world = World::sounding(profile);

    let session = ring(&mut world, "bell1");
    let early = world.listen(3 * SECOND - TICK);
    assert_eq!(
        world.server().statuses(session),
        [180],
        "the caller hears it at once"
    );
    assert_eq!(world.what_sounds(), None);
    let late = world.listen(SECOND);

    assert!(early.iter().all(|sample| *sample == 0));
    assert_eq!(late.iter().filter(|sample| **sample == 9_000).count(), 49 * 160);
}

#[test]
fn a_caller_that_stops_before_the_delay_is_over_is_not_heard() {
    let mut profile = with_bells();
    profile.ring.rules = vec![rule("1001", "rule.wav", 9_000, 3)];
    let mut world = World::sounding(profile);
    let session = ring(&mut world, "bell1");
    world.run_for(SECOND);

    world.hang_up(session);

    assert!(world.listen(5 * SECOND).iter().all(|sample| *sample == 0));
    let told = world
        .events
        .iter()
        .any(|(_, event)| matches!(event, DeviceEvent::Started { .. }));
    assert!(!told);
}

#[test]
fn a_ring_falls_silent_after_its_longest_time_and_the_caller_goes_on() {
    let mut profile = with_bells();
    profile.ring.sounds_max = Some(3 * SECOND);
    let mut world = World::sounding(profile);

    let session = ring(&mut world, "bell1");
    let heard = world.listen(10 * SECOND);

    assert_eq!(heard.iter().filter(|sample| **sample == 1_000).count(), 24_000);
    assert_eq!(world.stops(), [StopReason::TimedOut]);
    assert_eq!(world.server().statuses(session), [180]);
    world.hang_up(session);
    assert_eq!(world.device.holdings().calls, 0);
}

#[test]
fn a_ring_without_a_longest_time_sounds_for_as_long_as_the_caller_rings() {
    let mut world = World::sounding(with_bells());

    ring(&mut world, "bell1");
    let heard = world.listen(60 * SECOND);

    assert!(heard.iter().all(|sample| *sample == 1_000));
}

/// A device with two bells, whose tones are told apart by the value of their samples.
fn with_bells() -> Profile {
    let mut profile = profile();
    for (port, user, name, value) in [(1, "bell1", "one.wav", 1_000), (2, "bell2", "two.wav", 2_000)] {
        let mut bell = slot(SlotPosition::new(SlotKind::Ring, port).unwrap(), user);
        bell.tone = recording(name, value, TONE);
        profile.slots.push(bell);
    }
    profile
}

fn rule(pattern: &str, name: &str, value: i16, seconds: u64) -> RingRule {
    RingRule {
        pattern: pattern.parse().unwrap(),
        tone: recording(name, value, TONE),
        delay: Duration::from_secs(seconds),
    }
}

fn ring(world: &mut World, user: &str) -> SessionId {
    world.call(user, SecurityOffer::Standard, &[]).0
}
