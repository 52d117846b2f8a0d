//! Users and their credentials.

use crate::{AuthorizationId, DeviceId, Secret, SipUser};

/// Somebody or something that registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user part of the address of record.
    pub user: SipUser,
    /// The name people know it by: "Hall loudspeaker".
    pub name: String,
    /// What registers under this name.
    pub kind: UserKind,
}

/// What registers under a user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// Phones, which ring and are answered by people.
    Phone,
    /// A slot of a device.
    Device(DeviceId),
}

/// The digest algorithms a credential can have (RFC 8760).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum DigestAlgorithm {
    /// For phones that know no other.
    #[serde(rename = "md5")]
    Md5,
    /// The default.
    #[serde(rename = "sha-256")]
    Sha256,
}

impl DigestAlgorithm {
    /// Hexadecimal digits of a hash.
    #[must_use]
    pub const fn hash_digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }
}

/// Numbers the secrets of a credential in the order they were issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// What proves that somebody is a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The digest user name.
    pub authorization_id: AuthorizationId,
    /// The only user it may act as.
    pub user: SipUser,
    /// The one algorithm it is challenged with.
    pub algorithm: DigestAlgorithm,
    /// Which of the secrets issued for this authorization id it is.
    pub generation: Generation,
    /// The secret itself.
    pub secret: CredentialSecret,
}

/// A password, or what is left of it when it may not be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSecret {
    /// The password in clear.
    Password(Secret),
    /// `H(authorization id:realm:password)` in lower-case hexadecimal digits (RFC 7616 §3.4.2).
    Ha1(Secret),
}

impl From<Secret> for CredentialSecret {
    fn from(password: Secret) -> Self {
        Self::Password(password)
    }
}
