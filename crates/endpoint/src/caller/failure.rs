//! Why a call came to nothing, in sentences that say what to do about it.

use media::sdp::{OfferError, SdpError};
use model::status::Cause;

/// Why a call came to nothing, or broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerFailure {
    /// No server was reached.
    #[error("The server cannot be reached ({0}). Check its name, its port and the firewall.")]
    Unreachable(Cause),
    /// The connection broke during the call.
    #[error("The connection to the server was lost ({0}).")]
    ConnectionLost(Cause),
    /// The server, or who was called, refused.
    #[error("The call was refused with {status} {reason}. {}", advice(*status))]
    Refused {
        /// The status code.
        status: u16,
        /// The reason phrase that came with it.
        reason: String,
    },
    /// A PIN is asked for, and the caller has none.
    #[error("Paging this extension needs a PIN.")]
    PinWanted,
    /// The PIN is not the right one.
    #[error("The PIN is wrong. After a few wrong ones it cannot be tried again for up to a minute.")]
    WrongPin,
    /// The server has heard no PIN in the time that it gives for it.
    #[error(
        "No PIN came in time, though it was keyed in: check that packets reach the server's media ports."
    )]
    NoPinInTime,
    /// The server hung up, and did not say why, before it was spoken to.
    #[error("The server hung up on the PIN: it is wrong, or it was keyed in too early or too late.")]
    HungUpOnPin,
    /// The answer carries no keys, so that no PIN can be keyed in.
    #[error("The PIN cannot be keyed in: the server has agreed to no telephone events.")]
    NoKeys,
    /// Nobody answered in time.
    #[error("Nobody answered in time. Check that the devices of this extension are registered.")]
    NoAnswer,
    /// The answer's media cannot be used.
    #[error("The answer's media cannot be used: {0}.")]
    Media(SdpError),
    /// No offer can be made of the settings.
    #[error("No call can be offered with these settings: {0}.")]
    Offer(OfferError),
    /// The codec could not be set up.
    #[error("The codec could not be set up.")]
    Codec,
    /// No socket could be bound for media.
    #[error("No socket could be opened for media. Check the port range and the limit of open files.")]
    NoSocket,
}

/// What a status usually means for somebody who pages.
fn advice(status: u16) -> &'static str {
    match status {
        401 | 407 => "The authorization id or the password is wrong.",
        403 => "This caller may not call that extension.",
        404 | 604 => "There is no such extension.",
        408 | 480 => {
            "None of the devices behind this extension is reachable, or wrong PINs were given a moment ago."
        }
        486 | 600 => "Something more important sounds there, or it is busy.",
        488 | 606 => "The two sides have no encryption or codec in common.",
        503 => "The server is overloaded or shutting down; try again.",
        500..=599 => "The server failed; its log says why.",
        _ => "The server's log says why.",
    }
}
