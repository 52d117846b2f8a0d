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
}

impl<S> Default for Throttle<S> {
    fn default() -> Self {
        Self {
            failures_by_source: BTreeMap::new(),
            of_all: Failures::default(),
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

    /// Notes a wrong try.
    pub fn note_failure(&mut self, now: Instant, from: S) {
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
        self.failures_by_source.entry(from).or_default().note(now);
        self.of_all.note(now);
    }

    /// Says whether somebody has to be told of the wrong tries of an address, or of all together: there are as many as are without a wait,
    /// and nobody was told of them. Whoever asks tells.
    pub fn begin_telling(&mut self, from: S) -> bool {
        let of_all = self.of_all.begin_telling(FREE_TRIES_OF_ALL);
        let own = self.failures_by_source.get_mut(&from.counted_as());
        own.is_some_and(|own| own.begin_telling(FREE_TRIES)) || of_all
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

    fn begin_telling(&mut self, free: u32) -> bool {
        self.count >= free && !std::mem::replace(&mut self.is_told, true)
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

    /// Notes a wrong try, and says whether somebody has to be told.
    fn is_told(throttle: &mut Throttle, now: Instant, from: IpAddr) -> bool {
        throttle.note_failure(now, from);
        throttle.begin_telling(from)
    }

    #[test]
    fn a01_w06_somebody_is_told_at_the_last_try_without_a_wait_and_then_not_again() {
        let (mut throttle, mut now) = (Throttle::<IpAddr>::default(), Instant::now());
        for _ in 0..2 {
            for _ in 1..FREE_TRIES {
                assert!(!is_told(&mut throttle, now, address(1)));
            }
            throttle.note_failure(now, address(1));
            assert!(
                is_told(&mut throttle, now, address(1)),
                "nobody was told of the one before"
            );
            for _ in 0..3 {
                assert!(!is_told(&mut throttle, now, address(1)));
            }
            now += MEMORY;
        }
        let told =
            (0..FREE_TRIES_OF_ALL + 5).map(|number| is_told(&mut throttle, now, address(100 + number)));
        let told: Vec<bool> = told.collect();
        let last = usize::try_from(FREE_TRIES_OF_ALL).unwrap() - 1;
        assert_eq!(told.iter().position(|told| *told), Some(last));
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
    }

    #[test]
    fn a01_w06_of_an_address_that_was_right_meanwhile_nobody_is_told() {
        let (mut throttle, now) = (Throttle::<IpAddr>::default(), Instant::now());
        for _ in 0..FREE_TRIES {
            throttle.note_failure(now, address(1));
        }
        throttle.note_success(address(1));

        assert!(!throttle.begin_telling(address(1)));
    }

    #[test]
    fn a01_w06_of_many_together_somebody_is_told_anew_once_right_tries_have_made_them_few() {
        let (mut throttle, now) = (Throttle::<IpAddr>::default(), Instant::now());
        for number in 0..FREE_TRIES_OF_ALL {
            throttle.note_failure(now, address(number));
        }
        assert!(throttle.begin_telling(address(0)));
        assert!(!is_told(&mut throttle, now, address(100)));
        throttle.note_success(address(100));
        assert!(
            !is_told(&mut throttle, now, address(100)),
            "they are as many as before"
        );
        throttle.note_success(address(100));

        throttle.note_success(address(1));

        assert!(is_told(&mut throttle, now, address(101)));
    }
}
