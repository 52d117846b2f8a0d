//! The clock as the store has it.

use std::time::{Duration, SystemTime};

use model::inventory::Timestamp;

/// A time of the system's clock as it is stored; before 1970 it is 1970.
#[must_use]
pub fn timestamp(time: SystemTime) -> Timestamp {
    let since_1970 = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}
