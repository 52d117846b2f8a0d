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
        let mut scanner = Scanner::new(text);
        let host = Self::take(&mut scanner)?;
        if scanner.is_at_end() {
            Ok(host)
        } else {
            Err(UriError::Host)
        }
    }

    /// Takes a host at the scanner's position.
    #[inline]
    pub(crate) fn take(scanner: &mut Scanner<'a>) -> Result<Self, UriError> {
        if scanner.take(b'[') {
            let start = scanner.position();
            let length = memchr::memchr(b']', scanner.rest().as_bytes()).ok_or(UriError::Host)?;
            scanner.advance(length);
            let address = ipv6(scanner.since(start)).ok_or(UriError::Host)?;
            scanner.advance(1);
            return Ok(Self::Ipv6(address));
        }
        let start = scanner.position();
        let is_number = labels(scanner).ok_or(UriError::Host)?;
        let text = scanner.since(start);
        if is_number {
            text.parse().map(Self::Ipv4).map_err(|_| UriError::Host)
        } else {
            Ok(Self::Domain(text))
        }
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

/// Takes labels that neither begin nor end with a hyphen, and a dot at the end; says whether the last label
/// begins with a digit, as no domain name's does.
fn labels(scanner: &mut Scanner<'_>) -> Option<bool> {
    loop {
        let label = scanner.take_while(syntax::LABEL).as_bytes();
        let (first, last) = (label.first()?, label.last()?);
        if *first == b'-' || *last == b'-' {
            return None;
        }
        if !scanner.take(b'.')
            || !scanner
                .peek()
                .is_some_and(|octet| syntax::is(octet, syntax::LABEL))
        {
            return Some(first.is_ascii_digit());
        }
    }
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
