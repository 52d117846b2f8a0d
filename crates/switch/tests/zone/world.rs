//! A switch, its phones, and a network without delay between them; the bridge and the service are logs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use media::bridge::{Command, Event, LegId, LegStatistics, Plane, Role};
use model::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, Epoch, ExtensionRecord, ExtensionRole, Generation,
    Permission, Snapshot, Subject, Update, Urgency, User, UserKind, Who,
};
use model::status::{PageReport, Verdict, ZoneEvent};
use model::{Secret, SipUser};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::Message;
use switch::{Config, Input, Output, PlainMedia, Switch};

use crate::phone::Phone;

pub(crate) const DOMAIN: &str = "acme.example";
pub(crate) const REALM: &str = "acct-7";
/// What a talker is said to have spoken when its ports close.
pub(crate) const SPOKEN: Duration = Duration::from_secs(4);

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) zone: Switch,
    pub(crate) phones: Vec<Phone>,
    pub(crate) events: Vec<ZoneEvent>,
    pub(crate) media: Vec<Command>,
    pub(crate) disconnected: Vec<ConnectionId>,
    /// What the zone sent to addresses that are no phone's.
    pub(crate) stray: Vec<(Flow, Vec<u8>)>,
    /// Ports of these legs are opened late, by the test.
    pub(crate) holds_ports: bool,
    pub(crate) held: Vec<LegId>,
    /// What a listener reports to have missed of the 1,000 packets it was sent.
    pub(crate) reported_lost: Option<u32>,
    /// The zone has said that it has stopped.
    pub(crate) has_stopped: bool,
    open: BTreeSet<LegId>,
    /// The address of the zone that each leg's ports were last asked for.
    local_by_leg: BTreeMap<LegId, IpAddr>,
    /// A bridge that carries every command out; its own events are for the test to check.
    plane: Plane,
    pub(crate) plane_refusals: Vec<Event>,
}

impl World {
    /// A zone that allows plain RTP beside SRTP, with these users; see [`snapshot`].
    pub(crate) fn new(users: &[&str]) -> Self {
        let mut config = config();
        config.media.plain = PlainMedia::OverClearFlows;
        Self::with_config(config, users)
    }

    pub(crate) fn with_config(config: Config, users: &[&str]) -> Self {
        let mut world = Self {
            now: Instant::now(),
            zone: Switch::new([5; 32], config),
            phones: Vec::new(),
            events: Vec::new(),
            media: Vec::new(),
            disconnected: Vec::new(),
            stray: Vec::new(),
            holds_ports: false,
            held: Vec::new(),
            reported_lost: None,
            has_stopped: false,
            open: BTreeSet::new(),
            local_by_leg: BTreeMap::new(),
            plane: Plane::new([6; 32]),
            plane_refusals: Vec::new(),
        };
        world.input(Input::Directory(Update::Snapshot(snapshot(users))));
        world.events.clear();
        world
    }

    /// Adds a phone of this user, and registers it.
    pub(crate) fn register(&mut self, user: &str, transport: Transport) -> usize {
        let phone = self.add(user, transport);
        self.phones[phone].register(self.now);
        self.settle();
        assert_eq!(self.phones[phone].register_statuses, [200], "{user} registers");
        phone
    }

    /// Adds a phone of this user.
    pub(crate) fn add(&mut self, user: &str, transport: Transport) -> usize {
        let number = self.phones.len();
        self.phones.push(Phone::new(number, user, transport));
        number
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.zone.handle_input(self.now, input);
        self.settle();
    }

    /// Runs until nothing is left to do at this instant.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            while let Some(output) = self.zone.poll_output() {
                is_quiet = false;
                self.carry_out(output);
            }
            for number in 0..self.phones.len() {
                while let Some((flow, bytes)) = self.phones[number].poll(self.now) {
                    is_quiet = false;
                    let message = Message::parse_datagram(bytes).expect("a phone sends whole messages");
                    self.zone.handle_input(
                        self.now,
                        Input::Sip {
                            flow: reversed(flow),
                            message,
                        },
                    );
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let phones = self.phones.iter().filter_map(|phone| phone.agent.next_timeout());
            let next = phones
                .chain(self.zone.next_timeout())
                .min()
                .filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.zone.handle_timeout(self.now);
            for phone in &mut self.phones {
                phone.agent.handle_timeout(self.now);
            }
            self.settle();
        }
        self.now = end;
        self.zone.handle_timeout(self.now);
        self.settle();
    }

    /// Closes a phone's connection from its side.
    pub(crate) fn disconnect(&mut self, phone: usize) {
        let connection = self.phones[phone].flow.connection;
        self.phones[phone].agent.handle_flow_failed(self.now, connection);
        self.phones[phone].is_deaf = true;
        self.input(Input::Closed { connection });
    }

    /// Opens the ports that were held back.
    pub(crate) fn release_ports(&mut self) {
        self.holds_ports = false;
        for leg in std::mem::take(&mut self.held) {
            self.open(leg);
        }
        self.settle();
    }

    pub(crate) fn reports(&self) -> Vec<&PageReport> {
        let reports = self.events.iter().filter_map(|event| match event {
            ZoneEvent::PageEnded { report, .. } => Some(report),
            _ => None,
        });
        reports.collect()
    }

    /// The only page report there is.
    pub(crate) fn report(&self) -> &PageReport {
        let reports = self.reports();
        assert_eq!(reports.len(), 1, "one page report: {:?}", self.events);
        reports[0]
    }

    /// The legs that were joined to a bridge, in order, with what they do there.
    pub(crate) fn joined(&self) -> Vec<(LegId, Role)> {
        let joined = self.media.iter().filter_map(|command| match command {
            Command::Connect { leg, role, .. } => Some((*leg, *role)),
            Command::Turn { .. } | Command::Play { .. } | Command::Close { .. } => None,
        });
        joined.collect()
    }

    /// Legs whose ports were opened and not closed.
    pub(crate) fn open_ports(&self) -> usize {
        self.open.len()
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit { flow, bytes } => self.deliver(flow, bytes.to_vec()),
            Output::OpenMedia { leg, local } => {
                self.local_by_leg.insert(leg, local);
                if self.holds_ports {
                    self.held.push(leg);
                } else {
                    self.open(leg);
                }
            }
            Output::Media(command) => {
                self.plane.handle_command(self.now, command.clone());
                let plane_events = std::iter::from_fn(|| self.plane.poll_event());
                let is_refusal = |event: &Event| matches!(event, Event::Refused { .. });
                self.plane_refusals.extend(plane_events.filter(is_refusal));
                if let Command::Close { leg } = command
                    && self.open.remove(&leg)
                {
                    let statistics = LegStatistics {
                        duration: SPOKEN,
                        sent: 1_000,
                        reported_lost: self.reported_lost,
                        ..LegStatistics::default()
                    };
                    self.zone
                        .handle_input(self.now, Input::Media(Event::Closed { leg, statistics }));
                }
                self.media.push(command);
            }
            Output::Event(event) => self.events.push(event),
            Output::Disconnect { connection } => self.disconnected.push(connection),
            Output::Stopped => self.has_stopped = true,
        }
    }

    /// Opens the ports of one leg that were held back.
    pub(crate) fn open_ports_of(&mut self, leg: LegId) {
        self.open(leg);
        self.settle();
    }

    fn open(&mut self, leg: LegId) {
        self.open.insert(leg);
        self.plane.handle_opened(leg);
        let port = 20_000 + 2 * u16::try_from(leg.0).unwrap();
        let address = SocketAddr::new(self.local_by_leg[&leg], port);
        self.zone
            .handle_input(self.now, Input::MediaOpened { leg, address });
    }

    fn deliver(&mut self, flow: Flow, bytes: Vec<u8>) {
        let phone = self.phones.iter_mut().find(|phone| phone.flow == reversed(flow));
        match phone {
            Some(phone) if bytes == b"\r\n\r\n" => phone.keep_alives += 1,
            Some(phone) => {
                let message = Message::parse_datagram(bytes).expect("the zone sends whole messages");
                phone.receive(self.now, message);
            }
            None => self.stray.push((flow, bytes)),
        }
    }
}

/// A page report's verdict on one listener.
pub(crate) fn verdict<'a>(report: &'a PageReport, user: &str) -> &'a Verdict {
    let listener = report
        .listeners
        .iter()
        .find(|listener| listener.user.as_str() == user);
    &listener
        .unwrap_or_else(|| panic!("{user} is in the report"))
        .verdict
}

/// The same flow from the other side.
pub(crate) fn reversed(flow: Flow) -> Flow {
    Flow {
        local: flow.remote,
        remote: flow.local,
        ..flow
    }
}

pub(crate) fn config() -> Config {
    let mut config = Config::new("zone-a", "acme".parse().unwrap());
    config.keep_alive = None;
    config
}

pub(crate) fn user(name: &str) -> SipUser {
    name.parse().unwrap()
}

/// A directory in which each user has authorization id `id-USER`, password `secret-USER` and a phone extension `1NN` by
/// its place; 700 pages everybody but the first, 701 everybody, 702 is nobody's to page, 800 alerts everybody
/// but the first, and 801 exercises that; anyone may do everything else.
pub(crate) fn snapshot(users: &[&str]) -> Snapshot {
    let records = users.iter().enumerate();
    let phones = records.map(|(place, name)| ExtensionRecord {
        extension: format!("1{place:02}").parse().unwrap(),
        name: format!("{name}'s phone"),
        role: ExtensionRole::Phone { user: user(name) },
    });
    let members = |skipped: usize| users.iter().skip(skipped).map(|name| user(name)).collect();
    let group = |number: &str, members| ExtensionRecord {
        extension: number.parse().unwrap(),
        name: format!("group {number}"),
        role: ExtensionRole::PageGroup {
            members,
            urgency: Urgency::Normal,
        },
    };
    let groups = [
        group("700", members(1)),
        group("701", members(0)),
        group("702", members(1)),
    ];
    let danger = |number: &str, role| ExtensionRecord {
        extension: number.parse().unwrap(),
        name: format!("alert {number}"),
        role,
    };
    let alerts = [
        danger("800", ExtensionRole::Alert { members: members(1) }),
        danger("801", ExtensionRole::Drill { members: members(1) }),
    ];
    let allow = |action, subject| Permission {
        who: Who::Anyone,
        action,
        subject,
        pin: None,
    };
    let on = |number: &str| Subject::Extension(number.parse().unwrap());
    Snapshot {
        account: "acme".parse().unwrap(),
        epoch: Epoch(1),
        realm: REALM.to_owned(),
        domain: DOMAIN.to_owned(),
        default_algorithm: DigestAlgorithm::Sha256,
        users: users.iter().map(|name| person(name)).collect(),
        credentials: users
            .iter()
            .map(|name| credential(name, DigestAlgorithm::Sha256))
            .collect(),
        extensions: phones.chain(groups).chain(alerts).collect(),
        permissions: vec![
            allow(Action::Call, Subject::Any),
            allow(Action::Alert, Subject::Any),
            allow(Action::Page, on("700")),
            allow(Action::Page, on("701")),
        ],
    }
}

pub(crate) fn person(name: &str) -> User {
    User {
        user: user(name),
        name: format!("The {name}"),
        kind: UserKind::Phone,
    }
}

pub(crate) fn credential(name: &str, algorithm: DigestAlgorithm) -> Credential {
    Credential {
        authorization_id: format!("id-{name}").parse().unwrap(),
        user: user(name),
        algorithm,
        generation: Generation(1),
        secret: CredentialSecret::Password(Secret::from(format!("secret-{name}").as_str())),
    }
}

/// The flow of phone number `number`, from its side.
pub(crate) fn phone_flow(number: usize, transport: Transport) -> Flow {
    let host = u8::try_from(number % 250 + 1).unwrap();
    let net = u8::try_from(number / 250).unwrap();
    let connection = match transport {
        Transport::Udp => 0,
        Transport::Tcp | Transport::Tls => u64::try_from(number).unwrap() + 1,
    };
    Flow {
        transport,
        local: SocketAddr::from(([10, 7, net, host], 5060)),
        remote: SocketAddr::from(([192, 0, 2, 1], transport.default_port())),
        connection: ConnectionId(connection),
    }
}
