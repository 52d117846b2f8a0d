//! How loud things are: a volume for each kind, one loudness for all talkers, and never too loud.

use std::time::Duration;

use endpoint::{Input, Profile, Rounds, SoundOrder, ToneClass};
use media::agc::TARGET_DBFS;
use media::level::dbfs;
use media::sdp::SecurityOffer;
use model::config::{Document, EndpointConfig, Kind, find};
use model::{SlotKind, SlotPosition};

use crate::handset::Handset;
use crate::multicast::{SENDER, Speaker, receiver, speak};
use crate::world::{RATE, World, profile, recording, slot, speech};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn each_kind_of_sound_has_a_volume_of_its_own() {
    let mut profile = profile();
    profile.sound.page_volume_db = -6.0;
    profile.sound.ring_volume_db = -20.0;
    profile.sound.alert_volume_db = -12.0;
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Alert, 1).unwrap(), "alarm"));
    let mut ring = slot(SlotPosition::new(SlotKind::Ring, 1).unwrap(), "bell");
    ring.tone = recording("ring.wav", 10_000, 800);
    profile.slots.push(ring);

    assert_peak(&spoken(profile.clone(), "hall"), 12_000.0, -6.0);
    assert_peak(&spoken(profile.clone(), "alarm"), 12_000.0, -12.0);
    let mut world = World::sounding(profile.clone());
    world.call("bell", SecurityOffer::Standard, &[]);
    assert_peak(&world.listen(SECOND), 10_000.0, -20.0);
    let mut world = World::sounding(profile);
    start_tone(&mut world, 10_000, ToneClass::Bell);
    assert_peak(&world.listen(SECOND), 10_000.0, -6.0);
}

#[test]
fn the_volume_of_each_kind_has_the_scale_of_the_hardware() {
    for key in ["audio.page.vol", "audio.ring.vol", "oyez.ann.vol"] {
        let scale = Kind::Decibel {
            min: -45,
            max: 0,
            step: 3,
        };
        assert_eq!(find(key).unwrap().kind, scale, "{key}");
        for (value, is_right) in [("-45dB", true), ("-48dB", false), ("-4dB", false), ("3dB", false)] {
            let read = Document::parse(&format!("{key} = {value}\n"));
            assert_eq!(read.is_ok(), is_right, "{key} = {value}");
        }
    }
}

#[test]
fn talkers_of_different_loudness_are_heard_at_one() {
    let mut levels = Vec::new();
    for quieter_by in [1_i16, 12] {
        let mut profile = profile();
        profile.sound.levels_speech = true;
        let mut world = World::sounding(profile);
        let page = world.page("hall", &[]);
        let said: Vec<i16> = speech(4 * SECOND)
            .iter()
            .map(|sample| sample / quieter_by)
            .collect();
        Handset::new(&mut world, &page).speak(&mut world, &said);
        let last = world.played.len() - RATE.samples_in(SECOND);
        levels.push(dbfs(&world.played[last..]));
    }
    assert!((levels[0] - levels[1]).abs() < 1.0, "{levels:?}");
    assert!((levels[0] - TARGET_DBFS).abs() < 1.0, "{levels:?}");
}

#[test]
fn a_zone_is_heard_at_the_same_loudness_and_music_as_it_is() {
    for (zone, expected) in [(1, TARGET_DBFS), (7, -11.7)] {
        let mut profile = receiver();
        profile.sound.levels_speech = true;
        let mut world = World::sounding(profile);
        let mut speaker = Speaker::new(zone, SENDER);
        speak(&mut world, &mut [&mut speaker], 3 * SECOND);
        let heard = dbfs(&speak(&mut world, &mut [&mut speaker], SECOND));
        assert!((heard - expected).abs() < 1.0, "zone {zone}: {heard} dBFS");
    }
}

#[test]
fn compression_raises_a_quiet_page_and_holds_a_loud_one_below_full_scale() {
    let text =
        "sip.proxy = a\nsip.u1.user = 1\naudio.drc.use = 1\naudio.drc.gain = 12\naudio.page.vol = -3dB\n";
    let config = EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap();
    assert_eq!(config.page.boost_db, 12);

    let mut profile = profile();
    profile.sound.page_volume_db = 9.0;
    let mut world = World::sounding(profile);
    start_tone(&mut world, 3_000, ToneClass::Page);
    assert_peak(&world.listen(SECOND), 3_000.0, 9.0);
    start_tone(&mut world, 30_000, ToneClass::Page);
    let heard = world.listen(SECOND);
    assert!(heard.iter().all(|sample| *sample >= 0), "nothing wraps");
}

#[test]
fn an_absent_key_levels_pages_and_compresses_nothing() {
    let text = "sip.proxy = a\nsip.u1.user = 1\n";
    let config = EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap();
    assert!(config.page.levels_speech);
    assert_eq!((config.page.boost_db, config.alerts.volume_db), (0, 0));
}

fn spoken(profile: Profile, user: &str) -> Vec<i16> {
    let mut world = World::sounding(profile);
    let page = world.page(user, &[]);
    Handset::new(&mut world, &page).speak(&mut world, &speech(SECOND));
    world.played
}

fn start_tone(world: &mut World, value: i16, class: ToneClass) {
    world.input(Input::Sound(SoundOrder::StopTone { name: None }));
    world.input(Input::Sound(SoundOrder::StartTone {
        tone: recording("tone.wav", value, 800),
        rounds: Rounds::Endless,
        class,
        zone: None,
    }));
}

/// The loudest sample is one of `peak` after this gain, but for what companding makes of it.
fn assert_peak(samples: &[i16], peak: f32, gain_db: f32) {
    let loudest = samples
        .iter()
        .map(|sample| f32::from(*sample).abs())
        .fold(0.0, f32::max);
    let expected = peak * 10.0_f32.powf(gain_db / 20.0);
    assert!(
        (loudest / expected - 1.0).abs() < 0.03,
        "{loudest} and not {expected}"
    );
}
