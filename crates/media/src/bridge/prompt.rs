//! A signal that the plane itself lets one leg's peer hear, because no other leg speaks to it.

use std::time::{Duration, Instant};

use super::backlog::{Frame, FrameKind};
use super::rendition::Shape;
use crate::codec::{CodecError, Encoder};
use crate::sample::duration_to_ticks;
use crate::tone::{Player, Signal};

/// A plane that was looked after too late goes on from there, rather than sending what was due all at once.
const LATE_MAX: Duration = Duration::from_millis(200);

/// A signal on its way to a peer, packet by packet.
pub(super) struct Prompt {
    /// When its next packet is due.
    pub(super) due: Instant,
    player: Player,
    encoder: Encoder,
    packet_time: Duration,
    samples: Vec<i16>,
    /// The packet made last, and whether it is still to be sent.
    frame: Frame,
    is_waiting: bool,
}

/// Where the prompts of a leg stand: each follows the one before in its numbers and its time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Prompted {
    /// When the first one began.
    epoch: Option<Instant>,
    /// Index and beginning of the next packet.
    index: u64,
    position: i64,
}

impl Prompt {
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub(super) fn new(
        now: Instant,
        signal: Signal,
        shape: Shape,
        prompted: &mut Prompted,
    ) -> Result<Prompt, CodecError> {
        let rate = shape.codec.sample_rate();
        let epoch = *prompted.epoch.get_or_insert(now);
        let elapsed = duration_to_ticks(now.saturating_duration_since(epoch));
        prompted.position = prompted.position.max(elapsed);
        Ok(Prompt {
            due: now,
            player: Player::new(signal, rate),
            encoder: Encoder::new(shape.codec)?,
            packet_time: shape.packet_time,
            samples: vec![0; rate.samples_in(shape.packet_time)],
            frame: Frame {
                index: prompted.index,
                position: prompted.position,
                ticks: duration_to_ticks(shape.packet_time),
                kind: FrameKind::Sound,
                payload: Vec::new(),
            },
            is_waiting: false,
        })
    }

    /// What it plays.
    pub(super) fn into_signal(self) -> Signal {
        self.player.into_signal()
    }

    /// Makes the next packet, to be sent at once; says when the one behind it is due. `None` at the end of the signal.
    pub(super) fn advance(&mut self, now: Instant, prompted: &mut Prompted) -> Option<Instant> {
        if self.player.is_finished() {
            return None;
        }
        self.player.fill(&mut self.samples);
        self.frame.payload.clear();
        // A packet time that was agreed is one the codec has; were it not, there would be nothing to hear.
        if self
            .encoder
            .encode(&self.samples, &mut self.frame.payload)
            .is_err()
        {
            return None;
        }
        self.frame.index = prompted.index;
        self.frame.position = prompted.position;
        prompted.index += 1;
        prompted.position += self.frame.ticks;
        self.is_waiting = true;
        if now.saturating_duration_since(self.due) > LATE_MAX {
            self.due = now;
        }
        self.due += self.packet_time;
        Some(self.due)
    }

    /// The packet that is to be sent, once.
    pub(super) fn take(&mut self) -> Option<&Frame> {
        std::mem::take(&mut self.is_waiting).then_some(&self.frame)
    }
}
