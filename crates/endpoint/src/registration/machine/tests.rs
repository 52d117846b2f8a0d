//! The transition table of a registration, and its times.

use std::fmt::Write;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::flow::{ConnectionId, Transport};

use super::*;

const GRANTED: Duration = Duration::from_secs(600);

/// Everything that can happen to a registration.
const INPUTS: [&str; 10] = [
    "flow up",
    "other flow up",
    "flow lost",
    "accepted",
    "too brief",
    "refused",
    "unavailable",
    "silent",
    "time",
    "unregister",
];

#[test]
fn the_transition_table_is_as_drawn() {
    let mut table = String::new();
    for (name, arrange) in states() {
        for input in INPUTS {
            let mut bench = Bench::new();
            arrange(&mut bench);
            bench.input(input);
            writeln!(table, "{name:13} {input:13} -> {}", bench.state()).unwrap();
        }
    }

    let drawn = include_str!("transitions.txt");
    assert_eq!(table, drawn, "\n{table}");
}

#[test]
fn a_flow_that_comes_up_beside_the_registered_one_does_not_unbind_the_slot() {
    let mut bench = Bench::new();
    bench.input("flow up");
    bench.input("accepted");

    bench.input("other flow up");

    assert!(bench.registration.is_bound_to(bench.now, flow(1)));
    bench.input("accepted");
    assert!(bench.registration.is_bound_to(bench.now, flow(2)));
    assert!(!bench.registration.is_bound_to(bench.now, flow(1)));
}

#[test]
fn a_failed_attempt_over_another_flow_leaves_the_registered_one_without_trouble() {
    let mut bench = Bench::new();
    bench.input("flow up");
    bench.input("accepted");
    bench.input("other flow up");

    bench.input("unavailable");

    assert!(bench.registration.is_bound_to(bench.now, flow(1)));
    assert_eq!(bench.registration.trouble(), None);
}

#[test]
fn an_outcome_of_an_attempt_that_was_given_up_is_ignored() {
    let mut bench = Bench::new();
    bench.input("flow up");
    let given_up = bench.attempt;
    bench.input("other flow up");

    let outcome = Outcome::Accepted {
        expires: GRANTED,
        sets_priority: false,
        seen_at: None,
    };
    bench
        .registration
        .handle_outcome(bench.now, given_up, outcome, &mut bench.rng);

    assert_eq!(bench.state(), "Registering");
}

#[test]
fn a_binding_that_is_not_refreshed_in_time_is_forgotten() {
    let mut bench = Bench::new();
    bench.input("flow up");
    bench.input("accepted");
    bench.input("time");
    bench.now += GRANTED;

    bench.registration.handle_timeout(bench.now);

    assert!(!bench.registration.is_bound_to(bench.now, flow(1)));
}

#[test]
fn a_datagram_flow_that_was_given_up_brings_calls_until_its_binding_runs_out() {
    let mut bench = Bench::new();
    let given_up = datagram_flow();
    bench.grant_over(given_up);
    let end = bench.registration.binding().expect("it is granted").expires_at;

    bench.registration.handle_flow_lost(given_up, &Cause::Timeout);

    let last = end - Duration::from_millis(1);
    assert_eq!(bench.state(), "Idle");
    assert!(!bench.registration.is_bound_to(last, given_up));
    assert!(bench.registration.is_called_over(last, given_up));
    assert!(bench.registration.sets_priority(last, given_up));
    assert!(!bench.registration.is_called_over(last, flow(1)));
    assert!(!bench.registration.is_called_over(end, given_up));
}

#[test]
fn a_datagram_flow_that_was_given_up_brings_no_calls_once_another_one_is_registered() {
    let mut bench = Bench::new();
    bench.grant_over(datagram_flow());
    bench
        .registration
        .handle_flow_lost(datagram_flow(), &Cause::Timeout);

    bench.grant_over(flow(2));

    assert!(!bench.registration.is_called_over(bench.now, datagram_flow()));
    assert!(bench.registration.is_called_over(bench.now, flow(2)));
}

#[test]
fn a_connection_that_is_lost_brings_no_calls() {
    let mut bench = Bench::new();
    bench.grant_over(flow(1));

    bench.input("flow lost");

    assert!(!bench.registration.is_called_over(bench.now, flow(1)));
}

/// How to bring a registration into a state.
type Arrange = fn(&mut Bench);

/// Each state, with how to get there.
fn states() -> [(&'static str, Arrange); 6] {
    [
        ("Idle", |_| {}),
        ("Registering", |bench| bench.input("flow up")),
        ("Registered", |bench| {
            bench.input("flow up");
            bench.input("accepted");
        }),
        ("Waiting", |bench| {
            bench.input("flow up");
            bench.input("refused");
        }),
        ("Unregistering", |bench| {
            bench.input("flow up");
            bench.input("accepted");
            bench.input("unregister");
        }),
        ("Off", |bench| bench.input("unregister")),
    ]
}

struct Bench {
    now: Instant,
    registration: Registration,
    attempt: u64,
    rng: ChaCha20Rng,
}

impl Bench {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            registration: Registration::new(RegistrationTimes {
                expires: GRANTED,
                ..RegistrationTimes::default()
            }),
            attempt: 0,
            rng: ChaCha20Rng::from_seed([5; 32]),
        }
    }

    fn input(&mut self, input: &str) {
        let sent = match input {
            "flow up" => self.registration.handle_flow_up(self.now, flow(1)),
            "other flow up" => self.registration.handle_flow_up(self.now, flow(2)),
            "flow lost" => {
                self.registration
                    .handle_flow_lost(flow(1), &Cause::ConnectionClosed);
                None
            }
            "accepted" => self.outcome(Outcome::Accepted {
                expires: GRANTED,
                sets_priority: false,
                seen_at: None,
            }),
            "too brief" => self.outcome(Outcome::TooBrief { min: GRANTED * 2 }),
            "refused" => self.outcome(Outcome::Refused {
                cause: Cause::Forbidden,
            }),
            "unavailable" => {
                let cause = Cause::ServerFailure { status: 503 };
                self.outcome(Outcome::Unavailable {
                    cause,
                    retry_after: None,
                })
            }
            "silent" => self.outcome(Outcome::Silent),
            "time" => {
                self.now = self.registration.next_timeout().unwrap_or(self.now);
                self.registration.handle_timeout(self.now)
            }
            "unregister" => self.registration.unregister(self.now),
            other => panic!("{other} is no input"),
        };
        if let Some(register) = sent {
            self.attempt = register.attempt;
        }
    }

    /// Registers over a flow, with a server that sets Priority.
    fn grant_over(&mut self, flow: Flow) {
        let register = self.registration.handle_flow_up(self.now, flow);
        self.attempt = register.expect("a registration is sent").attempt;
        self.outcome(Outcome::Accepted {
            expires: GRANTED,
            sets_priority: true,
            seen_at: None,
        });
    }

    fn outcome(&mut self, outcome: Outcome) -> Option<Register> {
        match self
            .registration
            .handle_outcome(self.now, self.attempt, outcome, &mut self.rng)
        {
            Judgement::Again(register) => Some(register),
            Judgement::Settled
            | Judgement::Served
            | Judgement::Unserved { .. }
            | Judgement::TooLarge
            | Judgement::Silent { .. } => None,
        }
    }

    fn state(&self) -> &'static str {
        match self.registration.state {
            State::Idle => "Idle",
            State::Registering(_) => "Registering",
            State::Registered => "Registered",
            State::Waiting { .. } => "Waiting",
            State::Unregistering { .. } => "Unregistering",
            State::Off => "Off",
        }
    }
}

fn flow(connection: u64) -> Flow {
    Flow {
        transport: Transport::Tls,
        local: "198.51.100.7:40000".parse().unwrap(),
        remote: "192.0.2.10:5061".parse().unwrap(),
        connection: ConnectionId(connection),
    }
}

fn datagram_flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        ..flow(1_000)
    }
}
