//! What can be wrong with the peer's description, and the SIP status that says so.

use thiserror::Error;

use super::crypto::CryptoOffence;
use super::{FORMATS_MAX, MEDIA_MAX, SDP_LENGTH_MAX};

/// Why an offer or an answer of the peer is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SdpError {
    /// The description is longer than [`SDP_LENGTH_MAX`].
    #[error("a session description of {length} octets exceeds {SDP_LENGTH_MAX}")]
    TooLong {
        /// Its length in octets.
        length: usize,
    },
    /// The description does not follow the grammar.
    #[error("malformed session description: {reason}")]
    Syntax {
        /// The line and what is wrong with it.
        reason: String,
    },
    /// The description has more than [`MEDIA_MAX`] media lines.
    #[error("{count} media lines exceed {MEDIA_MAX}")]
    TooManyMedia {
        /// How many there are.
        count: usize,
    },
    /// A media line has more than [`FORMATS_MAX`] formats.
    #[error("{count} formats in a media line exceed {FORMATS_MAX}")]
    TooManyFormats {
        /// How many there are.
        count: usize,
    },
    /// An RTP media line names a format that is no payload type between 0 and 127.
    #[error("a format that is no RTP payload type")]
    PayloadType,
    /// `a=ptime` or `a=maxptime` is no number, is zero, or exceeds what a packet can hold.
    #[error("an impossible packet time in a={attribute}")]
    PacketTime {
        /// The attribute's name.
        attribute: &'static str,
    },
    /// `a=rtcp` is malformed, or the port after the RTP port does not exist.
    #[error("no usable RTCP port")]
    RtcpPort,
    /// Neither the stream nor the session has a `c=` line.
    #[error("no connection address")]
    NoAddress,
    /// The connection address is no unicast IP address.
    #[error("a connection address that is no unicast IP address")]
    Address,
    /// The connection address is of the other IP version than ours.
    #[error("a connection address of another IP version than ours")]
    AddressFamily,
    /// There is no audio stream.
    #[error("no audio stream")]
    NoAudio,
    /// The audio stream has port 0: the peer does not want it.
    #[error("the peer declined the audio stream")]
    Declined,
    /// The transport of the stream is not RTP in a profile known here, DTLS-SRTP among them.
    #[error("a media transport other than RTP/AVP and RTP/SAVP")]
    Transport,
    /// No codec is known to both sides.
    #[error("no codec in common")]
    NoCommonCodec,
    /// Policy asks for SRTP, and the peer offers none.
    #[error("plain RTP where policy asks for SRTP")]
    PlainRefused,
    /// Policy forbids SRTP, and the peer insists on it.
    #[error("SRTP where policy forbids it")]
    SecureRefused,
    /// Keys came, or would have to be sent, over a signalling channel that others can read.
    #[error("SRTP keys over a signalling channel without TLS")]
    InsecureChannel,
    /// A secure profile without any `a=crypto` line.
    #[error("a secure profile without a=crypto")]
    NoCrypto,
    /// No `a=crypto` line is usable; this is what is wrong with the first one.
    #[error("no usable a=crypto")]
    UnusableCrypto(#[source] CryptoOffence),
    /// Two `a=crypto` lines of one stream have the same tag.
    #[error("two a=crypto lines with the tag {tag}")]
    RepeatedCryptoTag {
        /// The tag.
        tag: u32,
    },
    /// The answer has another number of media lines than the offer.
    #[error("an answer of {count} media lines to an offer of another number")]
    MediaCount {
        /// How many the answer has.
        count: usize,
    },
    /// The answer changes the profile that was offered.
    #[error("an answer in another profile than the offer")]
    ProfileChanged,
    /// The answer has more than one `a=crypto` line.
    #[error("an answer with {count} a=crypto lines")]
    SeveralCryptoAnswers {
        /// How many it has.
        count: usize,
    },
    /// The answer's tag and suite are not those of one offered line.
    #[error("an answer with an a=crypto that was not offered")]
    CryptoNotOffered,
    /// The answer sends our own key back, so both directions would share one keystream.
    #[error("an answer with our own key")]
    KeyReflected,
}

impl SdpError {
    /// Is the SIP status that refuses such an offer: 400 for what is malformed, 488 for what is not acceptable here.
    pub fn status(&self) -> u16 {
        match self {
            SdpError::TooLong { .. }
            | SdpError::Syntax { .. }
            | SdpError::TooManyMedia { .. }
            | SdpError::TooManyFormats { .. }
            | SdpError::PayloadType
            | SdpError::PacketTime { .. }
            | SdpError::RtcpPort
            | SdpError::NoAddress
            | SdpError::RepeatedCryptoTag { .. } => 400,
            SdpError::Address
            | SdpError::AddressFamily
            | SdpError::NoAudio
            | SdpError::Declined
            | SdpError::Transport
            | SdpError::NoCommonCodec
            | SdpError::PlainRefused
            | SdpError::SecureRefused
            | SdpError::InsecureChannel
            | SdpError::NoCrypto
            | SdpError::UnusableCrypto(_)
            | SdpError::MediaCount { .. }
            | SdpError::ProfileChanged
            | SdpError::SeveralCryptoAnswers { .. }
            | SdpError::CryptoNotOffered
            | SdpError::KeyReflected => 488,
        }
    }
}

/// Why no offer can be made of these settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OfferError {
    /// SRTP is demanded, and the signalling channel would give its keys away.
    #[error("policy asks for SRTP, but its keys would travel without TLS")]
    InsecureChannel,
    /// SRTP is demanded, and no suite is allowed.
    #[error("policy asks for SRTP, but allows no crypto suite")]
    NoSuite,
    /// There is no codec to offer.
    #[error("no codec to offer")]
    NoCodec,
}
