//! The directory that follows from an inventory.

use std::collections::BTreeMap;
use std::iter;

use super::{Account, Device, EarlierPassword, Holder, HolderId, Line, LineId, LinePlace, PageGroup};
use crate::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, Epoch, ExtensionRecord, ExtensionRole, Permission,
    Snapshot, Subject, Urgency, User, UserKind, Who,
};
use crate::{DeviceId, SlotKind};

/// Everything of an account that its zones have to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The account.
    pub account: Account,
    /// Its users and common areas.
    pub holders: Vec<Holder>,
    /// Its devices.
    pub devices: Vec<Device>,
    /// What stands in their slots.
    pub lines: Vec<Line>,
    /// What rotations have left good of their passwords.
    pub earlier_passwords: Vec<EarlierPassword>,
    /// Its page groups.
    pub groups: Vec<PageGroup>,
}

/// Makes the directory of an account. The lines of a holder decide what dialling its extension does; a holder without any
/// cannot be dialled. Everybody of the account may call, page, and raise the alerts that have an extension.
#[must_use]
pub fn directory_of(inventory: &Inventory, epoch: Epoch) -> Snapshot {
    let lines = KnownLine::all(inventory);
    let mut lines_by_holder: BTreeMap<&HolderId, Vec<&KnownLine<'_>>> = BTreeMap::new();
    for line in &lines {
        lines_by_holder.entry(&line.holder.id).or_default().push(line);
    }
    let lines_of = |holder: &HolderId| lines_by_holder.get(holder).into_iter().flatten().copied();
    let holders = inventory.holders.iter().filter_map(|holder| {
        role_of(lines_of(&holder.id)).map(|role| ExtensionRecord {
            extension: holder.extension.clone(),
            name: holder.name.to_string(),
            role,
        })
    });
    let groups = inventory.groups.iter().map(|group| {
        let members = group.members.iter().flat_map(lines_of);
        ExtensionRecord {
            extension: group.extension.clone(),
            name: group.name.to_string(),
            role: page_group(members.filter(|line| line.is_paged())),
        }
    });
    Snapshot {
        account: inventory.account.id.clone(),
        epoch,
        realm: inventory.account.id.to_string(),
        domain: inventory.account.domain.clone(),
        default_algorithm: DigestAlgorithm::Sha256,
        users: lines.iter().map(KnownLine::user).collect(),
        credentials: credentials(&lines, &inventory.earlier_passwords),
        extensions: holders.chain(groups).collect(),
        permissions: [Action::Call, Action::Page, Action::Alert].map(allowed).to_vec(),
    }
}

/// The passwords of the lines, and beside each the one that a rotation has left good.
fn credentials(lines: &[KnownLine<'_>], earlier: &[EarlierPassword]) -> Vec<Credential> {
    let earlier: BTreeMap<&LineId, &EarlierPassword> =
        earlier.iter().map(|earlier| (&earlier.line, earlier)).collect();
    let both = |line: &KnownLine<'_>| {
        let newest = line.credential();
        let before = earlier.get(&line.line.id).map(|earlier| Credential {
            generation: earlier.generation,
            secret: CredentialSecret::Password(earlier.password.clone()),
            ..newest.clone()
        });
        iter::once(newest).chain(before)
    };
    lines.iter().flat_map(both).collect()
}

/// A line whose device and holder are there.
struct KnownLine<'a> {
    line: &'a Line,
    device: &'a Device,
    holder: &'a Holder,
}

impl<'a> KnownLine<'a> {
    fn all(inventory: &'a Inventory) -> Vec<Self> {
        let devices: BTreeMap<&DeviceId, &Device> = inventory
            .devices
            .iter()
            .map(|device| (&device.id, device))
            .collect();
        let holders: BTreeMap<&HolderId, &Holder> = inventory
            .holders
            .iter()
            .map(|holder| (&holder.id, holder))
            .collect();
        let known = |line: &'a Line| {
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

    fn credential(&self) -> Credential {
        Credential {
            authorization_id: self.line.authorization_id.clone(),
            user: self.line.user.clone(),
            algorithm: self.line.algorithm,
            generation: self.line.generation,
            secret: CredentialSecret::Password(self.line.password.clone()),
        }
    }
}

/// What dialling an extension does, by the lines of its holder: they are of one kind, see
/// [`check_assignment`](super::check_assignment).
fn role_of<'a>(mut lines: impl Iterator<Item = &'a KnownLine<'a>>) -> Option<ExtensionRole> {
    let first = lines.next()?;
    let user = first.line.user.clone();
    let rest: Vec<&KnownLine<'_>> = lines.collect();
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

fn page_group<'a>(members: impl Iterator<Item = &'a KnownLine<'a>>) -> ExtensionRole {
    ExtensionRole::PageGroup {
        members: members.map(|member| member.line.user.clone()).collect(),
        urgency: Urgency::Normal,
    }
}

fn allowed(action: Action) -> Permission {
    Permission {
        who: Who::Anyone,
        action,
        subject: Subject::Any,
        pin: None,
    }
}

#[cfg(test)]
mod tests;
