//! Session descriptions for one audio stream: offer and answer (RFC 3264, 6337, 8866) with SDES keys (RFC 4568).
//!
//! The syntax is read and written by `sdp-types`; what may be agreed is decided here. Left out: DTLS-SRTP, ICE,
//! bundles, video, multicast, host names in `c=`, and master key identifiers.

mod answer;
mod crypto;
mod error;
mod format;
mod hidden;
mod negotiate;
mod offer;
mod remote;
mod write;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::codec::Codec;
use crate::srtp::{MasterKey, Suite};

pub use answer::answer;
pub use crypto::CryptoOffence;
pub use error::{OfferError, SdpError};
pub use format::OpusParameters;
pub use hidden::Hidden;
pub use offer::{PendingOffer, offer};

/// Longest description read, in octets; those of phones have 300 to 3,000.
pub const SDP_LENGTH_MAX: usize = 16_384;

/// Most media lines read; each is echoed in an answer.
pub const MEDIA_MAX: usize = 16;

/// Most formats read in a media line; no phone knows half as many codecs.
pub const FORMATS_MAX: usize = 64;

/// Longest packet time a peer may name; RFC 7587 goes to 120 ms, and some say `maxptime:150` or 200.
pub const PACKET_TIME_MAX: Duration = Duration::from_millis(240);

/// What of SRTP is offered, and accepted of a peer's offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecurityOffer {
    /// SRTP or no call: RTP/SAVP with `a=crypto`. Keys offered by the peer beside RTP/AVP are as good.
    Standard,
    /// SRTP if the peer can: RTP/AVP with `a=crypto` (RFC 8643). A 488 asks for one retry as [`Disabled`].
    ///
    /// [`Disabled`]: SecurityOffer::Disabled
    Optional,
    /// Plain RTP: RTP/AVP.
    Disabled,
}

/// Who sends (RFC 8866 section 6.7), from the side of whoever says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both sides send.
    SendReceive,
    /// Only this side sends.
    SendOnly,
    /// Only the other side sends.
    ReceiveOnly,
    /// Nobody sends.
    Inactive,
}

impl Direction {
    /// Is the attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendReceive => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::ReceiveOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// Tells whether this side sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::SendOnly)
    }

    /// Tells whether this side receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::ReceiveOnly)
    }

    fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Direction::SendReceive,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::ReceiveOnly,
            (false, false) => Direction::Inactive,
        }
    }

    fn without_receiving(self) -> Self {
        Self::new(self.sends(), false)
    }

    /// Is what remains of this side's wish, given what the peer says of its own side (RFC 3264 section 6.1).
    fn limited_by(self, remote: Direction) -> Self {
        Self::new(
            self.sends() && remote.receives(),
            self.receives() && remote.sends(),
        )
    }
}

/// Our side of a stream: what may be offered or accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where we receive, as the peer reaches it.
    pub address: IpAddr,
    /// RTP port; RTCP has the next one unless multiplexed.
    pub port: u16,
    /// Codecs in order of preference. An answer follows the order of the offer (RFC 3264 section 6.1).
    pub codecs: Vec<Codec>,
    /// What of SRTP is offered and accepted.
    pub security: SecurityOffer,
    /// Allowed suites in the order to offer them. An answer follows the order of the offer (RFC 4568 section 5.1.2).
    pub suites: Vec<Suite>,
    /// Packet time we would like.
    pub ptime: Duration,
    /// Whether we send, receive, or both.
    pub direction: Direction,
    /// Session id of `o=`; the same through all descriptions of one dialog.
    pub session_id: u64,
    /// Version of `o=`; one more whenever our description changes (RFC 3264 section 8).
    pub session_version: u64,
    /// Whether RTCP may share the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// Whether the signalling keeps SDES keys from others: TLS on this hop (RFC 4568 section 7).
    pub channel_is_secure: bool,
}

/// Keys of both directions under one suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptoPair {
    /// Protects what we send.
    pub send: MasterKey,
    /// Protects what the peer sends.
    pub receive: MasterKey,
}

impl CryptoPair {
    /// Is the suite, the same in both directions (RFC 4568 section 5.1.2).
    pub fn suite(&self) -> Suite {
        self.send.suite()
    }
}

/// What both sides have agreed on, from our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Where RTP goes; an unspecified address means that the peer wants none (hold).
    pub remote_rtp: SocketAddr,
    /// Where RTCP goes; the same as RTP when multiplexed.
    pub remote_rtcp: SocketAddr,
    /// The codec to send; what is received is the same.
    pub codec: Codec,
    /// Payload type to send the codec with.
    pub send_payload_type: u8,
    /// Payload type the codec arrives with.
    pub receive_payload_type: u8,
    /// Payload type that telephone events (RFC 4733) arrive with, if they were agreed.
    pub telephone_event: Option<u8>,
    /// Payload type to send telephone events with, if they were agreed.
    pub send_telephone_event: Option<u8>,
    /// Packet time to send: the peer's wish, as near as the codec allows and never above its maximum.
    pub ptime: Duration,
    /// Whether we send, receive, or both.
    pub direction: Direction,
    /// Keys, if the stream is SRTP.
    pub crypto: Option<CryptoPair>,
    /// Whether RTCP shares the RTP ports.
    pub rtcp_mux: bool,
    /// What the peer asks of Opus; the default for other codecs.
    pub opus: OpusParameters,
}

/// Session id and version of a description's `o=` line.
///
/// A re-offer of an unchanged version changes nothing (RFC 3264 section 8): the previous answer can be sent again, and
/// keys and rollover counters go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Session id, a numeric string.
    pub session_id: String,
    /// Version.
    pub session_version: u64,
}

/// Reads the origin of a description.
///
/// # Errors
/// The description must be within the limits and parse as a whole.
pub fn origin(description: &[u8]) -> Result<Origin, SdpError> {
    let origin = remote::parse(description)?.origin;
    Ok(Origin {
        session_id: origin.sess_id,
        session_version: origin.sess_version,
    })
}
