//! The sessions of one agent, found by id, by dialog and by deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use smallvec::SmallVec;

use super::SessionId;
use super::session::{Session, SessionTimer};
use crate::dialog::{Dialog, DialogKey};
use crate::draft::Authorizations;
use crate::flow::{ConnectionId, Flow};
use crate::schedule::Schedule;
use crate::transaction::TransactionId;

/// What a session, or a request that waits for the owner, is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    Session(SessionId, SessionTimer),
    /// The owner has not answered a BYE or a re-INVITE.
    Owner(TransactionId),
    /// A re-INVITE of ours has had no final response for too long.
    Reinvite(TransactionId),
}

/// What is kept of an INVITE of ours that was answered 2xx, as long as 2xx responses to it may arrive.
pub(super) struct Accepted {
    pub(super) flow: Flow,
    /// The dialog as it was before the response: the source of the dialogs of other branches.
    pub(super) calling: Dialog,
    /// What the ACK repeats of the INVITE (RFC 3261 13.2.2.4).
    pub(super) sequence: u32,
    pub(super) authorizations: Authorizations,
    /// The remote tag of each branch and the ACK that was sent to it, if it could be written.
    pub(super) acks: SmallVec<[(String, Option<Bytes>); 1]>,
}

/// All sessions of one agent.
pub(super) struct Sessions {
    session_by_id: BTreeMap<SessionId, Session>,
    id_by_dialog: BTreeMap<DialogKey, SessionId>,
    id_by_connection: BTreeSet<(ConnectionId, SessionId)>,
    accepted_by_transaction: BTreeMap<TransactionId, Accepted>,
    schedule: Schedule<Deadline>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            session_by_id: BTreeMap::new(),
            id_by_dialog: BTreeMap::new(),
            id_by_connection: BTreeSet::new(),
            accepted_by_transaction: BTreeMap::new(),
            schedule: Schedule::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.session_by_id.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.schedule.next()
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<Deadline> {
        self.schedule.take_due(now)
    }

    pub(super) fn schedule(&mut self, deadline: Deadline, at: Option<Instant>) {
        self.schedule.set(deadline, at);
    }

    pub(super) fn insert(&mut self, id: SessionId, session: Session) {
        self.id_by_dialog.insert(session.dialog.key(), id);
        self.id_by_connection.insert((session.flow.connection, id));
        self.session_by_id.insert(id, session);
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.session_by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.session_by_id.get_mut(&id)
    }

    /// Forgets a session with its dialog and its timers.
    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.session_by_id.remove(&id)?;
        self.id_by_dialog.remove(&session.dialog.key());
        self.id_by_connection.remove(&(session.flow.connection, id));
        for timer in [
            SessionTimer::Retransmit,
            SessionTimer::Patience,
            SessionTimer::Provisional,
            SessionTimer::Refresh,
            SessionTimer::Expire,
        ] {
            self.schedule.set(Deadline::Session(id, timer), None);
        }
        Some(session)
    }

    /// The session whose dialog a request with these identifiers belongs to (RFC 3261 12.2.2).
    pub(super) fn find(&self, key: &DialogKey, remote_tag: &str) -> Option<SessionId> {
        let id = self.id_by_dialog.get(key).copied()?;
        self.session_by_id.get(&id)?.is_with(remote_tag).then_some(id)
    }

    /// The sessions on a connection or socket.
    pub(super) fn on_connection(&self, connection: ConnectionId) -> Vec<SessionId> {
        self.id_by_connection
            .range((connection, SessionId(0))..=(connection, SessionId(u64::MAX)))
            .map(|(_, id)| *id)
            .collect()
    }

    /// Files a session under another flow; `false` says that there is no such session.
    pub(super) fn move_to(&mut self, id: SessionId, flow: Flow, contact: Option<String>) -> bool {
        let Some(session) = self.session_by_id.get_mut(&id) else {
            return false;
        };
        self.id_by_connection.remove(&(session.flow.connection, id));
        self.id_by_connection.insert((flow.connection, id));
        session.flow = flow;
        if let Some(contact) = contact {
            session.contact = contact;
        }
        true
    }

    pub(super) fn insert_accepted(&mut self, id: TransactionId, accepted: Accepted) {
        self.accepted_by_transaction.insert(id, accepted);
    }

    pub(super) fn accepted(&self, id: TransactionId) -> Option<&Accepted> {
        self.accepted_by_transaction.get(&id)
    }

    pub(super) fn accepted_mut(&mut self, id: TransactionId) -> Option<&mut Accepted> {
        self.accepted_by_transaction.get_mut(&id)
    }

    /// Forgets what belongs to a transaction that is over; `session` is the one that owed it an answer.
    pub(super) fn transaction_over(&mut self, id: TransactionId, session: Option<SessionId>) {
        self.accepted_by_transaction.remove(&id);
        self.schedule.set(Deadline::Owner(id), None);
        self.schedule.set(Deadline::Reinvite(id), None);
        if let Some(session) = session.and_then(|session| self.session_by_id.get_mut(&session)) {
            session.requests.retain(|waiting| *waiting != id);
        }
    }
}
