//! One direction of one leg: which packet it is, whether it is fresh, and what its suite makes of it.

use std::fmt;

use aes::{Aes128, Aes256};
use smallvec::SmallVec;
use thiserror::Error;

use super::counter_mode::CounterMode;
use super::gcm::Gcm;
use super::key::{MasterKey, RTCP_PACKETS_PER_KEY, RTP_PACKETS_PER_KEY, Suite};
use super::replay::{ReplayWindow, Stale};
use super::transform::{ENCRYPTED_BIT, Forged, PacketId, RTCP_HEADER_LENGTH, RTCP_INDEX_LENGTH, Transform};
use crate::rtp::{Layout, RtpError};

/// Most streams (SSRCs) one key serves.
///
/// A peer that restarts its stream within a call takes a fresh SSRC a few times at most. A stream is never forgotten
/// while the key lives, because its recorded packets could then be played once more; so the number ends somewhere.
pub const STREAMS_MAX: usize = 64;

/// Longest packet taken, in octets: what a UDP datagram can carry, and far below where a keystream would repeat.
pub const PACKET_LENGTH_MAX: usize = 65_535;

/// Why a packet was neither protected nor accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SrtpError {
    /// The readable front is no RTP header.
    #[error("not an RTP packet")]
    NotRtp(#[source] RtpError),
    /// The readable front is no RTCP header.
    #[error("not an RTCP packet")]
    NotRtcp,
    /// The packet is longer than [`PACKET_LENGTH_MAX`].
    #[error("a packet of {length} octets is too long")]
    TooLong {
        /// Its length in octets.
        length: usize,
    },
    /// The packet has no room for the tag of its suite.
    #[error("a packet of {length} octets is too short for its authentication tag")]
    TooShort {
        /// Its length in octets.
        length: usize,
    },
    /// The SRTCP packet says that it is not encrypted, which was not agreed.
    #[error("an SRTCP packet without encryption")]
    NotEncrypted,
    /// The packet has been accepted before, or, when sending, its sequence number has been used before.
    #[error("a packet of this index has been seen before")]
    Replayed,
    /// The packet is so far behind the newest one that a replay could not be told.
    #[error("the packet is older than the replay window")]
    TooOld,
    /// The tag does not fit: another key, another SSRC, a forged or a damaged packet.
    #[error("the authentication tag does not fit")]
    Authentication,
    /// The master key has protected as many packets as it may.
    #[error("the master key has reached the end of its life")]
    KeyExpired,
    /// The key already serves [`STREAMS_MAX`] streams.
    #[error("more than {STREAMS_MAX} streams under one key")]
    TooManyStreams,
}

impl From<Stale> for SrtpError {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Replayed => SrtpError::Replayed,
            Stale::TooOld => SrtpError::TooOld,
        }
    }
}

impl From<Forged> for SrtpError {
    fn from(Forged: Forged) -> Self {
        SrtpError::Authentication
    }
}

/// SRTP and SRTCP of one direction under one master key.
///
/// Use one context for what is sent and another, with the peer's key, for what is received: the two directions of a
/// leg have different keys, and a context that did both would take its own packets for replays.
pub struct Context {
    suite: Suite,
    transform: Box<dyn Transform>,
    // At most STREAMS_MAX; entries are added by authenticated packets only and never removed.
    streams: SmallVec<[Stream; 1]>,
    rtp: Budget,
    rtcp: Budget,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    rtp: ReplayWindow,
    rtcp: ReplayWindow,
}

/// Packets a key has protected, and how many it may.
#[derive(Debug, Clone, Copy)]
struct Budget {
    used: u64,
    limit: u64,
}

impl Context {
    /// Derives the session keys; about half a microsecond.
    pub fn new(key: &MasterKey) -> Self {
        let suite = key.suite();
        let transform: Box<dyn Transform> = match suite {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => {
                Box::new(CounterMode::<Aes128>::new(key))
            }
            Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 => {
                Box::new(CounterMode::<Aes256>::new(key))
            }
            Suite::AeadAes128Gcm => Box::new(Gcm::new_128(key)),
            Suite::AeadAes256Gcm => Box::new(Gcm::new_256(key)),
        };
        Self {
            suite,
            transform,
            streams: SmallVec::new(),
            rtp: Budget {
                used: 0,
                limit: key.lifetime().min(RTP_PACKETS_PER_KEY),
            },
            rtcp: Budget {
                used: 0,
                limit: key.lifetime().min(RTCP_PACKETS_PER_KEY),
            },
        }
    }

    /// Is the suite of the key.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Encrypts an RTP packet in place and appends its tag.
    ///
    /// The rollover counter follows the sequence numbers, which may have gaps and may be out of order within the
    /// replay window. The first one of a stream should be below 2^15 (RFC 3711 section 3.3.1), else a receiver that
    /// misses the packets before the first wrap never finds the right counter.
    ///
    /// # Errors
    /// The packet is left as it was. A sequence number used before is refused, since its keystream is spent.
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        check_length(packet.len() + self.suite.rtp_tag_length())?;
        let layout = Layout::of(packet).map_err(SrtpError::NotRtp)?;
        let id = self.rtp_packet(layout.header.ssrc, layout.header.sequence)?;
        self.transform.seal_rtp(packet, layout.header_length, id);
        self.accept_rtp(id);
        Ok(())
    }

    /// Verifies and decrypts an SRTP packet in place; the plain packet is the front of this returned length.
    ///
    /// # Errors
    /// The packet is to be dropped; its octets are unspecified then, and the context is as before.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        check_length(packet.len())?;
        let layout = Layout::of(packet).map_err(SrtpError::NotRtp)?;
        if packet.len() < layout.header_length + self.suite.rtp_tag_length() {
            return Err(SrtpError::TooShort { length: packet.len() });
        }
        let id = self.rtp_packet(layout.header.ssrc, layout.header.sequence)?;
        let length = self.transform.open_rtp(packet, layout.header_length, id)?;
        self.accept_rtp(id);
        Ok(length)
    }

    /// Encrypts a compound RTCP packet in place and appends index and tag.
    ///
    /// # Errors
    /// The packet is left as it was.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        check_length(packet.len() + self.suite.rtcp_tag_length() + RTCP_INDEX_LENGTH)?;
        let ssrc = rtcp_sender(packet)?;
        let index = self.stream(ssrc)?.rtcp.next();
        let id = self.rtcp_packet(ssrc, index)?;
        self.transform.seal_rtcp(packet, id);
        self.accept_rtcp(id);
        Ok(())
    }

    /// Verifies and decrypts an SRTCP packet in place; the plain packet is the front of this returned length.
    ///
    /// # Errors
    /// The packet is to be dropped; its octets are unspecified then, and the context is as before.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        check_length(packet.len())?;
        let ssrc = rtcp_sender(packet)?;
        let too_short = SrtpError::TooShort { length: packet.len() };
        if packet.len() < RTCP_HEADER_LENGTH + RTCP_INDEX_LENGTH + self.suite.rtcp_tag_length() {
            return Err(too_short);
        }
        let end = packet
            .len()
            .checked_sub(self.transform.octets_after_rtcp_index())
            .ok_or(too_short)?;
        let word = packet
            .get(..end)
            .and_then(<[u8]>::last_chunk::<RTCP_INDEX_LENGTH>)
            .ok_or(too_short)?;
        let word = u32::from_be_bytes(*word);
        if word & ENCRYPTED_BIT == 0 {
            return Err(SrtpError::NotEncrypted);
        }
        let id = self.rtcp_packet(ssrc, u64::from(word & !ENCRYPTED_BIT))?;
        let length = self.transform.open_rtcp(packet, id)?;
        self.accept_rtcp(id);
        Ok(length)
    }

    fn rtp_packet(&self, ssrc: u32, sequence: u16) -> Result<PacketId, SrtpError> {
        let window = self.stream(ssrc)?.rtp;
        let index = window.estimate(sequence)?;
        if index >= RTP_PACKETS_PER_KEY || self.rtp.is_spent() {
            return Err(SrtpError::KeyExpired);
        }
        window.check(index)?;
        Ok(PacketId { ssrc, index })
    }

    fn rtcp_packet(&self, ssrc: u32, index: u64) -> Result<PacketId, SrtpError> {
        if index >= RTCP_PACKETS_PER_KEY || self.rtcp.is_spent() {
            return Err(SrtpError::KeyExpired);
        }
        self.stream(ssrc)?.rtcp.check(index)?;
        Ok(PacketId { ssrc, index })
    }

    /// Is the state of this stream, fresh for one that has none yet.
    fn stream(&self, ssrc: u32) -> Result<Stream, SrtpError> {
        match self.streams.iter().find(|stream| stream.ssrc == ssrc) {
            Some(stream) => Ok(*stream),
            None if self.streams.len() < STREAMS_MAX => Ok(Stream::new(ssrc)),
            None => Err(SrtpError::TooManyStreams),
        }
    }

    fn accept_rtp(&mut self, id: PacketId) {
        self.rtp.used += 1;
        self.stream_mut(id.ssrc).rtp.commit(id.index);
    }

    fn accept_rtcp(&mut self, id: PacketId) {
        self.rtcp.used += 1;
        self.stream_mut(id.ssrc).rtcp.commit(id.index);
    }

    fn stream_mut(&mut self, ssrc: u32) -> &mut Stream {
        let position = self
            .streams
            .iter()
            .position(|stream| stream.ssrc == ssrc)
            .unwrap_or_else(|| {
                self.streams.push(Stream::new(ssrc));
                self.streams.len() - 1
            });
        self.streams
            .get_mut(position)
            .expect("the position was found or made in the line above")
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("suite", &self.suite)
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

impl Stream {
    fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            rtp: ReplayWindow::default(),
            rtcp: ReplayWindow::default(),
        }
    }
}

impl Budget {
    fn is_spent(self) -> bool {
        self.used >= self.limit
    }
}

fn check_length(length: usize) -> Result<(), SrtpError> {
    if length > PACKET_LENGTH_MAX {
        Err(SrtpError::TooLong { length })
    } else {
        Ok(())
    }
}

/// Reads the SSRC behind the first RTCP header, which SRTCP leaves readable.
fn rtcp_sender(packet: &[u8]) -> Result<u32, SrtpError> {
    match packet.first_chunk::<RTCP_HEADER_LENGTH>() {
        Some([first, _, _, _, s0, s1, s2, s3]) if first >> 6 == 2 => {
            Ok(u32::from_be_bytes([*s0, *s1, *s2, *s3]))
        }
        _ => Err(SrtpError::NotRtcp),
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, PacketId, SrtpError, Stream};
    use crate::rtp::Header;
    use crate::srtp::{MasterKey, RTCP_PACKETS_PER_KEY, RTP_PACKETS_PER_KEY, Suite};

    const SSRC: u32 = 7;

    #[test]
    fn the_last_rtp_index_ends_the_key() {
        let mut context = context();
        context.stream_mut(SSRC).rtp.commit(RTP_PACKETS_PER_KEY - 2);
        assert_eq!(context.protect_rtp(&mut rtp(0xffff)), Ok(()));
        assert_eq!(context.protect_rtp(&mut rtp(0)), Err(SrtpError::KeyExpired));
    }

    #[test]
    fn the_last_rtcp_index_ends_the_key() {
        let mut context = context();
        context.stream_mut(SSRC).rtcp.commit(RTCP_PACKETS_PER_KEY - 2);
        assert_eq!(context.protect_rtcp(&mut rtcp()), Ok(()));
        assert_eq!(context.protect_rtcp(&mut rtcp()), Err(SrtpError::KeyExpired));
    }

    //= https://www.rfc-editor.org/rfc/rfc3711#section-3.4
    //# The SRTCP index MUST be set to zero before the first SRTCP
    //# packet is sent, and MUST be incremented by one,
    //# modulo 2^31, after each SRTCP packet is sent.
    #[test]
    fn rtcp_indexes_count_from_zero() {
        let mut context = context();
        for index in [0_u32, 1] {
            let mut packet = rtcp();
            context.protect_rtcp(&mut packet).unwrap();
            assert_eq!(packet[8..12], (0x8000_0000 | index).to_be_bytes());
        }
    }

    #[test]
    fn rtp_and_rtcp_of_a_stream_share_its_entry() {
        let mut context = context();
        context.protect_rtp(&mut rtp(0)).unwrap();
        context.protect_rtcp(&mut rtcp()).unwrap();
        assert_eq!(context.streams.len(), 1);
    }

    #[test]
    fn the_rollover_counter_is_the_upper_part_of_the_index() {
        let id = PacketId {
            ssrc: SSRC,
            index: 0x0102_0304_0506,
        };
        assert_eq!(id.rollovers(), [1, 2, 3, 4]);
        assert_eq!(Stream::new(SSRC).rtp.next(), 0);
    }

    fn context() -> Context {
        Context::new(&MasterKey::new(Suite::AesCm128HmacSha1_80, &[1; 30]).unwrap())
    }

    fn rtp(sequence: u16) -> Vec<u8> {
        Header {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp: 0,
            ssrc: SSRC,
        }
        .to_bytes()
        .to_vec()
    }

    fn rtcp() -> Vec<u8> {
        vec![0x80, 201, 0, 1, 0, 0, 0, 7]
    }
}
