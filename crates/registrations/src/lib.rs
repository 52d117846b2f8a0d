//! What the zones have told of who is registered, and of who was refused, and how they are connected: one value, shared by whoever hears
//! the zones and whoever shows them.
//!
//! What this crate deliberately does not do: it asks nobody, and keeps nothing past the end of its process.

mod resync;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::SipUser;
use model::directory::Epoch;
use model::inventory::Timestamp;
use model::status::{
    CallRefusal, HandshakeFailure, MissingReason, PageReport, RegisteredUser, RegistrationRefusal,
    SipTransport, Verdict, WRONG_ANSWERS_KEPT_MS, ZoneEvent,
};
use tokio::sync::watch;

pub use resync::{Resync, Unasked};
use zone::{Binding, KnownZone};
pub use zone::{GONE_MAX, REGISTERED_MAX, RegisteredAt, ZoneLink, ZoneState};

/// Users whose last refusal is kept; past that the oldest goes: anybody can try under names that nobody has.
pub const REFUSED_MAX: usize = 1_000;
/// Addresses of which the last handshake with a zone that failed is kept, of each zone; past that the oldest goes: anybody can begin one.
pub const HANDSHAKES_MAX: usize = 1_000;
/// The name under which the zone of this process is kept; no other has an empty one.
const OWN: &str = "";

/// The status by which somebody says that what is offered of media does not suit it (RFC 3261 §21.4.26).
const NOT_ACCEPTABLE_HERE: u16 = 488;

/// Says whether what somebody is registered by was told by a zone that is not connected.
fn is_lost(registration: &Registration) -> bool {
    matches!(registration, Registration::Registered { at: Some(at), .. } if at.lost_since.is_some())
}

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
        /// By what, if the zone tells it.
        transport: Option<SipTransport>,
        /// What people call the zone; empty where it has no name.
        zone: String,
        /// At which zone, if it is none of this process.
        at: Option<RegisteredAt>,
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
        /// So many answers from there were wrong that the zone looks at the next after a wait.
        is_slowed: bool,
    },
}

impl Registration {
    /// The IP address that somebody is registered from; none of whoever is not.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::Registered { from, .. } => Some(host(from)),
            Self::Gone { .. } | Self::Refused { .. } => None,
        }
    }
}

/// The address alone of one with a port.
fn host(from: &str) -> &str {
    let host = from.rsplit_once(':').map_or(from, |(host, _)| host);
    host.trim_matches(['[', ']'])
}

/// A TLS handshake with a zone that failed: nobody knows whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedHandshake {
    /// When the last from there was told.
    pub at: Timestamp,
    /// What people call the zone.
    pub zone: String,
    /// Why.
    pub why: HandshakeFailure,
}

/// Registrations by user; it is shared by whoever hears the zones and whoever shows them.
#[derive(Debug, Default)]
pub struct Registrations {
    known: Mutex<Known>,
    /// Counts what has been taken.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    zone_by_name: BTreeMap<String, KnownZone>,
    refused: BTreeMap<String, (Timestamp, Registration)>,
    /// Users of the directory whose last call found no media that both sides take, since they registered.
    without_media: BTreeMap<String, Timestamp>,
    /// The last from an address, at each zone.
    failed_handshakes_by_zone: BTreeMap<String, BTreeMap<IpAddr, (Timestamp, HandshakeFailure)>>,
    /// Counts connections of zones.
    connections: u64,
}

impl Registrations {
    /// Takes an event of the zone of this process; those about calls say nothing here. A refusal of somebody who is registered does not
    /// make them less so.
    pub fn note(&self, event: &ZoneEvent, now: Timestamp) {
        self.note_at(OWN, event, now);
    }

    /// Takes an event of a zone elsewhere as [`Registrations::note`] does.
    pub fn note_at(&self, zone: &str, event: &ZoneEvent, now: Timestamp) {
        // Anybody can have a handshake fail: nobody is woken for it.
        if let ZoneEvent::HandshakeFailed { .. } = event {
            self.known().take(zone, event, now);
        } else {
            self.change(|known| known.take(zone, event, now));
        }
    }

    /// Takes the whole of who is registered at the zone of this process, as it is after events of it were missed. Who is known to be
    /// registered stays so since when it was, unless from another address, and who is not among them any more is gone.
    pub fn restate(&self, all: &[RegisteredUser], now: Timestamp) {
        self.restate_at(OWN, all, now);
    }

    /// Takes the whole of who is registered at a zone elsewhere as [`Registrations::restate`] does.
    pub fn restate_at(&self, zone: &str, all: &[RegisteredUser], now: Timestamp) {
        self.change(|known| {
            known.zone(zone).restate(all, now);
            for registered in all {
                known.refused.remove(registered.user.as_str());
            }
        });
    }

    /// Says what people call the zone of this process, and which directory it has.
    pub fn name_own(&self, name: &str, epoch: Epoch, now: Timestamp) {
        self.change(|known| {
            let zone = known.zone(OWN);
            name.clone_into(&mut zone.title);
            zone.link = ZoneLink::InProcess;
            zone.epoch = Some((epoch, now));
        });
    }

    /// Says that a zone may come that has not yet.
    pub fn expect_zone(&self, zone: &str) {
        self.change(|known| {
            known.zone(zone);
        });
    }

    /// A zone elsewhere is connected; gives the number by which its connection is ended.
    pub fn connect(&self, zone: &str, now: Timestamp) -> u64 {
        self.change(|known| {
            known.connections = known.connections.wrapping_add(1);
            let connection = known.connections;
            let zone = known.zone(zone);
            zone.link = ZoneLink::Connected { since: now };
            zone.connection = connection;
            connection
        })
    }

    /// A connection of a zone has ended; that is no matter where a later one has begun. Says whether it was the last.
    pub fn disconnect(&self, zone: &str, connection: u64, now: Timestamp) -> bool {
        self.change(|known| {
            let zone = known.zone(zone);
            let is_last = zone.connection == connection;
            if is_last {
                zone.link = ZoneLink::Lost { since: now };
            }
            is_last
        })
    }

    /// A zone elsewhere has said which directory it has.
    pub fn note_epoch(&self, zone: &str, epoch: Epoch, now: Timestamp) {
        self.change(|known| known.zone(zone).note_epoch(epoch, now));
    }

    /// Tells when something has been noted, whatever it was but a handshake that failed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How the zones are, by name; that of this process first.
    #[must_use]
    pub fn zones(&self) -> Vec<ZoneState> {
        let known = self.known();
        let zones = known.zone_by_name.values();
        zones
            .filter(|zone| !zone.title.is_empty())
            .map(KnownZone::state)
            .collect()
    }

    /// What is known of a user: that it is registered, rather at a zone that is connected, else what it was told last.
    #[must_use]
    pub fn of(&self, user: &str) -> Option<Registration> {
        let known = self.known();
        let registered = known
            .zone_by_name
            .values()
            .filter_map(|zone| zone.registered(user));
        if let Some(registered) = registered.min_by_key(is_lost) {
            return Some(registered);
        }
        let refused = known.refused.get(user).map(|(_, refused)| refused.clone());
        let gone = known
            .zone_by_name
            .values()
            .filter_map(|zone| zone.gone(user))
            .max();
        refused.or_else(|| gone.map(|since| Registration::Gone { since }))
    }

    /// The zones that a user is registered at, of those that are connected, by name.
    #[must_use]
    pub fn zones_of(&self, user: &str) -> BTreeSet<String> {
        let known = self.known();
        let zones = known.zone_by_name.values();
        let serving = zones.filter(|zone| zone.registered(user).is_some_and(|known| !is_lost(&known)));
        serving.map(|zone| zone.title.clone()).collect()
    }

    /// A zone elsewhere that has not told who is registered there since this process was started: whoever is not known may be.
    #[must_use]
    pub fn untold(&self) -> Option<String> {
        let known = self.known();
        let mut zones = known.zone_by_name.values();
        zones.find_map(|zone| zone.untold().map(str::to_owned))
    }

    /// When a call of a user last found no media that both sides take: one without SRTP, mostly. It is forgotten once one does, and when it
    /// registers anew.
    #[must_use]
    pub fn without_media(&self, user: &str) -> Option<Timestamp> {
        self.known().without_media.get(user).copied()
    }

    /// The last handshake from an address that failed at each zone.
    #[must_use]
    pub fn failed_handshakes(&self, from: IpAddr) -> Vec<FailedHandshake> {
        let known = self.known();
        let zones = known.failed_handshakes_by_zone.iter();
        zones
            .filter_map(|(zone, failed)| Some((zone, failed.get(&from)?)))
            .map(|(zone, (at, why))| FailedHandshake {
                at: *at,
                zone: known
                    .zone_by_name
                    .get(zone)
                    .map_or(zone, |known| &known.title)
                    .clone(),
                why: *why,
            })
            .collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        let changed = change(&mut self.known());
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        changed
    }
}

impl Known {
    fn zone(&mut self, name: &str) -> &mut KnownZone {
        self.zone_by_name
            .entry(name.to_owned())
            .or_insert_with(|| KnownZone::new(name))
    }

    fn take(&mut self, zone: &str, event: &ZoneEvent, now: Timestamp) {
        match event {
            ZoneEvent::Registered {
                user,
                from,
                user_agent,
                transport,
                ..
            } => {
                let binding = Binding {
                    since: now,
                    from: from.clone(),
                    user_agent: user_agent.clone(),
                    transport: *transport,
                };
                self.zone(zone).register(user, binding);
                self.refused.remove(user.as_str());
                self.without_media.remove(user.as_str());
            }
            ZoneEvent::Unregistered { user, .. } => self.zone(zone).unregister(user, now),
            ZoneEvent::RegistrationRefused { user, from, why, .. } => {
                let mut zones = self.zone_by_name.values();
                if zones.any(|zone| zone.registered(user).is_some()) {
                    return;
                }
                let refused = Registration::Refused {
                    at: now,
                    from: from.clone(),
                    why: *why,
                    is_slowed: self.is_slowed(user, from, *why, now),
                };
                self.refuse(user, now, refused);
            }
            ZoneEvent::HandshakeFailed { from, why } => {
                let failed = self.failed_handshakes_by_zone.entry(zone.to_owned());
                let failed = failed.or_default();
                make_room(failed, from, HANDSHAKES_MAX);
                failed.insert(*from, (now, *why));
            }
            ZoneEvent::CallRefused {
                caller,
                why: CallRefusal::NoCommonMedia,
                ..
            } => {
                self.note_without_media(caller, now);
            }
            ZoneEvent::PageEnded { report, .. } => self.take_page(report, now),
            ZoneEvent::DirectoryApplied { epoch, .. } => self.zone(zone).note_epoch(*epoch, now),
            ZoneEvent::CallRefused { .. }
            | ZoneEvent::AlertRaised { .. }
            | ZoneEvent::PageStarted { .. }
            | ZoneEvent::SnapshotWanted { .. }
            | ZoneEvent::DirectoryRefused { .. } => {}
        }
    }

    fn note_without_media(&mut self, user: &SipUser, now: Timestamp) {
        let is_known = self.without_media.contains_key(user.as_str());
        if is_known || self.without_media.len() < REGISTERED_MAX {
            self.without_media.insert(user.to_string(), now);
        }
    }

    fn take_page(&mut self, report: &PageReport, now: Timestamp) {
        // Whoever spoke had media.
        self.without_media.remove(report.talker.as_str());
        for listener in &report.listeners {
            match &listener.verdict {
                Verdict::Missing {
                    why: MissingReason::Refused { status, .. },
                } if *status == NOT_ACCEPTABLE_HERE => self.note_without_media(&listener.user, now),
                Verdict::Missing { .. } => {}
                Verdict::Heard | Verdict::Answered { .. } | Verdict::NotHeard { .. } => {
                    self.without_media.remove(listener.user.as_str());
                }
            }
        }
    }

    /// Says whether a zone that refuses a user looks at the next answer after a wait. It tells so once, and then of wrong answers alone.
    fn is_slowed(&self, user: &str, from: &str, why: RegistrationRefusal, now: Timestamp) -> bool {
        let is_slowed_still = |last: &Registration| match last {
            Registration::Refused {
                at,
                from: before,
                is_slowed,
                ..
            } => {
                *is_slowed && host(before) == host(from) && now.0.saturating_sub(at.0) < WRONG_ANSWERS_KEPT_MS
            }
            Registration::Registered { .. } | Registration::Gone { .. } => false,
        };
        match why {
            RegistrationRefusal::TooManyAttempts => true,
            RegistrationRefusal::WrongCredentials => {
                let last = self.refused.get(user);
                last.is_some_and(|(_, last)| is_slowed_still(last))
            }
            RegistrationRefusal::OtherUser
            | RegistrationRefusal::BadRequest
            | RegistrationRefusal::OtherDomain
            | RegistrationRefusal::ClearFlow => false,
        }
    }

    fn refuse(&mut self, user: &str, now: Timestamp, refused: Registration) {
        let user = user.to_owned();
        make_room(&mut self.refused, &user, REFUSED_MAX);
        self.refused.insert(user, (now, refused));
    }
}

/// Has the oldest go where there is no room for one more.
fn make_room<K: Ord + Clone, V>(kept: &mut BTreeMap<K, (Timestamp, V)>, key: &K, most: usize) {
    if kept.len() >= most && !kept.contains_key(key) {
        let oldest = kept.iter().min_by_key(|(_, (at, _))| *at);
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            kept.remove(&oldest);
        }
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
            transport: None,
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
                    since_start_ms: None,
                    since_end_ms: None,
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
    fn tries_stay_slowed_while_wrong_ones_from_the_same_address_follow_each_other() {
        use RegistrationRefusal::{OtherUser, TooManyAttempts, WrongCredentials};
        let registrations = Registrations::default();
        let (here, there) = ("192.0.2.7:5061", "192.0.2.8:5061");
        for (at, from, why, expected) in [
            (0, here, WrongCredentials, false),
            (1, here, TooManyAttempts, true),
            (2, "192.0.2.7:40000", WrongCredentials, true),
            (1 + WRONG_ANSWERS_KEPT_MS, here, WrongCredentials, true),
            (1 + 2 * WRONG_ANSWERS_KEPT_MS, here, WrongCredentials, false),
            (1 + 2 * WRONG_ANSWERS_KEPT_MS, here, TooManyAttempts, true),
            (2 + 2 * WRONG_ANSWERS_KEPT_MS, there, WrongCredentials, false),
            (3 + 2 * WRONG_ANSWERS_KEPT_MS, here, TooManyAttempts, true),
            (4 + 2 * WRONG_ANSWERS_KEPT_MS, here, OtherUser, false),
        ] {
            let event = ZoneEvent::RegistrationRefused {
                account: None,
                user: "hall".to_owned(),
                from: from.to_owned(),
                why,
            };
            registrations.note(&event, Timestamp(at));
            let told = registrations.of("hall");
            assert!(
                matches!(told, Some(Registration::Refused { is_slowed, .. }) if is_slowed == expected),
                "{at} {told:?}"
            );
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
    fn the_last_handshake_that_failed_from_an_address_is_kept_at_each_zone_and_the_oldest_goes_for_one_more()
    {
        let registrations = Registrations::default();
        registrations.name_own("campus", Epoch(3), EARLY);
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        let failed = |number, why| ZoneEvent::HandshakeFailed {
            from: address(number),
            why,
        };
        let (old, refused) = (HandshakeFailure::TlsTooOld, HandshakeFailure::CertificateRefused);
        registrations.note(&failed(0, old), EARLY);
        registrations.note(&failed(0, refused), LATE);
        registrations.note_at("b", &failed(0, old), EARLY);
        let kept = |at, zone: &str, why| FailedHandshake {
            at,
            zone: zone.to_owned(),
            why,
        };
        assert_eq!(
            registrations.failed_handshakes(address(0)),
            [kept(LATE, "campus", refused), kept(EARLY, "b", old)]
        );
        assert_eq!(registrations.failed_handshakes(address(1)), []);
        let before = *registrations.changes().borrow();
        for number in 1..HANDSHAKES_MAX {
            registrations.note(&failed(number, old), Timestamp(u64::MAX));
        }
        assert_eq!(registrations.failed_handshakes(address(0)).len(), 2);
        registrations.note(&failed(HANDSHAKES_MAX, old), Timestamp(u64::MAX));
        assert_eq!(
            registrations.failed_handshakes(address(0)),
            [kept(EARLY, "b", old)],
            "one zone takes no room from another"
        );
        assert_eq!(*registrations.changes().borrow(), before, "nobody is woken");
    }

    #[test]
    fn a_whole_state_mends_what_missed_events_have_left_wrong() {
        let registrations = Registrations::default();
        for user in ["stays", "moved", "went"] {
            registrations.note(&registered(user), EARLY);
        }
        // As many bindings as there are devices; one that stays is at a second address as well.
        let all = [
            ("stays", "192.0.2.7:5060"),
            ("stays", "192.0.2.1:5060"),
            ("moved", "192.0.2.7:5060"),
            ("came", "192.0.2.7:5060"),
        ];
        let all = all.map(|(user, from)| RegisteredUser {
            user: user.parse().unwrap(),
            from: from.to_owned(),
            transport: None,
        });

        registrations.restate(&all, LATE);

        let since = |user| match registrations.of(user) {
            Some(Registration::Registered { since, .. }) => Some(since),
            Some(Registration::Gone { .. } | Registration::Refused { .. }) | None => None,
        };
        assert_eq!(
            [since("stays"), since("moved"), since("came"), since("went")],
            [Some(EARLY), Some(LATE), Some(LATE), None]
        );
        let moved = registrations.of("moved").unwrap();
        assert_eq!(moved.address(), Some("192.0.2.7"));
        assert_eq!(registrations.of("went"), Some(Registration::Gone { since: LATE }));
    }

    #[test]
    fn a_zone_elsewhere_leaves_in_doubt_who_is_registered_until_it_has_told() {
        let registrations = Registrations::default();
        registrations.name_own("campus", Epoch(3), EARLY);
        assert_eq!(registrations.untold(), None);
        registrations.expect_zone("b");
        assert_eq!(registrations.untold().as_deref(), Some("b"));
        let connection = registrations.connect("b", EARLY);
        assert_eq!(registrations.untold().as_deref(), Some("b"));
        registrations.restate_at("b", &[], EARLY);
        assert_eq!(registrations.untold(), None);
        registrations.disconnect("b", connection, LATE);
        assert_eq!(registrations.untold(), None, "what it told last counts");
    }

    fn unregistered(user: &str) -> ZoneEvent {
        ZoneEvent::Unregistered {
            account: "one".parse().unwrap(),
            user: user.parse().unwrap(),
        }
    }

    #[test]
    fn so_many_that_are_gone_are_remembered_and_the_oldest_goes_for_one_more() {
        let registrations = Registrations::default();
        for number in 0..GONE_MAX {
            let at = Timestamp(u64::try_from(number).unwrap());
            registrations.note(&unregistered(&format!("u{number}")), at);
        }
        assert!(registrations.of("u0").is_some());
        // Whoever comes again makes room.
        registrations.note(&registered("u1"), LATE);
        registrations.note(&unregistered("one-more"), Timestamp(u64::MAX));
        assert!(registrations.of("u0").is_some());
        registrations.note(&unregistered("and-another"), Timestamp(u64::MAX));
        assert!(registrations.of("u0").is_none());
        assert!(registrations.of("one-more").is_some() && registrations.of("u2").is_some());
    }

    #[test]
    fn a_zone_has_so_many_registered_and_not_one_more() {
        let registrations = Registrations::default();
        let all: Vec<RegisteredUser> = (0..REGISTERED_MAX)
            .map(|number| RegisteredUser {
                user: format!("u{number}").parse().unwrap(),
                from: String::new(),
                transport: None,
            })
            .collect();
        registrations.restate_at("b", &all, EARLY);
        registrations.note_at("b", &registered("one-more"), LATE);
        registrations.note_at("b", &registered("u1"), LATE);
        assert_eq!(registrations.zones()[0].registered, REGISTERED_MAX);
        assert_eq!(registrations.of("one-more"), None);
    }

    #[test]
    fn a_user_is_registered_at_any_zone_and_rather_at_one_that_is_connected() {
        let registrations = Registrations::default();
        registrations.name_own("campus", Epoch(3), EARLY);
        registrations.expect_zone("c");
        let first = registrations.connect("b", EARLY);
        registrations.note_at("b", &registered("hall"), EARLY);
        let at = |registrations: &Registrations| match registrations.of("hall") {
            Some(Registration::Registered { at, .. }) => at,
            other => panic!("{other:?}"),
        };
        let elsewhere = |lost_since| {
            let zone = "b".to_owned();
            Some(RegisteredAt { zone, lost_since })
        };
        assert_eq!(at(&registrations), elsewhere(None));
        let second = registrations.connect("b", EARLY);
        registrations.disconnect("b", first, LATE);
        assert_eq!(
            at(&registrations),
            elsewhere(None),
            "a later connection has begun"
        );
        registrations.disconnect("b", second, LATE);
        assert_eq!(at(&registrations), elsewhere(Some(LATE)));
        registrations.note(&registered("hall"), LATE);
        assert_eq!(at(&registrations), None);
        registrations.note(&unregistered("hall"), LATE);
        assert_eq!(at(&registrations), elsewhere(Some(LATE)));
        registrations.note_epoch("b", Epoch(4), EARLY);
        registrations.note_epoch("b", Epoch(4), LATE);
        let states: Vec<_> = registrations
            .zones()
            .into_iter()
            .map(|zone| (zone.name, zone.link, zone.epoch, zone.registered))
            .collect();
        assert_eq!(
            states,
            [
                (
                    "campus".to_owned(),
                    ZoneLink::InProcess,
                    Some((Epoch(3), EARLY)),
                    0
                ),
                (
                    "b".to_owned(),
                    ZoneLink::Lost { since: LATE },
                    Some((Epoch(4), EARLY)),
                    1
                ),
                ("c".to_owned(), ZoneLink::Never, None, 0),
            ]
        );
    }
}
