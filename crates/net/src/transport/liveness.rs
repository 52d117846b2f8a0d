//! The timers of one connection, as a pure table: who keeps a connection alive, and what ends it.
//!
//! ```text
//! FirstMessage    accepted connection opened ──▶ first whole message
//! PartialMessage  a message has begun ─────────▶ it is whole
//! Idle            any byte ────────────────────▶ the next byte
//! WriteStall      a write does not proceed ────▶ it does
//! Ping            keep-alive sent or opened ───▶ the next one is due (RFC 5626 4.4.1)
//! Pong            keep-alive sent ─────────────▶ its answer
//! LastWords       framing broken or closing ───▶ the connection ends
//! ```

use std::time::{Duration, Instant};

use super::CloseCause;
use super::limits::{LAST_WORDS_TIMEOUT, Limits};

/// How a client keeps its connection alive and finds out that it is dead.
//= https://www.rfc-editor.org/rfc/rfc5626#section-4.4
//# it SHOULD send
//# its keep-alives so that the interval between each keep-alive is
//# randomly distributed between 80% and 100% of the server-provided
//# time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// Longest time between two double CRLFs; each pause is 80 to 100 % of it.
    pub interval: Duration,
    /// Time in which the answering CRLF must come, else the flow has failed (10 s in RFC 5626).
    pub pong_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    FirstMessage,
    PartialMessage,
    Idle,
    WriteStall,
    Ping,
    Pong,
    LastWords,
}

const TIMERS: [Timer; 7] = [
    Timer::FirstMessage,
    Timer::PartialMessage,
    Timer::Idle,
    Timer::WriteStall,
    Timer::Ping,
    Timer::Pong,
    Timer::LastWords,
];

/// What is due on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send a double CRLF.
    Ping,
    /// Close the connection.
    Close(CloseCause),
}

/// The timers of one connection.
#[derive(Debug)]
pub(crate) struct Liveness {
    deadlines: [Option<Instant>; TIMERS.len()],
    partial_message_timeout: Duration,
    idle_timeout: Duration,
    write_stall_timeout: Duration,
    keep_alive: Option<KeepAlive>,
    /// The pong's time ran out within a message; the flow fails when that has been received.
    pong_is_overdue: bool,
}

impl Liveness {
    /// The timers of a connection that a peer has opened.
    pub(crate) fn accepted(now: Instant, limits: &Limits) -> Self {
        let mut liveness = Self::new(now, limits, None);
        liveness.set(Timer::FirstMessage, now, limits.first_message_timeout);
        liveness
    }

    /// The timers of a connection that this side has opened. `roll` is any random number.
    pub(crate) fn dialled(now: Instant, limits: &Limits, keep_alive: Option<KeepAlive>, roll: u8) -> Self {
        let mut liveness = Self::new(now, limits, keep_alive);
        if let Some(keep_alive) = keep_alive {
            liveness.set(Timer::Ping, now, spread(keep_alive.interval, roll));
        }
        liveness
    }

    fn new(now: Instant, limits: &Limits, keep_alive: Option<KeepAlive>) -> Self {
        let mut liveness = Self {
            deadlines: [None; TIMERS.len()],
            partial_message_timeout: limits.partial_message_timeout,
            idle_timeout: limits.idle_timeout,
            write_stall_timeout: limits.write_stall_timeout,
            keep_alive,
            pong_is_overdue: false,
        };
        liveness.set(Timer::Idle, now, limits.idle_timeout);
        liveness
    }

    /// Bytes have come, of whatever kind.
    pub(crate) fn on_bytes(&mut self, now: Instant) {
        self.set(Timer::Idle, now, self.idle_timeout);
    }

    /// A whole message has come.
    pub(crate) fn on_message(&mut self) {
        self.clear(Timer::FirstMessage);
        self.clear(Timer::PartialMessage);
    }

    /// Everything received has been framed; `is_partial` says that a message has begun and not ended.
    pub(crate) fn on_framed(&mut self, now: Instant, is_partial: bool) {
        if !is_partial {
            self.clear(Timer::PartialMessage);
            if std::mem::take(&mut self.pong_is_overdue) {
                self.set(Timer::Pong, now, Duration::ZERO);
            }
        } else if self.deadline(Timer::PartialMessage).is_none() {
            // Counted from its begin: more bytes do not prolong it.
            self.set(Timer::PartialMessage, now, self.partial_message_timeout);
        }
    }

    /// The answer to a keep-alive has come.
    pub(crate) fn on_pong(&mut self) {
        self.pong_is_overdue = false;
        self.clear(Timer::Pong);
    }

    /// There is something to write and the peer does not take it.
    pub(crate) fn on_write_blocked(&mut self, now: Instant) {
        if self.deadline(Timer::WriteStall).is_none() {
            self.set(Timer::WriteStall, now, self.write_stall_timeout);
        }
    }

    /// The peer has taken bytes.
    pub(crate) fn on_written(&mut self) {
        self.clear(Timer::WriteStall);
    }

    /// The stream is beyond reading, or to be closed; what is queued may still be written.
    pub(crate) fn on_last_words(&mut self, now: Instant) {
        self.deadlines = [None; TIMERS.len()];
        self.set(Timer::LastWords, now, LAST_WORDS_TIMEOUT);
    }

    /// When [`Liveness::handle_timeout`] wants to be called.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Says what is due. `roll` is any random number.
    pub(crate) fn handle_timeout(&mut self, now: Instant, roll: u8) -> Option<Due> {
        let expired = TIMERS
            .into_iter()
            .find(|timer| self.deadline(*timer).is_some_and(|deadline| deadline <= now))?;
        self.clear(expired);
        Some(match expired {
            Timer::FirstMessage => Due::Close(CloseCause::FirstMessageTimeout),
            Timer::PartialMessage => Due::Close(CloseCause::PartialMessageTimeout),
            Timer::Idle => Due::Close(CloseCause::Idle),
            Timer::WriteStall => Due::Close(CloseCause::WriteStalled),
            //= https://www.rfc-editor.org/rfc/rfc5626#section-4.4.1
            //# If a pong is not received within 10 seconds after sending a ping (or
            //# immediately after processing any incoming message being received when
            //# that 10 seconds expires), then the client MUST treat the flow as
            //# failed.
            Timer::Pong if self.deadline(Timer::PartialMessage).is_some() => {
                self.pong_is_overdue = true;
                return None;
            }
            Timer::Pong => Due::Close(CloseCause::PongMissing),
            Timer::LastWords => Due::Close(CloseCause::Local),
            Timer::Ping => {
                let keep_alive = self.keep_alive?;
                self.set(Timer::Ping, now, spread(keep_alive.interval, roll));
                if self.deadline(Timer::Pong).is_none() && !self.pong_is_overdue {
                    self.set(Timer::Pong, now, keep_alive.pong_timeout);
                }
                Due::Ping
            }
        })
    }

    fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.deadlines.get(timer as usize).copied().flatten()
    }

    fn set(&mut self, timer: Timer, now: Instant, after: Duration) {
        if let Some(deadline) = self.deadlines.get_mut(timer as usize) {
            *deadline = now.checked_add(after);
        }
    }

    fn clear(&mut self, timer: Timer) {
        if let Some(deadline) = self.deadlines.get_mut(timer as usize) {
            *deadline = None;
        }
    }
}

/// 80 to 100 % of `interval`, so that ten thousand clients do not ping in step.
fn spread(interval: Duration, roll: u8) -> Duration {
    let fifth = interval / 5;
    interval - fifth * u32::from(roll) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_ALIVE: KeepAlive = KeepAlive {
        interval: Duration::from_secs(10),
        pong_timeout: Duration::from_secs(3),
    };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn an_accepted_connection_without_a_message_ends() {
        let start = Instant::now();
        let limits = Limits::default();
        let mut liveness = Liveness::accepted(start, &limits);
        let deadline = start + limits.first_message_timeout;

        liveness.on_bytes(start + seconds(1));

        assert_eq!(liveness.next_timeout(), Some(deadline));
        assert_eq!(
            liveness.handle_timeout(deadline - Duration::from_millis(1), 0),
            None
        );
        assert_eq!(
            liveness.handle_timeout(deadline, 0),
            Some(Due::Close(CloseCause::FirstMessageTimeout))
        );
    }

    #[test]
    fn a_first_message_leaves_only_the_idle_timer() {
        let start = Instant::now();
        let limits = Limits::default();
        let mut liveness = Liveness::accepted(start, &limits);

        liveness.on_bytes(start + seconds(1));
        liveness.on_message();
        liveness.on_framed(start + seconds(1), false);

        assert_eq!(
            liveness.next_timeout(),
            Some(start + seconds(1) + limits.idle_timeout)
        );
    }

    #[test]
    fn w07_dripping_bytes_do_not_prolong_a_partial_message() {
        let start = Instant::now();
        let limits = Limits::default();
        let mut liveness = Liveness::dialled(start, &limits, None, 0);
        let deadline = start + limits.partial_message_timeout;

        for second in (0..limits.partial_message_timeout.as_secs()).step_by(10) {
            liveness.on_bytes(start + seconds(second));
            liveness.on_framed(start + seconds(second), true);
        }

        assert_eq!(liveness.next_timeout(), Some(deadline));
        assert_eq!(
            liveness.handle_timeout(deadline, 0),
            Some(Due::Close(CloseCause::PartialMessageTimeout))
        );
    }

    #[test]
    fn the_age_of_a_partial_message_is_its_own() {
        let start = Instant::now();
        let limits = Limits::default();
        let mut liveness = Liveness::dialled(start, &limits, None, 0);

        liveness.on_framed(start, true);
        liveness.on_message();
        liveness.on_framed(start + seconds(20), true);

        assert_eq!(
            liveness.next_timeout(),
            Some(start + seconds(20) + limits.partial_message_timeout)
        );
    }

    #[test]
    fn a_ping_is_sent_within_its_interval_and_its_pong_awaited() {
        let start = Instant::now();
        let mut liveness = Liveness::dialled(start, &Limits::default(), Some(KEEP_ALIVE), 0);
        let first = start + seconds(10);

        assert_eq!(liveness.next_timeout(), Some(first));
        assert_eq!(liveness.handle_timeout(first, 255), Some(Due::Ping));
        assert_eq!(liveness.next_timeout(), Some(first + seconds(3)));

        liveness.on_pong();
        assert_eq!(liveness.next_timeout(), Some(first + seconds(8)));
        assert_eq!(liveness.handle_timeout(first + seconds(8), 0), Some(Due::Ping));
        assert_eq!(
            liveness.handle_timeout(first + seconds(11), 0),
            Some(Due::Close(CloseCause::PongMissing))
        );
    }

    #[test]
    fn further_pings_do_not_excuse_a_missing_pong() {
        let start = Instant::now();
        let hasty = KeepAlive {
            interval: seconds(2),
            pong_timeout: seconds(5),
        };
        let mut liveness = Liveness::dialled(start, &Limits::default(), Some(hasty), 0);

        assert_eq!(liveness.handle_timeout(start + seconds(2), 0), Some(Due::Ping));
        assert_eq!(liveness.handle_timeout(start + seconds(4), 0), Some(Due::Ping));
        assert_eq!(liveness.handle_timeout(start + seconds(6), 0), Some(Due::Ping));

        assert_eq!(
            liveness.handle_timeout(start + seconds(7), 0),
            Some(Due::Close(CloseCause::PongMissing))
        );
    }

    #[test]
    fn a_pong_may_come_behind_the_message_that_its_time_ran_out_in() {
        let start = Instant::now();
        let mut liveness = Liveness::dialled(start, &Limits::default(), Some(KEEP_ALIVE), 0);
        let pinged = start + seconds(10);
        let overdue = pinged + KEEP_ALIVE.pong_timeout;
        assert_eq!(liveness.handle_timeout(pinged, 0), Some(Due::Ping));
        liveness.on_framed(pinged, true);

        assert_eq!(liveness.handle_timeout(overdue, 0), None);
        liveness.on_pong();
        liveness.on_framed(overdue + seconds(1), false);
        assert_eq!(liveness.handle_timeout(overdue + seconds(1), 0), None);
    }

    #[test]
    fn a_pong_missing_behind_that_message_is_missing_at_once() {
        let start = Instant::now();
        let mut liveness = Liveness::dialled(start, &Limits::default(), Some(KEEP_ALIVE), 0);
        let pinged = start + seconds(10);
        let overdue = pinged + KEEP_ALIVE.pong_timeout;
        assert_eq!(liveness.handle_timeout(pinged, 0), Some(Due::Ping));
        liveness.on_framed(pinged, true);

        assert_eq!(liveness.handle_timeout(overdue, 0), None);
        liveness.on_framed(overdue + seconds(1), false);
        assert_eq!(
            liveness.handle_timeout(overdue + seconds(1), 0),
            Some(Due::Close(CloseCause::PongMissing))
        );
    }

    #[test]
    fn a_peer_that_reads_nothing_is_closed_and_one_that_reads_slowly_is_not() {
        let start = Instant::now();
        let limits = Limits::default();
        let mut liveness = Liveness::dialled(start, &limits, None, 0);

        liveness.on_write_blocked(start);
        liveness.on_written();
        liveness.on_write_blocked(start + seconds(5));
        liveness.on_write_blocked(start + seconds(9));

        let deadline = start + seconds(5) + limits.write_stall_timeout;
        assert_eq!(liveness.next_timeout(), Some(deadline));
        assert_eq!(
            liveness.handle_timeout(deadline, 0),
            Some(Due::Close(CloseCause::WriteStalled))
        );
    }

    #[test]
    fn a_silent_connection_ends_after_the_idle_time() {
        let start = Instant::now();
        let limits = Limits::default();
        let mut liveness = Liveness::dialled(start, &limits, None, 0);

        liveness.on_bytes(start + seconds(100));

        let deadline = start + seconds(100) + limits.idle_timeout;
        assert_eq!(
            liveness.handle_timeout(deadline, 0),
            Some(Due::Close(CloseCause::Idle))
        );
    }

    #[test]
    fn last_words_have_an_end() {
        let start = Instant::now();
        let mut liveness = Liveness::accepted(start, &Limits::default());

        liveness.on_last_words(start);

        assert_eq!(liveness.next_timeout(), Some(start + LAST_WORDS_TIMEOUT));
    }
}
