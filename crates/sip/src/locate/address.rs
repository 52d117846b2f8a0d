//! The order of a server's addresses.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// Puts the addresses of one name into the order of the default policy of RFC 6724 §2.1; within a row of that policy
/// they stay in the order of the DNS. Of the selection rules this is the one that needs no knowledge of routes.
pub(super) fn sort(addresses: &mut [IpAddr]) {
    addresses.sort_by_key(|address| Reverse(precedence(*address)));
}

/// Whether a name may lead here: to an address of one machine that is good on more than one link. What the DNS says comes from
/// elsewhere, and link-local addresses belong to services of the machine's own network, such as the metadata of a cloud.
pub(super) fn may_serve(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            !(address.is_unspecified()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_link_local())
        }
        IpAddr::V6(address) => {
            !(address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local())
        }
    }
}

fn precedence(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 35,
        IpAddr::V6(address) if address == Ipv6Addr::LOCALHOST => 50,
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            match (first, second) {
                _ if address.to_ipv4_mapped().is_some() => 35,
                (0x2002, _) => 30,
                (0x2001, 0) => 5,
                (0xfc00..=0xfdff, _) => 3,
                (0xfec0..=0xfeff, _) | (0x3ffe, _) => 1,
                _ => 40,
            }
        }
    }
}
