//! The members of page groups by the names people know them by.

use model::inventory::{DisplayName, GroupId, GroupMember, HolderId, SiteTitle};
use model::{DeviceId, Extension, SlotKind, SlotPosition};

use crate::groups::EVERY_PORT;
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "page_group";

/// A member with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedMember {
    /// What it is.
    pub member: GroupMember,
    /// What people call it.
    pub name: String,
    /// The extension of a user or common area; of a slot the one that stands there, if there is one.
    pub extension: Option<Extension>,
}

impl Scope<'_, '_> {
    /// Lists the members of a group: users and common areas by number, then devices with their slots and sites by name.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn named_members(&mut self, group: &GroupId) -> Result<Vec<NamedMember>, StoreError> {
        let values = [self.id(), group.as_str().into()];
        let sql = "SELECT id, name, extension FROM page_group_member JOIN holder ON holder.id = holder \
                   WHERE account = $1 AND page_group = $2 ORDER BY LENGTH(extension), extension";
        let mut members = Vec::new();
        for row in self.transaction.rows(sql, &values).await? {
            let mut columns = Columns::of(TABLE, row);
            members.push(NamedMember {
                member: GroupMember::Holder(columns.parsed()?),
                name: columns.text()?,
                extension: Some(columns.parsed()?),
            });
        }
        let sql = "SELECT device.id, page_group_device.port, device.name, holder.extension FROM page_group_device \
                   JOIN device ON device.id = page_group_device.device \
                   LEFT JOIN line ON line.device = device.id AND line.kind = 'page' \
                   AND line.port = page_group_device.port LEFT JOIN holder ON holder.id = line.holder \
                   WHERE device.account = $1 AND page_group = $2 \
                   ORDER BY LOWER(device.name), device.id, page_group_device.port";
        for row in self.transaction.rows(sql, &values).await? {
            let mut columns = Columns::of(TABLE, row);
            let device: DeviceId = columns.parsed()?;
            let member = match columns.number()? {
                EVERY_PORT => GroupMember::Device(device),
                port => {
                    let slot = SlotPosition::new(SlotKind::Page, port);
                    GroupMember::Slot(device, slot.map_err(|_| columns.damaged())?)
                }
            };
            members.push(NamedMember {
                member,
                name: columns.text()?,
                extension: columns.parsed_or_null()?,
            });
        }
        let sql = "SELECT id, name FROM page_group_site JOIN site ON site.id = site \
                   WHERE account = $1 AND page_group = $2 ORDER BY LOWER(name), id";
        for row in self.transaction.rows(sql, &values).await? {
            let mut columns = Columns::of(TABLE, row);
            members.push(NamedMember {
                member: GroupMember::Site(columns.parsed()?),
                name: columns.checked(SiteTitle::new)?.to_string(),
                extension: None,
            });
        }
        Ok(members)
    }

    /// Lists the users and common areas that are named as those who may page a group, by number.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn named_pagers(
        &mut self,
        group: &GroupId,
    ) -> Result<Vec<(HolderId, DisplayName, Extension)>, StoreError> {
        let values = [self.id(), group.as_str().into()];
        let sql = "SELECT id, name, extension FROM page_group_pager JOIN holder ON holder.id = holder \
                   WHERE account = $1 AND page_group = $2 ORDER BY LENGTH(extension), extension";
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of(TABLE, row);
                Ok((
                    columns.parsed()?,
                    columns.checked(DisplayName::new)?,
                    columns.parsed()?,
                ))
            })
            .collect()
    }

    /// Counts the page slots that a group reaches.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_reached(&mut self, group: &GroupId) -> Result<u64, StoreError> {
        let values = [self.id(), group.as_str().into()];
        let sql = "SELECT COUNT(*) FROM line JOIN device ON device.id = line.device JOIN holder ON holder.id = line.holder \
                   WHERE line.account = $1 AND line.kind = 'page' AND \
                   (line.holder IN (SELECT m.holder FROM page_group_member AS m WHERE m.page_group = $2) \
                   OR EXISTS (SELECT 1 FROM page_group_device AS d WHERE d.page_group = $2 AND d.device = line.device \
                   AND (d.port = 0 OR d.port = line.port)) \
                   OR COALESCE(device.site, holder.site) IN (SELECT s.site FROM page_group_site AS s WHERE s.page_group = $2))";
        self.count(sql, &values).await
    }
}
