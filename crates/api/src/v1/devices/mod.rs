//! `/devices`: what is the matter with each, slot by slot.

mod attempts;
mod list;
mod read;
mod slots;

use axum::http::Method;
use model::DeviceId;
use model::inventory::Device;
use store::Scope;

use super::READ;
use crate::call::Call;
use crate::operation::Operation;
use crate::rate::Rate;
use crate::refusal::Refusal;

/// There is no such device.
const NO_DEVICE: &[(u16, &[u32])] = &[(404, &[])];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/devices", "listDevices", list::list)
            .summary("List devices, each with its verdict")
            .scopes(READ, &["oyez:devices:read"])
            .rate(Rate::Heavy),
        Operation::new(Method::GET, "/devices/{device_id}", "readDevice", read::read)
            .summary("Read a device: what is the matter with it and by which evidence, and its slots")
            .scopes(READ, &["oyez:devices:read"])
            .refuses(NO_DEVICE),
        Operation::new(
            Method::GET,
            "/devices/{device_id}/slots",
            "listSlots",
            slots::list,
        )
        .summary("List the slots of a device: whose extension stands there, and whether it is registered")
        .scopes(READ, &["oyez:devices:read"])
        .refuses(NO_DEVICE),
        Operation::new(
            Method::GET,
            "/devices/{device_id}/attempts",
            "listAttempts",
            attempts::list,
        )
        .summary("List the tries to fetch the configuration of a device, the last first")
        .scopes(READ, &["oyez:devices:read"])
        .rate(Rate::Medium)
        .refuses(NO_DEVICE),
    ]
}

/// Finds the device of a path.
async fn device(call: &Call, scope: &mut Scope<'_, '_>) -> Result<Device, Refusal> {
    let device = match call.id::<DeviceId>("device_id") {
        Some(id) => scope.device(&id).await?,
        None => None,
    };
    device.ok_or_else(|| Refusal::none("device"))
}
