//! UDP: one task per socket receives, the table sends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sip::flow::{ConnectionId, Flow, Transport};
use sip::stun;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;

use super::accept::Backoff;
use super::{Counter, Incoming, SendError, Shared, packet_info, socket};

/// Octets that datagrams which only keep a NAT mapping open consist of, and their number at most.
const KEEP_ALIVE_OCTETS: &[u8] = b"\r\n\0 ";
const KEEP_ALIVE_BYTES_MAX: usize = 4;

/// A local datagram socket.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    socket: UdpSocket,
    local: SocketAddr,
    connection: ConnectionId,
    bytes_max: usize,
}

impl DatagramSocket {
    pub(crate) fn new(socket: UdpSocket, connection: ConnectionId, bytes_max: usize) -> io::Result<Self> {
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            local,
            connection,
            bytes_max,
        })
    }

    /// Marks what is sent from here on.
    pub(crate) fn mark(&self, code_point: u8) {
        socket::mark(&self.socket, self.local, code_point);
    }

    /// The address the socket is bound to, perhaps the unspecified one.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The flow from this socket to `remote`.
    pub(crate) fn flow_towards(&self, remote: SocketAddr) -> Flow {
        let local = super::local_towards(self.local, remote);
        Flow {
            transport: Transport::Udp,
            local,
            remote,
            connection: self.connection,
        }
    }

    /// Sends at once or not at all.
    pub(crate) fn send(&self, flow: &Flow, bytes: &[u8]) -> Result<(), SendError> {
        // Straight to the kernel: tokio would refuse until it has seen the socket's readiness.
        let sent = if self.local.ip().is_unspecified() && !flow.local.ip().is_unspecified() {
            packet_info::send(&self.socket, bytes, flow.local.ip(), flow.remote)
        } else {
            SockRef::from(&self.socket).send_to(bytes, &flow.remote.into())
        };
        sent.map(|_| ()).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => SendError::Congested,
            _ if error.raw_os_error() == Some(libc::EMSGSIZE) => SendError::TooLong,
            _ if error.raw_os_error() == Some(libc::ENOBUFS) => SendError::Congested,
            kind => SendError::Network(kind),
        })
    }

    /// Receives for ever. A busy driver costs datagrams, never time: their senders repeat them.
    pub(crate) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        // One octet more than allowed shows that a datagram is too long.
        let mut buffer = vec![0; self.bytes_max.saturating_add(1)];
        let mut backoff = Backoff::default();
        loop {
            match self.receive(&mut buffer).await {
                Ok((length, remote, local)) => {
                    backoff.reset();
                    let flow = Flow {
                        transport: Transport::Udp,
                        local,
                        remote,
                        connection: self.connection,
                    };
                    let Some(bytes) = buffer.get(..length) else {
                        continue;
                    };
                    if self.hand_on(flow, bytes, &shared).is_break() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "receiving datagrams failed");
                    backoff.pause().await;
                }
            }
        }
    }

    fn hand_on(&self, flow: Flow, bytes: &[u8], shared: &Shared) -> std::ops::ControlFlow<()> {
        if bytes.len() > self.bytes_max {
            shared.counters.add(Counter::DatagramsTooLong);
        } else if is_keep_alive(bytes) {
            shared.counters.add(Counter::DatagramKeepAlives);
        } else {
            if stun::is_stun(bytes) {
                shared.counters.add(Counter::DatagramsStun);
            }
            match shared.incoming.try_send(Incoming::Datagram {
                flow,
                bytes: bytes.to_vec(),
            }) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => shared.counters.add(Counter::DatagramsDropped),
                Err(TrySendError::Closed(_)) => return std::ops::ControlFlow::Break(()),
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, SocketAddr)> {
        if !self.local.ip().is_unspecified() {
            let (length, remote) = self.socket.recv_from(buffer).await?;
            return Ok((length, remote, self.local));
        }
        self.socket
            .async_io(Interest::READABLE, || {
                packet_info::receive(&self.socket, buffer, self.local)
            })
            .await
    }
}

fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.len() <= KEEP_ALIVE_BYTES_MAX && bytes.iter().all(|octet| KEEP_ALIVE_OCTETS.contains(octet))
}
