//! Values of multicast zones: numbers, addresses of groups, senders.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::kind::{parse_integer, parse_port};

/// Networks that a list of senders may have: a site has a few servers and consoles.
pub const SOURCES_MAX: usize = 32;

/// The number of a multicast zone, from 1 to 50.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct ZoneNumber(u8);

/// A number that no zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("zones have numbers from 1 to 50")]
pub struct ZoneNumberError;

impl ZoneNumber {
    /// The zone that is heard before others, unless the configuration names another one.
    pub const PRIORITY: Self = Self(9);
    /// The zone of everybody.
    pub const ALL_CALL: Self = Self(8);
    const LAST: u8 = 50;

    /// The zone of a number.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            1..=Self::LAST => Some(Self(number)),
            _ => None,
        }
    }

    /// All zones, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::LAST).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for ZoneNumber {
    type Error = ZoneNumberError;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::new(number).ok_or(ZoneNumberError)
    }
}

impl From<ZoneNumber> for u8 {
    fn from(zone: ZoneNumber) -> Self {
        zone.0
    }
}

impl fmt::Display for ZoneNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Which zone something goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ZoneChoice {
    /// The one of the base extension.
    Default,
    /// None.
    None,
    /// The one of a number.
    Zone(ZoneNumber),
}

/// A text that chooses no zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither Default nor None nor the number of a zone")]
pub struct ZoneChoiceError;

impl FromStr for ZoneChoice {
    type Err = ZoneChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("default") {
            return Ok(Self::Default);
        }
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self::None);
        }
        let number = parse_integer(text).and_then(|number| u8::try_from(number).ok());
        let zone = number.and_then(ZoneNumber::new).ok_or(ZoneChoiceError)?;
        Ok(Self::Zone(zone))
    }
}

/// The address of a zone: an IPv4 multicast group with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupAddress(SocketAddrV4);

/// A text that is no address of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a multicast address with a port")]
pub struct GroupAddressError;

impl GroupAddress {
    /// The address as the network has it.
    #[must_use]
    pub const fn socket_address(self) -> SocketAddrV4 {
        self.0
    }
}

impl FromStr for GroupAddress {
    type Err = GroupAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, port) = text.split_once(':').ok_or(GroupAddressError)?;
        let address: Ipv4Addr = address.parse().map_err(|_| GroupAddressError)?;
        let port = parse_port(port).ok_or(GroupAddressError)?;
        if address.is_multicast() {
            Ok(Self(SocketAddrV4::new(address, port)))
        } else {
            Err(GroupAddressError)
        }
    }
}

impl fmt::Display for GroupAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The addresses of senders: an address, or a network in the notation with a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceNetwork {
    address: Ipv4Addr,
    prefix: u8,
}

/// A text that is neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IPv4 address or network")]
pub struct SourceNetworkError;

impl SourceNetwork {
    /// Says whether an address is one of these.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => (address.to_bits() ^ self.address.to_bits()) & self.mask() == 0,
            IpAddr::V6(_) => false,
        }
    }

    fn mask(&self) -> u32 {
        u32::MAX
            .checked_shl(32_u32.saturating_sub(self.prefix.into()))
            .unwrap_or(0)
    }
}

impl FromStr for SourceNetwork {
    type Err = SourceNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                let prefix = parse_integer(prefix)
                    .and_then(|prefix| u8::try_from(prefix).ok())
                    .filter(|prefix| *prefix <= 32)
                    .ok_or(SourceNetworkError)?;
                (address, prefix)
            }
            None => (text, 32),
        };
        let address = address.parse().map_err(|_| SourceNetworkError)?;
        Ok(Self { address, prefix })
    }
}

pub(super) fn parse_zones(value: &str) -> Option<Vec<ZoneNumber>> {
    let mut zones: Vec<ZoneNumber> = items(value)
        .map(|item| parse_integer(item).and_then(|number| ZoneNumber::new(u8::try_from(number).ok()?)))
        .collect::<Option<_>>()?;
    zones.sort_unstable();
    zones.dedup();
    Some(zones)
}

pub(super) fn parse_sources(value: &str) -> Option<Vec<SourceNetwork>> {
    let sources: Option<Vec<SourceNetwork>> = items(value)
        .take(SOURCES_MAX + 1)
        .map(|item| item.parse().ok())
        .collect();
    sources.filter(|sources| sources.len() <= SOURCES_MAX)
}

/// The parts of a list with commas, perhaps one after the last.
fn items(value: &str) -> impl Iterator<Item = &str> {
    value.strip_suffix(',').unwrap_or(value).split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_zones_are_taken_with_and_without_the_last_comma() {
        let numbers = |text: &str| {
            parse_zones(text).map(|zones| zones.into_iter().map(ZoneNumber::get).collect::<Vec<_>>())
        };

        assert_eq!(numbers("1,8,9,"), Some(vec![1, 8, 9]));
        assert_eq!(numbers("50, 7,7"), Some(vec![7, 50]));
        for wrong in ["0", "51", "1,,2", ",", "1;2", "-1", "256"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_group_has_a_multicast_address_and_a_port() {
        for right in ["224.0.2.60:50000", "239.255.255.255:65535", "224.0.0.1:1"] {
            assert_eq!(right.parse::<GroupAddress>().unwrap().to_string(), right);
        }
        for wrong in [
            "192.0.2.1:50000",
            "224.0.2.60",
            "224.0.2.60:0",
            "240.0.0.1:1",
            "[ff02::1]:1",
        ] {
            assert!(wrong.parse::<GroupAddress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_source_is_an_address_or_a_network() {
        let contains = |network: &str, address: &str| {
            let network: SourceNetwork = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };

        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("192.0.2.7/24", "192.0.2.200") && !contains("192.0.2.0/24", "192.0.3.1"));
        assert!(contains("0.0.0.0/0", "203.0.113.1") && contains("192.0.2.7", "::ffff:192.0.2.7"));
        for wrong in ["192.0.2.0/33", "192.0.2", "host", "192.0.2.1/", "2001:db8::/32"] {
            assert!(wrong.parse::<SourceNetwork>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn as_many_sources_as_the_limit_are_taken_and_not_one_more() {
        let list = |count: usize| vec!["192.0.2.1"; count].join(",");

        assert_eq!(
            parse_sources(&list(SOURCES_MAX)).map(|list| list.len()),
            Some(SOURCES_MAX)
        );
        assert_eq!(parse_sources(&list(SOURCES_MAX + 1)), None);
    }
}
