//! How long to wait before a failed flow or registration is tried again (RFC 5626 section 4.5).

use std::time::Duration;

use rand_core::Rng;

use crate::jitter;

/// The three times of RFC 5626 section 4.5, which leaves their values to configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryTimes {
    /// Base time while no other target serves the device.
    pub base_all_failed: Duration,
    /// Base time while another target serves the device.
    pub base_some_up: Duration,
    /// Upper bound of every wait.
    pub max: Duration,
}

impl Default for RecoveryTimes {
    /// A loudspeaker must be reachable seconds after its server is: 2 s at first, 30 s while another target
    /// serves, never more than 60 s. (The RFC's own 30, 90 and 1,800 s are made for telephones.)
    fn default() -> Self {
        Self {
            base_all_failed: Duration::from_secs(2),
            base_some_up: Duration::from_secs(30),
            max: Duration::from_secs(60),
        }
    }
}

/// Counts consecutive failures and turns them into waits.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    times: RecoveryTimes,
    consecutive_failures: u32,
}

impl Recovery {
    pub(crate) fn new(times: RecoveryTimes) -> Self {
        Self {
            times,
            consecutive_failures: 0,
        }
    }

    /// Counts one more failure and draws the wait that follows it.
    //= https://www.rfc-editor.org/rfc/rfc5626#section-4.5
    //# W = min (max-time, (base-time * (2 ^ consecutive-failures)))
    //= https://www.rfc-editor.org/rfc/rfc5626#section-4.5
    //# selecting a uniform random time between 50 and 100% of the upper-bound wait time.
    pub(crate) fn failed(&mut self, rng: &mut impl Rng, others_up: bool) -> Duration {
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        let base = if others_up {
            self.times.base_some_up
        } else {
            self.times.base_all_failed
        };
        let factor = 2_u32.checked_pow(self.consecutive_failures).unwrap_or(u32::MAX);
        let upper = base
            .checked_mul(factor)
            .unwrap_or(Duration::MAX)
            .min(self.times.max);
        jitter::between(rng, upper / 2, upper)
    }

    /// Forgets the failures: the flow carried a successful registration.
    pub(crate) fn succeeded(&mut self) {
        self.consecutive_failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    const RFC_TIMES: RecoveryTimes = RecoveryTimes {
        base_all_failed: Duration::from_secs(30),
        base_some_up: Duration::from_secs(90),
        max: Duration::from_secs(1800),
    };

    #[test]
    fn waits_double_from_the_base_to_the_maximum() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut recovery = Recovery::new(RFC_TIMES);

        for upper_s in [60, 120, 240, 480, 960, 1800, 1800] {
            let wait = recovery.failed(&mut rng, false);
            let upper = Duration::from_secs(upper_s);
            assert!(
                (upper / 2..=upper).contains(&wait),
                "{wait:?} is not within half of {upper:?}"
            );
        }
    }

    #[test]
    fn the_base_is_longer_while_another_target_serves() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut recovery = Recovery::new(RFC_TIMES);

        let wait = recovery.failed(&mut rng, true);

        assert!((Duration::from_secs(90)..=Duration::from_secs(180)).contains(&wait));
    }

    #[test]
    fn success_starts_the_count_again() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut recovery = Recovery::new(RFC_TIMES);
        for _ in 0..10 {
            recovery.failed(&mut rng, false);
        }

        recovery.succeeded();

        assert!(recovery.failed(&mut rng, false) <= Duration::from_secs(60));
    }

    #[test]
    fn a_failure_count_past_the_exponent_range_stays_at_the_maximum() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut recovery = Recovery {
            times: RFC_TIMES,
            consecutive_failures: u32::MAX,
        };

        assert!(recovery.failed(&mut rng, false) >= Duration::from_secs(900));
    }
}
