//! Sounds of the device itself: announcements of alerts, and tones.
//!
//! An announcement belongs to no call: a call may start it, and it goes on when the caller hangs up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use media::mix::Gain;
use media::sample::SampleRate;
use model::SlotId;
use model::config::ZoneNumber;
use model::status::{SoundOrigin, StopReason};
use paging::{Class, SoundId};

use crate::call::page::TONE_GRACE;
use crate::delayed::{DelayedPage, MESSAGE_MAX};
use crate::multicast::Transmitter;
use crate::playback::{Playback, Rounds};
use crate::profile::{Announcement, SoundProfile};
use crate::sound::Mixing;
use crate::tones::{BuiltinTone, RECORDING_MAX, ToneSource};

/// A tone that nobody stops ends after this time, lest it keep the loudspeaker from pages for ever.
pub const LOCAL_TONE_MAX: Duration = Duration::from_secs(3_600);

/// What somebody at the device itself wants to be heard, or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundOrder {
    /// Start an announcement of the profile. One that sounds begins again.
    StartAnnouncement {
        /// Its number, from 1 to [`ANNOUNCEMENTS_MAX`](crate::profile::ANNOUNCEMENTS_MAX).
        number: u8,
        /// It is an exercise.
        is_drill: bool,
    },
    /// Stop an announcement, be it an exercise or not, and whoever has started it.
    StopAnnouncement {
        /// Its number.
        number: u8,
    },
    /// Start a tone. One of the same name that sounds begins again.
    StartTone {
        /// What to play; what is longer than [`RECORDING_MAX`] is cut.
        tone: ToneSource,
        /// How often. What has no end ends after [`LOCAL_TONE_MAX`].
        rounds: Rounds,
        /// How important it is.
        class: ToneClass,
        /// The multicast zone that it goes out to; it is refused where the device may not send there.
        zone: Option<ToneZone>,
    },
    /// Stop a tone.
    StopTone {
        /// The name of the tone; without, every tone.
        name: Option<String>,
    },
    /// End every alert, as a call to the cancel extension does.
    StopAlerts,
}

/// The multicast zone that a local tone goes out to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToneZone {
    /// Which.
    pub number: ZoneNumber,
    /// The tone is played here, too.
    pub plays_here: bool,
}

/// How important a local tone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToneClass {
    /// As a page: rings wait, and pages are refused meanwhile.
    Page,
    /// As a scheduled bell: everything but music comes before it, and ends it.
    Bell,
}

impl ToneClass {
    pub(crate) const fn class(self) -> Class {
        match self {
            Self::Page => Class::Page,
            Self::Bell => Class::ScheduledBell,
        }
    }
}

/// What a local sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Announcement { number: u8, is_drill: bool },
    Tone,
    DelayedPage,
}

/// Who has started a local sound.
#[derive(Debug, Clone)]
pub(crate) enum Starter {
    /// A call to a slot, with its caller in words.
    Call { slot: SlotId, caller: String },
    /// Somebody at the device.
    Device,
}

impl Starter {
    pub(crate) fn origin(&self) -> SoundOrigin {
        match self {
            Self::Call { .. } => SoundOrigin::SlotCall,
            Self::Device => SoundOrigin::Local,
        }
    }

    pub(crate) fn slot(&self) -> Option<&SlotId> {
        match self {
            Self::Call { slot, .. } => Some(slot),
            Self::Device => None,
        }
    }

    /// In words.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Call { caller, .. } => caller,
            Self::Device => "this device",
        }
    }
}

/// How local sounds are played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) rate: SampleRate,
    pub(crate) volume_db: f32,
}

/// A sound of the device itself.
pub(crate) struct LocalSound {
    pub(crate) kind: Kind,
    pub(crate) class: Class,
    pub(crate) starter: Starter,
    /// Where a tone goes out to.
    pub(crate) zone: Option<ToneZone>,
    tone: ToneSource,
    playback: Playback,
    gain: Gain,
    /// Whether the arbiter lets it be heard.
    may_sound: bool,
    ends_at: Instant,
}

impl LocalSound {
    /// An announcement, for at most `longest`. An exercise says in each round that it is one.
    pub(crate) fn announcement(
        now: Instant,
        announcement: &Announcement,
        is_drill: bool,
        starter: Starter,
        longest: Duration,
        manner: Manner,
    ) -> Self {
        let drill = ToneSource::Builtin(BuiltinTone::Drill);
        let tone = &announcement.tone;
        let tones: &[&ToneSource] = if is_drill { &[&drill, tone] } else { &[tone] };
        // An alert that makes no sound has no end of its own.
        let rounds = match tone {
            ToneSource::None => Rounds::Endless,
            ToneSource::Builtin(_) | ToneSource::Recording(_) => announcement.rounds,
        };
        Self {
            kind: Kind::Announcement {
                number: announcement.number,
                is_drill,
            },
            class: if is_drill {
                Class::PriorityPage
            } else {
                Class::EmergencyAlert
            },
            starter,
            zone: None,
            playback: Playback::new(tones, rounds, RECORDING_MAX, manner.rate),
            tone: tone.clone(),
            gain: Gain::new(manner.rate, manner.volume_db),
            may_sound: false,
            ends_at: now + longest,
        }
    }

    /// A tone.
    pub(crate) fn tone(
        now: Instant,
        tone: ToneSource,
        rounds: Rounds,
        class: ToneClass,
        zone: Option<ToneZone>,
        manner: Manner,
    ) -> Self {
        let playback = Playback::new(&[&tone], rounds, RECORDING_MAX, manner.rate);
        // A sink that stands still must not keep the loudspeaker.
        let length = playback
            .duration()
            .map_or(LOCAL_TONE_MAX, |length| length.saturating_add(TONE_GRACE));
        Self {
            kind: Kind::Tone,
            class: class.class(),
            starter: Starter::Device,
            zone,
            playback,
            tone,
            gain: Gain::new(manner.rate, manner.volume_db),
            may_sound: false,
            ends_at: now + length.min(LOCAL_TONE_MAX),
        }
    }

    /// A message that was recorded before, and the tone before it.
    pub(crate) fn delayed(now: Instant, page: DelayedPage, manner: Manner) -> Self {
        let message = ToneSource::Recording(page.message);
        let playback = Playback::new(
            &[&page.tone, &message],
            Rounds::Times(1),
            MESSAGE_MAX,
            manner.rate,
        );
        let length = playback.duration().unwrap_or_default();
        Self {
            kind: Kind::DelayedPage,
            class: Class::Page,
            starter: Starter::Call {
                slot: page.slot,
                caller: page.caller,
            },
            zone: None,
            ends_at: now + length.saturating_add(TONE_GRACE),
            playback,
            tone: ToneSource::None,
            gain: Gain::new(manner.rate, manner.volume_db),
            may_sound: false,
        }
    }

    /// Where it comes from.
    pub(crate) fn origin(&self) -> SoundOrigin {
        match self.kind {
            Kind::DelayedPage => SoundOrigin::DelayedPage,
            Kind::Announcement { .. } | Kind::Tone => self.starter.origin(),
        }
    }

    /// What it is, in words.
    pub(crate) fn what(&self) -> String {
        match self.kind {
            Kind::DelayedPage => format!("delayed {}", self.class),
            Kind::Announcement { .. } | Kind::Tone => self.class.to_string(),
        }
    }

    pub(crate) fn is_drill(&self) -> bool {
        matches!(self.kind, Kind::Announcement { is_drill: true, .. })
    }

    /// The number of the announcement, if it is one.
    pub(crate) fn number(&self) -> Option<u8> {
        match self.kind {
            Kind::Announcement { number, .. } => Some(number),
            Kind::Tone | Kind::DelayedPage => None,
        }
    }

    /// Says whether it is only to be seen.
    pub(crate) fn is_silent(&self) -> bool {
        self.playback.is_silent()
    }

    /// What its tone is called.
    pub(crate) fn tone_name(&self) -> Option<&str> {
        self.tone.name()
    }

    /// Why it is over at `now`, if it is.
    fn end(&self, now: Instant) -> Option<StopReason> {
        if self.playback.is_finished() {
            Some(StopReason::Ended)
        } else {
            (self.ends_at <= now).then_some(StopReason::TimedOut)
        }
    }
}

/// The sounds of the device itself: at most an alert and an exercise for each announcement, and as many tones as the
/// arbiter lets in beside them.
#[derive(Default)]
pub(crate) struct LocalSounds {
    sound_by_id: BTreeMap<SoundId, LocalSound>,
}

impl LocalSounds {
    pub(crate) fn insert(&mut self, id: SoundId, sound: LocalSound) {
        self.sound_by_id.insert(id, sound);
    }

    pub(crate) fn remove(&mut self, id: SoundId) -> Option<LocalSound> {
        self.sound_by_id.remove(&id)
    }

    pub(crate) fn get(&self, id: SoundId) -> Option<&LocalSound> {
        self.sound_by_id.get(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sound_by_id.is_empty()
    }

    /// Says whether an announcement sounds, or waits to.
    pub(crate) fn has_announcement(&self) -> bool {
        self.sound_by_id.values().any(|sound| sound.number().is_some())
    }

    /// The ids of all sounds of which something holds.
    pub(crate) fn ids_where(&self, holds: impl Fn(&LocalSound) -> bool) -> Vec<SoundId> {
        let sounds = self.sound_by_id.iter().filter(|(_, sound)| holds(sound));
        sounds.map(|(id, _)| *id).collect()
    }

    /// Lets a sound be heard, or not.
    pub(crate) fn set_may_sound(&mut self, id: SoundId, may_sound: bool) {
        if let Some(sound) = self.sound_by_id.get_mut(&id) {
            sound.may_sound = may_sound;
        }
    }

    /// Makes all sounds as loud as their kind is to be.
    pub(crate) fn set_volumes(&mut self, profile: &SoundProfile) {
        for sound in self.sound_by_id.values_mut() {
            sound.gain.set(profile.volume_db(sound.kind));
        }
    }

    /// Adds what sounds. What does not waits, and goes on where it was.
    pub(crate) fn render(&mut self, now: Instant, mixing: &mut Mixing, transmitter: &mut Transmitter) {
        let Mixing { mixer, scratch, .. } = mixing;
        let heard = self.sound_by_id.iter_mut().filter(|(_, sound)| sound.may_sound);
        for (id, sound) in heard {
            sound.playback.fill(scratch);
            if transmitter.take(now, *id, scratch) {
                mixer.add(scratch, &mut sound.gain);
            }
        }
    }

    /// All sounds.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SoundId, &LocalSound)> {
        self.sound_by_id.iter().map(|(id, sound)| (*id, sound))
    }

    /// A sound that is over at `now`, and why.
    pub(crate) fn over(&self, now: Instant) -> Option<(SoundId, StopReason)> {
        self.sound_by_id
            .iter()
            .find_map(|(id, sound)| sound.end(now).map(|why| (*id, why)))
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.sound_by_id.values().map(|sound| sound.ends_at).min()
    }
}
