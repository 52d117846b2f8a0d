//! Which extension stands in which slot of a device.

use model::SlotKind;
use model::inventory::{HolderId, LinePlace};
use schemars::JsonSchema;
use serde::Deserialize;

use super::credentials::slot;
use super::device;
use super::slots::{AssignmentType, Slot};
use crate::answer::{Created, Done, Found};
use crate::asking::tell_of_change;
use crate::call::{Call, password};
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Assigned {
    /// The user or common area whose extension it is.
    holder_id: String,
    assignment_type: AssignmentType,
    /// From 1: page has 51 ports, ring 10, alert 11, and a phone 250 lines.
    port: u8,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Moved {
    assignment_type: AssignmentType,
    /// From 1: page has 51 ports, ring 10, alert 11, and a phone 250 lines.
    port: u8,
}

/// Whoever repeats this gets what stands there, and nothing is assigned twice.
pub(crate) async fn add(
    call: Call,
    _: Nothing,
    Json(body): Json<Assigned>,
) -> Result<Created<Slot>, Refusal> {
    let place = place(body.assignment_type, body.port)?;
    let mut writing = call.store().write().await?;
    let account = call.account_of(&mut writing).await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope).await?;
    let holder = match body.holder_id.parse::<HolderId>() {
        Ok(id) => scope.holder(&id).await?,
        Err(_) => None,
    };
    let holder =
        holder.ok_or_else(|| Refusal::invalid_field("holder_id", "there is no such user or common area"))?;
    let before = scope.lines_of_device(&device.id).await?;
    let is_there = before
        .iter()
        .any(|line| line.place == place && line.holder == holder.id);
    if !is_there {
        let assigned = scope
            .assign(&account, &device, &holder, place, password()?)
            .await?;
        assigned.map_err(Refusal::conflict)?;
    }
    let lines = scope.lines_of_device(&device.id).await?;
    let line = lines.into_iter().find(|line| line.place == place);
    let line = line.ok_or_else(|| Refusal::none("slot with an extension on this device"))?;
    let earlier = scope.earlier_passwords_of_device(&device.id).await?;
    if !is_there {
        let detail = format!("{}: {}", device.name, holder.extension);
        call.note(&mut writing, "assign extension", detail).await?;
        writing.commit().await?;
        tell_of_change(&call, &device).await;
    }
    let registration = call.registrations().of(line.user.as_str());
    Ok(Created(Slot::of(&line, &holder, registration.as_ref(), &earlier)))
}

/// Whoever repeats this moves nothing twice.
pub(crate) async fn change(call: Call, _: Nothing, Json(body): Json<Moved>) -> Result<Found<Slot>, Refusal> {
    let place = place(body.assignment_type, body.port)?;
    let mut writing = call.store().write().await?;
    let account = call.account_of(&mut writing).await?;
    let mut scope = writing.account(&call.account);
    let (device, mut line, holder) = slot(&call, &mut scope).await?;
    let moved = scope
        .move_lines(&account, &device, &[(line.id.clone(), place)])
        .await?;
    moved.map_err(Refusal::conflict)?;
    let earlier = scope.earlier_passwords_of_device(&device.id).await?;
    if line.place != place {
        let detail = format!("{} at {}", holder.extension, device.name);
        call.note(&mut writing, "move extension", detail).await?;
        writing.commit().await?;
        tell_of_change(&call, &device).await;
        line.place = place;
    }
    let registration = call.registrations().of(line.user.as_str());
    Ok(Found(Slot::of(&line, &holder, registration.as_ref(), &earlier)))
}

pub(crate) async fn remove(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let (device, line, holder) = slot(&call, &mut scope).await?;
    scope.remove_line(&line.id).await?;
    let detail = format!("{} from {}", holder.extension, device.name);
    call.note(&mut writing, "remove extension", detail).await?;
    writing.commit().await?;
    tell_of_change(&call, &device).await;
    Ok(Done)
}

/// The place of a type and a port.
fn place(assignment_type: AssignmentType, port: u8) -> Result<LinePlace, Refusal> {
    let (kind, most) = match assignment_type {
        AssignmentType::Page => (SlotKind::Page.as_str(), SlotKind::Page.port_max()),
        AssignmentType::Ring => (SlotKind::Ring.as_str(), SlotKind::Ring.port_max()),
        AssignmentType::Alert => (SlotKind::Alert.as_str(), SlotKind::Alert.port_max()),
        AssignmentType::Phone => (LinePlace::Phone(1).kind(), LinePlace::PHONE_LINES_MAX),
    };
    LinePlace::from_stored(kind, port)
        .ok_or_else(|| Refusal::invalid_field("port", format_args!("this type has the ports 1 to {most}")))
}
