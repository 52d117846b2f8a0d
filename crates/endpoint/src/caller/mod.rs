//! A caller: places one call to an extension, speaks what it is given, and hangs up.
//!
//! ```text
//!            connected             socket open           200                    hang_up, BYE
//!   Reaching ─────────▶ Opening ─────────────▶ Calling ───────▶ Talking ───────────────────────▶ Leaving ──▶ Over
//!      │                   │                      │ refused, no answer              │ connection lost
//!      └───────────────────┴──────────────────────┴─────────────────────────────────┴──────────────────────▶ Over
//! ```
//!
//! Where a PIN is asked for, `Keying` stands between `Calling` and `Talking`: the keys are sent in the media, and the zone says by an
//! INFO whether they were right. Where it is keyed in unasked, nobody says so, and speech follows the keys.
//!
//! It speaks the inputs and outputs of the device core, so that one shell serves both. It does not register: the server
//! challenges the INVITE.

mod failure;
mod keying;
mod session;
mod voice;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::{PendingOffer, SecurityOffer};
use model::status::Cause;
use model::{PageId, Secret};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::flow::Flow;
use sip::user_agent::{Config, Output as AgentOutput, SessionId, UserAgent};

pub use failure::CallerFailure;
use keying::Keying;
use voice::Voice;

use crate::clock::millis;
use crate::io::{CallId, Input, Output};
use crate::profile::{Account, MediaProfile, TargetProfile};
use crate::uplink::{Change, Effect, UplinkTimes, Uplinks, leave_flow};

/// Time to reach a server: the DNS, two addresses that do not answer, and a handshake.
const REACH_MAX: Duration = Duration::from_secs(30);
/// Time for the answer, unless the profile says otherwise.
pub const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Time for the answer to our BYE or CANCEL.
const LEAVE_MAX: Duration = Duration::from_secs(4);
/// A caller has one call.
const CALL: CallId = CallId(1);

/// What a caller is told.
#[derive(Debug, Clone)]
pub struct CallerProfile {
    /// Goes into User-Agent.
    pub user_agent: String,
    /// The SIP domain of caller and extension.
    pub domain: String,
    /// The servers in the order they are tried in.
    pub targets: Vec<TargetProfile>,
    /// Who calls.
    pub account: Account,
    /// What is dialled: the user part of the Request-URI.
    pub dialled: String,
    /// Addresses are `sips:`.
    pub sips: bool,
    /// What the call may carry.
    pub media: MediaProfile,
    /// Rate of the samples that are handed in.
    pub input_rate: SampleRate,
    /// Longest time until the call is answered.
    pub answer_max: Duration,
    /// The PIN that is keyed in where one is asked for.
    pub pin: Option<CallerPin>,
}

/// A PIN, and how a caller keys it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerPin {
    /// What it is.
    pub digits: Secret,
    /// How long after the answer it is keyed in where the server does not ask in a way that a program understands, and may ask by a
    /// voice; never, where there is none.
    pub unasked_after: Option<Duration>,
}

/// How a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerEvent {
    /// The server was reached.
    Connected,
    /// The called party rings, or something on the way says that it goes on.
    Ringing {
        /// The provisional status.
        status: u16,
    },
    /// The call was answered, and the PIN is keyed in.
    Keying,
    /// The call was answered, and whatever PIN was asked for is right: what is handed in from here on is sent.
    Answered {
        /// The codec agreed.
        codec: Codec,
        /// Whether the media is encrypted.
        is_encrypted: bool,
        /// The page, where the zone names it.
        page: Option<PageId>,
    },
    /// The call is over.
    Ended {
        /// Milliseconds of speech that were sent.
        sent_ms: u64,
        /// The other side hung up.
        by_peer: bool,
    },
    /// The call came to nothing, or broke off.
    Failed {
        /// Why.
        failure: CallerFailure,
        /// Milliseconds of speech that were sent.
        sent_ms: u64,
    },
}

/// The core of one outgoing call.
///
/// After each call of a method that takes `now`, [`poll_output`](Self::poll_output) is called until it gives `None`.
pub struct Caller {
    profile: CallerProfile,
    agent: UserAgent,
    uplinks: Uplinks,
    rng: ChaCha20Rng,
    state: State,
    /// Targets that have failed so far.
    failed: usize,
    /// What is offered of SRTP: less than the profile's wish after a 488.
    security: SecurityOffer,
    outputs: VecDeque<Output<CallerEvent>>,
}

enum State {
    Idle,
    Reaching {
        deadline: Instant,
    },
    Opening {
        flow: Flow,
    },
    Calling {
        flow: Flow,
        session: SessionId,
        pending: Box<PendingOffer>,
        local: SocketAddr,
        deadline: Instant,
    },
    /// The INVITE is too large for a datagram, and a stream is being made.
    Widening {
        local: SocketAddr,
    },
    Keying {
        session: SessionId,
        keying: Box<Keying>,
        deadline: Instant,
    },
    Talking {
        session: SessionId,
        voice: Box<Voice>,
    },
    Leaving {
        deadline: Instant,
        end: CallerEvent,
    },
    Over,
}

impl Caller {
    /// Makes a caller that does nothing until [`start`](Self::start). All randomness follows from `seed`, which must be
    /// unpredictable in a product.
    #[must_use]
    pub fn new(seed: [u8; 32], profile: CallerProfile) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut agent_seed = [0; 32];
        rng.fill_bytes(&mut agent_seed);
        Self {
            agent: UserAgent::new(agent_seed, Config::new(profile.user_agent.clone())),
            uplinks: Uplinks::new(&profile.targets, UplinkTimes::default()),
            rng,
            state: State::Idle,
            failed: 0,
            security: profile.media.security,
            outputs: VecDeque::new(),
            profile,
        }
    }

    /// Begins to call.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            self.state = State::Reaching {
                deadline: now + REACH_MAX,
            };
            let changes = self.uplinks.start(now, &mut self.rng);
            self.follow_uplinks(now, changes);
        }
        self.settle(now);
    }

    /// Takes something that happened. What concerns a loudspeaker is ignored.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        let changes = match input {
            Input::Sip { flow, message } => {
                self.uplinks.handle_heard(now, flow);
                self.agent.handle_message(now, flow, message);
                Vec::new()
            }
            Input::Framing { flow, error } => {
                self.agent.handle_framing_error(now, flow, &error);
                Vec::new()
            }
            Input::Pong { flow } => {
                self.uplinks.handle_keepalive_answer(now, flow);
                Vec::new()
            }
            Input::Connected { token, flow } => {
                self.uplinks.handle_connected(now, token, flow, &mut self.rng)
            }
            Input::ConnectFailed { token, cause } => {
                self.uplinks
                    .handle_connect_failed(now, token, &cause, &mut self.rng)
            }
            Input::Closed { connection } => {
                self.agent.handle_flow_failed(now, connection);
                self.uplinks.handle_closed(now, connection, &mut self.rng)
            }
            Input::Resolved { query, answer } => {
                self.uplinks.handle_answer(now, &query, &answer, &mut self.rng)
            }
            Input::MediaOpened { local, .. } => {
                self.call(now, local);
                Vec::new()
            }
            Input::MediaFailed { .. } => {
                self.fail(now, CallerFailure::NoSocket);
                Vec::new()
            }
            Input::Media { from, mut bytes, .. } => {
                match &mut self.state {
                    State::Talking { voice, .. } => voice.handle_packet(now, from, &mut bytes),
                    State::Keying { keying, .. } => keying.voice.handle_packet(now, from, &mut bytes),
                    State::Idle
                    | State::Reaching { .. }
                    | State::Opening { .. }
                    | State::Calling { .. }
                    | State::Widening { .. }
                    | State::Leaving { .. }
                    | State::Over => {}
                }
                return;
            }
            Input::Shutdown => {
                self.hang_up(now);
                Vec::new()
            }
            Input::Zone { .. }
            | Input::ZoneState { .. }
            | Input::ZoneSending { .. }
            | Input::Sink(_)
            | Input::Muted(_)
            | Input::Microphone(_)
            | Input::Sound(_)
            | Input::Provisioning(_) => Vec::new(),
        };
        self.follow_uplinks(now, changes);
        self.settle(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        let changes = self.uplinks.handle_timeout(now, true, &mut self.rng);
        self.follow_uplinks(now, changes);
        match &self.state {
            State::Reaching { deadline } if *deadline <= now => {
                self.fail(now, CallerFailure::Unreachable(Cause::TcpTimeout));
            }
            State::Calling {
                deadline, session, ..
            }
            | State::Keying {
                deadline, session, ..
            } if *deadline <= now => {
                let session = *session;
                self.leave(now, session, self.failed_event(CallerFailure::NoAnswer));
            }
            State::Leaving { deadline, .. } if *deadline <= now => self.end_leaving(now),
            State::Idle
            | State::Reaching { .. }
            | State::Opening { .. }
            | State::Calling { .. }
            | State::Widening { .. }
            | State::Keying { .. }
            | State::Talking { .. }
            | State::Leaving { .. }
            | State::Over => {}
        }
        self.settle(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Reaching { deadline }
            | State::Calling { deadline, .. }
            | State::Keying { deadline, .. }
            | State::Leaving { deadline, .. } => Some(*deadline),
            State::Idle
            | State::Opening { .. }
            | State::Widening { .. }
            | State::Talking { .. }
            | State::Over => None,
        };
        [own, self.agent.next_timeout(), self.uplinks.next_timeout(true)]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next effect.
    pub fn poll_output(&mut self) -> Option<Output<CallerEvent>> {
        self.outputs.pop_front()
    }

    /// Says whether samples are wanted: the call has been answered and is not over.
    #[must_use]
    pub fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking { .. })
    }

    /// Says whether the PIN is being keyed in, or judged.
    #[must_use]
    pub fn is_keying(&self) -> bool {
        matches!(self.state, State::Keying { .. })
    }

    /// Sends samples at the input rate of the profile; they are dropped unless the call
    /// [is being talked in](Self::is_talking). While a PIN [is keyed in](Self::is_keying), silence is to be handed in. Packets leave as they fill up, so samples are handed in at the pace at
    /// which they are to be heard.
    pub fn send_audio(&mut self, now: Instant, samples: &[i16]) {
        let State::Talking { voice, .. } = &mut self.state else {
            return self.key_in(now, samples);
        };
        let to = voice.destination();
        let outputs = &mut self.outputs;
        voice.send(now, samples, |bytes| {
            outputs.push_back(Output::SendMedia {
                call: CALL,
                to,
                bytes,
            });
        });
    }

    /// Ends the call, whatever its state.
    pub fn hang_up(&mut self, now: Instant) {
        match &self.state {
            State::Calling { session, .. }
            | State::Keying { session, .. }
            | State::Talking { session, .. } => {
                let session = *session;
                let end = CallerEvent::Ended {
                    sent_ms: self.sent_ms(),
                    by_peer: false,
                };
                self.leave(now, session, end);
            }
            State::Idle | State::Reaching { .. } | State::Opening { .. } | State::Widening { .. } => {
                self.finish(
                    now,
                    CallerEvent::Ended {
                        sent_ms: 0,
                        by_peer: false,
                    },
                );
            }
            State::Leaving { .. } | State::Over => {}
        }
        self.settle(now);
    }

    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.agent.poll_output() {
                match output {
                    AgentOutput::Transmit { flow, bytes } => {
                        self.outputs.push_back(Output::Transmit { flow, bytes });
                    }
                    AgentOutput::Event(event) => self.handle_agent_event(now, event),
                }
            } else if let Some(effect) = self.uplinks.poll_effect() {
                self.carry_out(now, effect);
            } else {
                return;
            }
        }
    }

    fn carry_out(&mut self, now: Instant, effect: Effect) {
        match effect {
            // A call over datagrams is short, and its own requests keep the way open.
            Effect::AskOptions(_) => {}
            Effect::Disconnect(flow) => {
                let connection = leave_flow(&mut self.agent, now, flow);
                self.outputs
                    .extend(connection.map(|connection| Output::Disconnect { connection }));
            }
            Effect::Resolve(query) => self.outputs.push_back(Output::Resolve(query)),
            Effect::Connect { token, target } => self.outputs.push_back(Output::Connect { token, target }),
            Effect::Abandon(token) => self.outputs.push_back(Output::Abandon { token }),
            Effect::Ping(flow) => self.outputs.push_back(Output::ping(flow)),
        }
    }

    fn follow_uplinks(&mut self, now: Instant, changes: Vec<Change>) {
        for change in changes {
            match (&self.state, change) {
                (State::Reaching { .. }, Change::Serving(flow)) => {
                    self.tell(CallerEvent::Connected);
                    self.state = State::Opening { flow };
                    self.outputs.push_back(Output::OpenMedia {
                        call: CALL,
                        local: flow.local.ip(),
                    });
                }
                (&State::Widening { local }, Change::Serving(flow)) => {
                    self.state = State::Opening { flow };
                    self.call(now, local);
                }
                (State::Reaching { .. }, Change::Unreachable(cause)) => {
                    self.failed += 1;
                    if self.failed >= self.profile.targets.len() {
                        self.fail(now, CallerFailure::Unreachable(cause));
                    }
                }
                (
                    State::Opening { .. }
                    | State::Widening { .. }
                    | State::Calling { .. }
                    | State::Keying { .. }
                    | State::Talking { .. },
                    Change::Lost { cause, .. },
                ) => {
                    self.fail(now, CallerFailure::ConnectionLost(cause));
                }
                (State::Leaving { .. }, Change::Lost { .. }) => self.end_leaving(now),
                (_, Change::Serving(_) | Change::Lost { .. } | Change::Unreachable(_)) => {}
            }
        }
    }

    /// Hangs up, and says `end` once that is done.
    fn leave(&mut self, now: Instant, session: SessionId, end: CallerEvent) {
        self.state = State::Leaving {
            deadline: now + LEAVE_MAX,
            end,
        };
        self.agent.hang_up(now, session, Vec::new(), None);
    }

    fn end_leaving(&mut self, now: Instant) {
        if let State::Leaving { end, .. } = &self.state {
            let end = end.clone();
            self.finish(now, end);
        }
    }

    fn fail(&mut self, now: Instant, failure: CallerFailure) {
        let event = self.failed_event(failure);
        self.finish(now, event);
    }

    fn failed_event(&self, failure: CallerFailure) -> CallerEvent {
        CallerEvent::Failed {
            failure,
            sent_ms: self.sent_ms(),
        }
    }

    /// Says how it ended and closes everything; further ends are ignored.
    fn finish(&mut self, now: Instant, end: CallerEvent) {
        if matches!(self.state, State::Over) {
            return;
        }
        let has_socket = !matches!(self.state, State::Idle | State::Reaching { .. });
        self.state = State::Over;
        self.tell(end);
        if has_socket {
            self.outputs.push_back(Output::CloseMedia { call: CALL });
        }
        self.uplinks.stop(now, &mut self.rng);
        self.settle(now);
        self.outputs.push_back(Output::Stopped);
    }

    fn sent_ms(&self) -> u64 {
        match &self.state {
            State::Talking { voice, .. } => millis(voice.sent()),
            State::Leaving {
                end: CallerEvent::Ended { sent_ms, .. } | CallerEvent::Failed { sent_ms, .. },
                ..
            } => *sent_ms,
            State::Idle
            | State::Reaching { .. }
            | State::Opening { .. }
            | State::Widening { .. }
            | State::Calling { .. }
            | State::Keying { .. }
            | State::Leaving { .. }
            | State::Over => 0,
        }
    }

    fn tell(&mut self, event: CallerEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}
