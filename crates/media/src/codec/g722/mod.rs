//! G.722: seven kilohertz of speech within 64 kbit/s, the wide band of desk phones and loudspeakers.
//!
//! Written after ITU-T Recommendation G.722, clauses 3 and 4, in its mode 1: all six bits of the lower band are sound. The signal is
//! split into two bands of 8,000 samples a second; each is predicted, and what the prediction missed is quantised in
//! steps that follow the signal. An octet carries two bits of the upper and six of the lower band: two samples.
//!
//! RTP counts the codec's time at 8,000 ticks a second although it has 16,000 samples (RFC 3551 section 4.5.2).

mod band;
mod filter;
mod tables;

use band::{Band, Scaling};
use filter::Filter;
use tables::{
    LOWER_BY_FOUR_BITS, LOWER_BY_SIX_BITS, LOWER_GROWTH, LOWER_LEVELS, LOWER_NEGATIVE, LOWER_POSITIVE,
    UPPER_BY_TWO_BITS, UPPER_GROWTH,
};

const LOWER: Scaling = Scaling {
    logarithm_max: 18_432,
    shift: 8,
    first: 32,
};
const UPPER: Scaling = Scaling {
    logarithm_max: 22_528,
    shift: 10,
    first: 8,
};
/// The decision level of the upper band's quantiser.
const UPPER_LEVEL: i32 = 564;
/// What a decoded band may reach: 15 bits.
const BAND_MIN: i32 = -16_384;
const BAND_MAX: i32 = 16_383;

/// Turns pairs of samples into octets.
#[derive(Debug, Clone)]
pub struct G722Encoder {
    filter: Filter,
    lower: Band,
    upper: Band,
}

impl Default for G722Encoder {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            lower: Band::new(LOWER),
            upper: Band::new(UPPER),
        }
    }
}

impl G722Encoder {
    /// The octet of two samples, 16,000 of which make a second.
    pub fn encode(&mut self, samples: [i16; 2]) -> u8 {
        let (lower, upper) = self.filter.split(samples);
        let lower = encode_lower(&mut self.lower, lower);
        let upper = encode_upper(&mut self.upper, upper);
        upper << 6 | lower
    }
}

/// Turns octets into pairs of samples.
#[derive(Debug, Clone)]
pub struct G722Decoder {
    filter: Filter,
    lower: Band,
    upper: Band,
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            lower: Band::new(LOWER),
            upper: Band::new(UPPER),
        }
    }
}

impl G722Decoder {
    /// The two samples of an octet, 16,000 of which make a second.
    pub fn decode(&mut self, octet: u8) -> [i16; 2] {
        let lower = decode_lower(&mut self.lower, octet & 0x3f);
        let upper = decode_upper(&mut self.upper, octet >> 6);
        self.filter.join(lower, upper)
    }
}

fn encode_lower(band: &mut Band, sample: i32) -> u8 {
    let missed = saturate(sample - band.prediction());
    let interval = LOWER_LEVELS
        .iter()
        .take_while(|&&level| magnitude(missed) >= band.level(level))
        .count();
    let codes = if missed < 0 {
        &LOWER_NEGATIVE
    } else {
        &LOWER_POSITIVE
    };
    let code = codes.get(interval).copied().unwrap_or_default();
    follow_lower(band, code);
    code
}

fn decode_lower(band: &mut Band, code: u8) -> i32 {
    let sample = band.prediction() + band.difference(looked_up(&LOWER_BY_SIX_BITS, code));
    follow_lower(band, code);
    sample.clamp(BAND_MIN, BAND_MAX)
}

/// The prediction knows the upper four bits only, so that it is the same where the lower two carry data.
fn follow_lower(band: &mut Band, code: u8) {
    let four_bits = code >> 2;
    let difference = band.difference(looked_up(&LOWER_BY_FOUR_BITS, four_bits));
    band.adapt(difference, looked_up(&LOWER_GROWTH, four_bits));
}

fn encode_upper(band: &mut Band, sample: i32) -> u8 {
    let missed = saturate(sample - band.prediction());
    let is_far = magnitude(missed) >= band.level(UPPER_LEVEL);
    let code = match (missed < 0, is_far) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    };
    follow_upper(band, code);
    code
}

fn decode_upper(band: &mut Band, code: u8) -> i32 {
    let sample = band.prediction() + band.difference(looked_up(&UPPER_BY_TWO_BITS, code));
    follow_upper(band, code);
    sample.clamp(BAND_MIN, BAND_MAX)
}

fn follow_upper(band: &mut Band, code: u8) {
    let difference = band.difference(looked_up(&UPPER_BY_TWO_BITS, code));
    band.adapt(difference, looked_up(&UPPER_GROWTH, code));
}

fn looked_up(table: &[i32], code: u8) -> i32 {
    table.get(usize::from(code)).copied().unwrap_or_default()
}

/// The magnitude by the one's complement of a negative number, as the recommendation folds it.
fn magnitude(value: i32) -> i32 {
    if value < 0 { !value } else { value }
}

/// The nearest number of 16 bits.
fn saturate(value: i32) -> i32 {
    i32::from(saturate_to_sample(value))
}

fn saturate_to_sample(value: i32) -> i16 {
    crate::sample::clip(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libspandsp 0.0.6 makes of the short [`signal`], so that this is held to another implementation where it is missing.
    const OCTETS: [u8; 120] = [
        0x27, 0x84, 0x20, 0x84, 0x20, 0x84, 0x04, 0x9b, 0xab, 0x22, 0x25, 0xb8, 0x0f, 0x87, 0x8a, 0x1d, 0xac,
        0x23, 0x27, 0xfc, 0x11, 0x88, 0xcc, 0x5e, 0xad, 0x24, 0x68, 0xfc, 0x52, 0x88, 0xcd, 0x7e, 0xaf, 0x25,
        0x6a, 0xfd, 0x53, 0x89, 0xd0, 0x7f, 0xf0, 0x25, 0xec, 0x3a, 0x8d, 0x36, 0xb2, 0x1d, 0x1c, 0xbd, 0x38,
        0x3e, 0xbe, 0x3c, 0x3f, 0xbd, 0x7c, 0x3e, 0xbd, 0x7b, 0x1e, 0xbc, 0x7a, 0x1e, 0xbc, 0x7b, 0x1d, 0xbc,
        0xfb, 0x1d, 0xbc, 0x7a, 0x1d, 0xbc, 0x7a, 0x1c, 0xbb, 0xfa, 0x1d, 0xbb, 0x79, 0x1e, 0x9d, 0x6d, 0x0b,
        0x61, 0xcc, 0x71, 0x15, 0x30, 0x56, 0xb9, 0xeb, 0x14, 0x3d, 0x79, 0xd6, 0x6e, 0x9b, 0x9e, 0xf3, 0x6d,
        0x1d, 0x3f, 0x74, 0x6c, 0x67, 0x1a, 0xee, 0xb6, 0x70, 0x1e, 0x3f, 0xd6, 0xb5, 0x7c, 0xf9, 0xcd, 0xf4,
        0x2e,
    ];
    /// Samples of each part of the short and of the long signal.
    const SHORT: usize = 80;
    const LONG: usize = 8_000;
    /// [`digest`] of the octets that it makes of the long signal, and of the samples that it makes of these.
    const LONG_OCTETS: u32 = 2_783_124_788;
    const LONG_SAMPLES: u32 = 1_221_590_627;

    /// A triangle of 1 kHz, a wave of 5.3 kHz and noise, of so many samples each.
    fn signal(length: usize) -> Vec<[i16; 2]> {
        let triangle = (0..16_i16)
            .cycle()
            .map(|place| (place.min(16 - place) - 4) * 5_000);
        let wave = [15_000, -15_000, 0].into_iter().cycle().skip(length % 3);
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            i16::try_from((state >> 16) & 0x3fff).unwrap() - 0x2000
        });
        let parts = triangle.take(length).chain(wave.take(length));
        let samples: Vec<i16> = parts.chain(noise.take(length)).collect();
        samples.as_chunks::<2>().0.to_vec()
    }

    fn encoded(length: usize) -> Vec<u8> {
        let mut encoder = G722Encoder::default();
        signal(length)
            .into_iter()
            .map(|pair| encoder.encode(pair))
            .collect()
    }

    fn digest(values: impl Iterator<Item = u16>) -> u32 {
        values.fold(0, |digest: u32, value| {
            digest.wrapping_mul(31).wrapping_add(u32::from(value))
        })
    }

    #[test]
    fn the_octets_are_those_of_another_implementation() {
        assert_eq!(encoded(SHORT), OCTETS);
        assert_eq!(digest(encoded(LONG).into_iter().map(u16::from)), LONG_OCTETS);
    }

    #[test]
    fn the_samples_are_those_of_another_implementation() {
        let mut decoder = G722Decoder::default();
        let octets = encoded(LONG);
        let samples = octets.iter().flat_map(|&octet| decoder.decode(octet));
        assert_eq!(digest(samples.map(i16::cast_unsigned)), LONG_SAMPLES);
    }

    /// A second of a tone at half of full scale.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "sixteen thousand fits into 16 bits"
    )]
    fn tone(hertz: f64) -> Vec<i16> {
        let step = hertz * std::f64::consts::TAU / 16_000.0;
        (0..16_000)
            .map(|n| (f64::from(n) * step).sin() * 16_000.0)
            .map(|sample| sample.round() as i16)
            .collect()
    }

    fn through(samples: &[i16]) -> Vec<i16> {
        let (mut encoder, mut decoder) = (G722Encoder::default(), G722Decoder::default());
        samples
            .chunks_exact(2)
            .flat_map(|pair| decoder.decode(encoder.encode([pair[0], pair[1]])))
            .collect()
    }

    /// Signal to noise of a settled tone in decibels, at the delay that suits best.
    fn quality(hertz: f64) -> f64 {
        let sent = tone(hertz);
        let heard = through(&sent);
        (0..64)
            .map(|delay| {
                let pairs = sent.iter().zip(heard.iter().skip(delay)).skip(2_000);
                let (signal, noise) = pairs.fold((0.0, 0.0), |(signal, noise), (&sent, &heard)| {
                    let missed = f64::from(sent) - f64::from(heard);
                    (signal + f64::from(sent).powi(2), noise + missed * missed)
                });
                10.0 * (signal / noise).log10()
            })
            .fold(f64::MIN, f64::max)
    }

    #[test]
    fn tones_of_both_bands_come_through() {
        for hertz in [300.0, 1_000.0, 3_000.0] {
            assert!(quality(hertz) > 25.0, "{hertz} Hz: {} dB", quality(hertz));
        }
        assert!(quality(6_000.0) > 10.0, "{} dB", quality(6_000.0));
    }

    #[test]
    fn silence_stays_silent() {
        assert!(through(&[0; 320]).iter().all(|sample| sample.abs() <= 8));
    }

    #[test]
    fn no_octets_and_no_samples_overflow() {
        let mut decoder = G722Decoder::default();
        for octet in (0..=u8::MAX).cycle().take(100_000) {
            decoder.decode(octet.wrapping_mul(97));
        }
        let mut encoder = G722Encoder::default();
        for sign in 0..50_000 {
            let loud = if sign % 7 < 3 { i16::MIN } else { i16::MAX };
            encoder.encode([loud, !loud]);
        }
    }
}
