//! Opus (RFC 6716) by the `ropus` crate: 48 kHz, mono, with in-band forward error correction.

use ropus::{Application, Bitrate, Channels, DecodeMode, InbandFec, Signal};

use super::CodecError;

/// Bits a second of the speech that is sent.
pub const BITRATE: u32 = 32_000;
/// Longest packet a decoder accepts: RFC 6716 section 3.4 (R5) limits it to 120 ms.
pub const PACKET_SAMPLES_MAX: usize = 5_760;

const RATE_HZ: u32 = 48_000;
/// Effort of the encoder, 0 to 10. 5 costs 0.17 ms a frame where 9 costs 0.30, at nearly the same quality of
/// speech.
const COMPLEXITY: u8 = 5;
/// The loss the encoder is told to protect against; without it no redundancy is spent on error correction.
const EXPECTED_LOSS_PERCENT: u8 = 10;
/// A packet larger than this would risk fragmentation behind SRTP, UDP and IPv6 headers.
const PACKET_OCTETS_MAX: usize = 1_100;

/// A speech encoder: 48 kHz mono in, packets of [`BITRATE`] out.
pub struct OpusEncoder {
    encoder: ropus::Encoder,
}

impl OpusEncoder {
    /// Makes an encoder tuned for speech.
    ///
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub fn new() -> Result<OpusEncoder, CodecError> {
        let bitrate = Bitrate::try_bits(BITRATE).map_err(|_| CodecError::Settings)?;
        let encoder = ropus::Encoder::builder(RATE_HZ, Channels::Mono, Application::Voip)
            .bitrate(bitrate)
            .complexity(COMPLEXITY)
            .signal(Signal::Voice)
            .inband_fec(InbandFec::Enabled)
            .packet_loss_perc(EXPECTED_LOSS_PERCENT)
            .build()
            .map_err(|_| CodecError::Settings)?;
        Ok(OpusEncoder { encoder })
    }

    /// Appends the packet of one frame; `samples` is 2.5, 5, 10, 20, 40 or 60 ms of sound.
    ///
    /// # Errors
    /// Refuses any other length of frame.
    pub fn encode(&mut self, samples: &[i16], payload: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = payload.len();
        payload.resize(start + PACKET_OCTETS_MAX, 0);
        let space = payload.get_mut(start..).unwrap_or_default();
        let length = self.encoder.encode(samples, space);
        payload.truncate(start + length.as_ref().copied().unwrap_or(0));
        length
            .map(|_| ())
            .map_err(|_| CodecError::FrameLength(samples.len()))
    }
}

/// A decoder: packets in, 48 kHz mono out.
pub struct OpusDecoder {
    decoder: ropus::Decoder,
}

impl OpusDecoder {
    /// Makes a decoder that has heard nothing yet.
    ///
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub fn new() -> Result<OpusDecoder, CodecError> {
        let decoder = ropus::Decoder::new(RATE_HZ, Channels::Mono).map_err(|_| CodecError::Settings)?;
        Ok(OpusDecoder { decoder })
    }

    /// Appends the sound of one packet.
    ///
    /// # Errors
    /// Refuses a payload that is no Opus packet; `samples` is then as before.
    pub fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) -> Result<(), CodecError> {
        // The codec takes an empty packet for a lost one; here it is an offence.
        let length = packet_samples(payload).ok_or(CodecError::Malformed)?;
        self.run(payload, length, DecodeMode::Normal, samples)
    }

    /// Appends `length` samples for a lost packet, recovered from the redundancy in the packet after it.
    ///
    /// Where that packet carries none, the sound is extrapolated as by [`OpusDecoder::conceal`].
    ///
    /// # Errors
    /// Refuses a payload that is no Opus packet and a length that is no multiple of 2.5 ms or over 120 ms.
    pub fn recover(&mut self, next: &[u8], length: usize, samples: &mut Vec<i16>) -> Result<(), CodecError> {
        packet_samples(next).ok_or(CodecError::Malformed)?;
        self.run(next, length, DecodeMode::Fec, samples)
    }

    /// Appends `length` samples extrapolated from what was heard before.
    ///
    /// # Errors
    /// Refuses a length that is no multiple of 2.5 ms or over 120 ms.
    pub fn conceal(&mut self, length: usize, samples: &mut Vec<i16>) -> Result<(), CodecError> {
        self.run(&[], length, DecodeMode::Normal, samples)
    }

    fn run(
        &mut self,
        payload: &[u8],
        length: usize,
        mode: DecodeMode,
        samples: &mut Vec<i16>,
    ) -> Result<(), CodecError> {
        if length == 0 || length > PACKET_SAMPLES_MAX {
            return Err(CodecError::FrameLength(length));
        }
        let start = samples.len();
        samples.resize(start + length, 0);
        let space = samples.get_mut(start..).unwrap_or_default();
        match self.decoder.decode(payload, space, mode) {
            Ok(decoded) if decoded == length => Ok(()),
            Ok(_) | Err(_) => {
                samples.truncate(start);
                Err(CodecError::Malformed)
            }
        }
    }
}

/// How many samples at 48 kHz a packet lasts, read from its first two octets (RFC 6716 section 3.1); `None`
/// if it is no packet, or longer than 120 ms.
pub fn packet_samples(payload: &[u8]) -> Option<usize> {
    let (&toc, rest) = payload.split_first()?;
    let frames = match toc & 0x03 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(rest.first()? & 0x3f),
    };
    let samples = frames * frame_samples(toc >> 3);
    (1..=PACKET_SAMPLES_MAX).contains(&samples).then_some(samples)
}

/// Samples of one frame of a configuration (RFC 6716 table 2).
fn frame_samples(configuration: u8) -> usize {
    match configuration {
        0..=11 => [480, 960, 1_920, 2_880]
            .into_iter()
            .nth(usize::from(configuration % 4)),
        12..=15 => [480, 960].into_iter().nth(usize::from(configuration % 2)),
        _ => [120, 240, 480, 960]
            .into_iter()
            .nth(usize::from(configuration % 4)),
    }
    .unwrap_or(0)
}
