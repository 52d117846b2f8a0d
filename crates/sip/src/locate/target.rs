//! What is searched for, and what is found.

use std::net::SocketAddr;

use crate::flow::Transport;

/// Where a request is to go, as its topmost Route, its Request-URI or a configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name or address; an IPv6 address with or without brackets.
    pub host: String,
    /// The port, if one is given.
    pub port: Option<u16>,
    /// The transport, if one is given; UDP and TCP give way to TLS where `sips` is set.
    pub transport: Option<Transport>,
    /// The scheme is `sips`: nothing but TLS will do.
    pub sips: bool,
}

/// What the caller can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// UDP, and the default for `sip`.
    pub udp: bool,
    /// TCP.
    pub tcp: bool,
    /// TLS over TCP.
    pub tls: bool,
    /// IPv4 routes.
    pub ipv4: bool,
    /// IPv6 routes.
    pub ipv6: bool,
}

impl Default for Support {
    fn default() -> Self {
        Self {
            udp: true,
            tcp: true,
            tls: true,
            ipv4: true,
            ipv6: true,
        }
    }
}

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Over what.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
    /// The name its certificate must carry: the destination's, since names that the DNS put in between prove nothing
    /// (RFC 5922 §4, RFC 9525 §6).
    pub server_name: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this one.
    Target(Target),
    /// Answers of the DNS are missing.
    Waiting,
    /// There are no more.
    Exhausted(Exhausted),
}

/// Why there are no more targets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// Every one has been given out.
    #[error("all servers have been tried")]
    Tried,
    /// The DNS knows no address.
    #[error("{name} has no address")]
    NoRecords {
        /// Of this name.
        name: String,
    },
    /// The DNS did not answer.
    #[error("no answer of the DNS for {name}")]
    ResolverFailed {
        /// To this name.
        name: String,
    },
    /// The domain says that it does not offer SIP (RFC 2782, target ".").
    #[error("{name} does not offer SIP")]
    NotOffered {
        /// The domain.
        name: String,
    },
    /// No transport or address family that the caller speaks leads there.
    #[error("no usable transport or address family leads to {name}")]
    Unsupported {
        /// The host.
        name: String,
    },
}
