//! The device core itself: takes inputs, owns the machines, gives outputs.

mod admission;
mod agent;
mod calling;
mod delaying;
mod local;
mod multicast;
mod passcodes;
mod provisioning;
mod reconfiguring;
mod registering;
mod ringing;
mod sounding;
mod talking_back;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use model::status::{DeviceEvent, DeviceStatus};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::flow::Flow;
use sip::framing::FramingFault;
use sip::message::{Method, OwnedMethod};
use sip::user_agent::{Config, Limits, RequestId, UserAgent};

use crate::attempts::RecentLegs;
use crate::call::Calls;
use crate::delayed::DelayedPages;
use crate::io::{Input, Output};
use crate::local::LocalSounds;
use crate::multicast::Multicast;
use crate::passcode::Locks;
use crate::profile::Profile;
use crate::registration::Register;
use crate::slot::{LaneId, Slot};
use crate::sound::Sound;
use crate::uplink::{Effect, Uplinks, leave_flow};

use provisioning::Unprovisioned;

pub use admission::PAGE_HEADER;
pub use reconfiguring::Reconfigured;

/// The core of one device.
///
/// After each call of [`handle_input`](Self::handle_input), [`handle_timeout`](Self::handle_timeout) or
/// [`fill`](Self::fill), [`poll_output`](Self::poll_output) is called until it gives `None`, and
/// [`next_timeout`](Self::next_timeout) says when to call again.
pub struct Endpoint {
    profile: Profile,
    agent: UserAgent,
    rng: ChaCha20Rng,
    uplinks: Uplinks,
    slots: Vec<Slot>,
    asked_by_request: BTreeMap<RequestId, Asked>,
    calls: Calls,
    locals: LocalSounds,
    delayed: DelayedPages,
    multicast: Multicast,
    sound: Sound,
    outputs: VecDeque<Output>,
    phase: Phase,
    gate: Gate,
    /// Assisted provisioning failed.
    unprovisioned: Option<Unprovisioned>,
}

/// What is kept out.
#[derive(Debug, Default)]
struct Gate {
    counters: Counters,
    /// Keep those out who guess passcodes.
    locks: Locks,
    /// Keep those attempts of a zone out that come late.
    recent: RecentLegs,
}

/// What has been refused and dropped so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// INVITEs that did not come over a flow their slot is registered on.
    pub calls_from_strangers: u64,
    /// INVITEs for nobody.
    pub calls_to_nobody: u64,
    /// Calls refused for any other reason.
    pub calls_refused: u64,
    /// Passcodes that were wrong.
    pub wrong_passcodes: u64,
    /// Messages that broke the framing.
    pub framing_errors: u64,
    /// Packets of multicast zones whose source may not speak, has spoken for too long, or is another than the one that does.
    pub multicast_foreign: u64,
    /// Packets of multicast zones that carry no sound that is understood, or none that fits its stream.
    pub multicast_unusable: u64,
}

/// What a device holds at one instant. All of it comes to nothing when nobody calls and nothing is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Calls, those that are being played out included.
    pub calls: usize,
    /// Sessions of the user agent.
    pub sessions: usize,
    /// Client and server transactions of the user agent.
    pub transactions: usize,
}

/// What a request was sent for.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// The registration of a slot.
    Register { slot: usize, lane: LaneId, attempt: u64 },
    /// To hear whether a datagram flow is alive.
    Keepalive { flow: Flow },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Running,
    /// Bindings are being taken back.
    Leaving,
    Stopped,
}

impl Endpoint {
    /// Makes a device that does nothing until [`start`](Self::start). All randomness follows from `seed`, which must be
    /// unpredictable in a product.
    #[must_use]
    pub fn new(seed: [u8; 32], profile: Profile) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut agent_seed = [0; 32];
        rng.fill_bytes(&mut agent_seed);
        let mut config = Config::new(profile.user_agent.clone());
        config.supported = vec!["path".to_owned(), "outbound".to_owned()];
        config.session_timers = true;
        config
            .methods
            .extend([Method::Notify, Method::Update].map(OwnedMethod::from));
        config.limits = AGENT_LIMITS;
        let slots = profile
            .slots
            .iter()
            .take(SLOTS_MAX)
            .map(|slot| {
                Slot::new(
                    slot.clone(),
                    profile.times.registration,
                    &format!("{:032x}", draw(&mut rng)),
                )
            })
            .collect();
        Self {
            agent: UserAgent::new(agent_seed, config),
            uplinks: Uplinks::new(&profile.targets, profile.times.uplink),
            slots,
            asked_by_request: BTreeMap::new(),
            calls: Calls::default(),
            locals: LocalSounds::default(),
            delayed: DelayedPages::default(),
            multicast: Multicast::default(),
            sound: Sound::new(profile.sound.clone()),
            outputs: VecDeque::new(),
            phase: Phase::Idle,
            gate: Gate::default(),
            unprovisioned: None,
            rng,
            profile,
        }
    }

    /// Begins to connect and register.
    pub fn start(&mut self, now: Instant) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Running;
            let changes = self.uplinks.start(now, &mut self.rng);
            self.follow_uplinks(now, changes);
            self.join_zones();
        }
        self.settle(now);
    }

    /// Takes something that happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Sip { flow, message } => {
                self.uplinks.handle_heard(now, flow);
                self.agent.handle_message(now, flow, message);
            }
            Input::Framing { flow, error } => {
                // Servers keep a datagram flow open with line ends alone.
                if error.fault() != FramingFault::Empty {
                    self.gate.counters.framing_errors += 1;
                }
                self.agent.handle_framing_error(now, flow, &error);
            }
            Input::Pong { flow } => self.uplinks.handle_keepalive_answer(now, flow),
            Input::Connected { token, flow } => {
                let changes = self.uplinks.handle_connected(now, token, flow, &mut self.rng);
                self.follow_uplinks(now, changes);
            }
            Input::ConnectFailed { token, cause } => {
                let changes = self
                    .uplinks
                    .handle_connect_failed(now, token, &cause, &mut self.rng);
                self.follow_uplinks(now, changes);
            }
            Input::Closed { connection } => {
                self.agent.handle_flow_failed(now, connection);
                let changes = self.uplinks.handle_closed(now, connection, &mut self.rng);
                self.follow_uplinks(now, changes);
            }
            Input::Resolved { query, answer } => {
                let changes = self.uplinks.handle_answer(now, &query, &answer, &mut self.rng);
                self.follow_uplinks(now, changes);
            }
            Input::MediaOpened { call, local } => self.handle_media_opened(now, call, local),
            Input::MediaFailed { call } => self.handle_media_failed(now, call),
            Input::Media {
                call,
                from,
                mut bytes,
            } => {
                // Packets come by the hundred a second, and most change nothing else.
                if !self.calls.handle_media(now, call, from, &mut bytes) {
                    return;
                }
            }
            Input::Zone {
                zone,
                from,
                mut bytes,
            } => {
                if !self.handle_zone_packet(now, zone, from, &mut bytes) {
                    return;
                }
            }
            Input::ZoneState { zone, problem } => self.handle_zone_state(zone, problem),
            Input::ZoneSending { problem } => self.handle_zone_sending(problem),
            Input::Sink(health) => self.handle_sink(health),
            Input::Microphone(health) => self.handle_microphone(health),
            Input::Muted(is_muted) => self.handle_muted(is_muted),
            Input::Provisioning(failed) => self.handle_provisioning(now, failed),
            Input::Sound(order) => self.handle_order(now, order),
            Input::Shutdown => self.shut_down(now),
        }
        self.settle(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        let busy = self.calls.is_busy();
        let changes = self.uplinks.handle_timeout(now, busy, &mut self.rng);
        self.follow_uplinks(now, changes);
        for index in 0..self.slots.len() {
            let lanes = self.slots.get_mut(index).into_iter().flat_map(Slot::lanes_mut);
            let due: Vec<(LaneId, Register)> = lanes
                .filter_map(|lane| Some((lane.id, lane.registration.handle_timeout(now)?)))
                .collect();
            self.send_registers(now, index, due);
        }
        self.settle(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let slots = self
            .slots
            .iter()
            .flat_map(Slot::lanes)
            .filter_map(|lane| lane.registration.next_timeout())
            .min();
        [
            self.agent.next_timeout(),
            self.uplinks.next_timeout(self.calls.is_busy()),
            slots,
            self.calls.next_timeout(),
            self.locals.next_timeout(),
            self.multicast.next_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next effect.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The state of the device at `now`.
    #[must_use]
    pub fn status(&self, now: Instant) -> DeviceStatus {
        DeviceStatus {
            device: self.profile.device.clone(),
            slots: self
                .slots
                .iter()
                .filter(|slot| !slot.is_removed())
                .map(|slot| slot.status(now, &self.uplinks))
                .chain(self.unprovisioned_slot(now))
                .collect(),
            sounding: self.sounding(now),
            signals: self.sound.signals(),
            messages: self.messages(),
            microphone: self.sound.microphone(),
            sink: self.sound.status(),
            multicast: self.multicast_status(),
        }
    }

    /// Says whether a page, be it a multicast one, or an announcement is under way, which another core in the place of
    /// this one would disturb. Music may be interrupted.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.calls.is_busy()
            || self.locals.has_announcement()
            || self.has_messages()
            || self.multicast.has_page()
    }

    /// What has been refused and dropped so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.gate.counters
    }

    /// What the device holds.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        Holdings {
            calls: self.calls.abouts().count(),
            sessions: self.agent.sessions(),
            transactions: self.agent.transactions(),
        }
    }

    /// What the user agent has refused, dropped and absorbed so far.
    #[must_use]
    pub fn agent_counters(&self) -> &sip::user_agent::Counters {
        self.agent.counters()
    }

    /// Leaves the network in good order: calls end, bindings are taken back, connections are closed.
    fn shut_down(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Leaving | Phase::Stopped) {
            return;
        }
        self.phase = Phase::Leaving;
        self.end_all_sounds(now);
        self.leave_zones(now);
        for slot in 0..self.slots.len() {
            let due = self.slots.get_mut(slot).map(|slot| slot.unregister(now));
            self.send_registers(now, slot, due.unwrap_or_default());
        }
    }

    /// Carries consequences from machine to machine until nothing is left to do, and says what has changed.
    fn settle(&mut self, now: Instant) {
        self.register_idle(now);
        self.carry_on(now);
        self.follow_sounds(now);
        self.finish_leaving(now);
        self.publish_statuses(now);
        self.publish_signals();
        self.publish_messages();
    }

    /// Carries consequences from machine to machine until nothing is left to do; says whether there was anything.
    fn carry_on(&mut self, now: Instant) -> bool {
        let mut acted = false;
        loop {
            let mut quiet = true;
            while let Some(output) = self.agent.poll_output() {
                self.handle_agent_output(now, output);
                quiet = false;
            }
            while let Some(effect) = self.uplinks.poll_effect() {
                self.carry_out(now, effect);
                quiet = false;
            }
            quiet &= !self.seat_successors(now);
            quiet &= !self.step_calls(now);
            quiet &= !self.step_locals(now);
            quiet &= !self.step_delayed(now);
            quiet &= !self.step_zones(now);
            if quiet {
                return acted;
            }
            acted = true;
        }
    }

    fn carry_out(&mut self, now: Instant, effect: Effect) {
        let output = match effect {
            Effect::Resolve(query) => Output::Resolve(query),
            Effect::Connect { token, target } => Output::Connect { token, target },
            Effect::Abandon(token) => Output::Abandon { token },
            Effect::Disconnect(flow) => match leave_flow(&mut self.agent, now, flow) {
                Some(connection) => Output::Disconnect { connection },
                None => return,
            },
            Effect::Ping(flow) => Output::ping(flow),
            Effect::AskOptions(flow) => return self.ask_options(now, flow),
        };
        self.outputs.push_back(output);
    }

    fn finish_leaving(&mut self, now: Instant) {
        if self.phase == Phase::Leaving && self.slots.iter().all(Slot::is_off) {
            self.phase = Phase::Stopped;
            self.uplinks.stop(now, &mut self.rng);
            while let Some(effect) = self.uplinks.poll_effect() {
                self.carry_out(now, effect);
            }
            self.outputs.push_back(Output::Stopped);
        }
    }

    fn publish_statuses(&mut self, now: Instant) {
        for slot in &mut self.slots {
            if let Some(registration) = slot.changed_status(now, &self.uplinks) {
                let slot = slot.profile().position.id();
                self.outputs
                    .push_back(Output::Event(DeviceEvent::RegistrationChanged {
                        slot,
                        registration,
                    }));
            }
        }
    }

    fn tell(&mut self, event: DeviceEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// Slots of one device: every position there is (51 page, 10 ring, 11 alert).
pub const SLOTS_MAX: usize = 72;

/// A device has few peers and little memory: every slot registering and a call each, many times over.
const AGENT_LIMITS: Limits = Limits {
    server_transactions_per_flow: 512,
    server_transactions_per_source: 512,
    server_transactions: 1_024,
    client_transactions: 512,
    sessions: 64,
};

/// 128 bits.
fn draw(rng: &mut ChaCha20Rng) -> u128 {
    u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())
}
