//! Where a message came from and where it goes: transport, addresses and connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A transport protocol that carries SIP (RFC 3261 section 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams; the transaction layer repeats what gets lost.
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream inside TLS.
    Tls,
}

impl Transport {
    /// Says whether the transport repeats lost octets itself, so that transactions need not.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// Says whether the transport encrypts and authenticates.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Udp | Self::Tcp => false,
            Self::Tls => true,
        }
    }

    /// The name in a Via header's sent-protocol.
    #[must_use]
    pub const fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The value of a URI's `transport` parameter.
    #[must_use]
    pub const fn uri_token(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port that applies where a URI or a Via names none (RFC 3261 section 19.1.2).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// Recognises a transport by its Via or URI token, ignoring case.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|transport| transport.via_token().eq_ignore_ascii_case(token))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.via_token())
    }
}

/// Numbers a connection, or for UDP a local socket; a number is never reused in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#{}", self.0)
    }
}

/// The path of a message between two addresses over one connection (RFC 5626).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The transport protocol.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address as the packets show it.
    pub remote: SocketAddr,
    /// The connection, or for UDP the local socket.
    pub connection: ConnectionId,
}

/// The peers that count as one in every limit per source: an IPv4 address, or the IPv6 /64 that one subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        const SUBSCRIBER_PREFIX: u128 = u128::MAX << 64;
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => Self(IpAddr::V6((v6.to_bits() & SUBSCRIBER_PREFIX).into())),
        }
    }
}

/// An address as it may stand in a message: without the scope of an IPv6 address, which means something on this
/// machine only and is not in the grammar (RFC 3261 section 25.1), and as IPv4 where it is an IPv4-mapped one.
#[must_use]
pub fn as_written(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_is_found_by_its_tokens_in_any_case() {
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            assert_eq!(Transport::from_token(transport.via_token()), Some(transport));
            assert_eq!(Transport::from_token(transport.uri_token()), Some(transport));
        }
        assert_eq!(Transport::from_token("sctp"), None);
    }

    #[test]
    fn addresses_of_one_subscriber_are_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());

        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
