//! What a [`UserAgent`](super::UserAgent) is told once: its name, its address, its methods, its limits.

use std::net::SocketAddr;
use std::time::Duration;

use crate::flow::{self, Transport};
use crate::message::{Method, OwnedMethod};
use crate::transaction::Timers;

/// A request larger than this leaves UDP for a stream, the path MTU being unknown (RFC 3261 18.1.1). In octets.
pub const DATAGRAM_MAX: usize = 1300;

/// The owner answers a BYE within this time, or the agent does: long enough to drain a jitter buffer and write a
/// receipt, short enough that a UDP peer retransmits no more than three times.
pub const BYE_ANSWER_MAX: Duration = Duration::from_secs(2);

/// An INVITE that its owner has not answered by then is answered 480: a proxy's Timer C runs for more than three
/// minutes (RFC 3261 16.6), and a ringing session may not stay for ever.
pub const RINGING_MAX: Duration = Duration::from_secs(180);

/// An INVITE of ours that has had no final response for this long is cancelled: longer than [`RINGING_MAX`], so
/// that two agents of this kind do not race.
pub const CALLING_MAX: Duration = Duration::from_secs(200);

/// A provisional response is repeated after this long, so that proxies do not cancel (RFC 3261 13.3.1.1).
pub const PROVISIONAL_REFRESH: Duration = Duration::from_secs(60);

/// Server transactions from one flow by default. A connection may carry all slots of a device or all legs of a
/// page between two zones.
pub const SERVER_TRANSACTIONS_PER_FLOW_MAX: usize = 4_096;

/// Server transactions by default, of which UDP may have three quarters; about 1.5 kB each.
pub const SERVER_TRANSACTIONS_MAX: usize = 65_536;

/// Server transactions from one address by default, half of all: a whole site may stand behind one address, and must not
/// take the room of the others.
pub const SERVER_TRANSACTIONS_PER_SOURCE_MAX: usize = SERVER_TRANSACTIONS_MAX / 2;

/// Client transactions by default: a page to ten thousand listeners, and registrations beside it.
pub const CLIENT_TRANSACTIONS_MAX: usize = 65_536;

/// Sessions by default.
pub const SESSIONS_MAX: usize = 32_768;

/// Branches of one INVITE of ours that are kept apart: 2xx responses that are acknowledged and ended, beyond the first
/// (each costs an ACK kept for 64*T1), and early dialogs. A peer that forks wider is not answered.
pub const FORKS_MAX: usize = 8;

/// Option tags of a Require header that are looked at, and named in Unsupported.
pub const REQUIRED_OPTIONS_MAX: usize = 32;

/// How many of each thing may exist at once. A request beyond a limit is answered 503 without keeping state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Server transactions from one flow.
    pub server_transactions_per_flow: usize,
    /// Server transactions from all flows of one IPv4 address, or of one IPv6 network of 64 bits.
    pub server_transactions_per_source: usize,
    /// Server transactions from all flows; UDP flows may have three quarters of them.
    pub server_transactions: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Sessions.
    pub sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            server_transactions_per_flow: SERVER_TRANSACTIONS_PER_FLOW_MAX,
            server_transactions_per_source: SERVER_TRANSACTIONS_PER_SOURCE_MAX,
            server_transactions: SERVER_TRANSACTIONS_MAX,
            client_transactions: CLIENT_TRANSACTIONS_MAX,
            sessions: SESSIONS_MAX,
        }
    }
}

/// Host and port that peers reach this agent by where that is not the flow's local address (1:1 NAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// The transport it applies to.
    pub transport: Transport,
    /// Host name or address; an IPv6 address stands in brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What a [`UserAgent`](super::UserAgent) is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Goes into User-Agent and Server.
    pub user_agent: String,
    /// Base values of all timers.
    pub timers: Timers,
    /// How many of each thing may exist at once.
    pub limits: Limits,
    /// Sent-by in Via, per transport; the flow's local address where none is given.
    pub advertised: Vec<Advertised>,
    /// Methods the owner handles, beside ACK, BYE and CANCEL, which the agent handles.
    pub methods: Vec<OwnedMethod>,
    /// Send requests of any size on UDP, also inside sessions that the peer has set up: for sites without TCP.
    pub large_datagrams: bool,
    /// Option tags the owner supports (Supported, and what Require may ask for).
    pub supported: Vec<String>,
    /// Accept session timers (RFC 4028): the owner has to take UPDATE and re-INVITE with the description that stands.
    pub session_timers: bool,
}

impl Config {
    /// An agent that takes INVITE, OPTIONS and INFO, and supports no extension.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self {
            user_agent: user_agent.into(),
            timers: Timers::default(),
            limits: Limits::default(),
            advertised: Vec::new(),
            methods: [Method::Invite, Method::Options, Method::Info]
                .map(OwnedMethod::from)
                .to_vec(),
            large_datagrams: false,
            supported: Vec::new(),
            session_timers: false,
        }
    }

    /// Whether requests with this method are let through.
    pub(crate) fn takes(&self, method: Method<'_>) -> bool {
        matches!(method, Method::Ack | Method::Bye | Method::Cancel)
            || self.methods.iter().any(|known| *known == method)
    }

    /// The value of Allow.
    pub(crate) fn allow(&self) -> String {
        let own = [Method::Ack, Method::Bye, Method::Cancel];
        let listed = self
            .methods
            .iter()
            .map(OwnedMethod::as_method)
            .filter(|method| !own.contains(method));
        let names: Vec<&str> = listed.chain(own).map(Method::as_str).collect();
        names.join(", ")
    }

    /// Host and port for Via and for a Contact the agent makes.
    pub(crate) fn sent_by(&self, transport: Transport, local: SocketAddr) -> String {
        match self
            .advertised
            .iter()
            .find(|advertised| advertised.transport == transport)
        {
            Some(advertised) => format!("{}:{}", advertised.host, advertised.port),
            None => flow::as_written(local).to_string(),
        }
    }
}
