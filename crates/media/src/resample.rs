//! Streaming conversion between 8, 16 and 48 kHz.
//!
//! All ratios are whole numbers, so one low-pass filter at the higher rate serves both directions: cut into
//! phases it interpolates, run at every n-th sample it decimates. The filter is a sinc under a Kaiser window.
//! With 32 taps a phase it is flat within 0.01 dB up to 0.43 of the lower rate (3,460 Hz at 8 kHz) and stops
//! 70 dB from 0.57 on; it delays by 16 samples of the lower rate (2 ms at 8 kHz).

use crate::sample::{SampleRate, to_sample};

/// Taps of the filter for each sample of the lower rate.
const TAPS_PER_PHASE: usize = 32;
/// Shape of the Kaiser window: 70 dB of stop band.
const KAISER_BETA: f64 = 6.755;

/// Converts a stream of mono samples from one rate to another.
pub struct Resampler {
    conversion: Conversion,
    // The last input samples the filter still reaches back to, then the input at hand.
    window: Vec<f32>,
}

enum Conversion {
    None,
    /// The taps of one output phase after the other, each in the order of the window.
    Up {
        phases: Vec<[f32; TAPS_PER_PHASE]>,
    },
    Down {
        taps: Vec<f32>,
        factor: usize,
        /// Input samples to pass over before the next output sample.
        skip: usize,
    },
}

impl Resampler {
    /// Makes a converter that has heard silence so far.
    pub fn new(from: SampleRate, to: SampleRate) -> Resampler {
        let factor = ratio(from.max(to), from.min(to));
        let (conversion, reach) = if from == to {
            (Conversion::None, 0)
        } else if from < to {
            (
                Conversion::Up {
                    phases: phases(factor),
                },
                TAPS_PER_PHASE - 1,
            )
        } else {
            let taps = low_pass(factor);
            let reach = taps.len() - 1;
            (
                Conversion::Down {
                    taps,
                    factor,
                    skip: 0,
                },
                reach,
            )
        };
        Resampler {
            conversion,
            window: vec![0.0; reach],
        }
    }

    /// Appends the converted samples.
    ///
    /// Upwards each sample becomes exactly as many as the ratio says; downwards the count is exact over time,
    /// and for each call whose length is a multiple of the ratio.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        if matches!(self.conversion, Conversion::None) {
            output.extend_from_slice(input);
            return;
        }
        let reach = self.window.len();
        self.window.extend(input.iter().map(|&sample| f32::from(sample)));
        match &mut self.conversion {
            Conversion::None => {}
            Conversion::Up { phases } => {
                for span in self.window.windows(TAPS_PER_PHASE) {
                    output.extend(phases.iter().map(|taps| to_sample(dot(taps, span))));
                }
            }
            Conversion::Down { taps, factor, skip } => {
                let spans = self.window.windows(taps.len());
                output.extend(
                    spans
                        .skip(*skip)
                        .step_by(*factor)
                        .map(|span| to_sample(dot(taps, span))),
                );
                *skip = (*skip + *factor - input.len() % *factor) % *factor;
            }
        }
        self.window.drain(..self.window.len() - reach);
    }
}

fn ratio(higher: SampleRate, lower: SampleRate) -> usize {
    usize::try_from(higher.hertz() / lower.hertz()).unwrap_or(1)
}

fn dot(taps: &[f32], span: &[f32]) -> f32 {
    // Eight sums side by side let the compiler use vector registers.
    let (tap_chunks, _) = taps.as_chunks::<8>();
    let (span_chunks, _) = span.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (tap_chunk, span_chunk) in tap_chunks.iter().zip(span_chunks) {
        for ((sum, tap), value) in sums.iter_mut().zip(tap_chunk).zip(span_chunk) {
            *sum += tap * value;
        }
    }
    sums.iter().sum()
}

/// The low-pass filter at the higher rate, with unity gain; a multiple of [`TAPS_PER_PHASE`] long, so of 8.
fn low_pass(factor: usize) -> Vec<f32> {
    prototype(factor).into_iter().map(narrow).collect()
}

/// The same filter cut into the phases between two samples of the lower rate, each in the order of the
/// window.
fn phases(factor: usize) -> Vec<[f32; TAPS_PER_PHASE]> {
    let taps = prototype(factor);
    let gain = f64::from(u32::try_from(factor).unwrap_or(1));
    let phase = |offset: usize| {
        let mut phase = [0.0; TAPS_PER_PHASE];
        // The window is oldest first, the filter reaches backwards.
        for (slot, tap) in phase
            .iter_mut()
            .rev()
            .zip(taps.iter().skip(offset).step_by(factor))
        {
            *slot = narrow(tap * gain);
        }
        phase
    };
    (0..factor).map(phase).collect()
}

fn prototype(factor: usize) -> Vec<f64> {
    let length = u32::try_from(TAPS_PER_PHASE * factor).unwrap_or(u32::MAX);
    let factor = f64::from(u32::try_from(factor).unwrap_or(1));
    let centre = f64::from(length - 1) / 2.0;
    let tap = |n: u32| {
        let distance = f64::from(n) - centre;
        let edge = 1.0 - (distance / (centre + 0.5)).powi(2);
        sinc(distance / factor) * bessel(KAISER_BETA * edge.sqrt())
    };
    let taps: Vec<f64> = (0..length).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / sum).collect()
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle.abs() < 1e-9 {
        1.0
    } else {
        angle.sin() / angle
    }
}

/// The modified Bessel function of the first kind, order zero, by its power series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..32 {
        term *= (x / (2.0 * f64::from(n))).powi(2);
        sum += term;
    }
    sum
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "filter taps are within -1..1; rounding them is meant"
)]
fn narrow(tap: f64) -> f32 {
    tap as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [SampleRate; 3] = [SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz48000];

    #[test]
    fn the_telephone_band_stays_within_a_tenth_of_a_decibel() {
        for (from, to) in pairs() {
            for frequency in [300.0, 1_000.0, 2_000.0, 3_000.0, 3_400.0] {
                let gain = gain_at(from, to, frequency);
                assert!(
                    gain.abs() < 0.1,
                    "{from:?} to {to:?}: {gain:.3} dB at {frequency} Hz"
                );
            }
        }
    }

    #[test]
    fn images_and_aliases_are_at_least_60_db_down() {
        // Upwards the mirror image of 3 kHz would be at 5 kHz; downwards 5 kHz would turn up at 3 kHz.
        let up = convert(SampleRate::Hz8000, SampleRate::Hz48000, 3_000.0);
        assert!(level_at(&up, SampleRate::Hz48000, 5_000.0) < -60.0);
        for from in [SampleRate::Hz16000, SampleRate::Hz48000] {
            let down = convert(from, SampleRate::Hz8000, 5_000.0);
            assert!(
                level_at(&down, SampleRate::Hz8000, 3_000.0) < -60.0,
                "from {from:?}"
            );
        }
    }

    #[test]
    fn pieces_of_any_length_give_the_same_as_the_whole() {
        for (from, to) in pairs() {
            let input = sine(from, 700.0);
            let mut whole = Vec::new();
            Resampler::new(from, to).process(&input, &mut whole);

            let mut resampler = Resampler::new(from, to);
            let mut pieces = Vec::new();
            let mut rest = input.as_slice();
            for length in (1..=97).cycle() {
                let (piece, after) = rest.split_at(length.min(rest.len()));
                resampler.process(piece, &mut pieces);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }

            assert_eq!(pieces, whole, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn the_number_of_samples_is_exact() {
        for (from, to) in pairs() {
            let mut output = Vec::new();
            Resampler::new(from, to)
                .process(&vec![0; from.samples_in(Duration::from_millis(60))], &mut output);
            assert_eq!(output.len(), to.samples_in(Duration::from_millis(60)));
        }
    }

    #[test]
    fn the_delay_is_sixteen_samples_of_the_lower_rate() {
        let mut output = Vec::new();
        let mut input = vec![0; 100];
        input[20] = 20_000;

        Resampler::new(SampleRate::Hz8000, SampleRate::Hz48000).process(&input, &mut output);

        let peak = output
            .iter()
            .enumerate()
            .max_by_key(|(_, sample)| **sample)
            .unwrap()
            .0;
        assert!((peak / 6).abs_diff(20 + 16) <= 1, "peak at {peak}");
    }

    #[test]
    fn full_scale_does_not_wrap() {
        let mut output = Vec::new();
        let square: Vec<i16> = (0..400)
            .map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();

        Resampler::new(SampleRate::Hz8000, SampleRate::Hz48000).process(&square, &mut output);

        let steepest = output
            .windows(2)
            .map(|pair| i32::from(pair[1]) - i32::from(pair[0]))
            .max()
            .unwrap();
        assert!(steepest < 30_000, "{steepest}");
    }

    use std::time::Duration;

    fn pairs() -> impl Iterator<Item = (SampleRate, SampleRate)> {
        RATES
            .into_iter()
            .flat_map(|from| RATES.into_iter().map(move |to| (from, to)))
    }

    fn sine(rate: SampleRate, frequency: f64) -> Vec<i16> {
        let step = std::f64::consts::TAU * frequency / f64::from(rate.hertz());
        (0..rate.hertz())
            .map(|n| to_sample(narrow(16_000.0 * (step * f64::from(n)).sin())))
            .collect()
    }

    fn convert(from: SampleRate, to: SampleRate, frequency: f64) -> Vec<i16> {
        let mut output = Vec::new();
        Resampler::new(from, to).process(&sine(from, frequency), &mut output);
        output
    }

    fn gain_at(from: SampleRate, to: SampleRate, frequency: f64) -> f64 {
        level_at(&convert(from, to, frequency), to, frequency)
    }

    /// The level of one frequency in decibels relative to the sine that went in.
    fn level_at(samples: &[i16], rate: SampleRate, frequency: f64) -> f64 {
        // The middle half, without the edges of the filter; a whole number of periods of every test
        // frequency.
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        let step = std::f64::consts::TAU * frequency / f64::from(rate.hertz());
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, &sample) in (0_u32..).zip(middle) {
            let angle = step * f64::from(n);
            real += f64::from(sample) * angle.cos();
            imaginary += f64::from(sample) * angle.sin();
        }
        let count = f64::from(u32::try_from(middle.len()).unwrap());
        20.0 * (real.hypot(imaginary) * 2.0 / count / 16_000.0).log10()
    }
}
