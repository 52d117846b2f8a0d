//! What is said where something was saved, with the step that follows: those of the guide on the first page.

use model::inventory::{Device, GroupId, Holder, HolderKind};
use serde::Deserialize;
use store::{Scope, StoreError};

use super::slots::Slot;

pub(super) const ADD_DEVICE: &str = "Add the device that hangs there";
pub(super) const PROVISION: &str = "Provision it";
pub(super) const SEE_REGISTERED: &str = "See it registered";
pub(super) const PAGE: &str = "Page it";

/// What was saved just now, as it stands in the address of a page; empty if nothing was.
#[derive(Deserialize)]
pub(super) struct JustSaved {
    #[serde(default)]
    pub(super) saved: String,
}

/// A notice that something was saved.
pub(super) struct Saved {
    /// What was.
    pub(super) told: String,
    /// Where it goes on, and what is done there.
    pub(super) next: Option<(String, &'static str)>,
}

impl Saved {
    /// Of a user or a common area, by its id: it wants a device.
    pub(super) async fn holder(scope: &mut Scope<'_, '_>, id: &str) -> Result<Option<Self>, StoreError> {
        let Ok(id) = id.parse() else {
            return Ok(None);
        };
        let Some(Holder {
            kind,
            name,
            extension,
            ..
        }) = scope.holder(&id).await?
        else {
            return Ok(None);
        };
        let has_device = !scope.lines_of_holder(&id).await?.is_empty();
        let title = match kind {
            HolderKind::User => "Add a device",
            HolderKind::CommonArea => ADD_DEVICE,
        };
        Ok(Some(Self {
            told: format!("{name} ({extension}) was saved."),
            next: (!has_device).then(|| (format!("/devices/add?assigned={id}"), title)),
        }))
    }

    /// Of a device: it wants an extension, then its configuration.
    pub(super) fn device(device: &Device, slots: &[Slot]) -> Self {
        let path = format!("/devices/{}", device.id);
        let next = if slots.is_empty() {
            Some((format!("{path}/extensions/add"), "Assign an extension"))
        } else if slots.iter().any(|slot| slot.is_registered) {
            None
        } else {
            Some((format!("{path}/provision"), PROVISION))
        };
        Self {
            told: "The device was saved.".to_owned(),
            next,
        }
    }

    /// Of the extensions of a device: one that is registered fetches them by itself.
    pub(super) fn assignment(device: &Device, slots: &[Slot]) -> Self {
        let path = format!("/devices/{}", device.id);
        let next = if slots.iter().any(|slot| slot.is_registered) {
            (format!("{path}/check"), SEE_REGISTERED)
        } else {
            (format!("{path}/provision"), PROVISION)
        };
        Self {
            told: "The assignment was saved.".to_owned(),
            next: Some(next),
        }
    }

    /// Of a page group: it wants members, then a page.
    pub(super) async fn group(
        scope: &mut Scope<'_, '_>,
        id: &GroupId,
        extension: &model::Extension,
        told: String,
    ) -> Result<Self, StoreError> {
        let next = if scope.count_reached(id).await? == 0 {
            (format!("/page-groups/{id}/members"), "Add members")
        } else {
            (format!("/talk?extension={extension}"), PAGE)
        };
        Ok(Self {
            told,
            next: Some(next),
        })
    }
}
