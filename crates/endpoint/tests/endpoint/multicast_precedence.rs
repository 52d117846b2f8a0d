//! Multicast zones beside everything else that can sound.

use std::time::Duration;

use endpoint::profile::Announcement;
use endpoint::{Input, Profile, Rounds, SoundOrder, ToneClass};
use media::sdp::SecurityOffer;
use model::SlotPosition;
use model::status::{DeviceEvent, StopReason};

use crate::multicast::{OTHER, SENDER, Speaker, heard, is_loud, receiver, speak};
use crate::world::{RATE, TICK, TICK_SAMPLES, World, recording, slot};

const HALF_A_SECOND: Duration = Duration::from_millis(500);
/// An emergency silences everything else within this time.
const PRE_EMPTION_MAX: Duration = Duration::from_millis(100);
/// What alerts play, told from speech by its level.
const ALERT: i16 = 30_000;

/// A receiver with an announcement that lasts two seconds, and a ring slot.
fn alarmed() -> Profile {
    let mut profile = receiver();
    profile
        .slots
        .push(slot(SlotPosition::new(model::SlotKind::Ring, 1).unwrap(), "bell"));
    profile.slots[1].tone = recording("ring.wav", 9_000, RATE.samples_in(Duration::from_secs(1)));
    profile.alerts.announcements.push(Announcement {
        number: 1,
        tone: recording("alert.wav", ALERT, RATE.samples_in(Duration::from_secs(2))),
        rounds: Rounds::Times(1),
        is_drill: false,
    });
    profile
}

fn alert(world: &mut World) {
    world.input(Input::Sound(SoundOrder::StartAnnouncement {
        number: 1,
        is_drill: false,
    }));
}

/// Says which of two zones is heard while both speak, the second from later on.
fn winner(first: u8, second: u8) -> u8 {
    let mut world = World::sounding(receiver());
    let (mut one, mut two) = (Speaker::new(first, SENDER), Speaker::new(second, OTHER));
    speak(&mut world, &mut [&mut one], HALF_A_SECOND);
    speak(&mut world, &mut [&mut one, &mut two], HALF_A_SECOND);
    let stream = world.what_sounds().and_then(|sounding| sounding.multicast);
    stream.expect("one of them is heard").zone.get()
}

#[test]
fn priority_comes_before_all_call_before_a_zone_before_music() {
    const ORDER: [u8; 4] = [9, 8, 1, 7];
    for (place, more) in ORDER.into_iter().enumerate() {
        for less in ORDER.into_iter().skip(place + 1) {
            assert_eq!(winner(less, more), more, "{more} over {less}");
            assert_eq!(winner(more, less), more, "{less} under {more}");
        }
    }
    assert_eq!(
        (winner(1, 2), winner(2, 1)),
        (1, 2),
        "of two zones the first is heard"
    );
}

#[test]
fn what_is_still_spoken_is_heard_again_when_the_more_important_zone_is_over() {
    for (less, more) in [(1, 8), (1, 9), (7, 1), (8, 9)] {
        let mut world = World::sounding(receiver());
        let (mut one, mut two) = (Speaker::new(less, SENDER), Speaker::new(more, OTHER));
        speak(&mut world, &mut [&mut one], HALF_A_SECOND);
        speak(&mut world, &mut [&mut one, &mut two], HALF_A_SECOND);
        speak(&mut world, &mut [&mut one], Duration::from_secs(2));

        let stream = world.what_sounds().and_then(|sounding| sounding.multicast);
        assert_eq!(
            stream.map(|stream| stream.zone.get()),
            Some(less),
            "{less} after {more}"
        );
    }
}

#[test]
fn a_zone_that_is_over_meanwhile_is_not_heard_again() {
    let mut world = World::sounding(receiver());
    let (mut one, mut two) = (Speaker::new(1, SENDER), Speaker::new(9, OTHER));
    speak(&mut world, &mut [&mut one], HALF_A_SECOND);
    speak(&mut world, &mut [&mut two], Duration::from_secs(2));
    world.run_for(Duration::from_secs(2));

    assert_eq!(world.stops(), [StopReason::PreEmpted, StopReason::Ended]);
    assert_eq!(heard(&world), None);
}

#[test]
fn a_page_of_its_own_ends_a_page_of_a_zone_which_is_heard_again_afterwards() {
    for number in [1, 8] {
        let mut world = World::sounding(receiver());
        let mut speaker = Speaker::new(number, SENDER);
        speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

        let page = world.page("hall", &[]);
        assert_eq!(heard(&world).as_deref(), Some("page from Front desk"));
        speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);
        world.hang_up(page.session);
        let played = speak(&mut world, &mut [&mut speaker], Duration::from_secs(1));

        let expected = format!("page from multicast zone {number}, {SENDER}");
        assert_eq!(heard(&world), Some(expected));
        assert!(is_loud(&played));
    }
}

#[test]
fn a_page_of_its_own_is_refused_while_a_more_important_zone_is_heard() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(9, SENDER);
    speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

    let (session, _) = world.call("hall", SecurityOffer::Standard, &[]);

    assert_eq!(world.server().statuses(session), [486]);
}

#[test]
fn a_zone_waits_for_a_page_of_its_own_and_is_told_once() {
    let mut world = World::sounding(receiver());
    let page = world.page("hall", &[]);
    let mut speaker = Speaker::new(1, SENDER);

    speak(&mut world, &mut [&mut speaker], Duration::from_secs(1));

    assert_eq!(heard(&world).as_deref(), Some("page from Front desk"));
    let refused: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            DeviceEvent::SoundRefused { what, why } => Some(format!("{what}: {why}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        refused,
        [format!("page from multicast zone 1, {SENDER}: page in progress")]
    );
    world.hang_up(page.session);
    speak(&mut world, &mut [&mut speaker], Duration::from_secs(1));
    assert_eq!(
        heard(&world),
        Some(format!("page from multicast zone 1, {SENDER}"))
    );
}

#[test]
fn a_tone_of_its_own_ends_a_page_of_a_zone() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

    world.input(Input::Sound(SoundOrder::StartTone {
        tone: recording("gong.wav", 9_000, 8_000),
        rounds: Rounds::Times(1),
        class: ToneClass::Page,
        zone: None,
    }));

    assert_eq!(heard(&world).as_deref(), Some("page from this device"));
}

#[test]
fn music_goes_on_quietly_under_a_ring_and_comes_back() {
    let mut world = World::sounding(alarmed());
    let mut music = Speaker::new(7, SENDER);
    let peak = |samples: &[i16]| samples.iter().map(|sample| sample.abs()).max().unwrap();
    speak(&mut world, &mut [&mut music], HALF_A_SECOND);

    let (ring, _) = world.call("bell", SecurityOffer::Standard, &[]);
    speak(&mut world, &mut [&mut music], Duration::from_millis(200));
    let under = speak(&mut world, &mut [&mut music], Duration::from_millis(200));

    assert!(heard(&world).unwrap().starts_with("ring"));
    // The ring is a constant 9,000, the music a tenth of 12,000 on top of it.
    assert!((9_900..10_500).contains(&peak(&under)), "{}", peak(&under));
    let now = world.now;
    world.server().agent.hang_up(now, ring, Vec::new(), None);
    world.pump();
    speak(&mut world, &mut [&mut music], Duration::from_millis(200));
    let after = speak(&mut world, &mut [&mut music], Duration::from_millis(200));

    assert!(peak(&after) > 11_000, "{}", peak(&after));
    let begun = world
        .events
        .iter()
        .filter(|(_, event)| matches!(event, DeviceEvent::Started { .. }))
        .count();
    assert_eq!(begun, 2, "music that was heard quietly has not begun anew");
}

#[test]
fn an_emergency_silences_a_zone_within_100_ms() {
    for number in [1, 7, 8, 9] {
        // Whenever in the rhythm of packets and ticks it comes.
        for offset in 0..20 {
            let mut world = World::sounding(alarmed());
            let mut speaker = Speaker::new(number, SENDER);
            speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);
            world.run_for(Duration::from_millis(offset));

            let from = world.played.len();
            alert(&mut world);
            speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

            let after = &world.played[from..];
            let foreign = after.iter().rposition(|sample| *sample != ALERT);
            let silent_after = RATE.duration_of(foreign.map_or(0, |last| last as u64 + 1));
            // The sink has taken a tick more than this at most when the alert began.
            assert!(
                silent_after + TICK <= PRE_EMPTION_MAX,
                "zone {number} at {offset} ms: {silent_after:?}"
            );
            assert!(after.len() >= TICK_SAMPLES * 20);
        }
    }
}

#[test]
fn a_zone_is_heard_again_after_the_emergency() {
    for number in [1, 7, 8, 9] {
        let mut world = World::sounding(alarmed());
        let mut speaker = Speaker::new(number, SENDER);
        speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);
        alert(&mut world);
        speak(&mut world, &mut [&mut speaker], Duration::from_secs(1));
        assert_eq!(heard(&world).as_deref(), Some("emergency alert from this device"));

        let played = speak(&mut world, &mut [&mut speaker], Duration::from_secs(2));

        let last = &played[played.len() - TICK_SAMPLES * 10..];
        assert!(is_loud(last) && !last.contains(&ALERT), "zone {number}");
        assert!(heard(&world).unwrap().contains(&format!("zone {number}")));
    }
}
