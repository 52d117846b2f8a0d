//! Bytes that all connections together may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes that are held.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    held: AtomicUsize,
    bytes_max: usize,
}

impl ByteBudget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            held: AtomicUsize::new(0),
            bytes_max,
        })
    }

    /// Takes bytes, if there are so many left.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// The part of a budget that one owner holds; it goes back with its owner.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<ByteBudget>,
    bytes: usize,
}

impl Share {
    pub(crate) fn of(budget: &Arc<ByteBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Holds so many bytes instead of those before; false, and as before, where they are too many.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes && !self.budget.take(bytes - self.bytes) {
            return false;
        }
        self.budget.give_back(self.bytes.saturating_sub(bytes));
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_hold_the_budget_together_and_not_one_byte_more_and_give_it_back() {
        let budget = ByteBudget::new(10);
        let (mut one, mut other) = (Share::of(&budget), Share::of(&budget));

        assert!(one.hold(6) && other.hold(4));
        assert!(!other.hold(5));
        assert!(one.hold(5) && other.hold(5));
        assert_eq!(budget.held(), 10);

        drop(one);
        assert!(other.hold(10) && !other.hold(11));
        drop(other);
        assert_eq!(budget.held(), 0);
    }
}
