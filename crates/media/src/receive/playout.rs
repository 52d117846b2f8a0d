//! Playout: when which sound leaves the jitter buffer, and what sounds where there is none.
//!
//! ```text
//!            first packet due                 buffer empty
//!   Silent ──────────────────▶ Playing ───────────────────────▶ Stalled
//!                                 ▲        next packet is due      │
//!                                 └────────────────────────────────┘
//! ```
//!
//! The playhead moves along the stream's timeline. A stall does not move it, so packets that are merely late
//! are played, later; what turns out to be lost during a stall is skipped, as its time has passed. Too much
//! delay is worked off in pauses of the speech only. Too little is made up there, and where a packet is missing that
//! others have overtaken: it may be on its way.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::chunk::{Chunk, Kind};
use super::voice::{Voice, crossfade};
use crate::codec::{Codec, PACKET_MS_MAX};
use crate::delay::DelayEstimator;
use crate::ingress::{Place, Rejection};
use crate::jitter::{BUFFERED_TIME_MAX, Entry, Insertion, JitterBuffer};
use crate::level::LevelMeter;
use crate::sample::{SampleRate, duration_to_ticks, signed, ticks_to_duration, unsigned};
use crate::sequence::Sequencer;

/// Sound made up at a time while the buffer is empty: a packet that arrives meanwhile waits no longer than
/// this.
const STALL_STEP_TICKS: i64 = 240;
/// Sound made up at a time over a gap between packets.
const GAP_STEP_TICKS: i64 = 960;
/// A packet that others have overtaken is waited for so long at most: it may be lost, and what is made up is good
/// for so long.
const WAIT_TICKS_MAX: i64 = 1_920;
/// Delay below the target that is not worth making up, and what is left above it when a packet is left out.
const TOLERANCE_TICKS: i64 = 480;
/// Pauses are shortened only behind this much of them, so that words do not run into each other.
const PAUSE_KEPT_TICKS: i64 = 9_600;
/// Quieter than this (mean square relative to full scale, -50 dBFS) is a pause.
const PAUSE_POWER: f32 = 1e-5;

/// The path of one stream from its buffer to the sink.
pub(super) struct Playout {
    rate: SampleRate,
    // One for each codec that was heard; made when its first packet arrives.
    voices: SmallVec<[Voice; 1]>,
    buffer: JitterBuffer,
    delay: DelayEstimator,
    playhead: Playhead,
    chunk: Chunk,
    pace: Pace,
    pub(super) counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Silent,
    Playing,
    Stalled,
}

#[derive(Debug)]
struct Playhead {
    phase: Phase,
    /// Up to here the timeline has been made into sound.
    position: i64,
    /// The last packet that was made into sound.
    index: u64,
    /// The newest packet for which the buffer had no room.
    refused: u64,
    codec: Option<Codec>,
    /// Sound made up since the buffer ran empty.
    stalled: i64,
    /// Sound made up at this position for a packet that others have overtaken.
    waited: i64,
}

#[derive(Debug, Default)]
struct Pace {
    /// How long after the fastest packet's arrival its sound is played.
    delay: Option<i64>,
    /// What the sink takes at a time.
    quantum: i64,
    /// How long the present pause of the speech has lasted.
    pause: i64,
    /// The packet before was left out.
    shortened: bool,
    /// Silence to put in, for more delay.
    owed: i64,
}

/// What has been played, in ticks of the media clock.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) played: u64,
    pub(super) concealed: u64,
    pub(super) late: u64,
    /// Sound made up while the buffer was empty, by which what followed came later than it would have.
    pub(super) interrupted: u64,
    pub(super) first_audio: Option<Instant>,
    pub(super) level: LevelMeter,
}

impl Playout {
    pub(super) fn new(rate: SampleRate) -> Playout {
        let longest = rate.samples_in(Duration::from_millis(1)) * PACKET_MS_MAX;
        Playout {
            rate,
            voices: SmallVec::new(),
            buffer: JitterBuffer::default(),
            delay: DelayEstimator::new(),
            playhead: Playhead {
                phase: Phase::Silent,
                position: 0,
                index: 0,
                refused: 0,
                codec: None,
                stalled: 0,
                waited: 0,
            },
            chunk: Chunk::with_capacity(longest),
            pace: Pace::default(),
            counts: Counts::default(),
        }
    }

    /// Takes a packet that has its place on the timeline.
    pub(super) fn insert(&mut self, now: Instant, place: Place, payload: &[u8]) -> Result<(), Rejection> {
        if voice(&mut self.voices, place.codec).is_none() {
            let made = Voice::new(place.codec, self.rate).map_err(|_| Rejection::Malformed)?;
            self.voices.push(made);
        }
        if place.begins {
            self.delay.begin_segment();
        }
        let lateness = self.delay.observe(now, place.position);
        self.measure(place.position, lateness);
        if self.playhead.phase != Phase::Silent && place.position + place.ticks <= self.playhead.position {
            self.counts.late += 1;
            return Err(Rejection::Late);
        }
        let hold = self
            .delay
            .target(self.pace.quantum)
            .saturating_sub(lateness)
            .max(0);
        let entry = Entry {
            index: place.index,
            position: place.position,
            ticks: place.ticks,
            due: now + ticks_to_duration(u64::try_from(hold).unwrap_or(0)),
            codec: place.codec,
            payload: Vec::new(),
        };
        match self.buffer.insert(entry, payload) {
            Insertion::Done => Ok(()),
            Insertion::Occupied => Err(Rejection::Duplicate),
            Insertion::Full => {
                self.playhead.refused = self.playhead.refused.max(place.index);
                Err(Rejection::Overflow)
            }
        }
    }

    /// Fills `out` with what is to be heard next.
    pub(super) fn pull(&mut self, now: Instant, sequencer: &Sequencer, out: &mut [i16]) {
        self.pace.quantum = signed(out.len()) * self.ticks_per_sample();
        let mut rest = out;
        while !rest.is_empty() {
            if self.chunk.is_empty() && !self.produce(now, sequencer) {
                rest.fill(0);
                return;
            }
            let taken = self.chunk.take(&mut rest);
            self.count(now, self.chunk.kind, signed(taken) * self.ticks_per_sample());
        }
    }

    /// Whether everything that arrived has been given to the sink.
    pub(super) fn is_drained(&self) -> bool {
        self.buffer.is_empty() && (self.chunk.is_empty() || self.chunk.kind == Kind::Filler)
    }

    /// Sound that waits, in the buffer and behind it.
    pub(super) fn buffered_ticks(&self) -> i64 {
        let chunk = self.chunk.remaining() * self.ticks_per_sample();
        let first = self.buffer.front().map_or(0, |front| front.position);
        chunk + self.buffer.end().map_or(0, |end| end - first)
    }

    fn ticks_per_sample(&self) -> i64 {
        i64::from(self.rate.ticks_per_sample())
    }

    /// Learns the present delay from where a packet stands to the playhead when it arrives.
    fn measure(&mut self, position: i64, lateness: i64) {
        if self.playhead.phase != Phase::Playing {
            return;
        }
        let playing = self.playhead.position - self.chunk.remaining() * self.ticks_per_sample();
        let measured = position - playing + lateness;
        let delay = self.pace.delay.get_or_insert(measured);
        *delay += (measured - *delay) / 8;
    }

    /// Makes the next chunk; false if nothing has ever been heard, or nothing is due.
    fn produce(&mut self, now: Instant, sequencer: &Sequencer) -> bool {
        self.chunk.clear();
        if self.pace.owed > 0 {
            return self.put_in_silence();
        }
        // Each turn takes a packet out of the buffer or ends the loop.
        while self.chunk.is_empty() {
            let Some(front) = self.buffer.front() else {
                return self.stall();
            };
            if self.playhead.phase != Phase::Playing {
                if now < front.due {
                    return self.stall();
                }
                let (position, index) = (front.position, front.index);
                let lost = self.is_lost_before(sequencer, index);
                self.resume(position, lost);
                continue;
            }
            let gap = front.position - self.playhead.position;
            if gap > 0 {
                let lost = self.is_lost_before(sequencer, front.index);
                if lost && self.may_wait() {
                    self.wait();
                    continue;
                }
                self.bridge(gap, lost);
            } else {
                self.play_front();
            }
        }
        true
    }

    /// Makes up sound while there is none to play; false before the first packet.
    fn stall(&mut self) -> bool {
        if self.playhead.phase == Phase::Silent {
            return false;
        }
        self.playhead.phase = Phase::Stalled;
        self.conceal(STALL_STEP_TICKS, None, Kind::Filler);
        self.playhead.stalled += STALL_STEP_TICKS;
        true
    }

    /// Whether a packet that has been overtaken is waited for: with the delay that the network asks for it might
    /// not be late. Where the delay is as long as that, the packet is taken for lost.
    fn may_wait(&self) -> bool {
        self.playhead.waited < WAIT_TICKS_MAX && self.shortfall() > TOLERANCE_TICKS
    }

    /// Makes the delay longer at a packet that is missing.
    fn wait(&mut self) {
        self.conceal(STALL_STEP_TICKS, None, Kind::Filler);
        self.playhead.waited += STALL_STEP_TICKS;
        self.counts.interrupted += u64::try_from(STALL_STEP_TICKS).unwrap_or(0);
        self.pace.delay = self.pace.delay.map(|delay| delay + STALL_STEP_TICKS);
    }

    /// Makes the delay longer by what is owed, within a pause.
    fn put_in_silence(&mut self) -> bool {
        self.conceal(self.pace.owed, None, Kind::Filler);
        self.pace.delay = self.pace.delay.map(|delay| delay + self.pace.owed);
        self.pace.owed = 0;
        true
    }

    /// Goes on with the packet at `position`; what was made up stands for what did not arrive.
    fn resume(&mut self, position: i64, lost: bool) {
        if self.playhead.phase == Phase::Silent {
            self.playhead.position = position;
        }
        self.playhead.phase = Phase::Playing;
        let gap = position - self.playhead.position;
        let passed = gap.clamp(0, self.playhead.stalled);
        self.playhead.position += passed;
        self.counts.advance(passed, lost);
        let speaker = self.playhead.codec.filter(|_| lost);
        if let Some(voice) = speaker.and_then(|codec| voice(&mut self.voices, codec)) {
            voice.lose(passed);
        }
        // What was made up for a pause of the talker's, or in place of lost packets, is no interruption.
        let interrupted = self.playhead.stalled - passed;
        self.counts.interrupted += u64::try_from(interrupted).unwrap_or(0);
        self.pace.delay = self.pace.delay.map(|delay| delay + interrupted);
        self.playhead.stalled = 0;
    }

    /// Fills a gap before the first packet of the buffer, or a part of it.
    fn bridge(&mut self, gap: i64, lost: bool) {
        if gap > duration_to_ticks(BUFFERED_TIME_MAX) {
            // No sound was ever buffered for so long a gap: the timeline has been moved.
            self.playhead.position += gap;
            return;
        }
        let excess = self.excess();
        let skipped = if lost {
            gap.min(excess) - GAP_STEP_TICKS
        } else {
            gap.min(excess)
        };
        let skipped = skipped - skipped.rem_euclid(STALL_STEP_TICKS);
        if skipped > 0 {
            self.playhead.position += skipped;
            self.pace.delay = self.pace.delay.map(|delay| delay - skipped);
            if !lost {
                self.counts.advance(skipped, false);
            }
            return;
        }
        if lost {
            self.conceal_before_front(gap);
        } else {
            self.conceal(gap.min(GAP_STEP_TICKS), None, Kind::Received);
            self.playhead.position += gap.min(GAP_STEP_TICKS);
        }
    }

    /// Conceals what is lost before the first packet, with the help of that packet if it follows directly.
    fn conceal_before_front(&mut self, gap: i64) {
        let Some(front) = self.buffer.pop() else { return };
        // Redundancy in a packet is for as much as the packet itself lasts: the last part of the gap.
        let recoverable = gap <= front.ticks && Some(front.codec) == self.playhead.codec;
        let ticks = if gap > front.ticks {
            (gap - front.ticks).min(GAP_STEP_TICKS)
        } else {
            gap
        };
        let next = recoverable.then_some(front.payload.as_slice());
        self.conceal(ticks, next, Kind::Concealed);
        self.playhead.position += ticks;
        self.buffer.put_back(front);
    }

    /// Appends made-up sound to the chunk.
    fn conceal(&mut self, ticks: i64, next: Option<&[u8]>, kind: Kind) {
        self.chunk.kind = kind;
        let count = unsigned(ticks / self.ticks_per_sample()).max(1);
        if let Some(voice) = self
            .playhead
            .codec
            .and_then(|codec| voice(&mut self.voices, codec))
        {
            match kind {
                Kind::Filler => voice.hold(ticks, &mut self.chunk.samples),
                Kind::Received | Kind::Concealed => voice.conceal(ticks, next, &mut self.chunk.samples),
            }
        }
        self.chunk.samples.resize(count, 0);
    }

    fn play_front(&mut self) {
        let Some(entry) = self.buffer.pop() else { return };
        self.change_codec(entry.codec);
        let passed = self.playhead.position - entry.position;
        if passed < entry.ticks {
            self.play(&entry, passed);
        } else {
            self.counts.late += 1;
        }
        self.buffer.recycle(entry);
    }

    fn play(&mut self, entry: &Entry, passed: i64) {
        let from = self.playhead.position;
        self.playhead.position = entry.end();
        self.playhead.waited = 0;
        self.playhead.index = self.playhead.index.max(entry.index);
        let excess = self.excess();
        let shortfall = self.shortfall();
        let Some(voice) = voice(&mut self.voices, entry.codec) else {
            return;
        };
        let quiet = match voice.decode(&entry.payload) {
            Ok(decoded) => crate::level::power(decoded) < PAUSE_POWER,
            Err(_) => {
                self.conceal(entry.end() - from, None, Kind::Concealed);
                return;
            }
        };
        self.pace.pause = if quiet { self.pace.pause + entry.ticks } else { 0 };
        let long_pause = self.pace.pause > PAUSE_KEPT_TICKS;
        if long_pause && !self.pace.shortened && excess > entry.ticks + TOLERANCE_TICKS && passed == 0 {
            voice.leave_out();
            self.pace.shortened = true;
            self.pace.delay = self.pace.delay.map(|delay| delay - entry.ticks);
            self.counts.advance(entry.ticks, false);
            return;
        }
        self.pace.shortened = false;
        if quiet && shortfall > TOLERANCE_TICKS {
            self.pace.owed = shortfall.min(GAP_STEP_TICKS) / TOLERANCE_TICKS * TOLERANCE_TICKS;
        }
        let skip = unsigned(passed / voice.ticks_per_sample());
        voice.render(skip, &mut self.chunk.samples);
        self.chunk.kind = Kind::Received;
        crossfade(&self.chunk.splice, &mut self.chunk.samples);
        self.chunk.splice.clear();
        self.counts.level.observe(&self.chunk.samples);
    }

    /// Lets the voice of another codec take over.
    fn change_codec(&mut self, codec: Codec) {
        let Some(former) = self
            .playhead
            .codec
            .replace(codec)
            .filter(|&former| former != codec)
        else {
            return;
        };
        self.chunk.splice.clear();
        if let Some(voice) = voice(&mut self.voices, former) {
            voice.fade_out(&mut self.chunk.splice);
        }
    }

    /// Whether sound is missing between the playhead and this packet; if not, the talker paused.
    fn is_lost_before(&self, sequencer: &Sequencer, index: u64) -> bool {
        let refused = (self.playhead.index + 1..index).contains(&self.playhead.refused);
        refused || sequencer.is_missing_between(self.playhead.index, index)
    }

    /// Delay beyond what the network asks for, as far as there is sound to leave out.
    fn excess(&self) -> i64 {
        let target = self.delay.target(self.pace.quantum);
        let spare = self.buffered_ticks() - target;
        self.pace
            .delay
            .map_or(0, |delay| (delay - target).min(spare).max(0))
    }

    /// Delay that the network asks for beyond what there is.
    fn shortfall(&self) -> i64 {
        let target = self.delay.target(self.pace.quantum);
        self.pace.delay.map_or(0, |delay| (target - delay).max(0))
    }

    fn count(&mut self, now: Instant, kind: Kind, ticks: i64) {
        if kind == Kind::Filler {
            return;
        }
        self.counts.first_audio.get_or_insert(now);
        self.counts.advance(ticks, kind == Kind::Concealed);
    }
}

fn voice(voices: &mut [Voice], codec: Codec) -> Option<&mut Voice> {
    voices.iter_mut().find(|voice| voice.codec() == codec)
}

impl Counts {
    fn advance(&mut self, ticks: i64, concealed: bool) {
        let ticks = u64::try_from(ticks).unwrap_or(0);
        self.played += ticks;
        if concealed {
            self.concealed += ticks;
        }
    }
}
