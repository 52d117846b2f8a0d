//! Outgoing connections: concurrent dials to one peer become one connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::pki_types::ServerName;
use sip::flow::{Flow, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::liveness::{KeepAlive, Liveness};
use super::outbox::Outbox;
use super::socket::{self, TunedStream};
use super::table::{DialKey, Entry, Joined, next_connection_id, next_dial_token};
use super::{Counter, DialToken, Incoming, Shared, connection};
use crate::tls::{ClientTls, TlsFailure};

/// A wish for a connection.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The peer.
    pub address: SocketAddr,
    /// How to speak with it.
    pub channel: Channel,
    /// Keep-alives, on a stream that this dial opens; a dial that joins an open one takes what it finds.
    pub keep_alive: Option<KeepAlive>,
    /// Dials in different lanes never share a connection. One device uses one lane; a generator of load gives each
    /// of its phones its own.
    pub lane: u64,
}

/// How to speak with a peer.
#[derive(Debug, Clone)]
pub enum Channel {
    /// Datagrams, from the first suitable listener.
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream inside TLS.
    Tls {
        /// The host name or address that the peer's certificate must be for.
        server_name: String,
        /// Whom to trust and what to show.
        policy: ClientTls,
    },
}

/// Why a dial failed; each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    /// Nothing listens there.
    #[error("the connection was refused: nothing listens on that port")]
    Refused,
    /// Nothing answers there.
    #[error("there was no answer to the connection attempt")]
    Timeout,
    /// There is no way there.
    #[error("the address cannot be reached from here")]
    Unreachable,
    /// The connection was open and ended before this dial was served.
    #[error("the connection was closed while it was being opened")]
    Closed,
    /// The TLS handshake failed.
    #[error("{0}")]
    Tls(TlsFailure),
    /// No datagram listener of the peer's address family.
    #[error("there is no UDP listener of the peer's address family to send from")]
    NoListener,
    /// Too many connections are being made.
    #[error("too many connections are being opened at once")]
    TooMany,
    /// Any other error, as a lack of file descriptors.
    #[error("the connection could not be made: {0}")]
    Network(String),
}

impl ConnectFailure {
    fn from_tcp(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable => Self::Unreachable,
            io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Network(error.to_string()),
        }
    }
}

pub(super) fn start(dial: Dial, shared: &Arc<Shared>) -> DialToken {
    let token = next_dial_token();
    if let Channel::Udp = dial.channel {
        let event = match shared.table.datagram_socket_towards(dial.address) {
            Some(socket) => Incoming::Connected {
                token,
                flow: socket.flow_towards(dial.address),
            },
            None => failed(token, ConnectFailure::NoListener, shared),
        };
        tell(event, shared);
        return token;
    }
    let key = key_of(&dial);
    match shared.table.join_dial(&key, token, shared.limits.dials_max) {
        Joined::Existing => {}
        Joined::TooMany => tell(failed(token, ConnectFailure::TooMany, shared), shared),
        Joined::First => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move { make(dial, key, &shared).await });
        }
    }
    token
}

fn key_of(dial: &Dial) -> DialKey {
    let (transport, server_name, policy) = match &dial.channel {
        Channel::Udp => (Transport::Udp, None, None),
        Channel::Tcp => (Transport::Tcp, None, None),
        Channel::Tls { server_name, policy } => (
            Transport::Tls,
            Some(server_name.to_ascii_lowercase()),
            Some(policy.policy()),
        ),
    };
    DialKey {
        transport,
        address: dial.address,
        server_name,
        policy,
        lane: dial.lane,
    }
}

fn failed(token: DialToken, cause: ConnectFailure, shared: &Shared) -> Incoming {
    shared.counters.add(Counter::DialsFailed);
    Incoming::ConnectFailed { token, cause }
}

/// Tells the driver without making the caller, who is the driver, wait for its own queue.
fn tell(event: Incoming, shared: &Arc<Shared>) {
    let incoming = shared.incoming.clone();
    tokio::spawn(async move {
        // A driver that is gone needs no answer.
        let _is_told = incoming.send(event).await.is_ok();
    });
}

async fn make(dial: Dial, key: DialKey, shared: &Shared) {
    let cause = match &dial.channel {
        Channel::Udp => ConnectFailure::NoListener,
        Channel::Tcp => match reach(dial.address, shared).await {
            Ok(stream) => {
                let stream = stream.into_inner();
                let local = local_address(&stream);
                return carry(stream, local, &dial, key, shared).await;
            }
            Err(cause) => cause,
        },
        // Boxed, so that an established connection does not keep the memory of its handshake.
        Channel::Tls { server_name, policy } => {
            match Box::pin(reach_securely(dial.address, server_name, policy, shared)).await {
                Ok(stream) => {
                    let local = local_address(stream.get_ref().0);
                    return carry(stream, local, &dial, key, shared).await;
                }
                Err(cause) => cause,
            }
        }
    };
    for token in shared.table.finish_dial(&key, None) {
        let event = failed(token, cause.clone(), shared);
        let _is_told = shared.incoming.send(event).await.is_ok();
    }
}

/// The address of a fresh stream. One that cannot be told is of a connection that has just been reset, which its task
/// finds out.
fn local_address(stream: &TcpStream) -> SocketAddr {
    stream
        .local_addr()
        .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}

async fn reach(address: SocketAddr, shared: &Shared) -> Result<TunedStream, ConnectFailure> {
    match timeout(shared.limits.dial_timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            let code_point = shared.code_point.load(Ordering::Relaxed);
            socket::mark(&stream, local_address(&stream), code_point);
            TunedStream::new(stream).map_err(|error| ConnectFailure::from_tcp(&error))
        }
        Ok(Err(error)) => Err(ConnectFailure::from_tcp(&error)),
        Err(_elapsed) => Err(ConnectFailure::Timeout),
    }
}

async fn reach_securely(
    address: SocketAddr,
    server_name: &str,
    policy: &ClientTls,
    shared: &Shared,
) -> Result<Box<tokio_rustls::client::TlsStream<TcpStream>>, ConnectFailure> {
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|_| ConnectFailure::Tls(TlsFailure::ServerName(server_name.to_owned())))?;
    let stream = reach(address, shared).await?;
    let handshake = TlsConnector::from(policy.config()).connect(name, stream.into_inner());
    match timeout(shared.limits.handshake_timeout, handshake).await {
        // Boxed, because a task keeps a place for each function that a stream is handed through.
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(ConnectFailure::Tls(TlsFailure::from_io(&error))),
        Err(_elapsed) => Err(ConnectFailure::Tls(TlsFailure::Timeout)),
    }
}

/// Carries the messages of a dialled connection until it ends.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    local: SocketAddr,
    dial: &Dial,
    key: DialKey,
    shared: &Shared,
) {
    let outbox = Arc::new(Outbox::new(&shared.limits, &shared.backlog));
    let flow = Flow {
        transport: key.transport,
        local,
        remote: dial.address,
        connection: next_connection_id(),
    };
    shared
        .table
        .insert(flow.connection, Entry::Stream(Arc::clone(&outbox)));
    for token in shared.table.finish_dial(&key, Some(&outbox)) {
        let _is_told = shared
            .incoming
            .send(Incoming::Connected { token, flow })
            .await
            .is_ok();
    }
    let now = tokio::time::Instant::now().into_std();
    let liveness = Liveness::dialled(now, &shared.limits, dial.keep_alive, connection::roll());
    connection::carry(stream, flow, outbox, liveness, shared, Some(&key)).await;
}
