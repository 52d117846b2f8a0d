//! Connections by number and dials by peer: every look-up is by key.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sip::flow::{ConnectionId, Flow, Transport};
use tokio::sync::Notify;

use super::datagram::DatagramSocket;
use super::outbox::Outbox;
use super::{CloseCause, DialToken, SendError};

/// Tells dials apart: two dials with the same key share one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DialKey {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    pub(crate) server_name: Option<String>,
    pub(crate) policy: Option<u64>,
    pub(crate) lane: u64,
}

/// What stands behind a connection number.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Datagrams(Arc<DatagramSocket>),
    Stream(Arc<Outbox>),
}

/// What a dial meets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// An open connection announces it, or one being made takes it along.
    Existing,
    /// It is the first: its caller has to make the connection.
    First,
    /// Too many connections are being made.
    TooMany,
}

#[derive(Debug)]
enum DialState {
    Pending(Vec<DialToken>),
    Open(Arc<Outbox>),
}

/// All connections and dials of one set of transports.
#[derive(Debug, Default)]
pub(crate) struct Table {
    state: Mutex<State>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    entry_by_connection: HashMap<ConnectionId, Entry>,
    /// The few local datagram sockets once more, in the order they were bound.
    datagram_sockets: Vec<Arc<DatagramSocket>>,
    dial_by_key: HashMap<DialKey, DialState>,
    dials_pending: usize,
    is_closed: bool,
}

/// A connection number that no other connection of this process has or had.
pub(crate) fn next_connection_id() -> ConnectionId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A dial token that no other dial of this process has or had.
pub(crate) fn next_dial_token() -> DialToken {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    DialToken(NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Table {
    /// The datagram sockets.
    pub(crate) fn datagram_sockets(&self) -> Vec<Arc<DatagramSocket>> {
        self.lock().datagram_sockets.clone()
    }

    pub(crate) fn insert(&self, connection: ConnectionId, entry: Entry) {
        let mut state = self.lock();
        match &entry {
            // A connection that is made while everything is being closed must not stay.
            Entry::Stream(outbox) if state.is_closed => outbox.close(CloseCause::Local),
            Entry::Stream(_) => {}
            Entry::Datagrams(socket) => state.datagram_sockets.push(Arc::clone(socket)),
        }
        state.entry_by_connection.insert(connection, entry);
    }

    pub(crate) fn remove(&self, connection: ConnectionId) {
        let mut state = self.lock();
        state.entry_by_connection.remove(&connection);
        if state.is_closed && state.entry_by_connection.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    /// Waits until everything that [`Table::close_all`] closed is gone.
    pub(crate) async fn wait_until_empty(&self) {
        let emptied = self.emptied.notified();
        if self.len() > 0 {
            emptied.await;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().entry_by_connection.len()
    }

    pub(crate) fn send(&self, flow: &Flow, bytes: Bytes) -> Result<(), SendError> {
        // Cloned out, so that no socket is touched under the lock.
        let entry = self.lock().entry_by_connection.get(&flow.connection).cloned();
        match entry {
            None => Err(SendError::Closed),
            Some(Entry::Stream(outbox)) => outbox.push(bytes),
            Some(Entry::Datagrams(socket)) => socket.send(flow, &bytes),
        }
    }

    pub(crate) fn close(&self, connection: ConnectionId, cause: &CloseCause) {
        if let Some(Entry::Stream(outbox)) = self.lock().entry_by_connection.get(&connection) {
            outbox.close(cause.clone());
        }
    }

    pub(crate) fn close_all(&self, cause: &CloseCause) {
        let mut state = self.lock();
        state.is_closed = true;
        for entry in state.entry_by_connection.values() {
            if let Entry::Stream(outbox) = entry {
                outbox.close(cause.clone());
            }
        }
        state
            .entry_by_connection
            .retain(|_, entry| matches!(entry, Entry::Stream(_)));
        state.datagram_sockets.clear();
    }

    /// The first datagram socket that can reach `remote`.
    pub(crate) fn datagram_socket_towards(&self, remote: SocketAddr) -> Option<Arc<DatagramSocket>> {
        let state = self.lock();
        state
            .datagram_sockets
            .iter()
            .find(|socket| socket.local().is_ipv4() == remote.is_ipv4())
            .cloned()
    }

    pub(crate) fn join_dial(&self, key: &DialKey, token: DialToken, dials_max: usize) -> Joined {
        let mut state = self.lock();
        match state.dial_by_key.get_mut(key) {
            Some(DialState::Pending(tokens)) => {
                tokens.push(token);
                return Joined::Existing;
            }
            // A connection that is ending announces nothing more, so a fresh one is made.
            Some(DialState::Open(outbox)) if outbox.announce(token) => return Joined::Existing,
            Some(DialState::Open(_)) | None => {}
        }
        if state.dials_pending >= dials_max {
            return Joined::TooMany;
        }
        state.dials_pending += 1;
        state
            .dial_by_key
            .insert(key.clone(), DialState::Pending(vec![token]));
        Joined::First
    }

    /// Ends the pending dial: with a connection, later dials join that.
    pub(crate) fn finish_dial(&self, key: &DialKey, outbox: Option<&Arc<Outbox>>) -> Vec<DialToken> {
        let mut state = self.lock();
        let open = outbox.map(|outbox| DialState::Open(Arc::clone(outbox)));
        let before = match open {
            Some(open) => state.dial_by_key.insert(key.clone(), open),
            None => state.dial_by_key.remove(key),
        };
        match before {
            Some(DialState::Pending(tokens)) => {
                state.dials_pending = state.dials_pending.saturating_sub(1);
                tokens
            }
            Some(DialState::Open(_)) | None => Vec::new(),
        }
    }

    /// Forgets a dialled connection that has ended, unless another one has taken its place.
    pub(crate) fn forget_dial(&self, key: &DialKey, ended: &Arc<Outbox>) {
        let mut state = self.lock();
        if let Some(DialState::Open(outbox)) = state.dial_by_key.get(key)
            && Arc::ptr_eq(outbox, ended)
        {
            state.dial_by_key.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
