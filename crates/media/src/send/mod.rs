//! The sending end of a leg: frames of sound in, packets out.

use std::time::{Duration, Instant};

use rand_core::Rng;
use thiserror::Error;

use crate::codec::{Codec, CodecError, Encoder};
use crate::dtmf::{DURATION_MAX, DURATION_MIN, END_PACKETS, Key, TelephoneEvent};
use crate::rtcp::ReceptionReport;
use crate::sdp::Negotiated;
use crate::srtp::{MasterKey, SrtpError};

mod stream;

pub use crate::report::REPORT_INTERVAL;
use stream::Stream;

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
    packet_time: Duration,
    frame_samples: usize,
    telephone_event: Option<u8>,
    press: Option<Press>,
    // A frame of silence, for keepalives.
    silence: Vec<i16>,
    // Encoded sound on its way into a packet.
    payload: Vec<u8>,
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
            stream: Stream::new(config.codec.clock_rate(), config.key.as_ref(), rng),
            encoder: Encoder::new(config.codec)?,
            codec: config.codec,
            payload_type: config.payload_type,
            packet_time: config.packet_time,
            frame_samples,
            telephone_event: config.telephone_event,
            press: None,
            silence: vec![0; frame_samples],
            payload: Vec::new(),
        })
    }

    /// Follows what the answer to an unchanged offer of one codec and one key can change: the payload types and the packet
    /// time. Codec, key and numbers go on.
    pub fn follow(&mut self, config: &SenderConfig) {
        self.payload_type = config.payload_type;
        self.telephone_event = config.telephone_event;
        if self.packet_time != config.packet_time {
            self.packet_time = config.packet_time;
            self.frame_samples = self.codec.sample_rate().samples_in(config.packet_time);
            self.silence = vec![0; self.frame_samples];
        }
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
    /// follow the one before at once; behind a keepalive, and behind a pause, the time that passed is
    /// counted.
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
        let begins = self.stream.go_on(now);
        if let (Some(press), Some(payload_type)) = (self.press, self.telephone_event) {
            self.press_packet(press, payload_type, packet)?;
        } else {
            self.sound_packet(samples, begins, packet)?;
        }
        self.stream.sound(now, self.packet_time);
        Ok(())
    }

    /// Makes a packet of silence, in place of what `packet` holds: it opens NAT bindings and tells the peer
    /// where we are. May be sent at any distance from the packets before and behind it.
    ///
    /// # Errors
    /// Fails with a key at its end of life.
    pub fn keepalive(&mut self, now: Instant, packet: &mut Vec<u8>) -> Result<(), SendError> {
        let begins = self.stream.go_on(now);
        let silence = std::mem::take(&mut self.silence);
        let made = self.sound_packet(&silence, begins, packet);
        self.silence = silence;
        made?;
        self.stream.sound(now, self.packet_time);
        self.stream.rest();
        Ok(())
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
        let length = self
            .stream
            .units(duration.clamp(DURATION_MIN, DURATION_MAX))
            .min(u32::from(u16::MAX));
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
        let timestamp = self.stream.timestamp;
        self.stream
            .write(marker, self.payload_type, timestamp, &self.payload, packet)?;
        Ok(())
    }

    fn press_packet(
        &mut self,
        mut press: Press,
        payload_type: u8,
        packet: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let marker = press.elapsed == 0;
        if marker {
            // Time may have passed since the key was pressed.
            press.began = self.stream.timestamp;
        }
        press.elapsed = press
            .elapsed
            .saturating_add(self.stream.units(self.packet_time))
            .min(press.length);
        let end = press.elapsed >= press.length;
        press.ends_sent += u8::from(end);
        let duration = u16::try_from(press.elapsed).unwrap_or(u16::MAX);
        let event = TelephoneEvent {
            key: press.key,
            end,
            duration,
        };
        self.stream
            .write(marker, payload_type, press.began, &event.to_bytes(), packet)?;
        self.press = (press.ends_sent < END_PACKETS).then_some(press);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::rtp::{Header, Packet};

    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn frames_follow_one_another_whether_in_time_or_at_once() {
        let mut line = Line::new();
        let first = line.say();
        assert!(first.marker);
        for number in 1..=20_u16 {
            if number % 2 == 0 {
                line.now += FRAME * 2;
            }
            let header = line.say();
            assert!(!header.marker);
            assert_eq!(header.sequence.wrapping_sub(first.sequence), number);
            assert_eq!(
                header.timestamp.wrapping_sub(first.timestamp),
                u32::from(number) * 160
            );
        }
    }

    #[test]
    fn behind_a_keepalive_the_time_that_passed_is_counted() {
        let mut line = Line::new();
        let first = line.keepalive();
        line.now += Duration::from_millis(100);
        let header = line.say();
        assert!(header.marker);
        assert_eq!(header.timestamp.wrapping_sub(first.timestamp), 800);
    }

    #[test]
    fn a_pause_of_200_ms_is_counted_and_a_shorter_one_is_not() {
        for (pause, units, marker) in [(199, 160, false), (200, 160 + 1_600, true)] {
            let mut line = Line::new();
            let first = line.say();
            line.now += FRAME + Duration::from_millis(pause);
            let header = line.say();
            assert_eq!(
                (header.timestamp.wrapping_sub(first.timestamp), header.marker),
                (units, marker)
            );
        }
    }

    #[test]
    fn a_frame_of_another_length_is_refused() {
        let mut line = Line::new();
        let refused = line.sender.packetize(line.now, &[0; 159], &mut Vec::new());
        assert_eq!(refused, Err(SendError::Codec(CodecError::FrameLength(159))));
    }

    #[test]
    fn the_first_sequence_number_is_below_half_of_the_circle() {
        for seed in 0..50 {
            let mut line = Line::with_seed(seed);
            assert!(line.say().sequence < 1 << 15);
        }
    }

    #[test]
    fn each_sender_has_names_of_its_own() {
        let (one, two) = (Line::with_seed(1).say(), Line::with_seed(2).say());
        assert_ne!(one.ssrc, two.ssrc);
        assert_ne!(one.timestamp, two.timestamp);
        assert_ne!(one.sequence, two.sequence);
    }

    #[test]
    fn a_key_press_keeps_the_time_of_its_beginning_and_sound_goes_on_behind_it() {
        let mut line = Line::new();
        let before = line.say();
        line.sender
            .press(Key::from_char('3').unwrap(), Duration::from_millis(50));

        let events: Vec<_> = (0..5).map(|_| line.say()).collect();
        let after = line.say();

        assert!(events[0].marker && events[1..].iter().all(|header| !header.marker));
        assert!(events.iter().all(|header| header.payload_type == 101));
        assert!(
            events
                .iter()
                .all(|header| header.timestamp.wrapping_sub(before.timestamp) == 160)
        );
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 6 * 160);
        assert!(!line.sender.is_pressing());
    }

    struct Line {
        sender: Sender,
        now: Instant,
    }

    impl Line {
        fn new() -> Line {
            Line::with_seed(0)
        }

        fn with_seed(seed: u8) -> Line {
            let config = SenderConfig {
                codec: Codec::Pcmu,
                payload_type: 0,
                packet_time: FRAME,
                telephone_event: Some(101),
                key: None,
            };
            let sender = Sender::new(&config, &mut ChaCha20Rng::from_seed([seed; 32])).unwrap();
            Line {
                sender,
                now: Instant::now(),
            }
        }

        fn say(&mut self) -> Header {
            let mut packet = Vec::new();
            self.sender.packetize(self.now, &[0; 160], &mut packet).unwrap();
            Packet::parse(&packet).unwrap().header()
        }

        fn keepalive(&mut self) -> Header {
            let mut packet = Vec::new();
            self.sender.keepalive(self.now, &mut packet).unwrap();
            Packet::parse(&packet).unwrap().header()
        }
    }
}
