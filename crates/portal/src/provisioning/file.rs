//! Serving a device its file.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::AccountId;
use model::inventory::{Attempt, AttemptOutcome, Device, DisplayName, Line, MacAddress, configuration_of};
use store::{StoreError, Transaction};
use web::Peer;

use super::proof::{Refusal, prove};
use super::{Server, sha256};
use crate::moment::timestamp;

/// Longest file name that is looked at.
const NAME_LENGTH_MAX: usize = 64;
/// How our endpoints begin the header in which they say what they are.
const OWN_AGENT: &str = "Oyez-Endpoint/";

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
    let proved = prove(&server.0.authorities, &peer.certificates, mac, now);
    let is_proved = proved.is_ok();
    let answered = match proved {
        Ok(()) => answer(&server, &peer, mac, agent).await,
        Err(refusal) => Ok(Err(refusal)),
    };
    let (outcome, detail, response) = match answered {
        Ok(Ok(text)) => (
            AttemptOutcome::Served,
            agent.unwrap_or_default().to_owned(),
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        ),
        Ok(Err(Refusal { outcome, detail })) => (outcome, detail, told(outcome)),
        Err(error) => {
            tracing::error!(error = %chain(&error), "a configuration cannot be made");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    if is_proved || server.notes_refusal(peer.address.ip()) {
        let attempt = Attempt {
            at: timestamp(now),
            mac: Some(mac),
            source: peer.address.ip().to_string(),
            file: name,
            outcome,
            detail,
        };
        keep(&server, &attempt).await;
    }
    response
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

/// Makes the file of a device that has proved who it is.
async fn answer(
    server: &Server,
    peer: &Peer,
    mac: MacAddress,
    agent: Option<&str>,
) -> Result<Result<String, Refusal>, StoreError> {
    let refused = |outcome, detail: &str| {
        Ok(Err(Refusal {
            outcome,
            detail: detail.to_owned(),
        }))
    };
    let mut transaction = server.0.store.write().await?;
    if let Some(own) = peer.certificates.first()
        && let Some(issued) = transaction.certificate(sha256(own)).await?
        && issued.revoked_at.is_some()
    {
        return refused(AttemptOutcome::Revoked, "the certificate was taken back");
    }
    let Some((account, device)) = transaction.device_of_mac(mac).await? else {
        return refused(
            AttemptOutcome::UnknownDevice,
            "no device of this address was added",
        );
    };
    if !device.kind.is_provisioned() {
        let detail = "it was added as a generic device: its credentials are typed by hand";
        return refused(AttemptOutcome::NotProvisioned, detail);
    }
    if let Some(version) = agent.and_then(|agent| agent.strip_prefix(OWN_AGENT)) {
        let mut scope = transaction.account(&account);
        scope.note_device(&device.id, Some("oyez"), Some(version)).await?;
    }
    let text = file_of(server, &mut transaction, &account, &device).await?;
    transaction.commit().await?;
    Ok(Ok(text))
}

async fn file_of(
    server: &Server,
    transaction: &mut Transaction<'_>,
    account: &AccountId,
    device: &Device,
) -> Result<String, StoreError> {
    let mut scope = transaction.account(account);
    let lines = scope.lines_of_device(&device.id).await?;
    let mut named: Vec<(Line, DisplayName)> = Vec::with_capacity(lines.len());
    for line in lines {
        if let Some(holder) = scope.holder(&line.holder).await? {
            named.push((line, holder.name));
        }
    }
    let lines: Vec<_> = named.iter().map(|(line, name)| (line, name)).collect();
    Ok(configuration_of(device, &lines, &server.0.uplink))
}

async fn keep(server: &Server, attempt: &Attempt) {
    let kept = async {
        let mut transaction = server.0.store.write().await?;
        transaction.add_attempt(attempt).await?;
        transaction.commit().await
    };
    if let Err(error) = kept.await {
        tracing::error!(error = %chain(&error), "a try to fetch a configuration cannot be kept");
    }
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
pub(super) fn chain(error: &dyn std::error::Error) -> String {
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
