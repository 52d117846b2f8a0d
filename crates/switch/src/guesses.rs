//! Wrong answers to challenges of late, and how long whoever gives them is not listened to.
//!
//! They are counted for each source and authorization id together, and for each source. A few are free; every one past them doubles the
//! wait, within which no answer for that id is looked at: it counts as a wrong one, so that nobody learns whether it was right, or whether
//! the id exists. A device that holds a binding on its flow is not kept waiting, however its neighbours behave, and neither is anybody over
//! datagrams: their source can be forged, so they are counted apart, for the alarm alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sip::flow::{Source, Transport};

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
/// What is remembered of streams, and as much of datagrams; past that those that failed longest ago are
/// forgotten, half of them at once.
pub(crate) const KEPT_MAX: usize = 4_096;
/// Octets of an id that tell it from others.
const ID_LENGTH_MAX: usize = 64;

/// Whose wrong answers they are: of a source with an id, or of a source with any.
type Key = (Source, Option<Box<str>>);

/// What is remembered of everybody.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    over_streams: Table,
    over_datagrams: Table,
}

#[derive(Debug, Default)]
struct Table {
    failures_by_key: BTreeMap<Key, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Guesses {
    /// Says whether answers of a source for an id are not to be looked at.
    pub(crate) fn keep_waiting(&self, now: Instant, by: Transport, source: Source, id: &str) -> bool {
        let waits = |key: &Key, free, wait_max| {
            let failures = self.over_streams.failures_by_key.get(key);
            failures.is_some_and(|failures| failures.waits(now, free, wait_max))
        };
        by.is_reliable()
            && (waits(&key_of(source, id), FREE_TRIES, WAIT_MAX)
                || waits(&(source, None), FREE_TRIES_OF_SOURCE, WAIT_MAX_OF_SOURCE))
    }

    /// Notes a wrong answer that was looked at, and says whether it is the last without a wait: the one to tell somebody of.
    pub(crate) fn note_wrong(&mut self, now: Instant, by: Transport, source: Source, id: &str) -> bool {
        let table = self.table(by);
        let own = table.note(now, key_of(source, id));
        let of_source = table.note(now, (source, None));
        own == FREE_TRIES || of_source == FREE_TRIES_OF_SOURCE
    }

    /// Forgets the wrong answers for an id whose password the source knows.
    pub(crate) fn forgive(&mut self, by: Transport, source: Source, id: &str) {
        self.table(by).failures_by_key.remove(&key_of(source, id));
    }

    fn table(&mut self, by: Transport) -> &mut Table {
        if by.is_reliable() {
            &mut self.over_streams
        } else {
            &mut self.over_datagrams
        }
    }
}

impl Table {
    fn note(&mut self, now: Instant, key: Key) -> u32 {
        if !self.failures_by_key.contains_key(&key) && self.failures_by_key.len() >= KEPT_MAX {
            self.forget_half();
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

    /// Makes room for many, so that a flood of new keys does not have the table looked through for each.
    fn forget_half(&mut self) {
        let mut lasts: Vec<Instant> = self.failures_by_key.values().map(|one| one.last).collect();
        lasts.sort_unstable();
        let half = lasts.len() / 2;
        if let Some(newest_forgotten) = half.checked_sub(1).and_then(|place| lasts.get(place).copied()) {
            self.failures_by_key
                .retain(|_, failures| failures.last > newest_forgotten);
        }
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

    const TLS: Transport = Transport::Tls;

    fn source(number: u32) -> Source {
        Source::of(std::net::Ipv4Addr::from(0x0A00_0000 + number).into())
    }

    #[test]
    fn a01_wrong_answers_for_an_id_make_its_source_wait_longer_and_longer_up_to_a_limit() {
        let (mut guesses, mut now) = (Guesses::default(), Instant::now());
        for number in 1..=FREE_TRIES {
            assert!(!guesses.keep_waiting(now, TLS, source(1), "desk"));
            assert_eq!(
                guesses.note_wrong(now, TLS, source(1), "desk"),
                number == FREE_TRIES
            );
        }
        for wait in [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
            assert!(
                guesses.keep_waiting(now + wait - Duration::from_millis(1), TLS, source(1), "desk"),
                "{wait:?}"
            );
            now += wait;
            assert!(!guesses.keep_waiting(now, TLS, source(1), "desk"), "{wait:?}");
            assert!(!guesses.note_wrong(now, TLS, source(1), "desk"), "told once");
        }
        assert!(!guesses.keep_waiting(now, TLS, source(1), "hall"), "another id");
        assert!(
            !guesses.keep_waiting(now, TLS, source(2), "desk"),
            "another source"
        );
        assert!(guesses.keep_waiting(now, TLS, source(1), "desk"));
        guesses.forgive(TLS, source(1), "desk");
        assert!(!guesses.keep_waiting(now, TLS, source(1), "desk"));
    }

    #[test]
    fn a01_what_is_forgotten_begins_anew() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let told = |guesses: &mut Guesses, now| {
            (0..FREE_TRIES)
                .filter(|_| guesses.note_wrong(now, TLS, source(1), "desk"))
                .count()
        };
        assert_eq!(told(&mut guesses, now), 1);
        assert_eq!(told(&mut guesses, now + MEMORY), 1);
    }

    #[test]
    fn a01_who_tries_many_ids_from_one_source_waits_for_all_of_them() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let told: Vec<u32> = (1..=FREE_TRIES_OF_SOURCE)
            .filter(|number| guesses.note_wrong(now, TLS, source(1), &number.to_string()))
            .collect();
        assert_eq!(told, [FREE_TRIES_OF_SOURCE]);
        assert!(guesses.keep_waiting(now, TLS, source(1), "desk"));
        assert!(!guesses.keep_waiting(now + FIRST_WAIT, TLS, source(1), "desk"));
    }

    #[test]
    fn a01_so_many_are_remembered_and_with_one_more_the_later_half() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let at = |number: u32| now + Duration::from_micros(number.into());
        // Each makes two entries: one for its id, one for its source.
        let most = u32::try_from(KEPT_MAX / 2).unwrap();
        for number in 0..most {
            guesses.note_wrong(at(number), TLS, source(number), &"é".repeat(100));
        }
        assert_eq!(guesses.over_streams.failures_by_key.len(), KEPT_MAX);
        guesses.note_wrong(at(most), TLS, source(most), "desk");
        let kept = &guesses.over_streams.failures_by_key;
        assert_eq!(kept.len(), KEPT_MAX / 2 + 2);
        for (number, is_kept) in [(0, false), (most / 2 - 1, false), (most / 2, true), (most, true)] {
            assert_eq!(kept.contains_key(&(source(number), None)), is_kept, "{number}");
        }
    }

    #[test]
    fn a01_what_comes_in_datagrams_is_told_of_and_keeps_nobody_waiting() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let told = (0..2 * FREE_TRIES_OF_SOURCE)
            .filter(|_| guesses.note_wrong(now, Transport::Udp, source(1), "desk"))
            .count();
        assert_eq!(told, 2, "for the id, and for the source");
        assert!(!guesses.keep_waiting(now, Transport::Udp, source(1), "desk"));
        assert!(!guesses.keep_waiting(now, TLS, source(1), "desk"));
        guesses.note_wrong(now, TLS, source(1), "desk");
        guesses.forgive(Transport::Udp, source(1), "desk");
        assert_eq!(
            guesses.over_streams.failures_by_key.len(),
            2,
            "what is forged forgives nothing"
        );
    }
}
