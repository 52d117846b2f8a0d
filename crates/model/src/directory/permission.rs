//! Who may call, page or raise an alert on what.

use std::fmt;

use crate::{Extension, Secret, SipUser};

/// What a permission allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// To ring somebody.
    Call,
    /// To be heard without being answered.
    Page,
    /// To raise an alert, real or as a drill.
    Alert,
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Call => "call",
            Self::Page => "page",
            Self::Alert => "alert",
        })
    }
}

/// Whom a permission is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Every user of the account.
    Anyone,
    /// One user.
    User(SipUser),
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => formatter.write_str("anyone"),
            Self::User(user) => write!(formatter, "user {user}"),
        }
    }
}

/// What a permission is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Every extension of the account.
    Any,
    /// One extension.
    Extension(Extension),
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("any extension"),
            Self::Extension(extension) => write!(formatter, "extension {extension}"),
        }
    }
}

/// One permission. Two permissions with the same action, user and subject are one: the later replaces the earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// For whom.
    pub who: Who,
    /// To do what.
    pub action: Action,
    /// On what.
    pub subject: Subject,
    /// Digits the caller must give first.
    pub pin: Option<Secret>,
}

/// The answer to "may this caller reach that extension?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Yes.
    Allowed,
    /// Yes, once this PIN has been given; compare with [`Secret::matches`].
    PinWanted(&'a Secret),
    /// No permission says so.
    Denied,
}
