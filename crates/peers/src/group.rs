//! Multicast groups for tests.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

/// A group of a test's own: nothing else is bound to its port.
///
/// # Panics
///
/// When no port is free.
pub fn free_group() -> SocketAddrV4 {
    let port = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.local_addr())
        .expect("a port is free")
        .port();
    SocketAddrV4::new(Ipv4Addr::new(239, 255, 79, 1), port)
}
