//! A tone on its way to the sink.

use std::sync::Arc;
use std::time::Duration;

use media::sample::SampleRate;
use media::tone::Player;

use crate::call::TONE_MAX;
use crate::tones::ToneSource;

/// How often something is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounds {
    /// So many times; never is once.
    Times(u32),
    /// Until it is stopped.
    Endless,
}

/// Plays tones in a row, once or round after round.
#[derive(Debug)]
pub(crate) struct Playback {
    parts: Vec<Part>,
    rate: SampleRate,
    rounds: Rounds,
    /// Index of the part at hand, and the sample within it.
    part: usize,
    position: usize,
    /// Rounds that have been begun.
    begun: u32,
}

#[derive(Debug)]
struct Part {
    source: Source,
    length: usize,
}

#[derive(Debug)]
enum Source {
    Signal(Box<Player>),
    Recording(Arc<[i16]>),
}

impl Playback {
    /// Plays `tones` in a row; of each what is longer than `longest` is cut.
    pub(crate) fn new(tones: &[&ToneSource], rounds: Rounds, longest: Duration, rate: SampleRate) -> Self {
        let parts = tones.iter().filter_map(|tone| Part::new(tone, longest, rate));
        Self {
            parts: parts.collect(),
            rate,
            rounds,
            part: 0,
            position: 0,
            begun: 1,
        }
    }

    /// Plays nothing, and is over at once.
    pub(crate) fn nothing(rate: SampleRate) -> Self {
        Self::new(&[], Rounds::Times(1), TONE_MAX, rate)
    }

    /// Plays other tones once, at the same rate.
    pub(crate) fn instead(&self, tones: &[&ToneSource]) -> Self {
        Self::new(tones, Rounds::Times(1), TONE_MAX, self.rate)
    }

    /// How long it lasts from its beginning to its end; `None` if it has none.
    pub(crate) fn duration(&self) -> Option<Duration> {
        let Rounds::Times(times) = self.rounds else {
            return None;
        };
        let samples: usize = self.parts.iter().map(|part| part.length).sum();
        let round = self.rate.duration_of(u64::try_from(samples).unwrap_or(u64::MAX));
        Some(round.saturating_mul(times.max(1)))
    }

    /// Says whether there is nothing to hear in it.
    pub(crate) fn is_silent(&self) -> bool {
        self.parts.is_empty()
    }

    /// Says whether the last sample has been taken. What has no end is never finished, though it may have no sound.
    pub(crate) fn is_finished(&self) -> bool {
        self.rounds != Rounds::Endless && self.part >= self.parts.len()
    }

    /// Fills `out` with the next samples, and with silence behind the last.
    pub(crate) fn fill(&mut self, out: &mut [i16]) {
        let mut rest = out;
        while !rest.is_empty() {
            let Some(part) = self.parts.get_mut(self.part) else {
                rest.fill(0);
                return;
            };
            let count = (part.length - self.position).min(rest.len());
            let (stretch, behind) = rest.split_at_mut(count);
            part.source.fill(self.position, stretch);
            self.position += count;
            if self.position >= part.length {
                self.go_on();
            }
            rest = behind;
        }
    }

    fn go_on(&mut self) {
        self.position = 0;
        self.part += 1;
        if self.part < self.parts.len() {
            return;
        }
        let goes_round = match self.rounds {
            Rounds::Times(times) => self.begun < times,
            Rounds::Endless => true,
        };
        if goes_round {
            self.part = 0;
            self.begun = self.begun.saturating_add(1);
        }
    }
}

impl Part {
    /// `None` where there is nothing to hear: a part has samples, so that every round comes to its end.
    fn new(tone: &ToneSource, longest: Duration, rate: SampleRate) -> Option<Self> {
        let (source, length) = match tone {
            ToneSource::None => return None,
            ToneSource::Builtin(tone) => {
                let signal = tone.signal();
                let length = rate.samples_in(signal.round());
                (Source::Signal(Box::new(Player::new(signal, rate))), length)
            }
            ToneSource::Recording(recording) => {
                let samples = Arc::clone(&recording.samples);
                let length = samples.len();
                (Source::Recording(samples), length)
            }
        };
        let length = length.min(rate.samples_in(longest));
        (length > 0).then_some(Self { source, length })
    }
}

impl Source {
    /// Fills `out` with the samples from `position` on, of which there are enough.
    fn fill(&mut self, position: usize, out: &mut [i16]) {
        match self {
            Self::Signal(player) => {
                if position == 0 {
                    player.rewind();
                }
                player.fill(out);
            }
            Self::Recording(samples) => {
                for (to, from) in out.iter_mut().zip(samples.iter().skip(position)) {
                    *to = *from;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tones::{BuiltinTone, Recording};

    const RATE: SampleRate = SampleRate::Hz8000;
    const LONGEST: Duration = Duration::from_secs(8);

    fn recording(samples: &[i16]) -> ToneSource {
        ToneSource::Recording(Recording {
            name: "test.wav".into(),
            samples: samples.into(),
        })
    }

    fn play(tones: &[&ToneSource], rounds: Rounds, count: usize) -> (Vec<i16>, bool) {
        let mut playback = Playback::new(tones, rounds, LONGEST, RATE);
        let mut out = vec![9; count];
        playback.fill(&mut out);
        (out, playback.is_finished())
    }

    #[test]
    fn a_recording_is_played_to_its_last_sample_and_then_silence() {
        let mut playback = Playback::new(&[&recording(&[1, 2, 3])], Rounds::Times(1), LONGEST, RATE);
        let mut out = [9; 2];

        playback.fill(&mut out);
        assert_eq!((out, playback.is_finished()), ([1, 2], false));
        playback.fill(&mut out);
        assert_eq!((out, playback.is_finished()), ([3, 0], true));
    }

    #[test]
    fn it_is_over_with_its_last_sample() {
        let tone = recording(&[1, 2]);

        assert_eq!(play(&[&tone], Rounds::Times(1), 2), (vec![1, 2], true));
    }

    #[test]
    fn parts_follow_each_other_and_rounds_are_counted() {
        let (first, second) = (recording(&[1]), recording(&[2, 3]));

        let (twice, finished) = play(&[&first, &second], Rounds::Times(2), 8);
        assert_eq!((twice, finished), (vec![1, 2, 3, 1, 2, 3, 0, 0], true));
        let (endless, finished) = play(&[&first, &second], Rounds::Endless, 8);
        assert_eq!((endless, finished), (vec![1, 2, 3, 1, 2, 3, 1, 2], false));
    }

    #[test]
    fn a_signal_begins_anew_in_each_round() {
        let tone = ToneSource::Builtin(BuiltinTone::Drill);
        let round = RATE.samples_in(BuiltinTone::Drill.signal().round());

        let (out, finished) = play(&[&tone], Rounds::Times(2), 2 * round);

        assert!(finished);
        assert_eq!(out[..round], out[round..]);
        assert!(out.iter().any(|sample| sample.abs() > 1_000));
    }

    #[test]
    fn a_tone_of_the_longest_time_is_played_whole_and_a_longer_one_is_cut() {
        for (seconds, expected) in [(8, 8), (9, 8)] {
            let tone = recording(&vec![1; RATE.samples_in(Duration::from_secs(seconds))]);
            let mut playback = Playback::new(&[&tone], Rounds::Times(1), LONGEST, RATE);
            let mut out = vec![9; RATE.samples_in(Duration::from_secs(10))];

            playback.fill(&mut out);

            assert_eq!(playback.duration(), Some(Duration::from_secs(expected)));
            let heard = out.iter().filter(|sample| **sample != 0).count();
            assert_eq!(heard, RATE.samples_in(Duration::from_secs(expected)));
        }
    }

    #[test]
    fn nothing_is_over_at_once_unless_it_has_no_end() {
        for nothing in [ToneSource::None, recording(&[])] {
            assert_eq!(play(&[&nothing], Rounds::Times(1), 2), (vec![0, 0], true));
            assert_eq!(play(&[&nothing], Rounds::Endless, 2), (vec![0, 0], false));
        }
    }

    #[test]
    fn what_has_no_end_has_no_length() {
        let tone = recording(&[1; 8]);
        let duration = |rounds| Playback::new(&[&tone], rounds, LONGEST, RATE).duration();

        assert_eq!(duration(Rounds::Endless), None);
        assert_eq!(duration(Rounds::Times(3)), Some(Duration::from_millis(3)));
        assert_eq!(duration(Rounds::Times(0)), Some(Duration::from_millis(1)));
    }
}
