//! Page groups: who hears them, and who may page them.

use super::{DisplayName, GroupId, HolderId, SiteId};
use crate::directory::Urgency;
use crate::{DeviceId, Extension, SlotPosition};

/// A number that pages all its members at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageGroup {
    /// Its id.
    pub id: GroupId,
    /// What people call it.
    pub name: DisplayName,
    /// What people dial.
    pub extension: Extension,
    /// How its pages rank among others.
    pub urgency: Urgency,
    /// Who may page it.
    pub pagers: Pagers,
    /// Whose page slots hear it, each once, in their order.
    pub members: Vec<GroupMember>,
}

impl PageGroup {
    /// Page groups of one account.
    pub const GROUPS_MAX: u64 = 10_000;
    /// Members of one group: whoever wants more names a site.
    pub const MEMBERS_MAX: usize = 1_000;
    /// Users and common areas that are named as those who may page a group.
    pub const PAGERS_MAX: usize = 500;
}

/// What a page group reaches. Which page slots these are is seen whenever the zones are told, so what comes to a site or a device
/// later is reached as well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupMember {
    /// The page slots of a user or common area, on whatever device.
    Holder(HolderId),
    /// Every page slot of a device.
    Device(DeviceId),
    /// One page slot of a device, whatever extension stands there.
    Slot(DeviceId, SlotPosition),
    /// Every page slot of the devices at a site. A device of no site is where the user or common area of its slot is.
    Site(SiteId),
}

/// Who may page a group. Paging a member by its own number is no matter of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pagers {
    /// Everybody of the account.
    Everybody,
    /// These users and common areas, from any of their devices; and whoever talks from the portal.
    Named(Vec<HolderId>),
    /// Only whoever talks from the portal.
    Portal,
}
