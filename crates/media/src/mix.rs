//! Sounding several streams at once: sums that clip, and gains that move without a click.

use std::time::Duration;

use crate::sample::{SampleRate, clip, to_float, to_sample};

/// How long a gain takes to move: fast enough to make room for the first word, slow enough not to click.
pub const RAMP: Duration = Duration::from_millis(50);
/// Gain in decibels of what sounds below something more important.
pub const DUCKED_DB: f32 = -20.0;
/// What is this quiet in decibels is silence: less than the smallest step of a 16-bit sample.
pub const MUTED_DB: f32 = -96.0;

/// A volume that moves in a straight line to where it is set.
#[derive(Debug, Clone, Copy)]
pub struct Gain {
    present: f32,
    target: f32,
    step: f32,
    ramp_samples: f32,
}

impl Gain {
    /// Makes a gain of so many decibels, at once; [`MUTED_DB`] and less is silence.
    pub fn new(rate: SampleRate, decibels: f32) -> Gain {
        let factor = factor(decibels);
        let ramp_samples = to_float(rate.samples_in(RAMP));
        Gain {
            present: factor,
            target: factor,
            step: 0.0,
            ramp_samples,
        }
    }

    /// Moves the gain to so many decibels within [`RAMP`].
    pub fn set(&mut self, decibels: f32) {
        self.target = factor(decibels);
        self.step = (self.target - self.present) / self.ramp_samples;
    }

    /// Whether the gain has come to rest at silence.
    pub fn is_muted(&self) -> bool {
        self.present <= 0.0 && self.target <= 0.0
    }

    /// Applies the gain to a stretch of sound.
    pub fn apply(&mut self, samples: &mut [i16]) {
        if self.is_unity() {
            return;
        }
        for sample in samples {
            *sample = to_sample(f32::from(*sample) * self.advance());
        }
    }

    #[expect(clippy::float_cmp, reason = "a gain at rest holds exactly what it was set to")]
    fn is_unity(&self) -> bool {
        self.present == 1.0 && self.target == 1.0
    }

    /// The factor for the next sample.
    fn advance(&mut self) -> f32 {
        let left = self.target - self.present;
        self.present = if left.abs() <= self.step.abs() {
            self.target
        } else {
            self.present + self.step
        };
        self.present
    }
}

/// Sums streams of one rate; only the sum is clipped.
#[derive(Debug, Default)]
pub struct Mixer {
    sum: Vec<i32>,
}

impl Mixer {
    /// Makes a mixer that needs no memory beyond `longest` samples.
    pub fn with_capacity(longest: usize) -> Mixer {
        Mixer {
            sum: Vec::with_capacity(longest),
        }
    }

    /// Begins a stretch of this many samples, silent so far.
    pub fn begin(&mut self, samples: usize) {
        self.sum.clear();
        self.sum.resize(samples, 0);
    }

    /// Adds a stream; where it is shorter than the stretch, it is silent, and what is longer is left out.
    pub fn add(&mut self, samples: &[i16], gain: &mut Gain) {
        let plain = gain.is_unity();
        for (sum, &sample) in self.sum.iter_mut().zip(samples) {
            let sample = if plain {
                i32::from(sample)
            } else {
                to_sum(f32::from(sample) * gain.advance())
            };
            *sum = sum.saturating_add(sample);
        }
    }

    /// The sum so far.
    pub fn sums(&self) -> &[i32] {
        &self.sum
    }

    /// Writes the sum; what is beyond the stretch is silence.
    pub fn finish(&self, output: &mut [i16]) {
        let sums = self.sum.iter().copied().chain(std::iter::repeat(0));
        for (sample, sum) in output.iter_mut().zip(sums) {
            *sample = clip(sum);
        }
    }
}

/// A gain may bring a sample beyond full scale; only the sum is clipped.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
pub(crate) fn to_sum(value: f32) -> i32 {
    value.round() as i32
}

pub(crate) fn factor(decibels: f32) -> f32 {
    if decibels <= MUTED_DB {
        0.0
    } else {
        10.0_f32.powf(decibels / 20.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_clips_instead_of_wrapping() {
        let mut mixer = Mixer::default();
        let mut unity = Gain::new(SampleRate::Hz8000, 0.0);
        let mut output = [0; 3];

        mixer.begin(2);
        mixer.add(&[30_000, -30_000], &mut unity);
        mixer.add(&[30_000, -30_000], &mut unity);
        mixer.finish(&mut output);

        assert_eq!(output, [i16::MAX, i16::MIN, 0]);
    }

    #[test]
    fn two_opposed_streams_cancel_even_beyond_full_scale() {
        let mut mixer = Mixer::default();
        let mut unity = Gain::new(SampleRate::Hz8000, 0.0);
        let mut output = [1];

        mixer.begin(1);
        mixer.add(&[30_000], &mut unity);
        mixer.add(&[30_000], &mut unity);
        mixer.add(&[-30_000], &mut unity);
        mixer.finish(&mut output);

        assert_eq!(output, [30_000]);
    }

    #[test]
    fn ducking_moves_without_a_step_and_ends_at_its_level() {
        let mut gain = Gain::new(SampleRate::Hz8000, 0.0);
        let mut samples = [10_000; 800];

        gain.set(DUCKED_DB);
        gain.apply(&mut samples);

        let steps = samples.windows(2).map(|pair| pair[0] - pair[1]);
        assert!(
            steps.clone().all(|step| (0..=24).contains(&step)),
            "{:?}",
            steps.max()
        );
        assert_eq!(samples[399], 1_000, "after 50 ms");
        assert_eq!(samples[799], 1_000);
    }

    #[test]
    fn what_is_muted_is_silent_and_comes_back() {
        let mut gain = Gain::new(SampleRate::Hz48000, MUTED_DB);
        let mut samples = [10_000; 2_400];

        assert!(gain.is_muted());
        gain.set(0.0);
        gain.apply(&mut samples);

        assert_eq!(samples[2_399], 10_000);
        assert!(!gain.is_muted());
    }
}
