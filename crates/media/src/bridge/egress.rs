//! The sending side of a bridged leg: its own names for the packets of the stream it hears.

use std::time::Duration;

use rand_core::Rng;

use super::backlog::{Frame, FrameKind};
use super::stream::Source;
use crate::report::{self, Sent};
use crate::rtcp::ReceptionReport;
use crate::rtp::Header;
use crate::sample::{MEDIA_CLOCK_HZ, wide};
use crate::sdp::Negotiated;
use crate::srtp::Context;

/// How a leg's packets are named, numbered and sealed.
pub(super) struct Egress {
    ssrc: u32,
    payload_type: u8,
    telephone_event: Option<u8>,
    crypto: Option<Context>,
    /// Ticks of the media clock in a unit of the leg's timestamp.
    scale: u32,
    /// What is added to a frame's index to give the sequence number, once a frame was sent.
    offset: Option<u64>,
    /// The highest index sent, after the offset.
    highest: u64,
    first_sequence: u16,
    timestamp_offset: u32,
    /// The timestamp sent last.
    timestamp: u32,
    pub(super) listening: Option<Listening>,
    packets: u64,
    octets: u64,
    marker: bool,
}

/// What a leg hears, and how far it got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listening {
    pub(super) source: Source,
    /// Serial of the next frame for this leg.
    pub(super) serial: u64,
    /// The beginning has been sent once more, to the address where the peer turned out to be.
    pub(super) repeated: bool,
}

impl Egress {
    pub(super) fn new(negotiated: &Negotiated, rng: &mut impl Rng) -> Egress {
        let [high, low, ..] = rng.next_u32().to_be_bytes();
        Egress {
            ssrc: rng.next_u32(),
            payload_type: negotiated.send_payload_type,
            telephone_event: negotiated.send_telephone_event,
            crypto: negotiated.crypto.as_ref().map(|pair| Context::new(&pair.send)),
            scale: MEDIA_CLOCK_HZ / negotiated.codec.clock_rate(),
            offset: None,
            highest: 0,
            // Below 2^15, so that a receiver which misses the first packets guesses the rollover counter
            // right (RFC 3711 section 3.3.1).
            first_sequence: u16::from_be_bytes([high & 0x7f, low]),
            timestamp_offset: rng.next_u32(),
            timestamp: 0,
            listening: None,
            packets: 0,
            octets: 0,
            marker: true,
        }
    }

    /// Changes what was negotiated anew; numbers go on, as the stream stays the same for the peer.
    pub(super) fn renegotiate(&mut self, negotiated: &Negotiated, same_key: bool) {
        self.payload_type = negotiated.send_payload_type;
        self.telephone_event = negotiated.send_telephone_event;
        let scale = MEDIA_CLOCK_HZ / negotiated.codec.clock_rate();
        if scale != self.scale {
            // Timestamps of another clock are another stream's (RFC 7160 section 4).
            self.ssrc = self.ssrc.wrapping_add(1);
            self.scale = scale;
        }
        if !same_key {
            self.crypto = negotiated.crypto.as_ref().map(|pair| Context::new(&pair.send));
        }
    }

    /// Hears another stream, or the same one from another point on.
    pub(super) fn listen(&mut self, listening: Option<Listening>) {
        self.listening = listening;
        self.offset = None;
        self.marker = true;
    }

    /// Writes the packet of a frame; false if there is none to send.
    pub(super) fn write(&mut self, frame: &Frame, packet: &mut Vec<u8>) -> bool {
        let payload_type = match frame.kind {
            FrameKind::Sound => Some(self.payload_type),
            FrameKind::Event => self.telephone_event,
        };
        let Some(payload_type) = payload_type else {
            return false;
        };
        let index = self.number(frame.index);
        let header = Header {
            marker: std::mem::take(&mut self.marker),
            payload_type,
            sequence: low_16(index),
            timestamp: self.timestamp_of(frame.position),
            ssrc: self.ssrc,
        };
        self.timestamp = header.timestamp;
        packet.clear();
        packet.extend_from_slice(&header.to_bytes());
        packet.extend_from_slice(&frame.payload);
        if let Some(context) = &mut self.crypto {
            // Refused are a key at its end of life and a packet too far behind: both leave a gap.
            if context.protect_rtp(packet).is_err() {
                return false;
            }
        }
        self.packets += 1;
        self.octets += wide(frame.payload.len());
        true
    }

    /// Writes a report; false if there is nothing to tell, or the key is at its end of life.
    pub(super) fn report(
        &mut self,
        elapsed: Duration,
        reception: Option<ReceptionReport>,
        canonical_name: &str,
        packet: &mut Vec<u8>,
    ) -> bool {
        if self.packets == 0 && reception.is_none() {
            return false;
        }
        let sent = Sent {
            ssrc: self.ssrc,
            packets: self.packets,
            octets: self.octets,
            timestamp: self.timestamp,
        };
        report::write(sent, elapsed, reception, canonical_name, packet).is_ok()
            && self
                .crypto
                .as_mut()
                .is_none_or(|context| context.protect_rtcp(packet).is_ok())
    }

    /// Packets and octets of payload sent.
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.packets, self.octets)
    }

    /// The leg's number for a frame: gaps stay gaps, and what is heard from another point on follows what was
    /// sent.
    fn number(&mut self, frame_index: u64) -> u64 {
        let next = if self.packets == 0 {
            u64::from(self.first_sequence)
        } else {
            self.highest.wrapping_add(1)
        };
        let offset = *self.offset.get_or_insert(next.wrapping_sub(frame_index));
        let index = frame_index.wrapping_add(offset);
        self.highest = if self.packets == 0 {
            index
        } else {
            self.highest.max(index)
        };
        index
    }

    fn timestamp_of(&self, position: i64) -> u32 {
        let units = position / i64::from(self.scale.max(1));
        let [.., a, b, c, d] = units.to_be_bytes();
        u32::from_be_bytes([a, b, c, d]).wrapping_add(self.timestamp_offset)
    }
}

fn low_16(index: u64) -> u16 {
    let [.., high, low] = index.to_be_bytes();
    u16::from_be_bytes([high, low])
}
