//! Certificates for claim codes, as docs/enrolment.md describes the exchange.

use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::{Json, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, extract::rejection::JsonRejection};
use model::DeviceId;
use model::inventory::{
    AttemptOutcome, ClaimCode, Device, IssuedCertificate, MacAddress, Timestamp, TokenHash,
};
use net::authority::{CERTIFICATE_VALIDITY, CertificateFacts, LIST_VALIDITY, Revoked};
use serde::Deserialize;
use serde_json::json;
use store::{ClaimError, Scope, StoreError, timestamp};
use web::Peer;

use super::file::chain;
use super::issuing::{self, NotKept, Signed, keep};
use super::proof::SignedBy;
use super::visit::Visit;
use super::{BY, Server, sha256};

/// Longest claim code, in octets.
const CODE_LENGTH_MAX: usize = 256;

/// How often one certificate is renewed: an answer can be lost, and a device that asks for ever must not fill the store.
const RENEWALS_MAX: usize = 10;

/// What is asked for, in the tries that are kept.
pub(super) const FILE: &str = "enrol";

/// What a device asks with. Without a claim code it has to show the certificate that it wants to renew.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    claim_code: String,
    mac: String,
    request: String,
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Wrong, used up, too old, or of a device that is not there: which, is not told.
    #[error(
        "the claim code is not good for this device: it is wrong, used up or too old; make another in the portal"
    )]
    NotGood,
    /// What was shown in place of a code proves nothing.
    #[error("{0}; make a claim code in the portal")]
    NotProved(String),
    /// What was shown is good for long yet.
    #[error("the certificate has more than a third of its time left; renew it when it has not")]
    NotDue,
    /// There were too many wrong codes.
    #[error("too many wrong claim codes; try again in {0} s")]
    Wait(u64),
    /// The request cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// The key is not this device's alone.
    #[error("{0}")]
    Key(NotKept),
    /// The store failed.
    #[error("the service cannot keep the certificate; its log says why")]
    Store(#[from] StoreError),
}

impl From<ClaimError> for Refusal {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::NotGood => Self::NotGood,
            ClaimError::Store(error) => Self::Store(error),
        }
    }
}

impl From<NotKept> for Refusal {
    fn from(error: NotKept) -> Self {
        match error {
            NotKept::KeyTakenBack | NotKept::KeyOfAnother => Self::Key(error),
            NotKept::Store(error) => Self::Store(error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotGood | Self::NotProved(_) => StatusCode::UNAUTHORIZED,
            Self::NotDue => StatusCode::CONFLICT,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Key(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(error) => {
                tracing::error!(error = %chain(error), "a certificate cannot be kept");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

pub(super) async fn enrol(
    State(server): State<Server>,
    Extension(peer): Extension<Peer>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Response {
    let asked = match asked {
        Ok(Json(asked)) => asked,
        Err(rejection) => return Refusal::Malformed(rejection.body_text()).into_response(),
    };
    let visit = Visit {
        server: &server,
        peer: &peer,
        file: FILE,
        now: server.now(),
    };
    let granted = if asked.claim_code.trim().is_empty() {
        renew(visit, &asked).await
    } else {
        claim(visit, &asked).await
    };
    match granted {
        Ok(certificate) => Json(json!({ "certificate": certificate })).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Lets a claim code be tried.
async fn claim(visit: Visit<'_>, asked: &Asked) -> Result<String, Refusal> {
    let Visit { server, peer, .. } = visit;
    let from = peer.address.ip();
    let tried = match server.begin_guess(from) {
        Ok(()) => issue(server, asked).await,
        Err(wait) => Err(Refusal::Wait(wait.as_secs().saturating_add(1))),
    };
    match tried {
        Ok(Granted {
            certificate,
            is_first,
        }) => {
            // Who repeats a code that was used proves nothing by it.
            if is_first {
                server.guesses().note_success(from);
            }
            Ok(certificate)
        }
        Err(refusal) => {
            if matches!(refusal, Refusal::NotGood) {
                server.tell_of_guess(from);
            }
            if let Ok(mac) = mac_of(asked)
                && !matches!(refusal, Refusal::Store(_))
            {
                note(visit, mac, AttemptOutcome::NoCertificate, &refusal.to_string());
            }
            Err(refusal)
        }
    }
}

/// Keeps that a device was given no certificate. What it has fetched with another one says more of it, so that this is no proof.
fn note(visit: Visit<'_>, mac: MacAddress, outcome: AttemptOutcome, why: &str) {
    let detail = format!("it asked for a certificate and got none: {why}");
    visit.note(visit.attempt(Some(mac), outcome, detail));
}

/// A certificate that was issued.
struct Granted {
    certificate: String,
    /// The code was not used before.
    is_first: bool,
}

/// Signs the request, if the code is good for the device and the key.
async fn issue(server: &Server, asked: &Asked) -> Result<Granted, Refusal> {
    if asked.claim_code.len() > CODE_LENGTH_MAX {
        return Err(Refusal::NotGood);
    }
    let signed = sign(server, asked)?;
    let mut transaction = server.0.store.write().await?;
    let Some((account, device)) = transaction.device_of_mac(signed.mac).await? else {
        return Err(Refusal::NotGood);
    };
    let code = claim_code_hash(&asked.claim_code);
    let is_first = transaction
        .use_claim_code(code, &device.id, signed.key, timestamp(signed.at))
        .await?;
    keep(
        &mut transaction,
        &account,
        &device,
        &signed,
        (BY, "issue certificate"),
    )
    .await?;
    transaction.commit().await?;
    Ok(Granted {
        certificate: signed.certificate,
        is_first,
    })
}

/// Signs the request of a device that shows a certificate of this service, while that is good and has but a third of its time left.
async fn renew(visit: Visit<'_>, asked: &Asked) -> Result<String, Refusal> {
    let Visit {
        server, peer, now, ..
    } = visit;
    let mac = mac_of(asked)?;
    let noted = |outcome, text: &str| {
        note(visit, mac, outcome, text);
        Refusal::NotProved(text.to_owned())
    };
    // A signature costs more than to see who asks for it.
    let proved = match visit.prove(mac) {
        Ok(proved) => proved,
        Err(refusal) => {
            let detail = refusal.detail.clone();
            visit.note_unproved(mac, refusal);
            return Err(Refusal::NotProved(detail));
        }
    };
    let (SignedBy::Own, Some(own)) = (proved.signed_by, peer.certificates.first()) else {
        let text = "this service renews its own certificates alone";
        return Err(noted(AttemptOutcome::Untrusted, text));
    };
    let mut transaction = server.0.store.write().await?;
    let found = transaction.device_of_mac(mac).await?;
    let issued = transaction.certificate(sha256(own)).await?;
    let (Some((account, device)), Some(issued)) = (found, issued) else {
        return Err(noted(
            AttemptOutcome::Revoked,
            "the certificate is not known here any more",
        ));
    };
    if issued.device != device.id || issued.revoked_at.is_some() {
        return Err(noted(AttemptOutcome::Revoked, "the certificate was taken back"));
    }
    if is_under_review(&mut transaction.account(&account), &device, &issued).await? {
        return Err(noted(
            AttemptOutcome::Held,
            "an administrator has to look at the device first",
        ));
    }
    if !CertificateFacts::read(own).is_ok_and(|facts| facts.renewal_is_due(now)) {
        return Err(Refusal::NotDue);
    }
    let later = transaction.certificates_of_device(&device.id).await?;
    let later = later.iter().filter(|other| other.issued_at > issued.issued_at);
    if later.count() >= RENEWALS_MAX {
        return Err(noted(
            AttemptOutcome::NoCertificate,
            "the certificate was renewed as often as one may be",
        ));
    }
    let signed = sign(server, asked)?;
    keep(
        &mut transaction,
        &account,
        &device,
        &signed,
        (BY, "renew certificate"),
    )
    .await?;
    transaction.commit().await?;
    Ok(signed.certificate)
}

/// Says whether the device, or what it shows, waits for somebody to look.
async fn is_under_review(
    scope: &mut Scope<'_, '_>,
    device: &Device,
    issued: &IssuedCertificate,
) -> Result<bool, StoreError> {
    let shown = scope.shown_certificates(&device.id).await?;
    let found = shown.iter().find(|shown| shown.fingerprint == issued.fingerprint);
    let is_doubted = found.is_some_and(|shown| !shown.standing.is_good());
    Ok(is_doubted || scope.held_device(&device.id).await?.is_some())
}

fn mac_of(asked: &Asked) -> Result<MacAddress, Refusal> {
    let mac = asked.mac.parse();
    mac.map_err(|error: model::inventory::MacError| Refusal::Malformed(error.to_string()))
}

/// Signs what a device asks for in its own name.
fn sign(server: &Server, asked: &Asked) -> Result<Signed, Refusal> {
    let mac = mac_of(asked)?;
    let signed = issuing::sign(&server.0.authority, asked.request.as_bytes(), mac, server.now());
    signed.map_err(|error| Refusal::Malformed(error.to_string()))
}

/// The list of certificates that were taken back, and when it was signed.
pub(super) struct SignedList(Instant, Bytes);

/// For how long a signed list is given to whoever asks: anybody may, and the next is signed no sooner.
const LIST_IS_KEPT: Duration = Duration::from_secs(60);

/// Answers with the list of certificates that were taken back: anybody may have it, and it says nothing but their numbers.
pub(super) async fn revoked(State(server): State<Server>) -> Response {
    match list(&server, Instant::now()).await {
        Ok(list) => ([(header::CONTENT_TYPE, "application/pkix-crl")], list).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// The list that was signed of late, or one that is signed for all who wait for it.
pub(super) async fn list(server: &Server, now: Instant) -> Result<Bytes, Refusal> {
    let mut kept = server.0.revoked.lock().await;
    match &*kept {
        Some(SignedList(at, list)) if now.saturating_duration_since(*at) < LIST_IS_KEPT => {
            return Ok(list.clone());
        }
        Some(_) | None => {}
    }
    let list = Bytes::from(signed_list(server).await?);
    *kept = Some(SignedList(now, list.clone()));
    Ok(list)
}

async fn signed_list(server: &Server) -> Result<Vec<u8>, Refusal> {
    let now = server.now();
    // What has ended stands in a list that was signed after its end once more (RFC 5280 §3.3), and then no more.
    let since = now.checked_sub(CERTIFICATE_VALIDITY + LIST_VALIDITY);
    let since = timestamp(since.unwrap_or(SystemTime::UNIX_EPOCH));
    let mut reading = server.0.store.read().await?;
    let revoked = reading.revoked_certificates(since).await?;
    let entry = |certificate: IssuedCertificate| {
        let serial = octets(&certificate.serial)?;
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(certificate.revoked_at?.0))?;
        Some(Revoked { serial, at })
    };
    let revoked: Vec<Revoked> = revoked.into_iter().filter_map(entry).collect();
    let number = timestamp(now).0;
    let signed = server.0.authority.revocation_list(&revoked, number, now);
    signed.map_err(|error| Refusal::Malformed(error.to_string()))
}

/// Reads hexadecimal digits; none where there are none.
fn octets(digits: &str) -> Option<Vec<u8>> {
    let octet = |start| u8::from_str_radix(digits.get(start..start + 2)?, 16).ok();
    let octets: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(octet).collect();
    octets.filter(|octets| !octets.is_empty())
}

/// Days for which a claim code is good.
pub const CLAIM_CODE_DAYS: u64 = 7;
const DAY_SECONDS: u64 = 24 * 3_600;

/// What is kept of a claim code that is made now.
#[must_use]
pub fn claim_by(code: &str, device: &DeviceId, now: Timestamp) -> ClaimCode {
    ClaimCode {
        code: claim_code_hash(code),
        device: device.clone(),
        expires_at: now.after_seconds(CLAIM_CODE_DAYS * DAY_SECONDS),
        used_by: None,
    }
}

/// The hash under which a claim code is kept: dashes, spaces and case do not matter.
#[must_use]
pub fn claim_code_hash(code: &str) -> TokenHash {
    let bare: String = code
        .chars()
        .filter(|character| !character.is_whitespace() && *character != '-')
        .map(|character| character.to_ascii_uppercase())
        .collect();
    sha256(bare.as_bytes())
}
