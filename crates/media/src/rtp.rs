//! RTP packets (RFC 3550 section 5.1): a checked view of received bytes and the header of those to send.

use std::ops::Range;

use thiserror::Error;

/// Length in octets of an RTP header without contributing sources and extension.
pub const FIXED_HEADER_LENGTH: usize = 12;

/// Highest payload type that fits the seven bits of the header.
pub const PAYLOAD_TYPE_MAX: u8 = 127;

const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const CSRC_COUNT_MASK: u8 = 0x0f;
const MARKER_BIT: u8 = 0x80;

/// What makes received bytes no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RtpError {
    /// The packet ends before its header does.
    #[error("an RTP packet of {length} octets ends within its header")]
    Truncated {
        /// Length of what arrived, in octets.
        length: usize,
    },
    /// The version field is not 2.
    #[error("RTP version {0} is not 2")]
    Version(u8),
    /// The padding length is zero or reaches into the header.
    #[error("RTP padding of {0} octets does not fit the packet")]
    Padding(u8),
}

/// The fields every RTP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Marks the first packet of a talk spurt or of an event.
    pub marker: bool,
    /// What the payload is, by the numbers agreed in SDP; 0 to [`PAYLOAD_TYPE_MAX`].
    pub payload_type: u8,
    /// Counts packets, modulo 2^16.
    pub sequence: u16,
    /// Counts ticks of the codec's clock, modulo 2^32.
    pub timestamp: u32,
    /// Names the stream.
    pub ssrc: u32,
}

impl Header {
    /// Writes the header without padding, extension and contributing sources.
    ///
    /// Bits of the payload type above [`PAYLOAD_TYPE_MAX`] are left out.
    pub fn to_bytes(self) -> [u8; FIXED_HEADER_LENGTH] {
        let marker = if self.marker { MARKER_BIT } else { 0 };
        let [sequence_high, sequence_low] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [s0, s1, s2, s3] = self.ssrc.to_be_bytes();
        let second = marker | (self.payload_type & PAYLOAD_TYPE_MAX);
        [
            VERSION << 6,
            second,
            sequence_high,
            sequence_low,
            t0,
            t1,
            t2,
            t3,
            s0,
            s1,
            s2,
            s3,
        ]
    }
}

/// A view of an RTP packet whose structure has been checked.
#[derive(Debug, Clone)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    header: Header,
    // Both ranges lie within `bytes`.
    extension: Option<Range<usize>>,
    payload: Range<usize>,
}

impl<'a> Packet<'a> {
    /// Checks a plain (decrypted) packet and finds its payload.
    ///
    /// # Errors
    /// Says what is wrong with the packet; such a packet is dropped and counted.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let layout = Layout::of(bytes)?;
        let padding = if layout.padded {
            padding_length(bytes, layout.header_length)?
        } else {
            0
        };
        Ok(Self {
            bytes,
            header: layout.header,
            extension: layout.extension,
            payload: layout.header_length..bytes.len().saturating_sub(padding),
        })
    }

    /// Is the fixed part of the header.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Is the payload without padding; may be empty.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.payload.clone()).unwrap_or_default()
    }

    /// Is the header extension with its profile's 16 bits, if there is one (RFC 3550 section 5.3.1).
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        let range = self.extension.clone()?;
        let (profile, data) = self.bytes.get(range)?.split_first_chunk::<4>()?;
        let [high, low, _, _] = *profile;
        Some((u16::from_be_bytes([high, low]), data))
    }

    /// Lists the contributing sources, at most 15.
    pub fn contributing_sources(&self) -> impl Iterator<Item = u32> + 'a {
        let count = usize::from(self.bytes.first().map_or(0, |first| first & CSRC_COUNT_MASK));
        let (words, _) = self
            .bytes
            .get(FIXED_HEADER_LENGTH..)
            .unwrap_or_default()
            .as_chunks::<4>();
        words.iter().take(count).map(|word| u32::from_be_bytes(*word))
    }
}

/// What the unencrypted front of an RTP or SRTP packet tells.
pub(crate) struct Layout {
    pub(crate) header: Header,
    /// Octets before the payload: fixed header, contributing sources, extension. Never beyond the packet's end.
    pub(crate) header_length: usize,
    extension: Option<Range<usize>>,
    padded: bool,
}

impl Layout {
    /// Reads the header; leaves the padding alone, since SRTP encrypts its length.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, RtpError> {
        let truncated = RtpError::Truncated { length: bytes.len() };
        let (fixed, rest) = bytes
            .split_first_chunk::<FIXED_HEADER_LENGTH>()
            .ok_or(truncated)?;
        let [first, second, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3] = *fixed;
        if first >> 6 != VERSION {
            return Err(RtpError::Version(first >> 6));
        }
        let sources_length = usize::from(first & CSRC_COUNT_MASK) * 4;
        let after_sources = rest.get(sources_length..).ok_or(truncated)?;
        let mut header_length = FIXED_HEADER_LENGTH + sources_length;
        let mut extension = None;
        if first & EXTENSION_BIT != 0 {
            let [_, _, high, low] = *after_sources.first_chunk::<4>().ok_or(truncated)?;
            let length = 4 + usize::from(u16::from_be_bytes([high, low])) * 4;
            if after_sources.len() < length {
                return Err(truncated);
            }
            extension = Some(header_length..header_length + length);
            header_length += length;
        }
        Ok(Self {
            header: Header {
                marker: second & MARKER_BIT != 0,
                payload_type: second & PAYLOAD_TYPE_MAX,
                sequence: u16::from_be_bytes([q0, q1]),
                timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
                ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            },
            header_length,
            extension,
            padded: first & PADDING_BIT != 0,
        })
    }
}

fn padding_length(bytes: &[u8], header_length: usize) -> Result<usize, RtpError> {
    // The last octet counts the padding, itself included (RFC 3550 section 5.1).
    let count = bytes.last().copied().unwrap_or_default();
    let available = bytes.len().saturating_sub(header_length);
    if count == 0 || usize::from(count) > available {
        return Err(RtpError::Padding(count));
    }
    Ok(usize::from(count))
}

#[cfg(test)]
mod tests {
    use super::{Header, Packet, RtpError};

    const HEADER: Header = Header {
        marker: true,
        payload_type: 111,
        sequence: 0xfffe,
        timestamp: 0x8000_0001,
        ssrc: 0xdead_beef,
    };

    #[test]
    fn a_written_header_reads_back() {
        let mut bytes = HEADER.to_bytes().to_vec();
        bytes.extend_from_slice(b"payload");

        let packet = Packet::parse(&bytes).unwrap();

        assert_eq!(packet.header(), HEADER);
        assert_eq!(packet.payload(), b"payload");
        assert_eq!(packet.extension(), None);
        assert_eq!(packet.contributing_sources().count(), 0);
    }

    #[test]
    fn sources_extension_and_padding_are_no_payload() {
        let bytes = full_packet();

        let packet = Packet::parse(&bytes).unwrap();

        assert_eq!(packet.contributing_sources().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(packet.extension(), Some((0xbede, [9, 9, 9, 9].as_slice())));
        assert_eq!(packet.payload(), b"voice");
    }

    #[test]
    fn every_cut_within_the_header_is_refused() {
        let bytes = full_packet();
        for length in 0..28 {
            assert_eq!(
                Packet::parse(&bytes[..length]).err(),
                Some(RtpError::Truncated { length })
            );
        }
    }

    #[test]
    fn padding_that_reaches_into_the_header_is_refused() {
        let mut bytes = full_packet();
        let last = bytes.len() - 1;
        for (count, expected) in [
            (0, Some(RtpError::Padding(0))),
            (8, None),
            (9, Some(RtpError::Padding(9))),
        ] {
            bytes[last] = count;
            assert_eq!(Packet::parse(&bytes).err(), expected);
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = HEADER.to_bytes();
        bytes[0] = 0x40;
        assert_eq!(Packet::parse(&bytes).err(), Some(RtpError::Version(1)));
    }

    /// Two sources, an extension of one word, five octets of payload, three of padding.
    fn full_packet() -> Vec<u8> {
        let mut bytes = HEADER.to_bytes().to_vec();
        bytes[0] |= 0x32;
        bytes.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2]);
        bytes.extend_from_slice(&[0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        bytes.extend_from_slice(b"voice\0\0\x03");
        bytes
    }
}
