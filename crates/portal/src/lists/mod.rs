//! Lists of users, common areas, devices, what stands in their slots, and page groups, as files: CSV, where each row says what it is about, and
//! JSON, where rows stand in groups. What is written is read back as it was. `docs/import.md` describes both.

mod csv_file;
mod json_file;
mod present;

pub(crate) use csv_file::{CsvWriter, guarded_rows};
pub(crate) use json_file::JsonWriter;
pub(crate) use present::present;

use std::collections::BTreeMap;

use model::inventory::import::{Cell, Column, Faults, Names, Present, RecordKind, Row, group_columns};
use model::inventory::{Assignment, GroupMember, HolderId, HolderKind, MacAddress, PageGroup, Pagers};
use model::{DeviceId, Extension};

/// Octets of a file: twice what 10,000 devices with two extensions each take as JSON.
pub(crate) const FILE_LENGTH_MAX: usize = 16 * 1024 * 1024;
/// Rows of a file: as many as 20,000 devices with two extensions each have.
pub(crate) const ROWS_MAX: usize = 100_000;
/// Octets of a cell: 255 characters, of four octets at most.
pub(crate) const CELL_LENGTH_MAX: usize = 1_024;

/// Reads the rows of a file, CSV or JSON; it is JSON if it begins with a brace.
///
/// # Errors
///
/// When the file as a whole cannot be read, or any of its rows.
pub(crate) fn read(octets: &[u8]) -> Result<Vec<Row>, Faults> {
    let fault = |line: u64, column: &str, why: String| {
        let mut faults = Faults::default();
        faults.add(line, column, why);
        Err(faults)
    };
    if octets.len() > FILE_LENGTH_MAX {
        let why = format!(
            "a file has {} MiB at most; import it in parts",
            FILE_LENGTH_MAX / 1024 / 1024
        );
        return fault(1, "file", why);
    }
    let text = match std::str::from_utf8(octets) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let before = octets.get(..error.valid_up_to()).unwrap_or_default();
            let why = "this is no UTF-8; save the file as CSV UTF-8, or as JSON".to_owned();
            return fault(line_after(before), "text", why);
        }
    };
    if text.trim_start().starts_with('{') {
        json_file::read(text)
    } else {
        csv_file::read(text)
    }
}

/// The line of what follows.
fn line_after(before: &[u8]) -> u64 {
    let mut breaks = Breaks::default();
    before.iter().map(|octet| breaks.count(*octet)).sum::<u64>() + 1
}

/// Counts the ends of lines: a line feed, a carriage return, as some spreadsheets write it, or both together.
#[derive(Default)]
struct Breaks {
    was_return: bool,
}

impl Breaks {
    /// What an octet adds.
    fn count(&mut self, octet: u8) -> u64 {
        let is_end = octet == b'\r' || (octet == b'\n' && !self.was_return);
        self.was_return = octet == b'\r';
        u64::from(is_end)
    }
}

/// Rows while a file is read.
#[derive(Default)]
struct Reading {
    rows: Vec<Row>,
    faults: Faults,
}

impl Reading {
    /// Adds a row; says whether another may follow.
    fn add(&mut self, row: Row) -> bool {
        if self.rows.len() >= ROWS_MAX {
            let why = format!("a file has {ROWS_MAX} rows at most; import it in parts");
            self.faults.add(row.line, "row", why);
            return false;
        }
        self.rows.push(row);
        true
    }

    /// A cell of a kind of row, unless nothing can be said there.
    fn cell(&mut self, kind: RecordKind, column: Column, line: u64, text: &str) -> Option<Cell> {
        if text.len() > CELL_LENGTH_MAX {
            let why = format!("a text has {CELL_LENGTH_MAX} octets at most; see that every quote is closed");
            self.faults.add(line, column.as_str(), why);
            return None;
        }
        if !kind.columns().contains(&column) {
            if !text.trim().is_empty() {
                let why = format!("{} has no {}; leave it out", kind.told(), column.as_str());
                self.faults.add(line, column.as_str(), why);
            }
            return None;
        }
        Some(Cell {
            column,
            line,
            text: text.to_owned(),
        })
    }

    fn end(self) -> Result<Vec<Row>, Faults> {
        if self.faults.is_empty() {
            Ok(self.rows)
        } else {
            Err(self.faults)
        }
    }
}

/// A row that is written: what it is about, and what it says.
pub(crate) type Record = (RecordKind, Vec<(Column, String)>);

/// What is there, as rows, in the order in which they are written.
pub(crate) fn records(present: &Present) -> impl Iterator<Item = Record> + use<'_> {
    let names = Names::of(present);
    let of_kind = {
        let names = names.clone();
        move |kind: HolderKind, record: RecordKind| {
            let names = names.clone();
            let holders = present.holders.iter().filter(move |holder| holder.kind == kind);
            holders.map(move |holder| (record, names.holder(holder)))
        }
    };
    let numbers = Numbers::of(present, names.clone());
    let ends = numbers.clone();
    let devices = present
        .devices
        .iter()
        .map(move |(device, template)| (RecordKind::Device, names.device(device, template.as_ref())));
    of_kind(HolderKind::User, RecordKind::User)
        .chain(of_kind(HolderKind::CommonArea, RecordKind::CommonArea))
        .chain(devices)
        .chain(
            present
                .assignments
                .iter()
                .filter_map(move |assignment| numbers.assignment(assignment)),
        )
        .chain(
            present
                .groups
                .iter()
                .map(|group| (RecordKind::PageGroup, group_columns(group))),
        )
        .chain({
            let ends = ends.clone();
            present.groups.iter().flat_map(move |group| ends.members(group))
        })
        .chain(present.groups.iter().flat_map(move |group| ends.pagers(group)))
}

/// What devices, users and common areas are known by.
#[derive(Clone)]
struct Numbers<'p> {
    macs: BTreeMap<&'p DeviceId, MacAddress>,
    extensions: BTreeMap<&'p HolderId, &'p Extension>,
    names: Names,
}

impl<'p> Numbers<'p> {
    fn of(present: &'p Present, names: Names) -> Self {
        let devices = present.devices.iter();
        let holders = present.holders.iter();
        Self {
            macs: devices.map(|(device, _)| (&device.id, device.mac)).collect(),
            extensions: holders.map(|holder| (&holder.id, &holder.extension)).collect(),
            names,
        }
    }

    fn assignment(&self, assignment: &Assignment) -> Option<Record> {
        let cells = vec![
            (Column::Mac, self.macs.get(&assignment.device)?.to_string()),
            (
                Column::Extension,
                self.extensions.get(&assignment.holder)?.to_string(),
            ),
            (Column::Slot, assignment.place.kind().to_owned()),
            (Column::Port, assignment.place.port().to_string()),
        ];
        Some((RecordKind::Assignment, cells))
    }

    fn members(&self, group: &PageGroup) -> Vec<Record> {
        let member = |member: &GroupMember| {
            let mut cells = vec![(Column::Group, group.extension.to_string())];
            match member {
                GroupMember::Holder(holder) => {
                    cells.push((Column::Extension, self.extensions.get(holder)?.to_string()));
                }
                GroupMember::Device(device) => cells.push((Column::Mac, self.macs.get(device)?.to_string())),
                GroupMember::Slot(device, slot) => cells.extend([
                    (Column::Mac, self.macs.get(device)?.to_string()),
                    (Column::Slot, slot.kind().as_str().to_owned()),
                    (Column::Port, slot.port().to_string()),
                ]),
                GroupMember::Site(site) => cells.push((Column::Site, self.names.site(Some(site)))),
            }
            Some((RecordKind::GroupMember, cells))
        };
        group.members.iter().filter_map(member).collect()
    }

    fn pagers(&self, group: &PageGroup) -> Vec<Record> {
        let Pagers::Named(named) = &group.pagers else {
            return Vec::new();
        };
        let pager = |holder| {
            let cells = vec![
                (Column::Group, group.extension.to_string()),
                (Column::Extension, self.extensions.get(holder)?.to_string()),
            ];
            Some((RecordKind::GroupPager, cells))
        };
        named.iter().filter_map(pager).collect()
    }
}

#[cfg(test)]
mod tests;
