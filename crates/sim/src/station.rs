//! A station: a device or a talker's phone, with its sockets, its sink or its microphone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use endpoint::{CallId, Caller, CallerEvent, CallerProfile, Endpoint, Input, Output, Profile};
use model::status::{DeviceEvent, SinkHealth};
use sip::flow::{ConnectionId, Flow, Transport};

use crate::sound::Tag;

/// Numbers a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StationId(pub(crate) usize);

/// A station between two of its restarts: what is meant for one does not reach the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Incarnation {
    pub(crate) station: StationId,
    pub(crate) number: u32,
}

/// The connection number of every station's datagram socket; streams count from 1.
pub(crate) const DATAGRAMS: ConnectionId = ConnectionId(0);
/// The port of a station's datagram socket.
pub(crate) const SIP_PORT: u16 = 5_060;
/// The first port for media, and the first for streams.
const MEDIA_PORT_FIRST: u16 = 16_384;
const STREAM_PORT_FIRST: u16 = 40_000;

/// What a station is made of, each time it starts.
#[derive(Clone, Debug)]
pub(crate) enum Setup {
    Device(Box<Profile>),
    Talker(Box<CallerProfile>),
}

/// What runs on a station.
pub(crate) enum Core {
    Device(Box<Endpoint>),
    Talker(Box<Caller>),
}

/// What a core tells.
#[derive(Debug)]
pub(crate) enum Told {
    Device(DeviceEvent),
    Talker(CallerEvent),
}

/// One station.
pub(crate) struct Station {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) setup: Setup,
    pub(crate) core: Option<Core>,
    pub(crate) incarnation: Incarnation,
    /// For when the core is on the agenda.
    pub(crate) wake_at: Option<Instant>,
    /// Without power a host does not even refuse.
    pub(crate) has_power: bool,
    pub(crate) sockets: Sockets,
    pub(crate) sink: Sink,
    pub(crate) speech: Option<Speech>,
}

/// Media sockets and the ports they have.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) port_by_call: BTreeMap<CallId, u16>,
    pub(crate) call_by_port: BTreeMap<u16, CallId>,
    /// Who sends to each port; those that nothing has come to are missing.
    pub(crate) peer_by_port: BTreeMap<u16, MediaPeer>,
    next_media: u16,
    next_stream: u16,
}

/// A loudspeaker.
#[derive(Debug)]
pub(crate) struct Sink {
    /// It is on the agenda.
    pub(crate) is_due: bool,
    pub(crate) health: SinkHealth,
    pub(crate) is_muted: bool,
    /// It takes nothing, and does not say so.
    pub(crate) stands_still: bool,
}

/// What a talker says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speech {
    pub(crate) tag: Tag,
    /// Periods of speech that are left.
    pub(crate) left: u32,
    /// Periods of silence since.
    pub(crate) silence: u32,
}

impl Station {
    /// A station that has not been started.
    pub(crate) fn new(id: StationId, name: String, address: IpAddr, setup: Setup) -> Self {
        Self {
            name,
            address,
            setup,
            core: None,
            incarnation: Incarnation {
                station: id,
                number: 0,
            },
            wake_at: None,
            has_power: false,
            sockets: Sockets::new(),
            sink: Sink {
                is_due: false,
                health: SinkHealth::Healthy,
                is_muted: false,
                stands_still: false,
            },
            speech: None,
        }
    }

    /// Makes a core and turns the power on.
    pub(crate) fn boot(&mut self, seed: [u8; 32]) {
        self.incarnation.number += 1;
        self.wake_at = None;
        self.has_power = true;
        self.sockets.close_all();
        self.sink.is_due = false;
        self.core = Some(match &self.setup {
            Setup::Device(profile) => Core::Device(Box::new(Endpoint::new(seed, profile.as_ref().clone()))),
            Setup::Talker(profile) => Core::Talker(Box::new(Caller::new(seed, profile.as_ref().clone()))),
        });
    }

    /// Ends the process, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.core = None;
        self.sockets.close_all();
    }

    /// The flow over the datagram socket.
    pub(crate) fn datagram_flow(&self, remote: SocketAddr) -> Flow {
        Flow {
            transport: Transport::Udp,
            local: SocketAddr::new(self.address, SIP_PORT),
            remote,
            connection: DATAGRAMS,
        }
    }

    /// What a packet to this port is for.
    pub(crate) fn socket(&self, port: u16) -> Option<Socket> {
        if port == SIP_PORT {
            return Some(Socket::Sip);
        }
        self.sockets.call_by_port.get(&port).copied().map(Socket::Media)
    }

    pub(crate) fn device(&self) -> Option<&Endpoint> {
        match &self.core {
            Some(Core::Device(endpoint)) => Some(endpoint),
            Some(Core::Talker(_)) | None => None,
        }
    }

    pub(crate) fn device_mut(&mut self) -> Option<&mut Endpoint> {
        match &mut self.core {
            Some(Core::Device(endpoint)) => Some(endpoint),
            Some(Core::Talker(_)) | None => None,
        }
    }

    pub(crate) fn talker_mut(&mut self) -> Option<&mut Caller> {
        match &mut self.core {
            Some(Core::Talker(caller)) => Some(caller),
            Some(Core::Device(_)) | None => None,
        }
    }
}

/// What a port of a station is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    Sip,
    Media(CallId),
}

/// Who sends media to a port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MediaPeer {
    pub(crate) source: SocketAddr,
    /// RTP packets so far.
    packets: u32,
}

impl MediaPeer {
    /// Counts a packet of a peer, who may be heard for the first time.
    pub(crate) fn count(peer_by_port: &mut BTreeMap<u16, Self>, port: u16, source: SocketAddr, bytes: &[u8]) {
        let fresh = Self { source, packets: 0 };
        let peer = peer_by_port.entry(port).or_insert(fresh);
        // RTCP shares the port (RFC 5761 section 4).
        let is_rtp = bytes.get(1).is_some_and(|kind| !(192..=223).contains(kind));
        if is_rtp && peer.source == source {
            peer.packets += 1;
        }
    }

    /// Whether it is known by its packets, where there is nothing else to know it by.
    pub(crate) fn is_settled(&self) -> bool {
        self.packets >= SETTLED_PACKETS
    }
}

/// A stream is believed when one packet follows another; some of them may be copies, or late.
const SETTLED_PACKETS: u32 = 5;

impl Sockets {
    fn new() -> Self {
        Self {
            port_by_call: BTreeMap::new(),
            call_by_port: BTreeMap::new(),
            peer_by_port: BTreeMap::new(),
            next_media: MEDIA_PORT_FIRST,
            next_stream: STREAM_PORT_FIRST,
        }
    }

    /// Opens a pair of media ports, a closed one as late as possible again, as the shells do.
    pub(crate) fn open(&mut self, call: CallId) -> u16 {
        let port = self.next_media;
        self.next_media = port.checked_add(2).unwrap_or(MEDIA_PORT_FIRST);
        self.port_by_call.insert(call, port);
        self.call_by_port.insert(port, call);
        port
    }

    pub(crate) fn close(&mut self, call: CallId) {
        if let Some(port) = self.port_by_call.remove(&call) {
            self.call_by_port.remove(&port);
            self.peer_by_port.remove(&port);
        }
    }

    /// A port for a stream.
    pub(crate) fn stream_port(&mut self) -> u16 {
        let port = self.next_stream;
        self.next_stream = port.checked_add(1).unwrap_or(STREAM_PORT_FIRST);
        port
    }

    fn close_all(&mut self) {
        self.port_by_call.clear();
        self.call_by_port.clear();
        self.peer_by_port.clear();
    }
}

impl Core {
    pub(crate) fn start(&mut self, now: Instant) {
        match self {
            Self::Device(endpoint) => endpoint.start(now),
            Self::Talker(caller) => caller.start(now),
        }
    }

    pub(crate) fn handle_input(&mut self, now: Instant, input: Input) {
        match self {
            Self::Device(endpoint) => endpoint.handle_input(now, input),
            Self::Talker(caller) => caller.handle_input(now, input),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Device(endpoint) => endpoint.handle_timeout(now),
            Self::Talker(caller) => caller.handle_timeout(now),
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Device(endpoint) => endpoint.next_timeout(),
            Self::Talker(caller) => caller.next_timeout(),
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output<Told>> {
        match self {
            Self::Device(endpoint) => endpoint.poll_output().map(|output| told(output, Told::Device)),
            Self::Talker(caller) => caller.poll_output().map(|output| told(output, Told::Talker)),
        }
    }
}

fn told<E>(output: Output<E>, wrap: impl Fn(E) -> Told) -> Output<Told> {
    match output {
        Output::Transmit { flow, bytes } => Output::Transmit { flow, bytes },
        Output::Connect { token, target } => Output::Connect { token, target },
        Output::Abandon { token } => Output::Abandon { token },
        Output::Disconnect { connection } => Output::Disconnect { connection },
        Output::Resolve(query) => Output::Resolve(query),
        Output::OpenMedia { call, local } => Output::OpenMedia { call, local },
        Output::CloseMedia { call } => Output::CloseMedia { call },
        Output::SendMedia { call, to, bytes } => Output::SendMedia { call, to, bytes },
        Output::Zones(plan) => Output::Zones(plan),
        Output::SendZone { group, bytes } => Output::SendZone { group, bytes },
        Output::Event(event) => Output::Event(wrap(event)),
        Output::Stopped => Output::Stopped,
    }
}

/// Periods of silence behind a talker's last word before it hangs up: the time it takes to find the button.
pub(crate) const HANGUP_PERIODS: u32 = 20;
