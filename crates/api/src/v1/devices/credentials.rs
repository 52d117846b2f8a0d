//! Passwords of slots: shown for devices that are configured by hand, and changed.

use model::directory::DigestAlgorithm;
use model::inventory::{Device, Holder, Line, LineId};
use schemars::JsonSchema;
use serde::Serialize;
use store::{RotateLineError, Scope};

use super::device;
use super::slots::{AssignmentType, Slot};
use crate::answer::{Done, Found};
use crate::asking::tell_of_change;
use crate::call::{Call, password};
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// What is typed into a device that is configured by hand.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Credentials {
    domain: String,
    outbound_proxy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_outbound_proxy: Option<String>,
    slots: Vec<SlotCredentials>,
}

#[derive(Serialize, JsonSchema)]
struct SlotCredentials {
    slot_id: String,
    assignment_type: AssignmentType,
    port: u8,
    extension: String,
    user: String,
    authorization_id: String,
    password: String,
    algorithm: Algorithm,
    generation: u32,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
enum Algorithm {
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "SHA-256")]
    Sha256,
}

pub(crate) async fn show(call: Call, _: Nothing, _: Nothing) -> Result<Found<Credentials>, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope).await?;
    if device.kind.is_provisioned() {
        let why = "The device fetches its credentials itself; nobody is shown them.";
        return Err(Refusal::conflict(why));
    }
    let held = scope.held_lines_of_device(&device.id).await?;
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "show credentials", detail).await?;
    writing.commit().await?;
    let uplink = &call.setup().uplink;
    Ok(Found(Credentials {
        domain: uplink.domain.clone(),
        outbound_proxy: uplink.outbound_proxy.to_string(),
        second_outbound_proxy: uplink.second_outbound_proxy.as_ref().map(ToString::to_string),
        slots: held.iter().map(SlotCredentials::of).collect(),
    }))
}

impl SlotCredentials {
    fn of((line, holder): &(Line, Holder)) -> Self {
        Self {
            slot_id: line.id.to_string(),
            assignment_type: AssignmentType::of(line.place),
            port: line.place.port(),
            extension: holder.extension.to_string(),
            user: line.user.to_string(),
            authorization_id: line.authorization_id.to_string(),
            password: line.password.reveal().to_owned(),
            algorithm: match line.algorithm {
                DigestAlgorithm::Md5 => Algorithm::Md5,
                DigestAlgorithm::Sha256 => Algorithm::Sha256,
            },
            generation: line.generation.0,
        }
    }
}

/// Gives a slot another password, beside which the one before stays good.
pub(crate) async fn rotate(call: Call, _: Nothing, _: Nothing) -> Result<Found<Slot>, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let (device, line, holder) = slot(&call, &mut scope).await?;
    scope
        .rotate_line(&line.id, &password()?)
        .await
        .map_err(|error| match error {
            RotateLineError::EarlierIsGood => Refusal::conflict(&error),
            RotateLineError::Store(error) => error.into(),
        })?;
    let (_, line, _) = slot(&call, &mut scope).await?;
    let detail = format!("{} at {}", holder.extension, device.name);
    call.note(&mut writing, "make new password", detail).await?;
    writing.commit().await?;
    tell_of_change(&call, &device).await;
    let registration = call.registrations().of(line.user.as_str());
    let earlier = [line.id.clone()];
    Ok(Found(Slot::of(&line, &holder, registration.as_ref(), &earlier)))
}

/// Ends the password that a rotation has left good; there may be none any more.
pub(crate) async fn end_earlier(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let (device, line, holder) = slot(&call, &mut scope).await?;
    if scope.end_earlier_password(&line.id).await? {
        let detail = format!("{} at {}", holder.extension, device.name);
        call.note(&mut writing, "end earlier password", detail).await?;
        writing.commit().await?;
    }
    Ok(Done)
}

/// The device and the slot that a path names.
pub(super) async fn slot(call: &Call, scope: &mut Scope<'_, '_>) -> Result<(Device, Line, Holder), Refusal> {
    let device = device(call, scope).await?;
    let id: Option<LineId> = call.id("slot_id");
    let held = scope.held_lines_of_device(&device.id).await?;
    let found = held.into_iter().find(|(line, _)| Some(&line.id) == id.as_ref());
    let (line, holder) = found.ok_or_else(|| Refusal::none("slot with an extension on this device"))?;
    Ok((device, line, holder))
}
