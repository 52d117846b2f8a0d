//! Which extension a list puts in which slot.

use std::collections::BTreeMap;

use super::plan::{LINES_MAX, Planner, field};
use super::{Change, Column, Row};
use crate::inventory::{Device, Holder, HolderId, LinePlace, MacAddress, check_assignment};
use crate::{DeviceId, Extension, SlotKind};

/// An extension that is to stand in a slot where another or none does.
struct Wanted<'r> {
    row: &'r Row,
    device: Device,
    place: LinePlace,
    holder: Holder,
    instead_of: Option<Extension>,
}

/// Who stands where while it is planned.
#[derive(Default)]
struct Standing {
    by_device: BTreeMap<DeviceId, BTreeMap<LinePlace, Extension>>,
    by_holder: BTreeMap<HolderId, Vec<(DeviceId, LinePlace)>>,
    count: usize,
}

impl Standing {
    fn put(&mut self, device: &DeviceId, place: LinePlace, (holder, extension): (&HolderId, Extension)) {
        self.by_device
            .entry(device.clone())
            .or_default()
            .insert(place, extension);
        let of_holder = self.by_holder.entry(holder.clone()).or_default();
        of_holder.push((device.clone(), place));
        self.count += 1;
    }

    fn take(&mut self, device: &DeviceId, place: LinePlace, holder: Option<&HolderId>) {
        if let Some(places) = self.by_device.get_mut(device) {
            places.remove(&place);
        }
        if let Some(places) = holder.and_then(|holder| self.by_holder.get_mut(holder)) {
            places.retain(|standing| (&standing.0, standing.1) != (device, place));
        }
        self.count = self.count.saturating_sub(1);
    }
}

/// Plans the rows of assignments, once all users, common areas and devices are known. What makes room goes first, so extensions
/// may change places.
pub(super) fn plan<'r>(planner: &mut Planner<'_>, rows: impl Iterator<Item = &'r Row>) {
    let mut standing = present(planner);
    let holders_before: BTreeMap<Extension, HolderId> = planner
        .present
        .holders
        .iter()
        .map(|holder| (holder.extension.clone(), holder.id.clone()))
        .collect();
    let mut lines_by_place = BTreeMap::new();
    let mut all_wanted = Vec::new();
    for row in rows {
        let Some((device, place, holder)) = read(planner, row) else {
            continue;
        };
        if let Some(earlier) = lines_by_place.insert((device.mac, place), row.line) {
            let (kind, port, mac) = (place.kind(), place.port(), device.mac);
            let why =
                format!("{kind} {port} of {mac} stands already in line {earlier}; write each slot once");
            planner.refuse(row, Column::Port, why);
            continue;
        }
        let there = standing
            .by_device
            .get(&device.id)
            .and_then(|places| places.get(&place))
            .cloned();
        if there.as_ref() == Some(&holder.extension) {
            planner.unchanged(row);
            continue;
        }
        if let Some(there) = &there {
            standing.take(&device.id, place, holders_before.get(there));
        }
        all_wanted.push(Wanted {
            row,
            device,
            place,
            holder,
            instead_of: there,
        });
    }
    for wanted in all_wanted {
        put(planner, &mut standing, wanted);
    }
}

fn present(planner: &Planner<'_>) -> Standing {
    let mut standing = Standing::default();
    let extensions: BTreeMap<&HolderId, &Extension> = planner
        .present
        .holders
        .iter()
        .map(|holder| (&holder.id, &holder.extension))
        .collect();
    for assignment in &planner.present.assignments {
        if let Some(extension) = extensions.get(&assignment.holder) {
            let holder = (&assignment.holder, (*extension).clone());
            standing.put(&assignment.device, assignment.place, holder);
        }
    }
    standing
}

/// The device, the slot and the extension of a row.
fn read(planner: &mut Planner<'_>, row: &Row) -> Option<(Device, LinePlace, Holder)> {
    let faults = &mut planner.plan.faults;
    let mac: Option<MacAddress> = field(faults, row, Column::Mac, str::parse, None);
    let extension: Option<Extension> =
        field(faults, row, Column::Extension, |text| text.trim().parse(), None);
    let kind = field(faults, row, Column::Slot, kind_of, None);
    let port = field(faults, row, Column::Port, port_of, None);
    let place = kind
        .zip(port)
        .map(|(kind, port)| (kind, port, LinePlace::from_stored(kind, port)));
    if let Some((kind, _, None)) = place {
        let slot = SlotKind::ALL.into_iter().find(|slot| slot.as_str() == kind);
        let most = slot.map_or(LinePlace::PHONE_LINES_MAX, SlotKind::port_max);
        planner.refuse(row, Column::Port, format!("{kind} has the ports 1 to {most}"));
    }
    let device = mac.and_then(|mac| device_of(planner, row, mac));
    let holder = extension.and_then(|extension| holder_of(planner, row, &extension));
    let (_, _, place) = place?;
    Some((device?, place?, holder?))
}

/// The device of an address, unless there is none.
pub(super) fn device_of(planner: &mut Planner<'_>, row: &Row, mac: MacAddress) -> Option<Device> {
    if let Some((device, _)) = planner.devices.get(&mac) {
        return Some(device.clone());
    }
    // A device whose own row is bad has been told of there.
    if !planner.mac_lines.contains_key(&mac) {
        let why = format!("there is no device {mac}; add it in a row of its own, or correct the address");
        planner.refuse(row, Column::Mac, why);
    }
    None
}

/// The user or common area of an extension, unless there is none.
pub(super) fn holder_of(planner: &mut Planner<'_>, row: &Row, extension: &Extension) -> Option<Holder> {
    if let Some(holder) = planner.holders.get(extension) {
        return Some(holder.clone());
    }
    if let Some(group) = planner.groups.get(extension) {
        let why = format!(
            "{extension} is the page group {}; write the extension of a user or common area",
            group.name
        );
        planner.refuse(row, Column::Extension, why);
    } else if !planner.extension_lines.contains_key(extension) {
        let why = format!(
            "no user or common area has {extension}; add one in a row of its own, or correct the extension"
        );
        planner.refuse(row, Column::Extension, why);
    }
    None
}

fn put(planner: &mut Planner<'_>, standing: &mut Standing, wanted: Wanted<'_>) {
    let Wanted {
        row,
        device,
        place,
        holder,
        instead_of,
    } = wanted;
    let places = standing.by_device.get(&device.id).into_iter().flatten();
    let on_device: Vec<(LinePlace, String)> = places
        .map(|(place, extension)| (*place, extension.to_string()))
        .collect();
    let of_holder = standing.by_holder.get(&holder.id).into_iter().flatten();
    let of_holder: Vec<LinePlace> = of_holder.map(|(_, place)| *place).collect();
    let catalogue = &planner.present.catalogue;
    let model = device.model.as_deref().and_then(|model| catalogue.of_name(model));
    let account = &planner.present.account;
    if let Err(error) = check_assignment(account, (&device, model), &holder, place, &on_device, &of_holder) {
        return planner.refuse(row, Column::Slot, error.to_string());
    }
    if standing.count >= LINES_MAX {
        let why = format!("an account has {LINES_MAX} extensions in slots at most; remove others first");
        return planner.refuse(row, Column::Slot, why);
    }
    standing.put(&device.id, place, (&holder.id, holder.extension.clone()));
    let change = Change::Assign {
        device,
        place,
        holder: holder.id,
        extension: holder.extension,
        instead_of,
    };
    planner.step(row, change);
}

/// The words for where an extension can stand.
pub(super) fn kind_of(text: &str) -> Result<&'static str, String> {
    let words = [
        SlotKind::Page.as_str(),
        SlotKind::Ring.as_str(),
        SlotKind::Alert.as_str(),
        LinePlace::Phone(1).kind(),
    ];
    super::named(text.trim().to_ascii_lowercase().as_str(), &words, |word| word)
}

pub(super) fn port_of(text: &str) -> Result<u8, String> {
    let number = text.trim().parse();
    number.map_err(|_| format!("{} is no port; write a number from 1", super::Quoted(text)))
}
