//! What the transports count.

use std::sync::atomic::{AtomicU64, Ordering};

/// A thing that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Connections accepted, before any handshake.
    Accepted,
    /// Connections refused because all places are taken.
    RefusedFull,
    /// Connections refused because the places of their source are taken.
    RefusedSourceFull,
    /// Accepts that failed, as for want of file descriptors.
    AcceptErrors,
    /// TLS handshakes that failed.
    HandshakesFailed,
    /// TLS handshakes that did not end in time.
    HandshakesTimedOut,
    /// Connections closed because their peer did not read.
    QueueOverflows,
    /// Streams that could not be framed.
    BadStreams,
    /// Connections closed because all together held too much of messages that had begun.
    PartialsRefused,
    /// Outgoing connections that failed.
    DialsFailed,
    /// Datagrams dropped because the driver was busy.
    DatagramsDropped,
    /// Datagrams dropped because they were longer than the listener allows.
    DatagramsTooLong,
    /// Datagrams that only kept a path open.
    DatagramKeepAlives,
    /// Datagrams of STUN, answered or not.
    DatagramsStun,
    /// Datagrams that the kernel did not take.
    DatagramsNotSent,
}

const COUNTERS: usize = 15;

/// All counters, from zero at the start.
#[derive(Debug, Default)]
pub struct Counters([AtomicU64; COUNTERS]);

impl Counters {
    /// The count of one thing.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.0
            .get(counter as usize)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, counter: Counter) {
        if let Some(count) = self.0.get(counter as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_counter_counts() {
        let counters = Counters::default();

        counters.add(Counter::DatagramsNotSent);

        assert_eq!(counters.count(Counter::DatagramsNotSent), 1);
        assert_eq!(counters.count(Counter::Accepted), 0);
    }
}
