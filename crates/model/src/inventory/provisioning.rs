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
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [Self; 14] = [
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
