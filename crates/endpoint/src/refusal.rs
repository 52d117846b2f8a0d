//! Why a call is refused, and what its caller is told.

use media::sdp::SdpError;
use model::config::ZoneNumber;
use sip::header::quote;
use sip::message::StatusCode;

/// What an administrator can do about media that the device's own settings keep out.
fn remedy(error: &SdpError) -> &'static str {
    match error {
        SdpError::SecureRefused => " (sip.srtp is disabled)",
        SdpError::PlainRefused => " (sip.srtp is standard)",
        SdpError::TooLong { .. }
        | SdpError::Syntax { .. }
        | SdpError::TooManyMedia { .. }
        | SdpError::TooManyFormats { .. }
        | SdpError::PayloadType
        | SdpError::PacketTime { .. }
        | SdpError::RtcpPort
        | SdpError::NoAddress
        | SdpError::Address
        | SdpError::AddressFamily
        | SdpError::NoAudio
        | SdpError::Declined
        | SdpError::Transport
        | SdpError::NoCommonCodec
        | SdpError::InsecureChannel
        | SdpError::NoCrypto
        | SdpError::UnusableCrypto(_)
        | SdpError::RepeatedCryptoTag { .. }
        | SdpError::MediaCount { .. }
        | SdpError::ProfileChanged
        | SdpError::SeveralCryptoAnswers { .. }
        | SdpError::CryptoNotOffered
        | SdpError::KeyReflected => "",
    }
}

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It did not come over the flow that the slot is registered on.
    #[error("the call did not come from the server the slot is registered with")]
    Stranger,
    /// The server sent a call for a user that no slot has.
    #[error("no slot has this user")]
    Nobody,
    /// The device is about to leave the network.
    #[error("the device shuts down")]
    Leaving,
    /// A later attempt for the same leg of a call has come before it.
    #[error("a later attempt at the same call has come before it")]
    Overtaken,
    /// The slot, or the device, has as many calls as it may.
    #[error("too many calls at once")]
    TooManyCalls,
    /// The INVITE has no session description.
    #[error("the INVITE offers no media")]
    NoOffer,
    /// The offer cannot be accepted.
    #[error("the offered media cannot be accepted: {0}{remedy}", remedy = remedy(.0))]
    Media(SdpError),
    /// The codec could not be set up.
    #[error("the codec could not be set up")]
    NoCodec,
    /// No socket could be bound.
    #[error("no media socket")]
    NoSocket,
    /// No announcement has this number, or it is switched off.
    #[error("there is no announcement {0}")]
    NoAnnouncement(u8),
    /// The device is no sender of multicast zones, or may not send to this one.
    #[error("this device does not send to multicast zone {0}")]
    NoZone(ZoneNumber),
    /// A passcode is asked for, and the caller's telephone cannot send keys.
    #[error("a passcode is asked for, and the call carries no telephone events")]
    NoKeys,
    /// Wrong passcodes were keyed in a moment ago.
    #[error("wrong passcodes a moment ago: the next call is let in in {seconds} s")]
    Locked {
        /// Until then.
        seconds: u64,
    },
    /// As many messages of delayed pages as may be are recorded, wait or are played.
    #[error("too many messages wait to be played")]
    TooManyMessages,
    /// Something else has the loudspeaker.
    #[error("{0}")]
    Sound(paging::Refusal),
}

impl Refusal {
    /// The Warning that tells whoever runs the server why, and what to do about it.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-20.43
    //# 399 Miscellaneous warning: The warning text can include arbitrary information to be presented to a human user or logged.
    pub(crate) fn warning(&self) -> String {
        format!("399 oyez {}", quote(&self.to_string()))
    }

    /// The status that tells the caller. Strangers learn nothing: not even whether the user exists.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Stranger => StatusCode::FORBIDDEN,
            Self::Nobody | Self::NoAnnouncement(_) | Self::NoZone(_) => StatusCode::NOT_FOUND,
            Self::Leaving | Self::Locked { .. } => StatusCode::TEMPORARILY_UNAVAILABLE,
            Self::Overtaken | Self::TooManyCalls | Self::TooManyMessages => StatusCode::BUSY_HERE,
            Self::NoOffer | Self::NoKeys => StatusCode::NOT_ACCEPTABLE_HERE,
            Self::Media(error) => StatusCode::new(error.status()).unwrap_or(StatusCode::NOT_ACCEPTABLE_HERE),
            Self::NoCodec | Self::NoSocket => StatusCode::SERVER_INTERNAL_ERROR,
            Self::Sound(refusal) => StatusCode::new(refusal.status()).unwrap_or(StatusCode::BUSY_HERE),
        }
    }
}
