//! The clock that keeps a flow open and notices when it is dead (RFC 5626 section 4.4).
//!
//! ```text
//!   Resting ── interval over: Ping ──▶ ExpectAnswer ── answer ──▶ Resting
//!                                         └── answer time over: Lost (only if this flow ever answered)
//! ```

use std::time::{Duration, Instant};

use rand_core::Rng;

use crate::jitter;

/// Shortest interval taken from a server's Flow-Timer: a zero or one-second timer would be a flood.
const INTERVAL_MIN: Duration = Duration::from_secs(2);
/// Longest interval taken from a server's Flow-Timer: NAT bindings for TCP die after some minutes.
const INTERVAL_MAX: Duration = Duration::from_secs(840);

/// How often a flow is kept alive and how long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepaliveTimes {
    /// Upper bound of the interval; each one is drawn between 80 % and 100 % of it.
    pub interval: Duration,
    /// Time for the answer, after which the flow counts as failed.
    pub answer: Duration,
}

/// Time for an answer unless told otherwise (RFC 5626 section 4.4.1).
const ANSWER_TIME: Duration = Duration::from_secs(10);

impl KeepaliveTimes {
    /// Pings at this interval, with the 10 s to answer of RFC 5626.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self {
            interval,
            answer: ANSWER_TIME,
        }
    }
}

/// What a keep-alive clock asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Send a ping.
    Ping,
    /// The flow no longer answers.
    Lost,
}

/// The keep-alive clock of one flow.
#[derive(Debug)]
pub(crate) struct Keepalive {
    times: KeepaliveTimes,
    /// The longest interval that the server permits (RFC 5626 section 4.4.1).
    flow_timer: Option<Duration>,
    /// A server that never ponged may not know the technique: its silence proves nothing
    /// (RFC 5626 section 4.4), so only a flow that has answered before, or whose server speaks RFC 5626, can be lost by silence.
    answers: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Resting { until: Instant },
    ExpectAnswer { deadline: Instant, next_ping: Instant },
}

impl Keepalive {
    /// A clock that follows a server's Flow-Timer alone.
    pub(crate) fn asked_for(now: Instant, flow_timer: Duration, rng: &mut impl Rng) -> Self {
        Self::new(now, KeepaliveTimes::every(bounded(flow_timer)), rng)
    }

    pub(crate) fn new(now: Instant, times: KeepaliveTimes, rng: &mut impl Rng) -> Self {
        let until = now + jitter::four_fifths_to_all(rng, times.interval);
        Self {
            times,
            flow_timer: None,
            answers: false,
            state: State::Resting { until },
        }
    }

    /// Pings at least as often as the server asked for in a Flow-Timer header field.
    pub(crate) fn follow(&mut self, now: Instant, flow_timer: Duration, rng: &mut impl Rng) {
        self.flow_timer = Some(bounded(flow_timer));
        self.hasten(now, rng);
    }

    /// Goes on with other times.
    pub(crate) fn pace(&mut self, now: Instant, times: KeepaliveTimes, rng: &mut impl Rng) {
        if self.times != times {
            self.times = times;
            self.hasten(now, rng);
        }
    }

    /// Takes silence as a failure from the first ping on: the server has said that it answers.
    pub(crate) fn expect_answers(&mut self) {
        self.answers = true;
    }

    /// Brings the next ping forward where the interval has become shorter.
    fn hasten(&mut self, now: Instant, rng: &mut impl Rng) {
        let next = now + jitter::four_fifths_to_all(rng, self.interval());
        let (State::Resting { until } | State::ExpectAnswer { next_ping: until, .. }) = &mut self.state;
        *until = (*until).min(next);
    }

    fn interval(&self) -> Duration {
        let longest = self.flow_timer.unwrap_or(Duration::MAX);
        self.times.interval.min(longest)
    }

    /// Notes the answer to a ping.
    pub(crate) fn handle_answer(&mut self) {
        self.answers = true;
        if let State::ExpectAnswer { next_ping, .. } = self.state {
            self.state = State::Resting { until: next_ping };
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, rng: &mut impl Rng) -> Due {
        match self.state {
            State::ExpectAnswer { deadline, .. } if self.answers && deadline <= now => Due::Lost,
            State::ExpectAnswer { next_ping, .. } if next_ping <= now => self.ping(now, rng),
            State::Resting { until } if until <= now => self.ping(now, rng),
            State::ExpectAnswer { .. } | State::Resting { .. } => Due::Nothing,
        }
    }

    pub(crate) fn next_timeout(&self) -> Instant {
        match self.state {
            State::Resting { until } => until,
            State::ExpectAnswer { deadline, next_ping } if self.answers => deadline.min(next_ping),
            State::ExpectAnswer { next_ping, .. } => next_ping,
        }
    }

    fn ping(&mut self, now: Instant, rng: &mut impl Rng) -> Due {
        let next_ping = now + jitter::four_fifths_to_all(rng, self.interval());
        // A second ping must not push the first one's deadline away, or a short interval would never lose a flow.
        let deadline = match self.state {
            State::ExpectAnswer { deadline, .. } if self.answers => deadline,
            State::ExpectAnswer { .. } | State::Resting { .. } => now + self.times.answer,
        };
        self.state = State::ExpectAnswer { deadline, next_ping };
        Due::Ping
    }
}

fn bounded(flow_timer: Duration) -> Duration {
    flow_timer.clamp(INTERVAL_MIN, INTERVAL_MAX)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    const TIMES: KeepaliveTimes = KeepaliveTimes {
        interval: Duration::from_secs(20),
        answer: Duration::from_secs(10),
    };

    #[test]
    fn pings_come_at_80_to_100_percent_of_the_interval() {
        let (start, mut rng, mut keepalive) = arranged();

        let wait = keepalive.next_timeout() - start;

        assert!((Duration::from_secs(16)..=Duration::from_secs(20)).contains(&wait));
        assert_eq!(keepalive.handle_timeout(start, &mut rng), Due::Nothing);
        assert_eq!(keepalive.handle_timeout(start + wait, &mut rng), Due::Ping);
    }

    #[test]
    fn a_flow_that_once_answered_is_lost_when_it_falls_silent() {
        let (_, mut rng, mut keepalive) = arranged();
        let first = keepalive.next_timeout();
        keepalive.handle_timeout(first, &mut rng);
        keepalive.handle_answer();

        let second = keepalive.next_timeout();
        assert_eq!(keepalive.handle_timeout(second, &mut rng), Due::Ping);
        let deadline = keepalive.next_timeout();

        assert_eq!(deadline, second + TIMES.answer);
        assert_eq!(
            keepalive.handle_timeout(deadline - Duration::from_millis(1), &mut rng),
            Due::Nothing
        );
        assert_eq!(keepalive.handle_timeout(deadline, &mut rng), Due::Lost);
    }

    #[test]
    fn a_flow_that_never_answered_is_not_lost_by_silence() {
        let (_, mut rng, mut keepalive) = arranged();

        for _ in 0..5 {
            let next = keepalive.next_timeout();
            assert_eq!(keepalive.handle_timeout(next, &mut rng), Due::Ping);
        }
    }

    #[test]
    fn a_flow_whose_server_has_promised_answers_is_lost_by_its_first_silence() {
        let (_, mut rng, mut keepalive) = arranged();
        keepalive.expect_answers();

        let first = keepalive.next_timeout();
        assert_eq!(keepalive.handle_timeout(first, &mut rng), Due::Ping);
        let deadline = keepalive.next_timeout();

        assert_eq!(deadline, first + TIMES.answer);
        assert_eq!(keepalive.handle_timeout(deadline, &mut rng), Due::Lost);
    }

    #[test]
    fn a_silent_flow_is_lost_in_time_even_when_pings_come_faster_than_the_answer_time() {
        let (start, mut rng, mut keepalive) = arranged();
        keepalive.follow(start, Duration::from_secs(4), &mut rng);
        let first = keepalive.next_timeout();
        keepalive.handle_timeout(first, &mut rng);
        keepalive.handle_answer();
        let silent_from = keepalive.next_timeout();

        let mut now = silent_from;
        while keepalive.handle_timeout(now, &mut rng) != Due::Lost {
            now = keepalive.next_timeout();
        }

        assert_eq!(now, silent_from + TIMES.answer);
    }

    #[test]
    fn the_servers_flow_timer_is_followed_within_bounds() {
        let (start, mut rng, mut keepalive) = arranged();

        keepalive.follow(start, Duration::from_secs(4), &mut rng);
        assert!(keepalive.next_timeout() <= start + Duration::from_secs(4));

        keepalive.follow(start, Duration::ZERO, &mut rng);
        assert_eq!(keepalive.interval(), INTERVAL_MIN);
        keepalive.follow(start, Duration::from_secs(1_000_000), &mut rng);
        assert_eq!(
            keepalive.interval(),
            TIMES.interval,
            "no server slows a device down"
        );
        let asked_for = Keepalive::asked_for(start, Duration::from_secs(1_000_000), &mut rng);
        assert_eq!(asked_for.interval(), INTERVAL_MAX);
    }

    #[test]
    fn a_brisker_pace_counts_from_now_on_and_a_slower_one_from_the_next_ping_on() {
        let (start, mut rng, mut keepalive) = arranged();
        let brisk = KeepaliveTimes {
            interval: Duration::from_secs(4),
            answer: Duration::from_secs(2),
        };

        keepalive.pace(start, brisk, &mut rng);
        let first = keepalive.next_timeout();
        assert!(first <= start + brisk.interval);
        keepalive.pace(start, TIMES, &mut rng);
        assert_eq!(keepalive.next_timeout(), first);

        assert_eq!(keepalive.handle_timeout(first, &mut rng), Due::Ping);
        assert!(keepalive.next_timeout() >= first + TIMES.interval * 4 / 5);
    }

    fn arranged() -> (Instant, ChaCha20Rng, Keepalive) {
        let start = Instant::now();
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let keepalive = Keepalive::new(start, TIMES, &mut rng);
        (start, rng, keepalive)
    }
}
