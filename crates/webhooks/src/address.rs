//! Which addresses a message may go to. Whoever may add a receiver could otherwise have the service speak to what only the service
//! can reach: itself, the machine it runs on, or what hands out the credentials of a cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is allowed besides public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPolicy {
    /// This machine.
    pub loopback: bool,
    /// Whatever hangs on the same wire without an address of its own network.
    pub link_local: bool,
    /// Addresses that are private to a site.
    pub private: bool,
}

impl Default for AddressPolicy {
    /// Sites, because receivers usually stand there; neither loopback nor link-local.
    fn default() -> Self {
        Self {
            loopback: false,
            link_local: false,
            private: true,
        }
    }
}

/// Why a message may not go to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// It is this machine.
    #[error("{0} is this machine itself; webhooks.allow-loopback in service.toml would allow it")]
    Loopback(IpAddr),
    /// It is link-local.
    #[error("{0} is link-local; webhooks.allow-link-local in service.toml would allow it")]
    LinkLocal(IpAddr),
    /// It is private.
    #[error("{0} is private to a site; webhooks.allow-private in service.toml would allow it")]
    Private(IpAddr),
    /// It hands out the credentials of a machine in a cloud.
    #[error("{0} gives machines of a cloud their credentials, and is never sent anything")]
    Metadata(IpAddr),
    /// It is nobody's, or many's.
    #[error("{0} is no address of one machine")]
    NoMachine(IpAddr),
}

/// What clouds give their machines credentials at: several makers, Alibaba, Oracle, and AWS over IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254)),
];

/// Judges an address; one that carries an IPv4 address inside is judged by that.
///
/// # Errors
///
/// Says why nothing may go there.
pub fn judge(address: IpAddr, policy: AddressPolicy) -> Result<(), Barred> {
    let inner = carried(address);
    if METADATA.contains(&inner) {
        return Err(Barred::Metadata(inner));
    }
    let allowed = |is_allowed: bool, barred: Barred| if is_allowed { Ok(()) } else { Err(barred) };
    match place_of(inner) {
        Place::NoMachine => Err(Barred::NoMachine(inner)),
        Place::Loopback => allowed(policy.loopback, Barred::Loopback(inner)),
        Place::LinkLocal => allowed(policy.link_local, Barred::LinkLocal(inner)),
        Place::Private => allowed(policy.private, Barred::Private(inner)),
        Place::Public => Ok(()),
    }
}

enum Place {
    NoMachine,
    Loopback,
    LinkLocal,
    Private,
    Public,
}

fn place_of(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => place_of_v4(address),
        IpAddr::V6(address) => place_of_v6(address),
    }
}

fn place_of_v4(address: Ipv4Addr) -> Place {
    let [first, second, third, _] = address.octets();
    match (first, second) {
        // 0.0.0.0 reaches this machine; multicast and what is reserved behind it reach many or nobody.
        (0 | 224..=255, _) => Place::NoMachine,
        (127, _) => Place::Loopback,
        (169, 254) => Place::LinkLocal,
        // 100.64.0.0/10 stands between a provider and its customers, 198.18.0.0/15 in laboratories.
        (10, _) | (172, 16..=31) | (192, 168) | (100, 64..=127) | (198, 18 | 19) => Place::Private,
        (192, 0) if third == 0 => Place::Private,
        _ => Place::Public,
    }
}

fn place_of_v6(address: Ipv6Addr) -> Place {
    if address.is_unspecified() || address.is_multicast() {
        return Place::NoMachine;
    }
    if address.is_loopback() {
        return Place::Loopback;
    }
    match address.segments()[0] {
        // fe80::/10, and fec0::/10, which was meant for sites.
        0xFE80..=0xFEFF => Place::LinkLocal,
        0xFC00..=0xFDFF => Place::Private,
        _ => Place::Public,
    }
}

/// The address that is reached in the end: mapped, compatible and translated (NAT64) forms, 6to4, Teredo and ISATAP carry an IPv4 address.
fn carried(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let of = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(one, two, three, four))
    };
    match (a, b, c, d, e, f) {
        // ::1 and :: are themselves.
        (0, 0, 0, 0, 0, 0) if high == 0 && low <= 1 => address,
        (0, 0, 0, 0, 0, 0 | 0xFFFF) | (0, 0, 0, 0, 0xFFFF, 0) => of(high, low),
        // 64:ff9b::/96 and 64:ff9b:1::/48 (RFC 6052, RFC 8215).
        (0x64, 0xFF9B, 0 | 1, _, _, _) => of(high, low),
        // 2002::/16 (RFC 3056).
        (0x2002, ..) => of(b, c),
        // 2001::/32 (RFC 4380): the client's address with its bits turned.
        (0x2001, 0, ..) => of(!high, !low),
        // ISATAP (RFC 5214).
        (_, _, _, _, 0 | 0x200, 0x5EFE) => of(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: AddressPolicy = AddressPolicy {
        loopback: false,
        link_local: false,
        private: false,
    };
    const EVERYTHING: AddressPolicy = AddressPolicy {
        loopback: true,
        link_local: true,
        private: true,
    };

    fn judged(address: &str, policy: AddressPolicy) -> Result<(), Barred> {
        judge(address.parse().unwrap(), policy)
    }

    #[test]
    fn w05_loopback_and_link_local_are_barred_in_every_guise_unless_they_are_allowed() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::1",
            "2001:0:53aa:64c:0:0:80ff:fffe",
            "2001:db8::5efe:127.0.0.1",
        ] {
            assert!(
                matches!(
                    judged(address, AddressPolicy::default()),
                    Err(Barred::Loopback(_))
                ),
                "{address}"
            );
            assert_eq!(judged(address, EVERYTHING), Ok(()), "{address}");
        }
        for address in [
            "169.254.1.1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "::ffff:169.254.1.1",
            "2002:a9fe:101::",
        ] {
            assert!(
                matches!(
                    judged(address, AddressPolicy::default()),
                    Err(Barred::LinkLocal(_))
                ),
                "{address}"
            );
            assert_eq!(judged(address, EVERYTHING), Ok(()), "{address}");
        }
    }

    #[test]
    fn w05_what_gives_credentials_and_what_is_no_machine_is_never_sent_anything() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
        ] {
            assert!(
                matches!(judged(address, EVERYTHING), Err(Barred::Metadata(_))),
                "{address}"
            );
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "239.1.2.3",
            "255.255.255.255",
            "240.0.0.1",
            "ff02::1",
            "::ffff:0.0.0.0",
        ] {
            assert!(
                matches!(judged(address, EVERYTHING), Err(Barred::NoMachine(_))),
                "{address}"
            );
        }
    }

    #[test]
    fn sites_are_sent_to_unless_that_is_forbidden_and_the_world_always() {
        for address in [
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "fc00::1",
            "fdff::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(judged(address, AddressPolicy::default()), Ok(()), "{address}");
            assert!(
                matches!(judged(address, NOTHING), Err(Barred::Private(_))),
                "{address}"
            );
        }
        for address in [
            "192.0.2.1",
            "172.15.0.1",
            "172.32.0.1",
            "128.0.0.1",
            "2001:db8::1",
            "64:ff9b::198.51.100.1",
            "100.128.0.1",
        ] {
            assert_eq!(judged(address, NOTHING), Ok(()), "{address}");
        }
    }
}
