//! The newest two seconds of a stream as payloads, shared by all who listen to it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sample::duration_to_ticks;

/// How much of a stream is kept for listeners who join after its first packet. The answers of a page's
/// devices spread over about a second; twice that gives each of them the first word.
pub const BACKLOG_TIME_MAX: Duration = Duration::from_secs(2);
/// Most packets that are kept: [`BACKLOG_TIME_MAX`] in packets of 5 ms.
pub const BACKLOG_PACKETS_MAX: usize = 400;

/// One packet of a stream without its header.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Counts packets; a gap is loss.
    pub(super) index: u64,
    /// Beginning and length of its sound, in ticks of the media clock.
    pub(super) position: i64,
    pub(super) ticks: i64,
    pub(super) kind: FrameKind,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Sound,
    /// A telephone event; its duration counts in the talker's clock.
    Event,
}

/// Frames in the order of their arrival, numbered without gaps by a serial.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    frames: VecDeque<Frame>,
    /// Serial of the first frame kept.
    first: u64,
    spare: Vec<Vec<u8>>,
}

impl Backlog {
    /// Appends a frame whose payload `write` puts into a recycled buffer, and drops what is too old.
    pub(super) fn push(
        &mut self,
        index: u64,
        position: i64,
        ticks: i64,
        kind: FrameKind,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let horizon = position.saturating_sub(duration_to_ticks(BACKLOG_TIME_MAX));
        while self.frames.len() >= BACKLOG_PACKETS_MAX
            || self.frames.front().is_some_and(|front| front.position < horizon)
        {
            self.drop_first();
        }
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.clear();
        write(&mut payload);
        self.frames.push_back(Frame {
            index,
            position,
            ticks,
            kind,
            payload,
        });
    }

    /// The frame with this serial, or the oldest one kept if it is gone; with its serial. `None` if none has
    /// come yet.
    pub(super) fn at(&self, serial: u64) -> Option<(u64, &Frame)> {
        let serial = serial.max(self.first);
        let offset = usize::try_from(serial - self.first).ok()?;
        self.frames.get(offset).map(|frame| (serial, frame))
    }

    /// Serial of the oldest frame kept.
    pub(super) fn first_serial(&self) -> u64 {
        self.first
    }

    /// Serial of the next frame to come.
    pub(super) fn next_serial(&self) -> u64 {
        self.first + crate::sample::wide(self.frames.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    fn drop_first(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.first += 1;
            self.spare.push(frame.payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKS: i64 = 960;

    #[test]
    fn two_seconds_are_kept_and_no_packet_more() {
        let mut backlog = Backlog::default();
        for number in 0..=100 {
            push(&mut backlog, number * TICKS);
        }
        assert_eq!((backlog.first_serial(), backlog.next_serial()), (0, 101));

        push(&mut backlog, 101 * TICKS);

        assert_eq!((backlog.first_serial(), backlog.next_serial()), (1, 102));
        assert_eq!(
            backlog.at(0).map(|(serial, frame)| (serial, frame.position)),
            Some((1, TICKS))
        );
        assert!(backlog.at(102).is_none());
    }

    #[test]
    fn as_many_packets_are_kept_as_the_limit_and_no_more() {
        let mut backlog = Backlog::default();
        for number in 0..=BACKLOG_PACKETS_MAX {
            push(&mut backlog, crate::sample::signed(number));
        }
        assert_eq!(backlog.iter().count(), BACKLOG_PACKETS_MAX);
        assert_eq!(backlog.first_serial(), 1);
    }

    #[test]
    fn buffers_of_dropped_frames_are_used_again() {
        let mut backlog = Backlog::default();
        push(&mut backlog, 0);
        let place = backlog.at(0).unwrap().1.payload.as_ptr();

        push(&mut backlog, 200 * TICKS);

        assert_eq!(backlog.at(1).unwrap().1.payload.as_ptr(), place);
    }

    fn push(backlog: &mut Backlog, position: i64) {
        backlog.push(0, position, TICKS, FrameKind::Sound, |payload| {
            payload.extend_from_slice(&[0; 160]);
        });
    }
}
