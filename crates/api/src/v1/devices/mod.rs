//! `/devices`: what is the matter with each, slot by slot.

mod assign;
mod attempts;
mod credentials;
mod list;
mod orders;
mod read;
mod slots;

pub(super) use slots::AssignmentType;

use axum::http::Method;
use model::DeviceId;
use model::inventory::Device;
use store::Scope;

use super::{READ, WRITE};
use crate::call::Call;
use crate::operation::Operation;
use crate::rate::Rate;
use crate::refusal::Refusal;

/// There is no such device.
const NO_DEVICE: &[(u16, &[u32])] = &[(404, &[])];
/// Or what is asked for is not for such a one.
const NOT_FOR_IT: &[(u16, &[u32])] = &[(404, &[]), (409, &[])];
/// The scope that changes devices.
const WRITE_DEVICES: &[&str] = &["oyez:devices:write"];
/// The one scope that shows passwords.
const CREDENTIALS: &[&str] = &["oyez:credentials"];

pub(super) fn operations() -> Vec<Operation> {
    [reading(), assigning(), ordering()]
        .into_iter()
        .flatten()
        .collect()
}

/// What changes nothing.
fn reading() -> Vec<Operation> {
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

/// What stands in the slots, and with which password.
fn assigning() -> Vec<Operation> {
    const SLOT: &str = "/devices/{device_id}/slots/{slot_id}";
    vec![
        Operation::new(Method::POST, "/devices/{device_id}/slots", "assign", assign::add)
            .summary("Put an extension in a slot; one that stands there already is answered in the same way")
            .scopes(WRITE, WRITE_DEVICES)
            .refuses(NOT_FOR_IT),
        Operation::new(Method::PATCH, SLOT, "moveExtension", assign::change)
            .summary("Put an extension in another slot of its device, with the credentials it has")
            .scopes(WRITE, WRITE_DEVICES)
            .refuses(NOT_FOR_IT),
        Operation::new(Method::DELETE, SLOT, "unassign", assign::remove)
            .summary("Take an extension away from a device")
            .scopes(WRITE, WRITE_DEVICES)
            .refuses(NO_DEVICE),
        Operation::new(
            Method::POST,
            "/devices/{device_id}/slots/{slot_id}/rotate",
            "rotatePassword",
            credentials::rotate,
        )
        .summary("Give a slot another password; the one before stays good until it is ended")
        .scopes(WRITE, WRITE_DEVICES)
        .refuses(NOT_FOR_IT),
        Operation::new(
            Method::DELETE,
            "/devices/{device_id}/slots/{slot_id}/earlier_password",
            "endEarlierPassword",
            credentials::end_earlier,
        )
        .summary("End the password that a rotation has left good")
        .scopes(WRITE, WRITE_DEVICES)
        .refuses(NO_DEVICE),
        Operation::new(
            Method::GET,
            "/devices/{device_id}/credentials",
            "readCredentials",
            credentials::show,
        )
        .summary("Read the passwords of a device that is configured by hand")
        .scopes(CREDENTIALS, CREDENTIALS)
        .refuses(NOT_FOR_IT),
    ]
}

/// What a device is told to do, and given.
fn ordering() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "/devices/{device_id}/resync",
            "resyncDevice",
            orders::resync,
        )
        .summary("Have a registered device fetch its configuration")
        .scopes(WRITE, WRITE_DEVICES)
        .rate(Rate::Heavy)
        .refuses(NOT_FOR_IT),
        Operation::new(
            Method::POST,
            "/devices/{device_id}/restart",
            "restartDevice",
            orders::restart,
        )
        .summary("Restart a registered device")
        .scopes(WRITE, WRITE_DEVICES)
        .rate(Rate::Heavy)
        .refuses(NOT_FOR_IT),
        Operation::new(
            Method::POST,
            "/devices/{device_id}/claim_codes",
            "makeClaimCode",
            orders::make_claim_code,
        )
        .summary("Make a claim code, by which a device gets its certificate; it is told this once")
        .scopes(CREDENTIALS, CREDENTIALS)
        .refuses(NOT_FOR_IT),
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
