//! INVITE server transaction (RFC 3261 17.2.1 as amended by RFC 6026 8.5-8.7, Figure 7).
//!
//! ```text
//!            INVITE: send the last response; Trying100: send 100; 101-199: send
//!              +--+
//!              |  v
//! INVITE --> Proceeding ------------- 2xx: send -------------> Accepted --+ INVITE: nothing
//!               |                                                 |    ^--+ ACK: up; 2xx: send
//!               | 300-699: send                                   |
//!               v                                                 |
//!            Completed --+ INVITE, Timer G: send                  |
//!             |    |  ^--+                                        |
//!     Timer H |    | ACK                                          |
//!             |    v                                              |
//!             |  Confirmed --+ ACK: nothing                       |
//!             |    |      ^--+                                    |
//!             v    v Timer I                                      v Timer L
//!          Terminated <-------------------------------------------+
//! ```
//!
//! A response that cannot be sent leaves the state as it is, so that retransmissions stay absorbed
//! (RFC 6026 7.1). The 2xx is retransmitted by the dialog, not here.

use std::time::{Duration, Instant};

use super::{Class, Effect, Effects, Running, Timer, Timers};

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A final response from its user.
    Proceeding,
    /// The ACK for a 300-699 response.
    Completed {
        /// Interval after which Timer G fires next.
        interval: Duration,
    },
    /// The end of the retransmissions of that ACK.
    Confirmed,
    /// The end of the retransmissions of an INVITE that was answered 2xx.
    Accepted,
    /// Nothing: the transaction is to be dropped.
    Terminated,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The INVITE arrived again.
    Request,
    /// An ACK that matches this transaction arrived.
    Ack,
    /// The user gives a response.
    Respond(Class),
    Timer(Timer),
}

#[derive(Debug, Clone)]
pub(crate) struct ServerInvite {
    state: State,
    reliable: bool,
    running: Running,
}

impl ServerInvite {
    /// Starts the machine; the INVITE has been given to its user.
    pub(crate) fn start(reliable: bool, now: Instant, timers: &Timers) -> Self {
        let mut machine = Self {
            state: State::Proceeding,
            reliable,
            running: Running::default(),
        };
        machine.set(Timer::Trying100, now, timers);
        machine
    }

    pub(crate) fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
        match self.state {
            State::Proceeding => self.proceeding(input, now, timers),
            State::Completed { interval } => self.completed(interval, input, now, timers),
            State::Confirmed => {
                if input == Input::Timer(Timer::I) {
                    self.state = State::Terminated;
                }
                Effects::new()
            }
            State::Accepted => self.accepted(input),
            State::Terminated => Effects::new(),
        }
    }

    pub(crate) fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.running.next()
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether the user still owes a final response.
    pub(crate) fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    fn proceeding(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
        match input {
            Input::Request => Effects::from_slice(&[Effect::Send]),
            Input::Timer(Timer::Trying100) => Effects::from_slice(&[Effect::SendTrying]),
            Input::Respond(class) => {
                self.running.stop_all();
                match class {
                    Class::Provisional => {}
                    Class::Success => {
                        self.state = State::Accepted;
                        self.set(Timer::L, now, timers);
                    }
                    Class::Failure => {
                        self.state = State::Completed { interval: timers.t1 };
                        self.set(Timer::G, now, timers);
                        self.set(Timer::H, now, timers);
                    }
                }
                Effects::from_slice(&[Effect::Send])
            }
            Input::Ack | Input::Timer(_) => Effects::new(),
        }
    }

    fn completed(&mut self, interval: Duration, input: Input, now: Instant, timers: &Timers) -> Effects {
        match input {
            Input::Request => Effects::from_slice(&[Effect::Send]),
            Input::Timer(Timer::G) => {
                let interval = timers.doubled(interval);
                self.state = State::Completed { interval };
                self.running.set(Timer::G, now + interval);
                Effects::from_slice(&[Effect::Send])
            }
            Input::Ack => {
                self.running.stop_all();
                self.state = State::Confirmed;
                self.set(Timer::I, now, timers);
                Effects::new()
            }
            Input::Timer(Timer::H) => {
                self.running.stop_all();
                self.state = State::Terminated;
                Effects::new()
            }
            Input::Respond(_) | Input::Timer(_) => Effects::new(),
        }
    }

    fn accepted(&mut self, input: Input) -> Effects {
        match input {
            Input::Ack => Effects::from_slice(&[Effect::Deliver]),
            Input::Respond(Class::Success) => Effects::from_slice(&[Effect::Send]),
            Input::Timer(Timer::L) => {
                self.state = State::Terminated;
                Effects::new()
            }
            Input::Request | Input::Respond(_) | Input::Timer(_) => Effects::new(),
        }
    }

    /// Starts `timer`; where the transport does not need one that only absorbs, the machine ends at once.
    fn set(&mut self, timer: Timer, now: Instant, timers: &Timers) {
        match timers.first(timer, self.reliable) {
            Some(interval) => self.running.set(timer, now + interval),
            None if timer == Timer::I => self.state = State::Terminated,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::transition_table::{Machine, check};

    impl Machine for ServerInvite {
        type Input = Input;

        fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
            ServerInvite::step(self, input, now, timers)
        }

        fn state(&self) -> String {
            match self.state {
                State::Completed { .. } => "Completed".to_owned(),
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

    const INPUTS: [Input; 10] = [
        Input::Request,
        Input::Ack,
        Input::Respond(Class::Provisional),
        Input::Respond(Class::Success),
        Input::Respond(Class::Failure),
        Input::Timer(Timer::Trying100),
        Input::Timer(Timer::G),
        Input::Timer(Timer::H),
        Input::Timer(Timer::I),
        Input::Timer(Timer::L),
    ];

    #[test]
    fn transitions_are_those_of_the_table() {
        check(
            "server_invite",
            include_str!("tables/server_invite.txt"),
            ServerInvite::start,
            &[
                ("Proceeding", &[]),
                ("Completed", &[Input::Respond(Class::Failure)]),
                ("Confirmed", &[Input::Respond(Class::Failure), Input::Ack]),
                ("Accepted", &[Input::Respond(Class::Success)]),
            ],
            &INPUTS,
        );
    }
}
