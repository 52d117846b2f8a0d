//! Non-INVITE client transaction (RFC 3261 17.1.2, Figure 6).
//!
//! ```text
//!              Timer E: send again, E doubles up to T2
//!                +--+
//!                |  v
//! request ---> Trying ---- 1xx ----> Proceeding --+ 1xx up; Timer E: send again, E = T2
//!               |   \                  |   |   ^--+
//!       Timer F |    +--- 200-699 -----+   | Timer F or no flow
//!    or no flow |             v            |
//!               |         Completed        |
//!               v             v Timer K    |
//!           Terminated <------+------------+
//! ```

use std::time::{Duration, Instant};

use super::{Class, Effect, Effects, Running, Timer, Timers};

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Any response.
    Trying {
        /// Interval after which Timer E fires next.
        interval: Duration,
    },
    /// A final response; one provisional has arrived.
    Proceeding,
    /// The end of the retransmissions of the final response.
    Completed,
    /// Nothing: the transaction is to be dropped.
    Terminated,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Response(Class),
    Timer(Timer),
    /// The request could not be sent, or the connection is gone.
    FlowFailed,
}

#[derive(Debug, Clone)]
pub(crate) struct ClientNonInvite {
    state: State,
    reliable: bool,
    running: Running,
}

impl ClientNonInvite {
    /// Starts the machine; its user sends the request at once.
    pub(crate) fn start(reliable: bool, now: Instant, timers: &Timers) -> Self {
        let mut machine = Self {
            state: State::Trying { interval: timers.t1 },
            reliable,
            running: Running::default(),
        };
        for timer in [Timer::E, Timer::F] {
            if let Some(interval) = timers.first(timer, reliable) {
                machine.running.set(timer, now + interval);
            }
        }
        machine
    }

    pub(crate) fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
        match self.state {
            State::Trying { interval } => match input {
                Input::Response(Class::Provisional) => {
                    self.state = State::Proceeding;
                    Effects::from_slice(&[Effect::Deliver])
                }
                Input::Timer(Timer::E) => {
                    let interval = timers.doubled(interval);
                    self.state = State::Trying { interval };
                    self.running.set(Timer::E, now + interval);
                    Effects::from_slice(&[Effect::Send])
                }
                Input::Response(_) | Input::Timer(_) | Input::FlowFailed => self.conclude(input, now, timers),
            },
            State::Proceeding => match input {
                Input::Response(Class::Provisional) => Effects::from_slice(&[Effect::Deliver]),
                Input::Timer(Timer::E) => {
                    self.running.set(Timer::E, now + timers.t2);
                    Effects::from_slice(&[Effect::Send])
                }
                Input::Response(_) | Input::Timer(_) | Input::FlowFailed => self.conclude(input, now, timers),
            },
            State::Completed => {
                if input == Input::Timer(Timer::K) {
                    self.state = State::Terminated;
                }
                Effects::new()
            }
            State::Terminated => Effects::new(),
        }
    }

    pub(crate) fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.running.next()
    }

    /// Whether a final response has arrived, so that the request itself is not needed any more.
    pub(crate) fn has_final_response(&self) -> bool {
        !matches!(self.state, State::Trying { .. } | State::Proceeding)
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// What ends the wait, in Trying and Proceeding alike.
    fn conclude(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
        match input {
            Input::Response(_) => {
                self.running.stop_all();
                self.state = match timers.first(Timer::K, self.reliable) {
                    Some(interval) => {
                        self.running.set(Timer::K, now + interval);
                        State::Completed
                    }
                    None => State::Terminated,
                };
                Effects::from_slice(&[Effect::Deliver])
            }
            Input::Timer(Timer::F) => self.terminate(Effect::TimedOut),
            Input::FlowFailed => self.terminate(Effect::FlowFailed),
            Input::Timer(_) => Effects::new(),
        }
    }

    fn terminate(&mut self, effect: Effect) -> Effects {
        self.running.stop_all();
        self.state = State::Terminated;
        Effects::from_slice(&[effect])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::transition_table::{Machine, check};

    impl Machine for ClientNonInvite {
        type Input = Input;

        fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
            ClientNonInvite::step(self, input, now, timers)
        }

        fn state(&self) -> String {
            match self.state {
                State::Trying { .. } => "Trying".to_owned(),
                state => format!("{state:?}"),
            }
        }

        fn timer(input: Input) -> Option<Timer> {
            match input {
                Input::Timer(timer) => Some(timer),
                _ => None,
            }
        }

        fn ticking(&mut self) -> &mut Running {
            &mut self.running
        }
    }

    const INPUTS: [Input; 7] = [
        Input::Response(Class::Provisional),
        Input::Response(Class::Success),
        Input::Response(Class::Failure),
        Input::Timer(Timer::E),
        Input::Timer(Timer::F),
        Input::Timer(Timer::K),
        Input::FlowFailed,
    ];

    #[test]
    fn transitions_are_those_of_the_table() {
        check(
            "client_non_invite",
            include_str!("tables/client_non_invite.txt"),
            ClientNonInvite::start,
            &[
                ("Trying", &[]),
                ("Proceeding", &[Input::Response(Class::Provisional)]),
                ("Completed", &[Input::Response(Class::Success)]),
            ],
            &INPUTS,
        );
    }

    #[test]
    fn timer_e_doubles_up_to_t2_until_timer_f_ends_the_attempt() {
        let timers = Timers::default();
        let start = Instant::now();
        let mut machine = ClientNonInvite::start(false, start, &timers);
        let mut sent_at = Vec::new();

        while let Some(at) = machine.next_timeout() {
            let timer = machine
                .running()
                .take_due(at)
                .expect("a timer is due at its own time");
            for effect in machine.step(Input::Timer(timer), at, &timers) {
                sent_at.push((effect, at.duration_since(start).as_millis()));
            }
        }

        let at: Vec<u128> = sent_at.iter().map(|(_, at)| *at).collect();
        assert_eq!(
            at,
            [
                500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000
            ]
        );
        assert_eq!(sent_at.last(), Some(&(Effect::TimedOut, 32_000)));
    }
}
