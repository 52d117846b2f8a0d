//! Which addresses are one peer's: the key of every limit per source.

use std::net::IpAddr;

/// The peers that count as one: an IPv4 address, or the IPv6 /64 that one subscriber has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    pub(crate) fn of(address: IpAddr) -> Self {
        const SUBSCRIBER_PREFIX: u128 = u128::MAX << 64;
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => Self(IpAddr::V6((v6.to_bits() & SUBSCRIBER_PREFIX).into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_subscriber_are_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());

        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
