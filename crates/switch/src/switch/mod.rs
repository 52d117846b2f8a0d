//! The switch as a whole: what goes in, what comes out, and who deals with it.

mod registration;
mod reporting;

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use media::bridge::{self, LegId};
use model::PageId;
use model::directory::{Directory, Update};
use model::status::ZoneEvent;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::flow::{ConnectionId, Flow};
use sip::framing::FramingError;
use sip::message::{Message, Method, OwnedMethod, StatusCode};
use sip::user_agent::{self, Event, Reply, ServerId, UserAgent};

use crate::admission::Admission;
use crate::call::{Calls, Refused, explanation};
use crate::config::Config;
use crate::identity::Identity;
use crate::pin::Locks;
use crate::registrar::Registrar;
use crate::status::Counters;

/// What a [`Switch`] is told.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every input is a message, and boxing it costs an allocation"
)]
pub enum Input {
    /// A message arrived.
    Sip {
        /// The way it came.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// Octets arrived that are no message. A stream on which this happens is closed.
    Framing {
        /// The way they came.
        flow: Flow,
        /// What is wrong with them.
        error: FramingError,
    },
    /// A connection is closed, by whichever side, or a local UDP socket is lost.
    Closed {
        /// The connection.
        connection: ConnectionId,
    },
    /// The ports asked for by [`Output::OpenMedia`] are open.
    MediaOpened {
        /// The leg.
        leg: LegId,
        /// Address and RTP port as the peer reaches them; RTCP has the next port.
        address: SocketAddr,
    },
    /// The ports asked for by [`Output::OpenMedia`] cannot be had.
    MediaFailed {
        /// The leg.
        leg: LegId,
    },
    /// The bridge reports.
    Media(bridge::Event),
    /// The directory feed says something: the only way a switch learns who exists.
    Directory(Update),
    /// To end: all calls are hung up on, what their listeners say at the end is waited for as usual, new ones are refused.
    /// [`Output::Stopped`] follows within [`ENDING_MAX`](crate::ENDING_MAX).
    Shutdown,
}

/// What a [`Switch`] wants done, in this order.
pub enum Output {
    /// Send these octets, one whole message, on this flow.
    Transmit {
        /// The connection or socket, and the peer's address.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// Open RTP and RTCP ports of the family of `local`, and the leg in the bridge ([`bridge::Plane::handle_opened`]); say so
    /// with [`Input::MediaOpened`]. They close with the [`bridge::Command::Close`] of the leg. Where there are no ports, there
    /// is no leg in the bridge either, and [`Input::MediaFailed`] is all.
    OpenMedia {
        /// The leg.
        leg: LegId,
        /// The address its signalling uses.
        local: IpAddr,
    },
    /// Tell the bridge.
    Media(bridge::Command),
    /// Tell the service and whoever watches.
    Event(ZoneEvent),
    /// Close a connection after what was sent on it.
    Disconnect {
        /// The connection.
        connection: ConnectionId,
    },
    /// All calls have ended after [`Input::Shutdown`], and nothing more follows but what ends dialogs.
    Stopped,
}

/// Whether a switch takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// It does.
    Open,
    /// It has been told to end, and its calls are ending.
    Closing,
    /// It has said [`Output::Stopped`].
    Closed,
}

/// Shows of a message the length only: headers and bodies carry credentials and keys.
impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit { flow, bytes } => write!(formatter, "Transmit({flow:?}, {} octets)", bytes.len()),
            Self::OpenMedia { leg, local } => write!(formatter, "OpenMedia({leg:?}, {local})"),
            Self::Media(command) => write!(formatter, "Media({command:?})"),
            Self::Event(event) => write!(formatter, "Event({event:?})"),
            Self::Disconnect { connection } => write!(formatter, "Disconnect({connection:?})"),
            Self::Stopped => formatter.write_str("Stopped"),
        }
    }
}

/// The core of a zone or node; see the [crate](crate).
pub struct Switch {
    pub(crate) config: Config,
    pub(crate) directory: Directory,
    pub(crate) identity: Identity,
    pub(crate) registrar: Registrar,
    pub(crate) agent: UserAgent,
    pub(crate) calls: Calls,
    pub(crate) admission: Admission,
    pub(crate) pins: Locks,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) counters: Counters,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) service: Service,
    /// The first instant seen.
    began: Option<Instant>,
}

impl Switch {
    /// Makes a switch that knows nobody until a directory comes. All that peers must not guess follows from `seed`,
    /// which must be unpredictable in a product and different after each start.
    #[must_use]
    pub fn new(seed: [u8; 32], config: Config) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let (mut nonce_key, mut agent_seed) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut nonce_key);
        rng.fill_bytes(&mut agent_seed);
        Self {
            directory: Directory::new(config.account.clone()),
            identity: Identity::new(nonce_key),
            registrar: Registrar::new(config.keep_alive.map(|keep_alive| keep_alive.every)),
            agent: UserAgent::new(agent_seed, agent_config(&config)),
            calls: Calls::new(),
            admission: Admission::new(config.limits),
            pins: Locks::default(),
            rng,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            service: Service::Open,
            began: None,
            config,
        }
    }

    /// Takes one input. Outputs are to be polled afterwards.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.began.get_or_insert(now);
        match input {
            Input::Sip { flow, message } => self.agent.handle_message(now, flow, message),
            Input::Framing { flow, error } => {
                self.agent.handle_framing_error(now, flow, &error);
                self.settle(now);
                if flow.transport.is_reliable() {
                    self.outputs.push_back(Output::Disconnect {
                        connection: flow.connection,
                    });
                }
            }
            Input::Closed { connection } => {
                self.registrar.handle_closed(connection);
                self.agent.handle_flow_failed(now, connection);
            }
            Input::MediaOpened { leg, address } => self.handle_media_opened(now, leg, address),
            Input::MediaFailed { leg } => self.handle_media_failed(now, leg),
            Input::Media(event) => self.handle_media_event(now, event),
            Input::Directory(update) => self.handle_directory(update),
            Input::Shutdown => self.shut_down(now),
        }
        self.settle(now);
        self.stop_if_empty();
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.began.get_or_insert(now);
        self.agent.handle_timeout(now);
        self.settle(now);
        self.registrar.handle_timeout(now);
        while let Some(call) = self.calls.deadlines.pop_due(now) {
            self.handle_call_due(now, call);
        }
        while let Some(leg) = self.calls.unheard.pop_due(now) {
            self.flow_overdue(now, leg);
        }
        self.settle(now);
        self.stop_if_empty();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        [
            self.agent.next_timeout(),
            self.registrar.next_timeout(),
            self.calls.deadlines.next(),
            self.calls.unheard.next(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next effect; to be polled until `None` after each call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Deals with what the user agent and the registrar have to say, until they are silent.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.agent.poll_output() {
                match output {
                    user_agent::Output::Transmit { flow, bytes } => {
                        self.outputs.push_back(Output::Transmit { flow, bytes });
                    }
                    user_agent::Output::Event(event) => self.handle_agent(now, event),
                }
            }
            match self.registrar.poll_effect() {
                Some(effect) => self.handle_registrar(now, effect),
                None => return,
            }
        }
    }

    fn handle_agent(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request {
                transaction,
                flow,
                message,
            } => self.handle_request(now, transaction, flow, &message),
            Event::Invite {
                session,
                flow,
                message,
            } => self.handle_invite(now, session, flow, &message),
            Event::Progress { session, .. } => self.leg_progressed(now, session),
            Event::Answered { session, message } => self.leg_answered(now, session, &message),
            Event::Rejected {
                session,
                status,
                failure,
                message,
            } => {
                let text = message.as_ref().and_then(explanation);
                self.leg_rejected(
                    now,
                    session,
                    Refused {
                        status,
                        failure,
                        text,
                    },
                );
            }
            Event::Confirmed { session, message } => self.handle_confirmed(now, session, &message),
            Event::SessionRequest {
                session,
                transaction,
                message,
            } => {
                self.handle_session_request(now, session, transaction, &message);
            }
            Event::Refreshed { session, message } => self.handle_refreshed(now, session, &message),
            Event::Ended { session, cause } => self.handle_ended(now, session, cause),
            // The only requests of ours outside calls keep flows open, and any answer to them does.
            Event::Response { .. } => {}
        }
    }

    /// Answers a request outside calls: REGISTER and OPTIONS are taken, nothing else is (A09).
    fn handle_request(&mut self, now: Instant, transaction: ServerId, flow: Flow, message: &Message) {
        let reply = match message.method() {
            Some(Method::Register) => {
                let way_back = self.agent.reply_flow(transaction).unwrap_or(flow);
                self.handle_register(now, flow, way_back, message)
            }
            Some(Method::Options) => {
                self.counters.requests.options += 1;
                Reply::new(StatusCode::OK).header("Accept", "application/sdp")
            }
            _ => {
                self.counters.requests.refused += 1;
                Reply::new(StatusCode::METHOD_NOT_ALLOWED)
            }
        };
        self.agent.respond(now, transaction, reply);
    }

    /// Says whether the peer of a datagram flow has shown who it is and holds a binding or a leg, so that an answer to it is
    /// not one to a stranger.
    #[must_use]
    pub fn is_known(&self, flow: &Flow) -> bool {
        self.registrar.is_bound(flow) || self.calls.peers.holds(flow)
    }

    fn shut_down(&mut self, now: Instant) {
        if self.service != Service::Open {
            return;
        }
        self.service = Service::Closing;
        let calls: Vec<_> = self.calls.call_by_id.keys().copied().collect();
        for call in calls {
            self.end_call(now, call, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    fn stop_if_empty(&mut self) {
        if self.service == Service::Closing && self.calls.call_by_id.is_empty() {
            self.service = Service::Closed;
            self.outputs.push_back(Output::Stopped);
        }
    }

    pub(crate) fn emit(&mut self, event: ZoneEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    /// A number that fits into the session id of a description (RFC 8866 §5.2 allows any, peers expect 63 bits).
    pub(crate) fn random_number(&mut self) -> u64 {
        self.rng.next_u64() >> 1
    }

    pub(crate) fn random_page_id(&mut self) -> PageId {
        let (high, low) = (self.rng.next_u64(), self.rng.next_u64());
        PageId::from_random(u128::from(high) << 64 | u128::from(low))
    }
}

fn agent_config(config: &Config) -> user_agent::Config {
    let mut agent = user_agent::Config::new(&config.user_agent);
    agent.timers = config.timers;
    agent.advertised.clone_from(&config.advertised);
    agent.methods = [
        Method::Invite,
        Method::Register,
        Method::Options,
        Method::Info,
        Method::Update,
    ]
    .into_iter()
    .map(OwnedMethod::from)
    .collect();
    agent.supported = ["path", "outbound"].map(str::to_owned).to_vec();
    agent.session_timers = true;
    agent
}
