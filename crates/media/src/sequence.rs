//! One continuous timeline out of the packets of a peer, whatever it does to its sequence numbers and
//! timestamps.
//!
//! A packet is given an *index* (the sequence number without its wrap) and a *position* (where its sound
//! begins, in ticks of the 48 kHz media clock). A change of SSRC, a jump of the timestamp or of the sequence
//! number begins a new segment: the timeline goes on behind what was there, and nothing counts as lost across
//! the seam.

use std::time::{Duration, Instant};

use crate::rtp::Header;
use crate::sample::{duration_to_ticks, ticks_to_duration};

/// Packets a sequence number may run ahead before it is a restart and not loss (RFC 3550 appendix A.1).
const DROPOUT_MAX: i64 = 3_000;
/// Packets a sequence number may lie behind before it is a restart and not reordering (RFC 3550 appendix
/// A.1).
const MISORDER_MAX: i64 = 100;
/// How far a timestamp may be from what the arrival time lets expect: as much as is ever buffered. A pause of
/// the talker moves both; a timestamp that moves alone has lost its meaning.
const TIMESTAMP_SLACK: Duration = Duration::from_secs(3);
/// For so long after a change of SSRC there is no other one: several streams at once would otherwise be
/// spliced packet by packet.
const SSRC_HOLD: Duration = Duration::from_secs(1);
/// A stream that has been quiet for so long has ended: any other one may take its place, also one that was
/// left before.
const SSRC_QUIET: Duration = Duration::from_millis(200);
/// Positions are multiples of this, so that each has a timestamp in every codec's clock.
const ALIGNMENT: i64 = 6;
/// The first packet's index, so far from zero that packets before it still have one.
const FIRST_INDEX: u64 = 1 << 20;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has its place on the timeline.
    Accepted {
        /// Counts packets; a step of more than one is loss.
        index: u64,
        /// Where its sound begins, in ticks of the media clock.
        position: i64,
        /// It is the first of a stream, or of a new segment.
        begins: bool,
    },
    /// It was here before.
    Duplicate,
    /// It may be the first of a restarted stream; the next one will tell.
    Probation,
    /// It belongs to a second stream beside the one that is followed.
    OtherStream,
    /// It claims to be older than its stream reaches back.
    Implausible,
}

/// Puts the packets of one peer into order on one timeline.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    /// Packets are authenticated, so a new SSRC is believed at once.
    trusted: bool,
    head: Option<Head>,
    candidate: Option<Candidate>,
    /// The SSRC that was left last, and when.
    left: Option<(u32, Instant)>,
    counts: Counts,
    /// Interarrival jitter, RFC 3550 section 6.4.1, in ticks times 16.
    jitter_scaled: i64,
}

/// The newest packet of the timeline.
#[derive(Debug, Clone, Copy)]
struct Head {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    index: u64,
    position: i64,
    end: i64,
    arrival: Instant,
    /// Bit n stands for the packet n before the head.
    seen: u128,
    /// The sequence number with its wraps counted, as the peer sees it.
    extended: u32,
}

/// What reports tell of the newest packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) ssrc: u32,
    pub(crate) extended_sequence: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    ssrc: u32,
    sequence: u16,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    first_index: u64,
    unique: u64,
}

impl Sequencer {
    /// Makes a timeline; `trusted` says that only authenticated packets are shown to it.
    pub(crate) fn new(trusted: bool) -> Sequencer {
        Sequencer {
            trusted,
            ..Sequencer::default()
        }
    }

    /// Says anew whether packets are authenticated.
    pub(crate) fn trust(&mut self, trusted: bool) {
        self.trusted = trusted;
    }

    /// Finds the place of a packet whose sound lasts `ticks` and whose timestamp counts `scale` ticks a unit.
    pub(crate) fn admit(&mut self, now: Instant, header: Header, scale: u32, ticks: i64) -> Admission {
        let Some(head) = self.head else {
            return self.begin(now, header, FIRST_INDEX, 0, ticks);
        };
        if header.ssrc != head.ssrc {
            return self.admit_other_stream(now, header, head, ticks);
        }
        let step = i64::from(signed_step(header.sequence, head.sequence));
        if !(-MISORDER_MAX..=DROPOUT_MAX).contains(&step) {
            return self.admit_restart(now, header, head, ticks);
        }
        let distance = timestamp_step(header.timestamp, head.timestamp) * i64::from(scale);
        let elapsed = duration_to_ticks(now.saturating_duration_since(head.arrival));
        let slack = duration_to_ticks(TIMESTAMP_SLACK);
        let plausible = (-slack..=elapsed.saturating_add(slack)).contains(&distance);
        if step > 0 {
            if plausible {
                self.advance(now, header, head, step, distance, ticks)
            } else {
                let index = head.index.saturating_add_signed(step);
                self.begin(now, header, index, continuation(now, head), ticks)
            }
        } else if plausible {
            self.fill(head, step, distance)
        } else {
            Admission::Implausible
        }
    }

    /// Whether a packet between these two indices never arrived (as far as is remembered).
    pub(crate) fn is_missing_between(&self, earlier: u64, later: u64) -> bool {
        let Some(head) = self.head else { return false };
        (earlier.saturating_add(1)..later).any(|index| {
            let age = head.index.saturating_sub(index);
            let bit = u32::try_from(age).ok().and_then(|age| 1_u128.checked_shl(age));
            bit.is_none_or(|bit| head.seen & bit == 0)
        })
    }

    /// Distinct packets that arrived.
    pub(crate) fn received(&self) -> u64 {
        self.counts.unique
    }

    /// Packets that should have arrived between the first and the newest one but did not.
    pub(crate) fn lost(&self) -> u64 {
        let Some(head) = self.head else { return 0 };
        let expected = head
            .index
            .saturating_sub(self.counts.first_index)
            .saturating_add(1);
        expected.saturating_sub(self.counts.unique)
    }

    /// The interarrival jitter of RFC 3550 section 6.4.1.
    pub(crate) fn jitter(&self) -> Duration {
        ticks_to_duration(u64::try_from(self.jitter_scaled / 16).unwrap_or(0))
    }

    /// The newest packet, once there is one.
    pub(crate) fn newest(&self) -> Option<Newest> {
        self.head.map(|head| Newest {
            ssrc: head.ssrc,
            extended_sequence: head.extended,
        })
    }

    /// Whether no later packet than this has come.
    pub(crate) fn is_newest(&self, index: u64) -> bool {
        self.head.is_none_or(|head| index >= head.index)
    }

    /// Where the newest packet's sound ends, in ticks from the first packet's beginning.
    pub(crate) fn end(&self) -> i64 {
        self.head.map_or(0, |head| head.end)
    }

    fn admit_other_stream(&mut self, now: Instant, header: Header, head: Head, ticks: i64) -> Admission {
        let quiet = now.saturating_duration_since(head.arrival) >= SSRC_QUIET;
        let held = self.left.is_some_and(|(former, at)| {
            former == header.ssrc || now.saturating_duration_since(at) < SSRC_HOLD
        });
        if held && !quiet {
            return Admission::OtherStream;
        }
        if !self.trusted && !self.confirms(header) {
            return Admission::Probation;
        }
        self.left = Some((head.ssrc, now));
        self.begin(
            now,
            header,
            head.index.saturating_add(1),
            continuation(now, head),
            ticks,
        )
    }

    fn admit_restart(&mut self, now: Instant, header: Header, head: Head, ticks: i64) -> Admission {
        if !self.confirms(header) {
            return Admission::Probation;
        }
        self.begin(
            now,
            header,
            head.index.saturating_add(1),
            continuation(now, head),
            ticks,
        )
    }

    /// Whether this packet follows the one that was put on probation; else it takes its place.
    fn confirms(&mut self, header: Header) -> bool {
        let present = Candidate {
            ssrc: header.ssrc,
            sequence: header.sequence,
        };
        let confirmed = self.candidate == Some(present);
        self.candidate = Some(Candidate {
            sequence: header.sequence.wrapping_add(1),
            ..present
        });
        confirmed
    }

    fn begin(&mut self, now: Instant, header: Header, index: u64, position: i64, ticks: i64) -> Admission {
        let seen = match self.head {
            Some(head) => shifted(head.seen, index.saturating_sub(head.index)),
            None => {
                self.counts.first_index = index;
                0
            }
        };
        self.head = Some(Head {
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp: header.timestamp,
            index,
            position,
            end: position.saturating_add(ticks),
            arrival: now,
            seen: seen | 1,
            extended: u32::from(header.sequence),
        });
        self.candidate = None;
        self.counts.unique += 1;
        Admission::Accepted {
            index,
            position,
            begins: true,
        }
    }

    fn advance(
        &mut self,
        now: Instant,
        header: Header,
        head: Head,
        step: i64,
        distance: i64,
        ticks: i64,
    ) -> Admission {
        let index = head.index.saturating_add_signed(step);
        let position = head.position.saturating_add(distance);
        let transit = duration_to_ticks(now.saturating_duration_since(head.arrival)) - distance;
        self.jitter_scaled += transit.abs() - self.jitter_scaled / 16;
        self.head = Some(Head {
            sequence: header.sequence,
            timestamp: header.timestamp,
            index,
            position,
            end: head.end.max(position.saturating_add(ticks)),
            arrival: now,
            seen: shifted(head.seen, step.unsigned_abs()) | 1,
            extended: head.extended.wrapping_add(u32::try_from(step).unwrap_or(0)),
            ..head
        });
        self.candidate = None;
        self.counts.unique += 1;
        Admission::Accepted {
            index,
            position,
            begins: false,
        }
    }

    /// Takes a packet that is not newer than the head, unless it is known.
    fn fill(&mut self, mut head: Head, step: i64, distance: i64) -> Admission {
        let bit = u32::try_from(step.unsigned_abs())
            .ok()
            .and_then(|age| 1_u128.checked_shl(age))
            .unwrap_or(0);
        if bit == 0 || head.seen & bit != 0 {
            return Admission::Duplicate;
        }
        head.seen |= bit;
        self.head = Some(head);
        let index = head.index.saturating_add_signed(step);
        self.counts.first_index = self.counts.first_index.min(index);
        self.counts.unique += 1;
        Admission::Accepted {
            index,
            position: head.position.saturating_add(distance),
            begins: false,
        }
    }
}

/// Where a new segment begins: behind the sound that is there, or as much later as it arrived later.
fn continuation(now: Instant, head: Head) -> i64 {
    let elapsed = duration_to_ticks(now.saturating_duration_since(head.arrival));
    let position = head.end.max(head.position.saturating_add(elapsed));
    position - position.rem_euclid(ALIGNMENT)
}

fn shifted(seen: u128, step: u64) -> u128 {
    u32::try_from(step)
        .ok()
        .and_then(|step| seen.checked_shl(step))
        .unwrap_or(0)
}

/// The shorter way around the circle of sequence numbers.
fn signed_step(sequence: u16, reference: u16) -> i16 {
    i16::from_be_bytes(sequence.wrapping_sub(reference).to_be_bytes())
}

/// The shorter way around the circle of timestamps.
fn timestamp_step(timestamp: u32, reference: u32) -> i64 {
    i64::from(i32::from_be_bytes(
        timestamp.wrapping_sub(reference).to_be_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks of a packet of 20 ms, and its timestamp units at 8 kHz.
    const TICKS: i64 = 960;
    const UNITS: u32 = 160;
    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn packets_in_order_follow_one_another_over_both_wraps() {
        let mut stream = Stream::new(false, 65_530, u32::MAX - 5 * UNITS);
        for number in 0..20 {
            let (index, position, begins) = stream.next();
            assert_eq!(
                (index, position),
                (number, i64::try_from(number).unwrap() * TICKS)
            );
            assert_eq!(begins, number == 0);
        }
        assert_eq!((stream.sequencer.received(), stream.sequencer.lost()), (20, 0));
        assert_eq!(stream.sequencer.newest().unwrap().extended_sequence, 65_530 + 19);
    }

    #[test]
    fn a_gap_is_loss_until_it_is_filled() {
        let mut stream = Stream::new(false, 10, 0);
        stream.next();
        let missing = stream.skip();
        stream.next();

        assert_eq!(stream.sequencer.lost(), 1);
        assert!(stream.sequencer.is_missing_between(FIRST_INDEX, FIRST_INDEX + 2));
        assert_eq!(stream.admit(missing), accepted(1, TICKS, false));
        assert_eq!(stream.sequencer.lost(), 0);
        assert!(!stream.sequencer.is_missing_between(FIRST_INDEX, FIRST_INDEX + 2));
        assert_eq!(stream.admit(missing), Admission::Duplicate);
    }

    #[test]
    fn a_packet_before_the_first_one_has_its_place() {
        let mut stream = Stream::new(false, 10, 0);
        let first = stream.skip();
        let second = stream.skip();

        assert_eq!(stream.admit(second), accepted(0, 0, true));
        assert_eq!(
            stream.admit(first),
            Admission::Accepted {
                index: FIRST_INDEX - 1,
                position: -TICKS,
                begins: false
            }
        );
        assert_eq!((stream.sequencer.received(), stream.sequencer.lost()), (2, 0));
    }

    #[test]
    fn reordering_up_to_the_limit_is_accepted_and_one_more_is_a_restart() {
        for (distance, expected) in [(100, true), (101, false)] {
            let mut stream = Stream::new(false, 1_000, 0);
            let early = stream.skip();
            for _ in 1..distance {
                stream.skip();
            }
            stream.next();
            let admitted = matches!(stream.admit(early), Admission::Accepted { .. });
            assert_eq!(admitted, expected, "{distance} packets behind");
        }
    }

    #[test]
    fn loss_up_to_the_limit_is_a_gap_and_one_more_is_a_restart() {
        for (distance, expected) in [(3_000, true), (3_001, false)] {
            let mut stream = Stream::new(false, 1_000, 0);
            stream.next();
            for _ in 1..distance {
                stream.skip();
            }
            let header = stream.skip();
            let admitted = matches!(stream.admit(header), Admission::Accepted { .. });
            assert_eq!(admitted, expected, "{distance} packets ahead");
        }
    }

    #[test]
    fn a_restart_needs_two_packets_in_order() {
        let mut stream = Stream::new(false, 10, 0);
        stream.next();
        stream.header.sequence = 40_000;
        stream.header.timestamp = 1 << 30;

        let stray = stream.skip();
        assert_eq!(stream.admit(stray), Admission::Probation);
        let follower = stream.skip();
        assert!(matches!(
            stream.admit(follower),
            Admission::Accepted { begins: true, .. }
        ));
        assert_eq!(stream.sequencer.lost(), 0);
    }

    #[test]
    fn another_stream_is_believed_at_once_only_if_it_is_authenticated() {
        for (trusted, expected) in [
            (false, Admission::Probation),
            (true, accepted(1, 3 * TICKS, true)),
        ] {
            let mut stream = Stream::new(trusted, 10, 0);
            stream.next();
            stream.skip();
            stream.header.ssrc = 2;
            let header = stream.skip();
            // Its position follows the time that passed: three frames since the first packet.
            assert_eq!(stream.admit_late(header, FRAME), expected);
        }
    }

    #[test]
    fn a_stream_that_was_left_is_followed_again_only_when_the_other_one_is_quiet() {
        let mut stream = Stream::new(true, 10, 0);
        stream.next();
        let former = stream.header;
        stream.header.ssrc = 2;
        stream.next();

        let mut back = former;
        assert_eq!(stream.admit(back), Admission::OtherStream);
        stream.now += SSRC_HOLD;
        back.sequence += 1;
        assert!(matches!(
            stream.admit(back),
            Admission::Accepted { begins: true, .. }
        ));
    }

    #[test]
    fn a_timestamp_that_leaps_without_time_begins_a_segment_behind_what_was_there() {
        let mut stream = Stream::new(false, 10, 0);
        stream.next();
        stream.header.timestamp ^= 1 << 31;
        assert_eq!(stream.next(), (1, TICKS, true));
        assert_eq!(stream.next(), (2, 2 * TICKS, false));
    }

    #[test]
    fn a_segment_begins_where_every_clock_has_a_tick() {
        let mut stream = Stream::new(true, 10, 0);
        stream.next();
        stream.header.ssrc = 2;
        stream.now += Duration::from_micros(33_333);
        let (_, position, begins) = stream.next();
        assert!(begins && position > TICKS);
        assert_eq!(position % ALIGNMENT, 0);
    }

    #[test]
    fn a_timestamp_that_leaps_with_the_time_is_a_pause() {
        let mut stream = Stream::new(false, 10, 0);
        stream.next();
        stream.header.timestamp += 60 * 8_000;
        stream.now += Duration::from_secs(60);
        assert_eq!(stream.next(), (1, 60 * 48_000 + TICKS, false));
    }

    #[test]
    fn jitter_is_measured_as_the_rfc_says() {
        let mut stream = Stream::new(false, 10, 0);
        stream.next();
        // Arrivals alternate between 8 ms late and in time: each transit differs by 8 ms from the one before.
        for number in 0..200 {
            let header = stream.skip();
            let late = Duration::from_millis(if number % 2 == 0 { 8 } else { 0 });
            stream.admit_late(header, late);
        }
        let jitter = stream.sequencer.jitter().as_millis();
        assert!((7..=8).contains(&jitter), "{jitter} ms");
    }

    struct Stream {
        sequencer: Sequencer,
        now: Instant,
        header: Header,
    }

    impl Stream {
        fn new(trusted: bool, sequence: u16, timestamp: u32) -> Stream {
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence,
                timestamp,
                ssrc: 1,
            };
            Stream {
                sequencer: Sequencer::new(trusted),
                now: Instant::now(),
                header,
            }
        }

        /// The next packet arrives: its index from the first one, its position, whether it begins a segment.
        fn next(&mut self) -> (u64, i64, bool) {
            let header = self.skip();
            match self.admit(header) {
                Admission::Accepted {
                    index,
                    position,
                    begins,
                } => (index - FIRST_INDEX, position, begins),
                refused => panic!("{refused:?}"),
            }
        }

        /// The next packet is sent; it may arrive later.
        fn skip(&mut self) -> Header {
            let header = self.header;
            self.header.sequence = header.sequence.wrapping_add(1);
            self.header.timestamp = header.timestamp.wrapping_add(UNITS);
            self.now += FRAME;
            header
        }

        fn admit(&mut self, header: Header) -> Admission {
            self.admit_late(header, Duration::ZERO)
        }

        fn admit_late(&mut self, header: Header, late: Duration) -> Admission {
            self.sequencer.admit(self.now + late, header, 6, TICKS)
        }
    }

    fn accepted(number: u64, position: i64, begins: bool) -> Admission {
        Admission::Accepted {
            index: FIRST_INDEX + number,
            position,
            begins,
        }
    }
}
