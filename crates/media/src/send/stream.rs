//! The RTP side of a sender: what the next packet is called, and how it is sealed.

use std::time::{Duration, Instant};

use rand_core::Rng;

use super::SendError;
use crate::report::{self, Sent, canonical_name};
use crate::rtcp::ReceptionReport;
use crate::rtp::Header;
use crate::sample::wide;
use crate::srtp::{Context, MasterKey, SrtpError};

/// A talker who makes no packet for so long has paused: the timestamp moves on with the time. Less is the
/// unsteadiness of its clock.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Names, numbers and key of one stream.
pub(super) struct Stream {
    pub(super) ssrc: u32,
    /// The timestamp of the next packet's sound.
    pub(super) timestamp: u32,
    pub(super) packets: u64,
    pub(super) octets: u64,
    clock_rate: u32,
    sequence: u16,
    crypto: Option<Context>,
    /// When the sound of the last packet ends.
    sound_end: Option<Instant>,
    /// The last packet was a keepalive, so the time behind it is a pause however short.
    resting: bool,
    /// When the clock of the reports began.
    epoch: Option<Instant>,
    canonical_name: String,
}

impl Stream {
    pub(super) fn new(clock_rate: u32, key: Option<&MasterKey>, rng: &mut impl Rng) -> Stream {
        let [high, low, ..] = rng.next_u32().to_be_bytes();
        Stream {
            ssrc: rng.next_u32(),
            timestamp: rng.next_u32(),
            packets: 0,
            octets: 0,
            clock_rate,
            // Below 2^15, so that a receiver which misses the first packets guesses the rollover counter
            // right (RFC 3711 section 3.3.1).
            sequence: u16::from_be_bytes([high & 0x7f, low]),
            crypto: key.map(Context::new),
            sound_end: None,
            resting: false,
            epoch: None,
            canonical_name: canonical_name(rng),
        }
    }

    /// Moves the timestamp over a pause; says whether the next packet is the first behind one.
    pub(super) fn go_on(&mut self, now: Instant) -> bool {
        let Some(end) = self.sound_end else { return true };
        let pause = now.saturating_duration_since(end);
        let resting = std::mem::replace(&mut self.resting, false);
        if !resting && pause < PAUSE_MIN {
            return false;
        }
        self.timestamp = self.timestamp.wrapping_add(self.units(pause));
        true
    }

    /// Counts the sound of the packet that was made.
    pub(super) fn sound(&mut self, now: Instant, packet_time: Duration) {
        self.timestamp = self.timestamp.wrapping_add(self.units(packet_time));
        // Frames that are made ahead of their time follow one another.
        self.sound_end = Some(self.sound_end.map_or(now, |end| end.max(now)) + packet_time);
    }

    /// Says that what follows is a pause.
    pub(super) fn rest(&mut self) {
        self.resting = true;
    }

    /// A stretch of time in units of the timestamp; what is over a turn of its circle is of no consequence.
    pub(super) fn units(&self, duration: Duration) -> u32 {
        let units = duration.as_micros() * u128::from(self.clock_rate) / 1_000_000;
        let [.., a, b, c, d] = units.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Writes and seals a packet in place of what `packet` holds.
    pub(super) fn write(
        &mut self,
        marker: bool,
        payload_type: u8,
        timestamp: u32,
        payload: &[u8],
        packet: &mut Vec<u8>,
    ) -> Result<(), SrtpError> {
        let header = Header {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        packet.clear();
        packet.extend_from_slice(&header.to_bytes());
        packet.extend_from_slice(payload);
        if let Some(context) = &mut self.crypto {
            context.protect_rtp(packet)?;
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += wide(payload.len());
        Ok(())
    }

    /// Writes and seals a report in place of what `packet` holds.
    pub(super) fn write_report(
        &mut self,
        now: Instant,
        reception: Option<ReceptionReport>,
        packet: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let elapsed = now.saturating_duration_since(*self.epoch.get_or_insert(now));
        let sent = Sent {
            ssrc: self.ssrc,
            packets: self.packets,
            octets: self.octets,
            timestamp: self.timestamp,
        };
        report::write(sent, elapsed, reception, &self.canonical_name, packet)
            .map_err(|_| SendError::Report)?;
        if let Some(context) = &mut self.crypto {
            context.protect_rtcp(packet)?;
        }
        Ok(())
    }
}
