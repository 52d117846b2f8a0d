//! What a list that is imported would change: its rows compared with what is there.
//!
//! A list adds and changes; what it does not name stays. Users and common areas are known by their extension, devices by their
//! hardware address, assignments by the slot, and page groups by their extension. A cell that is not stated leaves what is there, an empty one empties it.

mod assignments;
mod difference;
mod groups;
mod plan;

use std::collections::BTreeMap;
use std::fmt;

pub use difference::{Difference, Names, group_columns};
pub use plan::plan;

use super::{
    Account, Assignment, Catalogue, Device, GroupId, GroupMember, Holder, HolderDefaults, HolderId,
    LinePlace, MacAddress, PageGroup, Site, TemplateId, TemplateName,
};
use crate::Extension;
use crate::nearest::nearest;

/// What is said of bad rows, at most; the others are counted.
pub const FAULTS_MAX: usize = 1_000;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A person.
    User,
    /// A place.
    CommonArea,
    /// A device.
    Device,
    /// An extension in a slot of a device.
    Assignment,
    /// A page group.
    PageGroup,
    /// Who or what hears a page group.
    GroupMember,
    /// Who may page a page group that does not let everybody.
    GroupPager,
}

impl RecordKind {
    /// Every kind, in the order of a list that is written.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::CommonArea,
        Self::Device,
        Self::Assignment,
        Self::PageGroup,
        Self::GroupMember,
        Self::GroupPager,
    ];

    /// The kind as a row names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::CommonArea => "common_area",
            Self::Device => "device",
            Self::Assignment => "assignment",
            Self::PageGroup => "page_group",
            Self::GroupMember => "group_member",
            Self::GroupPager => "group_pager",
        }
    }

    /// The kind as a group of rows names it.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::CommonArea => "common_areas",
            Self::Device => "devices",
            Self::Assignment => "assignments",
            Self::PageGroup => "page_groups",
            Self::GroupMember => "group_members",
            Self::GroupPager => "group_pagers",
        }
    }

    /// The kind in a sentence, with its article.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::User => "a user",
            Self::CommonArea => "a common area",
            Self::Device => "a device",
            Self::Assignment => "an assignment",
            Self::PageGroup => "a page group",
            Self::GroupMember => "a member of a page group",
            Self::GroupPager => "somebody who may page a group",
        }
    }

    /// The columns that say something of it, in the order in which they are written.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::User | Self::CommonArea => &[
                Column::Name,
                Column::Extension,
                Column::Package,
                Column::Country,
                Column::TimeZone,
                Column::Site,
            ],
            Self::Device => &[
                Column::Name,
                Column::Mac,
                Column::Type,
                Column::Description,
                Column::Site,
                Column::Template,
            ],
            Self::Assignment => &[Column::Mac, Column::Extension, Column::Slot, Column::Port],
            Self::PageGroup => &[Column::Name, Column::Extension, Column::Urgency, Column::Pagers],
            Self::GroupMember => &[
                Column::Group,
                Column::Extension,
                Column::Mac,
                Column::Slot,
                Column::Port,
                Column::Site,
            ],
            Self::GroupPager => &[Column::Group, Column::Extension],
        }
    }
}

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Column {
    Name,
    Extension,
    Package,
    Country,
    TimeZone,
    Site,
    Mac,
    Type,
    Description,
    Template,
    Slot,
    Port,
    Group,
    Urgency,
    Pagers,
}

impl Column {
    /// Every column, in the order in which they are written.
    pub const ALL: [Self; 15] = [
        Self::Name,
        Self::Extension,
        Self::Package,
        Self::Country,
        Self::TimeZone,
        Self::Site,
        Self::Mac,
        Self::Type,
        Self::Description,
        Self::Template,
        Self::Slot,
        Self::Port,
        Self::Group,
        Self::Urgency,
        Self::Pagers,
    ];

    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Extension => "extension",
            Self::Package => "package",
            Self::Country => "country",
            Self::TimeZone => "time_zone",
            Self::Site => "site",
            Self::Mac => "mac",
            Self::Type => "type",
            Self::Description => "description",
            Self::Template => "template",
            Self::Slot => "slot",
            Self::Port => "port",
            Self::Group => "group",
            Self::Urgency => "urgency",
            Self::Pagers => "pagers",
        }
    }
}

/// Finds what a word names among what has names, or says what would be right.
///
/// # Errors
///
/// When nothing has the name.
pub fn named<T: Copy>(word: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, String> {
    if let Some(found) = all.iter().find(|one| name(**one) == word) {
        return Ok(*found);
    }
    let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
    Err(match nearest(word, names.iter().copied()) {
        Some(near) => format!("{} is not known; is it {near}?", Quoted(word)),
        None => format!("{} is not known; write {}", Quoted(word), names.join(", ")),
    })
}

/// Characters of a refused text that are repeated.
const SHOWN_MAX: usize = 60;

/// A text as an error repeats it.
pub(crate) struct Quoted<'t>(pub(crate) &'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(SHOWN_MAX).collect();
        write!(formatter, "{shown:?}")
    }
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What it says something of.
    pub column: Column,
    /// The line on which it stands, from 1.
    pub line: u64,
    /// What it says.
    pub text: String,
}

/// A row as it was read: nothing of it has been checked, but that its columns are those of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What it is about.
    pub kind: RecordKind,
    /// What it states.
    pub cells: Vec<Cell>,
}

impl Row {
    /// What it states in a column.
    #[must_use]
    pub fn cell(&self, column: Column) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.column == column)
    }
}

/// What is wrong with a row, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {column}: {why}")]
pub struct Fault {
    /// The line, from 1.
    pub line: u64,
    /// The column.
    pub column: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

/// What is wrong with a list, of which so much is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first of them, in the order of their lines.
    pub kept: Vec<Fault>,
    /// How many there are.
    pub count: usize,
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, line: u64, column: impl Into<String>, why: impl Into<String>) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(Fault {
                line,
                column: column.into(),
                why: why.into(),
            });
        }
    }

    /// Says whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The account.
    pub account: Account,
    /// What holds for who is added without it.
    pub defaults: HolderDefaults,
    /// Its sites.
    pub sites: Vec<Site>,
    /// Its templates.
    pub templates: Vec<(TemplateId, TemplateName)>,
    /// Its users and common areas.
    pub holders: Vec<Holder>,
    /// Its page groups.
    pub groups: Vec<PageGroup>,
    /// Its devices, each with its template.
    pub devices: Vec<(Device, Option<TemplateId>)>,
    /// What stands in their slots.
    pub assignments: Vec<Assignment>,
    /// Addresses of devices of other accounts.
    pub elsewhere: Vec<MacAddress>,
    /// The models that devices are judged by.
    pub catalogue: Catalogue,
}

/// One thing that an import does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A user or common area is added.
    AddHolder(Holder),
    /// A user or common area is changed.
    ChangeHolder {
        /// As it is.
        before: Holder,
        /// As it is to be.
        after: Holder,
    },
    /// A device is added.
    AddDevice(Device, Option<TemplateId>),
    /// A device is changed.
    ChangeDevice {
        /// As it is, with its template.
        before: (Device, Option<TemplateId>),
        /// As it is to be, with its template.
        after: (Device, Option<TemplateId>),
    },
    /// An extension is put in a slot.
    Assign {
        /// The device.
        device: Device,
        /// Which slot.
        place: LinePlace,
        /// Whose extension it is.
        holder: HolderId,
        /// The extension.
        extension: Extension,
        /// The extension that stands there and makes room.
        instead_of: Option<Extension>,
    },
    /// A page group is added, with nobody in it.
    AddGroup(PageGroup),
    /// A page group is changed; its members stay.
    ChangeGroup {
        /// As it is.
        before: PageGroup,
        /// As it is to be.
        after: PageGroup,
    },
    /// Something is put in a page group.
    AddMember {
        /// The group.
        group: GroupId,
        /// What is put in it.
        member: GroupMember,
        /// Both, as people know them.
        told: String,
    },
    /// Somebody is named who may page a group.
    AddPager {
        /// The group.
        group: GroupId,
        /// Who is named.
        holder: HolderId,
        /// Both, as people know them.
        told: String,
    },
}

/// A change, and the row that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line on which the row begins.
    pub line: u64,
    /// What it is about.
    pub kind: RecordKind,
    /// What is done.
    pub change: Change,
}

impl Step {
    /// Says whether it adds something; otherwise it changes what is there.
    #[must_use]
    pub const fn is_added(&self) -> bool {
        match &self.change {
            Change::AddHolder(_)
            | Change::AddDevice(..)
            | Change::AddGroup(_)
            | Change::AddMember { .. }
            | Change::AddPager { .. } => true,
            Change::ChangeHolder { .. } | Change::ChangeDevice { .. } | Change::ChangeGroup { .. } => false,
            Change::Assign { instead_of, .. } => instead_of.is_none(),
        }
    }
}

/// What an import does, in the order in which it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is done.
    pub steps: Vec<Step>,
    /// Rows that are already as they say, by what they are about.
    pub unchanged: BTreeMap<RecordKind, usize>,
    /// What is wrong. Where there is anything, nothing is done.
    pub faults: Faults,
}

#[cfg(test)]
mod tests;
