//! Serving a device its file.

use std::time::Instant;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::AccountId;
use model::inventory::{Attempt, AttemptOutcome, Device, DeviceType, MacAddress, configuration_of};
use store::{StoreError, Transaction};
use web::Peer;

use super::proof::{Refusal, SignedBy};
use super::{Server, sha256};
use store::timestamp;

/// Longest file name that is looked at.
const NAME_LENGTH_MAX: usize = 64;
/// How our endpoints begin the header in which they say what they are.
const OWN_AGENT: &str = "Oyez-Endpoint/";
/// Longest version that is kept, in octets.
const VERSION_LENGTH_MAX: usize = 64;

/// Answers a request for a file. Files of models are not kept here: what devices have in common stands in the file of each.
pub(super) async fn serve(
    State(server): State<Server>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(mac) = device_of(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let now = server.now();
    let attempt = |outcome, detail| Attempt {
        at: timestamp(now),
        mac: Some(mac),
        source: peer.address.ip().to_string(),
        file: name.clone(),
        outcome,
        detail,
    };
    let answered = match server.0.authorities.prove(&peer.certificates, mac, now) {
        Ok(signed_by) => answer(&server, &peer, signed_by, mac, agent, &attempt).await,
        Err(refusal) => refuse(&server, &peer, mac, refusal, &attempt).await,
    };
    answered.unwrap_or_else(|error| {
        tracing::error!(error = %chain(&error), "a configuration cannot be made");
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    })
}

/// Answers whoever has not proved to be the device. The answer and what it costs are the same whether the device is known or not.
async fn refuse(
    server: &Server,
    peer: &Peer,
    mac: MacAddress,
    refusal: Refusal,
    attempt: &(impl Fn(AttemptOutcome, String) -> Attempt + Sync),
) -> Result<Response, StoreError> {
    let is_noted = server.refusals().is_noted(Instant::now(), peer.address.ip(), mac);
    if is_noted {
        let mut transaction = server.0.store.write().await?;
        transaction
            .add_attempt(&attempt(refusal.outcome, refusal.detail))
            .await?;
        transaction.commit().await?;
    }
    Ok(told(refusal.outcome))
}

/// The device whose file it is: `algom<MAC>.conf`.
fn device_of(name: &str) -> Option<MacAddress> {
    let digits = name
        .get(..NAME_LENGTH_MAX.min(name.len()))?
        .strip_prefix("algom")?
        .strip_suffix(".conf")?;
    let is_bare = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.parse().ok().filter(|_| is_bare)
}

/// Answers the device itself, and keeps the try.
async fn answer(
    server: &Server,
    peer: &Peer,
    signed_by: SignedBy,
    mac: MacAddress,
    agent: Option<&str>,
    attempt: &(impl Fn(AttemptOutcome, String) -> Attempt + Sync),
) -> Result<Response, StoreError> {
    let mut transaction = server.0.store.write().await?;
    let found = find(&mut transaction, peer, signed_by, mac).await?;
    let response = match found {
        Ok((account, device)) => {
            note(&mut transaction, &account, &device, agent).await?;
            let text = file_of(server, &mut transaction, &account, &device).await?;
            let detail = agent.unwrap_or_default().to_owned();
            transaction
                .add_attempt(&attempt(AttemptOutcome::Served, detail))
                .await?;
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
        }
        Err(Refusal { outcome, detail }) => {
            transaction.add_attempt(&attempt(outcome, detail)).await?;
            told(outcome)
        }
    };
    transaction.commit().await?;
    Ok(response)
}

/// The device that a certificate proves, if it may have its file.
async fn find(
    transaction: &mut Transaction<'_>,
    peer: &Peer,
    signed_by: SignedBy,
    mac: MacAddress,
) -> Result<Result<(AccountId, Device), Refusal>, StoreError> {
    let refused = |outcome, detail: &str| {
        Ok(Err(Refusal {
            outcome,
            detail: detail.to_owned(),
        }))
    };
    let issued = match peer.certificates.first() {
        Some(own) => transaction.certificate(sha256(own)).await?,
        None => None,
    };
    if issued.as_ref().is_some_and(|issued| issued.revoked_at.is_some()) {
        return refused(AttemptOutcome::Revoked, "the certificate was taken back");
    }
    let Some((account, device)) = transaction.device_of_mac(mac).await? else {
        return refused(
            AttemptOutcome::UnknownDevice,
            "no device of this address was added",
        );
    };
    // What its own authority has signed for an earlier device of the address is not this one's.
    if signed_by == SignedBy::Own && issued.is_none_or(|issued| issued.device != device.id) {
        let detail = "the certificate was issued for an earlier device of this address: make a claim code and enrol again";
        return refused(AttemptOutcome::Revoked, detail);
    }
    if !device.kind.is_provisioned() {
        let detail = "it was added as a generic device: its credentials are typed by hand";
        return refused(AttemptOutcome::NotProvisioned, detail);
    }
    Ok(Ok((account, device)))
}

/// Notes the version that an endpoint of ours tells of itself.
async fn note(
    transaction: &mut Transaction<'_>,
    account: &AccountId,
    device: &Device,
    agent: Option<&str>,
) -> Result<(), StoreError> {
    let version = agent
        .and_then(|agent| agent.strip_prefix(OWN_AGENT))
        .filter(|version| device.kind == DeviceType::Oyez && version.len() <= VERSION_LENGTH_MAX);
    match version {
        Some(version) if device.firmware.as_deref() != Some(version) => {
            let mut scope = transaction.account(account);
            scope.note_device(&device.id, Some("oyez"), Some(version)).await
        }
        _ => Ok(()),
    }
}

async fn file_of(
    server: &Server,
    transaction: &mut Transaction<'_>,
    account: &AccountId,
    device: &Device,
) -> Result<String, StoreError> {
    let held = transaction
        .account(account)
        .held_lines_of_device(&device.id)
        .await?;
    let lines: Vec<_> = held.iter().map(|(line, holder)| (line, &holder.name)).collect();
    Ok(configuration_of(device, &lines, &server.0.uplink))
}

/// What the device is told: enough to look for the cause on either side.
fn told(outcome: AttemptOutcome) -> Response {
    let (status, text) = match outcome {
        AttemptOutcome::Served => (StatusCode::OK, ""),
        AttemptOutcome::NoCertificate => (StatusCode::FORBIDDEN, "a device certificate is needed"),
        AttemptOutcome::Untrusted => (StatusCode::FORBIDDEN, "the device certificate is not trusted"),
        AttemptOutcome::Expired => (
            StatusCode::FORBIDDEN,
            "the device certificate is not valid at this time",
        ),
        AttemptOutcome::Revoked => (StatusCode::FORBIDDEN, "the device certificate was taken back"),
        AttemptOutcome::OtherDevice => (
            StatusCode::FORBIDDEN,
            "the device certificate is for another device",
        ),
        AttemptOutcome::UnknownDevice => (StatusCode::FORBIDDEN, "the device was not added"),
        AttemptOutcome::NotProvisioned => (StatusCode::FORBIDDEN, "the device is configured by hand"),
        AttemptOutcome::UnknownFile | AttemptOutcome::HandshakeFailed => {
            (StatusCode::NOT_FOUND, "there is no such file")
        }
    };
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        text,
    )
        .into_response()
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_device_is_known_by_its_twelve_digits() {
        let mac = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);
        assert_eq!(device_of("algom0022EE0A0B0C.conf"), Some(mac));
        assert_eq!(device_of("algom0022ee0a0b0c.conf"), Some(mac));
        for name in [
            "algop8180.conf",
            "algom0022EE0A0B0C-i.conf",
            "algom0022EE0A0B0C.conf.md5",
            "algom00:22:EE:0A:0B:0C.conf",
            "algom.conf",
            "../algom0022EE0A0B0C.conf",
            "algomé022EE0A0B0C.conf",
        ] {
            assert_eq!(device_of(name), None, "{name}");
        }
        assert_eq!(device_of(&"é".repeat(100)), None);
    }
}
