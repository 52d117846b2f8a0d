//! Issuing a certificate for a device: the rules that hold whoever asks for it, and issuing by hand.

use std::time::SystemTime;

use model::AccountId;
use model::inventory::{AuditEntry, Device, IssuedCertificate, MacAddress, TokenHash};
use net::authority::{Authority, AuthorityError, CertificateFacts, Purpose, RequestOffence, SigningRequest};
use net::tls::certificates_from_pem;
use serde::{Deserialize, Serialize};
use store::{StoreError, Transaction, timestamp};

use super::sha256;

/// A certificate that was signed, and that nobody has yet.
pub(super) struct Signed {
    pub(super) certificate: String,
    pub(super) mac: MacAddress,
    /// What is kept of it, once it is known for which device.
    fingerprint: TokenHash,
    pub(super) key: TokenHash,
    serial: String,
    pub(super) at: SystemTime,
    not_after: SystemTime,
}

/// Why a request is not signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsigned {
    /// It cannot be used.
    #[error("{0}")]
    Request(#[from] RequestOffence),
    /// It is for somebody else.
    #[error("the common name of the signing request {found}; {} would be right for this device", .mac.compact())]
    Name {
        /// What stands there, in words.
        found: String,
        mac: MacAddress,
    },
    /// No certificate can be made.
    #[error("{0}")]
    Authority(AuthorityError),
}

impl From<AuthorityError> for Unsigned {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::Request(offence) => Self::Request(offence),
            error => Self::Authority(error),
        }
    }
}

/// Signs what a device asks for in its own name, which has to be its hardware address, in whatever spelling.
pub(super) fn sign(
    authority: &Authority,
    request: &[u8],
    mac: MacAddress,
    now: SystemTime,
) -> Result<Signed, Unsigned> {
    let request = SigningRequest::read(request)?;
    let names = request.common_names();
    let is_own = |name: &String| name.parse() == Ok(mac);
    if names.len() != 1 || !names.iter().all(is_own) {
        let found = match names {
            [] => "is missing".to_owned(),
            [name, ..] => format!("is {:?}", name.chars().take(SHOWN_MAX).collect::<String>()),
        };
        return Err(Unsigned::Name { found, mac });
    }
    let certificate = authority.sign_for(&request, &mac.compact(), Purpose::Client, now)?;
    let unread = |_| AuthorityError::NotACertificate;
    let issued = certificates_from_pem(certificate.as_bytes()).map_err(unread)?;
    let own = issued.first().ok_or(AuthorityError::NotACertificate)?;
    let facts = CertificateFacts::read(own)?;
    Ok(Signed {
        mac,
        fingerprint: sha256(own),
        key: sha256(request.key()),
        serial: facts.serial.iter().map(|octet| format!("{octet:02x}")).collect(),
        at: now,
        not_after: facts.not_after,
        certificate,
    })
}

/// Characters of a name that an error repeats.
const SHOWN_MAX: usize = 64;

/// Why what was signed is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The key is not the device's to be trusted with.
    #[error(
        "a certificate of this key was taken back: make another key on the device, and a request with it"
    )]
    KeyTakenBack,
    /// Who has the key of one device could pass for the other.
    #[error("another device has a certificate of this key: make a key of its own on each device")]
    KeyOfAnother,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps what was signed, if the key is the device's own, and writes down who had it made.
///
/// # Errors
///
/// Says what is wrong with the key. Nothing is kept then, and nobody is to have the certificate.
pub(super) async fn keep(
    transaction: &mut Transaction<'_>,
    account: &AccountId,
    device: &Device,
    signed: &Signed,
    (by, action): (&str, &str),
) -> Result<(), NotKept> {
    for earlier in transaction.certificates_of_key(signed.key).await? {
        if earlier.revoked_at.is_some() {
            return Err(NotKept::KeyTakenBack);
        }
        if earlier.device != device.id {
            return Err(NotKept::KeyOfAnother);
        }
    }
    let at = timestamp(signed.at);
    let kept = IssuedCertificate {
        fingerprint: signed.fingerprint,
        key: signed.key,
        serial: signed.serial.clone(),
        device: device.id.clone(),
        issued_at: at,
        revoked_at: None,
    };
    transaction.add_certificate(&kept).await?;
    let entry = AuditEntry {
        at,
        by: by.to_owned(),
        action: action.to_owned(),
        detail: format!("{} ({})", device.name, signed.mac),
    };
    transaction.account(account).add_audit(&entry).await?;
    Ok(())
}

/// A certificate that was issued by hand.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct IssuedByHand {
    /// Of the device.
    pub name: String,
    /// Of the device, with colons.
    pub mac: String,
    /// The certificate in PEM.
    pub certificate: String,
    /// The authority's, which has signed it, in PEM.
    pub authority: String,
    /// SHA-256 of the certificate, in lower-case digits.
    pub fingerprint: String,
    /// Milliseconds since 1970 at which it is good no more.
    pub not_after_ms: u64,
}

impl IssuedByHand {
    /// The certificate, and the authority's after it.
    #[must_use]
    pub fn chain(&self) -> String {
        format!("{}{}", self.certificate, self.authority)
    }
}

/// Why no certificate is issued by hand.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// What the request says, in one sentence with what would be right.
    #[error("{0}")]
    Request(String),
    /// The device is configured by hand, and shows no certificate.
    #[error("a generic device fetches no configuration, and needs no certificate")]
    Generic,
    /// What was signed is not kept.
    #[error(transparent)]
    Unkept(#[from] NotKept),
}

/// Signs a device's request for whoever vouches for it, and keeps what was issued as for a claim code: it is renewed, taken back and
/// held by the same rules.
///
/// # Errors
///
/// Says what is wrong with the request or its key. Nothing is kept then.
pub async fn issue_by_hand(
    transaction: &mut Transaction<'_>,
    authority: &Authority,
    (account, device): (&AccountId, &Device),
    request: &[u8],
    by: &str,
    now: SystemTime,
) -> Result<IssuedByHand, NotIssued> {
    if !device.kind.is_provisioned() {
        return Err(NotIssued::Generic);
    }
    let signed = sign(authority, request, device.mac, now);
    let signed = signed.map_err(|error| NotIssued::Request(error.to_string()))?;
    keep(
        transaction,
        account,
        device,
        &signed,
        (by, "issue certificate by hand"),
    )
    .await?;
    Ok(IssuedByHand {
        name: device.name.to_string(),
        mac: device.mac.to_string(),
        fingerprint: signed
            .fingerprint
            .0
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect(),
        not_after_ms: timestamp(signed.not_after).0,
        certificate: signed.certificate,
        authority: authority.certificate_pem().to_owned(),
    })
}
