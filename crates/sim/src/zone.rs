//! The zone: its core, its bridge, and the sockets of both.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use media::bridge::{LegId, Plane};
use sip::flow::{ConnectionId, Flow, Transport};
use switch::{Config, Switch};

use crate::station::{DATAGRAMS, MediaPeer};

/// The zone's address.
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Its port for datagrams.
pub(crate) const UDP_PORT: u16 = 5_060;
/// Its port for streams.
pub(crate) const TLS_PORT: u16 = 5_061;
/// Its name.
pub(crate) const NAME: &str = "zone.acme.example";
/// Its first port for media.
const MEDIA_PORT_FIRST: u16 = 16_384;

/// The zone, running or not.
pub(crate) struct Zone {
    pub(crate) config: Config,
    pub(crate) process: Option<Process>,
    /// Counts its starts.
    pub(crate) incarnation: u32,
    /// Without power a host does not even refuse.
    pub(crate) has_power: bool,
}

/// A running zone.
pub(crate) struct Process {
    pub(crate) switch: Switch,
    pub(crate) plane: Plane,
    pub(crate) ports: Ports,
    /// For when the core is on the agenda.
    pub(crate) switch_wake_at: Option<Instant>,
    /// For when the bridge is on the agenda.
    pub(crate) plane_wake_at: Option<Instant>,
    /// When the last report of the bridge reaches the core: later ones do not come before it.
    pub(crate) last_report: Option<Instant>,
}

/// The ports of legs.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) port_by_leg: BTreeMap<LegId, u16>,
    pub(crate) leg_by_port: BTreeMap<u16, LegId>,
    /// Who sends to each port; those that nothing has come to are missing.
    pub(crate) peer_by_port: BTreeMap<u16, MediaPeer>,
    next: u16,
}

/// What a port of the zone is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ZoneSocket {
    Sip,
    Rtp(LegId),
    Rtcp(LegId),
}

impl Zone {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            process: None,
            incarnation: 0,
            has_power: false,
        }
    }

    /// Starts the process.
    pub(crate) fn boot(&mut self, switch_seed: [u8; 32], plane_seed: [u8; 32]) {
        self.incarnation += 1;
        self.has_power = true;
        self.process = Some(Process {
            switch: Switch::new(switch_seed, self.config.clone()),
            plane: Plane::new(plane_seed),
            ports: Ports::new(),
            switch_wake_at: None,
            plane_wake_at: None,
            last_report: None,
        });
    }

    /// The process of an incarnation, if that still runs.
    pub(crate) fn process_of(&mut self, incarnation: u32) -> Option<&mut Process> {
        self.process
            .as_mut()
            .filter(|_process| self.incarnation == incarnation)
    }
}

impl Process {
    /// What a packet to this port is for.
    pub(crate) fn socket(&self, port: u16) -> Option<ZoneSocket> {
        if port == UDP_PORT {
            return Some(ZoneSocket::Sip);
        }
        let leg = |port: u16| self.ports.leg_by_port.get(&port).copied();
        leg(port)
            .map(ZoneSocket::Rtp)
            .or_else(|| leg(port.checked_sub(1)?).map(ZoneSocket::Rtcp))
    }
}

impl Ports {
    fn new() -> Self {
        Self {
            port_by_leg: BTreeMap::new(),
            leg_by_port: BTreeMap::new(),
            peer_by_port: BTreeMap::new(),
            next: MEDIA_PORT_FIRST,
        }
    }

    /// Opens a pair of ports, a closed one as late as possible again, as the shell does.
    pub(crate) fn open(&mut self, leg: LegId) {
        let port = self.next;
        self.next = port.checked_add(2).unwrap_or(MEDIA_PORT_FIRST);
        self.port_by_leg.insert(leg, port);
        self.leg_by_port.insert(port, leg);
    }

    pub(crate) fn close(&mut self, leg: LegId) {
        if let Some(port) = self.port_by_leg.remove(&leg) {
            self.leg_by_port.remove(&port);
            self.peer_by_port.remove(&port);
        }
    }

    pub(crate) fn address(&self, leg: LegId) -> Option<SocketAddr> {
        let port = *self.port_by_leg.get(&leg)?;
        Some(SocketAddr::new(ADDRESS, port))
    }
}

/// The zone's side of datagrams from this address.
pub(crate) fn datagram_flow(remote: SocketAddr) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: SocketAddr::new(ADDRESS, UDP_PORT),
        remote,
        connection: ConnectionId(DATAGRAMS.0),
    }
}
