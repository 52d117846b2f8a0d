//! `PATCH` and `DELETE /phone/devices/{deviceId}`, and its template.

use schemars::JsonSchema;
use serde::Deserialize;
use store::RemoveDeviceError;

use super::super::shapes::holder_of;
use super::{assign, device, name, set_template};
use crate::answer::Done;
use crate::asking::tell_of_change;
use crate::call::{Call, password};
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Change {
    assigned_to: Option<String>,
    #[schemars(length(max = 255))]
    display_name: Option<String>,
    provision_template_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Template {
    provision_template_id: Option<String>,
}

pub(crate) async fn change(call: Call, _: Nothing, Json(body): Json<Change>) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let account = call.account_of(&mut writing).await?;
    let mut scope = writing.account(&call.account);
    let mut device = device(&call, &mut scope, 300).await?;
    if let Some(text) = &body.display_name {
        device.name = name(text)?;
        scope.update_device(&device).await?;
    }
    let mut has_other_file = false;
    if let Some(template) = &body.provision_template_id {
        set_template(&mut scope, &device, template, 300).await?;
        has_other_file = true;
    }
    if let Some(id) = body.assigned_to.as_deref().filter(|id| !id.is_empty()) {
        let holder = holder_of(&mut scope, id).await?;
        let holder =
            holder.ok_or_else(|| Refusal::unknown_extension(format_args!("User not found: {id}")))?;
        let lines = scope.lines_of_device(&device.id).await?;
        if !lines.iter().any(|line| line.holder == holder.id) {
            let assigned = match lines.as_slice() {
                [] => assign(&mut scope, &account, &device, &holder).await?,
                [line] => {
                    scope.remove_line(&line.id).await?;
                    let password = password()?;
                    scope
                        .assign(&account, &device, &holder, line.place, password)
                        .await?
                }
                _ => {
                    let error =
                        "several extensions are assigned to the device; remove or add one by /extensions";
                    return Err(Refusal::invalid_field("assigned_to", error));
                }
            };
            assigned.map_err(|error| Refusal::invalid_field("assigned_to", error))?;
            has_other_file = true;
        }
    }
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "change device", detail).await?;
    writing.commit().await?;
    if has_other_file {
        tell_of_change(&call, &device).await;
    }
    Ok(Done)
}

pub(crate) async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope, 300).await?;
    scope
        .remove_device(&device.id)
        .await
        .map_err(|error| match error {
            RemoveDeviceError::Assigned => Refusal::invalid(&error),
            RemoveDeviceError::Store(error) => error.into(),
        })?;
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "remove device", detail).await?;
    writing.commit().await?;
    Ok(Done)
}

pub(crate) async fn choose_template(
    call: Call,
    _: Nothing,
    Json(body): Json<Template>,
) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope, 300).await?;
    let template = body.provision_template_id.as_deref().unwrap_or_default();
    set_template(&mut scope, &device, template, 404).await?;
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "change template of device", detail)
        .await?;
    writing.commit().await?;
    tell_of_change(&call, &device).await;
    Ok(Done)
}
