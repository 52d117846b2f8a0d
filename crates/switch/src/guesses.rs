//! Wrong answers to challenges of late, and how long whoever gives them is not listened to.
//!
//! They are counted for each source and authorization id together, and for each source. A few are free; every one past them doubles the
//! wait, within which no answer for that id is looked at: it counts as a wrong one, so that nobody learns whether it was right, or whether
//! the id exists. A device that holds a binding on its flow is not kept waiting, however its neighbours behave, and neither is anybody over
//! datagrams: their source can be forged, so they are counted apart, for the alarm alone. Who has answered rightly for an id from a source
//! lately waits for wrong answers for that id alone, so that the phones behind one address come back whatever one of them tries; once more
//! than the free ones are wrong for that id, it waits like everybody there. What is looked at although its source waits counts for its id,
//! and prolongs the wait of the source for nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::status::{WRONG_ANSWERS_KEPT_MS, WRONG_ANSWERS_WAIT_MAX_MS};
use sip::flow::{Source, Transport};

/// Wrong answers for one id from one source without a wait.
pub(crate) const FREE_TRIES: u32 = 5;
/// Wrong answers from one source, for whatever id, without a wait: the phones of a site come from one address, and may all have had
/// other passwords.
pub(crate) const FREE_TRIES_OF_SOURCE: u32 = 100;
/// The first wait; each further wrong answer doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait for one id: a phone that was set right has to come back soon.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(WRONG_ANSWERS_WAIT_MAX_MS);
/// The longest wait of a whole source.
const WAIT_MAX_OF_SOURCE: Duration = Duration::from_secs(5);
/// Wrong answers are forgotten after this time.
pub(crate) const MEMORY: Duration = Duration::from_millis(WRONG_ANSWERS_KEPT_MS);
/// What is remembered of streams, and as much of datagrams; past that those that failed longest ago are
/// forgotten, half of them at once.
pub(crate) const KEPT_MAX: usize = 4_096;
/// Right answers are remembered for this time: a phone that was without power for a night is still known.
pub(crate) const KNOWN_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Sources and ids that are remembered for right answers: more than the extensions of a large site, some of them at two addresses. Past
/// that those that answered longest ago are forgotten, half of them at once.
pub(crate) const KNOWN_MAX: usize = 32_768;
/// Octets of an id that tell it from others.
const ID_LENGTH_MAX: usize = 64;

/// Whose answers they are: of a source with an id, or of a source with any.
type Key = (Source, Option<Box<str>>);

/// What is remembered of everybody.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    over_streams: Table,
    over_datagrams: Table,
    /// Right answers over streams.
    right: Table,
}

#[derive(Debug, Default)]
struct Table {
    answers_by_key: BTreeMap<Key, Answers>,
}

#[derive(Clone, Copy, Debug)]
struct Answers {
    count: u32,
    last: Instant,
}

impl Guesses {
    /// Says whether answers of a source for an id are not to be looked at.
    pub(crate) fn keep_waiting(&self, now: Instant, by: Transport, source: Source, id: &str) -> bool {
        let waits = |key: &Key, free, wait_max| {
            let wrong = self.over_streams.answers_by_key.get(key);
            wrong.is_some_and(|wrong| wrong.waits(now, free, wait_max))
        };
        let own = key_of(source, id);
        let is_let_by = || {
            let wrong = self.over_streams.answers_by_key.get(&own);
            self.is_known(now, &own) && wrong.is_none_or(|wrong| wrong.is_free(now, FREE_TRIES))
        };
        by.is_reliable()
            && (waits(&own, FREE_TRIES, WAIT_MAX)
                || (waits(&(source, None), FREE_TRIES_OF_SOURCE, WAIT_MAX_OF_SOURCE) && !is_let_by()))
    }

    /// Says whether a source has answered rightly for an id lately.
    fn is_known(&self, now: Instant, own: &Key) -> bool {
        let right = self.right.answers_by_key.get(own);
        right.is_some_and(|right| now.saturating_duration_since(right.last) < KNOWN_FOR)
    }

    /// Notes a wrong answer that was looked at, and says whether it is the last without a wait: the one to tell somebody of.
    pub(crate) fn note_wrong(&mut self, now: Instant, by: Transport, source: Source, id: &str) -> bool {
        let table = self.table(by);
        let own = table.note(now, key_of(source, id), KEPT_MAX);
        let all = (source, None);
        let before = table.answers_by_key.get(&all);
        let is_waiting =
            before.is_some_and(|wrong| wrong.waits(now, FREE_TRIES_OF_SOURCE, WAIT_MAX_OF_SOURCE));
        let is_last_of_source = !is_waiting && table.note(now, all, KEPT_MAX) == FREE_TRIES_OF_SOURCE;
        own == FREE_TRIES || is_last_of_source
    }

    /// Notes a right answer: the wrong ones for an id whose password the source knows are forgotten.
    pub(crate) fn note_right(&mut self, now: Instant, by: Transport, source: Source, id: &str) {
        let own = key_of(source, id);
        self.table(by).answers_by_key.remove(&own);
        if by.is_reliable() {
            self.right.note(now, own, KNOWN_MAX);
        }
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
    fn note(&mut self, now: Instant, key: Key, kept_max: usize) -> u32 {
        if !self.answers_by_key.contains_key(&key) && self.answers_by_key.len() >= kept_max {
            self.forget_half();
        }
        let answers = self
            .answers_by_key
            .entry(key)
            .or_insert(Answers { count: 0, last: now });
        if answers.is_forgotten(now) {
            answers.count = 0;
        }
        answers.count = answers.count.saturating_add(1);
        answers.last = now;
        answers.count
    }

    /// Makes room for many, so that a flood of new keys does not have the table looked through for each.
    fn forget_half(&mut self) {
        let mut lasts: Vec<Instant> = self.answers_by_key.values().map(|one| one.last).collect();
        lasts.sort_unstable();
        let half = lasts.len() / 2;
        if let Some(newest_forgotten) = half.checked_sub(1).and_then(|place| lasts.get(place).copied()) {
            self.answers_by_key
                .retain(|_, answers| answers.last > newest_forgotten);
        }
    }
}

impl Answers {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= MEMORY
    }

    fn is_free(&self, now: Instant, free: u32) -> bool {
        self.count < free || self.is_forgotten(now)
    }

    fn waits(&self, now: Instant, free: u32, wait_max: Duration) -> bool {
        if self.is_free(now, free) {
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
        guesses.note_right(now, TLS, source(1), "desk");
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
    fn a01_who_answered_rightly_lately_waits_for_wrong_answers_for_its_own_id_alone() {
        let (mut guesses, start) = (Guesses::default(), Instant::now());
        guesses.note_right(start, TLS, source(1), "desk");
        for (later, is_known) in [(KNOWN_FOR - Duration::from_millis(1), true), (KNOWN_FOR, false)] {
            let now = start + later;
            for number in 0..FREE_TRIES_OF_SOURCE {
                guesses.note_wrong(now, TLS, source(1), &number.to_string());
                guesses.note_wrong(now, TLS, source(2), &number.to_string());
            }
            assert_eq!(guesses.keep_waiting(now, TLS, source(1), "desk"), !is_known);
            assert!(guesses.keep_waiting(now, TLS, source(1), "hall"), "another id");
            assert!(
                guesses.keep_waiting(now, TLS, source(2), "desk"),
                "another source"
            );
        }
        guesses.note_right(start + KNOWN_FOR, TLS, source(1), "desk");
        for number in 1..=FREE_TRIES {
            assert!(
                !guesses.keep_waiting(start + KNOWN_FOR, TLS, source(1), "desk"),
                "{number}"
            );
            guesses.note_wrong(start + KNOWN_FOR, TLS, source(1), "desk");
        }
        assert!(guesses.keep_waiting(start + KNOWN_FOR, TLS, source(1), "desk"));
    }

    /// A phone that was registered, at an address where somebody has guessed so much that all wait.
    fn known_among_guesses(now: Instant) -> Guesses {
        let mut guesses = Guesses::default();
        guesses.note_right(now, TLS, source(1), "desk");
        for number in 0..FREE_TRIES_OF_SOURCE {
            guesses.note_wrong(now, TLS, source(1), &number.to_string());
        }
        guesses
    }

    #[test]
    fn a01_what_a_known_id_is_let_try_while_its_source_waits_prolongs_that_wait_for_nobody() {
        let now = Instant::now();
        let mut guesses = known_among_guesses(now);
        let almost = now + FIRST_WAIT - Duration::from_millis(1);
        for _ in 1..FREE_TRIES {
            assert!(!guesses.keep_waiting(almost, TLS, source(1), "desk"));
            assert!(!guesses.note_wrong(almost, TLS, source(1), "desk"));
        }
        assert!(guesses.keep_waiting(almost, TLS, source(1), "new"));
        assert!(!guesses.keep_waiting(now + FIRST_WAIT, TLS, source(1), "new"));
    }

    #[test]
    fn a01_a_known_id_with_more_wrong_answers_than_are_free_waits_with_its_source_as_well() {
        let start = Instant::now();
        let mut guesses = known_among_guesses(start);
        for _ in 0..FREE_TRIES {
            guesses.note_wrong(start, TLS, source(1), "desk");
        }
        // The source waits for 2 s from then on, and the id alone for 1 s from the start.
        let now = start + FIRST_WAIT;
        guesses.note_wrong(now, TLS, source(1), "hall");
        assert!(guesses.keep_waiting(now, TLS, source(1), "desk"));
        guesses.note_right(now, TLS, source(1), "desk");
        assert!(!guesses.keep_waiting(now, TLS, source(1), "desk"));
    }

    #[test]
    fn a01_so_many_are_known_and_with_one_more_the_later_half() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let at = |number: u32| now + Duration::from_micros(number.into());
        let most = u32::try_from(KNOWN_MAX).unwrap();
        for number in 0..most {
            guesses.note_right(at(number), TLS, source(1), &number.to_string());
        }
        assert!(guesses.is_known(at(most), &key_of(source(1), "0")));
        guesses.note_right(at(most), TLS, source(1), "desk");
        assert_eq!(guesses.right.answers_by_key.len(), KNOWN_MAX / 2 + 1);
        for (id, is_known) in [(0, false), (most / 2 - 1, false), (most / 2, true)] {
            let own = key_of(source(1), &id.to_string());
            assert_eq!(guesses.is_known(at(most), &own), is_known, "{id}");
        }
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
        assert_eq!(guesses.over_streams.answers_by_key.len(), KEPT_MAX);
        guesses.note_wrong(at(most), TLS, source(most), "desk");
        let kept = &guesses.over_streams.answers_by_key;
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
        guesses.note_right(now, Transport::Udp, source(1), "desk");
        assert_eq!(
            guesses.over_streams.answers_by_key.len(),
            2,
            "what is forged forgives nothing"
        );
        assert!(guesses.right.answers_by_key.is_empty());
    }
}
