//! A look-ahead limiter: sums that are too loud come out as loud as can be, and not clipped.
//!
//! It looks ahead within the stretch of sound that it is given at a time, and so delays nothing: the gain goes down on the way to a peak,
//! by a slope and not by a step, stays down from wave to wave, and comes back slowly behind the last. Only for a peak at the very beginning of a stretch there is no way to
//! go; then the gain is down at once. What is not too loud comes out as it is.

use std::time::Duration;

use crate::sample::{SampleRate, clip, to_float, to_sample};

/// How long before a peak the gain is down, and how long it takes at most to go there.
pub const LOOK_AHEAD: Duration = Duration::from_millis(5);
/// Time in which the gain comes back by 9 dB behind a peak.
const RELEASE: Duration = Duration::from_millis(120);
/// The loudest that comes out: full scale.
const CEILING: f32 = 32_767.0;

/// Limits a stream of sums at one rate.
#[derive(Debug, Clone)]
pub struct Limiter {
    /// What the gain goes down by at most from one sample to the next, how far it looks, and what it grows by.
    fall: f32,
    reach: usize,
    growth: f32,
    /// The gain of the last sample.
    gain: f32,
    /// Gains of a stretch.
    gains: Vec<f32>,
}

impl Limiter {
    /// Makes a limiter that changes nothing yet.
    pub fn new(rate: SampleRate) -> Limiter {
        Limiter {
            reach: rate.samples_in(LOOK_AHEAD),
            fall: 1.0 / to_float(rate.samples_in(LOOK_AHEAD)),
            growth: 1.0 + 1.0 / to_float(rate.samples_in(RELEASE)),
            gain: 1.0,
            gains: Vec::new(),
        }
    }

    /// Takes the sums of a stretch, some 5 to 60 ms long, and gives as many samples; what goes beyond the shorter of the two is left out.
    pub fn process(&mut self, sums: &[i32], output: &mut [i16]) {
        let asks_nothing = sums.iter().all(|sum| asked(*sum) >= 1.0);
        if asks_nothing && self.gain >= 1.0 {
            for (sample, &sum) in output.iter_mut().zip(sums) {
                *sample = clip(sum);
            }
            return;
        }
        self.find_gains(sums);
        for ((sample, &sum), &gain) in output.iter_mut().zip(sums).zip(&self.gains) {
            *sample = to_sample(wide(sum) * gain);
        }
    }

    /// The gain of each sample: never more than it asks for.
    fn find_gains(&mut self, sums: &[i32]) {
        self.gains.clear();
        let mut gain = self.gain;
        for place in 0..sums.len() {
            let ahead = sums.iter().skip(place).take(self.reach).map(|sum| asked(*sum));
            gain = ahead.fold((gain * self.growth).min(1.0), f32::min);
            self.gains.push(gain);
        }
        self.gain = gain;
        let mut ahead = 1.0_f32;
        for gain in self.gains.iter_mut().rev() {
            *gain = gain.min(ahead);
            ahead = *gain + self.fall;
        }
    }
}

/// The gain that brings a sum down to full scale. What a negative sample has more than a positive one is no reason for any.
fn asked(sum: i32) -> f32 {
    let sum = wide(sum).abs();
    if sum <= CEILING + 1.0 { 1.0 } else { CEILING / sum }
}

/// Sums of a few sounds are far below the 2^24 that a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "a louder sum is limited all the same")]
fn wide(sum: i32) -> f32 {
    sum as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::to_sum;

    const RATE: SampleRate = SampleRate::Hz8000;

    fn limited(sums: &[i32]) -> Vec<i16> {
        let mut limiter = Limiter::new(RATE);
        let mut output = vec![0; sums.len()];
        // In pieces, as a sink takes them.
        for (piece, out) in sums.chunks(160).zip(output.chunks_mut(160)) {
            limiter.process(piece, out);
        }
        output
    }

    fn sine(amplitude: f32, samples: usize) -> Vec<i32> {
        let wave = |index: usize| to_sum((index as f32 * 0.5).sin() * amplitude);
        (0..samples).map(wave).collect()
    }

    #[test]
    fn what_is_not_too_loud_comes_out_as_it_is_and_at_once() {
        let sums: Vec<i32> = sine(32_767.0, 2_000);
        let output = limited(&sums);
        assert!(output.iter().zip(&sums).all(|(out, sum)| i32::from(*out) == *sum));
        assert_eq!(limited(&[i32::from(i16::MIN)]), [i16::MIN]);
    }

    #[test]
    fn nothing_is_clipped_or_wraps_however_loud_the_sum_is() {
        for amplitude in [33_000.0, 65_000.0, 600_000.0, 3.3e7] {
            let output = limited(&sine(amplitude, 8_000));
            let clipped = output
                .windows(3)
                .filter(|run| run.iter().all(|sample| sample.abs() == i16::MAX));
            assert_eq!(clipped.count(), 0, "a sine keeps its shape at {amplitude}");
            let loudest = output[1_000..].iter().map(|sample| sample.abs()).max().unwrap();
            assert!(loudest > 31_000, "and is as loud as can be: {loudest}");
        }
        assert_eq!(limited(&[i32::MIN; 200])[199], -32_767);
        assert_eq!(limited(&[i32::MAX; 200])[199], 32_767);
    }

    #[test]
    fn a_sudden_peak_is_met_by_a_gain_that_is_down_already() {
        let mut sums = vec![16_000; 4_000];
        sums[2_000] = 160_000;
        let output = limited(&sums);
        let steepest = output[100..].windows(2).map(|pair| (pair[1] - pair[0]).abs());
        // But for the peak itself, the gain goes down by steps of a look-ahead's length.
        assert!(steepest.filter(|step| *step > 400).count() <= 2);
        assert!(output.iter().all(|sample| *sample >= 0));
        assert_eq!(output[3_900], 16_000, "and comes back");
    }
}
