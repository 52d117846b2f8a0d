//! Where packets of a peer come in: source, authentication, payload type, place on the timeline. The same for
//! an endpoint's receiver and for each leg of a bridge.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::codec::Codec;
use crate::dtmf::{Key, Presses, TelephoneEvent};
use crate::latch::Latch;
use crate::report::Reports;
use crate::rtcp::{self, ReceptionReport};
use crate::rtp::{Header, Packet};
use crate::sample::{MEDIA_CLOCK_HZ, signed};
use crate::sequence::{Admission, Sequencer};
use crate::srtp::{Context, MasterKey};

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
    /// More is buffered than the limits of the jitter buffer allow.
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

/// The peer's side of a leg as it was agreed.
#[derive(Debug, Clone)]
pub(crate) struct IngressConfig {
    pub(crate) remote: SocketAddr,
    pub(crate) formats: SmallVec<[(u8, Codec); 2]>,
    pub(crate) telephone_event: Option<u8>,
    pub(crate) key: Option<MasterKey>,
}

/// A packet that was found good.
#[derive(Debug)]
pub(crate) enum Taken<'a> {
    Sound(Place, &'a [u8]),
    /// A packet of a key press, and the key if this is its first.
    Event(Place, &'a [u8], Option<Key>),
    /// RTCP: the peer is alive.
    Report,
}

/// Where a packet belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) index: u64,
    /// Beginning and length of its sound, in ticks of the media clock.
    pub(crate) position: i64,
    pub(crate) ticks: i64,
    pub(crate) codec: Codec,
    /// It is the first of a stream or of a new segment.
    pub(crate) begins: bool,
}

/// The receiving side of a leg before its sound.
pub(crate) struct Ingress {
    latch: Latch,
    crypto: Option<Context>,
    formats: SmallVec<[(u8, Codec); 2]>,
    telephone_event: Option<u8>,
    sequencer: Sequencer,
    rejected: RejectedPackets,
    /// When the last good packet came.
    heard: Option<Instant>,
    presses: Presses,
    reports: Reports,
}

impl Ingress {
    pub(crate) fn new(config: IngressConfig) -> Ingress {
        Ingress {
            latch: Latch::new(config.remote, config.key.is_some()),
            crypto: config.key.as_ref().map(Context::new),
            formats: config.formats,
            telephone_event: config.telephone_event,
            sequencer: Sequencer::new(config.key.is_some()),
            rejected: RejectedPackets::default(),
            heard: None,
            presses: Presses::default(),
            reports: Reports::default(),
        }
    }

    /// Applies what was agreed anew; the timeline goes on. A key that stays keeps its replay window, and a
    /// source that was learnt stays as long as the description names the same address.
    pub(crate) fn renegotiate(&mut self, config: IngressConfig, same_key: bool) {
        if !same_key || !self.latch.is_for(config.remote) {
            self.latch = Latch::new(config.remote, config.key.is_some());
        }
        if !same_key {
            self.crypto = config.key.as_ref().map(Context::new);
            self.sequencer.trust(config.key.is_some());
        }
        self.formats = config.formats;
        self.telephone_event = config.telephone_event;
    }

    /// Takes a datagram, RTP or RTCP on a shared port (RFC 5761); `bytes` is decrypted in place.
    pub(crate) fn take<'a>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &'a mut [u8],
    ) -> Result<Taken<'a>, Rejection> {
        let taken = if rtcp::is_rtcp(bytes) {
            self.check_source(from)
                .and_then(|()| self.take_report(now, bytes))
        } else {
            self.take_rtp(now, from, bytes)
        };
        match &taken {
            Ok(_) => self.heard = Some(now),
            Err(rejection) => self.reject(*rejection),
        }
        taken
    }

    /// Takes a datagram from the leg's separate RTCP port.
    pub(crate) fn take_rtcp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &mut [u8],
    ) -> Result<(), Rejection> {
        // The peer's RTCP port is not its RTP port, so only the host can be compared.
        let foreign = self.crypto.is_none() && from.ip() != self.latch.destination().ip();
        let taken = if foreign {
            Err(Rejection::ForeignSource)
        } else {
            self.take_report(now, bytes).map(|_| ())
        };
        match taken {
            Ok(()) => self.heard = Some(now),
            Err(rejection) => self.reject(rejection),
        }
        taken
    }

    /// Where packets to the peer belong.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.latch.destination()
    }

    /// Lets the next packet decide anew where a plain RTP peer is.
    pub(crate) fn release_source(&mut self) {
        self.latch.release();
    }

    /// When the last good packet came, RTCP included.
    pub(crate) fn heard(&self) -> Option<Instant> {
        self.heard
    }

    pub(crate) fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }

    pub(crate) fn rejected(&self) -> RejectedPackets {
        self.rejected
    }

    pub(crate) fn jitter(&self) -> Duration {
        self.sequencer.jitter()
    }

    /// How the peer receives us, by its last report.
    pub(crate) fn told(&self) -> Option<ReceptionReport> {
        self.reports.told()
    }

    /// How we receive the peer since the last time this was asked; `None` before its first packet.
    pub(crate) fn reception(&mut self, now: Instant) -> Option<ReceptionReport> {
        let clock_rate = self.clock_codec().clock_rate();
        self.reports.reception(now, &self.sequencer, clock_rate)
    }

    /// Counts a dropped packet.
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        let counter = match rejection {
            Rejection::ForeignSource => &mut self.rejected.foreign_source,
            Rejection::Unauthenticated => &mut self.rejected.unauthenticated,
            Rejection::Malformed => &mut self.rejected.malformed,
            Rejection::UnknownPayloadType => &mut self.rejected.unknown_payload_type,
            Rejection::Duplicate => &mut self.rejected.duplicate,
            Rejection::Overflow => &mut self.rejected.overflow,
            Rejection::OtherStream | Rejection::OutOfSequence => &mut self.rejected.out_of_sequence,
            // Playout counts these where it meets them.
            Rejection::Late => return,
        };
        *counter += 1;
    }

    fn check_source(&self, from: SocketAddr) -> Result<(), Rejection> {
        if self.latch.admits(from) {
            Ok(())
        } else {
            Err(Rejection::ForeignSource)
        }
    }

    fn take_rtp<'a>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &'a mut [u8],
    ) -> Result<Taken<'a>, Rejection> {
        self.check_source(from)?;
        let length = match &mut self.crypto {
            Some(context) => context
                .unprotect_rtp(bytes)
                .map_err(|_| Rejection::Unauthenticated)?,
            None => bytes.len(),
        };
        let plain = bytes.get(..length).unwrap_or_default();
        let packet = Packet::parse(plain).map_err(|_| Rejection::Malformed)?;
        let taken = if self.telephone_event == Some(packet.header().payload_type) {
            self.take_event(now, packet.header(), packet.payload())
        } else {
            self.take_sound(now, packet.header(), packet.payload())
        }?;
        let newest = match &taken {
            Taken::Sound(place, _) | Taken::Event(place, _, _) => self.sequencer.is_newest(place.index),
            Taken::Report => false,
        };
        // A packet that was overtaken says where the peer was, not where it is.
        if newest {
            self.latch.confirm(from);
        }
        Ok(taken)
    }

    fn take_sound<'a>(
        &mut self,
        now: Instant,
        header: Header,
        payload: &'a [u8],
    ) -> Result<Taken<'a>, Rejection> {
        let found = self
            .formats
            .iter()
            .find(|(payload_type, _)| *payload_type == header.payload_type);
        let &(_, codec) = found.ok_or(Rejection::UnknownPayloadType)?;
        let samples = codec.payload_samples(payload).ok_or(Rejection::Malformed)?;
        let ticks = signed(samples) * i64::from(codec.sample_rate().ticks_per_sample());
        let place = self.place(now, header, codec, ticks)?;
        Ok(Taken::Sound(place, payload))
    }

    fn take_event<'a>(
        &mut self,
        now: Instant,
        header: Header,
        payload: &'a [u8],
    ) -> Result<Taken<'a>, Rejection> {
        let event = TelephoneEvent::parse(payload).ok_or(Rejection::Malformed)?;
        // Events share the clock of the sound beside them (RFC 4733 section 2.1).
        let place = self.place(now, header, self.clock_codec(), 0)?;
        let key = self.presses.take(header.timestamp, event, place.begins);
        Ok(Taken::Event(place, payload, key))
    }

    /// The codec whose clock the stream's timestamps count in.
    fn clock_codec(&self) -> Codec {
        self.formats.first().map_or(Codec::Pcmu, |(_, codec)| *codec)
    }

    fn place(&mut self, now: Instant, header: Header, codec: Codec, ticks: i64) -> Result<Place, Rejection> {
        match self
            .sequencer
            .admit(now, header, MEDIA_CLOCK_HZ / codec.clock_rate(), ticks)
        {
            Admission::Accepted {
                index,
                position,
                begins,
            } => Ok(Place {
                index,
                position,
                ticks,
                codec,
                begins,
            }),
            Admission::Duplicate => Err(Rejection::Duplicate),
            Admission::OtherStream => Err(Rejection::OtherStream),
            Admission::Probation | Admission::Implausible => Err(Rejection::OutOfSequence),
        }
    }

    /// A report shows that the peer lives, and how it hears us. A BYE in it is not heeded: calls end by SIP.
    fn take_report(&mut self, now: Instant, bytes: &mut [u8]) -> Result<Taken<'static>, Rejection> {
        let length = match &mut self.crypto {
            Some(context) => context
                .unprotect_rtcp(bytes)
                .map_err(|_| Rejection::Unauthenticated)?,
            None => bytes.len(),
        };
        let plain = bytes.get(..length).unwrap_or_default();
        let received = rtcp::Received::parse(plain).map_err(|_| Rejection::Malformed)?;
        self.reports.take(now, &received);
        Ok(Taken::Report)
    }
}
