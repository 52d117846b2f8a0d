//! Short-time objective intelligibility of a recording against the clean speech.
//!
//! After C. H. Taal, R. C. Hendriks, R. Heusdens and J. Jensen, "An Algorithm for Intelligibility Prediction of
//! Time-Frequency Weighted Noisy Speech", IEEE Transactions on Audio, Speech, and Language Processing 19(7), 2011: third-octave bands
//! from 150 Hz, segments of 384 ms, the recording clipped to -15 dB signal-to-distortion, mean correlation over bands and
//! segments. 1 is perfectly intelligible.

use std::f64::consts::PI;

/// Samples a second of the measure.
const RATE: f64 = 10_000.0;
/// Samples of a frame, and of the step between frames.
const FRAME: usize = 256;
const STEP: usize = 128;
/// Length of the transform that a frame is padded to.
const TRANSFORM: usize = 512;
/// Third-octave bands and the centre of the lowest, in hertz.
const BANDS: i32 = 15;
const LOWEST_CENTRE: f64 = 150.0;
/// Frames of one segment.
const SEGMENT: usize = 30;
/// Frames quieter than the loudest by more than this are left out, in decibels.
const DYNAMIC_RANGE: f64 = 40.0;
/// Lower bound of the signal-to-distortion ratio, in decibels.
const CLIP: f64 = -15.0;
/// Half the length of the resampling filter, in samples of the lower rate.
const SINC_HALF: f64 = 24.0;

/// The measure for two aligned signals of the same length in time, each with its samples a second.
///
/// `None` when there is less than one segment of speech.
pub fn stoi(clean: (&[i16], u32), heard: (&[i16], u32)) -> Option<f64> {
    let (clean, heard) = (resample(clean.0, clean.1), resample(heard.0, heard.1));
    let length = clean.len().min(heard.len());
    let (clean, heard) = without_silence(clean.get(..length)?, heard.get(..length)?);
    let (clean, heard) = (band_levels(&clean), band_levels(&heard));
    let frames = clean.first()?.len();
    if frames < SEGMENT {
        return None;
    }
    let mut sum = 0.0;
    let mut count = 0.0;
    for last in SEGMENT..=frames {
        for (clean, heard) in clean.iter().zip(&heard) {
            sum += segment_score(clean.get(last - SEGMENT..last)?, heard.get(last - SEGMENT..last)?);
            count += 1.0;
        }
    }
    Some(sum / count)
}

fn segment_score(clean: &[f64], heard: &[f64]) -> f64 {
    let scale = (energy(clean) / energy(heard).max(1e-20)).sqrt();
    let bound = 1.0 + 10f64.powf(-CLIP / 20.0);
    let clipped: Vec<f64> = clean
        .iter()
        .zip(heard)
        .map(|(clean, heard)| (heard * scale).min(clean * bound))
        .collect();
    correlation(clean, &clipped)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |signal: &[f64]| signal.iter().sum::<f64>() / float(signal.len());
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut product, mut power_a, mut power_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        product += (x - mean_a) * (y - mean_b);
        power_a += (x - mean_a).powi(2);
        power_b += (y - mean_b).powi(2);
    }
    product / (power_a * power_b).sqrt().max(1e-20)
}

/// Drops the frames in which the clean speech is silent, from both, and overlaps the rest again.
fn without_silence(clean: &[f64], heard: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let window = hann();
    let cut = |signal: &[f64], at: usize| -> Vec<f64> {
        signal
            .iter()
            .skip(at)
            .zip(&window)
            .map(|(sample, weight)| sample * weight)
            .collect()
    };
    let starts: Vec<usize> = (0..clean.len().saturating_sub(FRAME)).step_by(STEP).collect();
    let levels: Vec<f64> = starts
        .iter()
        .map(|at| 20.0 * (energy(&cut(clean, *at)).sqrt() + 1e-12).log10())
        .collect();
    let floor = levels.iter().copied().fold(f64::MIN, f64::max) - DYNAMIC_RANGE;
    let kept: Vec<usize> = starts
        .into_iter()
        .zip(levels)
        .filter(|(_, level)| *level > floor)
        .map(|(at, _)| at)
        .collect();
    let join = |signal: &[f64]| {
        let mut joined = vec![0.0; kept.len() * STEP + FRAME];
        for (index, at) in kept.iter().enumerate() {
            for (target, sample) in joined.iter_mut().skip(index * STEP).zip(cut(signal, *at)) {
                *target += sample;
            }
        }
        joined
    };
    (join(clean), join(heard))
}

/// The level of each third-octave band in each frame.
fn band_levels(signal: &[f64]) -> Vec<Vec<f64>> {
    let window = hann();
    let edges: Vec<(usize, usize)> = (0..BANDS).map(band_edges).collect();
    let mut levels = vec![Vec::new(); edges.len()];
    for at in (0..signal.len().saturating_sub(FRAME)).step_by(STEP) {
        let frame: Vec<f64> = signal
            .iter()
            .skip(at)
            .zip(&window)
            .map(|(sample, weight)| sample * weight)
            .collect();
        for (band, (low, high)) in levels.iter_mut().zip(&edges) {
            band.push(
                (*low..*high)
                    .map(|bin| bin_power(&frame, bin))
                    .sum::<f64>()
                    .sqrt(),
            );
        }
    }
    levels
}

/// First and one-past-last transform bin of a band.
fn band_edges(band: i32) -> (usize, usize) {
    let edge = |exponent: f64| {
        let frequency = LOWEST_CENTRE * 2f64.powf(exponent);
        (0..=TRANSFORM / 2)
            .min_by(|a, b| {
                let distance = |bin: &usize| (float(*bin) * RATE / float(TRANSFORM) - frequency).abs();
                distance(a).total_cmp(&distance(b))
            })
            .unwrap_or(0)
    };
    let third = f64::from(band) / 3.0;
    (edge(third - 1.0 / 6.0), edge(third + 1.0 / 6.0))
}

fn bin_power(frame: &[f64], bin: usize) -> f64 {
    let step = 2.0 * PI * float(bin) / float(TRANSFORM);
    let (mut real, mut imaginary, mut phase) = (0.0, 0.0, 0.0f64);
    for sample in frame {
        real += sample * phase.cos();
        imaginary -= sample * phase.sin();
        phase += step;
    }
    real * real + imaginary * imaginary
}

fn hann() -> Vec<f64> {
    (1..=FRAME)
        .map(|n| 0.5 - 0.5 * (2.0 * PI * float(n) / float(FRAME + 1)).cos())
        .collect()
}

/// Brings a signal to the rate of the measure by windowed-sinc interpolation.
fn resample(samples: &[i16], rate: u32) -> Vec<f64> {
    let ratio = f64::from(rate) / RATE;
    let cutoff = (1.0 / ratio).min(1.0);
    let half = (SINC_HALF / cutoff).ceil();
    let mut resampled = Vec::new();
    let mut position = 0.0;
    while position < float(samples.len()) {
        let first = (position - half).max(0.0).ceil();
        let value: f64 = samples
            .iter()
            .skip(index(first))
            .take(index(2.0 * half))
            .enumerate()
            .map(|(n, sample)| {
                let distance = first + float(n) - position;
                let window = 0.5 + 0.5 * (PI * (distance / half).clamp(-1.0, 1.0)).cos();
                let x = PI * distance * cutoff;
                let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
                f64::from(*sample) * cutoff * sinc * window
            })
            .sum();
        resampled.push(value);
        position += ratio;
    }
    resampled
}

fn energy(signal: &[f64]) -> f64 {
    signal.iter().map(|sample| sample * sample).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples stay far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions in a recording, never negative"
)]
fn index(position: f64) -> usize {
    position as usize
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "test signals are made by rounding"
)]
mod tests {
    use super::stoi;

    fn speech() -> Vec<i16> {
        (0..32_000)
            .map(|n| {
                let t = f64::from(n) / 16_000.0;
                let syllable = (0.5 + 0.5 * (t * 25.0).sin()) * (0.6 + 0.4 * (t * 7.0).sin());
                let voice: f64 = (1..20)
                    .map(|k| (t * 880.0 * f64::from(k)).sin() / f64::from(k))
                    .sum();
                (voice * syllable * 4_000.0) as i16
            })
            .collect()
    }

    fn noisy(level: i32) -> Vec<i16> {
        let noise = (1u32..).map(|n| (n.wrapping_mul(2_654_435_761) ^ n.wrapping_mul(40_503) >> 3) >> 16);
        speech()
            .iter()
            .zip(noise)
            .map(|(sample, noise)| {
                (i32::from(*sample) + (noise as i32 - 32_768) * level / 100).clamp(-32_768, 32_767) as i16
            })
            .collect()
    }

    #[test]
    fn the_same_speech_is_perfectly_intelligible() {
        let score = stoi((&speech(), 16_000), (&speech(), 16_000)).unwrap();
        assert!(score > 0.999, "{score}");
    }

    #[test]
    fn more_noise_is_less_intelligible() {
        let little = stoi((&speech(), 16_000), (&noisy(2), 16_000)).unwrap();
        let much = stoi((&speech(), 16_000), (&noisy(60), 16_000)).unwrap();
        assert!(little > 0.9 && much < 0.75, "{little} {much}");
    }

    #[test]
    fn too_little_speech_has_no_score() {
        assert_eq!(stoi((&[0; 1_000], 16_000), (&[0; 1_000], 16_000)), None);
    }
}
