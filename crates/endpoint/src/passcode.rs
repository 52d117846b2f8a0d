//! The passcode that a caller keys in before a page or an alert is let in.
//!
//! A caller has a few tries and little time. Whoever guesses is slowed down besides: wrong tries, be it in one call or in
//! many, keep further calls that are asked for the same passcode out for longer and longer. The right one ends that.

use std::time::{Duration, Instant};

use media::dtmf::Key;
use model::{Secret, SlotKind};

use crate::tones::ToneSource;

/// Passcodes that a caller may key in; after the last wrong one the call ends.
pub const TRIES_MAX: u32 = 3;
/// Time for all of them, from the answer on.
pub const ENTRY_MAX: Duration = Duration::from_secs(30);
/// How long other calls are kept out after a wrong passcode; each further one doubles it.
const LOCKED_FIRST: Duration = Duration::from_secs(1);
/// The longest that calls are kept out: a guesser of four digits needs a day and more, and an administrator not a cup of tea.
pub const LOCKED_MAX: Duration = Duration::from_secs(60);

/// What a caller has to key in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passcode {
    /// The keys.
    pub code: Secret,
    /// What the caller hears who is asked for it.
    pub prompt: ToneSource,
}

/// What a caller has keyed in.
pub(crate) struct Entry {
    code: Secret,
    keyed: String,
    wrong: u32,
    outcome: Option<Outcome>,
}

/// What came of a passcode that was keyed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is the right one.
    Right,
    /// It is a wrong one, and the caller may try again.
    Wrong,
    /// It is the last wrong one.
    LastWrong,
}

impl Entry {
    pub(crate) fn new(code: Secret) -> Self {
        Self {
            code,
            keyed: String::new(),
            wrong: 0,
            outcome: None,
        }
    }

    /// Takes a key. A passcode is whole with as many keys as it has; what is keyed in before anybody asks for the outcome
    /// of one is left out.
    pub(crate) fn press(&mut self, key: Key) {
        let Some(character) = key.character().filter(|_| self.outcome.is_none()) else {
            return;
        };
        self.keyed.push(character);
        if self.keyed.len() < self.code.reveal().len() {
            return;
        }
        let is_right = self.code.matches(&self.keyed);
        self.keyed.clear();
        self.outcome = Some(if is_right {
            Outcome::Right
        } else {
            self.wrong += 1;
            if self.wrong < TRIES_MAX {
                Outcome::Wrong
            } else {
                Outcome::LastWrong
            }
        });
    }

    /// Says whether a passcode is whole.
    pub(crate) fn is_due(&self) -> bool {
        self.outcome.is_some()
    }

    /// Takes what came of the passcode that is whole.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }
}

/// Keeps those out for a while who call after wrong passcodes.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    wrong_in_row: u32,
    opens_at: Option<Instant>,
}

impl Lock {
    pub(crate) fn is_closed(&self, now: Instant) -> bool {
        self.opens_at.is_some_and(|at| now < at)
    }

    /// Whole seconds until it opens.
    pub(crate) fn opens_in(&self, now: Instant) -> u64 {
        let left = self.opens_at.unwrap_or(now).saturating_duration_since(now);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }

    pub(crate) fn note(&mut self, now: Instant, outcome: Outcome) {
        match outcome {
            Outcome::Right => *self = Self::default(),
            Outcome::Wrong | Outcome::LastWrong => {
                let doubled = 1_u32.checked_shl(self.wrong_in_row).unwrap_or(u32::MAX);
                let locked = LOCKED_FIRST.saturating_mul(doubled).min(LOCKED_MAX);
                self.wrong_in_row = self.wrong_in_row.saturating_add(1);
                self.opens_at = Some(now + locked);
            }
        }
    }
}

/// The lock of each passcode: whoever knows or guesses that of pages makes no difference to that of alerts.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    pages: Lock,
    alerts: Lock,
}

impl Locks {
    /// The lock of the passcode that slots of a kind ask for; ring slots ask for none.
    pub(crate) fn of(&self, kind: SlotKind) -> Option<&Lock> {
        match kind {
            SlotKind::Page => Some(&self.pages),
            SlotKind::Alert => Some(&self.alerts),
            SlotKind::Ring => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(&mut self, kind: SlotKind) -> Option<&mut Lock> {
        match kind {
            SlotKind::Page => Some(&mut self.pages),
            SlotKind::Alert => Some(&mut self.alerts),
            SlotKind::Ring => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_in(entry: &mut Entry, keys: &str) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for character in keys.chars() {
            entry.press(Key::from_char(character).unwrap());
            outcomes.extend(entry.take_outcome());
        }
        outcomes
    }

    #[test]
    fn a_passcode_is_judged_whole_and_never_by_its_beginning() {
        let mut entry = Entry::new(Secret::from("47#1"));
        assert_eq!(key_in(&mut entry, "47#"), []);
        assert_eq!(key_in(&mut entry, "1"), [Outcome::Right]);
    }

    #[test]
    fn a_passcode_is_not_found_in_the_middle_of_what_is_keyed_in() {
        let mut entry = Entry::new(Secret::from("4711"));
        assert_eq!(key_in(&mut entry, "04711"), [Outcome::Wrong]);
    }

    #[test]
    fn the_last_try_counts_and_there_is_none_behind_it() {
        let mut entry = Entry::new(Secret::from("1"));
        assert_eq!(key_in(&mut entry, "23"), [Outcome::Wrong, Outcome::Wrong]);
        assert_eq!(
            key_in(&mut entry, "1"),
            [Outcome::Right],
            "the third of {TRIES_MAX} tries"
        );

        let mut entry = Entry::new(Secret::from("1"));
        assert_eq!(key_in(&mut entry, "234").last(), Some(&Outcome::LastWrong));
    }

    #[test]
    fn the_hook_flash_is_no_key_of_a_passcode() {
        let mut entry = Entry::new(Secret::from("1"));
        entry.press(Key::FLASH);
        assert!(!entry.is_due());
    }

    #[test]
    fn wrong_passcodes_keep_callers_out_for_twice_as_long_each_up_to_a_limit() {
        let now = Instant::now();
        let mut lock = Lock::default();
        let mut waits = Vec::new();
        for _ in 0..40 {
            lock.note(now, Outcome::Wrong);
            waits.push(lock.opens_in(now));
        }
        assert_eq!(waits[..7], [1, 2, 4, 8, 16, 32, 60]);
        assert!(waits[7..].iter().all(|wait| *wait == LOCKED_MAX.as_secs()));
        assert!(lock.is_closed(now + LOCKED_MAX - Duration::from_millis(1)));
        assert!(!lock.is_closed(now + LOCKED_MAX));

        lock.note(now, Outcome::Right);
        assert!(!lock.is_closed(now));
    }
}
