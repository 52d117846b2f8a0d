//! How much the zone takes on at once: calls, legs, legs of one page, calls of one user.
//!
//! A call is admitted before its first leg exists, with room for every leg it is going to have, so that a page
//! that starts never finds itself without room for its last loudspeakers. Each leg has a pair of media ports, so there
//! are never more legs than pairs ([`Limits::within`]), and what is kept for alerts is there.

use std::collections::BTreeMap;

use model::SipUser;

/// Legs of one page: the design's 1,000 with room for devices that register twice.
pub const LEGS_PER_PAGE_MAX: usize = 2_048;
/// Fewest pairs of media ports that carry a page: half of them are kept for an alert, and both the page and the alert have a
/// talker and a listener.
pub const PORT_PAIRS_MIN: usize = 4;
/// Legs of the zone: two full pages and the calls beside them; each leg holds two sockets and about 10 kB.
pub const LEGS_MAX: usize = 8_192;
/// Pages under way at once: a large site has tens of groups, and more talkers at once are not understood anyway.
pub const PAGES_MAX: usize = 256;
/// Two-party calls under way at once.
pub const CONVERSATIONS_MAX: usize = 2_048;
/// Calls one user has under way at once: a phone with a call held, one waiting and one being placed, twice.
/// It also bounds what one stolen credential or one forwarding loop can take.
pub const CALLS_PER_CALLER_MAX: usize = 6;

/// Talkers that are asked for a PIN at once. They have a leg each and no page yet, so who keys in nothing keeps nobody out who
/// needs no PIN.
pub const ASKED_MAX: usize = 64;
/// Of these, places that only alerts may take.
pub const ASKED_KEPT_FOR_ALERTS: usize = 16;

/// Legs that only alerts may take: one full alert finds room in a zone that ordinary calls have filled.
pub const LEGS_KEPT_FOR_ALERTS: usize = LEGS_PER_PAGE_MAX;
/// Pages that only alerts may be, for the same reason.
pub const PAGES_KEPT_FOR_ALERTS: usize = 32;

/// The limits in force; the constants of this module by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Legs of one page, its talker included.
    pub legs_per_page: usize,
    /// Legs of the zone.
    pub legs: usize,
    /// Pages under way.
    pub pages: usize,
    /// Two-party calls under way.
    pub conversations: usize,
    /// Calls one user has placed and that are under way; alerts are not counted.
    pub calls_per_caller: usize,
    /// Legs of the zone that only alerts may take.
    pub legs_kept_for_alerts: usize,
    /// Pages that only alerts may be.
    pub pages_kept_for_alerts: usize,
    /// Talkers that are asked for a PIN.
    pub asked: usize,
    /// Of these, places that only alerts may take.
    pub asked_kept_for_alerts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            legs_per_page: LEGS_PER_PAGE_MAX,
            legs: LEGS_MAX,
            pages: PAGES_MAX,
            conversations: CONVERSATIONS_MAX,
            calls_per_caller: CALLS_PER_CALLER_MAX,
            legs_kept_for_alerts: LEGS_KEPT_FOR_ALERTS,
            pages_kept_for_alerts: PAGES_KEPT_FOR_ALERTS,
            asked: ASKED_MAX,
            asked_kept_for_alerts: ASKED_KEPT_FOR_ALERTS,
        }
    }
}

impl Limits {
    /// The default limits for a zone with this many pairs of media ports: one page takes at most half of them, and as many
    /// are kept for an alert, so that a full alert goes out beside whatever ordinary calls are under way. Fewer than
    /// [`PORT_PAIRS_MIN`] carry no page.
    #[must_use]
    pub fn within(port_pairs: usize) -> Self {
        let legs = LEGS_MAX.min(port_pairs);
        let half = legs / 2;
        Self {
            legs_per_page: LEGS_PER_PAGE_MAX.min(half),
            legs,
            legs_kept_for_alerts: LEGS_KEPT_FOR_ALERTS.min(half),
            ..Self::default()
        }
    }
}

/// What a call is, as far as admission counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// One talker, many listeners.
    Page,
    /// A page that warns of danger, or exercises that.
    Alert,
    /// Two parties.
    Conversation,
    /// A talker that is asked for the PIN of a page or an alert.
    Asking {
        /// It is an alert's.
        for_alert: bool,
    },
}

/// Why a call is not taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The page would have more legs than one page may have.
    #[error("the page would have {wanted} legs")]
    Page {
        /// Legs it would have.
        wanted: usize,
    },
    /// The zone has no legs left.
    #[error("the zone's legs are taken")]
    Legs,
    /// The zone carries as many calls of this kind as it may.
    #[error("the zone's calls are taken")]
    Calls,
    /// The caller has as many calls under way as one user may have.
    #[error("the caller has too many calls under way")]
    Caller,
}

/// Counts what is under way.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    legs: usize,
    pages: usize,
    conversations: usize,
    asked: usize,
    /// No entry is zero.
    calls_by_caller: BTreeMap<SipUser, usize>,
}

/// Room that has been given to one call; given back through [`Admission::release`].
#[derive(Debug, PartialEq, Eq)]
pub struct Room {
    caller: SipUser,
    load: Load,
    legs: usize,
}

impl Admission {
    /// Makes an empty zone with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            legs: 0,
            pages: 0,
            conversations: 0,
            asked: 0,
            calls_by_caller: BTreeMap::new(),
        }
    }

    /// Takes room for a call of `legs` legs in all.
    ///
    /// # Errors
    ///
    /// Names the limit the call would break; nothing is taken then.
    pub fn admit(&mut self, caller: &SipUser, load: Load, legs: usize) -> Result<Room, Full> {
        if load != Load::Conversation && legs > self.limits.legs_per_page {
            return Err(Full::Page { wanted: legs });
        }
        let kept_legs = match load {
            Load::Alert | Load::Asking { for_alert: true } => 0,
            Load::Page | Load::Conversation | Load::Asking { for_alert: false } => {
                self.limits.legs_kept_for_alerts
            }
        };
        let (under_way, limit) = match load {
            Load::Page => (
                self.pages,
                self.limits
                    .pages
                    .saturating_sub(self.limits.pages_kept_for_alerts),
            ),
            Load::Alert => (self.pages, self.limits.pages),
            Load::Conversation => (self.conversations, self.limits.conversations),
            Load::Asking { for_alert: true } => (self.asked, self.limits.asked),
            Load::Asking { for_alert: false } => (
                self.asked,
                self.limits
                    .asked
                    .saturating_sub(self.limits.asked_kept_for_alerts),
            ),
        };
        if under_way >= limit {
            return Err(Full::Calls);
        }
        let is_busy = self
            .calls_by_caller
            .get(caller)
            .is_some_and(|calls| *calls >= self.limits.calls_per_caller);
        if load != Load::Alert && is_busy {
            return Err(Full::Caller);
        }
        let legs_after = self.legs.saturating_add(legs);
        if legs_after > self.limits.legs.saturating_sub(kept_legs) {
            return Err(Full::Legs);
        }
        self.legs = legs_after;
        self.count(load, 1);
        if load != Load::Alert {
            *self.calls_by_caller.entry(caller.clone()).or_default() += 1;
        }
        Ok(Room {
            caller: caller.clone(),
            load,
            legs,
        })
    }

    /// Takes back the room of a call that is over.
    pub fn release(&mut self, room: &Room) {
        self.legs = self.legs.saturating_sub(room.legs);
        self.count(room.load, -1);
        if room.load != Load::Alert
            && let Some(calls) = self.calls_by_caller.get_mut(&room.caller)
        {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                self.calls_by_caller.remove(&room.caller);
            }
        }
    }

    /// Legs that an alert finds, its talker's included.
    #[must_use]
    pub fn legs_for_alert(&self) -> usize {
        let left = self.limits.legs.saturating_sub(self.legs);
        left.min(self.limits.legs_per_page)
    }

    /// Legs taken.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.legs
    }

    /// Pages under way.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Two-party calls under way.
    #[must_use]
    pub fn conversations(&self) -> usize {
        self.conversations
    }

    fn count(&mut self, load: Load, change: isize) {
        let counter = match load {
            Load::Page | Load::Alert => &mut self.pages,
            Load::Conversation => &mut self.conversations,
            Load::Asking { .. } => &mut self.asked,
        };
        *counter = counter.saturating_add_signed(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            legs_per_page: 4,
            legs: 10,
            pages: 2,
            conversations: 1,
            calls_per_caller: 2,
            legs_kept_for_alerts: 0,
            pages_kept_for_alerts: 0,
            asked: 2,
            asked_kept_for_alerts: 1,
        }
    }

    fn user(name: &str) -> SipUser {
        name.parse().unwrap()
    }

    #[test]
    fn a_page_of_as_many_legs_as_allowed_is_admitted_and_one_more_is_not() {
        let mut admission = Admission::new(limits());

        assert!(admission.admit(&user("a"), Load::Page, 4).is_ok());
        assert_eq!(
            admission.admit(&user("b"), Load::Page, 5),
            Err(Full::Page { wanted: 5 })
        );
    }

    #[test]
    fn the_last_leg_of_the_zone_is_given_and_no_more() {
        let mut admission = Admission::new(Limits { pages: 9, ..limits() });
        admission.admit(&user("a"), Load::Page, 4).unwrap();
        admission.admit(&user("b"), Load::Page, 4).unwrap();

        assert_eq!(admission.admit(&user("c"), Load::Page, 3), Err(Full::Legs));
        assert!(admission.admit(&user("c"), Load::Page, 2).is_ok());
        assert_eq!(admission.legs(), 10);
    }

    #[test]
    fn pages_and_conversations_have_limits_of_their_own() {
        let mut admission = Admission::new(limits());
        admission.admit(&user("a"), Load::Page, 1).unwrap();
        admission.admit(&user("b"), Load::Page, 1).unwrap();

        assert_eq!(admission.admit(&user("c"), Load::Page, 1), Err(Full::Calls));
        assert!(admission.admit(&user("c"), Load::Conversation, 2).is_ok());
        assert_eq!(
            admission.admit(&user("d"), Load::Conversation, 2),
            Err(Full::Calls)
        );
    }

    #[test]
    fn a08_one_caller_holds_no_more_than_its_share() {
        let mut admission = Admission::new(Limits { pages: 9, ..limits() });
        admission.admit(&user("a"), Load::Page, 1).unwrap();
        admission.admit(&user("a"), Load::Page, 1).unwrap();

        assert_eq!(admission.admit(&user("a"), Load::Page, 1), Err(Full::Caller));
        assert!(admission.admit(&user("b"), Load::Page, 1).is_ok());
    }

    #[test]
    fn an_alert_finds_room_where_ordinary_calls_do_not() {
        let limits = Limits {
            legs_kept_for_alerts: 4,
            pages_kept_for_alerts: 1,
            calls_per_caller: 1,
            ..limits()
        };
        let mut admission = Admission::new(limits);
        admission.admit(&user("a"), Load::Page, 4).unwrap();

        assert_eq!(
            admission.admit(&user("b"), Load::Page, 1),
            Err(Full::Calls),
            "the last page is an alert's"
        );
        assert_eq!(
            admission.admit(&user("b"), Load::Conversation, 3),
            Err(Full::Legs),
            "and its legs"
        );
        assert!(
            admission.admit(&user("a"), Load::Alert, 4).is_ok(),
            "even of a caller that has all its calls"
        );
        assert_eq!(
            admission.admit(&user("a"), Load::Alert, 1),
            Err(Full::Calls),
            "alerts are bounded too"
        );
    }

    #[test]
    fn a_full_alert_finds_ports_beside_ordinary_calls_however_few_there_are() {
        for pairs in [PORT_PAIRS_MIN, 5, 50, 1_000, 5_000, 8_191] {
            let limits = Limits::within(pairs);
            assert_eq!(limits.legs, pairs);
            assert!(
                limits.legs_per_page >= 2,
                "a talker and a listener of {pairs} pairs"
            );
            let mut admission = Admission::new(Limits {
                conversations: pairs,
                calls_per_caller: pairs,
                ..limits
            });
            while admission.admit(&user("a"), Load::Conversation, 1).is_ok() {}

            assert_eq!(admission.legs_for_alert(), limits.legs_per_page, "{pairs} pairs");
            let alert = admission.admit(&user("b"), Load::Alert, limits.legs_per_page);

            assert!(alert.is_ok(), "{pairs} pairs");
            assert!(admission.legs() <= pairs, "{pairs} pairs");
        }
        assert!(Limits::within(PORT_PAIRS_MIN - 1).legs_per_page < 2);
        assert_eq!(Limits::within(LEGS_MAX), Limits::default());
        assert_eq!(Limits::within(LEGS_MAX + 1), Limits::default());
    }

    #[test]
    fn room_given_back_can_be_taken_again() {
        let mut admission = Admission::new(limits());
        let room = admission.admit(&user("a"), Load::Conversation, 2).unwrap();

        admission.release(&room);

        assert_eq!((admission.legs(), admission.conversations()), (0, 0));
        assert!(admission.admit(&user("a"), Load::Conversation, 2).is_ok());
        assert!(admission.calls_by_caller.len() == 1);
    }
}
