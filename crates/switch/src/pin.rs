//! The PIN that a talker keys in where its permission wants one (RFC 4733), and how those are slowed down who guess.
//!
//! A PIN is judged only while its talker's lock is open, however many calls it is keyed into at once. Each wrong one closes the
//! lock for twice as long as the one before, up to [`LOCKED_MAX`]: so a guesser has about one try a minute. The lock is the
//! talker's own. Nobody keeps another one out of a group, and wrong PINs of pages or drills keep nobody from raising an alert. A right
//! PIN takes back what was wrong at its own extension, and not what was guessed at others meanwhile.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use media::dtmf::Key;
use model::directory::{Action, ExtensionRole, PIN_DIGITS};
use model::{Extension, Secret, SipUser};
use zeroize::Zeroizing;

/// PINs that a talker may key in in one call; after the last wrong one the call ends.
pub const TRIES_MAX: u32 = 3;
/// Time for all of them, from the answer on.
pub const ENTRY_MAX: Duration = Duration::from_secs(30);
/// A PIN without `#` is whole when no key has followed for so long.
pub const KEY_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Digits that are taken: as many as a PIN of the directory has at most. More are a wrong PIN.
pub const DIGITS_MAX: usize = *PIN_DIGITS.end();
/// The longest that a talker is kept waiting after a wrong PIN: a guesser of four digits needs days.
pub const LOCKED_MAX: Duration = Duration::from_secs(60);
/// A talker whose lock opens later than this is not let in to key in a PIN: whoever calls again after a mistake notices nothing, and
/// nobody waits in vain.
pub const WAIT_MAX: Duration = Duration::from_secs(10);
/// How long after the first wrong one; each further one doubles it.
const LOCKED_FIRST: Duration = Duration::from_secs(1);
/// Wrong PINs are forgotten after so long without one: far less is gained by waiting than by guessing on.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);

/// What a talker has keyed in. Shows nothing of it.
pub(crate) struct Entry {
    digits: Zeroizing<String>,
    is_too_long: bool,
    is_whole: bool,
    pressed_at: Option<Instant>,
}

impl Entry {
    pub(crate) fn new() -> Self {
        Self {
            // Of its full length from the beginning, so that no copy is left behind by growing.
            digits: Zeroizing::new(String::with_capacity(DIGITS_MAX)),
            is_too_long: false,
            is_whole: false,
            pressed_at: None,
        }
    }

    /// Takes a key: `#` ends the PIN, `*` takes back what was keyed in. What follows a whole PIN is left out.
    pub(crate) fn press(&mut self, now: Instant, key: Key) {
        let Some(character) = key.character().filter(|_| !self.is_whole) else {
            return;
        };
        match character {
            '#' => self.is_whole = self.has_keys(),
            '*' => *self = Self::new(),
            digit if digit.is_ascii_digit() => {
                self.pressed_at = Some(now);
                if self.digits.len() < DIGITS_MAX {
                    self.digits.push(digit);
                } else {
                    self.is_too_long = true;
                }
            }
            _ => {}
        }
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.pressed_at.is_some()
    }

    /// Says whether the PIN is whole, be it that its talker presses no further key.
    pub(crate) fn is_whole(&self, now: Instant) -> bool {
        self.is_whole || self.pause_ends_at().is_some_and(|at| at <= now)
    }

    /// When it is whole without a further key.
    pub(crate) fn pause_ends_at(&self) -> Option<Instant> {
        self.pressed_at.map(|at| at + KEY_PAUSE_MAX)
    }

    /// Says whether it is this one, in a time that does not tell where the first difference is.
    pub(crate) fn is(&self, pin: &Secret) -> bool {
        pin.matches(&self.digits) && !self.is_too_long
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Entry(redacted)")
    }
}

/// What a PIN lets a talker do, as far as locks go: wrong PINs of one keep nobody from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Call,
    Page,
    /// To exercise an alert.
    Drill,
    Alert,
}

impl Purpose {
    /// What dialling an extension of this role is for.
    pub(crate) fn of(role: &ExtensionRole) -> Self {
        match (role, role.action()) {
            (ExtensionRole::Drill { .. }, _) => Self::Drill,
            (_, Action::Alert) => Self::Alert,
            (_, Action::Page) => Self::Page,
            (_, Action::Call) => Self::Call,
        }
    }
}

/// Keeps those waiting who have keyed in wrong PINs: each talker for itself, for each purpose apart.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    lock_by_talker: BTreeMap<(SipUser, Purpose), Lock>,
}

#[derive(Debug)]
struct Lock {
    wrong_by_extension: BTreeMap<Extension, u32>,
    wrong_at: Instant,
    opens_at: Instant,
}

impl Locks {
    /// When the lock of a talker opens; `None` where it is open.
    pub(crate) fn opens_at(&self, now: Instant, talker: &SipUser, purpose: Purpose) -> Option<Instant> {
        let lock = self.lock_by_talker.get(&(talker.clone(), purpose))?;
        Some(lock.opens_at).filter(|at| now < *at)
    }

    /// A talker has keyed in a wrong PIN.
    pub(crate) fn close(&mut self, now: Instant, talker: &SipUser, purpose: Purpose, extension: &Extension) {
        self.lock_by_talker
            .retain(|_, lock| now < lock.wrong_at + FORGOTTEN_AFTER);
        let key = (talker.clone(), purpose);
        let lock = self.lock_by_talker.entry(key).or_insert_with(|| Lock {
            wrong_by_extension: BTreeMap::new(),
            wrong_at: now,
            opens_at: now,
        });
        let before = lock
            .wrong_by_extension
            .values()
            .fold(0_u32, |sum, count| sum.saturating_add(*count));
        let doubled = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
        let wrong = lock.wrong_by_extension.entry(extension.clone()).or_default();
        *wrong = wrong.saturating_add(1);
        lock.wrong_at = now;
        lock.opens_at = now + LOCKED_FIRST.saturating_mul(doubled).min(LOCKED_MAX);
    }

    /// A talker has keyed in the right PIN of an extension.
    pub(crate) fn forgive(&mut self, talker: &SipUser, purpose: Purpose, extension: &Extension) {
        let key = (talker.clone(), purpose);
        let Some(lock) = self.lock_by_talker.get_mut(&key) else {
            return;
        };
        lock.wrong_by_extension.remove(extension);
        if lock.wrong_by_extension.is_empty() {
            self.lock_by_talker.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(keys: &str) -> Entry {
        let mut entry = Entry::new();
        for key in keys.chars() {
            entry.press(Instant::now(), Key::from_char(key).unwrap());
        }
        entry
    }

    fn user(name: &str) -> SipUser {
        name.parse().unwrap()
    }

    fn extension(number: &str) -> Extension {
        number.parse().unwrap()
    }

    /// Seconds that a talker waits.
    fn wait(locks: &Locks, now: Instant, talker: &str, purpose: Purpose) -> u64 {
        let opens_at = locks.opens_at(now, &user(talker), purpose);
        opens_at.map_or(0, |at| (at - now).as_secs())
    }

    #[test]
    fn a_pin_is_whole_with_its_hash_key_and_an_asterisk_begins_anew() {
        let now = Instant::now();
        assert!(!keyed("4711").is_whole(now));
        assert!(keyed("4711#").is_whole(now) && keyed("4711#").is(&Secret::from("4711")));
        assert!(
            keyed("99*4711#9").is(&Secret::from("4711")),
            "and nothing behind it"
        );
        assert!(!keyed("#").is_whole(now), "nothing is no PIN");
        assert!(!keyed("99*#").is_whole(now));
        assert!(!keyed("04711#").is(&Secret::from("4711")));
        assert!(!keyed("471#").is(&Secret::from("4711")));
        assert!(
            keyed("4A7B11#").is(&Secret::from("4711")),
            "letters are no digits"
        );
    }

    #[test]
    fn a_pin_without_its_hash_key_is_whole_after_a_pause() {
        let began = Instant::now();
        let mut entry = Entry::new();
        entry.press(began, Key::from_char('4').unwrap());
        let later = began + KEY_PAUSE_MAX - Duration::from_millis(1);
        assert!(!entry.is_whole(later));
        entry.press(later, Key::from_char('7').unwrap());
        assert!(!entry.is_whole(began + KEY_PAUSE_MAX));
        assert!(entry.is_whole(later + KEY_PAUSE_MAX));
    }

    #[test]
    fn as_many_digits_are_taken_as_the_limit_and_one_more_is_wrong() {
        let longest = "1".repeat(DIGITS_MAX);
        assert!(keyed(&longest).is(&Secret::from(longest.as_str())));
        assert!(!keyed(&format!("{longest}1#")).is(&Secret::from(longest.as_str())));
    }

    #[test]
    fn debug_output_shows_no_digit() {
        assert_eq!(format!("{:?}", keyed("4711#")), "Entry(redacted)");
    }

    #[test]
    fn wrong_pins_keep_their_talker_waiting_for_twice_as_long_each_up_to_a_limit() {
        let now = Instant::now();
        let mut locks = Locks::default();
        let mut waits = Vec::new();
        for _ in 0..40 {
            locks.close(now, &user("guesser"), Purpose::Page, &extension("700"));
            waits.push(wait(&locks, now, "guesser", Purpose::Page));
        }
        assert_eq!(waits[..7], [1, 2, 4, 8, 16, 32, 60]);
        assert!(waits[7..].iter().all(|wait| *wait == LOCKED_MAX.as_secs()));
        assert_eq!(wait(&locks, now, "rightful", Purpose::Page), 0, "nobody else");
        assert_eq!(wait(&locks, now, "guesser", Purpose::Alert), 0, "and no alert");
        assert_eq!(wait(&locks, now, "guesser", Purpose::Drill), 0);
        assert_eq!(wait(&locks, now + LOCKED_MAX, "guesser", Purpose::Page), 0);
    }

    #[test]
    fn the_right_pin_of_one_group_lets_nobody_guess_that_of_another_faster() {
        let now = Instant::now();
        let mut locks = Locks::default();
        for _ in 0..4 {
            locks.close(now, &user("guesser"), Purpose::Page, &extension("700"));
            locks.close(now, &user("guesser"), Purpose::Page, &extension("701"));
            locks.forgive(&user("guesser"), Purpose::Page, &extension("701"));
        }
        assert_eq!(wait(&locks, now, "guesser", Purpose::Page), 16);

        locks.forgive(&user("guesser"), Purpose::Page, &extension("700"));
        assert_eq!(wait(&locks, now, "guesser", Purpose::Page), 0);
    }

    #[test]
    fn wrong_pins_are_forgotten_after_a_while() {
        let now = Instant::now();
        let mut locks = Locks::default();
        for name in ["one", "other"] {
            locks.close(now, &user(name), Purpose::Page, &extension("700"));
        }
        let later = now + FORGOTTEN_AFTER;
        locks.close(later, &user("one"), Purpose::Page, &extension("700"));
        assert_eq!(wait(&locks, later, "one", Purpose::Page), 1);
        assert_eq!(locks.lock_by_talker.len(), 1);
    }
}
