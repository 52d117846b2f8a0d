//! UDP, TCP and TLS transports for a SIP core that never waits.
//!
//! ```text
//!            send, connect, close (never wait)          bounded queue of Incoming
//!   driver ──────────────▶ table by connection ◀───┐   ┌──────────▶ driver
//!                               │ bounded outbox   │   │
//!                               ▼                  │   │
//!                one task per stream connection ───┴───┤  a connection waits, others go on
//!                one task per datagram socket ─────────┘  a full queue drops the datagram
//! ```
//!
//! Nothing shared waits for a socket. Connections and dials are found by key.

mod accept;
mod admission;
mod byte_budget;
mod connection;
mod counters;
mod datagram;
mod dial;
mod event;
mod limits;
mod listener;
mod liveness;
mod outbox;
mod packet_info;
mod socket;
mod table;

pub use counters::{Counter, Counters};
pub use dial::{Channel, ConnectFailure, Dial};
pub use event::{CloseCause, DialToken, Incoming, SendError};
pub use limits::*;
pub use listener::{Advertise, BindError, Bound, ListenerConfig, ListenerKind};
pub use liveness::KeepAlive;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sip::flow::{ConnectionId, Flow};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use admission::Admission;
use byte_budget::ByteBudget;
use table::Table;

/// The transports of one core: listeners, accepted connections and dialled ones.
///
/// Dropping them closes everything. All methods return at once.
#[derive(Debug)]
pub struct Transports {
    shared: Arc<Shared>,
    bound: Vec<Bound>,
    tasks: Vec<AbortHandle>,
}

/// What the tasks share.
#[derive(Debug)]
struct Shared {
    limits: Limits,
    table: Table,
    admission: Arc<Admission>,
    /// Bytes that wait to be written.
    backlog: Arc<ByteBudget>,
    /// Bytes of long messages that have begun.
    partials: Arc<ByteBudget>,
    counters: Counters,
    incoming: mpsc::Sender<Incoming>,
    /// What connections that are dialled are marked with.
    code_point: AtomicU8,
}

impl Transports {
    /// Binds all listeners and starts their tasks on the current tokio runtime; `incoming` is the driver's
    /// queue. A client needs no listener for TCP and TLS.
    ///
    /// # Errors
    /// Names the first listener that cannot be bound; nothing stays open then.
    pub fn bind(
        listeners: Vec<ListenerConfig>,
        limits: Limits,
        incoming: mpsc::Sender<Incoming>,
    ) -> Result<Self, BindError> {
        let shared = Arc::new(Shared {
            admission: Admission::new(&limits),
            backlog: ByteBudget::new(limits.queue_bytes_total_max),
            partials: ByteBudget::new(limits.partial_bytes_total_max),
            table: Table::default(),
            counters: Counters::default(),
            limits,
            incoming,
            code_point: AtomicU8::new(0),
        });
        let mut transports = Self {
            shared,
            bound: Vec::with_capacity(listeners.len()),
            tasks: Vec::new(),
        };
        for listener in listeners {
            let (bound, task) = listener::start(listener, &transports.shared)?;
            transports.bound.push(bound);
            transports.tasks.push(task);
        }
        Ok(transports)
    }

    /// Marks what is sent with a code point from 0 to 63 (RFC 2474): datagrams at once, other connections when they are dialled.
    pub fn mark(&self, code_point: u8) {
        self.shared.code_point.store(code_point, Ordering::Relaxed);
        for socket in self.shared.table.datagram_sockets() {
            socket.mark(code_point);
        }
    }

    /// The listeners in the order they were given, with the ports they got.
    #[must_use]
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// Queues bytes for a flow, or sends the datagram.
    ///
    /// # Errors
    /// The flow is gone, or its peer does not read: then its connection is closed, which is also reported
    /// as [`Incoming::Closed`]. A datagram may be refused by the kernel; that closes nothing.
    pub fn send(&self, flow: &Flow, bytes: impl Into<Bytes>) -> Result<(), SendError> {
        let result = self.shared.table.send(flow, bytes.into());
        match &result {
            Ok(()) | Err(SendError::Closed) => {}
            Err(SendError::Overflow) => self.shared.counters.add(Counter::QueueOverflows),
            Err(SendError::Congested | SendError::TooLong | SendError::Network(_)) => {
                self.shared.counters.add(Counter::DatagramsNotSent);
            }
        }
        result
    }

    /// Opens a connection, or joins the one that is open or being opened for the same peer, policy and lane.
    /// The answer is [`Incoming::Connected`] or [`Incoming::ConnectFailed`] with the token given here.
    pub fn connect(&self, dial: Dial) -> DialToken {
        dial::start(dial, &self.shared)
    }

    /// Writes what is queued on a connection and closes it; [`Incoming::Closed`] follows.
    pub fn close(&self, connection: ConnectionId) {
        self.shared.table.close(connection, &CloseCause::Local);
    }

    /// Closes all listeners and connections, and waits at most `patience` for what is queued to be written. The
    /// driver's queue need not be emptied meanwhile.
    pub async fn shutdown(self, patience: Duration) {
        let shared = Arc::clone(&self.shared);
        drop(self);
        // A peer that does not read in time loses what is queued for it.
        let _in_time = tokio::time::timeout(patience, shared.table.wait_until_empty())
            .await
            .is_ok();
    }

    /// The counters since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Bytes that all connections hold of long messages which have begun.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        self.shared.partials.held()
    }

    /// How many connections are open, datagram sockets included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.table.len()
    }
}

impl Drop for Transports {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.shared.table.close_all(&CloseCause::Local);
    }
}

/// The address to send from when a flow to `remote` is made on a socket bound to `local`: the socket's own, or
/// the route's where the socket is bound to all addresses.
fn local_towards(local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    if !local.ip().is_unspecified() {
        return local;
    }
    let any = SocketAddr::new(local.ip(), 0);
    let routed = std::net::UdpSocket::bind(any)
        .and_then(|probe| {
            // Connecting a datagram socket sends nothing; it only asks for the route.
            probe.connect(remote)?;
            probe.local_addr()
        })
        .map_or(local.ip(), |address| address.ip());
    SocketAddr::new(routed, local.port())
}
