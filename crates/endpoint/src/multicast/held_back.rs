//! A tone before a stream that has begun already: the stream is played as much later as the tone lasts, so that no word
//! is lost.

use std::collections::VecDeque;
use std::time::Duration;

use media::sample::SampleRate;

use crate::TONE_MAX;
use crate::playback::{Playback, Rounds};
use crate::tones::ToneSource;

/// A tone, and the sound that waits behind it: at most as much as [`TONE_MAX`].
#[derive(Debug)]
pub(super) struct HeldBack {
    tone: Playback,
    waiting: VecDeque<i16>,
}

impl HeldBack {
    /// `None` where there is no tone to hear.
    pub(super) fn new(tone: &ToneSource, rate: SampleRate) -> Option<Self> {
        let tone = Playback::new(&[tone], Rounds::Times(1), TONE_MAX, rate);
        (!tone.is_finished()).then(|| Self {
            tone,
            waiting: VecDeque::new(),
        })
    }

    /// How much later the stream is played.
    pub(super) fn delay(&self) -> Duration {
        self.tone.duration().unwrap_or_default()
    }

    /// Takes the next samples of the stream, and gives those to be heard in their place.
    pub(super) fn exchange(&mut self, samples: &mut [i16]) {
        self.waiting.extend(samples.iter());
        if self.tone.is_finished() {
            let due = self.waiting.drain(..samples.len());
            for (sample, waiting) in samples.iter_mut().zip(due) {
                *sample = waiting;
            }
        } else {
            self.tone.fill(samples);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tones::Recording;

    fn tone(length: usize) -> ToneSource {
        ToneSource::Recording(Recording {
            name: "test.wav".into(),
            samples: vec![9; length].into(),
        })
    }

    #[test]
    fn what_comes_during_the_tone_is_heard_after_it() {
        let mut held = HeldBack::new(&tone(4), SampleRate::Hz8000).unwrap();
        let mut heard = Vec::new();
        for stretch in [[1, 2], [3, 4], [5, 6], [7, 8]] {
            let mut samples = stretch;
            held.exchange(&mut samples);
            heard.extend(samples);
        }

        assert_eq!(heard, [9, 9, 9, 9, 1, 2, 3, 4]);
    }

    #[test]
    fn no_more_waits_than_the_longest_tone() {
        let rate = SampleRate::Hz8000;
        let mut held = HeldBack::new(&tone(rate.samples_in(TONE_MAX) + 8_000), rate).unwrap();

        for _ in 0..1_000 {
            held.exchange(&mut [0; 160]);
        }

        assert_eq!(held.waiting.len(), rate.samples_in(TONE_MAX));
    }

    #[test]
    fn without_a_tone_nothing_is_held_back() {
        assert!(HeldBack::new(&ToneSource::None, SampleRate::Hz8000).is_none());
    }
}
