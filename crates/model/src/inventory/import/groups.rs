//! Page groups of a list: what they are called, who and what hears them, and who may page them.

use std::collections::BTreeMap;

use super::assignments::{device_of, holder_of, kind_of, port_of};
use super::plan::{Planner, by_name, field};
use super::{Cell, Change, Column, RecordKind, Row, named};
use crate::directory::Urgency;
use crate::inventory::{DisplayName, GroupId, GroupMember, HolderId, MacAddress, PageGroup, Pagers};
use crate::{Extension, SlotKind, SlotPosition};

/// The word for how the pages of a group rank.
pub(super) const fn urgency_word(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Normal => "normal",
        Urgency::Priority => "priority",
    }
}

/// The word for who may page a group.
pub(super) const fn pagers_word(pagers: &Pagers) -> &'static str {
    match pagers {
        Pagers::Everybody => "everybody",
        Pagers::Named(_) => "named",
        Pagers::Portal => "portal",
    }
}

fn urgency_of(text: &str) -> Result<Urgency, String> {
    let word = text.trim().to_ascii_lowercase();
    named(&word, &[Urgency::Normal, Urgency::Priority], urgency_word)
}

fn pagers_of(text: &str, before: &Pagers) -> Result<Pagers, String> {
    let named_before = match before {
        Pagers::Named(named) => named.clone(),
        Pagers::Everybody | Pagers::Portal => Vec::new(),
    };
    let all = [Pagers::Everybody, Pagers::Named(named_before), Pagers::Portal];
    let all: Vec<&Pagers> = all.iter().collect();
    named(&text.trim().to_ascii_lowercase(), &all, |pagers| {
        pagers_word(pagers)
    })
    .cloned()
}

/// Plans a row of a page group itself.
pub(super) fn plan_group(planner: &mut Planner<'_>, row: &Row) {
    let Some(extension) = planner.extension_of(row) else {
        return;
    };
    if let Some(holder) = planner.holders.get(&extension) {
        let why = format!("{extension} is {}'s; choose another extension", holder.name);
        return planner.refuse(row, Column::Extension, why);
    }
    let before = planner.groups.get(&extension).cloned();
    let faults = &mut planner.plan.faults;
    let name = before.as_ref().map(|before| before.name.clone());
    let name = field(faults, row, Column::Name, DisplayName::new, name);
    let urgency = before.as_ref().map_or(Urgency::Normal, |before| before.urgency);
    let urgency = field(faults, row, Column::Urgency, urgency_of, Some(urgency));
    let pagers = before
        .as_ref()
        .map_or(Pagers::Everybody, |before| before.pagers.clone());
    let parse = |text: &str| pagers_of(text, &pagers);
    let pagers = field(faults, row, Column::Pagers, parse, Some(pagers.clone()));
    let (Some(name), Some(urgency), Some(pagers)) = (name, urgency, pagers) else {
        return;
    };
    let after = match &before {
        Some(before) => PageGroup {
            name,
            urgency,
            pagers,
            ..before.clone()
        },
        None => PageGroup {
            id: GroupId::from_random((planner.draw)()),
            name,
            extension: extension.clone(),
            urgency,
            pagers,
            members: Vec::new(),
        },
    };
    match before {
        None if planner.is_full(row) => return,
        None if u64::try_from(planner.groups.len()).is_ok_and(|count| count >= PageGroup::GROUPS_MAX) => {
            let why = format!(
                "an account has {} page groups at most; remove others first",
                PageGroup::GROUPS_MAX
            );
            return planner.refuse(row, Column::Extension, why);
        }
        None => planner.step(row, Change::AddGroup(after.clone())),
        Some(before) if before == after => planner.unchanged(row),
        Some(before) => {
            let after = after.clone();
            planner.step(row, Change::ChangeGroup { before, after });
        }
    }
    planner.groups.insert(extension, after);
}

/// Those at one end of the groups, while it is planned.
struct Ends<T> {
    /// Those there are and those of the list, each with its line.
    lines: BTreeMap<(GroupId, T), Option<u64>>,
    count_by_group: BTreeMap<GroupId, usize>,
    most: usize,
    /// What is said where there are as many as can be.
    too_many: String,
}

impl<T: Clone + Ord> Ends<T> {
    fn new(most: usize, too_many: String) -> Self {
        Self {
            lines: BTreeMap::new(),
            count_by_group: BTreeMap::new(),
            most,
            too_many,
        }
    }

    fn put(&mut self, group: &GroupId, one: &T, line: Option<u64>) {
        self.lines.insert((group.clone(), one.clone()), line);
        *self.count_by_group.entry(group.clone()).or_default() += 1;
    }

    /// Says whether one that a row names is to be put in a group.
    fn takes(&mut self, planner: &mut Planner<'_>, row: &Row, group: &GroupId, one: &T) -> bool {
        match self.lines.get(&(group.clone(), one.clone())) {
            Some(None) => {
                planner.unchanged(row);
                return false;
            }
            Some(Some(earlier)) => {
                let why = format!("stands already in line {earlier}; write it once");
                planner.refuse(row, Column::Group, why);
                return false;
            }
            None => {}
        }
        if self
            .count_by_group
            .get(group)
            .is_some_and(|count| *count >= self.most)
        {
            planner.refuse(row, Column::Group, self.too_many.clone());
            return false;
        }
        self.put(group, one, Some(row.line));
        true
    }
}

/// Plans the rows of who and what is at the ends of page groups, once everything that they name is known.
pub(super) fn plan_ends(planner: &mut Planner<'_>, rows: &[Row]) {
    let mut members: Ends<GroupMember> = Ends::new(
        PageGroup::MEMBERS_MAX,
        format!(
            "a page group names {} members at most; name a site instead of what is there",
            PageGroup::MEMBERS_MAX
        ),
    );
    let mut pagers: Ends<HolderId> = Ends::new(
        PageGroup::PAGERS_MAX,
        format!(
            "a page group names {} users and common areas at most that may page it; write everybody in pagers",
            PageGroup::PAGERS_MAX
        ),
    );
    for group in planner.groups.values() {
        for member in &group.members {
            members.put(&group.id, member, None);
        }
        if let Pagers::Named(named) = &group.pagers {
            for holder in named {
                pagers.put(&group.id, holder, None);
            }
        }
    }
    for row in rows {
        match row.kind {
            RecordKind::GroupMember => plan_member(planner, row, &mut members),
            RecordKind::GroupPager => plan_pager(planner, row, &mut pagers),
            RecordKind::User
            | RecordKind::CommonArea
            | RecordKind::Device
            | RecordKind::Assignment
            | RecordKind::PageGroup => {}
        }
    }
}

fn plan_member(planner: &mut Planner<'_>, row: &Row, members: &mut Ends<GroupMember>) {
    let group = group_of(planner, row);
    let member = member_of(planner, row);
    let (Some(group), Some((member, name))) = (group, member) else {
        return;
    };
    if members.takes(planner, row, &group.id, &member) {
        let told = format!("{name} in {} ({})", group.name, group.extension);
        let group = group.id;
        planner.step(row, Change::AddMember { group, member, told });
    }
}

fn plan_pager(planner: &mut Planner<'_>, row: &Row, pagers: &mut Ends<HolderId>) {
    let group = group_of(planner, row);
    let faults = &mut planner.plan.faults;
    let extension: Option<Extension> =
        field(faults, row, Column::Extension, |text| text.trim().parse(), None);
    let holder = extension.and_then(|extension| holder_of(planner, row, &extension));
    let (Some(group), Some(holder)) = (group, holder) else {
        return;
    };
    if !matches!(group.pagers, Pagers::Named(_)) {
        let why = format!(
            "who may page {} is {}; write named in the column pagers of its row, or leave this row out",
            group.name,
            pagers_word(&group.pagers)
        );
        return planner.refuse(row, Column::Group, why);
    }
    if pagers.takes(planner, row, &group.id, &holder.id) {
        let told = format!(
            "{} ({}) may page {} ({})",
            holder.name, holder.extension, group.name, group.extension
        );
        let (group, holder) = (group.id, holder.id);
        planner.step(row, Change::AddPager { group, holder, told });
    }
}

fn group_of(planner: &mut Planner<'_>, row: &Row) -> Option<PageGroup> {
    let faults = &mut planner.plan.faults;
    let extension: Extension = field(faults, row, Column::Group, |text| text.trim().parse(), None)?;
    if let Some(group) = planner.groups.get(&extension) {
        return Some(group.clone());
    }
    if let Some(holder) = planner.holders.get(&extension) {
        let why = format!(
            "{extension} is {}'s; write the extension of a page group",
            holder.name
        );
        planner.refuse(row, Column::Group, why);
    } else if !planner.extension_lines.contains_key(&extension) {
        // A group whose own row is bad has been told of there.
        let why = format!(
            "there is no page group {extension}; add it in a row of its own, or correct the extension"
        );
        planner.refuse(row, Column::Group, why);
    }
    None
}

/// What a cell says, unless it is empty.
fn stated(row: &Row, column: Column) -> Option<&Cell> {
    row.cell(column).filter(|cell| !cell.text.trim().is_empty())
}

/// What a row puts in a group, and what people call it.
fn member_of(planner: &mut Planner<'_>, row: &Row) -> Option<(GroupMember, String)> {
    let of = [Column::Extension, Column::Mac, Column::Site];
    let mut named = of.into_iter().filter(|column| stated(row, *column).is_some());
    let Some(first) = named.next() else {
        let why = "a member is a user or common area, a device or one of its slots, or a site; write one of extension, mac and site";
        planner.refuse(row, Column::Extension, why);
        return None;
    };
    if let Some(second) = named.next() {
        let why = format!(
            "a row names one member, and {} names another; leave one empty, or write two rows",
            first.as_str()
        );
        planner.refuse(row, second, why);
        return None;
    }
    let in_slot = [Column::Slot, Column::Port];
    if first != Column::Mac
        && let Some(column) = in_slot.into_iter().find(|column| stated(row, *column).is_some())
    {
        planner.refuse(
            row,
            column,
            "only a device has slots; leave it empty, or write its mac",
        );
        return None;
    }
    let faults = &mut planner.plan.faults;
    if first == Column::Site {
        let find = |text: &str| by_name(text, &planner.sites, "site");
        let site = field(faults, row, Column::Site, find, None)??;
        let name = stated(row, Column::Site).map_or("", |cell| cell.text.trim());
        return Some((GroupMember::Site(site), format!("All of {name}")));
    }
    if first == Column::Extension {
        let parse = |text: &str| text.trim().parse();
        let extension: Extension = field(faults, row, Column::Extension, parse, None)?;
        let holder = holder_of(planner, row, &extension)?;
        let name = format!("{} ({})", holder.name, holder.extension);
        return Some((GroupMember::Holder(holder.id), name));
    }
    let slot = slot_of(planner, row)?;
    let faults = &mut planner.plan.faults;
    let mac: MacAddress = field(faults, row, Column::Mac, str::parse, None)?;
    let device = device_of(planner, row, mac)?;
    let name = format!("{} ({})", device.name, device.mac);
    Some(match slot {
        None => (GroupMember::Device(device.id), name),
        Some(slot) => {
            let name = format!("page {} of {name}", slot.port());
            (GroupMember::Slot(device.id, slot), name)
        }
    })
}

/// The slot that a row names; none inside where it names the whole device.
fn slot_of(planner: &mut Planner<'_>, row: &Row) -> Option<Option<SlotPosition>> {
    let (kind, port) = match (stated(row, Column::Slot), stated(row, Column::Port)) {
        (None, None) => return Some(None),
        (Some(_), None) => {
            planner.refuse(
                row,
                Column::Port,
                "write the port of the slot, or leave slot empty as well",
            );
            return None;
        }
        (None, Some(_)) => {
            planner.refuse(row, Column::Slot, "write page, or leave port empty as well");
            return None;
        }
        (Some(kind), Some(port)) => (kind.text.as_str(), port.text.as_str()),
    };
    match kind_of(kind) {
        Ok(word) if word == SlotKind::Page.as_str() => {}
        Ok(_) => {
            planner.refuse(row, Column::Slot, "only page slots hear a group; write page");
            return None;
        }
        Err(why) => {
            planner.refuse(row, Column::Slot, why);
            return None;
        }
    }
    let slot = port_of(port).and_then(|port| {
        SlotPosition::new(SlotKind::Page, port)
            .map_err(|_| format!("page has the ports 1 to {}", SlotKind::Page.port_max()))
    });
    match slot {
        Ok(slot) => Some(Some(slot)),
        Err(why) => {
            planner.refuse(row, Column::Port, why);
            None
        }
    }
}
