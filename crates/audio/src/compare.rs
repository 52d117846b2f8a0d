//! Whether a recording holds a given sound whole: alignment, band-limited correlation, the level of its beginning.
//!
//! The band is that of telephony, 300 to 3,400 Hz, so that a G.711 path, which carries no more, is judged by what it can
//! carry. Everything is brought to 8,000 samples a second first.

use std::f64::consts::PI;
use std::fmt;
use std::time::Duration;

/// Samples a second at which signals are compared.
const RATE: u32 = 8_000;
/// Lower edge of the telephone band, in hertz.
const BAND_LOW: f64 = 300.0;
/// Upper edge of the telephone band, in hertz.
const BAND_HIGH: f64 = 3_400.0;
/// Half the length of the band filter, in seconds: the edges are about 60 Hz wide.
const FILTER_HALF: f64 = 0.016;
/// Samples of one correlation window: 500 ms.
const WINDOW: usize = 4_000;
/// Samples of the beginning whose level is compared: 200 ms.
const BEGINNING: usize = 1_600;
/// Samples of one step of the coarse alignment: 5 ms.
const HOP: usize = 40;
/// Steps around the coarse alignment that the fine one searches, in samples: 40 ms.
const FINE: usize = 320;
/// Parts of a sample in which the alignment of the whole is found: half a sample is 70 degrees at the upper edge of the band.
const FRACTIONS: u32 = 8;
/// Windows quieter than the loudest by more than this are pauses and have no correlation of their own, as a power ratio.
const PAUSE: f64 = 1e-4;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Where the reference begins in the recording, in seconds.
    pub begins_at: f64,
    /// Correlation of each 500 ms window that is no pause, with the best shift within the lag, from -1 to 1.
    pub windows: Vec<f64>,
    /// Level of the first 200 ms against the level of the whole, recording against reference, in decibels: 0 is intact.
    pub beginning_db: f64,
    /// Gain of the recording against the reference over the whole length, in decibels.
    pub gain_db: f64,
}

impl Comparison {
    /// The median of the windows' correlations.
    pub fn median(&self) -> f64 {
        let mut sorted = self.windows.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// The share of windows whose correlation is at least `floor`.
    pub fn share_at_least(&self, floor: f64) -> f64 {
        let good = self
            .windows
            .iter()
            .filter(|correlation| **correlation >= floor)
            .count();
        ratio(good, self.windows.len())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "correlation {:.4}, {:.0} % of it whole, beginning {:+.2} dB, level {:+.2} dB",
            self.median(),
            self.share_at_least(0.9) * 100.0,
            self.beginning_db,
            self.gain_db
        )
    }
}

/// Compares `recording` with `reference`, each with its samples a second; both rates are multiples of 8,000. Windows are
/// looked for within `lag` of where the whole says they are.
///
/// `None` when a rate is no such multiple, the reference is shorter than one window, or either has no sound in the band.
pub fn compare(reference: (&[i16], u32), recording: (&[i16], u32), lag: Duration) -> Option<Comparison> {
    let (samples, rate) = reference;
    let reference = telephone_band(samples, rate, 0.0)?;
    let mut recording = telephone_band(recording.0, recording.1, 0.0)?;
    if reference.len() < WINDOW || power(&reference) <= 0.0 || power(&recording) <= 0.0 {
        return None;
    }
    // A recording that stops early is compared as if silence followed.
    recording.resize(recording.len() + reference.len(), 0.0);
    let begin = fine_offset(&reference, &recording, coarse_offset(&reference, &recording));
    let (reference, begin) = closest_fraction(samples, rate, &recording, begin)?;
    let found = recording.get(begin..begin + reference.len())?;
    let gain = power(found) / power(&reference);
    let beginning = power(found.get(..BEGINNING)?) / power(reference.get(..BEGINNING)?);
    Some(Comparison {
        begins_at: ratio(begin, RATE as usize),
        windows: window_correlations(&reference, &recording, begin, samples_in(lag)),
        beginning_db: decibels(beginning / gain),
        gain_db: decibels(gain),
    })
}

/// The reference shifted by the part of a sample at which it is closest to the recording, and where it begins there.
fn closest_fraction(
    samples: &[i16],
    rate: u32,
    recording: &[f64],
    begin: usize,
) -> Option<(Vec<f64>, usize)> {
    let mut closest = None;
    let mut highest = f64::MIN;
    for fraction in 0..FRACTIONS {
        let shifted = telephone_band(samples, rate, f64::from(fraction) / f64::from(FRACTIONS))?;
        for offset in begin.saturating_sub(1)..=begin + 1 {
            let score = normalised(&shifted, recording.get(offset..).unwrap_or_default());
            if score > highest {
                highest = score;
                closest = Some((shifted.clone(), offset));
            }
        }
    }
    closest
}

/// Filters to the telephone band, brings the signal to 8,000 samples a second, and moves it later by `shift` of their
/// periods.
fn telephone_band(samples: &[i16], rate: u32, shift: f64) -> Option<Vec<f64>> {
    if rate == 0 || !rate.is_multiple_of(RATE) {
        return None;
    }
    let step = (rate / RATE) as usize;
    let taps = band_filter(f64::from(rate), shift * f64::from(rate / RATE));
    let half = taps.len() / 2;
    let filtered = (0..samples.len()).step_by(step).map(|centre| {
        let first = centre.saturating_sub(half);
        let skipped = half.saturating_sub(centre);
        let span = samples
            .get(first..(centre + half + 1).min(samples.len()))
            .unwrap_or_default();
        taps.iter()
            .skip(skipped)
            .zip(span)
            .map(|(tap, sample)| tap * f64::from(*sample))
            .sum()
    });
    Some(filtered.collect())
}

/// A windowed-sinc band-pass filter for `rate` samples a second that delays by `shift` of them.
fn band_filter(rate: f64, shift: f64) -> Vec<f64> {
    let half = (FILTER_HALF * rate).round();
    let count = half * 2.0 + 1.0;
    let low_pass = |edge: f64, n: f64| {
        let x = 2.0 * edge / rate;
        if n == 0.0 {
            x
        } else {
            (PI * x * n).sin() / (PI * n)
        }
    };
    let mut taps = Vec::new();
    let mut n = -half;
    while n <= half {
        let hann = 0.5 + 0.5 * (2.0 * PI * n / count).cos();
        taps.push((low_pass(BAND_HIGH, n + shift) - low_pass(BAND_LOW, n + shift)) * hann);
        n += 1.0;
    }
    taps
}

/// Aligns the 5 ms envelopes; in samples.
fn coarse_offset(reference: &[f64], recording: &[f64]) -> usize {
    let envelope = |signal: &[f64]| -> Vec<f64> { signal.chunks(HOP).map(|hop| power(hop).sqrt()).collect() };
    let (short, long) = (envelope(reference), envelope(recording));
    let last = long.len().saturating_sub(short.len());
    best(0..=last, |offset| {
        normalised(&short, long.get(offset..).unwrap_or_default())
    }) * HOP
}

/// Aligns the signals themselves around the coarse offset; in samples.
fn fine_offset(reference: &[f64], recording: &[f64], coarse: usize) -> usize {
    let last = recording.len().saturating_sub(reference.len());
    let range = coarse.saturating_sub(FINE)..=(coarse + FINE).min(last);
    best(range, |offset| {
        normalised(reference, recording.get(offset..).unwrap_or_default())
    })
}

fn window_correlations(reference: &[f64], recording: &[f64], begin: usize, lag: usize) -> Vec<f64> {
    let loudest = reference.chunks_exact(WINDOW).map(power).fold(0.0, f64::max);
    reference
        .chunks_exact(WINDOW)
        .enumerate()
        .filter(|(_, window)| power(window) >= loudest * PAUSE)
        .map(|(index, window)| {
            let at = begin + index * WINDOW;
            (at.saturating_sub(lag)..=at + lag)
                .map(|offset| normalised(window, recording.get(offset..).unwrap_or_default()))
                .fold(-1.0, f64::max)
        })
        .collect()
}

fn best(candidates: impl Iterator<Item = usize>, score: impl Fn(usize) -> f64) -> usize {
    candidates
        .map(|candidate| (candidate, score(candidate)))
        .fold(
            (0, f64::MIN),
            |best, found| if found.1 > best.1 { found } else { best },
        )
        .0
}

/// Normalised correlation of `a` with as much of the beginning of `b`; 0 when either is silent.
fn normalised(a: &[f64], b: &[f64]) -> f64 {
    let (mut product, mut power_a, mut power_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        product += x * y;
        power_a += x * x;
        power_b += y * y;
    }
    let scale = (power_a * power_b).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

fn samples_in(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(0) * (RATE as usize / 1_000)
}

fn power(signal: &[f64]) -> f64 {
    signal.iter().map(|sample| sample * sample).sum()
}

fn decibels(power_ratio: f64) -> f64 {
    10.0 * power_ratio.max(1e-12).log10()
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples stay far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "test signals are made by rounding"
)]
mod tests {
    use std::time::Duration;

    use super::{Comparison, compare};

    const LAG: Duration = Duration::from_millis(20);

    /// Two seconds of a speech-like sweep with syllables, beginning at its first sample.
    fn speech(rate: u32) -> Vec<i16> {
        (0..rate * 2)
            .map(|n| {
                let t = f64::from(n) / f64::from(rate);
                let syllable = 0.55 + 0.45 * (t * 23.0).cos();
                let tone = (t * 2_600.0 * (1.0 + 0.4 * (t * 3.1).sin())).sin() + 0.5 * (t * 6_100.0).sin();
                (tone * syllable * 6_000.0) as i16
            })
            .collect()
    }

    fn compared(recording: &[i16]) -> Comparison {
        compare((&speech(8_000), 8_000), (recording, 8_000), LAG).unwrap()
    }

    #[test]
    fn a_whole_recording_after_a_tone_is_found_and_intact() {
        let mut recording: Vec<i16> = (0..5_000)
            .map(|n| ((f64::from(n) * 0.7).sin() * 3_000.0) as i16)
            .collect();
        recording.extend(speech(8_000).iter().map(|sample| sample / 2));
        let found = compared(&recording);
        assert!((found.begins_at - 0.625).abs() < 0.001, "{found:?}");
        assert!(
            found.median() > 0.99 && found.share_at_least(0.99) > 0.99,
            "{found:?}"
        );
        assert!(
            found.beginning_db.abs() < 0.3 && (found.gain_db + 6.0).abs() < 0.2,
            "{found:?}"
        );
    }

    #[test]
    fn a_recording_at_another_rate_is_the_same_sound() {
        let found = compare((&speech(8_000), 8_000), (&speech(48_000), 48_000), LAG).unwrap();
        assert!(
            found.median() > 0.99 && found.beginning_db.abs() < 0.3,
            "{found:?}"
        );
    }

    #[test]
    fn a_recording_between_samples_is_the_same_sound() {
        let late: Vec<i16> = [0; 3].into_iter().chain(speech(48_000)).collect();
        let found = compare((&speech(8_000), 8_000), (&late, 48_000), LAG).unwrap();
        assert!(found.median() > 0.99, "{found:?}");
    }

    #[test]
    fn a_cut_beginning_shows_in_its_level() {
        let mut recording = speech(8_000);
        recording.iter_mut().take(800).for_each(|sample| *sample = 0);
        assert!(
            compared(&recording).beginning_db < -1.0,
            "{:?}",
            compared(&recording)
        );
    }

    #[test]
    fn a_recording_that_stops_early_loses_its_last_windows() {
        let recording = &speech(8_000)[..8_000];
        assert!(
            compared(recording).share_at_least(0.9) <= 0.5,
            "{:?}",
            compared(recording)
        );
    }

    #[test]
    fn noise_does_not_correlate() {
        let noise: Vec<i16> = (0..24_000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 18) as i16 - 8_000)
            .collect();
        assert!(compared(&noise).median() < 0.5, "{:?}", compared(&noise));
    }

    #[test]
    fn silence_and_odd_rates_have_no_comparison() {
        assert_eq!(compare((&speech(8_000), 8_000), (&[0; 8_000], 8_000), LAG), None);
        assert_eq!(
            compare((&speech(8_000), 8_000), (&speech(8_000), 44_100), LAG),
            None
        );
    }
}
