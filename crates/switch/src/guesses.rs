//! Wrong answers to challenges of late, and how long whoever gives them is not listened to.
//!
//! They are counted for each source and authorization id together, and for each source. A few are free; every one past them doubles the
//! wait, within which no answer for that id is looked at: it counts as a wrong one, so that nobody learns whether it was right, or whether
//! the id exists. A device that holds a binding on its flow is not kept waiting, however its neighbours behave, and neither is anybody over
//! datagrams, whose source can be forged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sip::flow::Source;

/// Wrong answers for one id from one source without a wait.
pub(crate) const FREE_TRIES: u32 = 5;
/// Wrong answers from one source, for whatever id, without a wait: the phones of a site come from one address, and may all have had
/// other passwords.
pub(crate) const FREE_TRIES_OF_SOURCE: u32 = 100;
/// The first wait; each further wrong answer doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait for one id: a phone that was set right has to come back soon.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest wait of a whole source.
const WAIT_MAX_OF_SOURCE: Duration = Duration::from_secs(5);
/// Wrong answers are forgotten after this time.
pub(crate) const MEMORY: Duration = Duration::from_secs(900);
/// What is remembered; past that the one who failed longest ago is forgotten.
pub(crate) const KEPT_MAX: usize = 4_096;
/// Octets of an id that tell it from others.
const ID_LENGTH_MAX: usize = 64;

/// Whose wrong answers they are: of a source with an id, or of a source with any.
type Key = (Source, Option<Box<str>>);

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    failures_by_key: BTreeMap<Key, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Guesses {
    /// Says whether answers of a source for an id are not to be looked at.
    pub(crate) fn keep_waiting(&self, now: Instant, source: Source, id: &str) -> bool {
        let waits = |key: &Key, free, wait_max| {
            let failures = self.failures_by_key.get(key);
            failures.is_some_and(|failures| failures.waits(now, free, wait_max))
        };
        waits(&key_of(source, id), FREE_TRIES, WAIT_MAX)
            || waits(&(source, None), FREE_TRIES_OF_SOURCE, WAIT_MAX_OF_SOURCE)
    }

    /// Notes a wrong answer that was looked at, and says whether it is the last without a wait: the one to tell somebody of.
    pub(crate) fn note_wrong(&mut self, now: Instant, source: Source, id: &str) -> bool {
        let own = self.note(now, key_of(source, id));
        let of_source = self.note(now, (source, None));
        own == FREE_TRIES || of_source == FREE_TRIES_OF_SOURCE
    }

    /// Forgets the wrong answers for an id whose password the source knows.
    pub(crate) fn forgive(&mut self, source: Source, id: &str) {
        self.failures_by_key.remove(&key_of(source, id));
    }

    fn note(&mut self, now: Instant, key: Key) -> u32 {
        if !self.failures_by_key.contains_key(&key) && self.failures_by_key.len() >= KEPT_MAX {
            let oldest = self
                .failures_by_key
                .iter()
                .min_by_key(|(_, failures)| failures.last);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.failures_by_key.remove(&oldest);
            }
        }
        let failures = self
            .failures_by_key
            .entry(key)
            .or_insert(Failures { count: 0, last: now });
        if failures.is_forgotten(now) {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        failures.count
    }
}

impl Failures {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= MEMORY
    }

    fn waits(&self, now: Instant, free: u32, wait_max: Duration) -> bool {
        if self.count < free || self.is_forgotten(now) {
            return false;
        }
        let doublings = (self.count - free).min(16);
        let wait = (FIRST_WAIT * (1 << doublings)).min(wait_max);
        now.saturating_duration_since(self.last) < wait
    }
}

fn key_of(source: Source, id: &str) -> Key {
    let mut end = id.len().min(ID_LENGTH_MAX);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    (source, Some(id.get(..end).unwrap_or_default().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u32) -> Source {
        Source::of(std::net::Ipv4Addr::from(0x0A00_0000 + number).into())
    }

    #[test]
    fn a01_wrong_answers_for_an_id_make_its_source_wait_longer_and_longer_up_to_a_limit() {
        let (mut guesses, mut now) = (Guesses::default(), Instant::now());
        for number in 1..=FREE_TRIES {
            assert!(!guesses.keep_waiting(now, source(1), "desk"));
            assert_eq!(guesses.note_wrong(now, source(1), "desk"), number == FREE_TRIES);
        }
        for wait in [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
            assert!(
                guesses.keep_waiting(now + wait - Duration::from_millis(1), source(1), "desk"),
                "{wait:?}"
            );
            now += wait;
            assert!(!guesses.keep_waiting(now, source(1), "desk"), "{wait:?}");
            assert!(!guesses.note_wrong(now, source(1), "desk"), "told once");
        }
        assert!(!guesses.keep_waiting(now, source(1), "hall"), "another id");
        assert!(!guesses.keep_waiting(now, source(2), "desk"), "another source");
        assert!(guesses.keep_waiting(now, source(1), "desk"));
        guesses.forgive(source(1), "desk");
        assert!(!guesses.keep_waiting(now, source(1), "desk"));
    }

    #[test]
    fn a01_what_is_forgotten_begins_anew() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let told = |guesses: &mut Guesses, now| {
            (0..FREE_TRIES)
                .filter(|_| guesses.note_wrong(now, source(1), "desk"))
                .count()
        };
        assert_eq!(told(&mut guesses, now), 1);
        assert_eq!(told(&mut guesses, now + MEMORY), 1);
    }

    #[test]
    fn a01_who_tries_many_ids_from_one_source_waits_for_all_of_them() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let told: Vec<u32> = (1..=FREE_TRIES_OF_SOURCE)
            .filter(|number| guesses.note_wrong(now, source(1), &number.to_string()))
            .collect();
        assert_eq!(told, [FREE_TRIES_OF_SOURCE]);
        assert!(guesses.keep_waiting(now, source(1), "desk"));
        assert!(!guesses.keep_waiting(now + FIRST_WAIT, source(1), "desk"));
    }

    #[test]
    fn a01_so_many_are_remembered_and_not_one_more() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for number in 0..u32::try_from(KEPT_MAX).unwrap() {
            guesses.note_wrong(
                now + Duration::from_micros(number.into()),
                source(number),
                &"é".repeat(100),
            );
        }
        assert_eq!(guesses.failures_by_key.len(), KEPT_MAX);
    }
}
