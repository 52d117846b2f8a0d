//! How loud sound is, in decibels below full scale.

use crate::sample::to_float;

/// What is quieter counts as a pause between words, not as speech.
const GATE_DBFS: f32 = -55.0;
/// The level reported for digital silence.
pub const SILENCE_DBFS: f32 = -96.0;

/// The level of a stretch of sound: 0 dBFS is a square wave at full scale, so a full sine reads -3.01.
///
/// Digital silence, and no sound at all, read [`SILENCE_DBFS`].
pub fn dbfs(samples: &[i16]) -> f32 {
    to_dbfs(power(samples))
}

/// The mean level of what is louder than -55 dBFS, so that pauses do not make speech look quiet.
#[derive(Debug, Clone, Copy, Default)]
pub struct LevelMeter {
    active: Sum,
    all: Sum,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    power: f64,
    samples: f64,
}

impl LevelMeter {
    /// Takes a stretch of sound, some 5 to 60 ms long.
    pub fn observe(&mut self, samples: &[i16]) {
        if samples.is_empty() {
            return;
        }
        let power = power(samples);
        self.all.add(power, samples.len());
        if to_dbfs(power) > GATE_DBFS {
            self.active.add(power, samples.len());
        }
    }

    /// The level in dBFS; of everything, where nothing was loud; `None` before the first sample.
    pub fn dbfs(&self) -> Option<f32> {
        self.active.mean().or(self.all.mean()).map(to_dbfs)
    }
}

impl Sum {
    fn add(&mut self, power: f32, count: usize) {
        let count = f64::from(to_float(count));
        self.power += f64::from(power) * count;
        self.samples += count;
    }

    #[expect(clippy::cast_possible_truncation, reason = "a mean of values within 0..=1")]
    fn mean(self) -> Option<f32> {
        (self.samples > 0.0).then(|| (self.power / self.samples) as f32)
    }
}

/// Mean square, relative to full scale.
pub(crate) fn power(samples: &[i16]) -> f32 {
    let sum: f32 = samples
        .iter()
        .map(|&sample| (f32::from(sample) / 32_768.0).powi(2))
        .sum();
    sum / to_float(samples.len().max(1))
}

pub(crate) fn to_dbfs(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(SILENCE_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_zero_and_silence_is_the_floor() {
        assert!(dbfs(&[i16::MIN; 100]).abs() < 0.001);
        assert!((dbfs(&[3_277, -3_277]) - -20.0).abs() < 0.01);
        for silence in [&[][..], &[0; 100]] {
            assert!((dbfs(silence) - SILENCE_DBFS).abs() < 0.001);
        }
    }

    #[test]
    fn pauses_do_not_lower_the_level_of_speech() {
        let mut meter = LevelMeter::default();
        assert_eq!(meter.dbfs(), None);

        meter.observe(&[3_277; 160]);
        for _ in 0..100 {
            meter.observe(&[1; 160]);
        }

        assert!((meter.dbfs().unwrap() - -20.0).abs() < 0.01);
    }

    #[test]
    fn where_nothing_is_loud_the_level_is_that_of_everything() {
        let mut meter = LevelMeter::default();
        meter.observe(&[0; 160]);
        assert!((meter.dbfs().unwrap() - SILENCE_DBFS).abs() < 0.001);
    }
}
