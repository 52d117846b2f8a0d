//! How much the zone takes on at once: calls, legs, legs of one page, calls of one user.
//!
//! A call is admitted before its first leg exists, with room for every leg it is going to have, so that a page
//! that starts never finds itself without room for its last loudspeakers. Each leg has a pair of media ports, so there
//! are never more legs than pairs ([`Limits::within`]), and what is kept for alerts is there. Talkers that are asked for a PIN have
//! legs of their own, which they take from nobody.

use std::collections::BTreeMap;

use model::SipUser;

/// Legs of one page: the design's 1,000 with room for devices that register twice.
pub const LEGS_PER_PAGE_MAX: usize = 2_048;
/// Fewest pairs of media ports that carry a page: two talkers can be asked for a PIN; half of the other ones are kept for an alert,
/// and both the page and the alert have a talker and a listener.
pub const PORT_PAIRS_MIN: usize = ASKED_MIN + 4;
/// Legs of the zone's calls: two full pages and the calls beside them; each leg holds two sockets and about 10 kB.
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
/// However few port pairs there are: one place for pages, and one for alerts.
const ASKED_MIN: usize = 2;
/// Where port pairs are short, one of so many is for an asked talker.
const PORT_PAIRS_PER_ASKED: usize = 8;

/// Legs that only alerts may take: one full alert finds room in a zone that ordinary calls have filled.
pub const LEGS_KEPT_FOR_ALERTS: usize = LEGS_PER_PAGE_MAX;
/// Pages that only alerts may be, for the same reason.
pub const PAGES_KEPT_FOR_ALERTS: usize = 32;

/// The limits in force; the constants of this module by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Legs of one page, its talker included.
    pub legs_per_page: usize,
    /// Legs of the zone's calls; those of talkers that are asked for a PIN stand beside them.
    pub legs: usize,
    /// Pages under way.
    pub pages: usize,
    /// Two-party calls under way.
    pub conversations: usize,
    /// Calls one user has placed and that are under way. Alerts are not counted, and those whose PIN it is asked for are
    /// counted apart.
    pub calls_per_caller: usize,
    /// Legs of the zone's calls that only alerts may take.
    pub legs_kept_for_alerts: usize,
    /// Pages that only alerts may be.
    pub pages_kept_for_alerts: usize,
    /// Talkers that are asked for a PIN, each with a leg.
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
    /// The default limits for a zone with this many pairs of media ports. An eighth of them, but two at least, is for talkers that
    /// are asked for a PIN. One page takes at most half of the others, and as many are kept for an alert, so that a full alert goes out
    /// beside whatever else is under way. Fewer than [`PORT_PAIRS_MIN`] carry no page.
    #[must_use]
    pub fn within(port_pairs: usize) -> Self {
        let asked = (port_pairs / PORT_PAIRS_PER_ASKED).clamp(ASKED_MIN, ASKED_MAX);
        let legs = LEGS_MAX.min(port_pairs.saturating_sub(asked));
        let half = legs / 2;
        Self {
            legs_per_page: LEGS_PER_PAGE_MAX.min(half),
            legs,
            legs_kept_for_alerts: LEGS_KEPT_FOR_ALERTS.min(half),
            asked,
            asked_kept_for_alerts: ASKED_KEPT_FOR_ALERTS.min(asked / 2),
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

impl Load {
    /// Among which calls of its caller it is counted; `None` where a caller may have as many as there are.
    fn share(self) -> Option<Share> {
        match self {
            Self::Page | Self::Conversation | Self::Asking { for_alert: false } => Some(Share::Calls),
            Self::Asking { for_alert: true } => Some(Share::AskedAlerts),
            Self::Alert => None,
        }
    }

    fn is_asking(self) -> bool {
        matches!(self, Self::Asking { .. })
    }
}

/// What one user may have a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Share {
    Calls,
    /// Apart from the calls, which must keep nobody from raising an alert; bounded, since whoever keys in nothing would keep others
    /// from it.
    AskedAlerts,
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
    /// Those of calls.
    legs: usize,
    pages: usize,
    conversations: usize,
    /// Each has a leg.
    asked: usize,
    /// No entry is zero.
    calls_by_caller: BTreeMap<(SipUser, Share), usize>,
}

/// Room that has been given to one call; given back through [`Admission::release`].
#[derive(Debug, PartialEq, Eq)]
pub struct Room {
    caller: SipUser,
    load: Load,
    /// Of those of calls.
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

    /// Takes room for a call of `legs` legs in all; an asked talker has the one of its place.
    ///
    /// # Errors
    ///
    /// Names the limit the call would break; nothing is taken then.
    pub fn admit(&mut self, caller: &SipUser, load: Load, legs: usize) -> Result<Room, Full> {
        if load != Load::Conversation && legs > self.limits.legs_per_page {
            return Err(Full::Page { wanted: legs });
        }
        let kept_legs = match load {
            Load::Alert | Load::Asking { .. } => 0,
            Load::Page | Load::Conversation => self.limits.legs_kept_for_alerts,
        };
        let legs = if load.is_asking() { 0 } else { legs };
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
        let counted = load.share().map(|share| (caller.clone(), share));
        let has_all = |counted: &_| {
            let calls = self.calls_by_caller.get(counted);
            calls.is_some_and(|calls| *calls >= self.limits.calls_per_caller)
        };
        if counted.as_ref().is_some_and(has_all) {
            return Err(Full::Caller);
        }
        let legs_after = self.legs.saturating_add(legs);
        if legs_after > self.limits.legs.saturating_sub(kept_legs) {
            return Err(Full::Legs);
        }
        self.legs = legs_after;
        self.count(load, 1);
        if let Some(counted) = counted {
            *self.calls_by_caller.entry(counted).or_default() += 1;
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
        let Some(counted) = room.load.share().map(|share| (room.caller.clone(), share)) else {
            return;
        };
        if let Some(calls) = self.calls_by_caller.get_mut(&counted) {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                self.calls_by_caller.remove(&counted);
            }
        }
    }

    /// Legs that an alert finds, its talker's included.
    #[must_use]
    pub fn legs_for_alert(&self) -> usize {
        let left = self.limits.legs.saturating_sub(self.legs);
        left.min(self.limits.legs_per_page)
    }

    /// Legs taken, those of asked talkers included.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.legs.saturating_add(self.asked)
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
        for pairs in [PORT_PAIRS_MIN, 7, 50, 1_000, 5_000, 8_191] {
            let limits = Limits::within(pairs);
            assert_eq!(limits.legs + limits.asked, pairs);
            assert!(limits.asked > limits.asked_kept_for_alerts && limits.asked_kept_for_alerts > 0);
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
            let mut asked = 0;
            for for_alert in [false, true] {
                while admission.admit(&user("a"), Load::Asking { for_alert }, 1).is_ok() {
                    asked += 1;
                }
            }
            assert_eq!(asked, limits.asked, "{pairs} pairs");

            assert_eq!(admission.legs_for_alert(), limits.legs_per_page, "{pairs} pairs");
            let alert = admission.admit(&user("b"), Load::Alert, limits.legs_per_page);

            assert!(alert.is_ok(), "{pairs} pairs");
            assert!(admission.legs() <= pairs, "{pairs} pairs");
        }
        assert!(Limits::within(PORT_PAIRS_MIN - 1).legs_per_page < 2);
        assert_eq!(Limits::within(LEGS_MAX + ASKED_MAX), Limits::default());
        assert_eq!(Limits::within(LEGS_MAX + ASKED_MAX + 1), Limits::default());
        assert_ne!(Limits::within(LEGS_MAX + ASKED_MAX - 1), Limits::default());
    }

    #[test]
    fn a_caller_that_has_all_its_calls_is_asked_for_the_pin_of_as_many_alerts_and_of_none_more() {
        let for_alert = Load::Asking { for_alert: true };
        let most = limits().calls_per_caller;
        for load in [Load::Page, Load::Asking { for_alert: false }] {
            let mut admission = Admission::new(Limits {
                asked: 9,
                pages: 9,
                ..limits()
            });
            for _ in 0..most {
                admission.admit(&user("a"), load, 1).unwrap();
            }
            assert_eq!(admission.admit(&user("a"), load, 1), Err(Full::Caller));

            let rooms: Vec<Room> = (0..most)
                .map(|_| admission.admit(&user("a"), for_alert, 1).unwrap())
                .collect();
            assert_eq!(
                admission.admit(&user("a"), for_alert, 1),
                Err(Full::Caller),
                "nobody takes all places"
            );
            assert!(admission.admit(&user("b"), for_alert, 1).is_ok());

            rooms.iter().for_each(|room| admission.release(room));
            assert_eq!(
                admission.admit(&user("a"), load, 1),
                Err(Full::Caller),
                "those were others"
            );
            assert!(admission.admit(&user("a"), for_alert, 1).is_ok());
        }
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
