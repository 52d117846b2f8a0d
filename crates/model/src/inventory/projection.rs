//! The directory that follows from an inventory.

mod permissions;

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use super::{
    Account, DisplayName, EarlierPassword, GroupId, GroupMember, HolderId, Line, LineId, LinePlace,
    PageGroup, SiteId,
};
use crate::directory::{
    Credential, CredentialSecret, DigestAlgorithm, Epoch, ExtensionRecord, ExtensionRole, MEMBERS_MAX,
    Snapshot, Urgency, User, UserKind,
};
use crate::{DeviceId, Extension, Secret, SipUser, SlotKind};

use permissions::permissions;

/// A user or common area, as far as its zones have to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryHolder {
    /// Which.
    pub id: HolderId,
    /// What it is called.
    pub name: DisplayName,
    /// Its number.
    pub extension: Extension,
    /// Where it is.
    pub site: Option<SiteId>,
}

/// A device, as far as its zones have to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryDevice {
    /// Which.
    pub id: DeviceId,
    /// What it is called.
    pub name: DisplayName,
    /// Where it is.
    pub site: Option<SiteId>,
}

/// Everything of an account that its zones have to know of; of the passwords of its lines, what `P` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory<P = Secret> {
    /// The account.
    pub account: Account,
    /// Its users and common areas.
    pub holders: Vec<DirectoryHolder>,
    /// Its devices.
    pub devices: Vec<DirectoryDevice>,
    /// What stands in their slots.
    pub lines: Vec<Line<P>>,
    /// What rotations have left good of their passwords.
    pub earlier_passwords: Vec<EarlierPassword<P>>,
    /// Its page groups.
    pub groups: Vec<PageGroup>,
    /// The PINs of those that ask for one.
    pub pins: BTreeMap<GroupId, Secret>,
}

/// Makes the directory of an account. The lines of a holder decide what dialling its extension does; a holder without any
/// cannot be dialled. Everybody of the account may call, raise the alerts that have an extension, and page but for the groups that say
/// who may.
#[must_use]
pub fn directory_of<P: Clone + Into<CredentialSecret>>(inventory: &Inventory<P>, epoch: Epoch) -> Snapshot {
    let lines = KnownLine::all(inventory);
    let places = Places::of(&lines);
    let holders = inventory.holders.iter().filter_map(|holder| {
        role_of(places.of_holder(&holder.id)).map(|role| ExtensionRecord {
            extension: holder.extension.clone(),
            name: holder.name.to_string(),
            role,
        })
    });
    let groups = inventory.groups.iter().map(|group| ExtensionRecord {
        extension: group.extension.clone(),
        name: group.name.to_string(),
        role: ExtensionRole::PageGroup {
            members: places.members(group),
            urgency: group.urgency,
        },
    });
    let extensions: Vec<ExtensionRecord> = holders.chain(groups).collect();
    let permissions = permissions(inventory, &extensions, &places);
    Snapshot {
        account: inventory.account.id.clone(),
        epoch,
        realm: inventory.account.id.to_string(),
        domain: inventory.account.domain.clone(),
        default_algorithm: DigestAlgorithm::Sha256,
        users: lines.iter().map(KnownLine::user).collect(),
        credentials: credentials(&lines, &inventory.earlier_passwords),
        extensions,
        permissions,
    }
}

/// Lines by what groups name.
struct Places<'a, P> {
    by_holder: BTreeMap<&'a HolderId, Vec<&'a KnownLine<'a, P>>>,
    paged_by_device: BTreeMap<&'a DeviceId, Vec<&'a KnownLine<'a, P>>>,
    paged_by_site: BTreeMap<&'a SiteId, Vec<&'a KnownLine<'a, P>>>,
}

impl<'a, P> Places<'a, P> {
    fn of(lines: &'a [KnownLine<'a, P>]) -> Self {
        let mut places = Self {
            by_holder: BTreeMap::new(),
            paged_by_device: BTreeMap::new(),
            paged_by_site: BTreeMap::new(),
        };
        for line in lines {
            places.by_holder.entry(&line.holder.id).or_default().push(line);
            if !line.is_paged() {
                continue;
            }
            places
                .paged_by_device
                .entry(&line.device.id)
                .or_default()
                .push(line);
            if let Some(site) = line.site() {
                places.paged_by_site.entry(site).or_default().push(line);
            }
        }
        places
    }

    fn of_holder(&self, holder: &HolderId) -> impl Iterator<Item = &'a KnownLine<'a, P>> {
        self.by_holder.get(holder).into_iter().flatten().copied()
    }

    fn of_member(&self, member: &GroupMember) -> Vec<&'a KnownLine<'a, P>> {
        let of_device = |device| self.paged_by_device.get(device).into_iter().flatten().copied();
        match member {
            GroupMember::Holder(holder) => self.of_holder(holder).filter(|line| line.is_paged()).collect(),
            GroupMember::Device(device) => of_device(device).collect(),
            GroupMember::Slot(device, position) => {
                let place = LinePlace::Slot(*position);
                of_device(device)
                    .filter(|line| line.line.place == place)
                    .collect()
            }
            GroupMember::Site(site) => self.paged_by_site.get(site).cloned().unwrap_or_default(),
        }
    }

    /// The users that hear a group, each once. Of more than a group may have the last are left out: a zone refuses a whole directory
    /// for one group that is too large.
    fn members(&self, group: &PageGroup) -> Vec<SipUser> {
        let mut seen = BTreeSet::new();
        let members = group.members.iter().flat_map(|member| self.of_member(member));
        let users = members.map(|line| &line.line.user);
        users
            .filter(|user| seen.insert(*user))
            .take(MEMBERS_MAX)
            .cloned()
            .collect()
    }
}

/// The passwords of the lines, and beside each the one that a rotation has left good.
fn credentials<P: Clone + Into<CredentialSecret>>(
    lines: &[KnownLine<'_, P>],
    earlier: &[EarlierPassword<P>],
) -> Vec<Credential> {
    let earlier: BTreeMap<&LineId, &EarlierPassword<P>> =
        earlier.iter().map(|earlier| (&earlier.line, earlier)).collect();
    let both = |line: &KnownLine<'_, P>| {
        let newest = line.credential();
        let before = earlier.get(&line.line.id).map(|earlier| Credential {
            generation: earlier.generation,
            secret: earlier.password.clone().into(),
            ..newest.clone()
        });
        iter::once(newest).chain(before)
    };
    lines.iter().flat_map(both).collect()
}

/// A line whose device and holder are there.
struct KnownLine<'a, P> {
    line: &'a Line<P>,
    device: &'a DirectoryDevice,
    holder: &'a DirectoryHolder,
}

impl<'a, P> KnownLine<'a, P> {
    fn all(inventory: &'a Inventory<P>) -> Vec<Self> {
        let devices: BTreeMap<&DeviceId, &DirectoryDevice> = inventory
            .devices
            .iter()
            .map(|device| (&device.id, device))
            .collect();
        let holders: BTreeMap<&HolderId, &DirectoryHolder> = inventory
            .holders
            .iter()
            .map(|holder| (&holder.id, holder))
            .collect();
        let known = |line: &'a Line<P>| {
            Some(Self {
                line,
                device: devices.get(&line.device)?,
                holder: holders.get(&line.holder)?,
            })
        };
        inventory.lines.iter().filter_map(known).collect()
    }

    fn is_paged(&self) -> bool {
        matches!(self.line.place, LinePlace::Slot(position) if position.kind() == SlotKind::Page)
    }

    /// Where it is.
    fn site(&self) -> Option<&'a SiteId> {
        self.device.site.as_ref().or(self.holder.site.as_ref())
    }

    fn user(&self) -> User {
        let kind = match self.line.place {
            LinePlace::Slot(_) => UserKind::Device(self.device.id.clone()),
            LinePlace::Phone(_) => UserKind::Phone,
        };
        User {
            user: self.line.user.clone(),
            name: format!("{} ({})", self.holder.name, self.device.name),
            kind,
        }
    }

    fn credential(&self) -> Credential
    where
        P: Clone + Into<CredentialSecret>,
    {
        Credential {
            authorization_id: self.line.authorization_id.clone(),
            user: self.line.user.clone(),
            algorithm: self.line.algorithm,
            generation: self.line.generation,
            secret: self.line.password.clone().into(),
        }
    }
}

/// What dialling an extension does, by the lines of its holder: they are of one kind, see
/// [`check_assignment`](super::check_assignment).
fn role_of<'a, P: 'a>(mut lines: impl Iterator<Item = &'a KnownLine<'a, P>>) -> Option<ExtensionRole> {
    let first = lines.next()?;
    let user = first.line.user.clone();
    let rest: Vec<&KnownLine<'_, P>> = lines.collect();
    let position = match first.line.place {
        LinePlace::Phone(_) => return Some(ExtensionRole::Phone { user }),
        LinePlace::Slot(position) => position,
    };
    let members = || iter::once(first).chain(rest.iter().copied());
    Some(match position.kind() {
        kind if rest.is_empty() => ExtensionRole::Slot { kind, user },
        SlotKind::Page => page_group(members()),
        SlotKind::Alert => ExtensionRole::Alert {
            members: members().map(|member| member.line.user.clone()).collect(),
        },
        SlotKind::Ring => ExtensionRole::Slot {
            kind: SlotKind::Ring,
            user,
        },
    })
}

fn page_group<'a, P: 'a>(members: impl Iterator<Item = &'a KnownLine<'a, P>>) -> ExtensionRole {
    ExtensionRole::PageGroup {
        members: members.map(|member| member.line.user.clone()).collect(),
        urgency: Urgency::Normal,
    }
}

#[cfg(test)]
mod tests;
