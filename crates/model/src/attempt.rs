//! How a zone names its attempts at calling one device over several connections.

use std::fmt;
use std::str::FromStr;

/// The header of an INVITE that says which [`Attempt`] it is, where a device is called more than once for one leg of a call.
pub const ATTEMPT_HEADER: &str = "Oyez-Attempt";

/// One of the INVITEs that a zone sends a device for one leg of a call: `2;leg=00000000000000a1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from one. Of two that have arrived the one with the greater number is the one that stands.
    pub number: u32,
    /// A random number that all attempts for one leg have in common, and no others.
    pub leg: u64,
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{};leg={:016x}", self.number, self.leg)
    }
}

/// The text is no [`Attempt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no number of an attempt with the leg that it is for")]
pub struct AttemptError;

impl FromStr for Attempt {
    type Err = AttemptError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, leg) = text.trim().split_once(";leg=").ok_or(AttemptError)?;
        Ok(Self {
            number: number.parse().map_err(|_| AttemptError)?,
            leg: u64::from_str_radix(leg, 16).map_err(|_| AttemptError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_reads_as_it_was_written() {
        for (number, leg) in [(1, 0), (2, 0xa1), (u32::MAX, u64::MAX)] {
            let attempt = Attempt { number, leg };
            assert_eq!(attempt.to_string().parse(), Ok(attempt));
        }
        assert_eq!(
            Attempt { number: 2, leg: 161 }.to_string(),
            "2;leg=00000000000000a1"
        );
    }

    #[test]
    fn what_has_no_number_or_no_leg_is_no_attempt() {
        for text in [
            "",
            "2",
            "2;leg=",
            ";leg=1",
            "2;leg=x",
            "-1;leg=1",
            "2;leg=10000000000000000",
        ] {
            assert_eq!(text.parse::<Attempt>(), Err(AttemptError), "{text}");
        }
    }
}
