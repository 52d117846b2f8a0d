//! The jitter buffer: payloads in the order of their positions, bounded in number and in time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::sample::duration_to_ticks;

/// Longest stretch of sound that is buffered. A backlog of two seconds, which a bridge hands to a late
/// listener, fits with room for a network that stalls at the same time; more would be a delay nobody talks
/// into.
pub const BUFFERED_TIME_MAX: Duration = Duration::from_secs(3);
/// Most packets that are buffered: [`BUFFERED_TIME_MAX`] in packets of 5 ms.
pub const BUFFERED_PACKETS_MAX: usize = 600;

/// A payload that waits for its time.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    /// Where its sound begins and how long it lasts, in ticks of the media clock.
    pub(crate) position: i64,
    pub(crate) ticks: i64,
    /// Before this time it should not be played, if nothing is being played.
    pub(crate) due: Instant,
    pub(crate) codec: Codec,
    pub(crate) payload: Vec<u8>,
}

impl Entry {
    pub(crate) fn end(&self) -> i64 {
        self.position.saturating_add(self.ticks)
    }
}

/// What the buffer did with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insertion {
    Done,
    /// There is sound for this position.
    Occupied,
    /// The buffer is full in number or time.
    Full,
}

/// Packets in order, and the octet buffers of those that were played, to be used again.
#[derive(Debug, Default)]
pub(crate) struct JitterBuffer {
    // Sorted by position; no two entries have the same.
    entries: VecDeque<Entry>,
    spare: Vec<Vec<u8>>,
}

impl JitterBuffer {
    /// Puts a packet into its place; `entry.payload` is ignored and `payload` copied into a recycled buffer.
    pub(crate) fn insert(&mut self, mut entry: Entry, payload: &[u8]) -> Insertion {
        let place = self
            .entries
            .iter()
            .rposition(|present| present.position <= entry.position);
        let place = match place {
            Some(before)
                if self
                    .entries
                    .get(before)
                    .is_some_and(|at| at.position == entry.position) =>
            {
                return Insertion::Occupied;
            }
            Some(before) => before + 1,
            None => 0,
        };
        let first = self
            .entries
            .front()
            .map_or(entry.position, |front| front.position.min(entry.position));
        let last = self
            .entries
            .back()
            .map_or(entry.end(), |back| back.end().max(entry.end()));
        let too_long = last.saturating_sub(first) > duration_to_ticks(BUFFERED_TIME_MAX);
        if too_long || self.entries.len() >= BUFFERED_PACKETS_MAX {
            return Insertion::Full;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(payload);
        entry.payload = buffer;
        self.entries.insert(place, entry);
        Insertion::Done
    }

    pub(crate) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// Where the last packet's sound ends.
    pub(crate) fn end(&self) -> Option<i64> {
        self.entries.back().map(Entry::end)
    }

    /// Puts a packet back that [`JitterBuffer::pop`] has just given.
    pub(crate) fn put_back(&mut self, entry: Entry) {
        self.entries.push_front(entry);
    }

    /// Takes the first packet out; give its buffer back by [`JitterBuffer::recycle`].
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        self.entries.pop_front()
    }

    pub(crate) fn recycle(&mut self, entry: Entry) {
        self.spare.push(entry.payload);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKS: i64 = 960;

    #[test]
    fn packets_come_out_in_the_order_of_their_positions() {
        let mut buffer = JitterBuffer::default();
        for number in [2, 0, 3, 1] {
            assert_eq!(insert(&mut buffer, number * TICKS), Insertion::Done);
        }

        let order: Vec<i64> = std::iter::from_fn(|| buffer.pop())
            .map(|entry| entry.position / TICKS)
            .collect();

        assert_eq!(order, [0, 1, 2, 3]);
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_place_is_taken_once() {
        let mut buffer = JitterBuffer::default();
        insert(&mut buffer, 0);
        assert_eq!(insert(&mut buffer, 0), Insertion::Occupied);
    }

    #[test]
    fn three_seconds_fit_and_a_packet_more_does_not() {
        let mut buffer = JitterBuffer::default();
        for number in 0..150 {
            assert_eq!(insert(&mut buffer, number * TICKS), Insertion::Done);
        }
        assert_eq!(insert(&mut buffer, 150 * TICKS), Insertion::Full);
        assert_eq!(insert(&mut buffer, -1), Insertion::Full, "nor before the first");
    }

    #[test]
    fn as_many_packets_fit_as_the_limit_and_no_more() {
        let mut buffer = JitterBuffer::default();
        let limit = i64::try_from(BUFFERED_PACKETS_MAX).unwrap();
        for number in 0..limit {
            assert_eq!(insert(&mut buffer, number), Insertion::Done);
        }
        assert_eq!(insert(&mut buffer, limit), Insertion::Full);
    }

    #[test]
    fn buffers_of_played_packets_are_used_again() {
        let mut buffer = JitterBuffer::default();
        insert(&mut buffer, 0);
        let entry = buffer.pop().unwrap();
        let place = entry.payload.as_ptr();
        buffer.recycle(entry);

        insert(&mut buffer, TICKS);

        assert_eq!(buffer.front().unwrap().payload.as_ptr(), place);
    }

    fn insert(buffer: &mut JitterBuffer, position: i64) -> Insertion {
        let entry = Entry {
            index: 0,
            position,
            ticks: TICKS,
            due: Instant::now(),
            codec: Codec::Pcmu,
            payload: Vec::new(),
        };
        buffer.insert(entry, &[0; 160])
    }
}
