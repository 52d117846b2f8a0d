//! The registration of one slot.
//!
//! ```text
//!            flow up                      Accepted
//!   Idle ───────────────▶ Registering ───────────────▶ Registered ── refresh time ─▶ Registering
//!    ▲                     │  ▲   │ TooBrief: again, with the server's Min-Expires
//!    │ flow lost           │  └───┘
//!    │ (from every state)  │ Refused, Unavailable, Silent, TooLarge
//!    │                     ▼
//!    └──────────────── Waiting ── wait over ─▶ Registering
//!
//!   any state ── unregister ─▶ Unregistering ── any outcome or deadline ─▶ Off
//! ```
//!
//! The machine knows flows but not how they come about; which flow it gets is decided by
//! [`uplink`](crate::uplink).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::status::Cause;
use rand_core::Rng;
use sip::flow::{Flow, Transport};
use sip::registration::refresh_after;

use super::outcome::Outcome;
use crate::jitter;
use crate::recovery::{Recovery, RecoveryTimes};

/// Shortest time between two refreshes, whatever little time a server grants: one that grants a second
/// would otherwise get a REGISTER a second.
const REFRESH_MIN: Duration = Duration::from_secs(5);
/// Longest time to live: a day. Beyond it a dead device would be called for too long.
const EXPIRES_MAX: Duration = Duration::from_secs(86_400);
/// 423 answers mended in a row: a server that asks for more each time is not followed for ever.
const TOO_BRIEF_MAX: u32 = 3;
/// Bounds of a server's Retry-After: it may shed load, but not silence a loudspeaker for hours.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// How long a farewell may take before the device leaves without it.
const UNREGISTER_TIME: Duration = Duration::from_secs(2);

/// The times of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationTimes {
    /// Time to live asked of the server.
    pub expires: Duration,
    /// Waits after a server that did not serve.
    pub recovery: RecoveryTimes,
    /// Waits after a refusal that will hardly mend by itself. Slow, because a wrong password tried
    /// quickly looks like an attack and gets the address banned.
    pub refused: RecoveryTimes,
}

impl Default for RegistrationTimes {
    fn default() -> Self {
        Self {
            expires: Duration::from_secs(3600),
            recovery: RecoveryTimes::default(),
            refused: RecoveryTimes {
                base_all_failed: Duration::from_secs(30),
                base_some_up: Duration::from_secs(30),
                max: Duration::from_secs(600),
            },
        }
    }
}

/// A REGISTER to send. Its outcome comes back with the same `attempt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Register {
    pub(crate) flow: Flow,
    pub(crate) attempt: u64,
    pub(crate) expires: Duration,
}

/// What the registrar holds for the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) flow: Flow,
    pub(crate) refresh_at: Instant,
    expires_at: Instant,
    /// Whether the server says that it sets the Priority of its calls itself.
    sets_priority: bool,
    /// Where the registration came from, as the server saw it.
    seen_at: Option<SocketAddr>,
}

impl Binding {
    fn holds(&self, now: Instant, flow: Flow) -> bool {
        self.flow == flow && now < self.expires_at
    }
}

#[derive(Debug)]
enum State {
    Idle,
    Registering(Attempt),
    Registered,
    Waiting { flow: Flow, until: Instant },
    Unregistering { number: u64, deadline: Instant },
    Off,
}

/// A REGISTER on its way.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    number: u64,
    flow: Flow,
    sent_at: Instant,
    /// 423 answers mended on the way here.
    too_brief: u32,
}

/// How an attempt ended, as far as the owner of the flow is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nothing to do for the owner.
    Settled,
    /// Send this: a 423 is being mended.
    Again(Register),
    /// The registrar accepted: the flow works.
    Served,
    /// The server answered, but does not serve this slot; another target might.
    Unserved {
        cause: Cause,
        /// What the server asked for, within bounds.
        retry_after: Option<Duration>,
    },
    /// Nothing was sent: the flow is to give way to one that takes requests of any size.
    TooLarge,
    /// Nothing came back since `sent_at`: the flow may be dead.
    Silent { sent_at: Instant },
}

/// The registration machine of one slot.
#[derive(Debug)]
pub(crate) struct Registration {
    state: State,
    /// `Some` whenever the state is `Registered`; in other states a binding of before may still stand.
    binding: Option<Binding>,
    /// A binding over a datagram flow that was given up: the registrar may hold it still.
    given_up: Option<Binding>,
    /// Time to live asked for: the configured one, or what a 423 demanded.
    wish: Duration,
    attempts: u64,
    trouble: Option<Cause>,
    recovery: Recovery,
    refusals: Recovery,
}

impl Registration {
    pub(crate) fn new(times: RegistrationTimes) -> Self {
        Self {
            state: State::Idle,
            binding: None,
            given_up: None,
            wish: times.expires,
            attempts: 0,
            trouble: None,
            recovery: Recovery::new(times.recovery),
            refusals: Recovery::new(times.refused),
        }
    }

    /// Registers over `flow`. A binding over another flow stays valid until this one is granted.
    pub(crate) fn handle_flow_up(&mut self, now: Instant, flow: Flow) -> Option<Register> {
        match self.state {
            State::Unregistering { .. } | State::Off => None,
            State::Idle | State::Registering(_) | State::Registered | State::Waiting { .. } => {
                Some(self.register(now, flow, 0))
            }
        }
    }

    /// Forgets everything that stood on a flow that is gone. Over datagrams nothing is closed by that: what was lost was
    /// the answer to a keep-alive, and the registrar calls over the flow for as long as it holds the binding.
    pub(crate) fn handle_flow_lost(&mut self, lost: Flow, cause: &Cause) {
        if let Some(binding) = self.binding.take_if(|binding| binding.flow == lost)
            && lost.transport == Transport::Udp
        {
            self.given_up = Some(binding);
        }
        let stood_on_it = match self.state {
            State::Registering(Attempt { flow, .. }) | State::Waiting { flow, .. } => flow == lost,
            State::Registered => self.binding.is_none(),
            State::Unregistering { .. } if self.binding.is_none() => {
                self.state = State::Off;
                false
            }
            State::Unregistering { .. } | State::Idle | State::Off => false,
        };
        if stood_on_it {
            self.settle(cause.clone());
        }
    }

    /// Notes why there is no flow at all.
    pub(crate) fn handle_no_flow(&mut self, cause: &Cause) {
        if matches!(self.state, State::Idle) {
            self.trouble = Some(cause.clone());
        }
    }

    pub(crate) fn handle_outcome(
        &mut self,
        now: Instant,
        number: u64,
        outcome: Outcome,
        rng: &mut impl Rng,
    ) -> Judgement {
        match self.state {
            State::Unregistering { number: expected, .. } if number == expected => {
                self.switch_off();
                Judgement::Settled
            }
            State::Registering(attempt) if number == attempt.number => self.judge(now, attempt, outcome, rng),
            State::Unregistering { .. }
            | State::Registering(_)
            | State::Idle
            | State::Registered
            | State::Waiting { .. }
            | State::Off => Judgement::Settled,
        }
    }

    /// Repeats an attempt that still counts, as another kind of request.
    pub(crate) fn again(&mut self, now: Instant, number: u64) -> Option<Register> {
        match self.state {
            State::Registering(attempt) if attempt.number == number => {
                Some(self.register(now, attempt.flow, attempt.too_brief))
            }
            State::Registering(_)
            | State::Unregistering { .. }
            | State::Idle
            | State::Registered
            | State::Waiting { .. }
            | State::Off => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Register> {
        if self.binding.is_some_and(|binding| binding.expires_at <= now) {
            self.binding = None;
        }
        match (&self.state, self.binding) {
            (State::Registered, Some(binding)) if binding.refresh_at <= now => {
                Some(self.register(now, binding.flow, 0))
            }
            (State::Registered, None) => {
                self.state = State::Idle;
                None
            }
            (&State::Waiting { flow, until }, _) if until <= now => Some(self.register(now, flow, 0)),
            (State::Unregistering { deadline, .. }, _) if *deadline <= now => {
                self.switch_off();
                None
            }
            _ => None,
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let of_binding = self.binding.map(|binding| binding.expires_at);
        let of_state = match self.state {
            State::Registered => self.binding.map(|binding| binding.refresh_at),
            State::Waiting { until, .. } => Some(until),
            State::Unregistering { deadline, .. } => Some(deadline),
            State::Idle | State::Registering(_) | State::Off => None,
        };
        [of_binding, of_state].into_iter().flatten().min()
    }

    /// Takes the binding back, if there is one.
    pub(crate) fn unregister(&mut self, now: Instant) -> Option<Register> {
        if matches!(self.state, State::Unregistering { .. }) {
            return None;
        }
        let Some(binding) = self.binding else {
            self.switch_off();
            return None;
        };
        self.attempts += 1;
        self.state = State::Unregistering {
            number: self.attempts,
            deadline: now + UNREGISTER_TIME,
        };
        Some(Register {
            flow: binding.flow,
            attempt: self.attempts,
            expires: Duration::ZERO,
        })
    }

    /// The flow over which an attempt that still counts was sent.
    pub(crate) fn flow_of_attempt(&self, number: u64) -> Option<Flow> {
        match self.state {
            State::Registering(attempt) if attempt.number == number => Some(attempt.flow),
            State::Unregistering { number: expected, .. } if number == expected => {
                self.binding.map(|binding| binding.flow)
            }
            State::Registering(_)
            | State::Unregistering { .. }
            | State::Idle
            | State::Registered
            | State::Waiting { .. }
            | State::Off => None,
        }
    }

    /// The time to live that is asked for.
    pub(crate) fn wish(&self) -> Duration {
        self.wish
    }

    /// Says whether the slot is registered over `flow`, or tries to be.
    pub(crate) fn stands_on(&self, flow: Flow) -> bool {
        match self.state {
            State::Registering(Attempt { flow: tried, .. }) | State::Waiting { flow: tried, .. } => {
                tried == flow
            }
            State::Registered | State::Unregistering { .. } => {
                self.binding.is_some_and(|binding| binding.flow == flow)
            }
            State::Idle | State::Off => false,
        }
    }

    /// Says whether nothing is under way, planned or registered.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Says whether the slot is done with the network for good.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    /// Says whether the registrar knows the slot under `flow`.
    pub(crate) fn is_bound_to(&self, now: Instant, flow: Flow) -> bool {
        self.binding.is_some_and(|binding| binding.holds(now, flow))
    }

    /// Says whether the registrar may know the slot under `flow`: only then may a call come over it.
    pub(crate) fn is_called_over(&self, now: Instant, flow: Flow) -> bool {
        self.called_by(now, flow).is_some()
    }

    fn called_by(&self, now: Instant, flow: Flow) -> Option<&Binding> {
        let mut bindings = self.binding.iter().chain(&self.given_up);
        bindings.find(|binding| binding.holds(now, flow))
    }

    /// Says whether the server sees `flow` come from another address than when it registered the slot over it: what the
    /// registrar knows of the slot leads nowhere.
    pub(crate) fn has_moved(&self, flow: Flow, seen_at: SocketAddr) -> bool {
        self.binding
            .filter(|binding| binding.flow == flow)
            .and_then(|binding| binding.seen_at)
            .is_some_and(|known| known != seen_at)
    }

    /// Says whether calls over `flow` have their Priority from a server that says so itself.
    pub(crate) fn sets_priority(&self, now: Instant, flow: Flow) -> bool {
        self.called_by(now, flow)
            .is_some_and(|binding| binding.sets_priority)
    }

    /// The binding the registrar holds, if any.
    pub(crate) fn binding(&self) -> Option<Binding> {
        self.binding
    }

    /// What went wrong last and has not been mended since.
    pub(crate) fn trouble(&self) -> Option<&Cause> {
        self.trouble.as_ref()
    }

    /// When the next attempt or refresh is due, if one is planned.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            State::Registered => self.binding.map(|binding| binding.refresh_at),
            State::Idle | State::Registering(_) | State::Unregistering { .. } | State::Off => None,
        }
    }

    fn register(&mut self, now: Instant, flow: Flow, too_brief: u32) -> Register {
        self.attempts += 1;
        self.state = State::Registering(Attempt {
            number: self.attempts,
            flow,
            sent_at: now,
            too_brief,
        });
        Register {
            flow,
            attempt: self.attempts,
            expires: self.wish,
        }
    }

    fn judge(&mut self, now: Instant, attempt: Attempt, outcome: Outcome, rng: &mut impl Rng) -> Judgement {
        match outcome {
            Outcome::Accepted {
                expires,
                sets_priority,
                seen_at,
            } => {
                let times = grant(expires, rng);
                self.binding = Some(Binding {
                    flow: attempt.flow,
                    refresh_at: now + times.refresh,
                    expires_at: now + times.expires,
                    sets_priority,
                    seen_at,
                });
                self.given_up = None;
                self.state = State::Registered;
                self.trouble = None;
                self.recovery.succeeded();
                self.refusals.succeeded();
                Judgement::Served
            }
            Outcome::TooBrief { min } if self.may_lengthen_to(min, attempt) => {
                self.wish = min;
                // A slot that is still bound misses nothing while its refresh is mended.
                self.trouble = self.binding.is_none().then(|| Cause::IntervalTooBrief {
                    min_expires_s: u32::try_from(min.as_secs()).unwrap_or(u32::MAX),
                });
                Judgement::Again(self.register(now, attempt.flow, attempt.too_brief + 1))
            }
            Outcome::TooBrief { .. } => {
                let wait = self.refusals.failed(rng, false);
                self.wait(now, attempt.flow, wait, Cause::Refused { status: 423 });
                Judgement::Settled
            }
            Outcome::Refused { cause } => {
                let wait = self.refusals.failed(rng, false);
                self.wait(now, attempt.flow, wait, cause);
                Judgement::Settled
            }
            Outcome::Unavailable { cause, retry_after } => {
                let retry_after = retry_after.map(|wait| wait.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX));
                let wait = self
                    .recovery
                    .failed(rng, false)
                    .max(retry_after.unwrap_or_default());
                self.wait(now, attempt.flow, wait, cause.clone());
                Judgement::Unserved { cause, retry_after }
            }
            Outcome::TooLarge => {
                // The flow that follows mostly starts a new attempt before this wait is over; it is a failure's, so
                // that a server that no flow reaches is not tried in haste. Nothing was refused: no trouble is shown.
                let until = now + self.recovery.failed(rng, false);
                let flow = attempt.flow;
                self.state = State::Waiting { flow, until };
                Judgement::TooLarge
            }
            Outcome::Silent => {
                let wait = self.recovery.failed(rng, false);
                self.wait(now, attempt.flow, wait, Cause::Timeout);
                Judgement::Silent {
                    sent_at: attempt.sent_at,
                }
            }
        }
    }

    fn may_lengthen_to(&self, min: Duration, attempt: Attempt) -> bool {
        self.wish < min && attempt.too_brief < TOO_BRIEF_MAX
    }

    fn wait(&mut self, now: Instant, flow: Flow, wait: Duration, cause: Cause) {
        if self.binding.is_some_and(|binding| binding.flow != flow) {
            self.state = State::Registered;
        } else {
            self.state = State::Waiting {
                flow,
                until: now + wait,
            };
            self.trouble = Some(cause);
        }
    }

    /// Falls back to what is left after a flow was lost: a binding over another flow, or nothing.
    fn settle(&mut self, cause: Cause) {
        if self.binding.is_some() {
            self.state = State::Registered;
        } else {
            self.state = State::Idle;
            self.trouble = Some(cause);
        }
    }

    fn switch_off(&mut self) {
        self.state = State::Off;
        self.binding = None;
        self.given_up = None;
    }
}

/// How long a binding counts, and when it is refreshed before.
struct GrantedTimes {
    refresh: Duration,
    expires: Duration,
}

fn grant(expires: Duration, rng: &mut impl Rng) -> GrantedTimes {
    let expires = expires.min(EXPIRES_MAX);
    let latest = refresh_after(expires);
    let refresh = jitter::between(rng, latest * 9 / 10, latest).max(REFRESH_MIN);
    GrantedTimes {
        refresh,
        expires: expires.max(refresh * 2),
    }
}

#[cfg(test)]
mod tests;
