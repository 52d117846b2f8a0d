//! Hosts as they stand in URIs and Vias.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::UriError;
use crate::syntax::{self, Scanner};

/// A `host` of RFC 3261 section 25.1: a domain name, an IPv4 address, or an IPv6 reference in brackets.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A host or domain name as it was written.
    Domain(&'a str),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address; brackets belong to its text form only.
    Ipv6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host that fills the whole text; an IPv6 address needs its brackets.
    ///
    /// The third colon that the grammar of RFC 3261 puts before an embedded IPv4 address is passed over
    /// (RFC 5118 section 4.10).
    ///
    /// # Errors
    /// [`UriError::Host`] if the text is no host.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').ok_or(UriError::Host)?;
            return ipv6(address).map(Self::Ipv6).ok_or(UriError::Host);
        }
        if syntax::all(text, syntax::HOST) {
            Self::of_name(text)
        } else {
            Err(UriError::Host)
        }
    }

    /// Reads a run of host characters.
    fn of_name(text: &'a str) -> Result<Self, UriError> {
        match name_kind(text) {
            Some(NameKind::Domain) => Ok(Self::Domain(text)),
            Some(NameKind::MaybeIpv4) => text.parse().map(Self::Ipv4).map_err(|_| UriError::Host),
            None => Err(UriError::Host),
        }
    }

    /// Takes a host at the scanner's position.
    pub(crate) fn take(scanner: &mut Scanner<'a>) -> Result<Self, UriError> {
        if scanner.peek() != Some(b'[') {
            return Self::of_name(scanner.take_while(syntax::HOST));
        }
        let start = scanner.position();
        let length = memchr::memchr(b']', scanner.rest().as_bytes()).ok_or(UriError::Host)?;
        scanner.advance(length + 1);
        Self::parse(scanner.since(start))
    }

    /// The address, unless the host is a name.
    #[must_use]
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Domain(_) => None,
            Self::Ipv4(address) => Some(IpAddr::V4(address)),
            Self::Ipv6(address) => Some(IpAddr::V6(address)),
        }
    }
}

/// Names compare without regard to case, addresses by their value (RFC 3261 section 19.1.4).
impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Domain(left), Self::Domain(right)) => left.eq_ignore_ascii_case(right),
            (Self::Ipv4(left), Self::Ipv4(right)) => left == right,
            (Self::Ipv6(left), Self::Ipv6(right)) => left == right,
            (Self::Domain(_) | Self::Ipv4(_) | Self::Ipv6(_), _) => false,
        }
    }
}

impl Eq for Host<'_> {}

impl From<IpAddr> for Host<'_> {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::Ipv4(address),
            IpAddr::V6(address) => Self::Ipv6(address),
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => formatter.write_str(name),
            Self::Ipv4(address) => address.fmt(formatter),
            Self::Ipv6(address) => write!(formatter, "[{address}]"),
        }
    }
}

fn ipv6(text: &str) -> Option<Ipv6Addr> {
    match text.split_once(":::") {
        Some((start, end)) if end.contains('.') => format!("{start}::{end}").parse().ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}

enum NameKind {
    Domain,
    MaybeIpv4,
}

/// Checks the labels of a run of host characters; the top one may not begin with a digit, so that
/// `300.1.1.1` is no name.
fn name_kind(text: &str) -> Option<NameKind> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let mut rest = name.as_bytes();
    while let Some(place) = memchr::memchr(b'.', rest) {
        let (label, tail) = rest.split_at_checked(place)?;
        if !is_label(label) {
            return None;
        }
        rest = tail.get(1..)?;
    }
    match rest.first() {
        Some(b'0'..=b'9') if is_label(rest) => Some(NameKind::MaybeIpv4),
        Some(_) if is_label(rest) => Some(NameKind::Domain),
        Some(_) | None => None,
    }
}

fn is_label(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.first() != Some(&b'-') && octets.last() != Some(&b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        assert_eq!(
            Host::parse("192.0.2.1"),
            Ok(Host::Ipv4(Ipv4Addr::new(192, 0, 2, 1)))
        );
        assert_eq!(Host::parse("[::1]"), Ok(Host::Ipv6(Ipv6Addr::LOCALHOST)));
        assert_eq!(
            Host::parse("4you.example.com."),
            Ok(Host::Domain("4YOU.example.com."))
        );
        assert_eq!(Host::parse("pbx_1"), Ok(Host::Domain("pbx_1")));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let refused = [
            "",
            ".",
            "a..b",
            "-a.b",
            "a-.b",
            "300.1.1.1",
            "1.2.3",
            "::1",
            "[::1",
            "[1.2.3.4]",
            "[fe80::1%eth0]",
        ];
        for text in refused {
            assert_eq!(Host::parse(text), Err(UriError::Host), "{text:?}");
        }
    }

    #[test]
    fn a_third_colon_is_passed_over_before_an_ipv4_address_only() {
        assert_eq!(
            Host::parse("[2001:db8:::192.0.2.1]"),
            Host::parse("[2001:db8::192.0.2.1]")
        );
        assert!(Host::parse("[2001:db8:::1]").is_err());
    }

    #[test]
    fn an_ipv6_address_is_written_in_brackets() {
        assert_eq!(Host::Ipv6(Ipv6Addr::LOCALHOST).to_string(), "[::1]");
    }
}
