//! Who may call, page or raise an alert on what.

use std::fmt;
use std::ops::RangeInclusive;

use crate::{Extension, Secret, SipUser};

/// Digits of a PIN, which is typed on a telephone: fewer are guessed, more are mistyped.
pub const PIN_DIGITS: RangeInclusive<usize> = 4..=16;

/// Says whether a text can be a PIN.
#[must_use]
pub fn is_pin(text: &str) -> bool {
    PIN_DIGITS.contains(&text.len()) && text.bytes().all(|one| one.is_ascii_digit())
}

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
