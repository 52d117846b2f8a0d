//! One encoder and one decoder for all codecs: mono, 16 bit.

use thiserror::Error;

use super::g722::{G722Decoder, G722Encoder};
use super::opus::{self, OpusDecoder, OpusEncoder};
use super::{Codec, g711};
use crate::sample::SampleRate;

/// Longest packet that is decoded, in milliseconds; what lasts longer is no live speech but an attempt on
/// memory.
//= https://www.rfc-editor.org/rfc/rfc3551#section-4.2
//# A receiver SHOULD accept packets
//# representing between 0 and 200 ms of audio data.
pub const PACKET_MS_MAX: usize = 200;

/// Why something could not be encoded or decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The payload is no packet of this codec.
    #[error("payload is malformed")]
    Malformed,
    /// The codec has no frames of this many samples.
    #[error("a frame of {0} samples is not possible with this codec")]
    FrameLength(usize),
    /// The codec refused its settings.
    #[error("the codec refused its settings")]
    Settings,
}

impl Codec {
    /// The rate of the samples that go into the encoder and come out of the decoder.
    pub fn sample_rate(self) -> SampleRate {
        match self {
            Codec::Pcmu | Codec::Pcma => SampleRate::Hz8000,
            Codec::G722 => SampleRate::Hz16000,
            Codec::Opus => SampleRate::Hz48000,
        }
    }

    /// How many samples, at [`Codec::sample_rate`], a payload decodes to.
    ///
    /// `None` for what is no payload of this codec: empty, malformed, or longer than [`PACKET_MS_MAX`].
    pub fn payload_samples(self, payload: &[u8]) -> Option<usize> {
        match self {
            Codec::Pcmu | Codec::Pcma => (1..=PACKET_MS_MAX * 8)
                .contains(&payload.len())
                .then_some(payload.len()),
            Codec::G722 => (1..=PACKET_MS_MAX * 8)
                .contains(&payload.len())
                .then_some(payload.len() * 2),
            Codec::Opus => opus::packet_samples(payload),
        }
    }
}

/// Turns samples into payloads.
pub enum Encoder {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722; boxed, since its state is large.
    G722(Box<G722Encoder>),
    /// Opus; boxed, since its state is large.
    Opus(Box<OpusEncoder>),
}

impl Encoder {
    /// Makes the encoder of a codec.
    ///
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub fn new(codec: Codec) -> Result<Encoder, CodecError> {
        Ok(match codec {
            Codec::Pcmu => Encoder::Pcmu,
            Codec::Pcma => Encoder::Pcma,
            Codec::G722 => Encoder::G722(Box::default()),
            Codec::Opus => Encoder::Opus(Box::new(OpusEncoder::new()?)),
        })
    }

    /// Appends the payload of one frame.
    ///
    /// # Errors
    /// Refuses a frame length the codec does not have; G.711 takes any up to [`PACKET_MS_MAX`].
    pub fn encode(&mut self, samples: &[i16], payload: &mut Vec<u8>) -> Result<(), CodecError> {
        let law = match self {
            Encoder::Pcmu => g711::encode_mu_law,
            Encoder::Pcma => g711::encode_a_law,
            Encoder::G722(encoder) => return encode_g722(encoder, samples, payload),
            Encoder::Opus(encoder) => return encoder.encode(samples, payload),
        };
        if samples.is_empty() || samples.len() > PACKET_MS_MAX * 8 {
            return Err(CodecError::FrameLength(samples.len()));
        }
        payload.extend(samples.iter().map(|&sample| law(sample)));
        Ok(())
    }
}

/// Two samples make an octet, so an odd number of them makes no frame.
fn encode_g722(encoder: &mut G722Encoder, samples: &[i16], payload: &mut Vec<u8>) -> Result<(), CodecError> {
    let (pairs, rest) = samples.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() || pairs.len() > PACKET_MS_MAX * 8 {
        return Err(CodecError::FrameLength(samples.len()));
    }
    payload.extend(pairs.iter().map(|&pair| encoder.encode(pair)));
    Ok(())
}

fn decode_g722(decoder: &mut G722Decoder, payload: &[u8], samples: &mut Vec<i16>) -> Result<(), CodecError> {
    if payload.is_empty() || payload.len() > PACKET_MS_MAX * 8 {
        return Err(CodecError::Malformed);
    }
    samples.extend(payload.iter().flat_map(|&octet| decoder.decode(octet)));
    Ok(())
}

/// Turns payloads into samples.
pub enum Decoder {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722; boxed, since its state is large.
    G722(Box<G722Decoder>),
    /// Opus; boxed, since its state is large.
    Opus(Box<OpusDecoder>),
}

impl Decoder {
    /// Makes the decoder of a codec.
    ///
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub fn new(codec: Codec) -> Result<Decoder, CodecError> {
        Ok(match codec {
            Codec::Pcmu => Decoder::Pcmu,
            Codec::Pcma => Decoder::Pcma,
            Codec::G722 => Decoder::G722(Box::default()),
            Codec::Opus => Decoder::Opus(Box::new(OpusDecoder::new()?)),
        })
    }

    /// Appends the samples of one payload, exactly as many as [`Codec::payload_samples`] says.
    ///
    /// # Errors
    /// Refuses what is no payload of this codec; `samples` is then as before.
    pub fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) -> Result<(), CodecError> {
        let law = match self {
            Decoder::Pcmu => g711::decode_mu_law,
            Decoder::Pcma => g711::decode_a_law,
            Decoder::G722(decoder) => return decode_g722(decoder, payload, samples),
            Decoder::Opus(decoder) => return decoder.decode(payload, samples),
        };
        if payload.is_empty() || payload.len() > PACKET_MS_MAX * 8 {
            return Err(CodecError::Malformed);
        }
        samples.extend(payload.iter().map(|&code| law(code)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_the_longest_time_has_samples_and_an_octet_more_has_none() {
        let longest = PACKET_MS_MAX * 8;
        for (codec, samples) in [
            (Codec::Pcmu, longest),
            (Codec::Pcma, longest),
            (Codec::G722, longest * 2),
        ] {
            assert_eq!(codec.payload_samples(&vec![0; longest]), Some(samples));
            assert_eq!(codec.payload_samples(&vec![0; longest + 1]), None);
            let mut decoder = Decoder::new(codec).unwrap();
            assert_eq!(decoder.decode(&vec![0; longest], &mut Vec::new()), Ok(()));
            assert!(decoder.decode(&vec![0; longest + 1], &mut Vec::new()).is_err());
        }
    }
}
