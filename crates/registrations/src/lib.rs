//! What the zones have told of who is registered, and of who was refused: one value, shared by whoever hears the zones and whoever
//! shows them.
//!
//! What this crate deliberately does not do: it asks nobody, and keeps nothing past the end of its process.

mod resync;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use model::inventory::Timestamp;
use model::status::{
    CallRefusal, MissingReason, PageReport, RegisteredUser, RegistrationRefusal, Verdict, ZoneEvent,
};
use tokio::sync::watch;

pub use resync::Resync;

/// Users whose last refusal is kept; past that the oldest goes: anybody can try under names that nobody has.
pub const REFUSED_MAX: usize = 1_000;

/// The status by which somebody says that what is offered of media does not suit it (RFC 3261 §21.4.26).
const NOT_ACCEPTABLE_HERE: u16 = 488;

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

/// Registrations by user; it is shared by whoever hears the zones and whoever shows them. Those who have registered were users of
/// the directory: only an administrator makes more of them, one with each line.
#[derive(Debug, Default)]
pub struct Registrations {
    known: Mutex<Known>,
    /// Counts what has been taken.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    registered: BTreeMap<String, Registration>,
    refused: BTreeMap<String, (Timestamp, Registration)>,
    /// Users of the directory whose last call found no media that both sides take, since they registered.
    without_media: BTreeMap<String, Timestamp>,
}

impl Registrations {
    /// Takes an event of a zone; those about calls say nothing here. A refusal of somebody who is registered does not make them
    /// less so.
    pub fn note(&self, event: &ZoneEvent, now: Timestamp) {
        self.take(event, now);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells when something has been noted, whatever it was.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn take(&self, event: &ZoneEvent, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            ZoneEvent::Registered {
                user,
                from,
                user_agent,
                ..
            } => {
                let registered = Registration::Registered {
                    since: now,
                    from: from.clone(),
                    user_agent: user_agent.clone(),
                };
                known.registered.insert(user.to_string(), registered);
                known.refused.remove(user.as_str());
                known.without_media.remove(user.as_str());
            }
            ZoneEvent::Unregistered { user, .. } => {
                let gone = Registration::Gone { since: now };
                known.registered.insert(user.to_string(), gone);
            }
            ZoneEvent::RegistrationRefused { user, from, why, .. } => {
                if matches!(known.registered.get(user), Some(Registration::Registered { .. })) {
                    return;
                }
                let (from, why) = (from.clone(), *why);
                known.refuse(user, now, Registration::Refused { at: now, from, why });
            }
            ZoneEvent::CallRefused {
                caller,
                why: CallRefusal::NoCommonMedia,
                ..
            } => {
                known.without_media.insert(caller.to_string(), now);
            }
            ZoneEvent::PageEnded { report, .. } => known.take_page(report, now),
            ZoneEvent::CallRefused { .. }
            | ZoneEvent::PageStarted { .. }
            | ZoneEvent::SnapshotWanted { .. }
            | ZoneEvent::DirectoryApplied { .. }
            | ZoneEvent::DirectoryRefused { .. } => {}
        }
    }

    /// Takes the whole of who is registered at the zone, as it is after events of it were missed. Who is known to be registered stays so since
    /// when it was, and who is not among them any more is gone.
    pub fn restate(&self, all: &[RegisteredUser], now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let present: BTreeSet<&str> = all.iter().map(|registered| registered.user.as_str()).collect();
        for (user, registration) in &mut known.registered {
            let was_registered = matches!(registration, Registration::Registered { .. });
            if was_registered && !present.contains(user.as_str()) {
                *registration = Registration::Gone { since: now };
            }
        }
        for RegisteredUser { user, from } in all {
            let before = known.registered.get(user.as_str());
            if matches!(before, Some(Registration::Registered { .. })) {
                continue;
            }
            let registered = Registration::Registered {
                since: now,
                from: from.clone(),
                user_agent: None,
            };
            known.registered.insert(user.to_string(), registered);
            known.refused.remove(user.as_str());
        }
        drop(known);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// When a call of a user last found no media that both sides take: one without SRTP, mostly. It is forgotten once one does, and when it
    /// registers anew.
    #[must_use]
    pub fn without_media(&self, user: &str) -> Option<Timestamp> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.without_media.get(user).copied()
    }

    /// What is known of a user: that it is registered, else what it was told last.
    #[must_use]
    pub fn of(&self, user: &str) -> Option<Registration> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let registered = known.registered.get(user);
        let refused = known.refused.get(user).map(|(_, refused)| refused);
        match registered {
            Some(Registration::Registered { .. }) => registered.cloned(),
            _ => refused.or(registered).cloned(),
        }
    }
}

impl Known {
    fn take_page(&mut self, report: &PageReport, now: Timestamp) {
        // Whoever spoke had media.
        self.without_media.remove(report.talker.as_str());
        for listener in &report.listeners {
            match &listener.verdict {
                Verdict::Missing {
                    why: MissingReason::Refused { status, .. },
                } if *status == NOT_ACCEPTABLE_HERE => {
                    self.without_media.insert(listener.user.to_string(), now);
                }
                Verdict::Missing { .. } => {}
                Verdict::Heard | Verdict::Answered { .. } | Verdict::NotHeard { .. } => {
                    self.without_media.remove(listener.user.as_str());
                }
            }
        }
    }

    fn refuse(&mut self, user: &str, now: Timestamp, refused: Registration) {
        if self.refused.len() >= REFUSED_MAX && !self.refused.contains_key(user) {
            let oldest = self.refused.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(user, _)| user.clone()) {
                self.refused.remove(&oldest);
            }
        }
        self.refused.insert(user.to_owned(), (now, refused));
    }
}

#[cfg(test)]
mod tests {
    use model::PageId;
    use model::status::ListenerReport;

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
    fn a_call_without_common_media_counts_until_one_has_some_or_the_user_registers_anew() {
        let refused = ZoneEvent::CallRefused {
            account: "one".parse().unwrap(),
            caller: "hall".parse().unwrap(),
            target: "700".to_owned(),
            why: CallRefusal::NoCommonMedia,
        };
        let page = |verdict| {
            let listener = ListenerReport {
                user: "hall".parse().unwrap(),
                name: "Hall".to_owned(),
                verdict,
                first_audio_ms: None,
                receipt: None,
                devices: 1,
                heard_devices: 0,
            };
            ZoneEvent::PageEnded {
                account: "one".parse().unwrap(),
                report: PageReport {
                    page: PageId::from_random(1),
                    extension: "700".parse().unwrap(),
                    talker: "desk".parse().unwrap(),
                    duration_ms: 1,
                    listeners: vec![listener],
                },
            }
        };
        let missing = |status| {
            let why = MissingReason::Refused { status, text: None };
            page(Verdict::Missing { why })
        };
        let registrations = Registrations::default();
        for (event, expected) in [
            (registered("hall"), None),
            (missing(486), None),
            (missing(488), Some(LATE)),
            (missing(486), Some(LATE)),
            (page(Verdict::Heard), None),
            (refused, Some(LATE)),
            (registered("hall"), None),
        ] {
            registrations.note(&event, LATE);
            assert_eq!(registrations.without_media("hall"), expected, "{event:?}");
        }
    }

    #[test]
    fn strangers_push_one_another_out_and_nobody_who_registers() {
        let registrations = Registrations::default();
        registrations.note(&registered("hall"), EARLY);
        for number in 0..REFUSED_MAX {
            let at = Timestamp(u64::try_from(number).unwrap());
            registrations.note(&refused(&format!("stranger{number}")), at);
        }
        assert!(registrations.of("stranger0").is_some());
        registrations.note(&refused("one-more"), Timestamp(u64::MAX));
        assert!(registrations.of("stranger0").is_none());
        assert!(registrations.of("stranger1").is_some());
        registrations.note(&registered("gate"), LATE);
        for user in ["hall", "gate"] {
            assert!(matches!(
                registrations.of(user),
                Some(Registration::Registered { .. })
            ));
        }
    }

    #[test]
    fn a_whole_state_mends_what_missed_events_have_left_wrong() {
        let registrations = Registrations::default();
        for user in ["stays", "went"] {
            registrations.note(&registered(user), EARLY);
        }
        let all = ["stays", "came"].map(|user| RegisteredUser {
            user: user.parse().unwrap(),
            from: "192.0.2.7:5060".to_owned(),
        });

        registrations.restate(&all, LATE);

        let since = |user| match registrations.of(user) {
            Some(Registration::Registered { since, .. }) => Some(since),
            Some(Registration::Gone { .. } | Registration::Refused { .. }) | None => None,
        };
        assert_eq!(
            [since("stays"), since("came"), since("went")],
            [Some(EARLY), Some(LATE), None]
        );
        assert_eq!(registrations.of("went"), Some(Registration::Gone { since: LATE }));
    }
}
