//! What pages sound like, and how much of each a sink has taken.
//!
//! Each page is a tone of its own. The tones are multiples of 50 Hz, so each fits a whole number of times into a period
//! of 20 ms, and 200 Hz apart, so that a cut one does not look like its neighbour.

use std::f32::consts::TAU;
use std::time::Duration;

/// Sound that a talker makes and a sink takes at a time.
pub(crate) const PERIOD: Duration = Duration::from_millis(20);
/// Samples of a period at 8 kHz.
pub(crate) const PERIOD_SAMPLES: usize = 160;
/// Tones that can be told apart.
pub(crate) const TAGS: u8 = 16;

/// Samples per second.
const RATE: f32 = 8_000.0;
/// Peak of a page: loud, and far from clipping.
const AMPLITUDE: f32 = 8_000.0;
/// Share of a full tone below which nothing is said to sound: what the codec leaves, and neighbours that are cut or that
/// go on out of phase, as they do behind a packet that was waited for.
const AUDIBLE: f32 = 0.25;

/// The tone of a page, or of somebody who may not page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(u8);

impl Tag {
    /// The tone of the page with this number.
    pub(crate) fn of_page(number: usize) -> Self {
        let place = number % usize::from(TAGS);
        Self(u8::try_from(place).unwrap_or(0))
    }

    /// The tone of a stranger: above those of pages, and below the attention tone.
    pub(crate) const STRANGER: Self = Self(TAGS);

    fn hertz(self) -> f32 {
        300.0 + 200.0 * f32::from(self.0)
    }

    fn angle(self, sample: u16) -> f32 {
        TAU * self.hertz() * f32::from(sample) / RATE
    }

    /// One period of the tone; put behind each other they sound without a break.
    pub(crate) fn period(self) -> Vec<i16> {
        let samples = 0..u16::try_from(PERIOD_SAMPLES).unwrap_or(0);
        samples
            .map(|sample| to_sample(AMPLITUDE * self.angle(sample).sin()))
            .collect()
    }

    /// How loud the tone is in a period of sound, 1 being as loud as it was made (Goertzel's algorithm).
    pub(crate) fn strength_in(self, sound: &[i16]) -> f32 {
        let coefficient = 2.0 * self.angle(1).cos();
        let (mut last, mut before) = (0.0_f32, 0.0_f32);
        for sample in sound {
            let present = f32::from(*sample) + coefficient * last - before;
            (last, before) = (present, last);
        }
        let power = last * last + before * before - coefficient * last * before;
        let half_period = RATE * PERIOD.as_secs_f32() / 2.0;
        let strength = power.max(0.0).sqrt() / (half_period * AMPLITUDE);
        if strength < AUDIBLE { 0.0 } else { strength }
    }
}

/// What plays before a page at some devices: a tone between those of pages.
pub(crate) fn attention(length: Duration) -> Vec<i16> {
    let samples = u16::try_from(length.as_millis() * 8).unwrap_or(u16::MAX);
    (0..samples)
        .map(|sample| to_sample(AMPLITUDE * (TAU * 3_700.0 * f32::from(sample) / RATE).sin()))
        .collect()
}

/// What one sink has taken of one page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Taken {
    /// How long the tone was there, shorter where it was quieter.
    pub(crate) length: Duration,
    /// The loudest period, 1 being as loud as it was made.
    pub(crate) peak: f32,
}

impl Taken {
    /// Counts one period.
    pub(crate) fn add(&mut self, strength: f32) {
        self.length += PERIOD.mul_f32(strength.min(1.0));
        self.peak = self.peak.max(strength);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the tones stay far below the largest sample"
)]
fn to_sample(value: f32) -> i16 {
    value as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_found_in_itself_and_in_no_other() {
        let tags: Vec<Tag> = (0..usize::from(TAGS))
            .map(Tag::of_page)
            .chain([Tag::STRANGER])
            .collect();
        for tag in &tags {
            let sound = tag.period();
            for other in &tags {
                let strength = other.strength_in(&sound);
                if tag == other {
                    assert!((0.98..1.02).contains(&strength), "{tag:?}: {strength}");
                } else {
                    assert_eq!(strength, 0.0, "{tag:?} in {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_tone_is_found_whatever_its_phase_and_however_it_is_cut() {
        let tone = Tag::of_page(5).period();
        let mut turned = tone.clone();
        turned.rotate_left(37);
        let mut cut = tone;
        cut[..80].fill(0);

        assert!((0.98..1.02).contains(&Tag::of_page(5).strength_in(&turned)));
        assert!((0.45..0.55).contains(&Tag::of_page(5).strength_in(&cut)));
        for other in (0..usize::from(TAGS)).filter(|other| *other != 5) {
            assert_eq!(Tag::of_page(other).strength_in(&cut), 0.0, "{other}");
        }
    }

    #[test]
    fn a_tone_that_goes_on_out_of_phase_is_no_other() {
        for number in 0..usize::from(TAGS) {
            let tone = Tag::of_page(number).period();
            for (shift, at) in (0..32).flat_map(|shift| (0..20).map(move |at| (shift * 5, at * 8))) {
                let mut turned = tone.clone();
                turned.rotate_left(shift);
                let sound = [&tone[..at], &turned[at..]].concat();
                for other in (0..usize::from(TAGS)).filter(|other| *other != number) {
                    let strength = Tag::of_page(other).strength_in(&sound);
                    assert_eq!(strength, 0.0, "{other} in {number}");
                }
            }
        }
    }

    #[test]
    fn the_attention_tone_is_no_page() {
        let sound = attention(PERIOD);

        assert!((0..usize::from(TAGS)).all(|page| Tag::of_page(page).strength_in(&sound) == 0.0));
        assert_eq!(Tag::STRANGER.strength_in(&sound), 0.0);
    }
}
