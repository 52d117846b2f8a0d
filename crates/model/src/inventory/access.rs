//! Who signs in to the portal, and what they did there.

use super::{AdministratorId, Timestamp};

/// What somebody who signed in may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May look.
    Viewer,
    /// May page and raise alerts besides.
    Operator,
    /// May change everything but who the administrators are.
    Admin,
    /// May do everything.
    Owner,
}

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Admin, Self::Owner];

    /// The role as it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads what [`Role::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A password after argon2id, in the form of the password hashing competition.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash(redacted)")
    }
}

/// Somebody who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrator {
    /// Their id.
    pub id: AdministratorId,
    /// What they sign in with, in lower case.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Their password; without one they sign in by a link only.
    pub password: Option<PasswordHash>,
}

/// SHA-256 of a token that only its bearer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// Somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Hash of the token in their cookie.
    pub token: TokenHash,
    /// Who it is.
    pub administrator: AdministratorId,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// By whom: an e-mail address, or the part of the service that did it.
    pub by: String,
    /// What: "add device".
    pub action: String,
    /// To what, and how.
    pub detail: String,
}
