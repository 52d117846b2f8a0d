//! What an endpoint plays of itself: the tones of rings and the announcements of alerts.

use super::passcode;
use super::slots::tone;
use super::{AlertsConfig, AnnouncementConfig, KindsConfig, RingConfig, RingRule, Tone, conflict};
use crate::config::ConfigError;
use crate::config::keys::{RELAY_EVENTS, SOUND_ORDER};
use crate::config::reader::Reader;
use crate::status::{RelayEvents, SoundClass};

/// Rules that pick the tone of a ring.
const RING_RULES: std::ops::RangeInclusive<u8> = 1..=4;

/// Numbers of the announcements.
const ANNOUNCEMENTS: std::ops::RangeInclusive<u8> = 1..=10;

pub(super) fn alerts(reader: &Reader<'_>) -> AlertsConfig {
    let announcements = ANNOUNCEMENTS
        .filter(|number| reader.flag(&format!("ann.use{number}")))
        .map(|number| AnnouncementConfig {
            number,
            tone: tone(reader.text(&format!("ann.tone{number}"))),
            rounds: match reader.integer(&format!("ann.loop{number}")) {
                0 => Some(1),
                1 => Some(reader.integer(&format!("ann.max{number}"))),
                _ => None,
            },
            is_drill: reader.flag(&format!("oyez.ann.drill{number}")),
        });
    AlertsConfig {
        volume_db: reader.decibel("oyez.ann.vol"),
        length_max: reader.seconds("ann.maxtime"),
        passcode: passcode::alert(reader),
        announcements: announcements.collect(),
    }
}

pub(super) fn ring(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> RingConfig {
    let own = tone(reader.text("audio.ring.tone"));
    RingConfig {
        volume_db: reader.decibel("audio.ring.vol"),
        length_max: Some(reader.seconds("audio.ring.timeout")).filter(|longest| !longest.is_zero()),
        rules: RING_RULES
            .filter_map(|number| ring_rule(reader, number, &own, errors))
            .collect(),
        tone: own,
    }
}

fn ring_rule(
    reader: &Reader<'_>,
    number: u8,
    default: &Tone,
    errors: &mut Vec<ConfigError>,
) -> Option<RingRule> {
    let key = |part: &str| format!("audio.ring.cid{number}.{part}");
    if !reader.flag(&key("use")) {
        return None;
    }
    let Some(pattern) = reader.parsed(&key("regex")) else {
        let problem = "the rule is on but matches nobody";
        let right = format!("{}, or 0", key("regex"));
        errors.push(conflict(reader, &key("use"), problem, &right));
        return None;
    };
    let tone = match tone(reader.text(&key("tone"))) {
        Tone::Default => default.clone(),
        tone @ (Tone::None | Tone::File(_)) => tone,
    };
    Some(RingRule {
        pattern,
        tone,
        delay: reader.seconds(&key("delay")),
    })
}

/// The kinds of sound in the default order, with their words.
const KINDS: [(&str, SoundClass); 7] = [
    ("alert", SoundClass::EmergencyAlert),
    ("priority", SoundClass::PriorityPage),
    ("page", SoundClass::Page),
    ("call", SoundClass::TwoWayCall),
    ("ring", SoundClass::Ring),
    ("bell", SoundClass::ScheduledBell),
    ("music", SoundClass::BackgroundMusic),
];

pub(super) fn kinds(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> KindsConfig {
    KindsConfig {
        order: order(reader, errors),
        relay: relay(reader),
    }
}

fn named(words: &[&str]) -> Vec<SoundClass> {
    let kind_of = |word: &&str| KINDS.iter().find(|(known, _)| known == word);
    words.iter().filter_map(kind_of).map(|(_, kind)| *kind).collect()
}

fn relay(reader: &Reader<'_>) -> RelayEvents {
    if !reader.flag("io.relayout") {
        return RelayEvents::new(Vec::new());
    }
    let words = reader.known_words("io.relayout.events", RELAY_EVENTS);
    let (named, usual) = (named(&words), RelayEvents::default());
    // Where no word is known, what is usual is closer to what is meant than a relay that nothing switches.
    let has_usual = words.is_empty() || words.contains(&"all");
    let holds = |class: &SoundClass| named.contains(class) || has_usual && usual.hold(*class);
    RelayEvents::new(SoundClass::ALL.into_iter().filter(holds).collect())
}

fn order(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> [SoundClass; 7] {
    const KEY: &str = "oyez.order";
    let named = named(&reader.choices(KEY, SOUND_ORDER));
    if let Ok(order) = <[SoundClass; 7]>::try_from(named.as_slice()) {
        return order;
    }
    let lacks = KINDS.iter().find(|(_, kind)| !named.contains(kind));
    let problem = lacks.map_or_else(String::new, |(word, _)| format!("{word} does not stand in it"));
    errors.push(conflict(reader, KEY, &problem, "each kind of sound once"));
    KINDS.map(|(_, kind)| kind)
}
