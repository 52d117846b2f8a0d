//! Listeners: what they are, and what happens to a connection before it carries messages.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sip::flow::{ConnectionId, Flow, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::accept::accept_for_ever;
use super::admission::{Place, Refused};
use super::datagram::DatagramSocket;
use super::limits::DATAGRAM_BYTES_MAX;
use super::liveness::Liveness;
use super::outbox::Outbox;
use super::socket::{self, TunedStream};
use super::table::{Entry, next_connection_id};
use super::{Counter, Incoming, Shared, connection};
use crate::tls::{ServerTls, TlsFailure};

/// Handshakes that failed are told while less than one part in so many of the driver's queue is taken.
const EVIDENCE_PART: usize = 2;

/// A listener to be bound.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// The protocol.
    pub kind: ListenerKind,
    /// The address; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// The address peers are told, where a 1:1 NAT stands before this machine. Only carried to the core.
    pub advertise: Option<Advertise>,
}

/// The protocol of a listener.
#[derive(Debug, Clone)]
pub enum ListenerKind {
    /// Datagrams of at most this many bytes; [`DATAGRAM_BYTES_MAX`] is the most there can be.
    Udp {
        /// Longer datagrams are dropped and counted.
        datagram_bytes_max: usize,
    },
    /// A stream in the clear.
    Tcp,
    /// A stream inside TLS.
    Tls(ServerTls),
}

impl ListenerKind {
    /// The transport as SIP knows it.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self {
            Self::Udp { .. } => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
        }
    }
}

/// What peers are told instead of the bound address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertise {
    /// A host name or an address.
    pub host: String,
    /// The port, where it is not the bound one.
    pub port: Option<u16>,
}

/// A bound listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The protocol.
    pub transport: Transport,
    /// The bound address with the port it got.
    pub local: SocketAddr,
    /// The number of a datagram socket, as it stands in its flows.
    pub socket: Option<ConnectionId>,
    /// As configured.
    pub advertise: Option<Advertise>,
}

/// A listener that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({transport}): {source}")]
pub struct BindError {
    /// The protocol.
    pub transport: Transport,
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

pub(super) fn start(config: ListenerConfig, shared: &Arc<Shared>) -> Result<(Bound, AbortHandle), BindError> {
    let transport = config.kind.transport();
    let address = config.bind;
    let started = match config.kind {
        ListenerKind::Udp { datagram_bytes_max } => start_datagrams(address, datagram_bytes_max, shared),
        ListenerKind::Tcp => start_streams(address, None, shared),
        ListenerKind::Tls(tls) => start_streams(address, Some(tls), shared),
    };
    let (local, socket, task) = started.map_err(|source| BindError {
        transport,
        address,
        source,
    })?;
    Ok((
        Bound {
            transport,
            local,
            socket,
            advertise: config.advertise,
        },
        task,
    ))
}

type Started = io::Result<(SocketAddr, Option<ConnectionId>, AbortHandle)>;

fn start_datagrams(address: SocketAddr, bytes_max: usize, shared: &Arc<Shared>) -> Started {
    let socket = socket::bind_datagrams(address)?;
    let connection = next_connection_id();
    let socket = Arc::new(DatagramSocket::new(
        socket,
        connection,
        bytes_max.min(DATAGRAM_BYTES_MAX),
    )?);
    let local = socket.local();
    shared
        .table
        .insert(connection, Entry::Datagrams(Arc::clone(&socket)));
    let task = tokio::spawn(socket.run(Arc::clone(shared)));
    Ok((local, Some(connection), task.abort_handle()))
}

fn start_streams(address: SocketAddr, tls: Option<ServerTls>, shared: &Arc<Shared>) -> Started {
    let listener = socket::listen(address)?;
    let local = listener.local_addr()?;
    let shared = Arc::clone(shared);
    let acceptor = tls.map(|tls| TlsAcceptor::from(tls.config()));
    let task = tokio::spawn(async move {
        accept_for_ever(listener, &shared.counters, |stream, remote| {
            serve(stream, remote.ip(), acceptor.clone(), &shared);
        })
        .await;
    });
    Ok((local, None, task.abort_handle()))
}

/// Starts the task of an accepted connection, if there is a place for it.
fn serve(stream: TcpStream, remote: IpAddr, acceptor: Option<TlsAcceptor>, shared: &Arc<Shared>) {
    match shared.admission.admit(remote) {
        Ok(place) => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                if let Err(error) = serve_admitted(stream, &place, acceptor, &shared).await {
                    tracing::debug!(%error, "an accepted connection could not be served");
                }
            });
        }
        // Dropping the stream closes it.
        Err(Refused::Full) => shared.counters.add(Counter::RefusedFull),
        Err(Refused::SourceFull) => shared.counters.add(Counter::RefusedSourceFull),
    }
}

async fn serve_admitted(
    stream: TcpStream,
    place: &Place,
    acceptor: Option<TlsAcceptor>,
    shared: &Shared,
) -> io::Result<()> {
    let (local, remote) = (stream.local_addr()?, stream.peer_addr()?);
    let stream = TunedStream::new(stream)?;
    let flow = |transport| Flow {
        transport,
        local,
        remote,
        connection: next_connection_id(),
    };
    match acceptor {
        None => carry(stream.into_inner(), flow(Transport::Tcp), shared).await,
        Some(acceptor) => {
            // Boxed, so that an established connection does not keep the memory of its handshake.
            let Some(stream) = Box::pin(shake_hands(stream, remote, place, acceptor, shared)).await else {
                return Ok(());
            };
            carry(stream, flow(Transport::Tls), shared).await;
        }
    }
    Ok(())
}

/// Does the TLS handshake, or gives up in time. A peer that says nothing occupies no place among the
/// handshakes.
async fn shake_hands(
    stream: TunedStream,
    remote: SocketAddr,
    place: &Place,
    acceptor: TlsAcceptor,
    shared: &Shared,
) -> Option<Box<tokio_rustls::server::TlsStream<TcpStream>>> {
    let handshake = async {
        // Not `readable`, which is true of a stream that nobody has tried to read.
        stream.as_inner().peek(&mut [0]).await?;
        let _place = place.handshake().await;
        acceptor.accept(stream.into_inner()).await
    };
    match timeout(shared.limits.handshake_timeout, handshake).await {
        // Boxed, because a task keeps a place for each function that a stream is handed through.
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            shared.counters.add(Counter::HandshakesFailed);
            let cause = TlsFailure::from_io(&error);
            tracing::debug!(%cause, "a TLS handshake failed");
            tell_of_failure(&shared.incoming, remote, cause);
            None
        }
        Err(_elapsed) => {
            shared.counters.add(Counter::HandshakesTimedOut);
            None
        }
    }
}

/// Tells the driver of a handshake that failed, if that is evidence, and there is room for it: requests that come over other transports
/// wait in the same queue, and anybody can make a handshake fail.
fn tell_of_failure(incoming: &mpsc::Sender<Incoming>, remote: SocketAddr, cause: TlsFailure) {
    let most = incoming.max_capacity();
    let waiting = most.saturating_sub(incoming.capacity());
    if cause.is_evidence() && waiting < most.div_ceil(EVIDENCE_PART) {
        let failed = Incoming::HandshakeFailed { remote, cause };
        let _is_told = incoming.try_send(failed).is_ok();
    }
}

/// Carries the messages of an accepted connection until it ends.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(stream: S, flow: Flow, shared: &Shared) {
    let outbox = Arc::new(Outbox::new(&shared.limits, &shared.backlog));
    shared
        .table
        .insert(flow.connection, Entry::Stream(Arc::clone(&outbox)));
    let liveness = Liveness::accepted(tokio::time::Instant::now().into_std(), &shared.limits);
    if shared.incoming.send(Incoming::Opened { flow }).await.is_ok() {
        connection::carry(stream, flow, outbox, liveness, shared, None).await;
    } else {
        shared.table.remove(flow.connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 40_000);
    const QUEUE: usize = 10;

    #[test]
    fn w07_handshakes_that_fail_take_half_of_the_queue_and_not_one_place_more() {
        let (incoming, mut events) = mpsc::channel(QUEUE);
        for _ in 0..QUEUE / EVIDENCE_PART {
            tell_of_failure(&incoming, PEER, TlsFailure::Version);
        }
        assert_eq!(events.len(), QUEUE / EVIDENCE_PART);
        tell_of_failure(&incoming, PEER, TlsFailure::Version);
        assert_eq!(events.len(), QUEUE / EVIDENCE_PART, "one more");

        events.try_recv().unwrap();
        tell_of_failure(&incoming, PEER, TlsFailure::ClientCertificate);
        assert_eq!(events.len(), QUEUE / EVIDENCE_PART);
    }

    #[test]
    fn w07_a_handshake_that_says_nothing_of_a_device_takes_no_place_of_the_queue() {
        let (incoming, events) = mpsc::channel(QUEUE);
        for cause in [
            TlsFailure::NotTls,
            TlsFailure::Closed,
            TlsFailure::Timeout,
            TlsFailure::Alert("close notify".to_owned()),
            TlsFailure::Other("a scanner".to_owned()),
        ] {
            tell_of_failure(&incoming, PEER, cause);
        }
        assert_eq!(events.len(), 0);
    }
}
