//! Automatic gain: speech of any loudness comes out as loud as other speech, and what is no speech stays as it is.
//!
//! The loudness of what is louder than a pause moves a gain slowly towards a target. In pauses the gain stands still, and after a while
//! goes back to none, so that noise is not brought up.

use std::time::Duration;

use crate::level::{power, to_dbfs};
use crate::mix::factor;
use crate::sample::{SampleRate, to_float, to_sample};

/// The loudness of speech without its pauses, in dBFS: peaks of speech are some 12 dB above it.
pub const TARGET_DBFS: f32 = -18.0;
/// The most that is made louder, in dB: a far voice, and not the noise that is left where nobody speaks.
pub const GAIN_MAX_DB: f32 = 20.0;
/// The most that is made quieter, in dB.
pub const GAIN_MIN_DB: f32 = -15.0;
/// What is quieter, in dBFS, is a pause.
pub const PAUSE_DBFS: f32 = -50.0;
/// Steps in which the loudness is looked at.
const STEP: Duration = Duration::from_millis(10);
/// How fast it becomes louder and quieter, in dB a second: a word that is too loud is heard at once.
const RISE: f32 = 10.0;
const FALL: f32 = 40.0;
/// Time over which the loudness is a mean: some syllables.
const MEMORY: Duration = Duration::from_millis(300);
/// A pause so long belongs to no sentence: the gain goes back to none.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Peaks are kept below this, of full scale.
const HEADROOM: f32 = 0.95;

/// Levels one talker.
#[derive(Debug, Clone)]
pub struct Leveller {
    step_samples: usize,
    /// Seconds of a step.
    step_seconds: f32,
    /// Mean power of speech; `None` before the first word.
    speech: Option<f32>,
    gain_db: f32,
    pause: f32,
}

impl Leveller {
    /// Makes a leveller that has heard nothing and changes nothing.
    pub fn new(rate: SampleRate) -> Leveller {
        Leveller {
            step_samples: rate.samples_in(STEP).max(1),
            step_seconds: STEP.as_secs_f32(),
            speech: None,
            gain_db: 0.0,
            pause: 0.0,
        }
    }

    /// The gain at present, in dB.
    pub fn gain_db(&self) -> f32 {
        self.gain_db
    }

    /// Levels a stretch of sound.
    pub fn process(&mut self, samples: &mut [i16]) {
        for step in samples.chunks_mut(self.step_samples) {
            let before = factor(self.gain_db);
            self.look_at(step);
            let after = factor(self.gain_db);
            // A shout into a gain that was made for a whisper: there is no time for a ramp.
            let before = if after < before && exceeds(step, before) {
                after
            } else {
                before
            };
            let length = to_float(step.len());
            for (index, sample) in step.iter_mut().enumerate() {
                let share = to_float(index + 1) / length;
                let gain = before + (after - before) * share;
                *sample = to_sample(f32::from(*sample) * gain);
            }
        }
    }

    /// Moves the gain by what this step is like.
    fn look_at(&mut self, step: &[i16]) {
        let power = power(step);
        if to_dbfs(power) <= PAUSE_DBFS {
            self.pause += self.step_seconds;
            if self.pause > PAUSE_MAX.as_secs_f32() {
                self.speech = None;
                self.move_to(0.0);
            }
            return;
        }
        self.pause = 0.0;
        let share = self.step_seconds / MEMORY.as_secs_f32();
        let speech = self.speech.map_or(power, |mean| mean + (power - mean) * share);
        self.speech = Some(speech);
        self.move_to((TARGET_DBFS - to_dbfs(speech)).clamp(GAIN_MIN_DB, GAIN_MAX_DB));
        let loudest = step
            .iter()
            .map(|sample| f32::from(*sample).abs())
            .fold(0.0, f32::max);
        if loudest * factor(self.gain_db) > HEADROOM * 32_767.0 {
            self.gain_db = 20.0 * (HEADROOM * 32_767.0 / loudest).log10();
        }
    }

    fn move_to(&mut self, wanted_db: f32) {
        let away = wanted_db - self.gain_db;
        self.gain_db += away.clamp(-FALL * self.step_seconds, RISE * self.step_seconds);
    }
}

/// Says whether a gain brings a sample beyond the headroom.
fn exceeds(step: &[i16], gain: f32) -> bool {
    step.iter()
        .any(|sample| f32::from(*sample).abs() * gain > HEADROOM * 32_767.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{LevelMeter, dbfs};

    const RATE: SampleRate = SampleRate::Hz16000;

    fn tone(level_dbfs: f32, seconds: usize) -> Vec<i16> {
        let peak = 32_767.0 * factor(level_dbfs + 3.01);
        (0..16_000 * seconds)
            .map(|index| to_sample((index as f32 * 0.3).sin() * peak))
            .collect()
    }

    /// Noise whose loudness goes like that of syllables, with pauses between sentences.
    fn speech(level_dbfs: f32, seconds: usize) -> Vec<i16> {
        let mut state = 1_u32;
        (0..16_000 * seconds)
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 16) as f32 / 32_768.0 - 1.0;
                let seconds = index as f32 / 16_000.0;
                let syllable = (seconds * 4.0 * std::f32::consts::TAU).sin().max(0.0);
                let sentence = if seconds % 3.0 < 2.4 { 1.0 } else { 0.0 };
                to_sample(noise * syllable * sentence * 32_767.0 * factor(level_dbfs + 6.8))
            })
            .collect()
    }

    fn levelled(mut samples: Vec<i16>) -> Vec<i16> {
        let mut leveller = Leveller::new(RATE);
        for piece in samples.chunks_mut(320) {
            leveller.process(piece);
        }
        samples
    }

    fn loudness(samples: &[i16]) -> f32 {
        let mut meter = LevelMeter::default();
        samples.chunks(160).for_each(|piece| meter.observe(piece));
        meter.dbfs().unwrap()
    }

    #[test]
    fn a_steady_tone_of_30_db_below_comes_to_the_target_within_two_seconds() {
        let output = levelled(tone(-30.0, 4));
        let after = dbfs(&output[32_000..]);
        assert!((after - TARGET_DBFS).abs() < 0.5, "{after} dBFS");
        assert!((dbfs(&output[..1_600]) - -30.0).abs() < 1.0, "slowly");
    }

    #[test]
    fn a_loud_tone_comes_down_to_the_target_within_half_a_second() {
        let output = levelled(tone(-6.0, 2));
        let after = dbfs(&output[8_000..16_000]);
        assert!((after - TARGET_DBFS).abs() < 1.0, "{after} dBFS");
    }

    #[test]
    fn speech_of_two_loudnesses_ends_within_three_decibels_of_each_other() {
        let [quiet, loud] = [-36.0, -14.0].map(|level| {
            let before = speech(level, 9);
            let after = levelled(before.clone());
            eprintln!(
                "speech at {:.1} dBFS comes out at {:.1} dBFS",
                loudness(&before),
                loudness(&after[48_000..])
            );
            loudness(&after[48_000..])
        });
        assert!((quiet - loud).abs() < 3.0, "{quiet} and {loud} dBFS");
        assert!((quiet - TARGET_DBFS).abs() < 3.0 && (loud - TARGET_DBFS).abs() < 3.0);
    }

    #[test]
    fn silence_and_noise_without_speech_are_not_raised() {
        assert!(levelled(vec![0; 16_000]).iter().all(|sample| *sample == 0));
        let noise = speech(PAUSE_DBFS - 6.0, 4);
        assert_eq!(levelled(noise.clone()), noise);
    }

    #[test]
    fn noise_behind_the_last_word_is_not_brought_up_for_long() {
        let mut samples = speech(-36.0, 6);
        let noise = tone(-60.0, 8);
        samples.extend(&noise);
        let output = levelled(samples);
        let behind = dbfs(&output[16_000 * 11..]);
        assert!((behind - -60.0).abs() < 0.5, "{behind} dBFS");
    }

    #[test]
    fn nothing_is_clipped_where_a_shout_follows_a_whisper() {
        let mut samples = tone(-40.0, 4);
        samples.extend(tone(-3.1, 1));
        let output = levelled(samples);
        let loudest = output.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(loudest <= 31_200, "{loudest}");
        let runs = output
            .windows(4)
            .filter(|run| run.iter().all(|sample| sample.abs() == i16::MAX));
        assert_eq!(runs.count(), 0);
    }
}
