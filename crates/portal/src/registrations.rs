//! What the zones have told of who is registered, and of who was refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::inventory::Timestamp;
use model::status::{RegistrationRefusal, ZoneEvent};

/// Users of whom something is known; past that what is told of others is not kept. Directories have a limit of their own.
pub const USERS_MAX: usize = 50_000;

/// What is known of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is registered.
    Registered {
        /// Since when.
        since: Timestamp,
        /// From which address.
        from: String,
        /// What the device calls itself, if it does.
        user_agent: Option<String>,
    },
    /// It was, and is no more.
    Gone {
        /// Since when.
        since: Timestamp,
    },
    /// It tried last at that time, and was refused.
    Refused {
        /// When.
        at: Timestamp,
        /// From which address.
        from: String,
        /// Why.
        why: RegistrationRefusal,
    },
}

/// Registrations by user; it is shared by whoever hears the zones and whoever shows them.
#[derive(Debug, Default)]
pub struct Registrations(Mutex<BTreeMap<String, Registration>>);

impl Registrations {
    /// Takes an event of a zone; those about calls say nothing here. A refusal of somebody who is registered does not make them
    /// less so.
    pub fn note(&self, event: &ZoneEvent, now: Timestamp) {
        let (user, told) = match event {
            ZoneEvent::Registered {
                user,
                from,
                user_agent,
                ..
            } => {
                let (from, user_agent) = (from.clone(), user_agent.clone());
                let since = now;
                (
                    user.as_str(),
                    Registration::Registered {
                        since,
                        from,
                        user_agent,
                    },
                )
            }
            ZoneEvent::Unregistered { user, .. } => (user.as_str(), Registration::Gone { since: now }),
            ZoneEvent::RegistrationRefused { user, from, why, .. } => {
                let (at, from, why) = (now, from.clone(), *why);
                (user.as_str(), Registration::Refused { at, from, why })
            }
            ZoneEvent::CallRefused { .. }
            | ZoneEvent::PageStarted { .. }
            | ZoneEvent::PageEnded { .. }
            | ZoneEvent::SnapshotWanted { .. }
            | ZoneEvent::DirectoryApplied { .. }
            | ZoneEvent::DirectoryRefused { .. } => return,
        };
        let mut known = self.known();
        let is_registered = matches!(known.get(user), Some(Registration::Registered { .. }));
        let is_refusal = matches!(told, Registration::Refused { .. });
        let has_room = known.len() < USERS_MAX || known.contains_key(user);
        if has_room && !(is_registered && is_refusal) {
            known.insert(user.to_owned(), told);
        }
    }

    /// What is known of a user.
    #[must_use]
    pub fn of(&self, user: &str) -> Option<Registration> {
        self.known().get(user).cloned()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Registration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: Timestamp = Timestamp(1);
    const LATE: Timestamp = Timestamp(2);

    fn registered(user: &str) -> ZoneEvent {
        ZoneEvent::Registered {
            account: "one".parse().unwrap(),
            user: user.parse().unwrap(),
            from: "192.0.2.1:5060".to_owned(),
            user_agent: None,
        }
    }

    fn refused(user: &str) -> ZoneEvent {
        ZoneEvent::RegistrationRefused {
            account: None,
            user: user.to_owned(),
            from: "192.0.2.9:5060".to_owned(),
            why: RegistrationRefusal::WrongCredentials,
        }
    }

    #[test]
    fn what_was_told_last_counts_and_a_stranger_takes_nobody_s_registration_away() {
        let registrations = Registrations::default();
        assert_eq!(registrations.of("hall"), None);
        registrations.note(&refused("hall"), EARLY);
        assert!(matches!(
            registrations.of("hall"),
            Some(Registration::Refused { .. })
        ));
        registrations.note(&registered("hall"), EARLY);
        registrations.note(&refused("hall"), LATE);
        assert!(matches!(
            registrations.of("hall"),
            Some(Registration::Registered { since: EARLY, .. })
        ));
        let gone = ZoneEvent::Unregistered {
            account: "one".parse().unwrap(),
            user: "hall".parse().unwrap(),
        };
        registrations.note(&gone, LATE);
        assert_eq!(registrations.of("hall"), Some(Registration::Gone { since: LATE }));
    }

    #[test]
    fn so_many_users_are_kept_and_not_one_more() {
        let registrations = Registrations::default();
        for number in 0..=USERS_MAX {
            registrations.note(&refused(&format!("user{number}")), EARLY);
        }
        assert!(registrations.of(&format!("user{}", USERS_MAX - 1)).is_some());
        assert!(registrations.of(&format!("user{USERS_MAX}")).is_none());
        registrations.note(&registered("user1"), LATE);
        assert!(matches!(
            registrations.of("user1"),
            Some(Registration::Registered { .. })
        ));
    }
}
