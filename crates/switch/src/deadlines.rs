//! What is due when: at most one deadline for each key, the earliest found without a scan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A set of deadlines.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    in_order: BTreeSet<(Instant, K)>,
    /// Holds the same pairs as `in_order`.
    instant_by_key: BTreeMap<K, Instant>,
}

impl<K: Copy + Ord> Deadlines<K> {
    pub(crate) fn new() -> Self {
        Self {
            in_order: BTreeSet::new(),
            instant_by_key: BTreeMap::new(),
        }
    }

    /// Sets the deadline of a key in place of the one it had.
    pub(crate) fn set(&mut self, key: K, due: Instant) {
        self.clear(key);
        self.instant_by_key.insert(key, due);
        self.in_order.insert((due, key));
    }

    /// Removes the deadline of a key, if it has one.
    pub(crate) fn clear(&mut self, key: K) {
        if let Some(due) = self.instant_by_key.remove(&key) {
            self.in_order.remove(&(due, key));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.in_order.first().map(|(due, _)| *due)
    }

    /// Removes and returns the earliest key that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (_, key) = *self.in_order.first().filter(|(due, _)| *due <= now)?;
        self.clear(key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_come_out_in_the_order_they_are_due_and_each_once() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut deadlines = Deadlines::new();
        deadlines.set('a', start + 3 * second);
        deadlines.set('b', start + second);
        deadlines.set('c', start + 2 * second);
        deadlines.set('a', start);
        deadlines.clear('c');

        assert_eq!(deadlines.next(), Some(start));
        assert_eq!(deadlines.pop_due(start), Some('a'));
        assert_eq!(deadlines.pop_due(start), None);
        assert_eq!(deadlines.pop_due(start + second), Some('b'));
        assert_eq!(deadlines.next(), None);
    }
}
