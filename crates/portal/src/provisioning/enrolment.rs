//! Certificates for claim codes, as docs/enrolment.md describes the exchange.

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, extract::rejection::JsonRejection};
use model::inventory::{AuditEntry, IssuedCertificate, MacAddress, TokenHash};
use net::authority::{Purpose, holder_names, public_key};
use net::tls::certificates_from_pem;
use serde::Deserialize;
use serde_json::json;
use store::{ClaimError, StoreError};
use web::Peer;

use super::file::chain;
use super::{Server, sha256};
use store::timestamp;

/// Longest claim code, in octets.
const CODE_LENGTH_MAX: usize = 256;

/// What a device asks with.
#[derive(Deserialize)]
pub(super) struct Asked {
    claim_code: String,
    mac: String,
    request: String,
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// Wrong, used up, too old, or of a device that is not there: which, is not told.
    #[error(
        "the claim code is not good for this device: it is wrong, used up or too old; make another in the portal"
    )]
    NotGood,
    /// There were too many wrong codes.
    #[error("too many wrong claim codes; try again in {0} s")]
    Wait(u64),
    /// The request cannot be understood.
    #[error("{0}")]
    Malformed(String),
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotGood => StatusCode::UNAUTHORIZED,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
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
    let from = peer.address.ip();
    let asked = match asked {
        Ok(Json(asked)) => asked,
        Err(rejection) => return Refusal::Malformed(rejection.body_text()).into_response(),
    };
    if let Err(wait) = server.begin_guess(from) {
        return Refusal::Wait(wait.as_secs().saturating_add(1)).into_response();
    }
    match issue(&server, &asked).await {
        Ok(Granted {
            certificate,
            is_first,
        }) => {
            // Who repeats a code that was used proves nothing by it.
            if is_first {
                server.guesses().note_success(from);
            }
            Json(json!({ "certificate": certificate })).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
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
    let mac: MacAddress = asked
        .mac
        .parse()
        .map_err(|error: model::inventory::MacError| Refusal::Malformed(error.to_string()))?;
    let now = server.now();
    let unfit = |text: &str| Refusal::Malformed(text.to_owned());
    let certificate = server
        .0
        .authority
        .sign_request(&asked.request, Purpose::Client, now)
        .map_err(|_| {
            unfit(
                "the signing request cannot be used: PKCS #10 in PEM, signed by its own key, would be right",
            )
        })?;
    let issued = certificates_from_pem(certificate.as_bytes()).unwrap_or_default();
    let own = issued
        .first()
        .ok_or_else(|| unfit("the signing request cannot be used"))?;
    if holder_names(own).unwrap_or_default() != [mac.compact()] {
        return Err(unfit(
            "the common name of the signing request is not the hardware address without colons",
        ));
    }
    let key = public_key(own).map_err(|_| unfit("the signing request has no key"))?;

    let mut transaction = server.0.store.write().await?;
    let Some((account, device)) = transaction.device_of_mac(mac).await? else {
        return Err(Refusal::NotGood);
    };
    let (key, at) = (sha256(&key), timestamp(now));
    let code = claim_code_hash(&asked.claim_code);
    let is_first = transaction.use_claim_code(code, &device.id, key, at).await?;
    let kept = IssuedCertificate {
        fingerprint: sha256(own),
        key,
        device: device.id,
        issued_at: at,
        revoked_at: None,
    };
    transaction.add_certificate(&kept).await?;
    let entry = AuditEntry {
        at,
        by: "provisioning".to_owned(),
        action: "issue certificate".to_owned(),
        detail: format!("{} ({mac})", device.name),
    };
    transaction.account(&account).add_audit(&entry).await?;
    transaction.commit().await?;
    Ok(Granted {
        certificate,
        is_first,
    })
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
