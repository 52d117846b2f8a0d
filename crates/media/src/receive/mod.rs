//! The receiving end of a leg: packets in, sound at the sink's rate out, in virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::dtmf::Key;
use crate::ingress::{Ingress, IngressConfig, Taken};
use crate::rtcp::ReceptionReport;
use crate::sample::{SampleRate, ticks_to_duration};
use crate::sdp::Negotiated;
use crate::srtp::MasterKey;

mod chunk;
mod playout;
mod voice;

pub use crate::ingress::{RejectedPackets, Rejection};
pub use crate::jitter::{BUFFERED_PACKETS_MAX, BUFFERED_TIME_MAX};
use playout::Playout;
pub(crate) use voice::Voice;

/// What a receiver needs to know.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// Where the session description says the peer's RTP comes from; answers go there until a packet tells
    /// better.
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

    fn ingress(&self) -> IngressConfig {
        IngressConfig {
            remote: self.remote,
            formats: self.formats.iter().copied().collect(),
            telephone_event: self.telephone_event,
            key: self.key.clone(),
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
    /// It repeats or prolongs a key press that was told, or is RTCP: the peer is alive, and nothing is to be
    /// done.
    Consumed,
    /// It was dropped and counted.
    Rejected(Rejection),
}

/// What one pull took out of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulled {
    /// How far the stream advanced, in samples at the output rate, concealed ones included. It can be more
    /// than was pulled, where a pause of the speech was shortened.
    pub page_samples: usize,
    /// How much of that was made up in place of packets that never came.
    pub concealed: usize,
    /// How much was made up because packets were late, and put off what followed. An interruption counts when it has
    /// ended.
    pub interrupted: usize,
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
    /// How far the sink got along the stream, in samples at the output rate: what was played, what was
    /// concealed, and pauses that were shortened; not the silence before the first packet or behind the last.
    pub played_samples: u64,
    /// How much of [`ReceiveStatistics::played_samples`] was made up.
    pub concealed_samples: u64,
    /// How much was made up in the middle because packets were late, and put off what followed; no part of
    /// [`ReceiveStatistics::played_samples`].
    pub interrupted_samples: u64,
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
    ingress: Ingress,
    playout: Playout,
    config: ReceiverConfig,
    sounded: bool,
}

impl Receiver {
    /// Makes a receiver that has heard nothing.
    pub fn new(config: &ReceiverConfig) -> Receiver {
        Receiver {
            ingress: Ingress::new(config.ingress()),
            playout: Playout::new(config.output_rate),
            config: config.clone(),
            sounded: false,
        }
    }

    /// Applies what was agreed anew (a re-INVITE): playing goes on, and what is buffered is played. The
    /// output rate stays as it was.
    pub fn renegotiate(&mut self, config: &ReceiverConfig) {
        self.ingress
            .renegotiate(config.ingress(), config.key == self.config.key);
        self.config = ReceiverConfig {
            output_rate: self.config.output_rate,
            ..config.clone()
        };
    }

    /// Takes a datagram; `bytes` is decrypted in place and of no use afterwards.
    ///
    /// RTCP that shares the port (RFC 5761) is told apart here.
    pub fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Received {
        match self.ingress.take(now, from, bytes) {
            Ok(Taken::Sound(place, payload)) => match self.playout.insert(now, place, payload) {
                Ok(()) => Received::Accepted {
                    first: !std::mem::replace(&mut self.sounded, true),
                },
                Err(rejection) => {
                    self.ingress.reject(rejection);
                    Received::Rejected(rejection)
                }
            },
            Ok(Taken::Event(_, _, Some(key))) => Received::Key(key),
            Ok(Taken::Event(_, _, None) | Taken::Report) => Received::Consumed,
            Err(rejection) => Received::Rejected(rejection),
        }
    }

    /// Takes a datagram from the leg's separate RTCP port.
    pub fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Received {
        match self.ingress.take_rtcp(now, from, bytes) {
            Ok(()) => Received::Consumed,
            Err(rejection) => Received::Rejected(rejection),
        }
    }

    /// Fills `out` with the next samples; with silence where there is nothing to play.
    ///
    /// Allocates nothing itself; the Opus decoder does, a dozen small pieces for each packet.
    pub fn pull(&mut self, now: Instant, out: &mut [i16]) -> Pulled {
        let counts = &self.playout.counts;
        let before = (counts.played, counts.concealed, counts.interrupted);
        self.playout.pull(now, self.ingress.sequencer(), out);
        let counts = &self.playout.counts;
        let samples = |ticks| usize::try_from(self.samples(ticks)).unwrap_or(0);
        Pulled {
            page_samples: samples(counts.played - before.0),
            concealed: samples(counts.concealed - before.1),
            interrupted: samples(counts.interrupted - before.2),
        }
    }

    /// How the peer's stream arrives, for a report to it; `None` before its first packet. The share of lost
    /// packets counts from the last time this was asked.
    pub fn reception(&mut self, now: Instant) -> Option<ReceptionReport> {
        self.ingress.reception(now)
    }

    /// How the peer receives us, by its last report.
    pub fn told_reception(&self) -> Option<ReceptionReport> {
        self.ingress.told()
    }

    /// Whether everything that arrived has been taken by the sink.
    pub fn drained(&self) -> bool {
        self.playout.is_drained()
    }

    /// Where packets to this peer belong: where its packets come from, or else what was signalled.
    pub fn destination(&self) -> SocketAddr {
        self.ingress.destination()
    }

    /// When the last good packet came, RTCP and telephone events included.
    pub fn last_packet(&self) -> Option<Instant> {
        self.ingress.heard()
    }

    /// Lets the next packet decide anew where a plain RTP peer is, as after a re-INVITE.
    pub fn release_source(&mut self) {
        self.ingress.release_source();
    }

    /// What happened so far.
    pub fn statistics(&self) -> ReceiveStatistics {
        let counts = &self.playout.counts;
        ReceiveStatistics {
            packets: self.ingress.sequencer().received(),
            lost: self.ingress.sequencer().lost(),
            late: counts.late,
            rejected: self.ingress.rejected(),
            played_samples: self.samples(counts.played),
            concealed_samples: self.samples(counts.concealed),
            interrupted_samples: self.samples(counts.interrupted),
            first_audio: counts.first_audio,
            level_dbfs: counts.level.dbfs(),
            jitter_ms: u64::try_from(self.ingress.jitter().as_millis()).unwrap_or(u64::MAX),
            buffered: ticks_to_duration(u64::try_from(self.playout.buffered_ticks()).unwrap_or(0)),
        }
    }

    fn samples(&self, ticks: u64) -> u64 {
        ticks / u64::from(self.config.output_rate.ticks_per_sample())
    }
}
