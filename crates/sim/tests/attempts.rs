//! A zone and an endpoint with two connections between them, of which one stands still: what the zone says of its attempts is
//! what the endpoint understands.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use endpoint::profile::{
    Account, AlertsProfile, Announcement, MediaProfile, PageMode, Profile, RingProfile, SlotProfile,
    SoundProfile, TargetProfile, Times,
};
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{Caller, CallerProfile, Endpoint, Rounds, SoundOrder};
use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::config::{Marking, PriorityTrust};
use model::directory::Update;
use model::status::{DeviceEvent, RelayEvents, StopReason, TargetRole};
use model::{Secret, SlotKind, SlotPosition, directory_file};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::Message;
use switch::{Config, FLOW_ANSWER_MAX, Switch};

const SECOND: Duration = Duration::from_secs(1);
const DEVICE: &str = "198.51.100.7:40000";
const PHONE: &str = "198.51.100.8:40000";
const ZONE: [&str; 2] = ["192.0.2.10:5061", "192.0.2.20:5061"];
const DIRECTORY: &str = r#"
account = "acme"
domain = "acme.example"
[[device]]
user = "fire"
password = "endpoint-secret"
device = "hall"
kind = "alert"
extension = "911"
[[phone]]
user = "desk"
password = "phone-secret"
[[permission]]
who = "desk"
may = ["alert"]
what = "*"
"#;

#[test]
fn an_alert_that_was_called_over_two_connections_is_not_raised_again_by_the_one_that_stood_still() {
    let mut site = Site::registered();
    site.phone.start(site.now);
    site.run(FLOW_ANSWER_MAX + SECOND);
    assert!(
        site.phone.is_talking(),
        "it was answered over the other connection"
    );
    assert!(site.stalled.is_some());
    let (now, stop) = (site.now, SoundOrder::StopAnnouncement { number: 1 });
    site.device.handle_input(now, endpoint::Input::Sound(stop));
    site.run(5 * SECOND);
    assert_eq!(site.stops, [StopReason::Cancelled]);
    let refused = site.device.counters().calls_refused;

    site.release();
    site.run(SECOND);

    assert_eq!(site.device.status(site.now).sounding, None);
    assert_eq!(site.stops, [StopReason::Cancelled]);
    assert_eq!(site.device.counters().calls_refused, refused + 1);
}

/// What is on its way over one connection.
type Waiting = Vec<(Flow, Vec<u8>)>;

/// A zone, an endpoint with two connections to it, and a phone with one.
struct Site {
    now: Instant,
    zone: Switch,
    device: Endpoint,
    phone: Caller,
    connections: u64,
    /// The connection over which the first INVITE went to the device, and what is on its way there since.
    stalled: Option<(ConnectionId, Waiting)>,
    is_released: bool,
    stops: Vec<StopReason>,
}

impl Site {
    /// The device has registered over both connections.
    fn registered() -> Self {
        let now = Instant::now();
        let mut site = Self {
            now,
            zone: Switch::new([5; 32], Config::new("zone-a", "acme".parse().unwrap())),
            device: Endpoint::new([1; 32], profile()),
            phone: Caller::new([2; 32], caller()),
            connections: 0,
            stalled: None,
            is_released: false,
            stops: Vec::new(),
        };
        let directory = directory_file::parse("directory.toml", DIRECTORY).unwrap();
        let known = switch::Input::Directory(Update::Snapshot(directory));
        site.zone.handle_input(now, known);
        site.device.start(now);
        site.run(2 * SECOND);
        assert_eq!(site.zone.bindings(&"fire".parse().unwrap()).len(), 2);
        site
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.settle();
        while let Some(next) = self.next_at().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.zone.handle_timeout(self.now);
            self.device.handle_timeout(self.now);
            self.phone.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn next_at(&self) -> Option<Instant> {
        let all = [
            self.zone.next_timeout(),
            self.device.next_timeout(),
            self.phone.next_timeout(),
        ];
        all.into_iter().flatten().min()
    }

    /// The connection that stood still carries again.
    fn release(&mut self) {
        self.is_released = true;
        let waiting = self.stalled.take().map(|(_, waiting)| waiting);
        for (flow, bytes) in waiting.unwrap_or_default() {
            self.send_to_device(flow, bytes);
        }
    }

    fn settle(&mut self) {
        loop {
            if let Some(output) = self.zone.poll_output() {
                self.follow_zone(output);
            } else if let Some(output) = self.device.poll_output() {
                self.follow_device(output);
            } else if let Some(output) = self.phone.poll_output() {
                self.follow_phone(output);
            } else {
                return;
            }
        }
    }

    fn follow_zone(&mut self, output: switch::Output) {
        match output {
            switch::Output::Transmit { flow, bytes } => {
                let (flow, bytes) = (reversed(flow), bytes.to_vec());
                if flow.local == at(PHONE) {
                    let input = endpoint::Input::Sip {
                        flow,
                        message: Message::parse_datagram(bytes).unwrap(),
                    };
                    self.phone.handle_input(self.now, input);
                } else {
                    self.send_to_device(flow, bytes);
                }
            }
            switch::Output::OpenMedia { leg, local } => {
                let port = 20_000 + 2 * u16::try_from(leg.0).unwrap();
                let address = SocketAddr::new(local, port);
                let opened = switch::Input::MediaOpened { leg, address };
                self.zone.handle_input(self.now, opened);
            }
            _ => {}
        }
    }

    fn send_to_device(&mut self, flow: Flow, bytes: Vec<u8>) {
        if self.stalled.is_none() && !self.is_released && bytes.starts_with(b"INVITE") {
            self.stalled = Some((flow.connection, Vec::new()));
        }
        if let Some((connection, waiting)) = &mut self.stalled
            && *connection == flow.connection
        {
            return waiting.push((flow, bytes));
        }
        let input = match Message::parse_datagram(bytes) {
            Ok(message) => endpoint::Input::Sip { flow, message },
            Err(_) => endpoint::Input::Pong { flow },
        };
        self.device.handle_input(self.now, input);
    }

    fn send_to_zone(&mut self, flow: Flow, bytes: Vec<u8>) {
        let flow = reversed(flow);
        // The others are pings.
        if let Ok(message) = Message::parse_datagram(bytes) {
            self.zone
                .handle_input(self.now, switch::Input::Sip { flow, message });
        }
    }

    fn connect(&mut self, local: &str, remote: SocketAddr) -> Flow {
        self.connections += 1;
        Flow {
            transport: Transport::Tls,
            local: at(local),
            remote,
            connection: ConnectionId(self.connections),
        }
    }

    fn follow_device(&mut self, output: endpoint::Output) {
        match output {
            endpoint::Output::Transmit { flow, bytes } => self.send_to_zone(flow, bytes.to_vec()),
            endpoint::Output::Connect { token, target } => {
                let flow = self.connect(DEVICE, target.address);
                let input = endpoint::Input::Connected { token, flow };
                self.device.handle_input(self.now, input);
            }
            endpoint::Output::OpenMedia { call, .. } => {
                let local = at(DEVICE);
                self.device
                    .handle_input(self.now, endpoint::Input::MediaOpened { call, local });
            }
            endpoint::Output::Event(DeviceEvent::Stopped { why, .. }) => self.stops.push(why),
            _ => {}
        }
    }

    fn follow_phone(&mut self, output: endpoint::Output<endpoint::CallerEvent>) {
        match output {
            endpoint::Output::Transmit { flow, bytes } => self.send_to_zone(flow, bytes.to_vec()),
            endpoint::Output::Connect { token, target } => {
                let flow = self.connect(PHONE, target.address);
                let input = endpoint::Input::Connected { token, flow };
                self.phone.handle_input(self.now, input);
            }
            endpoint::Output::OpenMedia { call, .. } => {
                let local = at(PHONE);
                self.phone
                    .handle_input(self.now, endpoint::Input::MediaOpened { call, local });
            }
            endpoint::Output::Event(endpoint::CallerEvent::Failed { failure, .. }) => panic!("{failure:?}"),
            _ => {}
        }
    }
}

fn reversed(flow: Flow) -> Flow {
    Flow {
        local: flow.remote,
        remote: flow.local,
        ..flow
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn target(role: TargetRole, address: &str) -> TargetProfile {
    TargetProfile {
        role,
        host: at(address).ip().to_string(),
        port: Some(at(address).port()),
        transport: Some(Transport::Tls),
        is_outbound_proxy: true,
    }
}

fn account(user: &str, password: &str) -> Account {
    Account {
        user: user.parse().unwrap(),
        authorization_id: user.parse().unwrap(),
        password: Some(Secret::from(password)),
        answers_md5: false,
        display_name: String::new(),
    }
}

fn media() -> MediaProfile {
    MediaProfile {
        security: SecurityOffer::Standard,
        suites: vec![Suite::AesCm128HmacSha1_80],
        codecs: vec![Codec::Pcmu],
        marking: Marking::default(),
    }
}

fn profile() -> Profile {
    let announcement = Announcement {
        number: 1,
        tone: ToneSource::Builtin(BuiltinTone::WarbleMedium),
        rounds: Rounds::Endless,
        is_drill: false,
    };
    Profile {
        device: "hall".parse().unwrap(),
        user_agent: "Oyez".to_owned(),
        instance: Some("urn:uuid:00000000-0000-4000-8000-000000000001".to_owned()),
        domain: "acme.example".to_owned(),
        registrar: None,
        sips: false,
        targets: vec![
            target(TargetRole::Primary, ZONE[0]),
            target(TargetRole::Secondary, ZONE[1]),
        ],
        slots: vec![SlotProfile {
            position: SlotPosition::new(SlotKind::Alert, 1).unwrap(),
            account: Some(account("fire", "endpoint-secret")),
            tone: ToneSource::None,
            passcode: None,
            mode: PageMode::OneWay,
        }],
        media: media(),
        sound: SoundProfile {
            sink: "none".to_owned(),
            output_rate: SampleRate::Hz8000,
            page_volume_db: 0.0,
            alert_volume_db: 0.0,
            ring_volume_db: 0.0,
            levels_speech: false,
            order: Default::default(),
            relay: RelayEvents::default(),
            microphone: Default::default(),
        },
        ring: RingProfile::default(),
        alerts: AlertsProfile {
            announcements: vec![announcement],
            ..AlertsProfile::default()
        },
        multicast: Default::default(),
        priority: PriorityTrust::Zone,
        times: Times::default(),
    }
}

fn caller() -> CallerProfile {
    CallerProfile {
        user_agent: "Oyez".to_owned(),
        domain: "acme.example".to_owned(),
        media: media(),
        targets: vec![target(TargetRole::Primary, ZONE[0])],
        account: account("desk", "phone-secret"),
        dialled: "911".to_owned(),
        sips: false,
        input_rate: SampleRate::Hz8000,
        answer_max: 20 * SECOND,
        pin: None,
    }
}
