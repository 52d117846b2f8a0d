//! Why a call is not taken on, and the response that says so.

use media::sdp::{OfferError, SdpError};
use model::status::CallRefusal;
use sip::message::StatusCode;
use sip::user_agent::Reply;

use crate::admission::Full;
use crate::permission::Barred;
use crate::status::CallCounters;

/// Seconds a caller is asked to wait where the zone is full: about the length of a page.
const RETRY_AFTER: &str = "30";

/// Why a call of an authenticated caller is not taken on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallOffence {
    /// The zone is about to end.
    #[error("the zone is stopping")]
    Stopping,
    /// The request has made all the hops it may (RFC 3261 §16.3).
    #[error("the request has no hops left")]
    NoHopsLeft,
    /// The Request-URI is of another domain. Nothing is relayed to other domains.
    #[error("the domain is not served here")]
    OtherDomain,
    /// The Request-URI names nobody.
    #[error("the Request-URI has no user part")]
    NoUser,
    /// Dialling this leads nowhere.
    #[error(transparent)]
    Barred(#[from] Barred),
    /// There is no room.
    #[error(transparent)]
    Full(#[from] Full),
    /// Nobody the extension stands for is registered.
    #[error("nobody is registered")]
    NobodyRegistered,
    /// No leg may have media over the caller's flow.
    #[error("plain RTP is not allowed, and the flow is not TLS")]
    FlowBarred,
    /// The caller's offer cannot be accepted.
    #[error(transparent)]
    Media(#[from] SdpError),
    /// The zone can make no offer of its own.
    #[error(transparent)]
    NoOffer(#[from] OfferError),
    /// A PIN is asked for, and the caller's phone cannot send keys.
    #[error("a PIN is asked for, and the call carries no telephone events")]
    NoKeys,
    /// The caller has keyed in wrong PINs a moment ago.
    #[error("wrong PINs a moment ago: the next call is let in in {seconds} s")]
    Locked {
        /// Until then.
        seconds: u64,
    },
    /// There are no ports for the caller's media.
    #[error("no media ports")]
    NoPorts,
}

impl CallOffence {
    /// The response to the INVITE.
    pub(crate) fn reply(&self) -> Reply {
        let reply = Reply::new(self.status());
        match self {
            Self::Full(Full::Legs | Full::Calls) => reply.header("Retry-After", RETRY_AFTER),
            Self::NoKeys => reply.header("Warning", format!("399 oyez \"{self}\"")),
            Self::Locked { seconds } => reply
                .header("Retry-After", seconds.to_string())
                .header("Warning", format!("399 oyez \"{self}\"")),
            Self::FlowBarred => reply.header("Warning", "399 oyez \"media needs SIP over TLS\""),
            Self::Media(error) => reply.header(
                "Warning",
                format!("399 oyez \"{}\"", quotable(&error.to_string())),
            ),
            Self::Stopping
            | Self::NoHopsLeft
            | Self::OtherDomain
            | Self::NoUser
            | Self::Barred(_)
            | Self::Full(Full::Caller | Full::Page { .. })
            | Self::NobodyRegistered
            | Self::NoOffer(_)
            | Self::NoPorts => reply,
        }
    }

    /// The Reason header of the BYE that says it to a caller which was answered before (RFC 3326).
    pub(crate) fn reason(&self) -> String {
        let text = quotable(&self.to_string());
        format!("SIP;cause={};text=\"{text}\"", self.status().code())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoHopsLeft => StatusCode::TOO_MANY_HOPS,
            Self::OtherDomain | Self::Barred(Barred::Unknown) => StatusCode::NOT_FOUND,
            Self::NoUser => StatusCode::ADDRESS_INCOMPLETE,
            Self::Barred(Barred::Denied) => StatusCode::FORBIDDEN,
            Self::Full(Full::Caller) => StatusCode::BUSY_HERE,
            Self::Full(Full::Legs | Full::Calls | Full::Page { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NobodyRegistered | Self::Locked { .. } => StatusCode::TEMPORARILY_UNAVAILABLE,
            Self::FlowBarred | Self::NoOffer(_) | Self::NoKeys => StatusCode::NOT_ACCEPTABLE_HERE,
            Self::NoPorts | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Media(error) => StatusCode::new(error.status()).unwrap_or(StatusCode::NOT_ACCEPTABLE_HERE),
        }
    }

    /// How the refusal is told to the service.
    pub(crate) fn refusal(&self) -> CallRefusal {
        match self {
            Self::OtherDomain | Self::NoUser | Self::NoHopsLeft | Self::Barred(Barred::Unknown) => {
                CallRefusal::UnknownExtension
            }
            Self::Barred(Barred::Denied) => CallRefusal::NotPermitted,
            Self::Locked { .. } => CallRefusal::WrongPin,
            Self::Full(_) | Self::NoPorts | Self::Stopping => CallRefusal::Overloaded,
            Self::NobodyRegistered => CallRefusal::NobodyRegistered,
            Self::FlowBarred | Self::Media(_) | Self::NoOffer(_) | Self::NoKeys => CallRefusal::NoCommonMedia,
        }
    }

    /// The counter it belongs to.
    pub(crate) fn count(&self, counters: &mut CallCounters) {
        let counter = match self {
            Self::OtherDomain | Self::NoUser | Self::Barred(Barred::Unknown) => &mut counters.refused_unknown,
            Self::Barred(Barred::Denied) | Self::Locked { .. } => &mut counters.refused_permission,
            Self::Full(_) | Self::NoPorts => &mut counters.refused_full,
            Self::FlowBarred | Self::Media(_) | Self::NoOffer(_) | Self::NoKeys => {
                &mut counters.refused_media
            }
            Self::Stopping | Self::NoHopsLeft | Self::NobodyRegistered => &mut counters.refused_other,
        };
        *counter += 1;
    }
}

/// A text as it may stand in a quoted string: an error may repeat what the peer wrote.
fn quotable(text: &str) -> String {
    text.chars()
        .map(|one| {
            if one.is_ascii_graphic() && !matches!(one, '"' | '\\') {
                one
            } else {
                ' '
            }
        })
        .collect()
}
