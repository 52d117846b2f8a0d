//! Signals made of notes: chimes before pages, ringing, busy and alarm tones.

mod signals;

use std::f32::consts::TAU;
use std::time::Duration;

use crate::mix::MUTED_DB;
use crate::sample::{SampleRate, to_float, to_sample};

/// Every note begins and ends with a ramp of this length, so that it does not click.
const RAMP: Duration = Duration::from_millis(5);
/// Most notes of a signal.
pub const NOTES_MAX: usize = 64;

/// How the loudness of a note goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// It is even.
    Steady,
    /// It dies away like a bell's, by 30 dB until the note's end.
    Bell,
}

/// One or two sines at once, or a pause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// Frequencies in hertz; zero is no sine.
    pub frequencies: [f32; 2],
    /// Level of each sine's peaks in dBFS, at most -6 if there are two of them.
    pub level_db: f32,
    /// How long it lasts.
    pub duration: Duration,
    /// How its loudness goes.
    pub envelope: Envelope,
}

impl Note {
    /// A steady sine.
    pub const fn steady(frequency: f32, level_db: f32, duration: Duration) -> Note {
        Note {
            frequencies: [frequency, 0.0],
            level_db,
            duration,
            envelope: Envelope::Steady,
        }
    }

    /// Two steady sines at once.
    pub const fn pair(low: f32, high: f32, level_db: f32, duration: Duration) -> Note {
        Note {
            frequencies: [low, high],
            level_db,
            duration,
            envelope: Envelope::Steady,
        }
    }

    /// A struck bell.
    pub const fn bell(frequency: f32, level_db: f32, duration: Duration) -> Note {
        Note {
            frequencies: [frequency, 0.0],
            level_db,
            duration,
            envelope: Envelope::Bell,
        }
    }

    /// Silence.
    pub const fn pause(duration: Duration) -> Note {
        Note {
            frequencies: [0.0, 0.0],
            level_db: MUTED_DB,
            duration,
            envelope: Envelope::Steady,
        }
    }
}

/// Notes in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    notes: Vec<Note>,
    repeats: bool,
}

impl Signal {
    /// Makes a signal that ends after its last note; what is over [`NOTES_MAX`] notes is left out.
    pub fn once(notes: &[Note]) -> Signal {
        Signal {
            notes: notes.iter().take(NOTES_MAX).copied().collect(),
            repeats: false,
        }
    }

    /// Makes a signal that begins again after its last note, for ever.
    pub fn repeating(notes: &[Note]) -> Signal {
        Signal {
            repeats: true,
            ..Signal::once(notes)
        }
    }

    /// How long it lasts; `None` if it repeats.
    pub fn duration(&self) -> Option<Duration> {
        (!self.repeats).then(|| self.round())
    }

    /// How long its notes last once.
    pub fn round(&self) -> Duration {
        self.notes.iter().map(|note| note.duration).sum()
    }
}

/// Plays a signal at one rate.
#[derive(Debug, Clone)]
pub struct Player {
    signal: Signal,
    rate: SampleRate,
    /// Index of the note at hand, and the sample within it.
    note: usize,
    sample: usize,
}

impl Player {
    /// Makes a player at the beginning of the signal.
    pub fn new(signal: Signal, rate: SampleRate) -> Player {
        Player {
            signal,
            rate,
            note: 0,
            sample: 0,
        }
    }

    /// The signal, for a player of another rate.
    pub fn into_signal(self) -> Signal {
        self.signal
    }

    /// Goes back to the beginning of the signal.
    pub fn rewind(&mut self) {
        self.note = 0;
        self.sample = 0;
    }

    /// Fills `output`; the count says how much of it is the signal, the rest is silence behind its end.
    pub fn fill(&mut self, output: &mut [i16]) -> usize {
        for (index, slot) in output.iter_mut().enumerate() {
            let Some(value) = self.next_sample() else {
                output.iter_mut().skip(index).for_each(|slot| *slot = 0);
                return index;
            };
            *slot = value;
        }
        output.len()
    }

    /// Whether the signal has been played to its end.
    pub fn is_finished(&self) -> bool {
        self.note >= self.signal.notes.len()
    }

    fn next_sample(&mut self) -> Option<i16> {
        // A round through all notes finds one that has samples, or there is none.
        for _ in 0..=self.signal.notes.len() {
            let note = *self.signal.notes.get(self.note)?;
            let length = self.rate.samples_in(note.duration);
            if self.sample < length {
                let value = self.value(note, length);
                self.sample += 1;
                if self.sample >= length {
                    self.go_on();
                }
                return Some(value);
            }
            self.go_on();
        }
        None
    }

    fn go_on(&mut self) {
        self.sample = 0;
        self.note += 1;
        if self.signal.repeats && self.note >= self.signal.notes.len() {
            self.note = 0;
        }
    }

    fn value(&self, note: Note, length: usize) -> i16 {
        if note.level_db <= MUTED_DB {
            return 0;
        }
        let rate = to_float(self.rate.samples_in(Duration::from_secs(1)));
        let sine = |frequency: f32| {
            // Whole turns are taken off in samples first, so that long notes stay in tune.
            let turns = f64::from(frequency) * f64::from(to_float(self.sample)) / f64::from(rate);
            (TAU * fraction(turns)).sin()
        };
        let sum: f32 = note
            .frequencies
            .into_iter()
            .filter(|&frequency| frequency > 0.0)
            .map(sine)
            .sum();
        let peak = 32_767.0 * 10.0_f32.powf(note.level_db / 20.0);
        to_sample(sum * peak * self.loudness(note, length))
    }

    fn loudness(&self, note: Note, length: usize) -> f32 {
        let ramp = to_float(self.rate.samples_in(RAMP).max(1));
        let edge = to_float(self.sample.min(length - 1 - self.sample)) / ramp;
        let course = match note.envelope {
            Envelope::Steady => 1.0,
            Envelope::Bell => 10.0_f32.powf(-1.5 * to_float(self.sample) / to_float(length)),
        };
        edge.min(1.0) * course
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a fraction is within 0..1; rounding it is meant"
)]
fn fraction(turns: f64) -> f32 {
    turns.fract() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbfs;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_steady_note_has_its_frequency_and_level() {
        let mut player = Player::new(
            Signal::once(&[Note::steady(1_000.0, -6.0, SECOND)]),
            SampleRate::Hz8000,
        );
        let mut output = vec![0; 8_000];

        assert_eq!(player.fill(&mut output), 8_000);

        let rising = output
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count();
        assert!((998..=1_000).contains(&rising), "{rising} periods");
        assert!(
            (dbfs(&output[800..7_200]) - -9.03).abs() < 0.05,
            "peak of -6 is 9 dB below a square wave"
        );
        assert!(player.is_finished());
    }

    #[test]
    fn notes_join_without_a_click_at_every_rate() {
        for rate in [SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz48000] {
            let signal = Signal::chime();
            let mut output = vec![0; rate.samples_in(signal.duration().unwrap()) + 100];
            let length = Player::new(signal, rate).fill(&mut output);

            assert_eq!(output.len() - length, 100);
            let steepest = output
                .windows(2)
                .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
                .max();
            let sine = 32_767.0 * 0.355 * (TAU * 784.0 / rate.hertz() as f32);
            assert!(
                f64::from(steepest.unwrap()) < f64::from(sine) * 1.1,
                "{rate:?}: {steepest:?} over {sine}"
            );
        }
    }

    #[test]
    fn a_repeating_signal_begins_again() {
        let signal = Signal::evacuation();
        assert_eq!(signal.duration(), None);
        let mut player = Player::new(signal, SampleRate::Hz8000);
        let mut first = vec![0; 32_000];
        let mut second = vec![0; 32_000];

        assert_eq!(player.fill(&mut first), 32_000);
        assert_eq!(player.fill(&mut second), 32_000);

        assert_eq!(first, second);
        assert!(
            dbfs(&first[21_000..31_000]) <= -96.0,
            "a pause after the third pulse"
        );
    }

    #[test]
    fn a_player_that_is_rewound_plays_the_same_again() {
        let signal = Signal::chime();
        let mut player = Player::new(signal.clone(), SampleRate::Hz8000);
        let mut first = vec![0; SampleRate::Hz8000.samples_in(signal.round())];
        let mut second = first.clone();

        player.fill(&mut first);
        player.rewind();
        player.fill(&mut second);

        assert_eq!(first, second);
        assert!(dbfs(&first) > -40.0);
    }

    #[test]
    fn a_signal_without_sound_ends_at_once() {
        for signal in [
            Signal::once(&[]),
            Signal::repeating(&[Note::pause(Duration::ZERO)]),
        ] {
            let mut output = [1; 4];
            assert_eq!(Player::new(signal, SampleRate::Hz8000).fill(&mut output), 0);
            assert_eq!(output, [0; 4]);
        }
    }

    #[test]
    fn a_signal_takes_as_many_notes_as_the_limit_and_no_more() {
        let note = Note::steady(500.0, -20.0, SECOND);
        let seconds = |count: usize| Signal::once(&vec![note; count]).duration().unwrap().as_secs();
        assert_eq!(seconds(NOTES_MAX), 64);
        assert_eq!(seconds(NOTES_MAX + 1), 64);
    }
}
