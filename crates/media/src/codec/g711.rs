//! G.711: the µ-law and A-law of the telephone network.
//!
//! Samples are 16 bit wide; µ-law uses the upper 14 and A-law the upper 13 of them. As in the ITU's own
//! reference implementation (G.191), a negative sample is folded by its one's complement, so that a value
//! exactly on a decision level belongs to the interval nearer to minus infinity for both signs.

/// What µ-law adds to a magnitude (in 14-bit units), so that each segment begins at a power of two.
const MU_LAW_BIAS: u16 = 33;
/// The greatest biased magnitude µ-law can carry (14-bit units).
const MU_LAW_MAX: u16 = 0x1fff;
/// A-law inverts every second bit on the line.
const A_LAW_TOGGLE: u8 = 0x55;

static MU_LAW_SAMPLES: [i16; 256] = samples_by_code(Law::Mu);
static A_LAW_SAMPLES: [i16; 256] = samples_by_code(Law::A);

/// A sample as its µ-law code.
pub fn encode_mu_law(sample: i16) -> u8 {
    let biased = (magnitude(sample) >> 2)
        .saturating_add(MU_LAW_BIAS)
        .min(MU_LAW_MAX);
    // The bias keeps the leading one at bit 5 or above: ilog2 is 5..=12.
    let exponent = biased.ilog2().saturating_sub(5);
    let mantissa = low_nibble(biased >> (exponent + 1));
    let code = !(segment(exponent) | mantissa);
    if sample < 0 { code & 0x7f } else { code | 0x80 }
}

/// A sample as its A-law code.
pub fn encode_a_law(sample: i16) -> u8 {
    let magnitude = magnitude(sample) >> 4;
    // Segments 0 and 1 (below 32) have the same step; from 16 on, the leading one selects the segment.
    let exponent = magnitude.checked_ilog2().map_or(0, |bits| bits.saturating_sub(3));
    let mantissa = low_nibble(magnitude >> exponent.saturating_sub(1));
    let code = segment(exponent) | mantissa;
    (if sample < 0 { code } else { code | 0x80 }) ^ A_LAW_TOGGLE
}

/// The sample a µ-law code stands for.
pub fn decode_mu_law(code: u8) -> i16 {
    lookup(&MU_LAW_SAMPLES, code)
}

/// The sample an A-law code stands for.
pub fn decode_a_law(code: u8) -> i16 {
    lookup(&A_LAW_SAMPLES, code)
}

/// The code of silence in µ-law.
pub const MU_LAW_SILENCE: u8 = 0xff;
/// The code of silence in A-law (the smallest positive step: A-law has no zero).
pub const A_LAW_SILENCE: u8 = 0xd5;

/// The magnitude of a sample by its one's complement: 0..=32767 for all samples.
fn magnitude(sample: i16) -> u16 {
    (sample ^ (sample >> 15)).unsigned_abs()
}

fn low_nibble(value: u16) -> u8 {
    let [_, low] = (value & 0x0f).to_be_bytes();
    low
}

/// The segment number at its place in the code.
fn segment(exponent: u32) -> u8 {
    let [.., low] = ((exponent & 7) << 4).to_be_bytes();
    low
}

fn lookup(samples: &[i16; 256], code: u8) -> i16 {
    samples.get(usize::from(code)).copied().unwrap_or_default()
}

const fn mu_law_sample(code: u8) -> i16 {
    let inverted = !code;
    let mantissa = (inverted & 0x0f) as i16;
    let exponent = (inverted >> 4) & 7;
    let magnitude = (((mantissa << 1) + 33) << exponent) - 33;
    if inverted & 0x80 != 0 {
        -(magnitude << 2)
    } else {
        magnitude << 2
    }
}

const fn a_law_sample(code: u8) -> i16 {
    let plain = code ^ A_LAW_TOGGLE;
    let mantissa = (plain & 0x0f) as i16;
    let exponent = (plain >> 4) & 7;
    // In steps of 16-bit samples; the half step puts the value into the middle of its interval.
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    if plain & 0x80 != 0 { magnitude } else { -magnitude }
}

#[derive(Clone, Copy)]
enum Law {
    Mu,
    A,
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses an index out of range"
)]
const fn samples_by_code(law: Law) -> [i16; 256] {
    let mut samples = [0; 256];
    let mut code = 0_u8;
    loop {
        samples[code as usize] = match law {
            Law::Mu => mu_law_sample(code),
            Law::A => a_law_sample(code),
        };
        if code == u8::MAX {
            return samples;
        }
        code += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision levels of one law for positive magnitudes, from the segments as the recommendation's
    /// tables list them: for each segment its first level and its step, sixteen steps a segment; in 16-bit
    /// units.
    fn levels(segments: &[(i32, i32)]) -> Vec<i32> {
        segments
            .iter()
            .flat_map(|&(first, step)| (0..16).map(move |n| first + n * step))
            .collect()
    }

    /// G.711 table 2: levels 0, 1, 3, 5 ... 31, 35 ... in 14-bit units; the first interval is half a step
    /// wide.
    fn mu_law_levels() -> Vec<i32> {
        let segments: Vec<_> = (0..8).map(|s| (((33 << s) - 33) * 4, (2 << s) * 4)).collect();
        let mut levels = levels(&segments);
        for (index, level) in levels.iter_mut().enumerate().take(16) {
            *level = if index == 0 {
                0
            } else {
                (2 * i32::try_from(index).unwrap() - 1) * 4
            };
        }
        for (index, level) in levels.iter_mut().enumerate().skip(16) {
            let segment = u32::try_from(index / 16).unwrap();
            *level -= (1 << segment) * 4;
        }
        levels
    }

    /// G.711 table 1: levels 0, 2, 4 ... 64, 68 ... in 13-bit units.
    fn a_law_levels() -> Vec<i32> {
        let segments: Vec<_> = (0..8)
            .map(|s: i32| {
                if s == 0 {
                    (0, 16)
                } else {
                    (256 << (s - 1), 16 << (s - 1))
                }
            })
            .collect();
        levels(&segments)
    }

    fn interval(levels: &[i32], sample: i16) -> usize {
        let magnitude = if sample < 0 {
            !i32::from(sample)
        } else {
            i32::from(sample)
        };
        levels.iter().rposition(|&level| magnitude >= level).unwrap()
    }

    #[test]
    fn mu_law_puts_every_sample_into_the_interval_of_the_recommendation() {
        let levels = mu_law_levels();
        for sample in i16::MIN..=i16::MAX {
            let code = !encode_mu_law(sample);
            assert_eq!(
                usize::from(code & 0x7f),
                interval(&levels, sample),
                "sample {sample}"
            );
            assert_eq!(code & 0x80 != 0, sample < 0, "sign of {sample}");
        }
    }

    #[test]
    fn a_law_puts_every_sample_into_the_interval_of_the_recommendation() {
        let levels = a_law_levels();
        for sample in i16::MIN..=i16::MAX {
            let code = encode_a_law(sample) ^ 0x55;
            assert_eq!(
                usize::from(code & 0x7f),
                interval(&levels, sample),
                "sample {sample}"
            );
            assert_eq!(code & 0x80 == 0, sample < 0, "sign of {sample}");
        }
    }

    #[test]
    fn every_code_decodes_to_the_middle_of_its_interval() {
        for code in 0..=u8::MAX {
            let index = usize::from(!code & 0x7f);
            let expected = if index == 0 {
                0
            } else {
                middle(&mu_law_levels(), index, 8159 * 4)
            };
            let sign = if code & 0x80 == 0 { -1 } else { 1 };
            assert_eq!(
                i32::from(decode_mu_law(code)),
                sign * expected,
                "µ-law code {code:#04x}"
            );

            let index = usize::from((code ^ 0x55) & 0x7f);
            let sign = if (code ^ 0x55) & 0x80 == 0 { -1 } else { 1 };
            assert_eq!(
                i32::from(decode_a_law(code)),
                sign * middle(&a_law_levels(), index, 4096 * 8)
            );
        }
    }

    fn middle(levels: &[i32], index: usize, overload: i32) -> i32 {
        let upper = levels.get(index + 1).copied().unwrap_or(overload);
        (levels[index] + upper) / 2
    }

    #[test]
    fn decoding_and_encoding_again_gives_the_same_code() {
        for code in 0..=u8::MAX {
            // Minus zero decodes to zero, which is encoded as plus zero.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(encode_mu_law(decode_mu_law(code)), expected);
            assert_eq!(encode_a_law(decode_a_law(code)), code);
        }
    }

    #[test]
    fn silence_has_the_quietest_code() {
        assert_eq!(encode_mu_law(0), MU_LAW_SILENCE);
        assert_eq!(encode_a_law(0), A_LAW_SILENCE);
    }
}
