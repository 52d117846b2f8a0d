//! Non-INVITE server transaction (RFC 3261 17.2.2, Figure 8, as amended by RFC 4320).
//!
//! ```text
//! request --> Trying --- Late100: send 100 ---> Proceeding --+ request: send the 100
//!              |  |                               |  |    ^--+
//!              |  +-------- 200-699: send --------+  |
//!              |                 v                   |
//!      Abandon |             Completed --+ request: send the response
//!              |                 |    ^--+           |
//!              |                 v Timer J           | Abandon
//!              +----------> Terminated <-------------+
//! ```
//!
//! The user gives no provisional response, and no 408: RFC 4320 forbids both. A user that does not answer
//! within 64*T1 is not waited for, because the client has given up as well. A response that cannot be sent leaves
//! the state as it is (RFC 6026 8.8).

use std::time::Instant;

use super::{Class, Effect, Effects, Running, Timer, Timers};

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The user's answer; nothing has been sent.
    Trying,
    /// The user's answer; 100 has been sent.
    Proceeding,
    /// The end of the retransmissions of the request.
    Completed,
    /// Nothing: the transaction is to be dropped.
    Terminated,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The request arrived again.
    Request,
    /// The user gives a response.
    Respond(Class),
    Timer(Timer),
}

#[derive(Debug, Clone)]
pub(crate) struct ServerNonInvite {
    state: State,
    reliable: bool,
    running: Running,
}

impl ServerNonInvite {
    /// Starts the machine; the request has been given to its user.
    pub(crate) fn start(reliable: bool, now: Instant, timers: &Timers) -> Self {
        let mut machine = Self {
            state: State::Trying,
            reliable,
            running: Running::default(),
        };
        for timer in [Timer::Late100, Timer::Abandon] {
            if let Some(interval) = timers.first(timer, reliable) {
                machine.running.set(timer, now + interval);
            }
        }
        machine
    }

    pub(crate) fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
        match (self.state, input) {
            (State::Trying, Input::Timer(Timer::Late100)) => {
                self.state = State::Proceeding;
                Effects::from_slice(&[Effect::SendTrying])
            }
            (State::Trying | State::Proceeding, Input::Respond(Class::Success | Class::Failure)) => {
                self.running.stop_all();
                self.state = match timers.first(Timer::J, self.reliable) {
                    Some(interval) => {
                        self.running.set(Timer::J, now + interval);
                        State::Completed
                    }
                    None => State::Terminated,
                };
                Effects::from_slice(&[Effect::Send])
            }
            (State::Trying | State::Proceeding, Input::Timer(Timer::Abandon)) => {
                self.running.stop_all();
                self.state = State::Terminated;
                Effects::from_slice(&[Effect::TimedOut])
            }
            (State::Proceeding | State::Completed, Input::Request) => Effects::from_slice(&[Effect::Send]),
            (State::Completed, Input::Timer(Timer::J)) => {
                self.state = State::Terminated;
                Effects::new()
            }
            (State::Trying, Input::Request)
            | (
                State::Trying | State::Proceeding | State::Completed | State::Terminated,
                Input::Respond(_) | Input::Timer(_),
            )
            | (State::Terminated, Input::Request) => Effects::new(),
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
        matches!(self.state, State::Trying | State::Proceeding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::transition_table::{Machine, check};

    impl Machine for ServerNonInvite {
        type Input = Input;

        fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
            ServerNonInvite::step(self, input, now, timers)
        }

        fn state(&self) -> String {
            format!("{:?}", self.state)
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
        Input::Request,
        Input::Respond(Class::Provisional),
        Input::Respond(Class::Success),
        Input::Respond(Class::Failure),
        Input::Timer(Timer::Late100),
        Input::Timer(Timer::J),
        Input::Timer(Timer::Abandon),
    ];

    #[test]
    fn transitions_are_those_of_the_table() {
        check(
            "server_non_invite",
            include_str!("tables/server_non_invite.txt"),
            ServerNonInvite::start,
            &[
                ("Trying", &[]),
                ("Proceeding", &[Input::Timer(Timer::Late100)]),
                ("Completed", &[Input::Respond(Class::Success)]),
            ],
            &INPUTS,
        );
    }
}
