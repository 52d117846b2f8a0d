//! Streaming conversion between 8, 16 and 48 kHz.
//!
//! All ratios are whole numbers, so one low-pass filter at the higher rate serves both directions: cut into phases it
//! interpolates, run at every n-th sample it decimates. The filter is a sinc under a Kaiser window. With 32 taps a
//! phase it is flat within 0.01 dB up to 0.43 of the lower rate (3,460 Hz at 8 kHz) and stops 70 dB from 0.57 on; it
//! delays by 16 samples of the lower rate (2 ms at 8 kHz).

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
    /// Upwards each sample becomes exactly as many as the ratio says; downwards the count is exact over time, and for
    /// each call whose length is a multiple of the ratio.
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

/// The same filter cut into the phases between two samples of the lower rate, each in the order of the window.
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
