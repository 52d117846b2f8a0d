//! Sounds to send: something like speech, and measures of what came of them.

use std::f32::consts::TAU;

/// Something like speech: a voice of 120 Hz with two formants, in syllables of a quarter second; every two
/// seconds a pause of 600 ms.
pub(crate) fn speech(rate: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|index| {
            let t = index as f32 / rate as f32;
            if t % 2.0 > 1.4 {
                return 0;
            }
            let pitch = 120.0 + 15.0 * (TAU * 0.7 * t).sin();
            let voice: f32 = (1..=20)
                .map(|harmonic| {
                    let frequency = pitch * harmonic as f32;
                    let formant =
                        resonance(frequency, 600.0, 150.0) + 0.5 * resonance(frequency, 1_700.0, 250.0);
                    formant * (TAU * 120.0 * harmonic as f32 * t + 3.0 * (TAU * 0.7 * t).sin()).sin()
                })
                .sum();
            let syllable = (TAU * 4.0 * t).sin().max(0.0).sqrt();
            (5_000.0 * syllable * voice).clamp(-30_000.0, 30_000.0) as i16
        })
        .collect()
}

fn resonance(frequency: f32, centre: f32, width: f32) -> f32 {
    1.0 / (1.0 + ((frequency - centre) / width).powi(2))
}

/// A sine of half scale.
pub(crate) fn sine(rate: u32, frequency: f32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| (16_000.0 * (TAU * frequency * n as f32 / rate as f32).sin()) as i16)
        .collect()
}

/// Signal to noise in decibels of `heard` against `said`, sample by sample.
pub(crate) fn signal_to_noise(said: &[i16], heard: &[i16]) -> f64 {
    let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|s| s * s).sum::<f64>();
    let signal = energy(&mut said.iter().map(|&s| f64::from(s)));
    let noise = energy(&mut said.iter().zip(heard).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    10.0 * (signal / noise.max(1.0)).log10()
}

/// How many samples `heard` lags behind `said`, by the best match of its first half.
pub(crate) fn lag(said: &[i16], heard: &[i16], longest: usize) -> usize {
    let length = said.len().min(heard.len().saturating_sub(longest));
    let product = |lag: usize| -> f64 {
        said[..length]
            .iter()
            .zip(&heard[lag..])
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum()
    };
    (0..longest)
        .max_by(|&a, &b| product(a).total_cmp(&product(b)))
        .unwrap_or(0)
}

/// The steepest step between two neighbouring samples.
pub(crate) fn steepest(samples: &[i16]) -> i32 {
    samples
        .windows(2)
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
        .max()
        .unwrap_or(0)
}
