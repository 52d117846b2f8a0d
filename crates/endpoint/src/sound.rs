//! The loudspeaker: its state, what may be heard, and how it is mixed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use media::limiter::Limiter;
use media::mix::{Gain, Mixer};
use media::sample::SampleRate;
use model::status::{MicrophoneStatus, Signals, SinkHealth, SinkStatus};
use paging::{Arbiter, Class, Effect, SoundId};

use crate::profile::SoundProfile;
use crate::receipt::OutputState;

/// A sink that has taken nothing for so long stands still, whatever it says of itself. Sinks take 5 to 100 ms at a
/// time.
const STALL_MAX: Duration = Duration::from_millis(500);

/// What is said of a microphone before the shell has said anything.
pub const NO_MICROPHONE: &str = "there is no microphone";

/// What a sink says before the shell has said anything.
const NO_SINK: &str = "no sink is open";

/// Room for the samples of one audio tick.
#[derive(Debug)]
pub(crate) struct Mixing {
    pub(crate) mixer: Mixer,
    /// One source's samples on their way into the mix.
    pub(crate) scratch: Vec<i16>,
    /// Keeps the mix below full scale.
    limiter: Limiter,
}

impl Mixing {
    fn new(rate: SampleRate) -> Self {
        Self {
            mixer: Mixer::default(),
            scratch: Vec::new(),
            limiter: Limiter::new(rate),
        }
    }

    /// Begins a stretch of so many samples.
    pub(crate) fn begin(&mut self, samples: usize) {
        self.mixer.begin(samples);
        self.scratch.resize(samples, 0);
    }

    /// Gives what comes out.
    pub(crate) fn finish(&mut self, out: &mut [i16]) {
        self.limiter.process(self.mixer.sums(), out);
    }
}

/// The state of the output, and who may use it.
#[derive(Debug)]
pub(crate) struct Sound {
    profile: SoundProfile,
    health: SinkHealth,
    microphone: SinkHealth,
    microphone_gain: Gain,
    is_muted: bool,
    filled_at: Option<Instant>,
    pub(crate) arbiter: Arbiter,
    /// The sounds that may be heard, and since when.
    began_by_sound: BTreeMap<SoundId, Instant>,
    pub(crate) mixing: Mixing,
    /// What strobe and relay were last told to do.
    signals: Signals,
}

impl Sound {
    pub(crate) fn new(profile: SoundProfile) -> Self {
        Self {
            arbiter: Arbiter::new(profile.order),
            mixing: Mixing::new(profile.output_rate),
            microphone: SinkHealth::Faulty {
                reason: NO_MICROPHONE.to_owned(),
            },
            microphone_gain: Gain::new(profile.output_rate, profile.microphone.gain_db),
            profile,
            health: SinkHealth::Faulty {
                reason: NO_SINK.to_owned(),
            },
            is_muted: false,
            filled_at: None,
            began_by_sound: BTreeMap::new(),
            signals: Signals::default(),
        }
    }

    pub(crate) fn profile(&self) -> &SoundProfile {
        &self.profile
    }

    /// Sounds from here on as another profile has it; the rate stays. Gives what follows from another order.
    pub(crate) fn set_profile(&mut self, profile: SoundProfile) -> Vec<Effect> {
        let effects = if self.profile.order == profile.order {
            Vec::new()
        } else {
            self.arbiter.set_order(profile.order)
        };
        self.microphone_gain.set(profile.microphone.gain_db);
        self.profile = profile;
        effects
    }

    /// Notes that a sound is heard from `now` on.
    pub(crate) fn begins(&mut self, now: Instant, sound: SoundId) {
        self.began_by_sound.insert(sound, now);
    }

    /// Notes that a sound is not heard any more.
    pub(crate) fn ends(&mut self, sound: SoundId) {
        self.began_by_sound.remove(&sound);
    }

    /// Since when a sound has been heard, if it is.
    pub(crate) fn began(&self, sound: SoundId) -> Option<Instant> {
        self.began_by_sound.get(&sound).copied()
    }

    /// The most important sound, once it is heard.
    pub(crate) fn top(&self) -> Option<(SoundId, Class)> {
        let (sound, class) = self.arbiter.sounding()?;
        self.began(sound).map(|_| (sound, class))
    }

    pub(crate) fn signals(&self) -> Signals {
        self.signals
    }

    /// Takes what strobe and relay are to do; says whether that is different.
    pub(crate) fn set_signals(&mut self, signals: Signals) -> bool {
        std::mem::replace(&mut self.signals, signals) != signals
    }

    /// Takes what the sink says of itself; says whether that is different.
    pub(crate) fn set_health(&mut self, health: SinkHealth) -> bool {
        let changed = self.health != health;
        self.health = health;
        changed
    }

    /// Mutes or unmutes; says whether that is different.
    pub(crate) fn set_muted(&mut self, is_muted: bool) -> bool {
        std::mem::replace(&mut self.is_muted, is_muted) != is_muted
    }

    /// Notes that the sink takes samples.
    pub(crate) fn filling(&mut self, now: Instant) {
        self.filled_at = Some(now);
    }

    /// The state that counts for a receipt.
    pub(crate) fn output(&self, now: Instant) -> OutputState {
        let takes_samples = self
            .filled_at
            .is_some_and(|at| now.saturating_duration_since(at) <= STALL_MAX);
        OutputState {
            is_healthy: self.health == SinkHealth::Healthy && takes_samples,
            is_muted: self.is_muted,
        }
    }

    /// Takes what the microphone says of itself; says whether that is different.
    pub(crate) fn set_microphone(&mut self, health: SinkHealth) -> bool {
        let changed = self.microphone != health;
        self.microphone = health;
        changed
    }

    pub(crate) fn has_microphone(&self) -> bool {
        self.microphone == SinkHealth::Healthy
    }

    pub(crate) fn apply_microphone_gain(&mut self, samples: &mut [i16]) {
        self.microphone_gain.apply(samples);
    }

    pub(crate) fn microphone(&self) -> MicrophoneStatus {
        MicrophoneStatus {
            name: self.profile.microphone.name.clone(),
            health: self.microphone.clone(),
            muted: self.profile.microphone.is_muted,
        }
    }

    pub(crate) fn status(&self) -> SinkStatus {
        SinkStatus {
            name: self.profile.sink.clone(),
            health: self.health.clone(),
            muted: self.is_muted,
        }
    }
}
