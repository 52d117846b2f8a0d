//! The attempts of a zone at this device: what one has done, another for the same leg of a call does not do again.
//!
//! A zone that hears nothing over one connection calls over the next one as well, and the first INVITE may arrive at last when
//! the call is over: what it asked for has been done, heard, and perhaps cancelled since.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use model::Attempt;

/// How many legs are kept in mind: more than are called in the time that each is kept.
const LEGS_REMEMBERED_MAX: usize = 64;
/// How long: until the zone has given up an INVITE that nobody answers (64 T1, RFC 3261 section 17.1.1.2).
const LEG_MEMORY: Duration = Duration::from_secs(32);

/// The legs that the device was called for a short time ago.
#[derive(Debug, Default)]
pub(crate) struct RecentLegs {
    /// The one that was called last is the last.
    legs: VecDeque<RecentLeg>,
}

#[derive(Debug)]
struct RecentLeg {
    leg: u64,
    /// The greatest number of an attempt that has come.
    number: u32,
    called_at: Instant,
    /// What the call asks for by its coming has been done.
    is_done: bool,
}

impl RecentLegs {
    /// Takes an attempt; says whether it is overtaken, as a later one for the same leg has come before it.
    pub(crate) fn take(&mut self, now: Instant, attempt: Attempt) -> bool {
        self.legs
            .retain(|known| now.saturating_duration_since(known.called_at) < LEG_MEMORY);
        let place = self.legs.iter().position(|known| known.leg == attempt.leg);
        let known = place.and_then(|place| self.legs.remove(place));
        if self.legs.len() >= LEGS_REMEMBERED_MAX {
            self.legs.pop_front();
        }
        let latest = known.as_ref().map_or(0, |known| known.number);
        self.legs.push_back(RecentLeg {
            leg: attempt.leg,
            number: latest.max(attempt.number),
            called_at: now,
            is_done: known.is_some_and(|known| known.is_done),
        });
        attempt.number < latest
    }

    /// Says whether what a call asks for by its coming has been done for another attempt.
    pub(crate) fn is_done(&self, attempt: Option<Attempt>) -> bool {
        attempt.is_some_and(|attempt| {
            let known = self.legs.iter().find(|known| known.leg == attempt.leg);
            known.is_some_and(|known| known.is_done)
        })
    }

    /// What a call asks for by its coming has been done.
    pub(crate) fn set_done(&mut self, attempt: Option<Attempt>) {
        if let Some(attempt) = attempt
            && let Some(known) = self.legs.iter_mut().find(|known| known.leg == attempt.leg)
        {
            known.is_done = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32, leg: usize) -> Attempt {
        let leg = u64::try_from(leg).expect("a small number");
        Attempt { number, leg }
    }

    #[test]
    fn an_attempt_is_overtaken_by_a_later_one_for_the_same_leg_only() {
        let (now, mut legs) = (Instant::now(), RecentLegs::default());
        assert!(!legs.take(now, attempt(2, 7)));
        legs.set_done(Some(attempt(2, 7)));

        assert!(legs.take(now, attempt(1, 7)));
        assert!(!legs.take(now, attempt(2, 7)));
        assert!(!legs.take(now, attempt(3, 7)));
        assert!(!legs.take(now, attempt(1, 8)));

        assert!(legs.is_done(Some(attempt(3, 7))));
        assert!(!legs.is_done(Some(attempt(1, 8))));
    }

    #[test]
    fn a_leg_is_remembered_until_its_time_is_over() {
        let (now, mut legs) = (Instant::now(), RecentLegs::default());
        for leg in [1, 2] {
            legs.take(now, attempt(2, leg));
        }

        let just = now + LEG_MEMORY - Duration::from_millis(1);
        assert!(legs.take(just, attempt(1, 1)));
        assert!(!legs.take(now + LEG_MEMORY, attempt(1, 2)));
    }

    #[test]
    fn as_many_legs_as_may_be_are_remembered_and_not_one_more() {
        let (now, mut legs) = (Instant::now(), RecentLegs::default());
        for leg in 0..LEGS_REMEMBERED_MAX {
            legs.take(now, attempt(2, leg));
        }
        assert!(
            legs.take(now, attempt(1, 0)),
            "and it is the youngest from here on"
        );

        legs.take(now, attempt(2, LEGS_REMEMBERED_MAX));

        assert_eq!(legs.legs.len(), LEGS_REMEMBERED_MAX);
        assert!(legs.take(now, attempt(1, 0)));
        assert!(!legs.take(now, attempt(1, 1)), "the oldest is forgotten");
    }
}
