//! The user agent that endpoints and zones stand on: transactions, dialogs and INVITE sessions without I/O.
//!
//! Messages, time and commands go in; messages to send and [`Event`]s come out, in order. The agent answers by
//! itself what needs no decision: retransmissions, CANCEL, requests for unknown dialogs, and requests that
//! RFC 3261 8.2 refuses whatever they are about. It routes nothing: the owner chooses the [`Flow`] of each request.
//!
//! ```
//! use std::time::Instant;
//!
//! use sip::flow::{ConnectionId, Flow, Transport};
//! use sip::message::{Message, Method};
//! use sip::user_agent::{Config, Event, OutgoingRequest, Output, UserAgent};
//!
//! let now = Instant::now();
//! let flow = Flow {
//!     transport: Transport::Tls,
//!     local: "192.0.2.1:40000".parse()?,
//!     remote: "192.0.2.2:5061".parse()?,
//!     connection: ConnectionId(1),
//! };
//! let mut caller = UserAgent::new([1; 32], Config::new("example/1"));
//! let mut callee = UserAgent::new([2; 32], Config::new("example/1"));
//!
//! let invite =
//!     OutgoingRequest::new(Method::Invite, "sip:page@192.0.2.2", "<sip:a@example.com>", "<sip:page@example.com>");
//! caller.invite(now, flow, invite);
//! while let Some(output) = caller.poll_output() {
//!     if let Output::Transmit { bytes, .. } = output {
//!         callee.handle_message(now, flow, Message::parse_datagram(bytes.to_vec())?);
//!     }
//! }
//! assert!(matches!(callee.poll_output(), Some(Output::Event(Event::Invite { .. }))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it deliberately does not do: look up addresses, open connections, keep registrations, read SDP.

mod acknowledge;
mod admission;
mod attempt;
mod command;
mod config;
mod counters;
mod event;
mod hang_up;
mod incoming;
mod outgoing;
mod random;
mod realms;
mod reply;
mod session;
mod session_called;
mod session_calling;
mod session_requests;
mod session_timer;
mod sessions;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use self::attempt::Attempt;
use self::random::Random;
use self::sessions::Sessions;
use crate::flow::{ConnectionId, Flow};
use crate::message::Message;
use crate::transaction::{Clients, Outbox, Outgoing, Room, Servers, TransactionId};

pub use self::command::{Body, OutgoingRequest, Reply, Sequence};
pub use self::config::{
    Advertised, BYE_ANSWER_MAX, CALLING_MAX, CLIENT_TRANSACTIONS_MAX, Config, DATAGRAM_MAX, FORKS_MAX,
    Limits, PROVISIONAL_REFRESH, REQUIRED_OPTIONS_MAX, RINGING_MAX, SERVER_TRANSACTIONS_MAX,
    SERVER_TRANSACTIONS_PER_FLOW_MAX, SERVER_TRANSACTIONS_PER_SOURCE_MAX, SESSIONS_MAX,
};
pub use self::counters::Counters;
pub use self::event::{
    ChallengeFault, EndCause, Event, Output, RequestFailure, RequestId, ServerId, SessionId,
};
pub use self::realms::REALMS_MAX;
pub use self::session_requests::SESSION_REQUESTS_MAX;
pub use self::session_timer::{SESSION_INTERVAL_MAX, SESSION_INTERVAL_MIN};
pub use crate::dialog::ROUTE_SET_MAX;
pub use crate::transaction::Timers;

/// Whom a client transaction works for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientUser {
    /// The owner, outside a session.
    Request(RequestId),
    /// A session, with its first INVITE.
    Invite(SessionId),
    /// The owner, inside a session.
    SessionRequest(SessionId, RequestId),
    /// The owner, with a re-INVITE.
    Reinvite(SessionId, RequestId),
    /// A session, with its BYE.
    Bye(SessionId),
    /// Nobody: CANCEL, and the BYE of a session that has already ended.
    Nobody,
}

/// A client transaction, as the agent sees it.
struct ClientRecord {
    user: ClientUser,
    flow: Flow,
    /// Kept only where a challenge could be answered.
    attempt: Option<Attempt>,
}

/// Whom a server transaction works for, until its final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerUser {
    /// The owner, outside a session.
    Request,
    /// A session, with its first INVITE.
    Invite(SessionId),
    /// The owner, inside a session.
    SessionRequest(SessionId),
    /// The owner, with a re-INVITE.
    Reinvite(SessionId),
    /// The owner for a while, with the BYE of a session that has ended.
    Bye,
}

impl ServerUser {
    /// The session that counts the request among those it owes an answer.
    fn session(self) -> Option<SessionId> {
        match self {
            Self::SessionRequest(session) | Self::Reinvite(session) => Some(session),
            Self::Request | Self::Invite(_) | Self::Bye => None,
        }
    }
}

/// The agent; see the [module](self).
pub struct UserAgent {
    config: Config,
    /// The value of Allow.
    allow: String,
    /// The value of Supported; empty where nothing is.
    supported: String,
    random: Random,
    last_id: u64,
    clients: Clients,
    servers: Servers,
    outbox: Outbox,
    /// Failures and ends of transactions, dealt with after what caused them.
    settled: VecDeque<Outgoing>,
    client_by_transaction: BTreeMap<TransactionId, ClientRecord>,
    server_user_by_transaction: BTreeMap<TransactionId, ServerUser>,
    sessions: Sessions,
    outputs: VecDeque<Output>,
    counters: Counters,
}

impl UserAgent {
    /// An agent whose branches, tags and Call-IDs follow from `seed`, which must be unpredictable in a product.
    pub fn new(seed: [u8; 32], mut config: Config) -> Self {
        if config.session_timers {
            config.supported.push("timer".to_owned());
        }
        let limits = config.limits;
        Self {
            random: Random::new(seed),
            last_id: 0,
            clients: Clients::new(config.timers),
            servers: Servers::new(
                config.timers,
                Room {
                    total: limits.server_transactions,
                    per_source: limits.server_transactions_per_source,
                    per_flow: limits.server_transactions_per_flow,
                },
            ),
            outbox: Outbox::new(),
            settled: VecDeque::new(),
            client_by_transaction: BTreeMap::new(),
            server_user_by_transaction: BTreeMap::new(),
            sessions: Sessions::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            allow: config.allow(),
            supported: config.supported.join(", "),
            config,
        }
    }

    /// Takes one message from the network.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        if message.is_request() {
            self.handle_request(now, flow, message);
        } else {
            self.handle_response(now, message);
        }
        self.settle(now);
    }

    /// Learns that a connection is closed, or a local socket lost: requests under way on it fail, and its sessions
    /// end, except those that [`move_session`](Self::move_session) has moved elsewhere before.
    pub fn handle_flow_failed(&mut self, now: Instant, connection: ConnectionId) {
        self.clients
            .handle_flow_failed(now, connection, |_| true, &mut self.outbox);
        self.servers.drop_connection(connection, &mut self.outbox);
        self.settle(now);
        for session in self.sessions.on_connection(connection) {
            self.end_session(now, session, EndCause::FlowFailed);
        }
        self.settle(now);
    }

    /// Learns that one peer of a UDP socket cannot be reached (ICMP): requests under way to it fail. Sessions stand:
    /// such reports can be forged, and may be about a moment.
    pub fn handle_peer_unreachable(&mut self, now: Instant, unreachable: Flow) {
        self.clients.handle_flow_failed(
            now,
            unreachable.connection,
            |flow| *flow == unreachable,
            &mut self.outbox,
        );
        self.settle(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clients.handle_timeout(now, &mut self.outbox);
        self.settle(now);
        self.servers.handle_timeout(now, &mut self.outbox);
        self.settle(now);
        self.handle_session_timeout(now);
        self.settle(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn next_timeout(&self) -> Option<Instant> {
        [
            self.clients.next_timeout(),
            self.servers.next_timeout(),
            self.sessions.next_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next effect; to be polled until `None` after each call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What has been refused, dropped and absorbed so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Client and server transactions alive.
    pub fn transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Sessions alive.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn take_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.outputs.push_back(Output::Transmit { flow, bytes });
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Passes on what the transactions send, and sets aside what they report.
    fn flush(&mut self) {
        while let Some(outgoing) = self.outbox.pop_front() {
            match outgoing {
                Outgoing::Transmit(flow, bytes) => self.outputs.push_back(Output::Transmit { flow, bytes }),
                Outgoing::TimedOut(_) | Outgoing::FlowFailed(_) | Outgoing::Over(_) => {
                    self.settled.push_back(outgoing);
                }
            }
        }
    }

    /// Deals with what the transactions have reported, until nothing is left.
    fn settle(&mut self, now: Instant) {
        self.flush();
        while let Some(outgoing) = self.settled.pop_front() {
            match outgoing {
                Outgoing::Transmit(flow, bytes) => self.transmit(flow, bytes),
                Outgoing::TimedOut(id) => self.client_failed(now, id, RequestFailure::Timeout),
                Outgoing::FlowFailed(id) => self.client_failed(now, id, RequestFailure::FlowFailed),
                Outgoing::Over(id) => {
                    self.client_by_transaction.remove(&id);
                    let user = self.server_user_by_transaction.remove(&id);
                    self.sessions
                        .transaction_over(id, user.and_then(ServerUser::session));
                }
            }
            self.flush();
        }
    }
}
