//! Deadlines by key: what is due next, found without a scan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// At most one deadline for each key.
#[derive(Debug)]
pub(crate) struct Schedule<K> {
    key_by_deadline: BTreeSet<(Instant, K)>,
    /// The same pairs the other way round.
    deadline_by_key: BTreeMap<K, Instant>,
}

impl<K: Ord + Copy> Schedule<K> {
    pub(crate) fn new() -> Self {
        Self {
            key_by_deadline: BTreeSet::new(),
            deadline_by_key: BTreeMap::new(),
        }
    }

    /// Sets, moves or removes the deadline of `key`.
    pub(crate) fn set(&mut self, key: K, deadline: Option<Instant>) {
        let before = match deadline {
            Some(at) => self.deadline_by_key.insert(key, at),
            None => self.deadline_by_key.remove(&key),
        };
        if before == deadline {
            return;
        }
        if let Some(at) = before {
            self.key_by_deadline.remove(&(at, key));
        }
        if let Some(at) = deadline {
            self.key_by_deadline.insert((at, key));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.key_by_deadline.first().map(|(at, _)| *at)
    }

    /// Removes and returns the key with the earliest deadline that is not after `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = self.key_by_deadline.first().copied()?;
        if at > now {
            return None;
        }
        self.set(key, None);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moved_deadline_fires_once_at_its_later_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new();
        schedule.set('a', Some(start));
        schedule.set('a', Some(start + Duration::from_secs(2)));
        schedule.set('b', Some(start + Duration::from_secs(1)));
        schedule.set('c', Some(start));
        schedule.set('c', None);

        assert_eq!(schedule.take_due(start), None);
        assert_eq!(schedule.next(), Some(start + Duration::from_secs(1)));
        assert_eq!(schedule.take_due(start + Duration::from_secs(3)), Some('b'));
        assert_eq!(schedule.take_due(start + Duration::from_secs(3)), Some('a'));
        assert_eq!(schedule.take_due(start + Duration::from_secs(3)), None);
        assert_eq!(schedule.next(), None);
    }
}
