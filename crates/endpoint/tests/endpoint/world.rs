//! One device, its servers, its loudspeaker, its callers: all in virtual time, over a network without delay.

use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use endpoint::profile::{
    Account, AlertsProfile, MediaProfile, PageMode, RingProfile, SlotProfile, SoundProfile, TargetProfile,
    Times,
};
use endpoint::tones::{Recording, ToneSource};
use endpoint::{CallId, ConnectToken, Endpoint, Input, Output, Profile, ZonePlan};
use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::{self, Direction, LocalMedia, Negotiated, PendingOffer, SecurityOffer};
use media::send::{Sender, SenderConfig};
use media::srtp::Suite;
use model::config::PriorityTrust;
use model::status::{
    Cause, DeviceEvent, Receipt, RegistrationStatus, RelayEvents, SinkHealth, Sounding, StopReason,
    TargetRole,
};
use model::{Secret, SlotPosition};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::flow::{ConnectionId, Flow, Transport};
use sip::locate::{Answer, RecordKind, Target};
use sip::message::{HeaderName, Message};
use sip::user_agent::SessionId;

use crate::server::{Registrar, Server};

pub(crate) const TICK: Duration = Duration::from_millis(20);
pub(crate) const RATE: SampleRate = SampleRate::Hz8000;
pub(crate) const TICK_SAMPLES: usize = 160;

/// Whether a connection to a server comes about.
#[derive(Clone)]
pub(crate) enum Reach {
    Open,
    Fails(Cause),
    /// Comes about after this time.
    After(Duration),
    /// Nothing is ever answered.
    BlackHole,
}

/// An answered page.
pub(crate) struct Page {
    pub(crate) session: SessionId,
    pub(crate) pending: PendingOffer,
    pub(crate) call: CallId,
}

/// A speaking caller.
struct Talker {
    call: CallId,
    from: SocketAddr,
    sender: Sender,
    frames: std::vec::IntoIter<Vec<i16>>,
    next_at: Instant,
}

pub(crate) struct World {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) device: Endpoint,
    pub(crate) servers: BTreeMap<SocketAddr, Server>,
    pub(crate) reach: BTreeMap<SocketAddr, Reach>,
    /// Whether TCP connections come about, where that is another matter than for datagrams.
    pub(crate) tcp_reach: Option<Reach>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) connects: Vec<(Instant, SocketAddr)>,
    pub(crate) events: Vec<(Instant, DeviceEvent)>,
    pub(crate) media_sent: Vec<(Instant, CallId, SocketAddr, Vec<u8>)>,
    pub(crate) open_media: BTreeMap<CallId, SocketAddr>,
    pub(crate) media_opened: Vec<CallId>,
    pub(crate) closed_media: Vec<CallId>,
    /// The zones that the device wants to hear.
    pub(crate) zones: ZonePlan,
    pub(crate) zone_sent: Vec<(Instant, SocketAddrV4, Vec<u8>)>,
    /// Whether sockets are bound when the device asks for them.
    pub(crate) opens_media: bool,
    /// What the sink has taken.
    pub(crate) played: Vec<i16>,
    pub(crate) sink_runs: bool,
    pub(crate) stopped: bool,
    /// What an address translator shows the servers in place of the device's address.
    pub(crate) translated_to: Option<SocketAddr>,
    /// Connections whose bytes are lost on the way.
    pub(crate) frozen: Vec<ConnectionId>,
    /// Media packets that are lost on the way, by their number from the first one spoken.
    pub(crate) lost_packets: std::ops::Range<u64>,
    /// Media packets that come late, all at once with the one behind them, by their number.
    pub(crate) late_packets: std::ops::Range<u64>,
    held_packets: Vec<(CallId, SocketAddr, Vec<u8>)>,
    packets_spoken: u64,
    pub(crate) dns: BTreeMap<(RecordKind, String), Answer>,
    next_tick: Instant,
    next_connection: u64,
    connecting: Vec<(Instant, ConnectToken, Target)>,
    talkers: Vec<Talker>,
    rng: ChaCha20Rng,
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().expect("tests use valid addresses")
}

/// The socket of all datagram flows.
const DATAGRAM_SOCKET: ConnectionId = ConnectionId(1_000);

const DEVICE: &str = "198.51.100.7:40000";
pub(crate) const PRIMARY: &str = "192.0.2.10:5061";
pub(crate) const SECONDARY: &str = "192.0.2.20:5061";

pub(crate) fn target(role: TargetRole, at: &str) -> TargetProfile {
    let at = address(at);
    TargetProfile {
        role,
        host: at.ip().to_string(),
        port: Some(at.port()),
        transport: Some(Transport::Tls),
        is_outbound_proxy: true,
    }
}

pub(crate) fn account(user: &str) -> Account {
    Account {
        user: user.parse().expect("a user"),
        authorization_id: format!("auth-{user}").parse().expect("an authorization id"),
        password: Some(Secret::from("secret")),
        answers_md5: true,
        display_name: "Hall".to_owned(),
    }
}

pub(crate) fn slot(position: SlotPosition, user: &str) -> SlotProfile {
    SlotProfile {
        position,
        account: Some(account(user)),
        tone: ToneSource::None,
        passcode: None,
        mode: PageMode::OneWay,
    }
}

pub(crate) fn profile() -> Profile {
    Profile {
        device: "device-1".parse().expect("a device id"),
        user_agent: "Oyez test".to_owned(),
        instance: Some("urn:uuid:00000000-0000-4000-8000-000000000001".to_owned()),
        domain: "example.com".to_owned(),
        registrar: None,
        sips: false,
        targets: vec![target(TargetRole::Primary, PRIMARY)],
        slots: vec![slot(SlotPosition::BASE_PAGE, "hall")],
        media: MediaProfile {
            security: SecurityOffer::Standard,
            suites: vec![Suite::AesCm128HmacSha1_80],
            codecs: vec![Codec::Pcmu],
            marking: model::config::Marking::default(),
        },
        sound: SoundProfile {
            sink: "test".to_owned(),
            output_rate: RATE,
            page_volume_db: 0.0,
            alert_volume_db: 0.0,
            ring_volume_db: 0.0,
            levels_speech: false,
            order: Default::default(),
            relay: RelayEvents::default(),
            microphone: Default::default(),
        },
        ring: RingProfile::default(),
        alerts: AlertsProfile::default(),
        multicast: Default::default(),
        priority: PriorityTrust::Zone,
        times: unspread(),
    }
}

/// The product's times, but that a device moves back to a server at a time that is known beforehand.
fn unspread() -> Times {
    let mut times = Times::default();
    times.uplink.failback_spread = Duration::ZERO;
    times
}

impl World {
    /// A device with one server, and with a loudspeaker that says it is healthy but takes no samples yet.
    pub(crate) fn new(profile: Profile, registrar: Registrar) -> Self {
        let start = Instant::now();
        let mut world = Self {
            start,
            now: start,
            device: Endpoint::new([1; 32], profile),
            servers: BTreeMap::from([(address(PRIMARY), Server::new(2, registrar))]),
            reach: BTreeMap::new(),
            tcp_reach: None,
            flows: Vec::new(),
            connects: Vec::new(),
            events: Vec::new(),
            media_sent: Vec::new(),
            open_media: BTreeMap::new(),
            media_opened: Vec::new(),
            closed_media: Vec::new(),
            zones: ZonePlan::default(),
            zone_sent: Vec::new(),
            opens_media: true,
            played: Vec::new(),
            sink_runs: false,
            stopped: false,
            translated_to: None,
            frozen: Vec::new(),
            lost_packets: 0..0,
            late_packets: 0..0,
            held_packets: Vec::new(),
            packets_spoken: 0,
            dns: BTreeMap::new(),
            next_tick: start + Duration::from_millis(7),
            next_connection: 0,
            connecting: Vec::new(),
            talkers: Vec::new(),
            rng: ChaCha20Rng::from_seed([3; 32]),
        };
        world.input(Input::Sink(SinkHealth::Healthy));
        world
    }

    /// A device that is registered.
    pub(crate) fn registered(profile: Profile) -> Self {
        let mut world = Self::new(profile, Registrar::Accepts { expires: 3600 });
        world.begin();
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.shown(0), "Successful");
        world
    }

    /// A device that is registered, and whose loudspeaker takes samples.
    pub(crate) fn sounding(profile: Profile) -> Self {
        let mut world = Self::registered(profile);
        world.start_sink();
        world
    }

    pub(crate) fn start_sink(&mut self) {
        self.sink_runs = true;
        self.next_tick = self.now + Duration::from_millis(7);
    }

    pub(crate) fn begin(&mut self) {
        self.device.start(self.now);
        self.pump();
    }

    /// What the sink takes within this time.
    pub(crate) fn listen(&mut self, time: Duration) -> Vec<i16> {
        let from = self.played.len();
        self.run_for(time);
        self.played[from..].to_vec()
    }

    /// What sounds.
    pub(crate) fn what_sounds(&self) -> Option<Sounding> {
        self.device.status(self.now).sounding
    }

    /// Why each sound stopped that did, in their order.
    pub(crate) fn stops(&self) -> Vec<StopReason> {
        let told = self.events.iter().filter_map(|(_, event)| match event {
            DeviceEvent::Stopped { why, .. } => Some(*why),
            _ => None,
        });
        told.collect()
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.device.handle_input(self.now, input);
        self.pump();
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        self.server_at(PRIMARY)
    }

    pub(crate) fn server_at(&mut self, at: &str) -> &mut Server {
        self.servers.get_mut(&address(at)).expect("the server exists")
    }

    pub(crate) fn add_server(&mut self, at: &str, registrar: Registrar) {
        self.servers.insert(address(at), Server::new(4, registrar));
    }

    pub(crate) fn set_reach(&mut self, at: &str, reach: Reach) {
        self.reach.insert(address(at), reach);
    }

    /// The flow to a server, from the device's side.
    pub(crate) fn flow_to(&self, at: &str) -> Option<Flow> {
        self.flows
            .iter()
            .rev()
            .find(|flow| flow.remote == address(at))
            .copied()
    }

    pub(crate) fn flow(&self) -> Flow {
        self.flow_to(PRIMARY).expect("the device is connected")
    }

    pub(crate) fn registration(&self, slot: usize) -> RegistrationStatus {
        self.device.status(self.now).slots[slot].registration.clone()
    }

    pub(crate) fn shown(&self, slot: usize) -> &'static str {
        self.registration(slot).shown.as_str()
    }

    pub(crate) fn cause(&self, slot: usize) -> Option<Cause> {
        self.registration(slot).cause
    }

    /// Closes every connection to a server, as its restart does.
    pub(crate) fn close_connections(&mut self, at: &str) {
        let closed: Vec<Flow> = self
            .flows
            .iter()
            .filter(|flow| flow.remote == address(at))
            .copied()
            .collect();
        self.flows.retain(|flow| flow.remote != address(at));
        for flow in closed {
            let now = self.now;
            self.server_at(at).agent.handle_flow_failed(now, flow.connection);
            self.input(Input::Closed {
                connection: flow.connection,
            });
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.turn();
        }
        self.now = until;
    }

    /// Runs until something holds; fails the test if it does not within `limit`.
    pub(crate) fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) {
        let until = self.now + limit;
        while !holds(self) {
            let at = self
                .next_at()
                .filter(|at| *at <= until)
                .expect("it should have happened by now");
            self.now = self.now.max(at);
            self.turn();
        }
    }

    /// Calls a user over the flow to a server with an offer; the second value accepts the answer.
    pub(crate) fn call(
        &mut self,
        user: &str,
        security: SecurityOffer,
        headers: &[(&str, &str)],
    ) -> (SessionId, PendingOffer) {
        let (offer, pending) =
            sdp::offer(&talker_media(security), &mut self.rng).expect("the offer can be made");
        let flow = mirrored(self.outside(self.flow()));
        let now = self.now;
        let uri = format!("sip:{user}@198.51.100.7:40000;transport=tls");
        let session = self.server().call(now, flow, &uri, Some(offer), headers);
        self.pump();
        (session, pending)
    }

    /// Pages a user, and waits for the answer.
    pub(crate) fn page(&mut self, user: &str, headers: &[(&str, &str)]) -> Page {
        let (session, pending) = self.call(user, SecurityOffer::Standard, headers);
        self.run_until(Duration::from_secs(5), |world| {
            world
                .servers
                .values()
                .any(|server| server.answered_at(session).is_some())
        });
        let call = *self.media_opened.last().expect("a socket was opened");
        Page {
            session,
            pending,
            call,
        }
    }

    /// Speaks into a page from now on; see [`World::speak`].
    pub(crate) fn speak_page(&mut self, page: &Page, speech: &[i16]) {
        self.speak(page.session, &page.pending, page.call, speech);
    }

    /// The receipt in the device's answer to our BYE.
    pub(crate) fn receipt(&mut self, session: SessionId) -> Receipt {
        let (_, answer) = self.server().bye_answer(session).expect("the BYE is answered");
        assert_eq!(
            answer.header(HeaderName::ContentType),
            Some(Receipt::CONTENT_TYPE)
        );
        serde_json::from_slice(answer.body()).expect("the answer carries a receipt")
    }

    /// Calls with an offer of one's own.
    pub(crate) fn call_with(
        &mut self,
        flow: Flow,
        user: &str,
        offer: Option<String>,
        headers: &[(&str, &str)],
    ) -> SessionId {
        let now = self.now;
        let uri = format!("sip:{user}@198.51.100.7:40000;transport=tls");
        let session = self.server().call(now, flow, &uri, offer, headers);
        self.pump();
        session
    }

    pub(crate) fn hang_up(&mut self, session: SessionId) {
        let now = self.now;
        self.server().agent.hang_up(now, session, Vec::new(), None);
        self.pump();
    }

    /// Lets a caller whose call was answered speak these samples at 8 kHz, in packets of 20 ms from now on.
    pub(crate) fn speak(&mut self, session: SessionId, pending: &PendingOffer, call: CallId, speech: &[i16]) {
        let now = self.now;
        let answered = self
            .servers
            .values()
            .find_map(|server| server.answered_at(session));
        let (_, answer) = answered.expect("the call was answered");
        let negotiated = pending.accept(answer.body()).expect("the answer can be accepted");
        let sender = sender(&negotiated, &mut self.rng);
        let frames: Vec<Vec<i16>> = speech
            .chunks_exact(sender.frame_samples())
            .map(<[i16]>::to_vec)
            .collect();
        self.talkers.push(Talker {
            call,
            from: talker_address(),
            sender,
            frames: frames.into_iter(),
            next_at: now,
        });
    }

    fn next_at(&self) -> Option<Instant> {
        let servers = self
            .servers
            .values()
            .filter_map(|server| server.agent.next_timeout());
        let talkers = self.talkers.iter().map(|talker| talker.next_at);
        let tick = self.sink_runs.then_some(self.next_tick);
        let connecting = self.connecting.iter().map(|(at, ..)| *at);
        self.device
            .next_timeout()
            .into_iter()
            .chain(servers)
            .chain(talkers)
            .chain(tick)
            .chain(connecting)
            .min()
    }

    fn turn(&mut self) {
        let now = self.now;
        self.talk();
        if let Some(ready) = self.connecting.iter().position(|(at, ..)| *at <= now) {
            let (_, token, target) = self.connecting.remove(ready);
            self.connected(token, &target);
            self.pump();
        }
        if self.device.next_timeout().is_some_and(|at| at <= now) {
            self.device.handle_timeout(now);
            self.pump();
        }
        for server in self.servers.values_mut() {
            if server.agent.next_timeout().is_some_and(|at| at <= now) {
                server.agent.handle_timeout(now);
            }
        }
        self.pump();
        if self.sink_runs && self.next_tick <= now {
            let mut out = [0; TICK_SAMPLES];
            // A shell does not ask for what nobody plays.
            if self.device.wants_audio() {
                self.device.fill(now, &mut out);
            }
            self.played.extend_from_slice(&out);
            self.next_tick += TICK;
            self.pump();
        }
    }

    fn talk(&mut self) {
        let now = self.now;
        let mut packets = Vec::new();
        for talker in &mut self.talkers {
            if talker.next_at > now {
                continue;
            }
            talker.next_at += TICK;
            if let Some(frame) = talker.frames.next() {
                let mut packet = Vec::new();
                talker
                    .sender
                    .packetize(now, &frame, &mut packet)
                    .expect("the packet can be made");
                packets.push((talker.call, talker.from, packet));
            }
        }
        self.talkers.retain(|talker| talker.frames.len() > 0);
        for (call, from, bytes) in packets {
            let number = self.packets_spoken;
            self.packets_spoken += 1;
            if self.lost_packets.contains(&number) {
                continue;
            }
            self.held_packets.push((call, from, bytes));
            if self.late_packets.contains(&number) {
                continue;
            }
            for (call, from, bytes) in std::mem::take(&mut self.held_packets) {
                if self.open_media.contains_key(&call) {
                    self.input(Input::Media { call, from, bytes });
                }
            }
        }
    }

    /// Carries everything between device and servers until all are quiet.
    pub(crate) fn pump(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.device.poll_output() {
                self.carry_out(output);
                quiet = false;
            }
            let now = self.now;
            let sent: Vec<_> = self
                .servers
                .values_mut()
                .flat_map(|server| server.pump(now))
                .collect();
            for (flow, bytes) in sent {
                quiet = false;
                let Some(flow) = self.inside(mirrored(flow)) else {
                    continue;
                };
                if !self.frozen.contains(&flow.connection) && self.flows.contains(&flow) {
                    let message = Message::parse_datagram(bytes).expect("servers send messages");
                    self.device.handle_input(now, Input::Sip { flow, message });
                }
            }
            if quiet {
                break;
            }
        }
    }

    /// The flow as the servers know it.
    fn outside(&self, flow: Flow) -> Flow {
        Flow {
            local: self.translated_to.unwrap_or(flow.local),
            ..flow
        }
    }

    /// The flow as the device knows it; `None` where an address translator has forgotten the way.
    fn inside(&self, flow: Flow) -> Option<Flow> {
        match self.translated_to {
            None => Some(flow),
            Some(outside) if flow.local == outside => Some(Flow {
                local: address(DEVICE),
                ..flow
            }),
            Some(_) => None,
        }
    }

    fn carry_out(&mut self, output: Output) {
        let now = self.now;
        match output {
            Output::Transmit { flow, bytes } => self.transmit(flow, &bytes),
            Output::Connect { token, target } => {
                self.connects.push((now, target.address));
                let of_address = self.reach.get(&target.address).cloned();
                let of_transport = self
                    .tcp_reach
                    .clone()
                    .filter(|_| target.transport == Transport::Tcp);
                match of_transport.or(of_address).unwrap_or(Reach::Open) {
                    Reach::Open => self.connected(token, &target),
                    Reach::After(time) => self.connecting.push((now + time, token, target)),
                    Reach::Fails(cause) => self
                        .device
                        .handle_input(now, Input::ConnectFailed { token, cause }),
                    Reach::BlackHole => {}
                }
            }
            Output::Abandon { .. } => {}
            Output::Disconnect { connection } => {
                self.flows.retain(|flow| flow.connection != connection);
                for server in self.servers.values_mut() {
                    server.agent.handle_flow_failed(now, connection);
                }
            }
            Output::Resolve(query) => {
                let answer = self
                    .dns
                    .get(&(query.kind, query.name.clone()))
                    .cloned()
                    .unwrap_or(Answer::NoData);
                self.device.handle_input(now, Input::Resolved { query, answer });
            }
            Output::OpenMedia { call, local } => {
                let port = 50_000 + 2 * u16::try_from(call.0).expect("few calls");
                let local = SocketAddr::new(local, port);
                self.media_opened.push(call);
                if self.opens_media {
                    self.open_media.insert(call, local);
                    self.device.handle_input(now, Input::MediaOpened { call, local });
                }
            }
            Output::CloseMedia { call } => {
                self.closed_media.push(call);
                self.open_media.remove(&call);
            }
            Output::SendMedia { call, to, bytes } => self.media_sent.push((now, call, to, bytes)),
            Output::Zones(plan) => self.zones = plan,
            Output::SendZone { group, bytes } => self.zone_sent.push((now, group, bytes)),
            Output::Event(event) => self.events.push((now, event)),
            Output::Stopped => self.stopped = true,
        }
    }

    fn connected(&mut self, token: ConnectToken, target: &Target) {
        let is_datagram = target.transport == Transport::Udp;
        if !is_datagram {
            self.next_connection += 1;
        }
        let flow = Flow {
            transport: target.transport,
            local: address(DEVICE),
            remote: target.address,
            connection: if is_datagram {
                DATAGRAM_SOCKET
            } else {
                ConnectionId(self.next_connection)
            },
        };
        self.flows.push(flow);
        self.device
            .handle_input(self.now, Input::Connected { token, flow });
    }

    fn transmit(&mut self, flow: Flow, bytes: &[u8]) {
        if self.frozen.contains(&flow.connection) || !self.flows.contains(&flow) {
            return;
        }
        let now = self.now;
        let outside = mirrored(self.outside(flow));
        // What strangers send in these tests is sent by the first server, from another address.
        let at = if self.servers.contains_key(&flow.remote) {
            flow.remote
        } else {
            address(PRIMARY)
        };
        let Some(server) = self.servers.get_mut(&at) else {
            return;
        };
        if bytes == b"\r\n\r\n" {
            if server.answers_pings {
                self.device.handle_input(now, Input::Pong { flow });
            }
            return;
        }
        let message = Message::parse_datagram(bytes.to_vec()).expect("the device sends messages");
        server.agent.handle_message(now, outside, message);
    }
}

/// An offer of the talker's.
pub(crate) fn offer(security: SecurityOffer) -> (String, PendingOffer) {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    sdp::offer(&talker_media(security), &mut rng).expect("the offer can be made")
}

/// The same flow from the other side.
pub(crate) fn mirrored(flow: Flow) -> Flow {
    Flow {
        local: flow.remote,
        remote: flow.local,
        ..flow
    }
}

pub(crate) fn talker_address() -> SocketAddr {
    address("192.0.2.10:30000")
}

pub(crate) fn talker_media(security: SecurityOffer) -> LocalMedia {
    LocalMedia {
        address: talker_address().ip(),
        port: talker_address().port(),
        codecs: vec![Codec::Pcmu],
        security,
        suites: vec![Suite::AesCm128HmacSha1_80],
        ptime: TICK,
        direction: Direction::SendReceive,
        session_id: 1,
        session_version: 1,
        rtcp_mux: true,
        channel_is_secure: true,
    }
}

fn sender(negotiated: &Negotiated, rng: &mut ChaCha20Rng) -> Sender {
    let config = SenderConfig {
        codec: negotiated.codec,
        payload_type: negotiated.send_payload_type,
        packet_time: negotiated.ptime,
        telephone_event: None,
        key: negotiated.crypto.as_ref().map(|pair| pair.send.clone()),
    };
    Sender::new(&config, rng).expect("the sender can be made")
}

/// A recording of so many samples of one value.
pub(crate) fn recording(name: &str, value: i16, samples: usize) -> ToneSource {
    ToneSource::Recording(Recording {
        name: name.into(),
        samples: vec![value; samples].into(),
    })
}

/// A tone of 440 Hz at 8 kHz, loud enough to be found.
pub(crate) fn speech(time: Duration) -> Vec<i16> {
    (0..RATE.samples_in(time))
        .map(|index| {
            let turns = index as f32 * 440.0 / 8_000.0;
            ((std::f32::consts::TAU * turns).sin() * 12_000.0) as i16
        })
        .collect()
}
