//! The timers of the transaction layer: one enum, one table (RFC 3261 Table 4, RFC 6026 8.11, RFC 4320 4.1).
//!
//! ```text
//! timer      unreliable   reliable   runs in                            when it fires
//! A          T1, doubles  -          INVITE client, Calling             request sent again
//! B          64*T1        64*T1      INVITE client, Calling             timeout
//! D          32 s         0          INVITE client, Completed           terminated
//! E          T1, up to T2 -          non-INVITE client, Trying, Proc.   request sent again
//! F          64*T1        64*T1      non-INVITE client, Trying, Proc.   timeout
//! G          T1, up to T2 -          INVITE server, Completed           response sent again
//! H          64*T1        64*T1      INVITE server, Completed           terminated, ACK missing
//! I          T4           0          INVITE server, Confirmed           terminated
//! J          64*T1        0          non-INVITE server, Completed       terminated
//! K          T4           0          non-INVITE client, Completed       terminated
//! L          64*T1        64*T1      INVITE server, Accepted            terminated
//! M          64*T1        64*T1      INVITE client, Accepted            terminated
//! Trying100  200 ms       200 ms     INVITE server, Proceeding          100 sent
//! Late100    E reaches T2 same       non-INVITE server, Trying          100 sent
//! Abandon    64*T1        64*T1      non-INVITE server, Trying, Proc.   terminated without an answer
//! ```

use std::time::{Duration, Instant};

use smallvec::SmallVec;

/// Timer D never runs shorter than this on an unreliable transport, whatever T1 is (RFC 3261 17.1.1.2): the
/// client does not know the T1 of the servers.
const TIMER_D_MIN: Duration = Duration::from_secs(32);

/// An INVITE server sends 100 if its user has not answered by then (RFC 3261 17.2.1).
const TRYING_AFTER: Duration = Duration::from_millis(200);

/// The transaction timers by their RFC letters, and three without a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    A,
    B,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    /// The 100 that an INVITE server sends for a slow user (RFC 3261 17.2.1).
    Trying100,
    /// The 100 that a non-INVITE server sends for a slow user (RFC 4320 4.1).
    Late100,
    /// The end of a non-INVITE server whose user never answered (RFC 4320 4.2: no 408, no answer at all).
    Abandon,
}

/// The base values that all timers follow from (RFC 3261 Table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round trip time.
    pub t1: Duration,
    /// Longest interval between retransmissions of non-INVITE requests and of responses to INVITE.
    pub t2: Duration,
    /// Longest time a message stays in the network.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64*T1: how long a peer is given to answer, 32 s by default.
    pub(crate) fn patience(&self) -> Duration {
        self.t1 * 64
    }

    /// The table: the first interval of `timer`, or `None` where that transport does not need it.
    pub(crate) fn first(&self, timer: Timer, reliable: bool) -> Option<Duration> {
        match timer {
            Timer::A | Timer::E | Timer::G => (!reliable).then_some(self.t1),
            Timer::D => (!reliable).then(|| self.patience().max(TIMER_D_MIN)),
            Timer::I | Timer::K => (!reliable).then_some(self.t4),
            Timer::J => (!reliable).then(|| self.patience()),
            Timer::B | Timer::F | Timer::H | Timer::L | Timer::M | Timer::Abandon => Some(self.patience()),
            Timer::Trying100 => Some(TRYING_AFTER),
            Timer::Late100 => Some(self.until_e_reaches_t2()),
        }
    }

    /// The interval after `last` for timers that double up to T2 (E and G).
    pub(crate) fn doubled(&self, last: Duration) -> Duration {
        (last * 2).min(self.t2)
    }

    /// Time from a request until its client resets Timer E to T2 (3.5 s by default).
    fn until_e_reaches_t2(&self) -> Duration {
        let mut interval = self.t1;
        let mut elapsed = Duration::ZERO;
        while interval < self.t2 && !interval.is_zero() {
            elapsed += interval;
            interval *= 2;
        }
        elapsed
    }
}

/// The timers of one transaction that are running. No machine runs more than two at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(SmallVec<[(Timer, Instant); 2]>);

impl Running {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.stop(timer);
        self.0.push((timer, at));
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0.retain(|(running, _)| *running != timer);
    }

    pub(crate) fn stop_all(&mut self) {
        self.0.clear();
    }

    /// When the next timer fires.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(_, at)| *at).min()
    }

    /// Takes the earliest timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (timer, _) = self
            .0
            .iter()
            .filter(|(_, at)| *at <= now)
            .min_by_key(|(_, at)| *at)
            .copied()?;
        self.stop(timer);
        Some(timer)
    }

    #[cfg(test)]
    pub(crate) fn is_running(&self, timer: Timer) -> bool {
        self.0.iter().any(|(running, _)| *running == timer)
    }

    #[cfg(test)]
    pub(crate) fn describe(&self, now: Instant) -> String {
        let mut parts: Vec<String> = self
            .0
            .iter()
            .map(|(timer, at)| format!("{timer:?}={}ms", at.duration_since(now).as_millis()))
            .collect();
        parts.sort();
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reliable_transports_run_no_retransmission_and_no_absorption_timer() {
        let timers = Timers::default();

        for timer in [
            Timer::A,
            Timer::D,
            Timer::E,
            Timer::G,
            Timer::I,
            Timer::J,
            Timer::K,
        ] {
            assert_eq!(timers.first(timer, true), None, "{timer:?}");
            assert!(timers.first(timer, false).is_some(), "{timer:?}");
        }
    }

    #[test]
    fn timer_d_does_not_shrink_with_t1() {
        let timers = Timers {
            t1: Duration::from_millis(10),
            ..Timers::default()
        };

        assert_eq!(timers.first(Timer::D, false), Some(Duration::from_secs(32)));
        assert_eq!(timers.first(Timer::H, false), Some(Duration::from_millis(640)));
    }

    #[test]
    fn late_100_waits_until_timer_e_has_reached_t2() {
        assert_eq!(
            Timers::default().first(Timer::Late100, false),
            Some(Duration::from_millis(3500))
        );
    }

    #[test]
    fn the_earliest_due_timer_is_taken_first() {
        let start = Instant::now();
        let mut running = Running::default();
        running.set(Timer::B, start + Duration::from_secs(32));
        running.set(Timer::A, start + Duration::from_millis(500));

        assert_eq!(running.next(), Some(start + Duration::from_millis(500)));
        assert_eq!(running.take_due(start + Duration::from_secs(60)), Some(Timer::A));
        assert_eq!(running.take_due(start + Duration::from_secs(60)), Some(Timer::B));
        assert_eq!(running.take_due(start + Duration::from_secs(60)), None);
    }
}
