//! Differences of instants in the units of statuses.

use std::time::{Duration, Instant};

/// Milliseconds from `earlier` to `later`; 0 if they are the other way round.
pub(crate) fn millis_since(earlier: Instant, later: Instant) -> u64 {
    millis(later.saturating_duration_since(earlier))
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
