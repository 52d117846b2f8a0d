//! How often each nonce has been answered: what makes a captured answer worthless (RFC 7616 §3.4, `nc`).
//!
//! A nonce is remembered only once it has been answered rightly, so strangers cannot fill the table. When the table is
//! full the oldest nonce is forgotten, and every nonce up to its serial counts as stale from then on: a forgotten
//! nonce must not look like one that was never used.

use std::collections::BTreeMap;

use super::nonce::Nonce;

/// The highest count seen for each nonce in use.
pub(super) struct NonceCounts {
    count_by_serial: BTreeMap<u64, Counted>,
    /// Nonces with a serial up to this one are forgotten.
    forgotten: Option<u64>,
    tracked_max: usize,
}

struct Counted {
    made_ms: u64,
    highest: u32,
}

/// What the table says of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// The count is higher than any before.
    Fresh,
    /// The count has been used, or one above it has.
    Used,
    /// The nonce may have been used, but how often is forgotten.
    Forgotten,
}

impl NonceCounts {
    pub(super) fn new(tracked_max: usize) -> Self {
        Self {
            count_by_serial: BTreeMap::new(),
            forgotten: None,
            tracked_max,
        }
    }

    pub(super) fn judge(&self, nonce: Nonce, count: u32) -> Count {
        match self.count_by_serial.get(&nonce.serial) {
            Some(counted) if count > counted.highest => Count::Fresh,
            Some(_) => Count::Used,
            None if self.forgotten.is_some_and(|forgotten| nonce.serial <= forgotten) => Count::Forgotten,
            None => Count::Fresh,
        }
    }

    /// Remembers a right answer; `oldest_ms` is the time of the oldest nonce that is still valid.
    pub(super) fn remember(&mut self, nonce: Nonce, count: u32, oldest_ms: u64) {
        self.count_by_serial.insert(
            nonce.serial,
            Counted {
                made_ms: nonce.made_ms,
                highest: count,
            },
        );
        // Serials and times grow together, so the first entry is the oldest. Two removals for one insertion keep the
        // work of a request bounded and still empty the table of what has expired.
        for _ in 0..2 {
            let is_full = self.count_by_serial.len() > self.tracked_max;
            match self.count_by_serial.first_entry() {
                Some(oldest) if is_full || oldest.get().made_ms < oldest_ms => {
                    let (serial, _) = oldest.remove_entry();
                    self.forgotten = self.forgotten.max(Some(serial));
                }
                Some(_) | None => break,
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count_by_serial.len()
    }
}
