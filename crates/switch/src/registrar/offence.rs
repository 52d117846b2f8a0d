//! What can be wrong with a REGISTER, and the response that says so.

use sip::header::HeaderError;
use sip::message::StatusCode;

use super::{BINDINGS_PER_REQUEST_MAX, CONTACT_LENGTH_MAX, LIFETIME_MIN, PATHS_MAX};

/// Why a REGISTER changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterOffence {
    /// A header cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The To header is no SIP address of record.
    #[error("To is no SIP address of record")]
    NoAddressOfRecord,
    /// The domain is not served here.
    #[error("the domain is not served here")]
    OtherDomain,
    /// The address of record belongs to somebody else than the credential.
    #[error("the address of record is not the credential's")]
    OtherUser,
    /// A flow over which no call may go: it has no TLS, and plain RTP is not allowed.
    #[error("no call may go over a flow without TLS")]
    ClearFlow,
    /// `Contact: *` without `Expires: 0`.
    #[error("Contact: * without Expires: 0")]
    WildcardWithoutZero,
    /// More contacts than one request may carry.
    #[error("more than {BINDINGS_PER_REQUEST_MAX} contacts")]
    TooManyContacts,
    /// A contact longer than a binding keeps.
    #[error("a contact longer than {CONTACT_LENGTH_MAX} octets")]
    ContactTooLong,
    /// A contact that cannot be called: neither `sip` nor `sips`.
    #[error("a contact that is no SIP URI")]
    ContactScheme,
    /// A `sips` contact over a flow without TLS, which no request to it could use (RFC 5630 §3.1).
    #[error("a sips contact over a flow without TLS")]
    InsecureFlow,
    /// A shorter lifetime than is worth a refresh.
    #[error("a lifetime below {} s", LIFETIME_MIN.as_secs())]
    IntervalTooBrief,
    /// Several contacts beside one with a `reg-id` (RFC 5626 §6).
    #[error("several contacts beside one with reg-id")]
    SeveralFlows,
    /// A flow of RFC 5626 wished for through a proxy that does not support it.
    #[error("the first hop lacks outbound support")]
    FirstHopLacksOutbound,
    /// A Path that the user agent did not say it supports (RFC 3327 §5.3).
    #[error("Path without Supported: path")]
    PathNotSupported,
    /// More Path values than a binding keeps.
    #[error("more than {PATHS_MAX} Path values")]
    TooManyPaths,
    /// Older than what is known of the same contact.
    #[error("older than the binding it would change")]
    OutOfOrder,
}

impl RegisterOffence {
    /// The status that answers it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Header(_)
            | Self::NoAddressOfRecord
            | Self::WildcardWithoutZero
            | Self::TooManyContacts
            | Self::ContactTooLong
            | Self::ContactScheme
            | Self::InsecureFlow
            | Self::SeveralFlows
            | Self::TooManyPaths => StatusCode::BAD_REQUEST,
            Self::OtherDomain => StatusCode::NOT_FOUND,
            Self::OtherUser | Self::ClearFlow => StatusCode::FORBIDDEN,
            Self::IntervalTooBrief => StatusCode::INTERVAL_TOO_BRIEF,
            Self::FirstHopLacksOutbound => StatusCode::FIRST_HOP_LACKS_OUTBOUND_SUPPORT,
            Self::PathNotSupported => StatusCode::BAD_EXTENSION,
            Self::OutOfOrder => StatusCode::SERVER_INTERNAL_ERROR,
        }
    }
}
