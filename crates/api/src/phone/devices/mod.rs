//! `/phone/devices`.

mod add;
mod assignees;
mod change;
mod line_keys;
mod list;
mod orders;
mod read;

use axum::http::Method;
use model::DeviceId;
use model::inventory::{
    Account, AssignmentError, Device, DeviceType, DisplayName, Holder, LinePlace, TemplateId,
};
use store::Scope;

use super::{READ, WRITE};
use crate::call::{Call, password};
use crate::operation::Operation;
use crate::rate::Rate;
use crate::refusal::Refusal;

/// The scope that shows passwords, beside one that shows the device.
pub(crate) const SHOW_PASSWORDS: &str = "phone:read:sip_credentials:admin";

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = own_operations();
    operations.extend(further_operations());
    operations
}

fn own_operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/phone/devices", "listPhoneDevices", list::list)
            .summary("List devices")
            .scopes(READ, &["phone:read:list_devices:admin"])
            .rate(Rate::Medium),
        Operation::new(Method::POST, "/phone/devices", "addPhoneDevice", add::add)
            .summary("Add a device")
            .scopes(WRITE, &["phone:write:device:admin"])
            .refuses(&[(400, &[300, 405]), (404, &[1001])]),
        Operation::new(Method::GET, "/phone/devices/{deviceId}", "getADevice", read::read)
            .summary("Get a device, and the credentials of one that is configured by hand")
            .scopes(READ, &["phone:read:device:admin"])
            .refuses(&[(400, &[400])]),
        Operation::new(
            Method::PATCH,
            "/phone/devices/{deviceId}",
            "updateADevice",
            change::change,
        )
        .summary("Change a device")
        .scopes(WRITE, &["phone:update:device:admin"])
        .refuses(&[(400, &[300]), (404, &[1001])]),
        Operation::new(
            Method::DELETE,
            "/phone/devices/{deviceId}",
            "deleteADevice",
            change::delete,
        )
        .summary("Remove a device that nobody is assigned to")
        .scopes(WRITE, &["phone:delete:device:admin"])
        .refuses(&[(400, &[300])]),
        Operation::new(
            Method::POST,
            "/phone/devices/{deviceId}/extensions",
            "addExtensionsToADevice",
            assignees::add,
        )
        .summary("Assign users and common areas to a device")
        .scopes(WRITE, &["phone:write:device_extension:admin"])
        .refuses(&[(400, &[300]), (404, &[1001])]),
        Operation::new(
            Method::DELETE,
            "/phone/devices/{deviceId}/extensions/{extensionId}",
            "deleteExtensionFromADevice",
            assignees::remove,
        )
        .summary("Unassign a user or common area from a device")
        .scopes(WRITE, &["phone:delete:device_extension:admin"])
        .refuses(&[(400, &[300])]),
    ]
}

/// What is done to a device besides.
fn further_operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/phone/devices/{deviceId}/line_keys",
            "listDeviceLineKeySetting",
            line_keys::list,
        )
        .summary("List where the extensions of a device stand")
        .scopes(
            &["phone:read:admin", "phone:read"],
            &["phone:read:device_line_keys", "phone:read:device_line_keys:admin"],
        )
        .rate(Rate::Heavy),
        Operation::new(
            Method::PATCH,
            "/phone/devices/{deviceId}/line_keys",
            "batchUpdateDeviceLineKeySetting",
            line_keys::change,
        )
        .summary("Move extensions of a device to other places")
        .scopes(
            &["phone:write:admin", "phone:write"],
            &[
                "phone:update:device_line_keys",
                "phone:update:device_line_keys:admin",
            ],
        )
        .rate(Rate::Heavy)
        .refuses(&[(400, &[300])]),
        Operation::new(
            Method::PUT,
            "/phone/devices/{deviceId}/provision_templates",
            "updateProvisionTemplateToDevice",
            change::choose_template,
        )
        .summary("Give a device a provisioning template, or none")
        .scopes(WRITE, &["phone:update:device_provision_template:admin"])
        .refuses(&[(400, &[300, 404])]),
        Operation::new(
            Method::POST,
            "/phone/devices/{deviceId}/reboot",
            "rebootPhoneDevice",
            orders::reboot,
        )
        .summary("Restart a device")
        .scopes(WRITE, &["phone:write:reboot_device:admin"])
        .rate(Rate::Heavy)
        .refuses(&[(400, &[400, 404])]),
        Operation::new(
            Method::POST,
            "/phone/devices/sync",
            "syncPhoneDevice",
            orders::sync,
        )
        .summary("Have devices fetch their configuration")
        .scopes(WRITE, &["phone:write:sync_device:admin"])
        .rate(Rate::Heavy)
        .refuses(&[(400, &[300, 429])]),
    ]
}

/// Finds the device of a path, or refuses with a code.
async fn device(call: &Call, scope: &mut Scope<'_, '_>, code: u32) -> Result<Device, Refusal> {
    let device = match call.id::<DeviceId>("deviceId") {
        Some(id) => scope.device(&id).await?,
        None => None,
    };
    device.ok_or_else(|| Refusal::coded(code, "Device does not exist in the system."))
}

/// Puts an extension in the first place of a device that is free.
async fn assign(
    scope: &mut Scope<'_, '_>,
    account: &Account,
    device: &Device,
    holder: &Holder,
) -> Result<Result<(), AssignmentError>, Refusal> {
    let taken = scope.lines_of_device(&device.id).await?;
    let taken: Vec<LinePlace> = taken.into_iter().map(|line| line.place).collect();
    let Some(place) = LinePlace::first_free(device.kind, &taken) else {
        return Err(Refusal::invalid(
            "Validation failed. Every place of the device is taken.",
        ));
    };
    Ok(scope.assign(account, device, holder, place, password()?).await?)
}

/// Gives a device the template of an id, or none where it is empty.
async fn set_template(
    scope: &mut Scope<'_, '_>,
    device: &Device,
    id: &str,
    code: u32,
) -> Result<(), Refusal> {
    if id.is_empty() {
        return Ok(scope.set_device_template(&device.id, None).await?);
    }
    let missing = || Refusal::coded(code, "Provision template does not exist.");
    let id: TemplateId = id.parse().map_err(|_| missing())?;
    if scope.template(&id).await?.is_none() {
        return Err(missing());
    }
    Ok(scope.set_device_template(&device.id, Some(&id)).await?)
}

fn name(text: &str) -> Result<DisplayName, Refusal> {
    DisplayName::new(text).map_err(|error| Refusal::invalid_field("display_name", error))
}

/// The type that a brand stands for.
fn kind_of(brand: &str, account: &Account) -> Result<DeviceType, Refusal> {
    let is_named = |kind: &DeviceType| kind.brand().eq_ignore_ascii_case(brand.trim());
    DeviceType::ALL
        .into_iter()
        .find(is_named)
        .filter(|kind| kind.is_provisioned() || account.generic_devices)
        .ok_or_else(|| {
            Refusal::invalid_field(
                "type",
                "there is no such type here; algo, oyez, or other for a device that is configured by hand",
            )
        })
}
