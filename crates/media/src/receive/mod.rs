//! The receiving end of a leg: packets in, sound at the sink's rate out, in virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::codec::{Codec, CodecError};
use crate::dtmf::{Key, TelephoneEvent};
use crate::jitter::Insertion;
use crate::latch::Latch;
use crate::rtp::Packet;
use crate::sample::{MEDIA_CLOCK_HZ, SampleRate, signed, ticks_to_duration};
use crate::sdp::Negotiated;
use crate::sequence::{Admission, Sequencer};
use crate::srtp::{Context, MasterKey};

mod playout;
mod voice;

pub use crate::jitter::{BUFFERED_PACKETS_MAX, BUFFERED_TIME_MAX};
use playout::{Place, Playout};

/// What a receiver needs to know.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// Where the session description says the peer's RTP comes from; answers go there until a packet tells better.
    pub remote: SocketAddr,
    /// The payload types the peer may send, each with its codec; all others are ignored.
    pub formats: Vec<(u8, Codec)>,
    /// The payload type of telephone events, if agreed.
    pub telephone_event: Option<u8>,
    /// The key of the peer's SRTP; `None` for plain RTP.
    pub key: Option<MasterKey>,
    /// The rate at which the sink takes sound.
    pub output_rate: SampleRate,
}

impl ReceiverConfig {
    /// What a session description that was agreed asks for.
    pub fn new(negotiated: &Negotiated, output_rate: SampleRate) -> ReceiverConfig {
        ReceiverConfig {
            remote: negotiated.remote_rtp,
            formats: vec![(negotiated.receive_payload_type, negotiated.codec)],
            telephone_event: negotiated.telephone_event,
            key: negotiated.crypto.as_ref().map(|pair| pair.receive.clone()),
            output_rate,
        }
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Its sound will be played.
    Accepted {
        /// It is the first packet of the leg.
        first: bool,
    },
    /// A key was pressed; told once for each press.
    Key(Key),
    /// It repeats or prolongs a key press that was told, or is RTCP: the peer is alive, and nothing is to be done.
    Consumed,
    /// It was dropped and counted.
    Rejected(Rejection),
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// It came from another address than the packets before it.
    ForeignSource,
    /// It failed SRTP authentication, or was replayed.
    Unauthenticated,
    /// It is no RTP packet, or its payload is none of its codec.
    Malformed,
    /// Its payload type was not agreed.
    UnknownPayloadType,
    /// It was here before, or there is sound for its time already.
    Duplicate,
    /// Its time has passed.
    Late,
    /// More is buffered than [`BUFFERED_TIME_MAX`] or [`BUFFERED_PACKETS_MAX`] allows.
    Overflow,
    /// It belongs to a second stream beside the one that is played.
    OtherStream,
    /// It does not fit its stream; if the next one follows it, the stream has restarted there.
    OutOfSequence,
}

/// Packets that were dropped, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RejectedPackets {
    /// Packets from another address than the first.
    pub foreign_source: u64,
    /// Packets that failed authentication.
    pub unauthenticated: u64,
    /// Packets that could not be read.
    pub malformed: u64,
    /// Packets of a payload type that was not agreed.
    pub unknown_payload_type: u64,
    /// Packets that were here before.
    pub duplicate: u64,
    /// Packets beyond what is buffered.
    pub overflow: u64,
    /// Packets of a second stream, and those that fit no stream.
    pub out_of_sequence: u64,
}

/// What one pull took out of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulled {
    /// How far the stream advanced, in samples at the output rate, concealed ones included. It can be more than was
    /// pulled, where a pause of the speech was shortened.
    pub page_samples: usize,
    /// How much of that was made up in place of packets that never came.
    pub concealed: usize,
}

/// What happened on a leg so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReceiveStatistics {
    /// Distinct packets of the stream that arrived, telephone events included.
    pub packets: u64,
    /// Packets that never arrived, by the gaps in the sequence numbers.
    pub lost: u64,
    /// Packets that arrived after their time.
    pub late: u64,
    /// Packets that were dropped.
    pub rejected: RejectedPackets,
    /// How far the sink got along the stream, in samples at the output rate: what was played, what was concealed, and
    /// pauses that were shortened; not the silence before the first packet or behind the last.
    pub played_samples: u64,
    /// How much of [`ReceiveStatistics::played_samples`] was made up.
    pub concealed_samples: u64,
    /// When the sink took the first sample of the stream.
    pub first_audio: Option<Instant>,
    /// Level of the received speech without its pauses, in dBFS.
    pub level_dbfs: Option<f32>,
    /// Interarrival jitter as RFC 3550 defines it, in milliseconds.
    pub jitter_ms: u64,
    /// Sound that waits to be played.
    pub buffered: Duration,
}

/// The receiving end of one leg.
pub struct Receiver {
    latch: Latch,
    crypto: Option<Context>,
    formats: Vec<(u8, Codec)>,
    telephone_event: Option<u8>,
    sequencer: Sequencer,
    playout: Playout,
    output_rate: SampleRate,
    rejected: RejectedPackets,
    heard: bool,
    /// Timestamp of the key press that was told last.
    key_press: Option<u32>,
}

impl Receiver {
    /// Makes a receiver that has heard nothing.
    pub fn new(config: &ReceiverConfig) -> Receiver {
        Receiver {
            latch: Latch::new(config.remote, config.key.is_some()),
            crypto: config.key.as_ref().map(Context::new),
            formats: config.formats.clone(),
            telephone_event: config.telephone_event,
            sequencer: Sequencer::new(config.key.is_some()),
            playout: Playout::new(config.formats.iter().map(|&(_, codec)| codec), config.output_rate),
            output_rate: config.output_rate,
            rejected: RejectedPackets::default(),
            heard: false,
            key_press: None,
        }
    }

    /// Takes a datagram; `bytes` is decrypted in place and of no use afterwards.
    ///
    /// RTCP that shares the port (RFC 5761) is told apart here.
    pub fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Received {
        let received = if is_rtcp(bytes) {
            self.take_rtcp(from, bytes)
        } else {
            self.take_rtp(now, from, bytes)
        };
        received.unwrap_or_else(|rejection| {
            self.reject(rejection);
            Received::Rejected(rejection)
        })
    }

    /// Takes a datagram from the leg's separate RTCP port.
    pub fn handle_rtcp(&mut self, from: SocketAddr, bytes: &mut [u8]) -> Received {
        // The peer's RTCP port is not its RTP port, so only the host can be compared.
        if self.crypto.is_none() && from.ip() != self.latch.destination().ip() {
            self.reject(Rejection::ForeignSource);
            return Received::Rejected(Rejection::ForeignSource);
        }
        self.take_report(bytes).unwrap_or_else(|rejection| {
            self.reject(rejection);
            Received::Rejected(rejection)
        })
    }

    /// Fills `out` with the next samples; with silence where there is nothing to play.
    pub fn pull(&mut self, now: Instant, out: &mut [i16]) -> Pulled {
        let before = (self.playout.counts.played, self.playout.counts.concealed);
        self.playout.pull(now, &self.sequencer, out);
        Pulled {
            page_samples: usize::try_from(self.samples(self.playout.counts.played - before.0)).unwrap_or(0),
            concealed: usize::try_from(self.samples(self.playout.counts.concealed - before.1)).unwrap_or(0),
        }
    }

    /// Whether everything that arrived has been taken by the sink.
    pub fn drained(&self) -> bool {
        self.playout.is_drained()
    }

    /// Where packets to this peer belong: where its packets come from, or else what was signalled.
    pub fn destination(&self) -> SocketAddr {
        self.latch.destination()
    }

    /// Lets the next packet decide anew where a plain RTP peer is, as after a re-INVITE.
    pub fn release_source(&mut self) {
        self.latch.release();
    }

    /// What happened so far.
    pub fn statistics(&self) -> ReceiveStatistics {
        let counts = &self.playout.counts;
        ReceiveStatistics {
            packets: self.sequencer.received(),
            lost: self.sequencer.lost(),
            late: counts.late,
            rejected: self.rejected,
            played_samples: self.samples(counts.played),
            concealed_samples: self.samples(counts.concealed),
            first_audio: counts.first_audio,
            level_dbfs: counts.level.dbfs(),
            jitter_ms: u64::try_from(self.sequencer.jitter().as_millis()).unwrap_or(u64::MAX),
            buffered: ticks_to_duration(u64::try_from(self.playout.buffered_ticks()).unwrap_or(0)),
        }
    }

    fn samples(&self, ticks: u64) -> u64 {
        ticks / u64::from(self.output_rate.ticks_per_sample())
    }

    fn take_rtp(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Result<Received, Rejection> {
        if !self.latch.admits(from) {
            return Err(Rejection::ForeignSource);
        }
        let length = match &mut self.crypto {
            Some(context) => context
                .unprotect_rtp(bytes)
                .map_err(|_| Rejection::Unauthenticated)?,
            None => bytes.len(),
        };
        let packet =
            Packet::parse(bytes.get(..length).unwrap_or_default()).map_err(|_| Rejection::Malformed)?;
        if self.telephone_event == Some(packet.header().payload_type) {
            return self.take_event(now, from, &packet);
        }
        self.take_sound(now, from, &packet)
    }

    fn take_sound(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &Packet<'_>,
    ) -> Result<Received, Rejection> {
        let header = packet.header();
        let known = self
            .formats
            .iter()
            .enumerate()
            .find(|(_, (number, _))| *number == header.payload_type);
        let (format, &(_, codec)) = known.ok_or(Rejection::UnknownPayloadType)?;
        let samples = codec
            .payload_samples(packet.payload())
            .ok_or(Rejection::Malformed)?;
        let ticks = signed(samples) * i64::from(codec.sample_rate().ticks_per_sample());
        let scale = MEDIA_CLOCK_HZ / codec.clock_rate();
        let (index, position, begins) = accepted(self.sequencer.admit(now, header, scale, ticks))?;
        self.latch.confirm(from);
        let first = !std::mem::replace(&mut self.heard, true);
        let place = Place {
            index,
            position,
            ticks,
            format,
            begins,
        };
        match self.playout.insert(now, place, packet.payload()) {
            Ok(Some(Insertion::Done)) => Ok(Received::Accepted { first }),
            Ok(Some(Insertion::Occupied)) => Err(Rejection::Duplicate),
            Ok(Some(Insertion::Full)) => Err(Rejection::Overflow),
            Ok(None) => Err(Rejection::Late),
            Err(CodecError::Malformed | CodecError::FrameLength(_) | CodecError::Settings) => {
                Err(Rejection::Malformed)
            }
        }
    }

    fn take_event(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &Packet<'_>,
    ) -> Result<Received, Rejection> {
        let header = packet.header();
        let event = TelephoneEvent::parse(packet.payload()).ok_or(Rejection::Malformed)?;
        // Events share the clock of the sound beside them (RFC 4733 section 2.1).
        let clock = self
            .formats
            .first()
            .map_or(8_000, |(_, codec)| codec.clock_rate());
        accepted(self.sequencer.admit(now, header, MEDIA_CLOCK_HZ / clock, 0))?;
        self.latch.confirm(from);
        self.heard = true;
        // All packets of one press carry the timestamp of its beginning (RFC 4733 section 2.5.1.2).
        if self.key_press.replace(header.timestamp) == Some(header.timestamp) {
            return Ok(Received::Consumed);
        }
        Ok(Received::Key(event.key))
    }

    fn take_rtcp(&mut self, from: SocketAddr, bytes: &mut [u8]) -> Result<Received, Rejection> {
        if !self.latch.admits(from) {
            return Err(Rejection::ForeignSource);
        }
        self.take_report(bytes)
    }

    /// Reports only show that the peer lives; a BYE is for SIP to say, and anybody could send one.
    fn take_report(&mut self, bytes: &mut [u8]) -> Result<Received, Rejection> {
        if let Some(context) = &mut self.crypto {
            context
                .unprotect_rtcp(bytes)
                .map_err(|_| Rejection::Unauthenticated)?;
        }
        Ok(Received::Consumed)
    }

    fn reject(&mut self, rejection: Rejection) {
        let counter = match rejection {
            Rejection::ForeignSource => &mut self.rejected.foreign_source,
            Rejection::Unauthenticated => &mut self.rejected.unauthenticated,
            Rejection::Malformed => &mut self.rejected.malformed,
            Rejection::UnknownPayloadType => &mut self.rejected.unknown_payload_type,
            Rejection::Duplicate => &mut self.rejected.duplicate,
            Rejection::Overflow => &mut self.rejected.overflow,
            Rejection::OtherStream | Rejection::OutOfSequence => &mut self.rejected.out_of_sequence,
            // Counted where playout knows it.
            Rejection::Late => return,
        };
        *counter += 1;
    }
}

/// Whether a datagram on a shared port is RTCP (RFC 5761 section 4).
pub(crate) fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|second| (192..=223).contains(second))
}

/// The place of a packet on its timeline, or why it has none.
pub(crate) fn accepted(admission: Admission) -> Result<(u64, i64, bool), Rejection> {
    match admission {
        Admission::Accepted {
            index,
            position,
            begins,
        } => Ok((index, position, begins)),
        Admission::Duplicate => Err(Rejection::Duplicate),
        Admission::OtherStream => Err(Rejection::OtherStream),
        Admission::Probation | Admission::Implausible => Err(Rejection::OutOfSequence),
    }
}
