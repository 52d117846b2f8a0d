//! Page groups.

use std::collections::BTreeMap;

use model::inventory::{DisplayName, GroupId, HolderId, PageGroup};

use crate::holders::NumberTaken;
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

impl Scope<'_, '_> {
    /// Adds a page group.
    ///
    /// # Errors
    ///
    /// When its number is another's, or the database fails.
    pub async fn add_group(&mut self, group: &PageGroup) -> Result<(), NumberTaken> {
        self.take_number(&group.extension).await?;
        let values = [
            group.id.as_str().into(),
            self.id(),
            group.name.as_str().into(),
            group.extension.as_str().into(),
        ];
        let sql = "INSERT INTO page_group VALUES ($1, $2, $3, $4)";
        self.transaction.execute(sql, &values).await?;
        self.add_members(group).await?;
        self.change_directory().await?;
        Ok(())
    }

    /// Adds the members of a group that has none.
    pub(crate) async fn add_members(&mut self, group: &PageGroup) -> Result<(), StoreError> {
        for member in &group.members {
            let sql =
                "INSERT INTO page_group_member SELECT $1, id FROM holder WHERE account = $2 AND id = $3";
            let values = [group.id.as_str().into(), self.id(), member.as_str().into()];
            self.transaction.execute(sql, &values).await?;
        }
        Ok(())
    }

    /// Lists the page groups by their numbers.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn groups(&mut self) -> Result<Vec<PageGroup>, StoreError> {
        let id = self.id();
        let mut members = self.group_members().await?;
        let sql = "SELECT id, name, extension FROM page_group WHERE account = $1 ORDER BY LENGTH(extension), extension";
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("page_group", row);
                let id: GroupId = columns.parsed()?;
                Ok(PageGroup {
                    members: members.remove(&id).unwrap_or_default(),
                    id,
                    name: columns.checked(DisplayName::new)?,
                    extension: columns.parsed()?,
                })
            })
            .collect()
    }

    async fn group_members(&mut self) -> Result<BTreeMap<GroupId, Vec<HolderId>>, StoreError> {
        let sql = "SELECT page_group, holder FROM page_group_member JOIN page_group ON page_group = page_group.id \
                   WHERE page_group.account = $1 ORDER BY holder";
        let id = self.id();
        let mut members: BTreeMap<GroupId, Vec<HolderId>> = BTreeMap::new();
        for row in self.transaction.rows(sql, &[id]).await? {
            let mut columns = Columns::of("page_group_member", row);
            let group = columns.parsed()?;
            members.entry(group).or_default().push(columns.parsed()?);
        }
        Ok(members)
    }
}
