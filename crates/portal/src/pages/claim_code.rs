//! Device → Provision: a claim code, by which an endpoint gets its certificate, and taking its certificates back.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::ClaimCode;

use super::gate::Posted;
use super::layout::shown;
use super::problem::Problem;
use super::provision::{self, Known};
use super::{Site, chance, now, review, slots};
use crate::provisioning::{CLAIM_CODE_DAYS, claim_code_hash};

const DAY_SECONDS: u64 = 24 * 3600;

/// Makes a code and shows it this once: its hash alone is kept.
pub(super) async fn make(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    if !device.kind.is_provisioned() {
        return Err(Problem::Missing);
    }
    let code = chance::claim_code()?;
    let claim = ClaimCode {
        code: claim_code_hash(&code),
        device: device.id.clone(),
        expires_at: now().after_seconds(CLAIM_CODE_DAYS * DAY_SECONDS),
        used_by: None,
    };
    scope.add_claim_code(&claim).await?;
    let known = Known::of(&mut scope, &device).await?;
    let detail = format!("{} ({})", device.name, device.mac);
    by.note(&mut writing, "make claim code", detail).await?;
    writing.commit().await?;
    let until = shown(claim.expires_at);
    Ok(provision::page(&site, by, &device, known, Some((&code, until))))
}

/// Takes the device's certificates and its claim code back, and blocks what its maker has issued: from then on it gets nothing, until another code is made.
pub(super) async fn revoke(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    if !device.kind.is_provisioned() {
        return Err(Problem::Missing);
    }
    let count = scope.revoke_certificates_of_device(&device.id, now()).await?;
    review::block_all(&mut scope, &device).await?;
    let detail = format!("{} ({}), {count}", device.name, device.mac);
    by.note(&mut writing, "revoke certificates", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("/devices/{}/provision", device.id)).into_response())
}
