//! Calls over a wire that loses, doubles and delays, with owners who act at random: by seed, in virtual time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::flow::Transport;
use sip::message::{Method, StatusCode};
use sip::user_agent::{Body, Config, EndCause, Event, OutgoingRequest, Reply, ServerId, SessionId};

use crate::wire::{ALICE, BOB, Weather, Wire};

const SEEDS: u64 = 1_000;

/// Calls of one run.
const CALLS: u64 = 3;

/// By then every attempt has been given up: 64*T1 for INVITE, for the ACK, for the BYE, and room.
const SETTLED: Duration = Duration::from_secs(150);

#[test]
fn every_session_stands_on_both_sides_or_on_none_and_nothing_is_left_behind() {
    for seed in 0..SEEDS {
        let mut run = Run::new(seed);
        run.go(SETTLED);
        run.check_agreement();
        run.hang_up_all();
        run.go(SETTLED);
        assert_eq!(run.wire.alive(), 0, "seed {seed}: left behind");
        assert_eq!(
            run.standing(ALICE) + run.standing(BOB),
            0,
            "seed {seed}: no last event"
        );
    }
}

#[test]
fn packets_with_changed_octets_harm_nothing_and_leave_nothing_behind() {
    for seed in 0..SEEDS / 4 {
        let mut run = Run::new(seed);
        run.wire.weather.corruption = 20;
        run.go(SETTLED);
        run.hang_up_all();
        run.go(SETTLED * 2);
        assert_eq!(run.wire.alive(), 0, "seed {seed}: left behind");
    }
}

#[test]
fn one_seed_gives_one_run() {
    let log = |seed| {
        let mut run = Run::new(seed);
        run.go(SETTLED);
        run.wire.log
    };

    assert_eq!(log(42), log(42));
    assert_ne!(log(42), log(43));
}

/// What an owner does when its time has come.
#[derive(Debug, Clone, Copy)]
enum Action {
    Call,
    Ring(SessionId),
    Answer(SessionId),
    Reject(SessionId),
    HangUp(SessionId),
    Ask(SessionId, Method<'static>),
    Respond(ServerId),
}

/// How far a session has come, as its owner knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begun,
    Confirmed,
    Over,
}

struct Run {
    seed: u64,
    wire: Wire,
    random: ChaCha20Rng,
    agenda: BTreeMap<(Instant, u64), (usize, Action)>,
    planned: u64,
    stage_by_session: [BTreeMap<SessionId, Stage>; 2],
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        let transport = if seed.is_multiple_of(4) {
            Transport::Tls
        } else {
            Transport::Udp
        };
        let mut configs = [Config::new("alice/1"), Config::new("bob/1")];
        for config in &mut configs {
            config.methods.push(Method::Update.into());
        }
        let mut wire = Wire::with_configs(transport, seed, configs);
        if transport == Transport::Udp {
            wire.weather = Weather {
                loss: random.next_u32() % 31,
                duplication: random.next_u32() % 21,
                delay: random.next_u32() % 31,
                corruption: 0,
            };
        }
        let mut run = Self {
            seed,
            wire,
            random,
            agenda: BTreeMap::new(),
            planned: 0,
            stage_by_session: [BTreeMap::new(), BTreeMap::new()],
        };
        for _ in 0..CALLS {
            run.plan(ALICE, Action::Call, 3_000);
        }
        run
    }

    /// Acts, delivers and fires until `span` is over.
    fn go(&mut self, span: Duration) {
        let end = self.wire.now + span;
        loop {
            self.wire.pump();
            self.take_events();
            let next = self
                .agenda
                .keys()
                .next()
                .map(|(at, _)| *at)
                .into_iter()
                .chain(self.wire.next_at())
                .min();
            let Some(at) = next.filter(|at| *at <= end) else {
                break;
            };
            self.wire.now = self.wire.now.max(at);
            while let Some(entry) = self
                .agenda
                .first_entry()
                .filter(|entry| entry.key().0 <= self.wire.now)
            {
                let (side, action) = entry.remove();
                self.act(side, action);
            }
            self.wire.step();
        }
        self.wire.now = end;
    }

    fn check_agreement(&self) {
        assert_eq!(
            self.standing(ALICE),
            self.standing(BOB),
            "seed {}: {:?} {:?} {:#?}",
            self.seed,
            self.stage_by_session,
            self.wire.weather,
            self.wire.log
        );
        for side in [ALICE, BOB] {
            let begun = self.stage_by_session[side]
                .values()
                .filter(|stage| **stage == Stage::Begun)
                .count();
            assert_eq!(begun, 0, "seed {}: neither confirmed nor ended", self.seed);
        }
    }

    fn standing(&self, side: usize) -> usize {
        self.stage_by_session[side]
            .values()
            .filter(|stage| **stage != Stage::Over)
            .count()
    }

    fn hang_up_all(&mut self) {
        for side in [ALICE, BOB] {
            let sessions: Vec<SessionId> = self.stage_by_session[side].keys().copied().collect();
            for session in sessions {
                self.act(side, Action::HangUp(session));
            }
        }
    }

    fn plan(&mut self, side: usize, action: Action, within_ms: u32) {
        let delay = Duration::from_millis(u64::from(self.random.next_u32() % within_ms));
        self.planned += 1;
        self.agenda
            .insert((self.wire.now + delay, self.planned), (side, action));
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.next_u32() % 100 < percent
    }

    fn act(&mut self, side: usize, action: Action) {
        let now = self.wire.now;
        let agent = &mut self.wire.sides[side].agent;
        match action {
            Action::Call => {
                let mut request = OutgoingRequest::new(
                    Method::Invite,
                    "sip:bob@192.0.2.2",
                    "<sip:alice@a>",
                    "<sip:bob@b>",
                );
                request.body = Some(Body::sdp("v=0\r\n"));
                let session = agent.invite(now, self.wire.sides[side].flow, request);
                self.stage_by_session[side].insert(session, Stage::Begun);
                if self.chance(40) {
                    self.plan(side, Action::HangUp(session), 4_000);
                }
            }
            Action::Ring(session) => agent.provisional(now, session, Reply::new(StatusCode::RINGING)),
            Action::Answer(session) => {
                agent.answer(
                    now,
                    session,
                    Reply::new(StatusCode::OK).body(Body::sdp("v=0\r\n")),
                );
            }
            Action::Reject(session) => {
                // A reply that comes too late has no effect, and the session has or gets another last event.
                let before = agent.counters().late_replies;
                agent.reject(now, session, Reply::new(StatusCode::BUSY_HERE));
                if agent.counters().late_replies == before {
                    self.over(side, session);
                }
            }
            Action::HangUp(session) => agent.hang_up(now, session, Vec::new(), None),
            Action::Ask(session, method) => {
                agent.request_in_session(now, session, method, Vec::new(), None);
            }
            Action::Respond(transaction) => agent.respond(now, transaction, Reply::new(StatusCode::OK)),
        }
    }

    fn take_events(&mut self) {
        for side in [ALICE, BOB] {
            while let Some(event) = self.wire.sides[side].events.pop_front() {
                self.take_event(side, event);
            }
        }
    }

    fn take_event(&mut self, side: usize, event: Event) {
        match event {
            Event::Invite { session, .. } => {
                self.stage_by_session[side].insert(session, Stage::Begun);
                if self.chance(70) {
                    self.plan(side, Action::Ring(session), 300);
                }
                match self.random.next_u32() % 10 {
                    0 => self.plan(side, Action::Reject(session), 2_000),
                    1 => self.plan(side, Action::HangUp(session), 2_000),
                    _ => self.plan(side, Action::Answer(session), 3_000),
                }
            }
            Event::Answered { session, .. } | Event::Confirmed { session, .. } => {
                self.confirmed(side, session);
            }
            Event::Rejected { session, .. } => self.over(side, session),
            Event::Ended { session, cause } => {
                self.over(side, session);
                if let EndCause::Bye { transaction, .. } = cause
                    && self.chance(80)
                {
                    self.plan(side, Action::Respond(transaction), 1_900);
                }
            }
            Event::SessionRequest { transaction, .. } => self.plan(side, Action::Respond(transaction), 1_000),
            Event::Progress { .. } | Event::Response { .. } | Event::Refreshed { .. } => {}
            Event::Request { transaction, .. } => {
                assert!(
                    self.wire.weather.corruption > 0,
                    "nobody sends requests outside sessions"
                );
                self.plan(side, Action::Respond(transaction), 1_000);
            }
        }
    }

    fn confirmed(&mut self, side: usize, session: SessionId) {
        let stage = self.stage_by_session[side]
            .get_mut(&session)
            .expect("begun before");
        let is_first = *stage == Stage::Begun;
        assert_ne!(*stage, Stage::Over, "seed {}: an event after the last", self.seed);
        *stage = Stage::Confirmed;
        if !is_first {
            return;
        }
        for method in [Method::Info, Method::Invite, Method::Update] {
            if self.chance(25) {
                self.plan(side, Action::Ask(session, method), 3_000);
            }
        }
        if self.chance(30) {
            self.plan(side, Action::HangUp(session), 5_000);
        }
    }

    fn over(&mut self, side: usize, session: SessionId) {
        let stage = self.stage_by_session[side].insert(session, Stage::Over);
        assert!(
            matches!(stage, Some(Stage::Begun | Stage::Confirmed)),
            "seed {}: a second end",
            self.seed
        );
    }
}
