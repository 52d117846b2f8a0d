//! The sockets of the media thread, by leg and by number.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};

use ::media::bridge::{LegId, Transmit};
use ::media::rtcp::is_rtcp;
use mio::net::UdpSocket;
use mio::{Events, Interest, Registry, Token};

use super::plane::MediaEvent;
use super::ports::{MediaAddresses, OpenError, PortPool, PortRange};

/// All sockets of a plane. A number is never used again, so that a late report of the kernel hits nobody else.
pub(super) struct Sockets {
    pool: PortPool,
    advertise: Option<IpAddr>,
    socket_by_token: HashMap<Token, LegSocket>,
    sockets_by_leg: HashMap<LegId, LegSockets>,
    next_token: usize,
    readable: BTreeSet<Token>,
    outcomes: VecDeque<MediaEvent>,
}

struct LegSocket {
    leg: LegId,
    socket: UdpSocket,
}

struct LegSockets {
    rtp: Token,
    rtcp: Token,
    /// The address both are bound to, and RTP's port.
    bound: SocketAddr,
    /// RTCP goes through the RTP socket (RFC 5761).
    is_muxed: bool,
    /// The bridge takes its packets.
    is_connected: bool,
}

impl Sockets {
    pub(super) fn new(ports: PortRange, addresses: MediaAddresses, advertise: Option<IpAddr>) -> Self {
        Self {
            pool: PortPool::new(ports, addresses, super::roll()),
            advertise,
            socket_by_token: HashMap::new(),
            sockets_by_leg: HashMap::new(),
            next_token: 1,
            readable: BTreeSet::new(),
            outcomes: VecDeque::new(),
        }
    }

    /// Opens the sockets of a leg in the family of `local`, and says whether it has them; [`Sockets::next_outcome`] tells the
    /// driver.
    pub(super) fn open(&mut self, leg: LegId, local: IpAddr, registry: &Registry) -> bool {
        let opened = match self.sockets_by_leg.get(&leg) {
            Some(sockets) => Ok(sockets.bound),
            None => self.open_pair(leg, local, registry),
        };
        let is_open = opened.is_ok();
        self.outcomes.push_back(match opened {
            Ok(bound) => MediaEvent::Opened {
                leg,
                address: reached_at(self.advertise, bound),
            },
            Err(cause) => MediaEvent::OpenFailed { leg, cause },
        });
        is_open
    }

    fn open_pair(&mut self, leg: LegId, local: IpAddr, registry: &Registry) -> Result<SocketAddr, OpenError> {
        let pair = self.pool.open(local)?;
        let bound = SocketAddr::new(pair.address, pair.port);
        let registered = self.register(leg, pair.rtp, registry).and_then(|rtp| {
            let rtcp = self.register(leg, pair.rtcp, registry);
            if rtcp.is_err() {
                self.socket_by_token.remove(&rtp);
            }
            Ok((rtp, rtcp?))
        });
        match registered {
            Ok((rtp, rtcp)) => {
                self.sockets_by_leg.insert(
                    leg,
                    LegSockets {
                        rtp,
                        rtcp,
                        bound,
                        is_muxed: false,
                        is_connected: false,
                    },
                );
                Ok(bound)
            }
            Err(error) => {
                self.pool.close(bound.port());
                Err(error.into())
            }
        }
    }

    fn register(
        &mut self,
        leg: LegId,
        socket: std::net::UdpSocket,
        registry: &Registry,
    ) -> io::Result<Token> {
        let mut socket = UdpSocket::from_std(socket);
        let token = Token(self.next_token);
        self.next_token += 1;
        registry.register(&mut socket, token, Interest::READABLE)?;
        self.socket_by_token.insert(token, LegSocket { leg, socket });
        Ok(token)
    }

    pub(super) fn close(&mut self, leg: LegId, registry: &Registry) {
        let Some(sockets) = self.sockets_by_leg.remove(&leg) else {
            return;
        };
        for token in [sockets.rtp, sockets.rtcp] {
            self.readable.remove(&token);
            if let Some(mut closed) = self.socket_by_token.remove(&token) {
                // Closing the descriptor takes it out of the kernel's list in any case.
                let _is_removed = registry.deregister(&mut closed.socket).is_ok();
            }
        }
        self.pool.close(sockets.bound.port());
    }

    /// The sockets of a leg.
    pub(super) fn tokens(&self, leg: LegId) -> impl Iterator<Item = Token> + use<> {
        let sockets = self.sockets_by_leg.get(&leg);
        let tokens = sockets.map(|sockets| [sockets.rtp, sockets.rtcp]);
        tokens.into_iter().flatten()
    }

    /// Notes that the bridge takes the packets of a leg.
    pub(super) fn connect(&mut self, leg: LegId, is_muxed: bool) {
        if let Some(sockets) = self.sockets_by_leg.get_mut(&leg) {
            sockets.is_muxed = is_muxed;
            sockets.is_connected = true;
        }
    }

    /// Says whether the bridge takes what comes to a socket.
    pub(super) fn is_connected(&self, token: Token) -> bool {
        self.socket_by_token
            .get(&token)
            .and_then(|socket| self.sockets_by_leg.get(&socket.leg))
            .is_some_and(|sockets| sockets.is_connected)
    }

    pub(super) fn next_outcome(&mut self) -> Option<MediaEvent> {
        self.outcomes.pop_front()
    }

    pub(super) fn mark_readable(&mut self, ready: &Events) {
        let sockets = &self.socket_by_token;
        self.readable.extend(
            ready
                .iter()
                .map(|event| event.token())
                .filter(|token| sockets.contains_key(token)),
        );
    }

    pub(super) fn keep_readable(&mut self, token: Token) {
        self.readable.insert(token);
    }

    pub(super) fn take_readable(&mut self) -> BTreeSet<Token> {
        std::mem::take(&mut self.readable)
    }

    /// One packet of a socket and the leg it belongs to; `None` when the socket has been closed or is empty.
    pub(super) fn receive(&self, token: Token, buffer: &mut [u8]) -> Option<(LegId, usize, SocketAddr)> {
        let LegSocket { leg, socket } = self.socket_by_token.get(&token)?;
        let (length, from) = socket.recv_from(buffer).ok()?;
        Some((*leg, length, from))
    }

    /// Sends a packet from the socket of its kind; false when the kernel does not take it.
    pub(super) fn send(&self, transmit: &Transmit, bytes: &[u8]) -> bool {
        let socket = self.sockets_by_leg.get(&transmit.leg).and_then(|sockets| {
            let token = if is_rtcp(bytes) && !sockets.is_muxed {
                sockets.rtcp
            } else {
                sockets.rtp
            };
            self.socket_by_token.get(&token)
        });
        socket.is_some_and(|leg| leg.socket.send_to(bytes, transmit.to).is_ok())
    }
}

/// How peers reach a bound socket; the advertised address stands for those of its family. A peer on the loopback is on this side of the
/// translation, and cannot send to the other.
fn reached_at(advertise: Option<IpAddr>, bound: SocketAddr) -> SocketAddr {
    let is_told = |address: &IpAddr| address.is_ipv4() == bound.is_ipv4() && !bound.ip().is_loopback();
    SocketAddr::new(advertise.filter(is_told).unwrap_or(bound.ip()), bound.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advertised_address_stands_for_its_family_and_not_for_the_loopback() {
        let advertised = IpAddr::from([203, 0, 113, 7]);
        for (bound, told) in [
            ("10.0.0.5:4000", "203.0.113.7:4000"),
            ("0.0.0.0:4000", "203.0.113.7:4000"),
            ("[2001:db8::5]:4000", "[2001:db8::5]:4000"),
            ("127.0.0.1:4000", "127.0.0.1:4000"),
        ] {
            let found = reached_at(Some(advertised), bound.parse().unwrap());
            assert_eq!(found, told.parse().unwrap(), "{bound}");
        }
    }
}
