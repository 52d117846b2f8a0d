//! `/phone/devices/{deviceId}/line_keys`: where the extensions of a device stand, by one index over all its places.

use model::inventory::{DeviceType, HolderKind, LineId, LinePlace};
use model::{SlotKind, SlotPosition};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::shapes::number_of;
use super::device;
use crate::answer::{Done, Found};
use crate::asking::tell_of_change;
use crate::call::Call;
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// The kinds of slots in the order in which the index counts them: pages 1 to 51, rings 52 to 61, alerts 62 to 72.
const KINDS: [SlotKind; 3] = [SlotKind::Page, SlotKind::Ring, SlotKind::Alert];

/// What stands where.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LineKeys {
    device_id: String,
    device_name: String,
    positions: Vec<Position>,
}

#[derive(Serialize, JsonSchema)]
struct Position {
    #[schemars(range(min = 1, max = 300))]
    index: u16,
    owner_extension_name: String,
    owner_extension_number: i64,
    extension_number: i64,
    extension_type: Owner,
    extension_id: String,
    display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    outbound_caller_ids: Vec<CallerId>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
enum Owner {
    User,
    CommonArea,
}

/// A number that callers are shown; there is none here.
#[derive(Serialize, JsonSchema)]
struct CallerId {
    extension_id: String,
    phone_number: String,
    usage_type: Usage,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[expect(dead_code, reason = "the document names every use there is")]
enum Usage {
    #[serde(rename = "Main Company Number")]
    Main,
    #[serde(rename = "Additional Company Number")]
    Additional,
    #[serde(rename = "Direct Number")]
    Direct,
    #[serde(rename = "Phone Number")]
    Phone,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Moves {
    positions: Option<Vec<Move>>,
}

#[derive(Deserialize, JsonSchema)]
struct Move {
    extension_id: Option<String>,
    #[schemars(range(min = 1, max = 300))]
    index: Option<u16>,
}

pub(crate) async fn list(call: Call, _: Nothing, _: Nothing) -> Result<Found<LineKeys>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let device = device(&call, &mut scope, 400).await?;
    let mut positions: Vec<Position> = Vec::new();
    for (line, holder) in scope.held_lines_of_device(&device.id).await? {
        positions.push(Position {
            index: index_of(line.place),
            owner_extension_name: holder.name.to_string(),
            owner_extension_number: number_of(&holder.extension),
            extension_number: number_of(&holder.extension),
            extension_type: match holder.kind {
                HolderKind::User => Owner::User,
                HolderKind::CommonArea => Owner::CommonArea,
            },
            extension_id: holder.id.to_string(),
            display_name: holder.name.to_string(),
            phone_number: None,
            outbound_caller_ids: Vec::new(),
        });
    }
    positions.sort_by_key(|position| position.index);
    Ok(Found(LineKeys {
        device_id: device.id.to_string(),
        device_name: device.name.to_string(),
        positions,
    }))
}

pub(crate) async fn change(call: Call, _: Nothing, Json(body): Json<Moves>) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let account = call.account_of(&mut writing).await?;
    let mut scope = writing.account(&call.account);
    let device = device(&call, &mut scope, 300).await?;
    let lines = scope.lines_of_device(&device.id).await?;
    let mut moves: Vec<(LineId, LinePlace)> = Vec::new();
    for wanted in body.positions.unwrap_or_default() {
        let index = wanted.index.unwrap_or_default();
        let place = place_of(device.kind, index)
            .ok_or_else(|| Refusal::invalid(format_args!("Index is invalid: {index}.")))?;
        let id = wanted.extension_id.unwrap_or_default();
        let is_meant = |line: &&model::inventory::Line| {
            line.holder.as_str() == id && !moves.iter().any(|(moved, _)| *moved == line.id)
        };
        let line = lines
            .iter()
            .find(is_meant)
            .ok_or_else(|| Refusal::invalid(format_args!("Extension ID does not exist: {id}.")))?;
        moves.push((line.id.clone(), place));
    }
    let moved = scope.move_lines(&account, &device, &moves).await?;
    moved.map_err(|error| Refusal::invalid_field("positions", error))?;
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "move extensions", detail).await?;
    writing.commit().await?;
    tell_of_change(&call, &device).await;
    Ok(Done)
}

/// The index of a place, from 1.
fn index_of(place: LinePlace) -> u16 {
    match place {
        LinePlace::Phone(number) => number.into(),
        LinePlace::Slot(position) => {
            let before = KINDS.iter().take_while(|kind| **kind != position.kind());
            let before: u16 = before.map(|kind| u16::from(kind.port_max())).sum();
            before + u16::from(position.port())
        }
    }
}

/// The place of an index on a device of a type.
fn place_of(kind: DeviceType, index: u16) -> Option<LinePlace> {
    if kind.is_provisioned() {
        let slots = KINDS.into_iter().flat_map(SlotPosition::all);
        slots.map(LinePlace::Slot).find(|place| index_of(*place) == index)
    } else {
        let mut lines = (1..=LinePlace::PHONE_LINES_MAX).map(LinePlace::Phone);
        lines.find(|place| index_of(*place) == index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_an_index_of_its_own() {
        for (kind, count) in [(DeviceType::Algo, 72), (DeviceType::Other, 250)] {
            for index in 1..=count {
                let place = place_of(kind, index).unwrap();
                assert_eq!(index_of(place), index);
            }
            assert_eq!(place_of(kind, 0), None);
            assert_eq!(place_of(kind, count + 1), None);
        }
    }
}
