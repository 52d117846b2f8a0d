//! What plays before a page.

use std::sync::Arc;
use std::time::Duration;

use media::sample::SampleRate;
use media::tone::{Player, Signal};

use crate::profile::PageTone;

/// Longest tone; what is longer is cut. A zone waits ten seconds for the answer of a listener.
pub const TONE_MAX: Duration = Duration::from_secs(8);

/// A tone on its way to the sink.
#[derive(Debug)]
pub(crate) struct Tone {
    source: Source,
    rate: SampleRate,
    length: usize,
    position: usize,
}

#[derive(Debug)]
enum Source {
    Signal(Box<Player>),
    Recording(Arc<[i16]>),
}

impl Tone {
    pub(crate) fn new(tone: &PageTone, rate: SampleRate) -> Self {
        let (source, length) = match tone {
            PageTone::None => (Source::Recording(Arc::new([])), 0),
            PageTone::Chime => {
                let signal = Signal::chime();
                let length = rate.samples_in(signal.duration().unwrap_or_default());
                (Source::Signal(Box::new(Player::new(signal, rate))), length)
            }
            PageTone::Recording(samples) => (Source::Recording(Arc::clone(samples)), samples.len()),
        };
        Self {
            source,
            rate,
            length: length.min(rate.samples_in(TONE_MAX)),
            position: 0,
        }
    }

    /// How long the tone lasts.
    pub(crate) fn duration(&self) -> Duration {
        self.rate
            .duration_of(u64::try_from(self.length).unwrap_or(u64::MAX))
    }

    /// Says whether the last sample has been taken.
    pub(crate) fn is_finished(&self) -> bool {
        self.position >= self.length
    }

    /// Fills `out` with the next samples, and with silence behind the last.
    pub(crate) fn fill(&mut self, out: &mut [i16]) {
        match &mut self.source {
            Source::Signal(player) => {
                player.fill(out);
            }
            Source::Recording(samples) => {
                let rest = samples.iter().skip(self.position).copied();
                for (to, from) in out.iter_mut().zip(rest.chain(std::iter::repeat(0))) {
                    *to = from;
                }
            }
        }
        let left = self.length.saturating_sub(self.position);
        for sample in out.iter_mut().skip(left) {
            *sample = 0;
        }
        self.position = self.position.saturating_add(out.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::Hz8000;

    #[test]
    fn a_recording_is_played_to_its_last_sample_and_then_silence() {
        let mut tone = Tone::new(&PageTone::Recording(Arc::new([1, 2, 3])), RATE);
        let mut out = [9; 2];

        tone.fill(&mut out);
        assert_eq!((out, tone.is_finished()), ([1, 2], false));
        tone.fill(&mut out);
        assert_eq!((out, tone.is_finished()), ([3, 0], true));
    }

    #[test]
    fn a_tone_of_eight_seconds_is_played_whole_and_a_longer_one_is_cut() {
        for (seconds, expected) in [(8, 8), (9, 8)] {
            let samples: Arc<[i16]> = vec![1; RATE.samples_in(Duration::from_secs(seconds))].into();
            let mut tone = Tone::new(&PageTone::Recording(samples), RATE);
            let mut out = vec![9; RATE.samples_in(Duration::from_secs(10))];

            tone.fill(&mut out);

            assert_eq!(tone.duration(), Duration::from_secs(expected));
            let heard = out.iter().filter(|sample| **sample != 0).count();
            assert_eq!(heard, RATE.samples_in(Duration::from_secs(expected)));
        }
    }

    #[test]
    fn no_tone_is_over_at_once() {
        assert!(Tone::new(&PageTone::None, RATE).is_finished());
    }
}
