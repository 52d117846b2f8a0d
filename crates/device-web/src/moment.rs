//! A moment as people and programs read it, in UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

const DAY_S: u64 = 86_400;
/// The last second of the year 9999: a year of five digits is a date to no program that reads these.
const LAST: u64 = 253_402_300_799;

/// A moment in seconds since 1970; shown as a date and a time of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    /// As RFC 3339 writes it, which is what RFC 5424 and HTML take.
    pub(crate) fn rfc3339(self) -> String {
        let (date, time) = self.parts();
        format!("{date}T{time}Z")
    }

    fn parts(self) -> (String, String) {
        let at = self.0.min(LAST);
        let (days, seconds) = (at / DAY_S, at % DAY_S);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        (
            format!("{year:04}-{month:02}-{day:02}"),
            format!("{hour:02}:{minute:02}:{second:02}"),
        )
    }
}

impl From<SystemTime> for Moment {
    /// A time before 1970 is 1970.
    fn from(time: SystemTime) -> Self {
        let since_1970 = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self(since_1970.as_secs())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = self.parts();
        write!(formatter, "{date} {time} UTC")
    }
}

/// The Gregorian date of a day since 1970, by eras of 400 years that begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_all_kinds_have_their_date() {
        for (at, date, time) in [
            (0, "1970-01-01", "00:00:00"),
            (951_782_399, "2000-02-28", "23:59:59"),
            (951_782_400, "2000-02-29", "00:00:00"),
            (1_709_251_199, "2024-02-29", "23:59:59"),
            (4_107_542_400, "2100-03-01", "00:00:00"),
            (LAST, "9999-12-31", "23:59:59"),
            (LAST + 1, "9999-12-31", "23:59:59"),
            (u64::MAX, "9999-12-31", "23:59:59"),
        ] {
            assert_eq!(Moment(at).rfc3339(), format!("{date}T{time}Z"));
            assert_eq!(Moment(at).to_string(), format!("{date} {time} UTC"));
        }
    }

    #[test]
    fn a_time_before_1970_is_1970() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Moment::from(before), Moment(0));
        assert_eq!(
            Moment::from(SystemTime::UNIX_EPOCH + Duration::from_secs(7)),
            Moment(7)
        );
    }
}
