//! `/phone/devices/{deviceId}/extensions`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::shapes::holder_of;
use super::{assign, device};
use crate::answer::{CreatedSilently, Done};
use crate::asking::tell_of_change;
use crate::call::Call;
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// Extensions that are assigned at once: as many as a device has slots.
const EXTENSIONS_MAX: usize = 72;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Extensions {
    assignee_extension_ids: Vec<String>,
}

pub(crate) async fn add(
    call: Call,
    _: Nothing,
    Json(body): Json<Extensions>,
) -> Result<CreatedSilently, Refusal> {
    if body.assignee_extension_ids.len() > EXTENSIONS_MAX {
        let error = format!("at most {EXTENSIONS_MAX}, as many as a device has slots");
        return Err(Refusal::invalid_field("assignee_extension_ids", error));
    }
    let mut writing = call.store().write().await?;
    let account = call.account_of(&mut writing).await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope, 300).await?;
    let mut done = Vec::new();
    for id in &body.assignee_extension_ids {
        let holder = holder_of(&mut scope, id).await?;
        let holder = holder.ok_or_else(|| {
            Refusal::unknown_extension("User extension ID or common area extension ID not found.")
        })?;
        // A client that repeats what it is not sure of assigns nothing twice.
        let lines = scope.lines_of_device(&device.id).await?;
        if lines.iter().any(|line| line.holder == holder.id) {
            continue;
        }
        let assigned = assign(&mut scope, &account, &device, &holder).await?;
        assigned.map_err(|error| Refusal::invalid_field("assignee_extension_ids", error))?;
        done.push(holder.extension.to_string());
    }
    let detail = format!("{}: {}", device.name, done.join(", "));
    call.note(&mut writing, "assign extension", detail).await?;
    writing.commit().await?;
    if !done.is_empty() {
        tell_of_change(&call, &device).await;
    }
    Ok(CreatedSilently)
}

pub(crate) async fn remove(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope, 300).await?;
    let id = call.text("extensionId");
    let lines = scope.held_lines_of_device(&device.id).await?;
    let of_holder = lines.iter().filter(|(_, holder)| holder.id.as_str() == id);
    let mut extension = None;
    for (line, holder) in of_holder {
        scope.remove_line(&line.id).await?;
        extension = Some(holder.extension.to_string());
    }
    let Some(extension) = extension else {
        return Err(Refusal::invalid(
            "Validation failed. The extension is not assigned to the device.",
        ));
    };
    let detail = format!("{}: {extension}", device.name);
    call.note(&mut writing, "remove extension", detail).await?;
    writing.commit().await?;
    tell_of_change(&call, &device).await;
    Ok(Done)
}
