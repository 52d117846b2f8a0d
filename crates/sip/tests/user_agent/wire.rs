//! Two user agents on an in-memory wire in virtual time, with loss, duplication and delay by seed.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message};
use sip::user_agent::{Config, Event, Output, UserAgent};

/// The side that usually calls.
pub(crate) const ALICE: usize = 0;
/// The side that usually answers.
pub(crate) const BOB: usize = 1;

/// How bad the wire is, in percent of packets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) loss: u32,
    pub(crate) duplication: u32,
    /// Packets that take up to 400 ms longer, and so overtake each other.
    pub(crate) delay: u32,
    /// Packets with one octet changed.
    pub(crate) corruption: u32,
}

/// One side of the wire.
pub(crate) struct Side {
    pub(crate) agent: UserAgent,
    /// As this side sees it.
    pub(crate) flow: Flow,
    pub(crate) events: VecDeque<Event>,
}

/// See the [module](self).
pub(crate) struct Wire {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) sides: [Side; 2],
    pub(crate) weather: Weather,
    /// Start lines as they were sent, for assertions: side, time since the start in ms, line.
    pub(crate) log: Vec<(usize, u128, String)>,
    in_flight: BTreeMap<(Instant, u64), (usize, Bytes)>,
    sent: u64,
    random: ChaCha20Rng,
}

impl Wire {
    pub(crate) fn new(transport: Transport) -> Self {
        Self::with_configs(transport, 1, [Config::new("alice/1"), Config::new("bob/1")])
    }

    pub(crate) fn with_configs(transport: Transport, seed: u64, configs: [Config; 2]) -> Self {
        let now = Instant::now();
        let addresses: [SocketAddr; 2] = [
            "192.0.2.1:5060".parse().expect("an address"),
            "192.0.2.2:5060".parse().expect("an address"),
        ];
        let [alice, bob] = configs;
        let side = |config: Config, here: usize, there: usize| {
            let mut agent_seed = [0; 32];
            agent_seed[..8].copy_from_slice(&seed.to_le_bytes());
            agent_seed[8] = u8::try_from(here).expect("two sides");
            Side {
                agent: UserAgent::new(agent_seed, config),
                flow: Flow {
                    transport,
                    local: addresses[here],
                    remote: addresses[there],
                    connection: ConnectionId(1),
                },
                events: VecDeque::new(),
            }
        };
        Self {
            now,
            start: now,
            sides: [side(alice, ALICE, BOB), side(bob, BOB, ALICE)],
            weather: Weather::default(),
            log: Vec::new(),
            in_flight: BTreeMap::new(),
            sent: 0,
            random: ChaCha20Rng::seed_from_u64(seed),
        }
    }

    /// Runs everything that is due within `span`, and ends at its end.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.pump();
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    /// Runs until neither side waits for anything.
    pub(crate) fn run_out(&mut self) {
        self.pump();
        while let Some(at) = self.next_at() {
            self.now = self.now.max(at);
            self.step();
        }
    }

    /// When something happens next.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let packet = self.in_flight.keys().next().map(|(at, _)| *at);
        let timers = self.sides.iter().filter_map(|side| side.agent.next_timeout());
        packet.into_iter().chain(timers).min()
    }

    /// Delivers what has arrived and fires what is due.
    pub(crate) fn step(&mut self) {
        while let Some(entry) = self
            .in_flight
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let (to, bytes) = entry.remove();
            self.inject(to, &bytes);
        }
        for side in 0..2 {
            self.sides[side].agent.handle_timeout(self.now);
        }
        self.pump();
    }

    /// Gives bytes to one side as if the other had sent them.
    pub(crate) fn inject(&mut self, to: usize, bytes: &[u8]) {
        let side = &mut self.sides[to];
        match Message::parse_datagram(bytes.to_vec()) {
            Ok(message) => side.agent.handle_message(self.now, side.flow, message),
            Err(error) => side.agent.handle_framing_error(self.now, side.flow, &error),
        }
        self.pump();
    }

    /// Takes the outputs of both sides.
    pub(crate) fn pump(&mut self) {
        for side in 0..2 {
            while let Some(output) = self.sides[side].agent.poll_output() {
                match output {
                    Output::Event(event) => self.sides[side].events.push_back(event),
                    Output::Transmit { flow, bytes } => {
                        assert_eq!(flow.connection, self.sides[side].flow.connection);
                        self.send(side, &bytes);
                    }
                }
            }
        }
    }

    /// The next event of a side.
    pub(crate) fn event(&mut self, side: usize) -> Event {
        self.pump();
        self.sides[side].events.pop_front().expect("an event is waiting")
    }

    /// Panics if a side has an event.
    pub(crate) fn expect_quiet(&mut self, side: usize) {
        self.pump();
        assert!(
            self.sides[side].events.is_empty(),
            "{:?}",
            self.sides[side].events
        );
    }

    /// What a side has sent so far, as start lines without `SIP/2.0`.
    pub(crate) fn sent_by(&self, side: usize) -> Vec<&str> {
        self.log
            .iter()
            .filter(|(from, ..)| *from == side)
            .map(|(.., line)| line.as_str())
            .collect()
    }

    /// Transactions and sessions that are alive on both sides.
    pub(crate) fn alive(&self) -> usize {
        self.sides
            .iter()
            .map(|side| side.agent.transactions() + side.agent.sessions())
            .sum()
    }

    fn send(&mut self, from: usize, bytes: &Bytes) {
        let is_sound = self.weather.corruption == 0;
        let at = self.now.duration_since(self.start).as_millis();
        self.log.push((from, at, line(bytes, is_sound)));
        let copies = if self.percent(self.weather.loss) {
            0
        } else if self.percent(self.weather.duplication) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let extra = if self.percent(self.weather.delay) {
                u64::from(self.random.next_u32() % 400)
            } else {
                0
            };
            self.sent += 1;
            let at = self.now + Duration::from_millis(10 + extra);
            let bytes = self.corrupted(bytes);
            self.in_flight.insert((at, self.sent), (1 - from, bytes));
        }
    }

    fn corrupted(&mut self, bytes: &Bytes) -> Bytes {
        if !self.percent(self.weather.corruption) {
            return bytes.clone();
        }
        let mut octets = bytes.to_vec();
        let place = self.random.next_u32() as usize % octets.len();
        octets[place] = self.random.next_u32().to_le_bytes()[0];
        Bytes::from(octets)
    }

    fn percent(&mut self, share: u32) -> bool {
        share > 0 && self.random.next_u32() % 100 < share
    }
}

/// `METHOD` with the method, or the status and the method of CSeq.
fn line(bytes: &Bytes, is_sound: bool) -> String {
    let message = Message::parse_datagram(bytes.to_vec()).expect("agents send whole messages");
    if is_sound {
        assert_eq!(message.validate(), Ok(()), "agents send sound messages");
    }
    match message.status() {
        Some(status) => {
            let method = message.cseq().map_or("?", |cseq| cseq.method.as_str());
            format!("{status} {method}")
        }
        None => message
            .method()
            .expect("a request has a method")
            .as_str()
            .to_owned(),
    }
}

/// A header of a message, for short assertions.
pub(crate) fn header<'a>(message: &'a Message, name: &'static str) -> &'a str {
    message.header(HeaderName::Other(name)).unwrap_or("(none)")
}
