//! `POST /devices/{device_id}/resync` and `restart`, and claim codes.

use model::inventory::Device;
use portal::provisioning::claim_by;
use registrations::{Resync, Unasked};
use schemars::JsonSchema;
use serde::Serialize;
use store::StoreError;

use super::super::moment;
use super::device;
use crate::answer::{Accepted, Created};
use crate::asking::users_of;
use crate::call::{Call, now};
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// A code by which a device gets its certificate.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Code {
    /// It is told this once.
    code: String,
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
}

pub(crate) async fn resync(call: Call, _: Nothing, _: Nothing) -> Result<Accepted, Refusal> {
    order(call, false).await
}

pub(crate) async fn restart(call: Call, _: Nothing, _: Nothing) -> Result<Accepted, Refusal> {
    order(call, true).await
}

async fn order(call: Call, restarts: bool) -> Result<Accepted, Refusal> {
    let mut reading = call.store().read().await?;
    let device = device(&call, &mut reading.account(&call.account)).await?;
    drop(reading);
    must_fetch(&device)?;
    if restarts && !Resync::can_restart(device.kind) {
        let why = "Such a device does not restart when it is told to: restart it in its web pages, or by its power.";
        return Err(Refusal::conflict(why));
    }
    let users = users_of(&call, &device).await?;
    let Some(resyncs) = &call.setup().resyncs else {
        return Err(Refusal::conflict(Unasked::NoZone));
    };
    // It is written down before it is done: what restarts a device is known even if this process ends meanwhile.
    let mut writing = call.store().write().await?;
    let detail = format!("{} ({})", device.name, device.mac);
    let action = if restarts {
        "restart device"
    } else {
        "resync device"
    };
    call.note(&mut writing, action, detail).await?;
    writing.commit().await?;
    let asked = Resync::ask(Some(resyncs), users, restarts).await;
    asked.map_err(|why| match why {
        Unasked::NoZone | Unasked::Ended | Unasked::NotRegistered => Refusal::conflict(why),
        Unasked::Busy => Refusal::no_room(why),
        Unasked::Unknown => Refusal::uncertain(why),
    })?;
    Ok(Accepted)
}

pub(crate) async fn make_claim_code(call: Call, _: Nothing, _: Nothing) -> Result<Created<Code>, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope).await?;
    must_fetch(&device)?;
    let code = web::ClaimCode::draw()
        .map_err(|_| StoreError::NoRandomness)?
        .to_string();
    let claim = claim_by(&code, &device.id, now());
    scope.add_claim_code(&claim).await?;
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "make claim code", detail).await?;
    writing.commit().await?;
    Ok(Created(Code {
        code,
        expires_at: moment(claim.expires_at),
    }))
}

/// Refuses what is of use only to a device that fetches its configuration.
fn must_fetch(device: &Device) -> Result<(), Refusal> {
    if device.kind.is_provisioned() {
        return Ok(());
    }
    let why = "It is a generic device, which fetches no configuration: type its credentials at the device.";
    Err(Refusal::conflict(why))
}
