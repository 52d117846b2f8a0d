//! Questions to the DNS and their answers, as far as they matter here.

use std::net::IpAddr;

/// A question; the answer comes back with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// What is asked for.
    pub kind: RecordKind,
    /// The name, absolute, without the dot at its end.
    pub name: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// Services of a domain.
    Naptr,
    /// Servers of a service.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// What the resolver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Records; those of another kind than was asked for are ignored.
    Records(Vec<Record>),
    /// The name does not exist or has no such record.
    NoData,
    /// No answer, or an error.
    Failed,
}

impl Answer {
    /// The records, none if there is no answer.
    pub(super) fn into_records(self) -> Vec<Record> {
        match self {
            Self::Records(records) => records,
            Self::NoData | Self::Failed => Vec::new(),
        }
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A service.
    Naptr(Naptr),
    /// A server.
    Srv(Srv),
    /// An address, of either family.
    Address(IpAddr),
}

/// A NAPTR record (RFC 3403).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Lower comes first.
    pub order: u16,
    /// Lower comes first among equal orders.
    pub preference: u16,
    /// "s" where an SRV record follows.
    pub flags: String,
    /// "SIPS+D2T", "SIP+D2T" or "SIP+D2U" where it matters here.
    pub services: String,
    /// Empty where it matters here.
    pub regexp: String,
    /// The name to ask for next.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower comes first.
    pub priority: u16,
    /// Share of the load among equal priorities.
    pub weight: u16,
    /// Where the server listens.
    pub port: u16,
    /// The server, or "." if there is decidedly none.
    pub target: String,
}

/// The form names are asked for and compared in; `None` for what is no name.
pub(super) fn plain_name(name: &str) -> Option<String> {
    /// Octets of the longest name that a message of the DNS can hold (RFC 1035 §2.3.4).
    const NAME_LENGTH_MAX: usize = 253;
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_name =
        (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| name.to_ascii_lowercase())
}
