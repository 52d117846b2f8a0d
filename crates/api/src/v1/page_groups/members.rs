//! What a page group reaches.

use model::inventory::{GroupMember, HolderId, SiteId};
use model::{DeviceId, SlotKind, SlotPosition};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Scope;

use crate::refusal::Refusal;

/// A member of a page group.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Member {
    #[serde(rename = "type")]
    kind: MemberType,
    /// The id of the user or common area, of the device, or of the site.
    id: String,
    /// The port of the page slot, where it is one slot of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 51))]
    port: Option<u8>,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum MemberType {
    /// The page slots of a user or common area, on whatever device.
    Holder,
    /// Every page slot of a device.
    Device,
    /// One page slot of a device.
    Slot,
    /// Every page slot of the devices at a site.
    Site,
}

impl Member {
    pub(super) fn of(member: &GroupMember) -> Self {
        let (kind, id, port) = match member {
            GroupMember::Holder(id) => (MemberType::Holder, id.to_string(), None),
            GroupMember::Device(id) => (MemberType::Device, id.to_string(), None),
            GroupMember::Slot(id, slot) => (MemberType::Slot, id.to_string(), Some(slot.port())),
            GroupMember::Site(id) => (MemberType::Site, id.to_string(), None),
        };
        Self { kind, id, port }
    }

    /// The member that is meant, if the account has it.
    pub(super) async fn read(&self, field: &str, scope: &mut Scope<'_, '_>) -> Result<GroupMember, Refusal> {
        let missing =
            |what: &str| Refusal::invalid_field(field, format_args!("there is no {what} {}", self.id));
        if self.port.is_some() && !matches!(self.kind, MemberType::Slot) {
            return Err(Refusal::invalid_field(field, "only a slot has a port"));
        }
        match self.kind {
            MemberType::Holder => {
                let id: HolderId = self.id.parse().map_err(|_| missing("user or common area"))?;
                let found = scope.holder(&id).await?;
                found.ok_or_else(|| missing("user or common area"))?;
                Ok(GroupMember::Holder(id))
            }
            MemberType::Site => {
                let id: SiteId = self.id.parse().map_err(|_| missing("site"))?;
                scope.site(&id).await?.ok_or_else(|| missing("site"))?;
                Ok(GroupMember::Site(id))
            }
            MemberType::Device | MemberType::Slot => {
                let id: DeviceId = self.id.parse().map_err(|_| missing("device"))?;
                scope.device(&id).await?.ok_or_else(|| missing("device"))?;
                if matches!(self.kind, MemberType::Device) {
                    return Ok(GroupMember::Device(id));
                }
                let port = self.port.unwrap_or_default();
                let slot = SlotPosition::new(SlotKind::Page, port);
                let slot = slot.map_err(|error| Refusal::invalid_field(field, error))?;
                Ok(GroupMember::Slot(id, slot))
            }
        }
    }
}
