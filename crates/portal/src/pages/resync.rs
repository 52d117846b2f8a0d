//! Device → Actions → Resync and Restart: the device is asked through the zone it is registered with.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Device, DeviceType};
use model::{AccountId, SipUser};
use registrations::Resync;
use store::{Scope, StoreError};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Site;
use super::gate::Posted;
use super::problem::{Problem, not_yet};
use super::slots;

/// Longest wait until it is known whether a device was asked.
const ASKED_MAX: Duration = Duration::from_secs(10);

/// Says whether devices of that type restart when they are told to.
pub(super) const fn can_restart(kind: DeviceType) -> bool {
    Resync::can_restart(kind)
}

pub(super) async fn resync(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    ask(&site, &posted, &id, false).await
}

pub(super) async fn restart(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    ask(&site, &posted, &id, true).await
}

async fn ask(site: &Site, posted: &Posted, id: &str, restarts: bool) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, id).await?;
    let path = format!("/devices/{}", device.id);
    if !device.kind.is_provisioned() || (restarts && !can_restart(device.kind)) {
        return Err(Problem::Missing);
    }
    let users = users(&mut scope, &device).await?;
    drop(reading);
    let Some(count) = send(site, users, restarts).await else {
        let text = "No zone that this service runs can ask the device. Restart it at its own pages, or by its power.";
        return Ok(not_yet(text, &path, "Back to the device"));
    };
    if count == 0 {
        let text = "The device is not registered, so it cannot be asked. It fetches its configuration when it is started.";
        return Ok(not_yet(text, &path, "Back to the device"));
    }
    let action = if restarts { "restart" } else { "resync" };
    let detail = format!("{} ({})", device.name, device.mac);
    let mut writing = site.store().write().await?;
    by.note(&mut writing, action, detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("{path}?asked={action}")).into_response())
}

/// Has a device fetch what was changed for it, if it can be asked; nobody waits for it.
pub(super) async fn tell_of_change(
    site: &Site,
    account: &AccountId,
    device: &Device,
) -> Result<(), StoreError> {
    tell_together(site, account, std::slice::from_ref(device)).await
}

/// Has devices fetch what was changed for them by one request, as [`tell_of_change`] does.
pub(super) async fn tell_together(
    site: &Site,
    account: &AccountId,
    devices: &[Device],
) -> Result<(), StoreError> {
    let Some(resyncs) = &site.setup().resyncs else {
        return Ok(());
    };
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(account);
    let mut told = Vec::new();
    for device in devices.iter().filter(|device| device.kind.is_provisioned()) {
        told.extend(users(&mut scope, device).await?);
    }
    if !told.is_empty() {
        let (asked, _) = oneshot::channel();
        let request = Resync {
            users: told,
            restarts: false,
            asked,
        };
        // A device that is not asked fetches by itself later.
        let _is_kept = resyncs.try_send(request).is_ok();
    }
    Ok(())
}

/// Asks one of many devices; says why it was not asked.
pub(super) async fn asked(
    site: &Site,
    account: &AccountId,
    device: &Device,
    restarts: bool,
) -> Result<Result<(), &'static str>, StoreError> {
    if !device.kind.is_provisioned() {
        return Ok(Err("it is configured by hand, so it fetches nothing"));
    }
    if restarts && !can_restart(device.kind) {
        return Ok(Err("it restarts at its own machine only"));
    }
    let mut reading = site.store().read().await?;
    let users = users(&mut reading.account(account), device).await?;
    drop(reading);
    Ok(match send(site, users, restarts).await {
        None => Err("no zone that this service runs can ask it"),
        Some(0) => Err("it is not registered; it fetches its configuration when it is started"),
        Some(_) => Ok(()),
    })
}

/// Has many devices fetch what was changed for them, one after the other, as they can be asked.
pub(super) async fn tell_of_changes(
    site: &Site,
    account: &AccountId,
    devices: &[Device],
) -> Result<(), StoreError> {
    let Some(resyncs) = &site.setup().resyncs else {
        return Ok(());
    };
    for device in devices.iter().filter(|device| device.kind.is_provisioned()) {
        let mut reading = site.store().read().await?;
        let users = users(&mut reading.account(account), device).await?;
        drop(reading);
        let (asked, _) = oneshot::channel();
        let request = Resync {
            users,
            restarts: false,
            asked,
        };
        if resyncs.send(request).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn users(scope: &mut Scope<'_, '_>, device: &Device) -> Result<Vec<SipUser>, StoreError> {
    let lines = scope.lines_of_device(&device.id).await?;
    Ok(lines.into_iter().map(|line| line.user).collect())
}

/// Over how many registrations a device was asked; none where nobody can ask.
async fn send(site: &Site, users: Vec<SipUser>, restarts: bool) -> Option<usize> {
    let (asked, count) = oneshot::channel();
    let request = Resync {
        users,
        restarts,
        asked,
    };
    site.setup().resyncs.as_ref()?.try_send(request).ok()?;
    timeout(ASKED_MAX, count).await.ok()?.ok()
}
