//! A call that is never answered: it sounds while the caller rings.

use media::mix::Gain;
use media::sample::SampleRate;
use media::tone::{Player, Signal};

use super::page::About;

/// A call to a ring slot.
pub(crate) struct RingCall {
    about: About,
    tone: Player,
    gain: Gain,
    /// Whether the arbiter lets it be heard.
    may_sound: bool,
}

impl RingCall {
    pub(crate) fn new(about: About, rate: SampleRate, volume_db: f32) -> Self {
        Self {
            about,
            tone: Player::new(Signal::warble_medium(), rate),
            gain: Gain::new(rate, volume_db),
            may_sound: false,
        }
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
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
            self.tone.fill(out);
        } else {
            out.fill(0);
        }
    }
}
