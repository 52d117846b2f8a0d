//! What a device plays of itself: the tones before pages, the tones of rings, the announcements of alerts.

use std::time::Duration;

use model::config::{CallerPattern, EndpointConfig, SlotConfig, Tone};
use model::{SlotKind, SlotPosition};

use crate::passcode::Passcode;
use crate::playback::Rounds;
use crate::tones::{BuiltinTone, ToneSource};

/// Announcements of a device, numbered from 1.
pub const ANNOUNCEMENTS_MAX: u8 = 10;

/// How rings sound.
#[derive(Debug, Clone, Default)]
pub struct RingProfile {
    /// A ring falls silent after this time; `None` for no limit.
    pub sounds_max: Option<Duration>,
    /// Which rings sound otherwise than their slot says: the first that matches counts.
    pub rules: Vec<RingRule>,
}

/// How a ring sounds of which it is known who calls, or who is called.
#[derive(Debug, Clone)]
pub struct RingRule {
    /// Matches the user or the display name of either.
    pub pattern: CallerPattern,
    /// The tone.
    pub tone: ToneSource,
    /// How long it is silent before it sounds.
    pub delay: Duration,
}

/// What emergency alerts play.
#[derive(Debug, Clone)]
pub struct AlertsProfile {
    /// An announcement ends after this time.
    pub length_max: Duration,
    /// The announcements that can be started.
    pub announcements: Vec<Announcement>,
}

/// One announcement.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// Its number, from 1 to [`ANNOUNCEMENTS_MAX`]: that of the alert slot whose call starts it.
    pub number: u8,
    /// What it plays. Without, a call to its slot carries the caller's speech, and what starts it here is a silent alert.
    pub tone: ToneSource,
    /// How often.
    pub rounds: Rounds,
    /// A call to its slot starts an exercise.
    pub is_drill: bool,
}

impl Default for AlertsProfile {
    /// No announcement, and 600 s for each, as with the hardware this follows.
    fn default() -> Self {
        Self {
            length_max: Duration::from_secs(600),
            announcements: Vec::new(),
        }
    }
}

impl RingProfile {
    pub(super) fn from_config(config: &EndpointConfig) -> Self {
        let rules = config.ring.rules.iter().map(|rule| RingRule {
            pattern: rule.pattern.clone(),
            tone: source(&rule.tone, BuiltinTone::WarbleMedium),
            delay: rule.delay,
        });
        Self {
            sounds_max: config.ring.length_max,
            rules: rules.collect(),
        }
    }
}

impl AlertsProfile {
    pub(super) fn from_config(config: &EndpointConfig) -> Self {
        let announcements = config
            .alerts
            .announcements
            .iter()
            .map(|announcement| Announcement {
                number: announcement.number,
                tone: source(&announcement.tone, BuiltinTone::Evacuation),
                rounds: announcement.rounds.map_or(Rounds::Endless, Rounds::Times),
                is_drill: announcement.is_drill,
            });
        Self {
            length_max: config.alerts.length_max,
            announcements: announcements.collect(),
        }
    }

    /// The announcement of this number.
    pub(crate) fn announcement(&self, number: u8) -> Option<&Announcement> {
        self.announcements
            .iter()
            .find(|announcement| announcement.number == number)
    }
}

/// The tone that a configuration has for a slot: before a page, or while it rings. That of the base slot stands with the
/// page settings, and a ring slot without one of its own has the one of all rings. The file of an alert slot is its
/// announcement: before a spoken alert a chime plays, or nothing.
#[must_use]
pub fn tone_of<'a>(config: &'a EndpointConfig, slot: &'a SlotConfig) -> &'a Tone {
    match (slot.position.kind(), &slot.tone) {
        (SlotKind::Page, _) if slot.position == SlotPosition::BASE_PAGE => &config.page.tone,
        (SlotKind::Ring, Tone::Default) => &config.ring.tone,
        (SlotKind::Alert, Tone::File(_)) if slot.position != SlotPosition::CANCEL => &Tone::Default,
        (SlotKind::Page | SlotKind::Ring | SlotKind::Alert, tone) => tone,
    }
}

pub(super) fn slot_tone(config: &EndpointConfig, slot: &SlotConfig) -> ToneSource {
    let default = match slot.position.kind() {
        SlotKind::Page | SlotKind::Alert => BuiltinTone::PageNotification,
        SlotKind::Ring => BuiltinTone::WarbleMedium,
    };
    source(tone_of(config, slot), default)
}

/// The passcode of a slot; its prompt may be a file as well.
pub(super) fn slot_passcode(config: &EndpointConfig, slot: &SlotConfig) -> Option<Passcode> {
    config.passcode_of(slot).map(|passcode| Passcode {
        code: passcode.code.clone(),
        prompt: source(&passcode.tone, BuiltinTone::Prompt),
    })
}

/// A file is the shell's to load: until then the signal of its name stands for it, or the one that belongs to the
/// situation.
pub(super) fn source(tone: &Tone, default: BuiltinTone) -> ToneSource {
    match tone {
        Tone::None => ToneSource::None,
        Tone::Default => ToneSource::Builtin(default),
        Tone::File(name) => ToneSource::Builtin(BuiltinTone::named(name).unwrap_or(default)),
    }
}
