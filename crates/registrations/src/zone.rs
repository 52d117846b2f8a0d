//! What is known of one zone.

use std::collections::{BTreeMap, BTreeSet};

use model::SipUser;
use model::directory::{Epoch, USERS_MAX};
use model::inventory::Timestamp;
use model::status::{RegisteredUser, SipTransport};

use crate::{OWN, Registration};

/// Users of one zone that were registered and are no more; past that the oldest goes.
pub const GONE_MAX: usize = 10_000;
/// Users that are registered at one zone: as many as a directory has. A zone that says more is not believed.
pub const REGISTERED_MAX: usize = USERS_MAX;

/// The zone elsewhere at which somebody is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredAt {
    /// Its name.
    pub zone: String,
    /// Since when it is not connected, and so what it told last may have passed; none while it is.
    pub lost_since: Option<Timestamp>,
}

/// How a zone is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneLink {
    /// It runs in this process.
    InProcess,
    /// It was not, since the service was started.
    Never,
    /// It is.
    Connected {
        /// Since when.
        since: Timestamp,
    },
    /// It was.
    Lost {
        /// Since when it is no more.
        since: Timestamp,
    },
}

/// How a zone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneState {
    /// What people call it.
    pub name: String,
    /// How it is connected.
    pub link: ZoneLink,
    /// The directory that it has, and since when.
    pub epoch: Option<(Epoch, Timestamp)>,
    /// How many are registered at it.
    pub registered: usize,
}

#[derive(Debug)]
pub(crate) struct KnownZone {
    name: String,
    /// What people call it; empty while the zone of this process has none.
    pub(crate) title: String,
    pub(crate) link: ZoneLink,
    /// The number of its last connection.
    pub(crate) connection: u64,
    pub(crate) epoch: Option<(Epoch, Timestamp)>,
    /// It has told once who is registered there.
    has_told: bool,
    registered_by_user: BTreeMap<String, Binding>,
    gone_by_user: BTreeMap<String, Timestamp>,
    /// The inverse of the map above.
    gone_by_time: BTreeSet<(Timestamp, String)>,
}

/// How somebody is registered.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) since: Timestamp,
    pub(crate) from: String,
    pub(crate) user_agent: Option<String>,
    pub(crate) transport: Option<SipTransport>,
}

impl KnownZone {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            link: ZoneLink::Never,
            connection: 0,
            epoch: None,
            has_told: false,
            registered_by_user: BTreeMap::new(),
            gone_by_user: BTreeMap::new(),
            gone_by_time: BTreeSet::new(),
        }
    }

    pub(crate) fn state(&self) -> ZoneState {
        ZoneState {
            name: self.title.clone(),
            link: self.link,
            epoch: self.epoch,
            registered: self.registered_by_user.len(),
        }
    }

    pub(crate) fn note_epoch(&mut self, epoch: Epoch, now: Timestamp) {
        if self.epoch.is_none_or(|(known, _)| known != epoch) {
            self.epoch = Some((epoch, now));
        }
    }

    pub(crate) fn register(&mut self, user: &SipUser, binding: Binding) {
        let is_known = self.registered_by_user.contains_key(user.as_str());
        if !is_known && self.registered_by_user.len() >= REGISTERED_MAX {
            return;
        }
        self.registered_by_user.insert(user.to_string(), binding);
        if let Some(since) = self.gone_by_user.remove(user.as_str()) {
            self.gone_by_time.remove(&(since, user.to_string()));
        }
    }

    pub(crate) fn unregister(&mut self, user: &SipUser, now: Timestamp) {
        self.registered_by_user.remove(user.as_str());
        self.leave(user.as_str(), now);
    }

    fn leave(&mut self, user: &str, now: Timestamp) {
        if let Some(before) = self.gone_by_user.insert(user.to_owned(), now) {
            self.gone_by_time.remove(&(before, user.to_owned()));
        }
        self.gone_by_time.insert((now, user.to_owned()));
        while self.gone_by_time.len() > GONE_MAX {
            if let Some((_, oldest)) = self.gone_by_time.pop_first() {
                self.gone_by_user.remove(&oldest);
            }
        }
    }

    pub(crate) fn restate(&mut self, all: &[RegisteredUser], now: Timestamp) {
        self.has_told = true;
        let present: BTreeSet<&str> = all.iter().map(|registered| registered.user.as_str()).collect();
        let is_gone = |user: &String| !present.contains(user.as_str());
        let gone: Vec<String> = self
            .registered_by_user
            .keys()
            .filter(|user| is_gone(user))
            .cloned()
            .collect();
        for user in gone {
            self.registered_by_user.remove(&user);
            self.leave(&user, now);
        }
        let bindings: BTreeSet<(&str, &str)> = all
            .iter()
            .map(|registered| (registered.user.as_str(), registered.from.as_str()))
            .collect();
        for RegisteredUser {
            user,
            from,
            transport,
        } in all
        {
            // Whoever is where nobody knew has registered anew meanwhile; who is at several addresses may be known by any of them.
            let known = self.registered_by_user.get(user.as_str());
            if known.is_none_or(|known| !bindings.contains(&(user.as_str(), known.from.as_str()))) {
                let binding = Binding {
                    since: now,
                    from: from.clone(),
                    user_agent: None,
                    transport: *transport,
                };
                self.register(user, binding);
            }
        }
    }

    /// Its name, where it is elsewhere and has not told yet who is registered there.
    pub(crate) fn untold(&self) -> Option<&str> {
        (self.name != OWN && !self.has_told).then_some(self.name.as_str())
    }

    /// The registration of a user at this zone.
    pub(crate) fn registered(&self, user: &str) -> Option<Registration> {
        let binding = self.registered_by_user.get(user)?;
        let lost_since = match self.link {
            ZoneLink::Lost { since } => Some(since),
            ZoneLink::InProcess | ZoneLink::Never | ZoneLink::Connected { .. } => None,
        };
        let at = (self.name != OWN).then(|| RegisteredAt {
            zone: self.name.clone(),
            lost_since,
        });
        Some(Registration::Registered {
            since: binding.since,
            from: binding.from.clone(),
            user_agent: binding.user_agent.clone(),
            transport: binding.transport,
            zone: self.title.clone(),
            at,
        })
    }

    /// Since when a user that was registered here is no more.
    pub(crate) fn gone(&self, user: &str) -> Option<Timestamp> {
        self.gone_by_user.get(user).copied()
    }
}
