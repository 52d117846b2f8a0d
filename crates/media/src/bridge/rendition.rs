//! A stream in another codec or packet time than its talker's: encoded once for all who need it so.

use std::time::Duration;

use super::backlog::{Backlog, Frame, FrameKind};
use crate::codec::{Codec, CodecError, Encoder, PACKET_MS_MAX};
use crate::receive::Voice;
use crate::resample::Resampler;
use crate::sample::{SampleRate, duration_to_ticks, signed, unsigned};

/// Longest loss that is concealed before encoding; a longer one stays a gap, which the listener conceals.
const CONCEALED_TICKS_MAX: i64 = 2_880;

/// What a listener's packets are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) codec: Codec,
    pub(super) packet_time: Duration,
}

/// The sound of a talker's stream, decoded once for all renditions.
pub(super) struct Decoding {
    voice: Voice,
    rate: SampleRate,
    samples: Vec<i16>,
    /// The timeline behind the last sound: its position, and the index of the last packet.
    end: Option<(i64, u64)>,
}

/// A piece of decoded sound and where it stands.
pub(super) struct Sound<'a> {
    position: i64,
    /// Packets that are missing before it and were not concealed.
    missing: bool,
    samples: &'a [i16],
}

impl Decoding {
    pub(super) fn new(codec: Codec) -> Result<Decoding, CodecError> {
        let rate = codec.sample_rate();
        Ok(Decoding {
            voice: Voice::new(codec, rate)?,
            rate,
            samples: Vec::with_capacity(rate.samples_in(Duration::from_millis(1)) * PACKET_MS_MAX * 2),
            end: None,
        })
    }

    /// Decodes a packet, with what was lost before it if that is little; `None` if it came too late or is
    /// malformed.
    pub(super) fn decode(&mut self, frame: &Frame) -> Option<Sound<'_>> {
        let (end, last_index) = self
            .end
            .unwrap_or((frame.position, frame.index.saturating_sub(1)));
        let gap = frame.position - end;
        if gap < 0 {
            return None;
        }
        let missing = frame.index > last_index + 1;
        self.samples.clear();
        let mut position = frame.position;
        if missing && gap > 0 && gap <= CONCEALED_TICKS_MAX {
            let next = (gap <= frame.ticks).then_some(frame.payload.as_slice());
            self.voice.conceal(gap, next, &mut self.samples);
            let count = unsigned(gap / i64::from(self.rate.ticks_per_sample()));
            self.samples.resize(count, 0);
            position = end;
        }
        self.voice.decode(&frame.payload).ok()?;
        self.voice.render(0, &mut self.samples);
        self.end = Some((
            frame.position.saturating_add(frame.ticks),
            frame.index.max(last_index),
        ));
        Some(Sound {
            position,
            missing: missing && position == frame.position,
            samples: &self.samples,
        })
    }
}

/// One encoding of a stream.
pub(super) struct Rendition {
    pub(super) shape: Shape,
    pub(super) backlog: Backlog,
    resampler: Resampler,
    encoder: Encoder,
    frame_samples: usize,
    // Samples at the codec's rate that do not fill a frame yet, and where they begin.
    pending: Vec<i16>,
    position: i64,
    next_index: u64,
}

impl Rendition {
    pub(super) fn new(shape: Shape, source: SampleRate) -> Result<Rendition, CodecError> {
        let rate = shape.codec.sample_rate();
        let frame_samples = rate.samples_in(shape.packet_time).max(1);
        let longest = rate.samples_in(Duration::from_millis(1)) * PACKET_MS_MAX;
        Ok(Rendition {
            shape,
            backlog: Backlog::default(),
            resampler: Resampler::new(source, rate),
            encoder: Encoder::new(shape.codec)?,
            frame_samples,
            pending: Vec::with_capacity(frame_samples + 2 * longest),
            position: 0,
            next_index: 1,
        })
    }

    /// Encodes as many frames as the sound completes.
    pub(super) fn feed(&mut self, sound: &Sound<'_>) {
        let expected = self.position + signed(self.pending.len()) * self.ticks_per_sample();
        if sound.position != expected {
            self.leap(sound, expected);
        }
        self.resampler.process(sound.samples, &mut self.pending);
        while self.pending.len() >= self.frame_samples {
            self.encode_frame();
        }
    }

    /// Passes a telephone event on; its duration is counted in this rendition's clock.
    pub(super) fn pass_event(&mut self, frame: &Frame, source: Codec) {
        let (from, to) = (source.clock_rate(), self.shape.codec.clock_rate());
        let index = self.take_index();
        self.backlog
            .push(index, frame.position, 0, FrameKind::Event, |payload| {
                payload.extend_from_slice(&frame.payload);
                if let Some([_, _, high, low]) = payload.first_chunk_mut::<4>() {
                    let duration =
                        u32::from(u16::from_be_bytes([*high, *low])) * (to / 1_000) / (from / 1_000);
                    [*high, *low] = u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes();
                }
            });
    }

    /// Begins anew at another position: the frame at hand is filled up with silence, and what is missing is a
    /// gap.
    fn leap(&mut self, sound: &Sound<'_>, expected: i64) {
        if !self.pending.is_empty() {
            self.pending.resize(self.frame_samples, 0);
            self.encode_frame();
        }
        if sound.missing && sound.position > expected {
            let frame_ticks = signed(self.frame_samples) * self.ticks_per_sample();
            let frames = (sound.position - expected) / frame_ticks.max(1);
            self.next_index = self
                .next_index
                .saturating_add(crate::sample::wide(unsigned(frames)));
        }
        self.position = sound.position;
    }

    fn encode_frame(&mut self) {
        let ticks = duration_to_ticks(self.shape.packet_time);
        let index = self.take_index();
        let Rendition {
            backlog,
            encoder,
            pending,
            frame_samples,
            position,
            ..
        } = self;
        let frame = pending.get(..*frame_samples).unwrap_or_default();
        backlog.push(index, *position, ticks, FrameKind::Sound, |payload| {
            // A frame of a negotiated packet time is one the codec has; were it not, the frame would be empty
            // and the listener would conceal it.
            if encoder.encode(frame, payload).is_err() {
                payload.clear();
            }
        });
        *position += ticks;
        let used = (*frame_samples).min(pending.len());
        pending.drain(..used);
    }

    fn take_index(&mut self) -> u64 {
        let index = self.next_index;
        self.next_index += 1;
        index
    }

    fn ticks_per_sample(&self) -> i64 {
        i64::from(self.shape.codec.sample_rate().ticks_per_sample())
    }
}
