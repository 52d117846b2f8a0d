//! How fast an account may ask. Scripts that keep the pace which the published API allows never meet a limit here: it is there so
//! that one that has lost its way leaves something of the database to the others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::AccountId;

/// How much an operation costs, by the published API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rate {
    /// One thing.
    Light,
    /// A list.
    Medium,
    /// Something that takes a while.
    Heavy,
}

const SECOND: Duration = Duration::from_secs(1);

impl Rate {
    /// Requests of an account in a second, five times what is published.
    pub(crate) const fn per_second(self) -> u32 {
        match self {
            Self::Light => 200,
            Self::Medium => 100,
            Self::Heavy => 50,
        }
    }

    /// The label as it is published.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Light => "LIGHT",
            Self::Medium => "MEDIUM",
            Self::Heavy => "HEAVY",
        }
    }
}

/// How often accounts have asked of late. Only those with a token get so far: as many as there are accounts.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    counted: BTreeMap<(AccountId, Rate), (Instant, u32)>,
}

impl Rates {
    /// Counts a request; says whether it may be answered.
    pub(crate) fn admit(&mut self, account: &AccountId, rate: Rate, now: Instant) -> bool {
        let (since, count) = self.counted.entry((account.clone(), rate)).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= SECOND {
            (*since, *count) = (now, 0);
        }
        if *count >= rate.per_second() {
            return false;
        }
        *count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_asks_so_often_in_a_second_and_takes_nothing_from_another() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        let (one, two): (AccountId, AccountId) = ("one".parse().unwrap(), "two".parse().unwrap());
        for _ in 0..Rate::Heavy.per_second() {
            assert!(rates.admit(&one, Rate::Heavy, now));
        }
        assert!(!rates.admit(&one, Rate::Heavy, now));
        assert!(rates.admit(&one, Rate::Light, now));
        assert!(rates.admit(&two, Rate::Heavy, now));
        assert!(rates.admit(&one, Rate::Heavy, now + SECOND));
    }
}
