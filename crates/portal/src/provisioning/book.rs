//! Which tries of those who get nothing are written down.
//!
//! Whoever gets nothing is answered, and an administrator wants to read why. But anybody can ask for any device, who has proved to be
//! one can ask as often as it likes, and what is written goes to the disk. So tries that are alike are one entry with a count, of each
//! address so many, and of all together so many; the count goes to the disk whenever it has doubled; and what comes while the disk is
//! busy is written in one go. Nobody who asks waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::inventory::{Attempt, AttemptOutcome, MacAddress, TokenHash};
use web::network;

use super::enrolment::FILE as ENROLMENT;
use super::review::Mismatch;

/// After this time a try like an earlier one is an entry of its own again.
const WHILE: Duration = Duration::from_secs(60);
/// Entries of one address, on IPv6 of one network: as many devices as hang on one site's.
const ENTRIES_PER_SOURCE_MAX: usize = 200;
/// Entries of all addresses together.
const ENTRIES_MAX: usize = 2_000;
/// Certificates of other devices that are taken in past those: what they put under suspicion is not crowded out by those who show
/// nothing. Each has proved to be of a device of a known maker.
const SUSPECTS_MAX: usize = 100;
/// Entries of devices that have proved to be it and get nothing all the same: strangers do not crowd them out, and they make no address loud,
/// for a whole site may come before its devices are added.
const PROVED_MAX: usize = 1_000;
/// Tries of one address, for that many devices or causes, that somebody is told of: no site has so many devices without a certificate
/// by mistake and not by a mistake that is worth knowing.
pub(super) const LOUD_SOURCE: usize = 100;
/// The same of all addresses together.
pub(super) const LOUD_ALL: usize = 1_000;

/// What makes tries alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    source: IpAddr,
    mac: Option<MacAddress>,
    outcome: AttemptOutcome,
    /// It has proved to be the device.
    proved: bool,
    /// It has asked for a certificate, and not for a file.
    is_enrolment: bool,
    /// The certificate that was shown, where it is another device's.
    shown: Option<TokenHash>,
}

/// Somebody who asks for many devices and proves to be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loud {
    /// Many together.
    All,
    /// One address, or network of IPv6.
    Source(IpAddr),
}

impl Loud {
    /// What somebody is told.
    pub(super) fn detail(self) -> String {
        match self {
            Self::Source(source) => format!("from {source}: {LOUD_SOURCE} within a minute"),
            Self::All => format!("from many addresses: {LOUD_ALL} within a minute"),
        }
    }
}

/// What was tried of late.
#[derive(Debug, Default)]
pub(super) struct Book {
    since: Option<Instant>,
    entries: BTreeMap<Key, Entry>,
    /// Those that have proved nothing.
    entries_by_source: BTreeMap<IpAddr, usize>,
    /// How many have proved to be their device.
    proved: usize,
    /// Certificates of other devices that were shown.
    suspects: BTreeSet<TokenHash>,
    /// What has to be written.
    due: BTreeSet<Key>,
    is_being_written: bool,
    /// Who is loud; those who were in the while before were told of then.
    loud: BTreeSet<Loud>,
    loud_before: BTreeSet<Loud>,
    /// Those of whom somebody has to be told.
    untold: Vec<Loud>,
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
    /// Notes a try, with what it puts under suspicion, and says whether somebody has to begin to write. Who became loud by it is then to be
    /// taken.
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
            proved: attempt.proved,
            is_enrolment: attempt.file == ENROLMENT,
            shown: mismatch.map(|mismatch| mismatch.fingerprint),
        };
        if let Some(entry) = self.entries.get_mut(&key) {
            let times = entry.attempt.times.saturating_add(1);
            entry.attempt = Attempt { times, ..attempt };
            if !times.is_power_of_two() {
                return false;
            }
        } else {
            let has_room = if key.proved {
                self.take_proved()
            } else {
                self.take_unproved(&key)
            };
            if !has_room {
                return false;
            }
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

    /// Takes room for an entry of a device that has proved to be it.
    fn take_proved(&mut self) -> bool {
        let has_room = self.proved < PROVED_MAX;
        self.proved = self.proved.saturating_add(usize::from(has_room));
        has_room
    }

    /// Takes room for an entry of somebody who has proved nothing.
    fn take_unproved(&mut self, key: &Key) -> bool {
        let of_source = self.entries_by_source.get(&key.source).copied();
        let of_source = of_source.unwrap_or_default();
        let of_all = self.entries.len().saturating_sub(self.proved);
        let is_full = of_all >= ENTRIES_MAX || of_source >= ENTRIES_PER_SOURCE_MAX;
        if is_full && !self.is_suspect(key) {
            return false;
        }
        self.suspects.extend(key.shown);
        self.entries_by_source.insert(key.source, of_source + 1);
        if of_source + 1 >= LOUD_SOURCE {
            self.note_loud(Loud::Source(key.source));
        }
        if of_all + 1 >= LOUD_ALL {
            self.note_loud(Loud::All);
        }
        true
    }

    /// Says whether it shows a certificate of another device that was not shown yet.
    fn is_suspect(&self, key: &Key) -> bool {
        let is_new = |shown: &TokenHash| !self.suspects.contains(shown) && self.suspects.len() < SUSPECTS_MAX;
        key.shown.as_ref().is_some_and(is_new)
    }

    /// Has somebody told of who is loud, once as long as it goes on.
    fn note_loud(&mut self, loud: Loud) {
        if self.loud.insert(loud) && !self.loud_before.contains(&loud) {
            self.untold.push(loud);
        }
    }

    /// Takes those of whom somebody has to be told.
    pub(super) fn take_loud(&mut self) -> Vec<Loud> {
        std::mem::take(&mut self.untold)
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
        let before = self.since.replace(now);
        let goes_on = before.is_some_and(|before| now.saturating_duration_since(before) < WHILE * 2);
        self.loud_before = std::mem::take(&mut self.loud);
        if !goes_on {
            self.loud_before.clear();
        }
        self.suspects.clear();
        let due = &self.due;
        self.entries.retain(|key, _| due.contains(key));
        self.entries_by_source.clear();
        self.proved = self.entries.keys().filter(|key| key.proved).count();
        for key in self.entries.keys().filter(|key| !key.proved) {
            *self.entries_by_source.entry(key.source).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::Timestamp;

    use super::super::proof::{Proved, SignedBy};
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
        let enrolment = Attempt {
            file: ENROLMENT.to_owned(),
            ..attempt(1)
        };
        for (from, attempt) in [
            (1, attempt(1)),
            (1, attempt(2)),
            (2, attempt(1)),
            (1, other),
            (1, enrolment),
        ] {
            book.note(now, source(from), attempt, None);
        }
        assert_eq!(written(&mut book).len(), 5);
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

    #[test]
    fn p12_devices_that_have_proved_to_be_it_have_room_of_their_own_so_much_and_not_more_and_make_nobody_loud()
     {
        let (mut book, now) = (Book::default(), Instant::now());
        for number in 0..ENTRIES_PER_SOURCE_MAX {
            book.note(now, source(1), attempt(number), None);
        }
        book.take_due();
        book.take_loud();
        for number in 0..=PROVED_MAX {
            let proved = Attempt {
                proved: true,
                ..attempt(number)
            };
            book.note(now, source(1), proved, None);
        }
        assert_eq!(written(&mut book).len(), PROVED_MAX);
        book.note(now, source(2), attempt(0), None);
        assert_eq!(written(&mut book).len(), 1, "others have their own");
        assert_eq!(book.loud, BTreeSet::from([Loud::Source(source(1))]), "of before");
        book.note(now + WHILE, source(1), attempt(0), None);
        assert_eq!(book.proved, 0);
    }

    fn mismatch(number: u8) -> Mismatch {
        Mismatch {
            holder: Proved {
                mac: mac(7),
                signed_by: SignedBy::Manufacturer,
            },
            fingerprint: TokenHash([number; 32]),
        }
    }

    #[test]
    fn p02_a_certificate_that_asks_for_another_s_file_is_not_crowded_out_by_those_who_show_none() {
        let (mut book, now) = (Book::default(), Instant::now());
        for number in 0..ENTRIES_PER_SOURCE_MAX {
            book.note(now, source(1), attempt(number), None);
        }
        book.take_due();
        for number in 0..=u8::try_from(SUSPECTS_MAX).unwrap() {
            book.note(now, source(1), attempt(7), Some(mismatch(number)));
            book.note(now, source(1), attempt(8), Some(mismatch(number)));
        }
        let due = book.take_due();
        assert_eq!(due.len(), SUSPECTS_MAX, "each certificate once, and so many");
        assert!(due.iter().all(|due| due.mismatch.is_some()));
    }

    #[test]
    fn p02_a_second_certificate_that_asks_for_the_same_device_is_an_entry_of_its_own() {
        let (mut book, now) = (Book::default(), Instant::now());
        for number in [1, 2, 1] {
            book.note(now, source(1), attempt(7), Some(mismatch(number)));
        }
        let due = book.take_due();
        let shown: Vec<_> = due
            .iter()
            .map(|due| due.mismatch.unwrap().fingerprint.0[0])
            .collect();
        assert_eq!(shown, [1, 2]);
    }

    /// Who is told of when an address asks for so many devices.
    fn asked_for(book: &mut Book, now: Instant, from: IpAddr, devices: usize) -> Vec<Loud> {
        for number in 0..devices {
            book.note(now, from, attempt(number), None);
        }
        while !book.take_due().is_empty() {}
        book.take_loud()
    }

    #[test]
    fn p01_who_asks_for_many_devices_is_told_of_once_as_long_as_it_goes_on() {
        let (mut book, mut now) = (Book::default(), Instant::now());
        let loud = [Loud::Source(source(1))];
        assert_eq!(asked_for(&mut book, now, source(1), LOUD_SOURCE - 1), []);
        assert_eq!(asked_for(&mut book, now, source(1), LOUD_SOURCE), loud);
        for _ in 0..3 {
            now += WHILE;
            assert_eq!(asked_for(&mut book, now, source(1), LOUD_SOURCE), []);
        }
        now += WHILE * 2;
        assert_eq!(
            asked_for(&mut book, now, source(1), LOUD_SOURCE),
            loud,
            "another burst"
        );
    }

    #[test]
    fn p01_who_asks_from_many_addresses_is_told_of_as_well() {
        let (mut book, now) = (Book::default(), Instant::now());
        let of_each = LOUD_SOURCE - 1;
        let needed = LOUD_ALL.div_ceil(of_each);
        let told: Vec<Loud> = (0..needed)
            .flat_map(|number| asked_for(&mut book, now, source(number), of_each))
            .collect();
        assert_eq!(told, [Loud::All]);
    }
}
