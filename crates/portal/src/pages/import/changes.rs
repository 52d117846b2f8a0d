//! The changes of a plan, sorted so that many of a kind are written by one statement.

use model::inventory::import::{Change, Plan};
use model::inventory::{Device, GroupId, GroupMember, Holder, HolderId, LinePlace, PageGroup, TemplateId};
use model::{DeviceId, Secret};
use store::{GroupError, NumberTaken, Placing, Scope, StoreError};

use super::super::chance;
use super::super::work::Doing;

/// Changes of a kind that are written before it is told how far it is.
const AT_ONCE: usize = 1_000;

/// A device, and its template.
type Equipped<'p> = (&'p Device, Option<&'p TemplateId>);

/// What is to be written, with the passwords that it needs.
#[derive(Default)]
pub(super) struct Changes<'p> {
    new_holders: Vec<&'p Holder>,
    holders: Vec<&'p Holder>,
    new_devices: Vec<Equipped<'p>>,
    devices: Vec<Equipped<'p>>,
    emptied: Vec<(&'p DeviceId, LinePlace)>,
    placings: Vec<Placing<'p>>,
    new_groups: Vec<&'p PageGroup>,
    groups: Vec<&'p PageGroup>,
    members: Vec<(&'p GroupId, &'p GroupMember)>,
    pagers: Vec<(&'p GroupId, &'p HolderId)>,
}

impl<'p> Changes<'p> {
    /// Sorts the changes of a plan, and draws passwords for the extensions that it puts in slots.
    pub(super) fn of(plan: &'p Plan) -> Result<Self, StoreError> {
        let mut changes = Self::default();
        for step in &plan.steps {
            match &step.change {
                Change::AddHolder(holder) => changes.new_holders.push(holder),
                Change::ChangeHolder { after, .. } => changes.holders.push(after),
                Change::AddDevice(device, template) => changes.new_devices.push((device, template.as_ref())),
                Change::ChangeDevice { after, .. } => changes.devices.push((&after.0, after.1.as_ref())),
                Change::Assign {
                    device,
                    place,
                    holder,
                    instead_of,
                    ..
                } => {
                    if instead_of.is_some() {
                        changes.emptied.push((&device.id, *place));
                    }
                    changes.placings.push(Placing {
                        device,
                        holder,
                        place: *place,
                        password: Secret::new(chance::password()?),
                    });
                }
                Change::AddGroup(group) => changes.new_groups.push(group),
                Change::ChangeGroup { after, .. } => changes.groups.push(after),
                Change::AddMember { group, member, .. } => changes.members.push((group, member)),
                Change::AddPager { group, holder, .. } => changes.pagers.push((group, holder)),
            }
        }
        Ok(changes)
    }

    /// Writes them: what is named before what names it.
    pub(super) async fn write(self, scope: &mut Scope<'_, '_>, doing: &mut Doing) -> Result<(), StoreError> {
        for some in self.new_holders.chunks(AT_ONCE) {
            scope.add_holders(some).await?;
            doing.steps(some.len());
        }
        for some in self.holders.chunks(AT_ONCE) {
            scope.update_holders(some).await?;
            doing.steps(some.len());
        }
        for some in self.new_devices.chunks(AT_ONCE) {
            scope.add_devices(some).await?;
            doing.steps(some.len());
        }
        for some in self.devices.chunks(AT_ONCE) {
            scope.update_devices(some).await?;
            doing.steps(some.len());
        }
        // Slots are emptied before any is filled: extensions may change places.
        for (device, place) in self.emptied {
            scope.clear_place(device, place).await?;
        }
        for some in self.placings.chunks(AT_ONCE) {
            scope.place_all(some).await?;
            doing.steps(some.len());
        }
        for some in self.new_groups.chunks(AT_ONCE) {
            scope.add_groups(some).await?;
            doing.steps(some.len());
        }
        for group in self.groups {
            scope.update_group(group).await.map_err(in_group)?;
            doing.steps(1);
        }
        for some in self.members.chunks(AT_ONCE) {
            scope.add_group_members(some).await?;
            doing.steps(some.len());
        }
        for some in self.pagers.chunks(AT_ONCE) {
            scope.add_group_pagers(some).await?;
            doing.steps(some.len());
        }
        Ok(())
    }
}

/// The plan was made of what this transaction sees, so nothing is taken that it did not know of.
fn in_group(error: GroupError) -> StoreError {
    match error {
        GroupError::Number(NumberTaken::Store(error)) => error,
        GroupError::Number(NumberTaken::By { .. })
        | GroupError::TooMany
        | GroupError::TooManyMembers
        | GroupError::TooManyPagers => StoreError::Damaged { table: "page_group" },
    }
}
