//! How sockets are made and tuned.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::limits::{DATAGRAM_BUFFER_BYTES, LISTEN_BACKLOG, TCP_USER_TIMEOUT};
use crate::system;

/// Time of silence before the kernel asks a TCP peer whether it is there, and between its questions.
const TCP_KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const TCP_KEEPALIVE_PAUSE: Duration = Duration::from_secs(15);

/// A TCP stream that sends at once and notices a vanished peer: the only kind that becomes a connection.
#[derive(Debug)]
pub(crate) struct TunedStream(TcpStream);

impl TunedStream {
    /// Tunes a stream, whether accepted or dialled.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
        let keepalive = TcpKeepalive::new()
            .with_time(TCP_KEEPALIVE_IDLE)
            .with_interval(TCP_KEEPALIVE_PAUSE);
        socket.set_tcp_keepalive(&keepalive)?;
        Ok(Self(stream))
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.0
    }

    pub(crate) fn as_inner(&self) -> &TcpStream {
        &self.0
    }
}

/// Marks what a socket sends with a code point from 0 to 63 (RFC 2474). A mark is not worth failing for: the kernel gives what it allows.
pub(crate) fn mark<'s>(socket: impl Into<SockRef<'s>>, local: SocketAddr, code_point: u8) {
    let socket: SockRef<'s> = socket.into();
    let class = u32::from(code_point) << 2;
    let _is_marked = match local {
        SocketAddr::V4(_) => socket.set_tos_v4(class),
        SocketAddr::V6(_) => socket.set_tclass_v6(class),
    }
    .is_ok();
}

/// Binds a TCP listener with a long backlog.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server takes its port back while connections of before still linger.
    socket.set_reuse_address(true)?;
    separate_families(&socket, address)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Binds a datagram socket with large buffers.
pub(crate) fn bind_datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    separate_families(&socket, address)?;
    socket.set_nonblocking(true)?;
    // The kernel may give less than asked for, and that still works.
    let _as_asked = socket.set_recv_buffer_size(DATAGRAM_BUFFER_BYTES).is_ok()
        && socket.set_send_buffer_size(DATAGRAM_BUFFER_BYTES).is_ok();
    if address.ip().is_unspecified() {
        system::enable_packet_info(&socket, address.is_ipv6())?;
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// An IPv6 socket carries no IPv4, so that each family can have its own listener on one port.
fn separate_families(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(true)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn t8_t9_every_stream_has_no_delay_and_a_user_timeout() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();

        for stream in [dialled, accepted] {
            let tuned = TunedStream::new(stream).unwrap();
            assert!(tuned.as_inner().nodelay().unwrap());
            let socket = SockRef::from(tuned.as_inner());
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(TCP_USER_TIMEOUT));
            assert!(socket.keepalive().unwrap());
        }
    }

    #[tokio::test]
    async fn a_socket_of_either_family_is_marked() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = bind_datagrams(address.parse().unwrap()) else {
                continue;
            };
            let local = socket.local_addr().unwrap();
            mark(&socket, local, 26);
            let socket = SockRef::from(&socket);
            let class = if local.is_ipv4() {
                socket.tos_v4()
            } else {
                socket.tclass_v6()
            };
            assert_eq!(class.unwrap() >> 2, 26);
        }
    }
}
