//! The device's sockets: one connection per target, a pair of media ports per call, name resolution.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use endpoint::{CallId, ConnectToken, Input, ZonePlan};
use model::config::{Marking, ZoneNumber};
use model::status::Cause;
use net::media::{
    MediaAddresses, MediaSocketId, MediaSockets, Packet, PacketKind, PortRange, ZonePacket, ZoneProblem,
    ZoneSockets,
};
use net::reply_budget::ReplyBudget;
use net::resolver::Resolver;
use net::tls::ClientTls;
use net::transport::{
    BindError, Channel, DATAGRAM_BYTES_MAX, Dial, DialToken, Incoming, Limits, ListenerConfig, ListenerKind,
    Transports,
};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::locate::{Answer, Query, Target};
use sip::message::Message;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::cause::connect_cause;

/// Events of the transports kept for the driver; past that the transports wait or drop datagrams.
const INCOMING_KEPT: usize = 256;
/// Media packets kept for the driver: more than a second of sixteen calls.
const PACKETS_KEPT: usize = 1_024;
/// Answers of the resolver kept for the driver.
const ANSWERS_KEPT: usize = 64;
/// Servers over UDP remembered: a device has a few, each with a few addresses.
const DATAGRAM_SERVERS_MAX: usize = 16;
/// How often it is looked for network interfaces that multicast zones are to be joined on.
const ZONE_REFRESH: Duration = Duration::from_secs(5);

/// All sockets of a device.
pub(crate) struct Network {
    transports: Transports,
    incoming: mpsc::Receiver<Incoming>,
    tls: ClientTls,
    dials: BTreeMap<DialToken, PendingDial>,
    resolver: Resolver,
    answers: mpsc::Receiver<(Query, Answer)>,
    answer_sender: mpsc::Sender<(Query, Answer)>,
    media: MediaSockets,
    packets: mpsc::Receiver<Packet>,
    socket_by_call: BTreeMap<CallId, MediaSocketId>,
    call_by_socket: HashMap<MediaSocketId, CallId>,
    zones: Zones,
    budget: ReplyBudget,
    /// Servers over UDP, the latest last. Answers to them are not counted: what is sent in their name by others
    /// must not keep the device from answering them.
    datagram_servers: VecDeque<SocketAddr>,
}

/// The sockets of multicast zones, and what the core has to know of them.
struct Zones {
    sockets: ZoneSockets,
    /// When it is looked for interfaces again.
    refresh: Interval,
    changes: VecDeque<Input>,
    /// What was told last of sending.
    sending_problem: Option<String>,
}

impl Zones {
    fn new() -> Self {
        let mut refresh = interval(ZONE_REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            sockets: ZoneSockets::default(),
            refresh,
            changes: VecDeque::new(),
            sending_problem: None,
        }
    }

    fn listen(&mut self, plan: &ZonePlan) {
        let groups = plan.group_by_zone.iter();
        let groups = groups.map(|(zone, group)| (zone.get(), *group)).collect();
        let problems = self.sockets.listen(&groups, plan.interface.as_deref(), plan.hops);
        self.tell(problems);
    }

    fn look_again(&mut self) {
        let problems = self.sockets.refresh();
        self.tell(problems);
    }

    fn send(&mut self, group: SocketAddrV4, bytes: &[u8]) {
        let _is_sent = self.sockets.send(group, bytes);
        self.tell(Vec::new());
    }

    fn tell(&mut self, problems: Vec<ZoneProblem>) {
        let problems = problems.into_iter().filter_map(|ZoneProblem { zone, problem }| {
            let zone = ZoneNumber::new(zone)?;
            Some(Input::ZoneState { zone, problem })
        });
        self.changes.extend(problems);
        let problem = self.sockets.sending_problem();
        if self.sending_problem.as_deref() != problem {
            self.sending_problem = problem.map(str::to_owned);
            self.changes.push_back(self.sending());
        }
    }

    fn sending(&self) -> Input {
        Input::ZoneSending {
            problem: self.sending_problem.clone(),
        }
    }
}

/// What comes from the network.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Arrival {
    Packet(Packet),
    Zone(ZonePacket),
    Incoming(Incoming),
}

/// The next thing from any queue, each with the same chance: a flood of one does not keep the others waiting.
async fn arrival(
    packets: &mut mpsc::Receiver<Packet>,
    zones: &mut ZoneSockets,
    incoming: &mut mpsc::Receiver<Incoming>,
) -> Option<Arrival> {
    tokio::select! {
        Some(packet) = packets.recv() => Some(Arrival::Packet(packet)),
        Some(packet) = zones.next() => Some(Arrival::Zone(packet)),
        incoming = incoming.recv() => incoming.map(Arrival::Incoming),
    }
}

/// An attempt to connect that has no outcome yet.
struct PendingDial {
    token: ConnectToken,
    server_name: String,
    is_abandoned: bool,
}

impl Network {
    /// Binds a datagram socket on `bind`, for targets over UDP, and prepares the rest. All addresses are those of both
    /// families, where this machine has both.
    pub(crate) fn bind(bind: SocketAddr, tls: ClientTls, resolver: Resolver) -> Result<Self, BindError> {
        let (incoming_sender, incoming) = mpsc::channel(INCOMING_KEPT);
        let (packet_sender, packets) = mpsc::channel(PACKETS_KEPT);
        let (answer_sender, answers) = mpsc::channel(ANSWERS_KEPT);
        let listener = |bind| ListenerConfig {
            kind: ListenerKind::Udp {
                datagram_bytes_max: DATAGRAM_BYTES_MAX,
            },
            bind,
            advertise: None,
        };
        let bind_all = |listeners| Transports::bind(listeners, Limits::default(), incoming_sender.clone());
        let (transports, addresses) = if bind.ip().is_unspecified() {
            let other = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), bind.port());
            // A kernel without IPv6 has no such socket, and needs none.
            let transports = bind_all(vec![listener(bind), listener(other)])
                .or_else(|_| bind_all(vec![listener(bind)]))?;
            (transports, MediaAddresses::ALL)
        } else {
            (bind_all(vec![listener(bind)])?, MediaAddresses::new(&[bind.ip()]))
        };
        Ok(Self {
            transports,
            incoming,
            tls,
            dials: BTreeMap::new(),
            resolver,
            answers,
            answer_sender,
            media: MediaSockets::new(addresses, PortRange::default(), packet_sender),
            packets,
            socket_by_call: BTreeMap::new(),
            call_by_socket: HashMap::new(),
            zones: Zones::new(),
            budget: ReplyBudget::default(),
            datagram_servers: VecDeque::new(),
        })
    }

    /// Marks packets: those of signalling at once or with the next connection, those of sound with the next call.
    pub(crate) fn mark(&mut self, marking: Marking) {
        self.transports.mark(marking.sip);
        self.media.mark(marking.rtp, marking.rtcp);
        self.zones.sockets.mark(marking.rtp);
    }

    /// Trusts others from the next connection on.
    pub(crate) fn set_tls(&mut self, tls: ClientTls) {
        self.tls = tls;
    }

    /// Waits for the next thing that the core has to know. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(change) = self.zones.changes.pop_front() {
                return Some(change);
            }
            let input = tokio::select! {
                biased;
                // Answers come to questions only; anyone can send the rest.
                Some((query, answer)) = self.answers.recv() => Some(Input::Resolved { query, answer }),
                _ = self.zones.refresh.tick() => {
                    self.zones.look_again();
                    None
                }
                arrived = arrival(&mut self.packets, &mut self.zones.sockets, &mut self.incoming) => match arrived? {
                    Arrival::Packet(packet) => self.packet(packet),
                    Arrival::Zone(packet) => zone_packet(packet),
                    Arrival::Incoming(incoming) => self.translate(incoming),
                },
            };
            if input.is_some() {
                return input;
            }
        }
    }

    /// Sends a message. A connection that cannot take it is reported as closed. An answer to a datagram of a stranger
    /// is sent only within a budget of bytes for its address, which may be a victim's.
    pub(crate) fn transmit(&mut self, flow: &Flow, bytes: bytes::Bytes) {
        let is_to_anyone = flow.transport == Transport::Udp
            && bytes.starts_with(b"SIP/2.0 ")
            && !self.datagram_servers.contains(&flow.remote);
        if is_to_anyone && !self.budget.take(Instant::now(), flow.remote.ip(), bytes.len()) {
            tracing::debug!("the reply budget of a datagram source is used up");
            return;
        }
        if let Err(error) = self.transports.send(flow, bytes) {
            tracing::debug!(%error, "not sent");
        }
    }

    /// Begins to connect.
    pub(crate) fn connect(&mut self, token: ConnectToken, target: &Target) {
        let channel = match target.transport {
            Transport::Udp => Channel::Udp,
            Transport::Tcp => Channel::Tcp,
            Transport::Tls => Channel::Tls {
                server_name: target.server_name.clone(),
                policy: self.tls.clone(),
            },
        };
        let dial = self.transports.connect(Dial {
            address: target.address,
            channel,
            keep_alive: None,
            lane: 0,
        });
        let pending = PendingDial {
            token,
            server_name: target.server_name.clone(),
            is_abandoned: false,
        };
        self.dials.insert(dial, pending);
    }

    /// Forgets an attempt; a connection that still comes of it is closed.
    pub(crate) fn abandon(&mut self, token: ConnectToken) {
        for pending in self.dials.values_mut().filter(|pending| pending.token == token) {
            pending.is_abandoned = true;
        }
    }

    /// Closes a connection after what is queued on it.
    pub(crate) fn disconnect(&self, connection: ConnectionId) {
        self.transports.close(connection);
    }

    /// Asks the DNS; the answer comes out of [`next`](Self::next).
    pub(crate) fn resolve(&self, query: Query) {
        let (resolver, sender) = (self.resolver.clone(), self.answer_sender.clone());
        tokio::spawn(async move {
            let answer = resolver.answer(&query).await;
            // A driver that is gone needs no answer.
            let _is_told = sender.send((query, answer)).await.is_ok();
        });
    }

    /// Opens a pair of media ports in the family of the address that the signalling uses.
    pub(crate) fn open_media(&mut self, call: CallId, local: std::net::IpAddr) -> Input {
        match self.media.open(local) {
            Ok((socket, port)) => {
                self.socket_by_call.insert(call, socket);
                self.call_by_socket.insert(socket, call);
                Input::MediaOpened {
                    call,
                    local: SocketAddr::new(local, port),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no media ports for a call");
                Input::MediaFailed { call }
            }
        }
    }

    /// Closes the media ports of a call.
    pub(crate) fn close_media(&mut self, call: CallId) {
        if let Some(socket) = self.socket_by_call.remove(&call) {
            self.call_by_socket.remove(&socket);
            self.media.close(socket);
        }
    }

    /// Sends a media packet; the kernel may drop it, as the network may.
    pub(crate) fn send_media(&self, call: CallId, to: SocketAddr, bytes: &[u8]) {
        if let Some(socket) = self.socket_by_call.get(&call) {
            let _is_sent = self.media.send(*socket, PacketKind::Rtp, to, bytes);
        }
    }

    /// Listens to the groups of these zones and of no others.
    pub(crate) fn listen(&mut self, plan: &ZonePlan) {
        self.zones.listen(plan);
    }

    /// Sends a packet to a zone; the kernel may drop it, as the network may.
    pub(crate) fn send_zone(&mut self, group: SocketAddrV4, bytes: &[u8]) {
        self.zones.send(group, bytes);
    }

    /// Whether packets to zones leave, for a core that has not been told.
    pub(crate) fn zone_sending(&self) -> Input {
        self.zones.sending()
    }

    fn remember_server(&mut self, server: SocketAddr) {
        self.datagram_servers.retain(|known| *known != server);
        if self.datagram_servers.len() >= DATAGRAM_SERVERS_MAX {
            self.datagram_servers.pop_front();
        }
        self.datagram_servers.push_back(server);
    }

    fn packet(&self, packet: Packet) -> Option<Input> {
        let call = *self.call_by_socket.get(&packet.socket)?;
        Some(Input::Media {
            call,
            from: packet.from,
            bytes: packet.bytes,
        })
    }

    fn translate(&mut self, incoming: Incoming) -> Option<Input> {
        match incoming {
            Incoming::Datagram { flow, bytes } => {
                self.budget.earn(flow.remote.ip(), bytes.len());
                Some(match Message::parse_datagram(bytes) {
                    Ok(message) => Input::Sip { flow, message },
                    Err(error) => Input::Framing { flow, error },
                })
            }
            Incoming::Message { flow, message } => Some(Input::Sip { flow, message }),
            Incoming::BadMessage { flow, error } => Some(Input::Framing { flow, error }),
            Incoming::Pong { flow } => Some(Input::Pong { flow }),
            Incoming::Opened { .. } | Incoming::HandshakeFailed { .. } => None,
            Incoming::Connected { token, flow } => {
                let pending = self.dials.remove(&token)?;
                if pending.is_abandoned {
                    self.transports.close(flow.connection);
                    return None;
                }
                if flow.transport == Transport::Udp {
                    self.remember_server(flow.remote);
                }
                Some(Input::Connected {
                    token: pending.token,
                    flow,
                })
            }
            Incoming::ConnectFailed { token, cause } => {
                let pending = self.dials.remove(&token)?;
                let cause: Cause = connect_cause(&cause, &pending.server_name);
                (!pending.is_abandoned).then_some(Input::ConnectFailed {
                    token: pending.token,
                    cause,
                })
            }
            Incoming::Closed { connection, cause } => {
                tracing::info!(%cause, "connection closed");
                Some(Input::Closed { connection })
            }
        }
    }
}

fn zone_packet(packet: ZonePacket) -> Option<Input> {
    Some(Input::Zone {
        zone: ZoneNumber::new(packet.zone)?,
        from: packet.from,
        bytes: packet.bytes,
    })
}

#[cfg(test)]
mod tests {
    use net::reply_budget::BURST_BYTES;
    use net::tls::{ClientTlsConfig, MinimumVersion, Trust};
    use tokio::net::UdpSocket;

    use super::*;

    /// A tenth of the burst.
    const ANSWER_BYTES: usize = 3_276;

    fn network() -> Network {
        let tls = ClientTls::new(ClientTlsConfig {
            trust: Trust::Anyone,
            minimum: MinimumVersion::Tls12,
            identity: None,
            ..ClientTlsConfig::default()
        });
        let resolver = Resolver::with_name_servers(&[]);
        Network::bind(([127, 0, 0, 1], 0).into(), tls.unwrap(), resolver.unwrap()).unwrap()
    }

    fn answer() -> bytes::Bytes {
        let mut answer = b"SIP/2.0 200 OK\r\n".to_vec();
        answer.resize(ANSWER_BYTES, b'x');
        answer.into()
    }

    /// How many of twenty answers to the peer arrive.
    async fn answers_that_arrive(network: &mut Network, peer: &UdpSocket, flow: &Flow) -> usize {
        for _ in 0..20 {
            network.transmit(flow, answer());
        }
        network.transmit(flow, bytes::Bytes::from_static(b"OPTIONS is a request"));
        let mut buffer = [0; ANSWER_BYTES];
        let mut arrived = 0;
        while peer.recv(&mut buffer).await.unwrap() == ANSWER_BYTES {
            arrived += 1;
        }
        arrived
    }

    #[tokio::test]
    async fn a09_a_datagram_stranger_gets_the_budget_and_a_server_gets_every_answer() {
        let mut network = network();
        let bound = network.transports.bound()[0].clone();
        let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let flow = Flow {
            transport: Transport::Udp,
            local: bound.local,
            remote: stranger.local_addr().unwrap(),
            connection: bound.socket.unwrap(),
        };

        let arrived = answers_that_arrive(&mut network, &stranger, &flow).await;

        // Time may have earned it one more.
        let in_burst = usize::try_from(BURST_BYTES).unwrap() / ANSWER_BYTES;
        assert!((in_burst..=in_burst + 2).contains(&arrived), "{arrived}");

        network.remember_server(flow.remote);
        assert_eq!(answers_that_arrive(&mut network, &stranger, &flow).await, 20);
    }

    #[tokio::test]
    async fn a09_a_flood_of_one_queue_leaves_the_other_its_turn() {
        const FLOOD: usize = 1_000;
        let (packet_sender, mut packets) = mpsc::channel(FLOOD);
        let (incoming_sender, mut incoming) = mpsc::channel(FLOOD);
        let flow = Flow {
            transport: Transport::Udp,
            local: ([127, 0, 0, 1], 5_060).into(),
            remote: ([127, 0, 0, 2], 5_060).into(),
            connection: ConnectionId(1),
        };
        for _ in 0..FLOOD {
            packet_sender
                .try_send(Packet {
                    socket: MediaSocketId(1),
                    kind: PacketKind::Rtp,
                    from: flow.remote,
                    bytes: Vec::new(),
                })
                .unwrap();
            incoming_sender
                .try_send(Incoming::Datagram {
                    flow,
                    bytes: Vec::new(),
                })
                .unwrap();
        }

        let mut zones = ZoneSockets::default();
        let (mut of_packets, mut of_incoming) = (0, 0);
        for _ in 0..FLOOD / 2 {
            match arrival(&mut packets, &mut zones, &mut incoming).await.unwrap() {
                Arrival::Zone(_) => unreachable!("no zone is listened to"),
                Arrival::Packet(_) => of_packets += 1,
                Arrival::Incoming(_) => of_incoming += 1,
            }
        }

        assert!(
            of_packets > 0 && of_incoming > 0,
            "{of_packets} and {of_incoming}"
        );
    }

    #[tokio::test]
    async fn a_packet_that_does_not_leave_is_told_once_and_again_when_one_does() {
        let mut network = network();
        network.listen(&ZonePlan {
            interface: Some("lo".to_owned()),
            hops: 1,
            ..ZonePlan::default()
        });
        let group = SocketAddrV4::new([239, 255, 78, 1].into(), 50_000);
        let nowhere = SocketAddrV4::new(*group.ip(), 0);

        network.send_zone(nowhere, b"packet");
        network.send_zone(nowhere, b"packet");
        network.send_zone(group, b"packet");

        let problems: Vec<bool> = std::iter::from_fn(|| network.zones.changes.pop_front())
            .map(|change| matches!(change, Input::ZoneSending { problem: Some(_) }))
            .collect();
        assert_eq!(problems, [true, false]);
    }

    #[tokio::test]
    async fn servers_over_udp_are_remembered_up_to_the_limit() {
        let mut network = network();
        let server =
            |number: usize| SocketAddr::from(([192, 0, 2, 1], u16::try_from(5_000 + number).unwrap()));
        for number in 0..=DATAGRAM_SERVERS_MAX {
            network.remember_server(server(number));
            network.remember_server(server(number));
        }

        assert_eq!(network.datagram_servers.len(), DATAGRAM_SERVERS_MAX);
        assert!(!network.datagram_servers.contains(&server(0)));
    }
}
