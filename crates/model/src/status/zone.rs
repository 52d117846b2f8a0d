//! What a zone or node says of itself.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::PageReport;
use crate::directory::Epoch;
use crate::{AccountId, Extension, PageId, SipUser};

/// The longest that a zone looks at no answer for an authorization id after wrong ones from the same source.
pub const WRONG_ANSWERS_WAIT_MAX_MS: u64 = 60_000;
/// How long a zone remembers wrong answers; as long as those that it slows follow each other within it, they are slowed.
pub const WRONG_ANSWERS_KEPT_MS: u64 = 15 * 60 * 1_000;

/// State of a zone or node at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// Name of the zone or node.
    pub zone: String,
    /// Milliseconds since it began to serve.
    pub uptime_ms: u64,
    /// One entry for each account it serves, in the order of their ids.
    pub accounts: Vec<AccountStatus>,
}

/// What a zone carries for one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Which account.
    pub account: AccountId,
    /// The state of its directory, `None` before the first snapshot.
    pub epoch: Option<Epoch>,
    /// Bindings in force.
    pub bindings: u64,
    /// Calls between two parties.
    pub calls: u64,
    /// Pages being spoken.
    pub pages: u64,
}

/// By what a SIP request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SipTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
}

impl SipTransport {
    /// The transport as it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// A user who is registered at a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredUser {
    /// Who.
    pub user: SipUser,
    /// The address of its first binding.
    pub from: String,
    /// Its transport, if the zone tells it.
    #[serde(default)]
    pub transport: Option<SipTransport>,
}

/// A page of which the end has not been told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OngoingPage {
    /// Which page.
    pub page: PageId,
    /// What was dialled.
    pub extension: Extension,
    /// Who speaks.
    pub talker: SipUser,
    /// How many are invited.
    pub listeners: u64,
}

/// Something that happened in a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ZoneEvent {
    /// A user has a binding it did not have.
    Registered {
        /// Which account.
        account: AccountId,
        /// Who.
        user: SipUser,
        /// Address the request came from.
        from: String,
        /// What it calls itself, if it does.
        user_agent: Option<String>,
        /// By what the request came, if the zone tells it.
        #[serde(default)]
        transport: Option<SipTransport>,
    },
    /// A user's last binding is gone.
    Unregistered {
        /// Which account.
        account: AccountId,
        /// Who.
        user: SipUser,
    },
    /// A registration was refused.
    RegistrationRefused {
        /// Which account, if one could be told.
        account: Option<AccountId>,
        /// The user as it called itself.
        user: String,
        /// Address the request came from.
        from: String,
        /// Why.
        why: RegistrationRefusal,
    },
    /// Somebody's TLS handshake failed, so that nobody knows who it is. Of an address and a cause it is told once in a while.
    HandshakeFailed {
        /// The address it came from.
        from: IpAddr,
        /// Why.
        why: HandshakeFailure,
    },
    /// A call was refused.
    CallRefused {
        /// Which account.
        account: AccountId,
        /// Who called.
        caller: SipUser,
        /// What was dialled.
        target: String,
        /// Why.
        why: CallRefusal,
    },
    /// Somebody raises an alert, or speaks to one device's slot for alerts. An exercise is none.
    AlertRaised {
        /// Which account.
        account: AccountId,
        /// Which call: where it is a page, its id.
        call: PageId,
        /// What was dialled.
        extension: Extension,
        /// Who calls.
        caller: SipUser,
    },
    /// A page has begun.
    PageStarted {
        /// Which account.
        account: AccountId,
        /// Which page.
        page: PageId,
        /// What was dialled.
        extension: Extension,
        /// Who speaks.
        talker: SipUser,
        /// How many are invited.
        listeners: u64,
    },
    /// A page has ended and every receipt has come or is overdue.
    PageEnded {
        /// Which account.
        account: AccountId,
        /// Who has heard it.
        report: PageReport,
    },
    /// A change of the directory does not follow the state held: a snapshot must be sent.
    SnapshotWanted {
        /// Which account.
        account: AccountId,
        /// The state held.
        epoch: Option<Epoch>,
    },
    /// The directory is in another state.
    DirectoryApplied {
        /// Which account.
        account: AccountId,
        /// The state.
        epoch: Epoch,
    },
    /// An update of the directory was refused as a whole.
    DirectoryRefused {
        /// Which account.
        account: AccountId,
        /// The rule it breaks.
        why: String,
    },
}

/// Why a registration was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationRefusal {
    /// The answer to the challenge was wrong; whether the user exists is not told.
    WrongCredentials,
    /// The credential is another user's.
    OtherUser,
    /// The request was malformed, or broke a limit.
    BadRequest,
    /// Too many attempts from there.
    TooManyAttempts,
    /// It asked for another domain than this zone's, under the name of a user.
    OtherDomain,
    /// It came without TLS, over which no call may go here.
    ClearFlow,
}

/// Why a device and a zone have come to no agreement on TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeFailure {
    /// It offers no version of TLS that the zone speaks.
    TlsTooOld,
    /// It broke off at the certificate of the zone.
    CertificateRefused,
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallRefusal {
    /// Nothing has that number.
    UnknownExtension,
    /// No permission.
    NotPermitted,
    /// The PIN was wrong or missing.
    WrongPin,
    /// Nobody the extension stands for is registered.
    NobodyRegistered,
    /// Something more important sounds there.
    PreEmpted,
    /// No media both sides accept.
    NoCommonMedia,
    /// A limit of the zone is reached.
    Overloaded,
}
