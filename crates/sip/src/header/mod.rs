//! Typed header values, one header per file, read on demand and in place.
//!
//! Each type borrows the value it was read from and allocates nothing. Reading checks the grammar of RFC
//! 3261 section 25.1 with its folds and white space; what a value means is for the layer above.

mod call_id;
mod contact;
mod content_type;
mod cseq;
mod expires;
mod list;
mod max_forwards;
mod name_addr;
mod parameters;
mod quoting;
mod r_ack;
mod reason;
mod retry_after;
mod session_expires;
mod via;

use thiserror::Error;

pub use self::contact::{Contact, Contacts};
pub use self::content_type::ContentType;
pub use self::cseq::CSeq;
pub use self::expires::EXPIRES_DEFAULT;
pub use self::list::ListValues;
pub use self::name_addr::NameAddr;
pub use self::parameters::{Parameter, Parameters};
pub use self::quoting::{is_token, quote, unfold, unquote};
pub use self::r_ack::RAck;
pub use self::reason::Reason;
pub use self::retry_after::RetryAfter;
pub use self::session_expires::{Refresher, SessionExpires};
pub use self::via::{SentProtocol, Via};
pub use crate::syntax::SyntaxError;

pub(crate) use self::{
    call_id::parse as call_id, expires::parse as expires, max_forwards::parse as max_forwards,
};

use crate::message::HeaderName;

/// Why a typed header value could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The message has no such header.
    #[error("{0} is missing")]
    Missing(HeaderName<'static>),
    /// The value breaks the header's grammar.
    #[error("{header} is malformed: {fault}")]
    Malformed {
        /// The header.
        header: HeaderName<'static>,
        /// What is wrong with it.
        fault: SyntaxError,
    },
    /// The value is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(HeaderName<'static>),
}

impl HeaderError {
    /// The header the error is about.
    #[must_use]
    pub fn header(&self) -> HeaderName<'static> {
        match self {
            Self::Missing(header) | Self::NotUtf8(header) | Self::Malformed { header, .. } => *header,
        }
    }
}
