//! Random durations, so that many devices do not act in step.

use std::time::Duration;

use rand_core::Rng;

/// Draws a duration uniformly from `low..=high`, to the microsecond.
///
/// A `high` below `low` gives `low`.
pub(crate) fn between(rng: &mut impl Rng, low: Duration, high: Duration) -> Duration {
    let Some(span) = high.checked_sub(low) else {
        return low;
    };
    let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX - 1);
    low + Duration::from_micros(rng.next_u64() % (span_us + 1))
}

/// Draws a duration between 80 % and 100 % of `interval` (RFC 5626 section 4.4).
pub(crate) fn four_fifths_to_all(rng: &mut impl Rng, interval: Duration) -> Duration {
    between(rng, interval * 4 / 5, interval)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn draws_stay_inside_their_bounds_and_differ() {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let (low, high) = (Duration::from_millis(80), Duration::from_millis(100));

        let drawn: Vec<_> = (0..200).map(|_| between(&mut rng, low, high)).collect();

        assert!(drawn.iter().all(|value| (low..=high).contains(value)));
        assert!(drawn.iter().any(|value| value != &drawn[0]));
    }

    #[test]
    fn an_empty_range_gives_its_lower_end() {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let low = Duration::from_secs(2);

        assert_eq!(between(&mut rng, low, low), low);
        assert_eq!(between(&mut rng, low, Duration::ZERO), low);
    }
}
