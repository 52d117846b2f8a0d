//! Pairs of ports: RTP on an even one, RTCP on the odd one above it (RFC 3550 section 11).

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Kernel buffer of a media socket in bytes: a second of a talker's packets, so that a thousand sockets cost little.
pub(super) const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;
/// Ports held by other programs that are tried before giving up: about a millisecond of work.
const ATTEMPTS_MAX: usize = 512;
/// Expedited forwarding (RFC 3246) in the upper six bits of the traffic class.
pub(super) const EXPEDITED_FORWARDING: u32 = 46 << 2;

/// The traffic classes of a pair of media sockets: code points in the upper six bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TrafficClasses {
    pub(super) rtp: u32,
    pub(super) rtcp: u32,
}

impl Default for TrafficClasses {
    fn default() -> Self {
        Self {
            rtp: EXPEDITED_FORWARDING,
            rtcp: EXPEDITED_FORWARDING,
        }
    }
}

/// A range of ports for media, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// A range; an odd first port and an even last one are left out, since they have no partner.
    ///
    /// # Errors
    /// No pair fits into the range.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        let rtp_first = first.max(1).checked_next_multiple_of(2);
        let rtp_last = last.checked_sub(1).map(|port| port & !1);
        match (rtp_first, rtp_last) {
            (Some(rtp_first), Some(rtp_last)) if rtp_first <= rtp_last => Ok(Self {
                first: rtp_first,
                last: rtp_last,
            }),
            _ => Err(PortRangeError { first, last }),
        }
    }

    /// How many pairs there are.
    #[must_use]
    pub fn pairs(self) -> usize {
        usize::from(self.last - self.first) / 2 + 1
    }
}

impl Default for PortRange {
    /// 8,192 pairs below the ports that Linux gives to clients.
    fn default() -> Self {
        Self {
            first: 16_384,
            last: 32_766,
        }
    }
}

/// A range of ports without an even port followed by an odd one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ports {first} to {last} hold no pair of an even port and the next one, which media needs")]
pub struct PortRangeError {
    first: u16,
    last: u16,
}

/// The addresses media sockets are bound to: one of each family at most, perhaps the unspecified ones. A pair is bound to
/// the one of the family that its peer is reached over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaAddresses {
    v4: Option<Ipv4Addr>,
    v6: Option<Ipv6Addr>,
}

impl MediaAddresses {
    /// All addresses of both families.
    pub const ALL: Self = Self {
        v4: Some(Ipv4Addr::UNSPECIFIED),
        v6: Some(Ipv6Addr::UNSPECIFIED),
    };

    /// These addresses; of several of one family the last. A family without any carries no media.
    #[must_use]
    pub fn new(addresses: &[IpAddr]) -> Self {
        let mut chosen = Self { v4: None, v6: None };
        for address in addresses {
            match address.to_canonical() {
                IpAddr::V4(v4) => chosen.v4 = Some(v4),
                IpAddr::V6(v6) => chosen.v6 = Some(v6),
            }
        }
        chosen
    }

    /// The address of the family of `local`.
    fn like(self, local: IpAddr) -> Option<IpAddr> {
        match local.to_canonical() {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }
}

/// Why no pair of sockets could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// All pairs of the range are open.
    #[error("all {0} pairs of media ports are in use")]
    Exhausted(usize),
    /// Media is bound to no address of the family that the peer is reached over.
    #[error("media is bound to no address of the family of {0}")]
    NoFamily(IpAddr),
    /// Other programs hold the ports tried.
    #[error("{ATTEMPTS_MAX} media ports in a row are held by other programs")]
    Occupied,
    /// The system refuses.
    #[error("a media socket cannot be opened: {0}")]
    System(#[from] io::Error),
}

/// The two sockets of one stream of media.
#[derive(Debug)]
pub(super) struct SocketPair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    /// The address both are bound to, perhaps the unspecified one.
    pub(super) address: IpAddr,
    /// The even port.
    pub(super) port: u16,
}

/// Gives out pairs, a closed one as late as possible again: stray packets of its past would hit its successor. A port is
/// given out in one family at a time, so that the range holds as many pairs as it says.
#[derive(Debug)]
pub(super) struct PortPool {
    range: PortRange,
    addresses: MediaAddresses,
    next: u16,
    open: BTreeSet<u16>,
    classes: TrafficClasses,
}

impl PortPool {
    /// `roll` is any random number: programs that share a range and a machine begin at different places.
    pub(super) fn new(range: PortRange, addresses: MediaAddresses, roll: u16) -> Self {
        // The first port, the span and the roll without its lowest bit are even, so RTP's port is.
        let span = range.last - range.first + 2;
        let next = range.first + (roll & !1) % span;
        Self {
            range,
            addresses,
            next,
            open: BTreeSet::new(),
            classes: TrafficClasses::default(),
        }
    }

    /// Marks the packets of pairs that are opened from here on.
    pub(super) fn mark(&mut self, classes: TrafficClasses) {
        self.classes = classes;
    }

    /// Opens a pair in the family of `local`, the address that the peer is signalled with.
    pub(super) fn open(&mut self, local: IpAddr) -> Result<SocketPair, OpenError> {
        let address = self.addresses.like(local).ok_or(OpenError::NoFamily(local))?;
        for _attempt in 0..ATTEMPTS_MAX {
            let port = self
                .next_free()
                .ok_or_else(|| OpenError::Exhausted(self.range.pairs()))?;
            match bind_pair(address, port, self.classes) {
                Ok(pair) => {
                    self.open.insert(port);
                    return Ok(pair);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(OpenError::Occupied)
    }

    pub(super) fn close(&mut self, port: u16) {
        self.open.remove(&port);
    }

    fn next_free(&mut self) -> Option<u16> {
        for _pair in 0..self.range.pairs() {
            let port = self.next;
            self.next = if port >= self.range.last {
                self.range.first
            } else {
                port + 2
            };
            if !self.open.contains(&port) {
                return Some(port);
            }
        }
        None
    }
}

fn bind_pair(address: IpAddr, port: u16, classes: TrafficClasses) -> io::Result<SocketPair> {
    let rtp = bind(SocketAddr::new(address, port), classes.rtp)?;
    let rtcp = bind(SocketAddr::new(address, port + 1), classes.rtcp)?;
    Ok(SocketPair {
        rtp,
        rtcp,
        address,
        port,
    })
}

fn bind(address: SocketAddr, class: u32) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // A socket of all addresses would else take the port in both families.
        socket.set_only_v6(true)?;
    }
    // Neither the size nor the priority is worth failing for: the kernel gives what it allows.
    let _as_asked = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).is_ok();
    let _with_priority = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(class),
        SocketAddr::V6(_) => socket.set_tclass_v6(class),
    }
    .is_ok();
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn loopback() -> MediaAddresses {
        MediaAddresses::new(&[LOOPBACK])
    }

    /// Where the ranges of the tests begin that have not been given out.
    static NEXT_RANGE: AtomicU16 = AtomicU16::new(40_000);

    /// A range of `pairs` pairs that nobody holds at the moment, and that no other test gets: they run at the same time.
    fn free_range(pairs: u16) -> PortRange {
        loop {
            let first = NEXT_RANGE.fetch_add(pairs * 2, Ordering::Relaxed);
            assert!(first < 60_000, "no free ports");
            let range = PortRange::new(first, first + pairs * 2 - 1).unwrap();
            let mut pool = PortPool::new(range, loopback(), 0);
            if (0..pairs)
                .map(|_| pool.open(LOOPBACK))
                .collect::<Result<Vec<_>, _>>()
                .is_ok()
                && pool.next == first
            {
                return range;
            }
        }
    }

    #[test]
    fn a_range_is_cut_to_whole_pairs() {
        assert_eq!(
            PortRange::new(10_001, 10_004).unwrap(),
            PortRange {
                first: 10_002,
                last: 10_002
            }
        );
        assert_eq!(PortRange::new(10_000, 10_003).unwrap().pairs(), 2);
        assert_eq!(PortRange::new(65_534, 65_535).unwrap().pairs(), 1);
        assert_eq!(PortRange::default().pairs(), 8_192);
    }

    #[test]
    fn a_range_without_a_pair_is_refused() {
        for (first, last) in [
            (10_000, 10_000),
            (10_001, 10_002),
            (10_002, 10_000),
            (0, 0),
            (65_535, 65_535),
        ] {
            assert!(PortRange::new(first, last).is_err(), "{first} to {last}");
        }
    }

    #[test]
    fn rtp_is_even_and_rtcp_is_next_to_it() {
        let mut pool = PortPool::new(free_range(2), loopback(), 0);

        let pair = pool.open(LOOPBACK).unwrap();

        assert_eq!(pair.port % 2, 0);
        assert_eq!(pair.rtp.local_addr().unwrap().port(), pair.port);
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port + 1);
    }

    #[test]
    fn a_pool_gives_out_all_its_pairs_and_not_one_more() {
        let mut pool = PortPool::new(free_range(2), loopback(), 0);
        let first = pool.open(LOOPBACK).unwrap();
        let second = pool.open(LOOPBACK).unwrap();
        assert_ne!(first.port, second.port);

        assert!(matches!(pool.open(LOOPBACK), Err(OpenError::Exhausted(2))));

        pool.close(first.port);
        drop(first);
        assert!(pool.open(LOOPBACK).is_ok());
    }

    #[test]
    fn a_closed_pair_comes_back_last() {
        let range = free_range(3);
        let mut pool = PortPool::new(range, loopback(), 0);
        let closed = pool.open(LOOPBACK).unwrap().port;
        pool.close(closed);

        let ports: Vec<_> = (0..3)
            .map(|_| pool.open(LOOPBACK).map(|pair| pair.port).unwrap())
            .collect();

        assert_eq!(ports.last(), Some(&closed));
    }

    #[test]
    fn a_pool_begins_within_its_range_whatever_the_roll() {
        let range = PortRange::new(65_530, 65_535).unwrap();
        for (roll, first) in [
            (0, 65_530),
            (1, 65_530),
            (2, 65_532),
            (5, 65_534),
            (6, 65_530),
            (u16::MAX, 65_532),
        ] {
            assert_eq!(PortPool::new(range, loopback(), roll).next, first, "{roll}");
        }
    }

    #[test]
    fn ports_of_other_programs_are_passed_over() {
        let range = free_range(2);
        let _other = UdpSocket::bind((LOOPBACK, range.first + 1)).unwrap();
        let mut pool = PortPool::new(range, loopback(), 0);

        assert_eq!(pool.open(LOOPBACK).unwrap().port, range.last);
    }

    #[test]
    fn packets_are_marked_as_asked_for_from_the_next_pair_on() {
        let mut pool = PortPool::new(free_range(2), loopback(), 0);
        let marks = |pair: &SocketPair| {
            [&pair.rtp, &pair.rtcp].map(|socket| socket2::SockRef::from(socket).tos_v4().unwrap() >> 2)
        };

        let expedited = pool.open(LOOPBACK).unwrap();
        pool.mark(TrafficClasses {
            rtp: 34 << 2,
            rtcp: 0,
        });
        let marked = pool.open(LOOPBACK).unwrap();

        assert_eq!(marks(&expedited), [46, 46]);
        assert_eq!(marks(&marked), [34, 0]);
    }
}
