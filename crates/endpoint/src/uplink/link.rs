//! The connection to one target.
//!
//! ```text
//!            start                 address              Connected
//!   Down ──────────▶ Locating ─────────────▶ Connecting ──────────▶ Up
//!    ▲                  │ none left          │   ▲                  │
//!    │                  │                    └───┘ next address     │ closed, lost, does not serve
//!    └── wait, then again ◀──────────────────┘◀─────────────────────┘
//! ```

mod stream;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::status::Cause;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use sip::flow::{ConnectionId, Flow, Transport};
use sip::locate::{Answer, Query};

use self::stream::Stream;
use super::search::{Search, Step};
use super::{Effects, UplinkTimes};
use crate::io::ConnectToken;
use crate::jitter;
use crate::keepalive::{Due, Keepalive, KeepaliveTimes};
use crate::profile::TargetProfile;
use crate::recovery::Recovery;

/// Time for all DNS answers of one search: a stub resolver gives up after about five seconds itself.
const LOCATE_TIME: Duration = Duration::from_secs(6);
/// Time to connect, TLS handshake included: longer than a shell tries (4 s for TCP, 10 s for TLS), because the shell can
/// say what was not answered.
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// After a server has closed a good connection, its devices come back spread over this time.
const RECONNECT_SPREAD: Duration = Duration::from_millis(500);

/// What a link needs from around it.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) rng: &'a mut ChaCha20Rng,
    pub(crate) effects: &'a mut Effects,
    /// Whether another target serves the device.
    pub(crate) others_up: bool,
}

/// What became of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkChange {
    /// A flow is ready.
    Up(Flow),
    /// The flow is gone.
    Lost { flow: Flow, cause: Cause },
    /// Requests that were too large may be sent over this flow.
    Roomy(Flow),
    /// An attempt has failed and no address is left.
    Failed(Cause),
}

/// Whether a link lets the targets after it be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldsBack {
    No,
    Until(Instant),
    Yes,
}

/// The connection to one target, and the attempts to make it.
#[derive(Debug)]
pub(crate) struct Link {
    target: TargetProfile,
    keepalive: Option<KeepaliveTimes>,
    recovery: Recovery,
    failback_spread: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Down {
        retry_at: Option<Instant>,
        /// The server has just closed a good connection, as it does when it restarts: it is probably back soon.
        hopeful: bool,
    },
    Locating {
        search: Search,
        since: Instant,
    },
    Connecting {
        search: Search,
        token: ConnectToken,
        since: Instant,
        deadline: Instant,
    },
    Up(Box<Established>),
}

/// Not asked to do anything.
const DOWN: State = State::Down {
    retry_at: None,
    hopeful: false,
};

#[derive(Debug)]
struct Established {
    flow: Flow,
    search: Search,
    since: Instant,
    /// The part of the fail-back spread that is this device's.
    spread: Duration,
    /// When the last message or pong came.
    heard_at: Instant,
    /// A registrar has accepted a registration over this flow.
    served: bool,
    /// It has confirmed that it keeps several flows of one device (RFC 5626 section 6).
    keeps_flows: bool,
    /// Where the last accepted registration came from, as the server saw it.
    registered_at: Option<SocketAddr>,
    keepalive: Option<Keepalive>,
    stream: Stream,
}

impl Link {
    pub(crate) fn new(target: TargetProfile, times: &UplinkTimes) -> Self {
        Self {
            target,
            keepalive: times.keepalive,
            recovery: Recovery::new(times.recovery),
            failback_spread: times.failback_spread,
            state: DOWN,
        }
    }

    pub(crate) fn target(&self) -> &TargetProfile {
        &self.target
    }

    pub(crate) fn flow(&self) -> Option<Flow> {
        match &self.state {
            State::Up(established) => Some(established.flow),
            State::Down { .. } | State::Locating { .. } | State::Connecting { .. } => None,
        }
    }

    /// From when on the time counts after which the device moves back to this target: when the flow was made, and its part of the
    /// spread.
    pub(crate) fn moves_back_from(&self) -> Option<Instant> {
        match &self.state {
            State::Up(established) => Some(established.since + established.spread),
            State::Down { .. } | State::Locating { .. } | State::Connecting { .. } => None,
        }
    }

    /// Puts the move back to this target off.
    pub(crate) fn put_off_move_back(&mut self, by: Duration) {
        if let State::Up(established) = &mut self.state {
            established.spread += by;
        }
    }

    /// When the attempt under way began.
    pub(crate) fn trying_since(&self) -> Option<Instant> {
        match self.state {
            State::Locating { since, .. } | State::Connecting { since, .. } => Some(since),
            State::Down { .. } | State::Up(_) => None,
        }
    }

    /// When the next attempt begins, if this link waits for one.
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        match self.state {
            State::Down { retry_at, .. } => retry_at,
            State::Locating { .. } | State::Connecting { .. } | State::Up(_) => None,
        }
    }

    /// Says whether the targets after this one must wait for it.
    pub(crate) fn holds_others_back(&self, head_start: Duration) -> HoldsBack {
        match self.state {
            State::Up(_) | State::Down { retry_at: None, .. } => HoldsBack::Yes,
            State::Locating { since, .. } | State::Connecting { since, .. } => {
                HoldsBack::Until(since + head_start)
            }
            State::Down {
                retry_at: Some(at),
                hopeful: true,
            } => HoldsBack::Until(at + head_start),
            State::Down { hopeful: false, .. } => HoldsBack::No,
        }
    }

    /// When anything was last heard over the flow.
    pub(crate) fn heard_at(&self) -> Option<Instant> {
        match &self.state {
            State::Up(established) => Some(established.heard_at),
            State::Down { .. } | State::Locating { .. } | State::Connecting { .. } => None,
        }
    }

    /// Begins an attempt, unless one is under way or has succeeded.
    pub(crate) fn start(&mut self, context: &mut Context<'_>) -> Option<LinkChange> {
        if !matches!(self.state, State::Down { .. }) {
            return None;
        }
        let mut seed = [0; 32];
        context.rng.fill_bytes(&mut seed);
        let search = Search::new(&self.target, seed);
        self.proceed(search, context.now, None, context)
    }

    /// Gives the link up; it does not try again by itself.
    pub(crate) fn stop(&mut self, context: &mut Context<'_>) {
        match &self.state {
            State::Connecting { token, .. } => context.effects.abandon(*token),
            State::Up(established) => {
                established.abandon_stream(context.effects);
                context.effects.disconnect(established.flow);
            }
            State::Down { .. } | State::Locating { .. } => {}
        }
        self.state = DOWN;
    }

    pub(crate) fn handle_answer(
        &mut self,
        query: &Query,
        answer: &Answer,
        context: &mut Context<'_>,
    ) -> Option<LinkChange> {
        match self.take() {
            State::Locating { mut search, since } => {
                search.handle_answer(query, answer.clone(), context.effects);
                self.proceed(search, since, None, context)
            }
            State::Connecting {
                mut search,
                token,
                since,
                deadline,
            } => {
                search.handle_answer(query, answer.clone(), context.effects);
                self.state = State::Connecting {
                    search,
                    token,
                    since,
                    deadline,
                };
                None
            }
            State::Up(mut established) => {
                established
                    .search
                    .handle_answer(query, answer.clone(), context.effects);
                self.state = State::Up(established);
                None
            }
            down @ State::Down { .. } => {
                self.state = down;
                None
            }
        }
    }

    pub(crate) fn handle_connected(
        &mut self,
        token: ConnectToken,
        flow: Flow,
        context: &mut Context<'_>,
    ) -> Option<LinkChange> {
        match self.take() {
            State::Connecting {
                search,
                token: expected,
                ..
            } if token == expected => {
                let keepalive = self.new_keepalive(context);
                self.state = State::Up(Box::new(Established {
                    flow,
                    search,
                    since: context.now,
                    spread: jitter::between(context.rng, Duration::ZERO, self.failback_spread),
                    heard_at: context.now,
                    served: false,
                    keeps_flows: false,
                    registered_at: None,
                    keepalive,
                    stream: Stream::Unneeded,
                }));
                Some(LinkChange::Up(flow))
            }
            State::Up(established) if established.awaits(token) => {
                self.state = State::Up(established);
                self.stream_connected(flow, context)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    pub(crate) fn handle_connect_failed(
        &mut self,
        token: ConnectToken,
        cause: &Cause,
        context: &mut Context<'_>,
    ) -> Option<LinkChange> {
        match self.take() {
            State::Connecting {
                search,
                token: expected,
                since,
                ..
            } if token == expected => self.proceed(search, since, Some(cause.clone()), context),
            State::Up(established) if established.awaits(token) => {
                self.state = State::Up(established);
                self.stream_refused()
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    pub(crate) fn handle_closed(
        &mut self,
        connection: ConnectionId,
        context: &mut Context<'_>,
    ) -> Option<LinkChange> {
        match &self.state {
            State::Up(established) if established.flow.connection == connection => {
                Some(self.lose(Cause::ConnectionClosed, context))
            }
            State::Up(_) | State::Down { .. } | State::Locating { .. } | State::Connecting { .. } => None,
        }
    }

    /// Closes a flow that is up but does not serve, and tries the target's next address, if it has one.
    pub(crate) fn give_up_flow(
        &mut self,
        cause: Cause,
        retry_after: Option<Duration>,
        context: &mut Context<'_>,
    ) -> Option<LinkChange> {
        let State::Up(established) = self.take() else {
            return None;
        };
        established.abandon_stream(context.effects);
        context.effects.disconnect(established.flow);
        let lost = LinkChange::Lost {
            flow: established.flow,
            cause: cause.clone(),
        };
        self.proceed(established.search, context.now, Some(cause), context);
        if let (
            State::Down {
                retry_at: Some(retry_at),
                ..
            },
            Some(wait),
        ) = (&mut self.state, retry_after)
        {
            *retry_at = (*retry_at).max(context.now + wait);
        }
        Some(lost)
    }

    /// Says whether the target has an address that has not been tried.
    pub(crate) fn has_another_address(&mut self) -> bool {
        match &mut self.state {
            State::Up(established) => established.search.has_more(),
            State::Down { .. } | State::Locating { .. } | State::Connecting { .. } => false,
        }
    }

    /// Notes that the registrar accepted, with the keep-alive interval it asked for.
    pub(crate) fn handle_served(&mut self, flow_timer: Option<Duration>, context: &mut Context<'_>) {
        self.recovery.succeeded();
        if let State::Up(established) = &mut self.state {
            established.served = true;
            if let Some(flow_timer) = flow_timer {
                match &mut established.keepalive {
                    Some(keepalive) => keepalive.follow(context.now, flow_timer, context.rng),
                    none => *none = Some(Keepalive::asked_for(context.now, flow_timer, context.rng)),
                }
            }
        }
    }

    /// Notes whether the registrar keeps several flows of one device.
    pub(crate) fn handle_keeps_flows(&mut self, keeps_flows: bool) {
        if let State::Up(established) = &mut self.state {
            established.keeps_flows = keeps_flows;
            if let Some(keepalive) = established.keepalive.as_mut().filter(|_| keeps_flows) {
                keepalive.expect_answers();
            }
        }
    }

    /// Says whether the registrar behind the flow keeps several flows of one device.
    pub(crate) fn keeps_flows(&self) -> bool {
        matches!(&self.state, State::Up(established) if established.keeps_flows)
    }

    /// Has the flow pinged at these times from here on, in the place of its usual ones.
    pub(crate) fn pace(&mut self, times: Option<KeepaliveTimes>, context: &mut Context<'_>) {
        let usual = self.keepalive;
        if let State::Up(established) = &mut self.state
            && let (Some(keepalive), Some(times)) = (&mut established.keepalive, times.or(usual))
        {
            keepalive.pace(context.now, times, context.rng);
        }
    }

    /// Notes where an accepted registration came from, as the server saw it.
    pub(crate) fn handle_registered_at(&mut self, seen_at: Option<SocketAddr>) {
        if let State::Up(established) = &mut self.state {
            established.registered_at = seen_at;
        }
    }

    /// Says whether the server sees the flow come from elsewhere than the last accepted registration.
    pub(crate) fn has_moved(&self, seen_at: Option<SocketAddr>) -> bool {
        match &self.state {
            State::Up(established) => {
                seen_at.is_some()
                    && established
                        .registered_at
                        .is_some_and(|known| Some(known) != seen_at)
            }
            State::Down { .. } | State::Locating { .. } | State::Connecting { .. } => false,
        }
    }

    /// Notes that something came over the flow.
    pub(crate) fn handle_heard(&mut self, now: Instant) {
        if let State::Up(established) = &mut self.state {
            established.heard_at = now;
        }
    }

    /// Notes the answer to a keep-alive.
    pub(crate) fn handle_keepalive_answer(&mut self, now: Instant) {
        self.handle_heard(now);
        if let State::Up(established) = &mut self.state
            && let Some(keepalive) = &mut established.keepalive
        {
            keepalive.handle_answer();
        }
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) -> Option<LinkChange> {
        let now = context.now;
        match self.take() {
            State::Locating { since, .. } if since + LOCATE_TIME <= now => {
                let cause = Cause::DnsFailed {
                    name: self.target.host.clone(),
                };
                Some(self.exhausted(cause, context))
            }
            State::Connecting {
                search,
                token,
                since,
                deadline,
            } if deadline <= now => {
                context.effects.abandon(token);
                self.proceed(search, since, Some(Cause::TcpTimeout), context)
            }
            State::Up(established) => {
                let is_too_late = established
                    .stream_deadline()
                    .is_some_and(|deadline| deadline <= now);
                if is_too_late {
                    established.abandon_stream(context.effects);
                }
                self.state = State::Up(established);
                if is_too_late {
                    return self.stream_refused();
                }
                self.keep_alive(context)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// When [`Link::handle_timeout`] has something to do. Retries are the business of the order of links.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Down { .. } => None,
            State::Locating { since, .. } => Some(*since + LOCATE_TIME),
            State::Connecting { deadline, .. } => Some(*deadline),
            State::Up(established) => {
                let keepalive = established.keepalive.as_ref().map(Keepalive::next_timeout);
                keepalive.into_iter().chain(established.stream_deadline()).min()
            }
        }
    }

    fn new_keepalive(&self, context: &mut Context<'_>) -> Option<Keepalive> {
        self.keepalive
            .map(|times| Keepalive::new(context.now, times, context.rng))
    }

    fn keep_alive(&mut self, context: &mut Context<'_>) -> Option<LinkChange> {
        let State::Up(established) = &mut self.state else {
            return None;
        };
        match established
            .keepalive
            .as_mut()?
            .handle_timeout(context.now, context.rng)
        {
            Due::Nothing => None,
            Due::Ping if established.flow.transport == Transport::Udp => {
                context.effects.ask_options(established.flow);
                None
            }
            Due::Ping => {
                context.effects.ping(established.flow);
                None
            }
            Due::Lost => {
                context.effects.disconnect(established.flow);
                Some(self.lose(Cause::Timeout, context))
            }
        }
    }

    fn lose(&mut self, cause: Cause, context: &mut Context<'_>) -> LinkChange {
        let State::Up(established) = self.take() else {
            return LinkChange::Failed(cause);
        };
        established.abandon_stream(context.effects);
        let hopeful = established.served && cause == Cause::ConnectionClosed;
        let wait = if established.served {
            jitter::between(context.rng, Duration::ZERO, RECONNECT_SPREAD)
        } else {
            self.recovery.failed(context.rng, context.others_up)
        };
        self.state = State::Down {
            retry_at: Some(context.now + wait),
            hopeful,
        };
        LinkChange::Lost {
            flow: established.flow,
            cause,
        }
    }

    fn proceed(
        &mut self,
        mut search: Search,
        since: Instant,
        failure: Option<Cause>,
        context: &mut Context<'_>,
    ) -> Option<LinkChange> {
        match search.step(context.effects) {
            Step::Wait => {
                self.state = State::Locating { search, since };
                None
            }
            Step::Try(target) => {
                let token = context.effects.connect(target);
                let deadline = context.now + CONNECT_TIME;
                self.state = State::Connecting {
                    search,
                    token,
                    since,
                    deadline,
                };
                None
            }
            Step::Exhausted(cause) => {
                let cause = failure.or(cause).unwrap_or(Cause::ConnectionClosed);
                Some(self.exhausted(cause, context))
            }
        }
    }

    fn exhausted(&mut self, cause: Cause, context: &mut Context<'_>) -> LinkChange {
        let wait = self.recovery.failed(context.rng, context.others_up);
        self.state = State::Down {
            retry_at: Some(context.now + wait),
            hopeful: false,
        };
        LinkChange::Failed(cause)
    }

    fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, DOWN)
    }
}
