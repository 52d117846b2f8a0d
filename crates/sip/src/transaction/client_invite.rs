//! INVITE client transaction (RFC 3261 17.1.1 as amended by RFC 6026 8.4, Figure 5).
//!
//! ```text
//!            Timer A: send again, A doubles
//!              +--+
//!              |  v
//! INVITE --> Calling ---- 1xx ----> Proceeding --+ 1xx up
//!             |  |  \                 |   |   ^--+
//!     Timer B |  |   +---- 2xx -------|---+--> Accepted --+ 2xx up
//!  or no flow |  |                    |           |    ^--+
//!             |  +-- 300-699: ACK ----+           | Timer M
//!             |                 |                 |
//!             |                 v                 |
//!             |             Completed --+ 300-699 |
//!             |                 |    ^--+ ACK     |
//!             v                 v Timer D         v
//!          Terminated <---------+-----------------+
//! ```
//!
//! The ACK for a 2xx is not sent here: it belongs to the dialog. A user that withdraws its request while in Calling stops
//! Timer A; all else stays as it is.

use std::time::{Duration, Instant};

use super::{Class, Effect, Effects, Running, Timer, Timers};

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Any response; the request is sent again on unreliable transports.
    Calling {
        /// Interval after which Timer A fires next.
        interval: Duration,
    },
    /// A final response; one provisional has arrived.
    Proceeding,
    /// Retransmissions of the 300-699 response, each to be acknowledged.
    Completed,
    /// Retransmissions of the 2xx and 2xx responses of other branches.
    Accepted,
    /// Nothing: the transaction is to be dropped.
    Terminated,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Response(Class),
    Timer(Timer),
    /// The request or ACK could not be sent, or the connection is gone.
    FlowFailed,
    /// The user wants no answer any more: a request that has not arrived yet had better not.
    Withdraw,
    /// The user no longer waits for the final response (RFC 3261 9.1: 64*T1 after a CANCEL).
    GiveUp,
}

#[derive(Debug, Clone)]
pub(crate) struct ClientInvite {
    state: State,
    reliable: bool,
    running: Running,
}

impl ClientInvite {
    /// Starts the machine; its user sends the request at once.
    pub(crate) fn start(reliable: bool, now: Instant, timers: &Timers) -> Self {
        let mut machine = Self {
            state: State::Calling { interval: timers.t1 },
            reliable,
            running: Running::default(),
        };
        machine.set(Timer::A, now, timers);
        machine.set(Timer::B, now, timers);
        machine
    }

    pub(crate) fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
        match self.state {
            State::Calling { interval } => self.calling(interval, input, now, timers),
            State::Proceeding => self.proceeding(input, now, timers),
            State::Completed => self.completed(input),
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

    /// Whether a final response has arrived, so that the request itself is not needed any more.
    pub(crate) fn has_final_response(&self) -> bool {
        !matches!(self.state, State::Calling { .. } | State::Proceeding)
    }

    fn calling(&mut self, interval: Duration, input: Input, now: Instant, timers: &Timers) -> Effects {
        match input {
            Input::Response(Class::Provisional) => {
                self.running.stop_all();
                self.state = State::Proceeding;
                Effects::from_slice(&[Effect::Deliver])
            }
            Input::Response(class) => self.final_response(class, now, timers),
            Input::Timer(Timer::A) => {
                let interval = interval * 2;
                self.state = State::Calling { interval };
                self.running.set(Timer::A, now + interval);
                Effects::from_slice(&[Effect::Send])
            }
            Input::Timer(Timer::B) => self.terminate(Effect::TimedOut),
            Input::FlowFailed => self.terminate(Effect::FlowFailed),
            Input::Withdraw => {
                self.running.stop(Timer::A);
                Effects::new()
            }
            Input::GiveUp => self.terminate(Effect::TimedOut),
            Input::Timer(_) => Effects::new(),
        }
    }

    fn proceeding(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
        match input {
            Input::Response(Class::Provisional) => Effects::from_slice(&[Effect::Deliver]),
            Input::Response(class) => self.final_response(class, now, timers),
            Input::FlowFailed => self.terminate(Effect::FlowFailed),
            Input::GiveUp => self.terminate(Effect::TimedOut),
            Input::Timer(_) | Input::Withdraw => Effects::new(),
        }
    }

    fn final_response(&mut self, class: Class, now: Instant, timers: &Timers) -> Effects {
        self.running.stop_all();
        match class {
            Class::Success => {
                self.state = State::Accepted;
                self.set(Timer::M, now, timers);
                Effects::from_slice(&[Effect::Deliver])
            }
            Class::Provisional | Class::Failure => {
                self.state = State::Completed;
                self.set(Timer::D, now, timers);
                Effects::from_slice(&[Effect::SendAck, Effect::Deliver])
            }
        }
    }

    fn completed(&mut self, input: Input) -> Effects {
        match input {
            Input::Response(Class::Failure) => Effects::from_slice(&[Effect::SendAck]),
            Input::Timer(Timer::D) | Input::FlowFailed => {
                self.running.stop_all();
                self.state = State::Terminated;
                Effects::new()
            }
            Input::Response(Class::Provisional | Class::Success)
            | Input::Timer(_)
            | Input::Withdraw
            | Input::GiveUp => Effects::new(),
        }
    }

    fn accepted(&mut self, input: Input) -> Effects {
        match input {
            Input::Response(Class::Success) => Effects::from_slice(&[Effect::Deliver]),
            Input::Timer(Timer::M) | Input::FlowFailed => {
                self.running.stop_all();
                self.state = State::Terminated;
                Effects::new()
            }
            Input::Response(Class::Provisional | Class::Failure)
            | Input::Timer(_)
            | Input::Withdraw
            | Input::GiveUp => Effects::new(),
        }
    }

    fn terminate(&mut self, effect: Effect) -> Effects {
        self.running.stop_all();
        self.state = State::Terminated;
        Effects::from_slice(&[effect])
    }

    /// Starts `timer`; where the transport does not need one that only absorbs, the machine ends at once.
    fn set(&mut self, timer: Timer, now: Instant, timers: &Timers) {
        match timers.first(timer, self.reliable) {
            Some(interval) => self.running.set(timer, now + interval),
            None if timer == Timer::D => self.state = State::Terminated,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::transition_table::{Machine, check};

    impl Machine for ClientInvite {
        type Input = Input;

        fn step(&mut self, input: Input, now: Instant, timers: &Timers) -> Effects {
            ClientInvite::step(self, input, now, timers)
        }

        fn state(&self) -> String {
            match self.state {
                State::Calling { .. } => "Calling".to_owned(),
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

    const INPUTS: [Input; 9] = [
        Input::Response(Class::Provisional),
        Input::Response(Class::Success),
        Input::Response(Class::Failure),
        Input::Timer(Timer::A),
        Input::Timer(Timer::B),
        Input::Timer(Timer::D),
        Input::Timer(Timer::M),
        Input::FlowFailed,
        Input::Withdraw,
    ];

    #[test]
    fn transitions_are_those_of_the_table() {
        check(
            "client_invite",
            include_str!("tables/client_invite.txt"),
            ClientInvite::start,
            &[
                ("Calling", &[]),
                ("Proceeding", &[Input::Response(Class::Provisional)]),
                ("Completed", &[Input::Response(Class::Failure)]),
                ("Accepted", &[Input::Response(Class::Success)]),
            ],
            &INPUTS,
        );
    }

    #[test]
    fn timer_a_doubles_without_a_cap_until_timer_b_ends_the_attempt() {
        let timers = Timers::default();
        let start = Instant::now();
        let mut machine = ClientInvite::start(false, start, &timers);
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

        assert_eq!(
            sent_at,
            [
                (Effect::Send, 500),
                (Effect::Send, 1500),
                (Effect::Send, 3500),
                (Effect::Send, 7500),
                (Effect::Send, 15_500),
                (Effect::Send, 31_500),
                (Effect::TimedOut, 32_000),
            ]
        );
    }

    #[test]
    fn giving_up_ends_a_call_that_only_rings() {
        let timers = Timers::default();
        let now = Instant::now();
        let mut machine = ClientInvite::start(true, now, &timers);
        machine.step(Input::Response(Class::Provisional), now, &timers);

        let effects = machine.step(Input::GiveUp, now, &timers);

        assert_eq!(effects.as_slice(), [Effect::TimedOut]);
        assert!(machine.is_terminated());
    }
}
