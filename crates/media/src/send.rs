//! The sending end of a leg: frames of sound in, packets out.

use std::time::{Duration, Instant};

use rand_core::Rng;
use thiserror::Error;

use crate::codec::{Codec, CodecError, Encoder};
use crate::dtmf::{DURATION_MAX, DURATION_MIN, END_PACKETS, Key, TelephoneEvent};
use crate::report::{self, Sent, canonical_name};
use crate::rtcp::ReceptionReport;
use crate::rtp::Header;
use crate::sample::wide;
use crate::sdp::Negotiated;
use crate::srtp::{Context, MasterKey, SrtpError};

pub use crate::report::REPORT_INTERVAL;

/// What a sender needs to know.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// The codec, and with it the rate of the samples.
    pub codec: Codec,
    /// The payload type the peer expects it under.
    pub payload_type: u8,
    /// How much sound a packet carries.
    pub packet_time: Duration,
    /// The payload type of telephone events, if agreed.
    pub telephone_event: Option<u8>,
    /// The key of our SRTP; `None` for plain RTP.
    pub key: Option<MasterKey>,
}

impl SenderConfig {
    /// What a session description that was agreed asks for.
    pub fn new(negotiated: &Negotiated) -> SenderConfig {
        SenderConfig {
            codec: negotiated.codec,
            payload_type: negotiated.send_payload_type,
            packet_time: negotiated.ptime,
            telephone_event: negotiated.send_telephone_event,
            key: negotiated.crypto.as_ref().map(|pair| pair.send.clone()),
        }
    }
}

/// Why a packet could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SendError {
    /// The codec refused the frame.
    #[error("the frame could not be encoded")]
    Codec(#[from] CodecError),
    /// The packet could not be encrypted.
    #[error("the packet could not be encrypted")]
    Srtp(#[from] SrtpError),
    /// The report could not be written.
    #[error("the report could not be written")]
    Report,
}

/// The sending end of one leg.
pub struct Sender {
    stream: Stream,
    encoder: Encoder,
    codec: Codec,
    payload_type: u8,
    frame_samples: usize,
    telephone_event: Option<u8>,
    press: Option<Press>,
    // A frame of silence, for keepalives.
    silence: Vec<i16>,
    // Encoded sound on its way into a packet.
    payload: Vec<u8>,
}

/// The RTP side: what the next packet is called, and how it is sealed.
struct Stream {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    crypto: Option<Context>,
    packets: u64,
    octets: u64,
    /// When the last keepalive's sound ended, while packets do not follow one another.
    paused_since: Option<Instant>,
    /// When the clock of the reports began.
    epoch: Option<Instant>,
    canonical_name: String,
}

/// A key that is being pressed.
#[derive(Debug, Clone, Copy)]
struct Press {
    key: Key,
    /// Timestamp of its beginning.
    began: u32,
    /// Timestamp units it is to last.
    length: u32,
    elapsed: u32,
    ends_sent: u8,
}

impl Sender {
    /// Makes a sender; SSRC, first sequence number and first timestamp are drawn from `rng`.
    ///
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub fn new(config: &SenderConfig, rng: &mut impl Rng) -> Result<Sender, SendError> {
        let frame_samples = config.codec.sample_rate().samples_in(config.packet_time);
        Ok(Sender {
            stream: Stream::new(config.key.as_ref(), rng),
            encoder: Encoder::new(config.codec)?,
            codec: config.codec,
            payload_type: config.payload_type,
            frame_samples,
            telephone_event: config.telephone_event,
            press: None,
            silence: vec![0; frame_samples],
            payload: Vec::new(),
        })
    }

    /// How many samples, at the codec's rate, a frame has.
    pub fn frame_samples(&self) -> usize {
        self.frame_samples
    }

    /// The codec, which says the rate of the samples.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The stream's SSRC.
    pub fn ssrc(&self) -> u32 {
        self.stream.ssrc
    }

    /// Packets and octets of payload that were made.
    pub fn sent(&self) -> (u64, u64) {
        (self.stream.packets, self.stream.octets)
    }

    /// Makes the packet of one frame, in place of what `packet` holds.
    ///
    /// While a key is being pressed, the packet is one of the key and the frame is dropped. A frame may
    /// follow the one before at once; only behind a keepalive is the time that passed counted.
    ///
    /// # Errors
    /// Refuses a frame that has not [`Sender::frame_samples`] samples, and a key at its end of life.
    pub fn packetize(
        &mut self,
        now: Instant,
        samples: &[i16],
        packet: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if samples.len() != self.frame_samples {
            return Err(CodecError::FrameLength(samples.len()).into());
        }
        let begins = self.stream.go_on(now, self.codec) || self.stream.packets == 0;
        if let (Some(press), Some(payload_type)) = (self.press, self.telephone_event) {
            return self.press_packet(press, payload_type, packet);
        }
        self.sound_packet(samples, begins, packet)
    }

    /// Makes a packet of silence, in place of what `packet` holds: it opens NAT bindings and tells the peer
    /// where we are. May be sent at any distance from the packets before and behind it.
    ///
    /// # Errors
    /// Fails with a key at its end of life.
    pub fn keepalive(&mut self, now: Instant, packet: &mut Vec<u8>) -> Result<(), SendError> {
        let begins = self.stream.go_on(now, self.codec) || self.stream.packets == 0;
        let silence = std::mem::take(&mut self.silence);
        let made = self.sound_packet(&silence, begins, packet);
        self.silence = silence;
        // The packet's own frame has moved the timestamp already.
        self.stream.paused_since = Some(now + self.codec.sample_rate().duration_of(wide(self.frame_samples)));
        made
    }

    /// Makes a report on what was sent and, if given, on how the peer arrives, in place of what `packet`
    /// holds. It is due every [`REPORT_INTERVAL`].
    ///
    /// # Errors
    /// Fails with a key at its end of life.
    pub fn report(
        &mut self,
        now: Instant,
        reception: Option<ReceptionReport>,
        packet: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.stream.write_report(now, reception, packet)
    }

    /// Presses a key for a while (held between [`DURATION_MIN`] and [`DURATION_MAX`]): the following frames
    /// become packets of the key. False if telephone events were not agreed, or a key is being pressed.
    pub fn press(&mut self, key: Key, duration: Duration) -> bool {
        if self.telephone_event.is_none() || self.press.is_some() {
            return false;
        }
        let duration = duration.clamp(DURATION_MIN, DURATION_MAX);
        let units = duration.as_micros() * u128::from(self.codec.clock_rate()) / 1_000_000;
        let length = u32::try_from(units).unwrap_or(u32::MAX).min(u32::from(u16::MAX));
        self.press = Some(Press {
            key,
            began: self.stream.timestamp,
            length,
            elapsed: 0,
            ends_sent: 0,
        });
        true
    }

    /// Whether a key is being pressed.
    pub fn is_pressing(&self) -> bool {
        self.press.is_some()
    }

    fn sound_packet(&mut self, samples: &[i16], marker: bool, packet: &mut Vec<u8>) -> Result<(), SendError> {
        self.payload.clear();
        self.encoder.encode(samples, &mut self.payload)?;
        let header = self
            .stream
            .header(marker, self.payload_type, self.stream.timestamp);
        let step = self.frame_units();
        self.stream.write(header, &self.payload, packet)?;
        self.stream.timestamp = self.stream.timestamp.wrapping_add(step);
        Ok(())
    }

    fn press_packet(
        &mut self,
        mut press: Press,
        payload_type: u8,
        packet: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let step = self.frame_units();
        if press.elapsed == 0 {
            // A keepalive may have moved the clock since the key was pressed.
            press.began = self.stream.timestamp;
        }
        let marker = press.elapsed == 0;
        press.elapsed = press.elapsed.saturating_add(step).min(press.length);
        let end = press.elapsed >= press.length;
        press.ends_sent += u8::from(end);
        let duration = u16::try_from(press.elapsed).unwrap_or(u16::MAX);
        let event = TelephoneEvent {
            key: press.key,
            end,
            duration,
        };
        let header = self.stream.header(marker, payload_type, press.began);
        self.stream.write(header, &event.to_bytes(), packet)?;
        self.stream.timestamp = self.stream.timestamp.wrapping_add(step);
        self.press = (press.ends_sent < END_PACKETS).then_some(press);
        Ok(())
    }

    /// Timestamp units of one frame.
    fn frame_units(&self) -> u32 {
        let samples = u32::try_from(self.frame_samples).unwrap_or(u32::MAX);
        samples.saturating_mul(self.codec.clock_rate()) / self.codec.sample_rate().hertz()
    }
}

impl Stream {
    fn new(key: Option<&MasterKey>, rng: &mut impl Rng) -> Stream {
        let [high, low, ..] = rng.next_u32().to_be_bytes();
        Stream {
            ssrc: rng.next_u32(),
            // Below 2^15, so that a receiver which misses the first packets guesses the rollover counter
            // right (RFC 3711 section 3.3.1).
            sequence: u16::from_be_bytes([high & 0x7f, low]),
            timestamp: rng.next_u32(),
            crypto: key.map(Context::new),
            packets: 0,
            octets: 0,
            paused_since: None,
            epoch: None,
            canonical_name: canonical_name(rng),
        }
    }

    /// Moves the timestamp over a pause, if there was one.
    fn go_on(&mut self, now: Instant, codec: Codec) -> bool {
        let Some(since) = self.paused_since.take() else {
            return false;
        };
        let paused = now.saturating_duration_since(since);
        let units = paused.as_micros() * u128::from(codec.clock_rate()) / 1_000_000;
        // The timestamp is a circle: what is over a turn is of no consequence.
        let [.., a, b, c, d] = units.to_be_bytes();
        let units = u32::from_be_bytes([a, b, c, d]);
        self.timestamp = self.timestamp.wrapping_add(units);
        true
    }

    fn header(&self, marker: bool, payload_type: u8, timestamp: u32) -> Header {
        Header {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        }
    }

    fn write(&mut self, header: Header, payload: &[u8], packet: &mut Vec<u8>) -> Result<(), SrtpError> {
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
    fn write_report(
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
