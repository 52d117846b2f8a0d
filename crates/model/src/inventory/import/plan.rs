//! Users, common areas and devices of a list, row by row; what names them comes after them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::{
    Change, Column, Faults, Plan, Present, Quoted, RecordKind, Row, Step, assignments, groups, named,
};
use crate::directory::{EXTENSIONS_MAX, USERS_MAX};
use crate::inventory::{
    Description, Device, DeviceType, DisplayName, Holder, HolderDefaults, HolderId, HolderKind, MacAddress,
    PageGroup, Remark, SiteId, TemplateId, Timestamp, countries, time_zones,
};
use crate::nearest::nearest;
use crate::{DeviceId, Extension};

/// The package of whoever is added without one.
const PACKAGE: &str = "Standard";
/// Extensions in slots, of a whole account: what a zone takes, but for those who speak from the portal.
pub(super) const LINES_MAX: usize = USERS_MAX - 1_000;

/// Compares the rows of a list with what is there. What is added gets its id from what `draw` gives, and `at` as the time of its
/// adding: so the same list, compared with the same state by the same draws, gives the same plan.
#[must_use]
pub fn plan(rows: &[Row], present: &Present, at: Timestamp, draw: &mut dyn FnMut() -> u128) -> Plan {
    let mut planner = Planner::new(present, at, draw);
    for row in rows {
        match row.kind {
            RecordKind::User => planner.holder(row, HolderKind::User),
            RecordKind::CommonArea => planner.holder(row, HolderKind::CommonArea),
            RecordKind::Device => planner.device(row),
            RecordKind::PageGroup => groups::plan_group(&mut planner, row),
            RecordKind::Assignment | RecordKind::GroupMember | RecordKind::GroupPager => {}
        }
    }
    let wanted = rows.iter().filter(|row| row.kind == RecordKind::Assignment);
    assignments::plan(&mut planner, wanted);
    groups::plan_ends(&mut planner, rows);
    let mut plan = planner.plan;
    plan.faults.kept.sort_by_key(|fault| fault.line);
    if !plan.faults.is_empty() {
        plan.steps.clear();
    }
    plan
}

/// A device, and its template.
type Equipped = (Device, Option<TemplateId>);

/// A list while it is compared.
pub(super) struct Planner<'p> {
    pub(super) present: &'p Present,
    at: Timestamp,
    pub(super) draw: &'p mut dyn FnMut() -> u128,
    pub(super) plan: Plan,
    /// Users and common areas as they are after the import.
    pub(super) holders: BTreeMap<Extension, Holder>,
    /// Page groups as they are after the import, but for who and what is put in them.
    pub(super) groups: BTreeMap<Extension, PageGroup>,
    /// Devices as they are after the import.
    pub(super) devices: BTreeMap<MacAddress, Equipped>,
    elsewhere: BTreeSet<MacAddress>,
    pub(super) sites: BTreeMap<String, SiteId>,
    templates: BTreeMap<String, TemplateId>,
    /// The lines on which extensions and addresses stand, of good rows and of bad ones.
    pub(super) extension_lines: BTreeMap<Extension, u64>,
    pub(super) mac_lines: BTreeMap<MacAddress, u64>,
}

impl<'p> Planner<'p> {
    fn new(present: &'p Present, at: Timestamp, draw: &'p mut dyn FnMut() -> u128) -> Self {
        let holders = present.holders.iter();
        let groups = present.groups.iter();
        let devices = present.devices.iter();
        let sites = present.sites.iter();
        let templates = present.templates.iter();
        Self {
            present,
            at,
            draw,
            plan: Plan::default(),
            holders: holders
                .map(|holder| (holder.extension.clone(), holder.clone()))
                .collect(),
            groups: groups
                .map(|group| (group.extension.clone(), group.clone()))
                .collect(),
            devices: devices
                .map(|equipped| (equipped.0.mac, equipped.clone()))
                .collect(),
            elsewhere: present.elsewhere.iter().copied().collect(),
            sites: sites
                .map(|site| (site.name.to_string(), site.id.clone()))
                .collect(),
            templates: templates
                .map(|(id, name)| (name.to_string(), id.clone()))
                .collect(),
            extension_lines: BTreeMap::new(),
            mac_lines: BTreeMap::new(),
        }
    }

    pub(super) fn step(&mut self, row: &Row, change: Change) {
        self.plan.steps.push(Step {
            line: row.line,
            kind: row.kind,
            change,
        });
    }

    pub(super) fn unchanged(&mut self, row: &Row) {
        *self.plan.unchanged.entry(row.kind).or_default() += 1;
    }

    pub(super) fn refuse(&mut self, row: &Row, column: Column, why: impl Into<String>) {
        let line = row.cell(column).map_or(row.line, |cell| cell.line);
        self.plan.faults.add(line, column.as_str(), why);
    }

    fn holder(&mut self, row: &Row, kind: HolderKind) {
        let Some(extension) = self.extension_of(row) else {
            return;
        };
        if let Some(group) = self.groups.get(&extension) {
            let why = format!(
                "{extension} is the page group {}; choose another extension",
                group.name
            );
            return self.refuse(row, Column::Extension, why);
        }
        let before = self.holders.get(&extension).cloned();
        let site = self.site(row, before.as_ref().and_then(|before| before.site.clone()));
        let faults = &mut self.plan.faults;
        let known = before.as_ref();
        let name = field(
            faults,
            row,
            Column::Name,
            DisplayName::new,
            known.map(|known| known.name.clone()),
        );
        let package = known.map_or_else(|| PACKAGE.to_owned(), |known| known.package.clone());
        let package = field(faults, row, Column::Package, package_of, Some(package));
        let defaults = match known {
            Some(_) => &HolderDefaults::default(),
            None => &self.present.defaults,
        };
        let country = known.map(|known| known.country).or(defaults.country);
        let read = |text: &str| countries::read(text, country);
        let parse = |text: &str| or_default(text, read, defaults.country);
        let country = field(faults, row, Column::Country, parse, country);
        let zone = known.map(|known| known.time_zone.clone());
        let zone = zone.or_else(|| defaults.time_zone.clone());
        let stored = zone.clone();
        let read = |text: &str| time_zones::read(text, stored.as_ref());
        let parse = |text: &str| or_default(text, read, defaults.time_zone.clone());
        let zone = field(faults, row, Column::TimeZone, parse, zone);
        if let Some(known) = known.filter(|known| known.kind != kind) {
            let (is, word) = (kind_of(known.kind), kind_of(known.kind).as_str());
            let why = format!(
                "it is {} {}; write {word} in the column record, or another extension",
                is.told(),
                known.name
            );
            return self.refuse(row, Column::Extension, why);
        }
        let (Some(name), Some(package), Some(country), Some(time_zone), Some(site)) =
            (name, package, country, zone, site)
        else {
            return;
        };
        let after = Holder {
            id: known.map_or_else(|| HolderId::from_random((self.draw)()), |known| known.id.clone()),
            kind,
            name,
            extension: extension.clone(),
            package,
            country,
            time_zone,
            site,
        };
        let after_import = after.clone();
        match before {
            None if self.is_full(row) => return,
            None => self.step(row, Change::AddHolder(after)),
            Some(before) if before == after => self.unchanged(row),
            Some(before) => self.step(row, Change::ChangeHolder { before, after }),
        }
        self.holders.insert(extension, after_import);
    }

    /// Refuses what is to get an extension where there are as many as can be.
    pub(super) fn is_full(&mut self, row: &Row) -> bool {
        let is_full = self.holders.len().saturating_add(self.groups.len()) >= EXTENSIONS_MAX;
        if is_full {
            let why = format!("an account has {EXTENSIONS_MAX} extensions at most; remove others first");
            self.refuse(row, Column::Extension, why);
        }
        is_full
    }

    /// The extension that a row of a user, common area or page group is known by.
    pub(super) fn extension_of(&mut self, row: &Row) -> Option<Extension> {
        let faults = &mut self.plan.faults;
        let extension: Extension = field(faults, row, Column::Extension, |text| text.trim().parse(), None)?;
        if let Some(earlier) = self.extension_lines.get(&extension) {
            let why = format!("{extension} stands already in line {earlier}; write each extension once");
            self.refuse(row, Column::Extension, why);
            return None;
        }
        self.extension_lines.insert(extension.clone(), row.line);
        Some(extension)
    }

    fn device(&mut self, row: &Row) {
        let Some(mac) = self.mac_of(row) else {
            return;
        };
        let before = self.devices.get(&mac).cloned();
        let known = before.as_ref().map(|(device, _)| device);
        let site = self.site(row, known.and_then(|known| known.site.clone()));
        let template = self.template(row, before.as_ref().and_then(|(_, template)| template.clone()));
        let faults = &mut self.plan.faults;
        let name = known.map(|known| known.name.clone());
        let name = field(faults, row, Column::Name, DisplayName::new, name);
        let description = known.map(|known| known.description.clone());
        let description = description.or_else(|| Description::new("").ok());
        let description = field(faults, row, Column::Description, Description::new, description);
        let kind = field(faults, row, Column::Type, type_of, known.map(|known| known.kind));
        let (Some(kind), Some(name), Some(description), Some(site), Some(template)) =
            (kind, name, description, site, template)
        else {
            return;
        };
        if let Some(known) = known.filter(|known| known.kind != kind) {
            let why = format!(
                "{mac} is {}, and its type {} stays; write that, or remove the device first",
                known.name,
                known.kind.as_str()
            );
            return self.refuse(row, Column::Type, why);
        }
        if known.is_none() && !kind.is_provisioned() && !self.present.account.generic_devices {
            let why = "the account takes no generic devices; write algo or oyez";
            return self.refuse(row, Column::Type, why);
        }
        if template.is_some() && !kind.is_provisioned() {
            let why = "a generic device fetches no configuration; leave it out";
            return self.refuse(row, Column::Template, why);
        }
        let after = match known {
            Some(known) => Device {
                name,
                description,
                site,
                ..known.clone()
            },
            None => Device {
                id: DeviceId::from_random((self.draw)()),
                name,
                description,
                mac,
                kind,
                model: kind.model().map(str::to_owned),
                firmware: None,
                site,
                added_at: self.at,
            },
        };
        let equipped = (after.clone(), template.clone());
        match before {
            None => self.step(row, Change::AddDevice(after, template)),
            Some(before) if before == equipped => self.unchanged(row),
            Some(before) => {
                let after = equipped.clone();
                self.step(row, Change::ChangeDevice { before, after });
            }
        }
        self.devices.insert(mac, equipped);
    }

    /// The address that a row of a device is known by.
    fn mac_of(&mut self, row: &Row) -> Option<MacAddress> {
        let faults = &mut self.plan.faults;
        let mac: MacAddress = field(faults, row, Column::Mac, str::parse, None)?;
        if let Some(earlier) = self.mac_lines.get(&mac) {
            let of = self
                .devices
                .get(&mac)
                .map_or_else(String::new, |(device, _)| format!(", for {}", device.name));
            let why = format!("{mac} stands already in line {earlier}{of}; write each device once");
            self.refuse(row, Column::Mac, why);
            return None;
        }
        self.mac_lines.insert(mac, row.line);
        if self.elsewhere.contains(&mac) {
            let why = format!(
                "{mac} cannot be added here; see that the address is right, and ask who runs this service"
            );
            self.refuse(row, Column::Mac, why);
            return None;
        }
        Some(mac)
    }

    fn site(&mut self, row: &Row, before: Option<SiteId>) -> Option<Option<SiteId>> {
        let find = |text: &str| by_name(text, &self.sites, "site");
        field(&mut self.plan.faults, row, Column::Site, find, Some(before))
    }

    fn template(&mut self, row: &Row, before: Option<TemplateId>) -> Option<Option<TemplateId>> {
        let find = |text: &str| by_name(text, &self.templates, "template");
        field(&mut self.plan.faults, row, Column::Template, find, Some(before))
    }
}

/// What a cell says; what is there where the row states nothing. What is neither stated nor there is missing.
pub(super) fn field<T, E: Display>(
    faults: &mut Faults,
    row: &Row,
    column: Column,
    parse: impl FnOnce(&str) -> Result<T, E>,
    otherwise: Option<T>,
) -> Option<T> {
    let Some(cell) = row.cell(column) else {
        if otherwise.is_none() {
            let why = format!("{} needs it; write what it is", row.kind.told());
            faults.add(row.line, column.as_str(), why);
        }
        return otherwise;
    };
    match parse(&cell.text) {
        Ok(value) => Some(value),
        Err(error) => {
            faults.add(cell.line, column.as_str(), error.to_string());
            None
        }
    }
}

/// What a cell of somebody who is added says; where it is empty, what holds for the account.
fn or_default<T, E>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
    default: Option<T>,
) -> Result<T, E> {
    match default {
        Some(default) if text.trim().is_empty() => Ok(default),
        Some(_) | None => parse(text),
    }
}

pub(super) fn by_name<T: Clone>(
    text: &str,
    known: &BTreeMap<String, T>,
    what: &str,
) -> Result<Option<T>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(found) = known.get(text) {
        return Ok(Some(found.clone()));
    }
    let near = nearest(text, known.keys().map(String::as_str));
    let near = near.map_or_else(
        || "add it first, or leave the cell empty".to_owned(),
        |near| format!("is it {near}?"),
    );
    Err(format!("there is no {what} {}; {near}", Quoted(text)))
}

fn package_of(text: &str) -> Result<String, String> {
    let package = Remark::new(text).map_err(|error| error.to_string())?;
    Ok(package.as_str().to_owned())
}

fn type_of(text: &str) -> Result<DeviceType, String> {
    named(
        text.trim().to_ascii_lowercase().as_str(),
        &DeviceType::ALL,
        DeviceType::as_str,
    )
}

const fn kind_of(kind: HolderKind) -> RecordKind {
    match kind {
        HolderKind::User => RecordKind::User,
        HolderKind::CommonArea => RecordKind::CommonArea,
    }
}
