//! Device → Actions → Resync and Restart: the device is asked through the zone it is registered with.

use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Device, DeviceType};
use model::{AccountId, SipUser};
use registrations::{Resync, Unasked};
use store::{Scope, StoreError};
use tokio::sync::oneshot;

use super::Site;
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PHONES_AND_DEVICES};
use super::problem::{Problem, not_yet};
use super::slots;
use crate::provisioning::chain;

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
    if site.setup().resyncs.is_none() {
        return Ok(not_asked(by, &device, Unasked::NoZone));
    }
    let action = if restarts { "restart" } else { "resync" };
    // It is written down before it is done: what restarts a device is known even if this process ends meanwhile.
    let detail = format!("{} ({})", device.name, device.mac);
    let mut writing = site.store().write().await?;
    by.note(&mut writing, action, detail).await?;
    writing.commit().await?;
    Ok(
        match Resync::ask(site.setup().resyncs.as_ref(), users, restarts).await {
            Ok(()) => Redirect::to(&format!("{path}?asked={action}")).into_response(),
            Err(unasked) => not_asked(by, &device, unasked),
        },
    )
}

fn not_asked(by: &Visitor, device: &Device, unasked: Unasked) -> Response {
    let frame = Frame::new(by, format!("{} was not asked", device.name), PHONES_AND_DEVICES);
    let path = format!("/devices/{}", device.id);
    not_yet(frame, &unasked.to_string(), (&path, "Back to the device"))
}

/// Why a device was not asked, beside the name of one of many.
const fn in_a_row(unasked: Unasked) -> &'static str {
    match unasked {
        Unasked::NoZone => "no zone that this service runs can ask it",
        Unasked::Ended => "the zone that could ask it has ended",
        Unasked::Busy => "too many devices are being asked at this moment; try again in a few seconds",
        Unasked::Unknown => "the zone has not said in time whether it was asked",
        Unasked::NotRegistered => "it is not registered; it fetches its configuration when it is started",
    }
}

/// Has a device fetch what was changed for it, if it can be asked; nobody waits for it. The change is made, whether it is told or not.
pub(super) async fn tell_of_change(site: &Site, account: &AccountId, device: &Device) {
    let Some(resyncs) = &site.setup().resyncs else {
        return;
    };
    let told = users_to_tell(site, account, device).await;
    if !told.is_empty() {
        Resync::tell(resyncs, told);
    }
}

/// Has many devices fetch what was changed for them, as [`tell_of_changes`] does; nobody waits for it.
pub(super) fn tell_in_turn(site: &Site, account: &AccountId, devices: Vec<Device>) {
    let (site, account) = (site.clone(), account.clone());
    tokio::spawn(async move { tell_of_changes(&site, &account, &devices).await });
}

/// Why one of many devices cannot be asked, whatever its zone says.
pub(super) fn why_not(site: &Site, device: &Device, restarts: bool) -> Option<&'static str> {
    if !device.kind.is_provisioned() {
        Some("it is configured by hand, so it fetches nothing")
    } else if restarts && !can_restart(device.kind) {
        Some("it restarts at its own machine only")
    } else if site.setup().resyncs.is_none() {
        Some(in_a_row(Unasked::NoZone))
    } else {
        None
    }
}

/// Asks one of many devices that can be asked; says why it was not.
pub(super) async fn asked(
    site: &Site,
    account: &AccountId,
    device: &Device,
    restarts: bool,
) -> Result<Result<(), &'static str>, StoreError> {
    let users = registered_as(site, account, device).await?;
    Ok(Resync::ask(site.setup().resyncs.as_ref(), users, restarts)
        .await
        .map_err(in_a_row))
}

/// Has many devices fetch what was changed for them, each once, one after the other, as they can be asked.
pub(super) async fn tell_of_changes(site: &Site, account: &AccountId, devices: &[Device]) {
    let Some(resyncs) = &site.setup().resyncs else {
        return;
    };
    let mut told = BTreeSet::new();
    for device in devices.iter().filter(|device| told.insert(&device.id)) {
        let users = users_to_tell(site, account, device).await;
        if users.is_empty() {
            continue;
        }
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
}

/// Who a device registers as that can be told of a change; nobody where that cannot be read, of which the log says why.
async fn users_to_tell(site: &Site, account: &AccountId, device: &Device) -> Vec<SipUser> {
    if !device.kind.is_provisioned() {
        return Vec::new();
    }
    registered_as(site, account, device)
        .await
        .unwrap_or_else(|error| {
            let device = device.id.as_str();
            tracing::warn!(error = %chain(&error), device, "a device is not told of a change");
            Vec::new()
        })
}

async fn registered_as(
    site: &Site,
    account: &AccountId,
    device: &Device,
) -> Result<Vec<SipUser>, StoreError> {
    let mut reading = site.store().read().await?;
    users(&mut reading.account(account), device).await
}

async fn users(scope: &mut Scope<'_, '_>, device: &Device) -> Result<Vec<SipUser>, StoreError> {
    let lines = scope.lines_of_device(&device.id).await?;
    Ok(lines.into_iter().map(|line| line.user).collect())
}
