//! How devices came to their configuration and certificates.

use super::{LinePlace, MacAddress, Timestamp, TokenHash};
use crate::{DeviceId, SipUser};

/// How a try to fetch a configuration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptOutcome {
    /// The configuration was sent.
    Served,
    /// No certificate was shown.
    NoCertificate,
    /// Nobody who is trusted signed the certificate.
    Untrusted,
    /// The certificate is not valid at the time.
    Expired,
    /// The certificate was revoked.
    Revoked,
    /// The certificate is another device's.
    OtherDevice,
    /// No device of that address was added.
    UnknownDevice,
    /// The device is set to be configured by hand.
    NotProvisioned,
    /// There is no such file.
    UnknownFile,
    /// The device cannot register with what it runs.
    FirmwareTooOld,
    /// The model cannot register at all.
    ModelCannot,
    /// The two sides have no version of TLS in common.
    TlsTooOld,
    /// The device does not trust the certificate of the server.
    ServerUntrusted,
    /// The connection came to no agreement for another reason.
    HandshakeFailed,
    /// The device is held until somebody has looked.
    Held,
    /// Another certificate has proved to be the device before.
    SecondCertificate,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [Self; 16] = [
        Self::Served,
        Self::NoCertificate,
        Self::Untrusted,
        Self::Expired,
        Self::Revoked,
        Self::OtherDevice,
        Self::UnknownDevice,
        Self::NotProvisioned,
        Self::UnknownFile,
        Self::FirmwareTooOld,
        Self::ModelCannot,
        Self::TlsTooOld,
        Self::ServerUntrusted,
        Self::HandshakeFailed,
        Self::Held,
        Self::SecondCertificate,
    ];

    /// The outcome as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::NoCertificate => "no_certificate",
            Self::Untrusted => "untrusted",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::OtherDevice => "other_device",
            Self::UnknownDevice => "unknown_device",
            Self::NotProvisioned => "not_provisioned",
            Self::UnknownFile => "unknown_file",
            Self::FirmwareTooOld => "firmware_too_old",
            Self::ModelCannot => "model_cannot",
            Self::TlsTooOld => "tls_too_old",
            Self::ServerUntrusted => "server_untrusted",
            Self::HandshakeFailed => "handshake_failed",
            Self::Held => "held",
            Self::SecondCertificate => "second_certificate",
        }
    }

    /// Reads what [`AttemptOutcome::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A try to fetch a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// For which address; a handshake that failed tells none.
    pub mac: Option<MacAddress>,
    /// From where: an IP address.
    pub source: String,
    /// What was asked for.
    pub file: String,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Whoever tried has proved to be the device, by its certificate: what others do in its name is no more than a hint.
    pub proved: bool,
    /// How many tries like it there were, the last at `at`.
    pub times: u32,
    /// The evidence: who signed what, which versions were offered.
    pub detail: String,
}

/// An extension that was taken from a device: for as long as it has not fetched its configuration anew it still tries to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerLine {
    /// Where it stood.
    pub place: LinePlace,
    /// Who registered.
    pub user: SipUser,
    /// Since when it is none of the device's.
    pub removed_at: Timestamp,
}

/// A code by which a device gets its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCode {
    /// Hash of the code without its dash, in capital letters.
    pub code: TokenHash,
    /// The device it is for.
    pub device: DeviceId,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// SHA-256 of the public key that used it up.
    pub used_by: Option<TokenHash>,
}

/// A certificate that the service's own authority issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// SHA-256 of the certificate in DER.
    pub fingerprint: TokenHash,
    /// SHA-256 of its public key.
    pub key: TokenHash,
    /// Its serial number in hexadecimal digits.
    pub serial: String,
    /// Whose it is.
    pub device: DeviceId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// A certificate by which a device has proved to be itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCertificate {
    /// SHA-256 of the certificate in DER.
    pub fingerprint: TokenHash,
    /// What it is worth.
    pub standing: Standing,
    /// When it was first shown.
    pub first_at: Timestamp,
    /// When it was last shown.
    pub last_at: Timestamp,
    /// From where it was last shown: an IP address.
    pub source: String,
}

/// What a certificate is worth here that proves a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Good,
    /// Somebody has looked at it and found it good.
    Accepted,
    /// It waits for somebody to look: meanwhile it is worth nothing.
    Held,
    /// Somebody has made it worth nothing.
    Blocked,
}

impl Standing {
    const ALL: [Self; 4] = [Self::Good, Self::Accepted, Self::Held, Self::Blocked];

    /// The standing as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Accepted => "accepted",
            Self::Held => "held",
            Self::Blocked => "blocked",
        }
    }

    /// Reads what [`Standing::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text)
    }

    /// It is worth something.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Good | Self::Accepted)
    }
}

/// A device that is given nothing until somebody has looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldDevice {
    /// Since when.
    pub at: Timestamp,
    /// Why, in a sentence without a point.
    pub why: String,
}
