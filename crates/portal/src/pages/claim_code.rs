//! Device → Provision: a claim code, by which an endpoint gets its certificate, and taking its certificates back.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::DeviceType;

use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PHONES_AND_DEVICES, shown};
use super::problem::Problem;
use super::provision::{self, Known};
use super::{Site, chance, now, review, slots};
use crate::provisioning::claim_by;

/// Makes a code and shows it this once: its hash alone is kept.
pub(super) async fn make(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::provisioned_device(&mut scope, &id).await?;
    let code = chance::claim_code()?;
    let claim = claim_by(&code, &device.id, now());
    scope.add_claim_code(&claim).await?;
    let known = Known::of(&mut writing, &by.account, &device).await?;
    let detail = format!("{} ({})", device.name, device.mac);
    by.note(&mut writing, "make claim code", detail).await?;
    writing.commit().await?;
    let until = shown(claim.expires_at);
    Ok(provision::page(&site, by, &device, known, Some((&code, until))))
}

/// Asks before certificates are taken back, which is for good.
pub(super) async fn ask_revocation(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let device = slots::provisioned_device(&mut reading.account(&by.account), &id).await?;
    let is_made_elsewhere = device.kind == DeviceType::Algo;
    let (button, lost) = if is_made_elsewhere {
        (
            "Block its certificates",
            "What it has shown of its maker's certificates gets nothing from here, until one is accepted again.",
        )
    } else {
        (
            "Take its certificates back",
            "Its certificates and its claim code are good no more, and do not become good again.",
        )
    };
    let page = Confirm {
        frame: Frame::new(&by, format!("{button}: {}", device.name), PHONES_AND_DEVICES),
        question: format!(
            "{button}? From then on {} ({}) gets nothing from here:",
            device.name, device.mac
        ),
        along: vec![
            lost.to_owned(),
            "It registers with the passwords it has until you make new ones and end the earlier.".to_owned(),
        ],
        action: format!("/devices/{}/revoke", device.id),
        hidden: Vec::new(),
        button,
        is_danger: true,
        back: format!("/devices/{}/provision", device.id),
    };
    Ok(page.answer())
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
    let device = slots::provisioned_device(&mut scope, &id).await?;
    let count = scope.revoke_certificates_of_device(&device.id, now()).await?;
    review::block_all(&mut scope, &device).await?;
    let detail = format!("{} ({}), {count}", device.name, device.mac);
    by.note(&mut writing, "revoke certificates", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("/devices/{}?asked=revoke", device.id)).into_response())
}
