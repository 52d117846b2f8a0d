//! A call that is never answered: it sounds while the caller rings.
//!
//! ```text
//!             delay over: sounds                longest time over: falls silent
//!   Delayed ─────────────────────▶ Sounding ──────────────────────────────────▶ Silent
//!      │                              │                                           │
//!      └──────────────────────────────┴── the caller stops, or is answered elsewhere: (over)
//! ```

use std::time::{Duration, Instant};

use media::mix::Gain;
use media::sample::SampleRate;

use super::page::{About, Step};
use crate::playback::{Playback, Rounds};
use crate::tones::{RECORDING_MAX, ToneSource};

/// A call to a ring slot.
pub(crate) struct RingCall {
    about: About,
    tone: ToneSource,
    playback: Playback,
    gain: Gain,
    /// Whether the arbiter lets it be heard.
    may_sound: bool,
    state: State,
    /// How long it sounds; `None` for as long as the caller rings.
    sounds_max: Option<Duration>,
}

/// How a ring sounds.
pub(crate) struct Manner {
    pub(crate) tone: ToneSource,
    /// How long it is silent before it sounds.
    pub(crate) delay: Duration,
    /// How long it sounds; `None` for as long as the caller rings.
    pub(crate) sounds_max: Option<Duration>,
    pub(crate) volume_db: f32,
}

enum State {
    Delayed { until: Instant },
    Sounding { until: Option<Instant> },
    Silent,
}

impl RingCall {
    pub(crate) fn new(now: Instant, about: About, manner: Manner, rate: SampleRate) -> Self {
        Self {
            about,
            playback: Playback::new(&[&manner.tone], Rounds::Endless, RECORDING_MAX, rate),
            tone: manner.tone,
            gain: Gain::new(rate, manner.volume_db),
            may_sound: false,
            state: State::Delayed {
                until: now + manner.delay,
            },
            sounds_max: manner.sounds_max,
        }
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// What its tone is called.
    pub(crate) fn tone_name(&self) -> Option<&str> {
        self.tone.name()
    }

    pub(crate) fn gain_mut(&mut self) -> &mut Gain {
        &mut self.gain
    }

    pub(crate) fn set_may_sound(&mut self, may_sound: bool) {
        self.may_sound = may_sound;
    }

    /// Fills `out` with the next samples of the ring tone, which repeats.
    pub(crate) fn render(&mut self, out: &mut [i16]) {
        if self.may_sound {
            self.playback.fill(out);
        } else {
            out.fill(0);
        }
    }

    /// What is due at `now`.
    pub(crate) fn step(&mut self, now: Instant) -> Option<Step> {
        match self.state {
            State::Delayed { until } if until <= now => {
                let until = self.sounds_max.map(|longest| now + longest);
                self.state = State::Sounding { until };
                Some(Step::Sound)
            }
            State::Sounding { until: Some(until) } if until <= now => {
                self.state = State::Silent;
                Some(Step::FallSilent)
            }
            State::Delayed { .. } | State::Sounding { .. } | State::Silent => None,
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Delayed { until } => Some(until),
            State::Sounding { until } => until,
            State::Silent => None,
        }
    }
}
