//! Sample rates, and the few conversions between number types that sound needs.
//!
//! Each conversion says what happens outside its range, so that the arithmetic around it needs no casts.

use std::time::Duration;

/// A sampling rate the media path works at; every pair of them has an integer ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SampleRate {
    /// 8,000 samples a second: the telephone band.
    Hz8000,
    /// 16,000 samples a second: the wide band.
    Hz16000,
    /// 48,000 samples a second: what Opus and sound devices use.
    Hz48000,
}

impl SampleRate {
    /// The rate in samples a second.
    pub const fn hertz(self) -> u32 {
        match self {
            SampleRate::Hz8000 => 8_000,
            SampleRate::Hz16000 => 16_000,
            SampleRate::Hz48000 => 48_000,
        }
    }

    /// The rate with this many samples a second, if it is one the media path knows.
    pub const fn from_hertz(hertz: u32) -> Option<SampleRate> {
        match hertz {
            8_000 => Some(SampleRate::Hz8000),
            16_000 => Some(SampleRate::Hz16000),
            48_000 => Some(SampleRate::Hz48000),
            _ => None,
        }
    }

    /// How many ticks of the 48 kHz media clock one sample lasts.
    pub const fn ticks_per_sample(self) -> u32 {
        MEDIA_CLOCK_HZ / self.hertz()
    }

    /// The number of whole samples that fit into `duration`, at most `usize::MAX`.
    pub fn samples_in(self, duration: Duration) -> usize {
        let samples = duration.as_nanos() * u128::from(self.hertz()) / 1_000_000_000;
        usize::try_from(samples).unwrap_or(usize::MAX)
    }

    /// How long `samples` samples last.
    pub fn duration_of(self, samples: u64) -> Duration {
        ticks_to_duration(samples.saturating_mul(u64::from(self.ticks_per_sample())))
    }
}

/// The clock in which positions in a stream are counted: the lowest multiple of all codecs' clock rates.
pub(crate) const MEDIA_CLOCK_HZ: u32 = 48_000;

/// The time that `ticks` of the media clock last.
pub(crate) fn ticks_to_duration(ticks: u64) -> Duration {
    let rate = u64::from(MEDIA_CLOCK_HZ);
    let nanos = (ticks % rate) * 1_000_000_000 / rate;
    Duration::from_secs(ticks / rate) + Duration::from_nanos(nanos)
}

/// The ticks of the media clock in `duration`, rounded down, at most `i64::MAX`.
pub(crate) fn duration_to_ticks(duration: Duration) -> i64 {
    let ticks = duration.as_nanos() * u128::from(MEDIA_CLOCK_HZ) / 1_000_000_000;
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

/// `count` as a signed number of ticks, at most `i64::MAX`.
pub(crate) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `count` without its sign: a negative number becomes zero.
pub(crate) fn unsigned(count: i64) -> usize {
    usize::try_from(count.max(0)).unwrap_or(usize::MAX)
}

/// `count` as a 64-bit number.
pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The nearest 16-bit sample; what is out of range is clipped, and not-a-number is silence.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates, and clipping is what is wanted"
)]
pub(crate) fn to_sample(value: f32) -> i16 {
    value.round() as i16
}

/// The nearest 16-bit sample of a sum; what is out of range is clipped.
pub(crate) fn clip(sum: i32) -> i16 {
    let clipped = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
    i16::try_from(clipped).unwrap_or(i16::MAX)
}

/// A count as a number to calculate with; counts here are far below the 2^24 a float holds exactly.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of samples in a frame are far below 2^24"
)]
pub(crate) fn to_float(count: usize) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_counts_the_samples_of_a_duration() {
        assert_eq!(SampleRate::Hz8000.samples_in(Duration::from_millis(20)), 160);
        assert_eq!(SampleRate::Hz48000.samples_in(Duration::from_millis(20)), 960);
        assert_eq!(
            SampleRate::Hz16000.duration_of(24_000),
            Duration::from_millis(1_500)
        );
    }

    #[test]
    fn ticks_and_durations_agree() {
        assert_eq!(duration_to_ticks(Duration::from_millis(20)), 960);
        assert_eq!(ticks_to_duration(48_001), Duration::from_nanos(1_000_020_833));
        assert_eq!(duration_to_ticks(Duration::MAX), i64::MAX);
    }

    #[test]
    fn conversions_clip_instead_of_wrapping() {
        assert_eq!(clip(40_000), i16::MAX);
        assert_eq!(clip(-40_000), i16::MIN);
        assert_eq!(to_sample(1e9), i16::MAX);
        assert_eq!(to_sample(f32::NAN), 0);
        assert_eq!(to_sample(-0.6), -1);
        assert_eq!(unsigned(-5), 0);
    }
}
