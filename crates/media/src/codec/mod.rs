//! The codecs: what SDP calls them, how RTP counts their time, and their encoders and decoders.

use std::time::Duration;

mod coder;
pub mod g711;
pub mod g722;
pub mod opus;

pub use coder::{CodecError, Decoder, Encoder, PACKET_MS_MAX};

/// A speech codec this crate can send and receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 µ-law, RFC 3551 section 4.5.14.
    Pcmu,
    /// G.711 A-law, RFC 3551 section 4.5.14.
    Pcma,
    /// G.722, RFC 3551 section 4.5.2: its timestamps count 8,000 a second, its samples are 16,000.
    G722,
    /// Opus, RFC 6716 and RFC 7587.
    Opus,
}

impl Codec {
    /// Every codec, in the order of the table.
    pub const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// Is the encoding name of `a=rtpmap`, in its registered spelling.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// Is the rate of the RTP timestamp in hertz, which is not always the rate of the samples.
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    /// Is the payload type that RFC 3551 fixed for the codec, if it did.
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::Opus => None,
        }
    }

    /// Is the number of channels written in `a=rtpmap`; RFC 7587 section 7 asks for 2 even of mono Opus.
    pub fn rtpmap_channels(self) -> u8 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 1,
            Codec::Opus => 2,
        }
    }

    /// Lists the packet times the codec is sent with, shortest first.
    ///
    /// RFC 7587 section 6.1 fixes those of Opus. Those of the others, all 64 kbit/s, are whole 10 ms up to what still leaves an
    /// SRTP packet far below every path MTU.
    pub fn packet_times(self) -> &'static [Duration] {
        const OCTETS_8_000: [Duration; 6] = [
            Duration::from_millis(10),
            Duration::from_millis(20),
            Duration::from_millis(30),
            Duration::from_millis(40),
            Duration::from_millis(50),
            Duration::from_millis(60),
        ];
        const OPUS: [Duration; 4] = [
            Duration::from_millis(10),
            Duration::from_millis(20),
            Duration::from_millis(40),
            Duration::from_millis(60),
        ];
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => &OCTETS_8_000,
            Codec::Opus => &OPUS,
        }
    }

    /// Finds the codec of an `a=rtpmap` entry; names compare without regard to case (RFC 8866 section 6.6).
    ///
    /// A missing channel count means one channel.
    pub fn from_rtpmap(name: &str, clock_rate: u32, channels: Option<u8>) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| {
            codec.name().eq_ignore_ascii_case(name)
                && codec.clock_rate() == clock_rate
                && codec.rtpmap_channels() == channels.unwrap_or(1)
        })
    }

    /// Finds the codec of a payload type that RFC 3551 fixed.
    pub fn from_static_payload_type(payload_type: u8) -> Option<Codec> {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.static_payload_type() == Some(payload_type))
    }
}

#[cfg(test)]
mod tests {
    use super::Codec;

    #[test]
    fn a_rtpmap_entry_names_its_codec_in_any_case() {
        assert_eq!(Codec::from_rtpmap("pcmu", 8_000, None), Some(Codec::Pcmu));
        assert_eq!(Codec::from_rtpmap("OPUS", 48_000, Some(2)), Some(Codec::Opus));
    }

    #[test]
    fn a_rtpmap_entry_with_another_rate_or_channel_count_is_another_codec() {
        assert_eq!(Codec::from_rtpmap("PCMA", 16_000, None), None);
        assert_eq!(Codec::from_rtpmap("PCMA", 8_000, Some(2)), None);
        assert_eq!(Codec::from_rtpmap("opus", 48_000, None), None);
    }

    #[test]
    fn all_but_opus_have_static_payload_types() {
        assert_eq!(Codec::from_static_payload_type(8), Some(Codec::Pcma));
        assert_eq!(Codec::from_static_payload_type(9), Some(Codec::G722));
        assert_eq!(Codec::from_static_payload_type(10), None);
        assert_eq!(Codec::Opus.static_payload_type(), None);
    }
}
