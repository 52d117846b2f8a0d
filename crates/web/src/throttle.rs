//! How fast wrong tries may follow each other.
//!
//! Each address has a few tries; every wrong one past them doubles the wait before the next. So do all addresses together, with
//! more tries: a code is not guessed by a thousand machines either.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Wrong tries of one address without a wait.
pub const FREE_TRIES: u32 = 5;
/// Wrong tries of all addresses together without a wait.
pub const FREE_TRIES_OF_ALL: u32 = 50;
/// The first wait; each further wrong try doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait of one address.
pub const WAIT_MAX: Duration = Duration::from_secs(300);
/// The longest wait of all together. Many addresses that go on trying keep everybody waiting so long; more would let a few do it.
const WAIT_MAX_OF_ALL: Duration = Duration::from_secs(5);
/// Wrong tries are forgotten after this time.
const MEMORY: Duration = Duration::from_secs(900);
/// How long after somebody was told of wrong tries, or nobody could be, the next may be: of a flood nobody reads each wave.
pub const TOLD_EVERY_MS: u64 = 60_000;
/// Addresses remembered; past that the one that failed longest ago is forgotten.
pub const SOURCES_MAX: usize = 1_024;

/// Where tries come from, or whom they are for.
pub trait Source: Ord + Clone {
    /// What stands for it where tries are counted.
    #[must_use]
    fn counted_as(self) -> Self {
        self
    }
}

impl Source for IpAddr {
    fn counted_as(self) -> Self {
        network(self)
    }
}

/// Wrong tries of late.
#[derive(Debug)]
pub struct Throttle<S = IpAddr> {
    failures_by_source: BTreeMap<S, Failures>,
    of_all: Failures,
    /// When somebody was told last, or could not be.
    raised_at: Option<Instant>,
}

impl<S> Default for Throttle<S> {
    fn default() -> Self {
        Self {
            failures_by_source: BTreeMap::new(),
            of_all: Failures::default(),
            raised_at: None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
    /// Somebody was told of these.
    is_told: bool,
}

impl<S: Source> Throttle<S> {
    /// Lets a try be made, or says how long to wait.
    ///
    /// # Errors
    ///
    /// The wait, when it is too early.
    pub fn admit(&mut self, now: Instant, from: S) -> Result<(), Duration> {
        let own = self
            .failures_by_source
            .get(&from.counted_as())
            .map_or(Duration::ZERO, |failures| {
                failures.wait(now, FREE_TRIES, WAIT_MAX)
            });
        let of_all = self.of_all.wait(now, FREE_TRIES_OF_ALL, WAIT_MAX_OF_ALL);
        match own.max(of_all) {
            Duration::ZERO => Ok(()),
            wait => Err(wait),
        }
    }

    /// Notes a wrong try, and says whether somebody is to be told: from the last one without a wait on, until
    /// [`Throttle::note_raised`].
    pub fn note_failure(&mut self, now: Instant, from: S) -> bool {
        self.failures_by_source
            .retain(|_, failures| !failures.is_forgotten(now));
        let from = from.counted_as();
        if !self.failures_by_source.contains_key(&from) && self.failures_by_source.len() >= SOURCES_MAX {
            let oldest = self
                .failures_by_source
                .iter()
                .min_by_key(|(_, failures)| failures.last);
            if let Some(oldest) = oldest.map(|(source, _)| source.clone()) {
                self.failures_by_source.remove(&oldest);
            }
        }
        let own = self.failures_by_source.entry(from).or_default();
        own.note(now);
        self.of_all.note(now);
        let is_told_of =
            |raised: Instant| now.saturating_duration_since(raised) < Duration::from_millis(TOLD_EVERY_MS);
        !self.raised_at.is_some_and(is_told_of)
            && (own.is_to_be_told(FREE_TRIES) || self.of_all.is_to_be_told(FREE_TRIES_OF_ALL))
    }

    /// Notes that somebody was to be told of the wrong tries of an address, and of all together. Where that is kept, nobody is told again
    /// of those that follow each other; where it is not, somebody is to be told with the next of them, after a while.
    pub fn note_raised(&mut self, now: Instant, from: S, is_kept: bool) {
        self.raised_at = Some(now);
        if !is_kept {
            return;
        }
        if let Some(own) = self.failures_by_source.get_mut(&from.counted_as()) {
            own.is_told = own.count >= FREE_TRIES;
        }
        self.of_all.is_told = self.of_all.count >= FREE_TRIES_OF_ALL;
    }

    /// Takes back a failure that was noted in advance, and forgets the earlier ones of the address.
    pub fn note_success(&mut self, from: S) {
        self.forgive(from);
        self.of_all.count = self.of_all.count.saturating_sub(1);
        self.of_all.is_told &= self.of_all.count >= FREE_TRIES_OF_ALL;
    }

    /// Forgets the wrong tries of an address that knows the password.
    pub fn forgive(&mut self, from: S) {
        self.failures_by_source.remove(&from.counted_as());
    }
}

impl Failures {
    fn note(&mut self, now: Instant) {
        if self.is_forgotten(now) {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
    }

    fn is_to_be_told(&self, free: u32) -> bool {
        self.count >= free && !self.is_told
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        self.last
            .is_none_or(|last| now.saturating_duration_since(last) >= MEMORY)
    }

    fn wait(&self, now: Instant, free: u32, wait_max: Duration) -> Duration {
        let Some(last) = self
            .last
            .filter(|_| self.count >= free && !self.is_forgotten(now))
        else {
            return Duration::ZERO;
        };
        let doublings = (self.count - free).min(16);
        let wait = (FIRST_WAIT * (1 << doublings)).min(wait_max);
        wait.saturating_sub(now.saturating_duration_since(last))
    }
}

/// Whom an address stands for: a host on IPv6 has a whole network of addresses to come from.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_few_wrong_tries_are_free_and_each_further_one_doubles_the_wait() {
        let (mut throttle, mut now) = (Throttle::default(), Instant::now());
        for _ in 0..FREE_TRIES {
            assert_eq!(throttle.admit(now, address(1)), Ok(()));
            throttle.note_failure(now, address(1));
        }

        for wait in [1, 2, 4, 8] {
            assert_eq!(throttle.admit(now, address(1)), Err(SECOND * wait));
            now += SECOND * wait;
            assert_eq!(throttle.admit(now, address(1)), Ok(()));
            throttle.note_failure(now, address(1));
        }
    }

    #[test]
    fn the_wait_has_a_limit_and_another_address_need_not_wait() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..FREE_TRIES + 20 {
            throttle.note_failure(now, address(1));
        }

        assert_eq!(throttle.admit(now, address(1)), Err(WAIT_MAX));
        assert_eq!(throttle.admit(now, address(2)), Ok(()));
    }

    #[test]
    fn w06_a_thousand_machines_together_are_slowed_down_too() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..FREE_TRIES_OF_ALL {
            assert_eq!(throttle.admit(now, address(number)), Ok(()));
            throttle.note_failure(now, address(number));
        }

        assert!(throttle.admit(now, address(9_999)).is_err());
        assert_eq!(throttle.admit(now + WAIT_MAX_OF_ALL, address(9_999)), Ok(()));
    }

    #[test]
    fn so_many_addresses_are_remembered_and_not_one_more() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..=u32::try_from(SOURCES_MAX).unwrap() {
            throttle.note_failure(now + Duration::from_millis(number.into()), address(number));
        }

        assert_eq!(throttle.failures_by_source.len(), SOURCES_MAX);
        assert!(!throttle.failures_by_source.contains_key(&address(0)));
    }

    #[test]
    fn a_success_forgives_and_so_does_time() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..FREE_TRIES {
            throttle.note_failure(now, address(1));
            throttle.note_failure(now, address(2));
        }

        throttle.note_success(address(1));

        assert_eq!(throttle.admit(now, address(1)), Ok(()));
        assert_eq!(throttle.admit(now + MEMORY, address(2)), Ok(()));
    }

    #[test]
    fn a01_w06_somebody_is_told_from_the_last_try_without_a_wait_on_until_it_was_done_and_then_not_again() {
        let (mut throttle, mut now) = (Throttle::<IpAddr>::default(), Instant::now());
        for _ in 0..2 {
            for _ in 1..FREE_TRIES {
                assert!(!throttle.note_failure(now, address(1)));
            }
            for _ in 0..3 {
                assert!(throttle.note_failure(now, address(1)), "nobody was told");
            }
            throttle.note_raised(now, address(1), true);
            for _ in 0..3 {
                assert!(!throttle.note_failure(now, address(1)));
            }
            now += MEMORY;
        }
        let told = (0..FREE_TRIES_OF_ALL + 5).map(|number| {
            let from = address(100 + number);
            let is_to_be_told = throttle.note_failure(now, from);
            if is_to_be_told {
                throttle.note_raised(now, from, true);
            }
            is_to_be_told
        });
        let told: Vec<bool> = told.collect();
        let last = usize::try_from(FREE_TRIES_OF_ALL).unwrap() - 1;
        assert_eq!(told.iter().position(|told| *told), Some(last));
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
    }

    #[test]
    fn a01_w06_of_another_address_somebody_is_told_with_its_next_try_once_a_minute_is_over() {
        let minute = Duration::from_millis(TOLD_EVERY_MS);
        for is_kept in [true, false] {
            let (mut throttle, now) = (Throttle::<IpAddr>::default(), Instant::now());
            let tried = |throttle: &mut Throttle, now, from| {
                (0..FREE_TRIES)
                    .filter(|_| throttle.note_failure(now, from))
                    .count()
            };
            assert_eq!(tried(&mut throttle, now, address(1)), 1);
            throttle.note_raised(now, address(1), is_kept);
            let late = now + minute - Duration::from_millis(1);
            assert_eq!(tried(&mut throttle, late, address(2)), 0, "of one a minute");

            assert!(throttle.note_failure(now + minute, address(2)));

            throttle.note_raised(now + minute, address(2), true);
            let after = now + minute * 2;
            assert!(!throttle.note_failure(after, address(2)));
            assert_eq!(throttle.note_failure(after, address(1)), !is_kept);
        }
    }

    #[test]
    fn a01_w06_of_many_together_somebody_is_told_anew_once_right_tries_have_made_them_few() {
        let (mut throttle, mut now) = (Throttle::<IpAddr>::default(), Instant::now());
        for number in 0..FREE_TRIES_OF_ALL {
            throttle.note_failure(now, address(number));
        }
        throttle.note_raised(now, address(0), true);
        now += Duration::from_millis(TOLD_EVERY_MS);
        assert!(!throttle.note_failure(now, address(100)));
        throttle.note_success(address(100));
        assert!(
            !throttle.note_failure(now, address(100)),
            "they are as many as before"
        );
        throttle.note_success(address(100));

        throttle.note_success(address(1));

        assert!(throttle.note_failure(now, address(101)));
    }
}
