//! One continuous timeline out of the packets of a peer, whatever it does to its sequence numbers and timestamps.
//!
//! A packet is given an *index* (the sequence number without its wrap) and a *position* (where its sound begins, in
//! ticks of the 48 kHz media clock). A change of SSRC, a jump of the timestamp or of the sequence number begins a new
//! segment: the timeline goes on behind what was there, and nothing counts as lost across the seam.

use std::time::{Duration, Instant};

use crate::rtp::Header;
use crate::sample::{duration_to_ticks, ticks_to_duration};

/// Packets a sequence number may run ahead before it is a restart and not loss (RFC 3550 appendix A.1).
const DROPOUT_MAX: i64 = 3_000;
/// Packets a sequence number may lie behind before it is a restart and not reordering (RFC 3550 appendix A.1).
const MISORDER_MAX: i64 = 100;
/// How far a timestamp may be from what the arrival time lets expect: as much as is ever buffered. A pause of the
/// talker moves both; a timestamp that moves alone has lost its meaning.
const TIMESTAMP_SLACK: Duration = Duration::from_secs(3);
/// For so long after a change of SSRC the former one is not followed back, unless the present one has fallen silent:
/// two streams at once would otherwise be spliced packet by packet.
const SSRC_HOLD: Duration = Duration::from_secs(1);
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
    switched: Option<Instant>,
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

    /// Where the newest packet's sound ends, in ticks from the first packet's beginning.
    pub(crate) fn end(&self) -> i64 {
        self.head.map_or(0, |head| head.end)
    }

    fn admit_other_stream(&mut self, now: Instant, header: Header, head: Head, ticks: i64) -> Admission {
        let quiet = now.saturating_duration_since(head.arrival) >= SSRC_HOLD;
        let held = self
            .switched
            .is_some_and(|at| now.saturating_duration_since(at) < SSRC_HOLD);
        if held && !quiet {
            return Admission::OtherStream;
        }
        if !self.trusted && !self.confirms(header) {
            return Admission::Probation;
        }
        self.switched = Some(now);
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
