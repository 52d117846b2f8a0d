//! The time that certificates are checked at, on machines whose clock may be wrong.
//!
//! docs/decisions/clock-floor.md says what is decided here, and why.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// A clock that is so far ahead of the last time that is known to have been is told to be wrong: a device is updated, or hears the time from
/// a server, more often than that.
pub const FAR_AHEAD: Duration = Duration::from_secs(5 * 365 * 24 * 60 * 60);

/// When this program was built, in seconds since 1970.
const BUILT_AT: &str = env!("OYEZ_BUILT_AT");

/// What is to be thought of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockVerdict {
    /// Nothing speaks against it.
    Plausible,
    /// It shows a time that is over: certificates are checked at the floor.
    Behind,
    /// It may be ahead by years. Certificates are checked at what it shows all the same.
    FarAhead,
}

/// The time to check certificates at, and what is to be thought of the clock. `clock` is what it shows, `floor` a time that is over for
/// certain; both in seconds since 1970.
#[must_use]
pub fn certificate_time(clock: u64, floor: u64) -> (u64, ClockVerdict) {
    if clock < floor {
        (floor, ClockVerdict::Behind)
    } else if clock - floor > FAR_AHEAD.as_secs() {
        (clock, ClockVerdict::FarAhead)
    } else {
        (clock, ClockVerdict::Plausible)
    }
}

/// The machine's clock with a floor under it. Clones share the floor.
#[derive(Clone, Debug)]
pub struct CertificateClock {
    floor: Arc<AtomicU64>,
}

impl Default for CertificateClock {
    /// The floor is the time of the build.
    fn default() -> Self {
        Self {
            floor: Arc::new(AtomicU64::new(BUILT_AT.parse().unwrap_or(0))),
        }
    }
}

impl CertificateClock {
    /// Raises the floor to a time that is over for certain, in seconds since 1970; one that is lower changes nothing. Says whether it is higher now.
    pub fn raise(&self, time: u64) -> bool {
        self.floor.fetch_max(time, Ordering::Relaxed) < time
    }

    /// The floor, in seconds since 1970.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor.load(Ordering::Relaxed)
    }

    /// The time to check certificates at, and what is to be thought of the machine's clock.
    #[must_use]
    pub fn now(&self) -> (u64, ClockVerdict) {
        let clock = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        certificate_time(clock, self.floor())
    }
}

impl TimeProvider for CertificateClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.now().0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: u64 = 1_800_000_000;
    const DECADE: u64 = 10 * 365 * 24 * 60 * 60;

    #[test]
    fn a_clock_that_is_ten_years_behind_is_floored() {
        assert_eq!(
            certificate_time(FLOOR - DECADE, FLOOR),
            (FLOOR, ClockVerdict::Behind)
        );
        assert_eq!(certificate_time(0, FLOOR), (FLOOR, ClockVerdict::Behind));
        assert_eq!(certificate_time(FLOOR - 1, FLOOR), (FLOOR, ClockVerdict::Behind));
    }

    #[test]
    fn a_clock_that_is_ten_years_ahead_is_named_and_believed() {
        let ahead = FLOOR + DECADE;
        assert_eq!(certificate_time(ahead, FLOOR), (ahead, ClockVerdict::FarAhead));
    }

    #[test]
    fn a_clock_is_plausible_from_the_floor_to_the_limit_and_not_a_second_past_it() {
        let limit = FLOOR + FAR_AHEAD.as_secs();
        assert_eq!(certificate_time(FLOOR, FLOOR), (FLOOR, ClockVerdict::Plausible));
        assert_eq!(certificate_time(limit, FLOOR), (limit, ClockVerdict::Plausible));
        assert_eq!(
            certificate_time(limit + 1, FLOOR),
            (limit + 1, ClockVerdict::FarAhead)
        );
    }

    #[test]
    fn the_floor_is_the_time_of_the_build_and_only_rises() {
        let clock = CertificateClock::default();
        let shared = clock.clone();
        let built = clock.floor();
        assert!(built > 1_700_000_000, "{built}");
        assert!(clock.raise(built + 5));
        assert!(!clock.raise(built));
        assert!(!clock.raise(built + 5));
        assert_eq!(shared.floor(), built + 5);
    }
}
