//! Which tries of those who have proved nothing are written down.
//!
//! Whoever proves nothing is answered, and an administrator wants to read why a device got nothing. But anybody can ask for any
//! device, and what is written goes to the disk. So tries that are alike are one entry with a count, of each address so many, and
//! of all together so many; the count goes to the disk whenever it has doubled; and what comes while the disk is busy is written
//! in one go. Nobody who asks waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::inventory::{Attempt, AttemptOutcome, MacAddress};
use web::network;

use super::review::Mismatch;

/// After this time a try like an earlier one is an entry of its own again.
const WHILE: Duration = Duration::from_secs(60);
/// Entries of one address, on IPv6 of one network: as many devices as hang on one site's.
const ENTRIES_PER_SOURCE_MAX: usize = 200;
/// Entries of all addresses together.
const ENTRIES_MAX: usize = 2_000;

/// What makes tries alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    source: IpAddr,
    mac: Option<MacAddress>,
    outcome: AttemptOutcome,
}

/// What was tried of late.
#[derive(Debug, Default)]
pub(super) struct Book {
    since: Option<Instant>,
    entries: BTreeMap<Key, Entry>,
    entries_by_source: BTreeMap<IpAddr, usize>,
    /// What has to be written.
    due: BTreeSet<Key>,
    is_being_written: bool,
}

#[derive(Debug)]
struct Entry {
    attempt: Attempt,
    /// What the first of these tries puts under suspicion.
    mismatch: Option<Mismatch>,
    /// Its number in the store, once it is there.
    row: Option<i64>,
}

/// An entry as it has to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) key: Key,
    pub(super) attempt: Attempt,
    pub(super) mismatch: Option<Mismatch>,
    /// Its number in the store, if it is there.
    pub(super) row: Option<i64>,
}

impl Book {
    /// Notes a try, with what it puts under suspicion, and says whether somebody has to begin to write.
    pub(super) fn note(
        &mut self,
        now: Instant,
        from: IpAddr,
        attempt: Attempt,
        mismatch: Option<Mismatch>,
    ) -> bool {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= WHILE;
        if self.since.is_none_or(is_over) {
            self.begin_anew(now);
        }
        let key = Key {
            source: network(from),
            mac: attempt.mac,
            outcome: attempt.outcome,
        };
        if let Some(entry) = self.entries.get_mut(&key) {
            let times = entry.attempt.times.saturating_add(1);
            entry.attempt = Attempt { times, ..attempt };
            if !times.is_power_of_two() {
                return false;
            }
        } else {
            let of_source = self
                .entries_by_source
                .get(&key.source)
                .copied()
                .unwrap_or_default();
            if self.entries.len() >= ENTRIES_MAX || of_source >= ENTRIES_PER_SOURCE_MAX {
                return false;
            }
            self.entries_by_source.insert(key.source, of_source + 1);
            let entry = Entry {
                attempt,
                mismatch,
                row: None,
            };
            self.entries.insert(key.clone(), entry);
        }
        self.due.insert(key);
        !std::mem::replace(&mut self.is_being_written, true)
    }

    /// Everything that has to be written; whoever gets nothing has written all.
    pub(super) fn take_due(&mut self) -> Vec<Due> {
        let due = std::mem::take(&mut self.due);
        self.is_being_written = !due.is_empty();
        let entry = |key: Key| {
            let entry = self.entries.get(&key)?;
            Some(Due {
                attempt: entry.attempt.clone(),
                mismatch: entry.mismatch,
                row: entry.row,
                key,
            })
        };
        due.into_iter().filter_map(entry).collect()
    }

    /// Notes the number that an entry got in the store.
    pub(super) fn note_row(&mut self, key: &Key, row: i64) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.row = Some(row);
        }
    }

    /// Forgets everything but what is still to be written.
    fn begin_anew(&mut self, now: Instant) {
        self.since = Some(now);
        let due = &self.due;
        self.entries.retain(|key, _| due.contains(key));
        self.entries_by_source.clear();
        for key in self.entries.keys() {
            *self.entries_by_source.entry(key.source).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::Timestamp;

    use super::*;

    fn mac(number: usize) -> MacAddress {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        MacAddress::new([2, 0, 0, 0, high, low])
    }

    fn source(number: usize) -> IpAddr {
        IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()])
    }

    fn attempt(number: usize) -> Attempt {
        Attempt {
            at: Timestamp(0),
            mac: Some(mac(number)),
            source: String::new(),
            file: String::new(),
            outcome: AttemptOutcome::NoCertificate,
            proved: false,
            times: 1,
            detail: String::new(),
        }
    }

    fn written(book: &mut Book) -> Vec<(Option<i64>, u32)> {
        let due = book.take_due();
        due.into_iter().map(|due| (due.row, due.attempt.times)).collect()
    }

    #[test]
    fn tries_that_are_alike_are_one_entry_whose_count_is_written_whenever_it_has_doubled() {
        let (mut book, now) = (Book::default(), Instant::now());
        assert!(book.note(now, source(1), attempt(1), None));
        assert!(
            !book.note(now, source(1), attempt(1), None),
            "somebody writes already"
        );
        let due = book.take_due();
        assert_eq!(due[0].attempt.times, 2);
        book.note_row(&due[0].key, 7);
        assert_eq!(written(&mut book), []);
        let begun: Vec<bool> = (3..=8)
            .map(|_| book.note(now, source(1), attempt(1), None))
            .collect();
        assert_eq!(begun, [false, true, false, false, false, false]);
        assert_eq!(written(&mut book), [(Some(7), 8)]);
        assert_eq!(written(&mut book), []);
        assert!(book.note(now + WHILE, source(1), attempt(1), None));
        assert_eq!(written(&mut book), [(None, 1)]);
    }

    #[test]
    fn another_device_address_or_cause_is_another_entry() {
        let (mut book, now) = (Book::default(), Instant::now());
        let mut other = attempt(1);
        other.outcome = AttemptOutcome::Untrusted;
        for (from, attempt) in [(1, attempt(1)), (1, attempt(2)), (2, attempt(1)), (1, other)] {
            book.note(now, source(from), attempt, None);
        }
        assert_eq!(written(&mut book).len(), 4);
    }

    #[test]
    fn what_is_still_to_be_written_outlives_its_while() {
        let (mut book, now) = (Book::default(), Instant::now());
        book.note(now, source(1), attempt(1), None);
        book.note(now + WHILE, source(1), attempt(2), None);
        assert_eq!(written(&mut book).len(), 2);
    }

    #[test]
    fn p01_so_many_entries_of_an_address_and_not_one_more() {
        let (mut book, now) = (Book::default(), Instant::now());
        for number in 0..=ENTRIES_PER_SOURCE_MAX {
            book.note(now, source(1), attempt(number), None);
        }
        book.note(now, source(2), attempt(0), None);
        assert_eq!(written(&mut book).len(), ENTRIES_PER_SOURCE_MAX + 1);
    }

    #[test]
    fn p01_so_many_entries_of_all_addresses_and_not_one_more() {
        let (mut book, now) = (Book::default(), Instant::now());
        for number in 0..ENTRIES_MAX {
            book.note(
                now,
                source(number / ENTRIES_PER_SOURCE_MAX),
                attempt(number),
                None,
            );
        }
        book.note(now, source(200), attempt(0), None);
        assert_eq!(written(&mut book).len(), ENTRIES_MAX);
        assert!(!book.entries_by_source.contains_key(&source(200)));
    }
}
