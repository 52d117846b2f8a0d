//! Page groups.

use std::collections::BTreeMap;

use model::directory::Urgency;
use model::inventory::{DisplayName, GroupId, GroupMember, HolderId, PageGroup, Pagers, SiteId};
use model::{SlotKind, SlotPosition};

use crate::engine::{Row, Value};
use crate::holders::NumberTaken;
use crate::listing::{ListKey, Listed, Search, one_more, page};
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "page_group";
/// Page groups of one account.
pub const GROUPS_MAX: u64 = PageGroup::GROUPS_MAX;
/// The port that stands for all page slots of a device.
pub(crate) const EVERY_PORT: u8 = 0;

/// Why a page group was not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// Its number is another's.
    #[error(transparent)]
    Number(#[from] NumberTaken),
    /// There are too many.
    #[error("an account has {GROUPS_MAX} page groups at most; remove one first")]
    TooMany,
    /// It has too many members.
    #[error(
        "a page group names {} members at most; name a site instead of what is there",
        PageGroup::MEMBERS_MAX
    )]
    TooManyMembers,
    /// Too many are named.
    #[error(
        "a page group names {} users and common areas at most that may page it; let everybody of the account page it",
        PageGroup::PAGERS_MAX
    )]
    TooManyPagers,
}

impl From<StoreError> for GroupError {
    fn from(error: StoreError) -> Self {
        Self::Number(NumberTaken::Store(error))
    }
}

/// A page group with how many members of each kind it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub id: GroupId,
    /// What people call it.
    pub name: DisplayName,
    /// What people dial.
    pub extension: model::Extension,
    /// Users and common areas.
    pub holders: u64,
    /// Whole devices.
    pub devices: u64,
    /// Single slots.
    pub slots: u64,
    /// Sites.
    pub sites: u64,
    /// Who may page it; of those who are named, none stands here.
    pub pagers: Pagers,
    /// A PIN is asked for before a page from a telephone.
    pub has_pin: bool,
}

/// What a page group passes a search by.
macro_rules! groups_where {
    () => {
        "account = $1 AND (LOWER(name) LIKE $2 ESCAPE '!' OR extension LIKE $3)"
    };
}

impl Scope<'_, '_> {
    /// Adds a page group.
    ///
    /// # Errors
    ///
    /// When its number is another's, there are too many groups, members or named pagers, or the database fails.
    pub async fn add_group(&mut self, group: &PageGroup) -> Result<(), GroupError> {
        check(group)?;
        if self.count_groups("").await? >= GROUPS_MAX {
            return Err(GroupError::TooMany);
        }
        self.take_number(&group.extension).await?;
        self.put_groups(&[group]).await?;
        self.put_ends(group).await?;
        self.change_directory().await?;
        Ok(())
    }

    /// Changes a page group; says whether it was there.
    ///
    /// # Errors
    ///
    /// When its number is another's, it has too many members or named pagers, or the database fails.
    pub async fn update_group(&mut self, group: &PageGroup) -> Result<bool, GroupError> {
        check(group)?;
        let Some(before) = self.group(&group.id).await? else {
            return Ok(false);
        };
        let is_renumbered = before.extension != group.extension;
        if is_renumbered {
            self.take_number(&group.extension).await?;
        }
        let values = [
            self.id(),
            group.id.as_str().into(),
            group.name.as_str().into(),
            group.extension.as_str().into(),
            urgency_word(group.urgency).into(),
            pagers_word(&group.pagers).into(),
        ];
        let sql = "UPDATE page_group SET name = $3, extension = $4, urgency = $5, pagers = $6 \
                   WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        if is_renumbered {
            self.give_number_back(&before.extension).await?;
        }
        for sql in [
            "DELETE FROM page_group_member WHERE page_group = $1",
            "DELETE FROM page_group_device WHERE page_group = $1",
            "DELETE FROM page_group_site WHERE page_group = $1",
            "DELETE FROM page_group_pager WHERE page_group = $1",
        ] {
            self.transaction.execute(sql, &[group.id.as_str().into()]).await?;
        }
        self.put_ends(group).await?;
        self.change_directory().await?;
        Ok(true)
    }

    /// Removes a page group, and none of its members; says whether it was there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_group(&mut self, id: &GroupId) -> Result<bool, StoreError> {
        let Some(group) = self.group(id).await? else {
            return Ok(false);
        };
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM page_group WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        self.give_number_back(&group.extension).await?;
        self.change_directory().await?;
        Ok(true)
    }

    /// Finds a page group.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn group(&mut self, id: &GroupId) -> Result<Option<PageGroup>, StoreError> {
        Ok(self.groups_of(Some(id)).await?.pop())
    }

    /// Finds the page group of a number.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn group_of_number(
        &mut self,
        extension: &model::Extension,
    ) -> Result<Option<(GroupId, DisplayName)>, StoreError> {
        let sql = "SELECT id, name FROM page_group WHERE account = $1 AND extension = $2";
        let values = [self.id(), extension.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| {
            let mut columns = Columns::of(TABLE, row);
            Ok((columns.parsed()?, columns.checked(DisplayName::new)?))
        })
        .transpose()
    }

    /// Lists the page groups by their numbers.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn groups(&mut self) -> Result<Vec<PageGroup>, StoreError> {
        self.groups_of(None).await
    }

    /// Counts the page groups that a search for a text finds; those of an empty text are all.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_groups(&mut self, text: &str) -> Result<u64, StoreError> {
        let search = Search::of(text);
        let values = [self.id(), search.name.into(), search.number.into()];
        let sql = concat!("SELECT COUNT(*) FROM page_group WHERE ", groups_where!());
        self.count(sql, &values).await
    }

    /// Lists page groups by number whose name has a text in it or whose number begins with it: at most `limit`, from behind the
    /// place `after`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_groups(
        &mut self,
        text: &str,
        after: Option<&ListKey>,
        limit: u32,
    ) -> Result<Listed<ListedGroup>, StoreError> {
        let search = Search::of(text);
        let after = after.map_or("", ListKey::sorted_by);
        let values = [
            self.id(),
            search.name.into(),
            search.number.into(),
            after.into(),
            one_more(limit),
        ];
        let sql = concat!(
            "SELECT id, name, extension, pagers, CASE WHEN pin IS NULL THEN 0 ELSE 1 END, \
             (SELECT COUNT(*) FROM page_group_member AS m WHERE m.page_group = g.id), \
             (SELECT COUNT(*) FROM page_group_device AS d WHERE d.page_group = g.id AND d.port = 0), \
             (SELECT COUNT(*) FROM page_group_device AS s WHERE s.page_group = g.id AND s.port > 0), \
             (SELECT COUNT(*) FROM page_group_site AS p WHERE p.page_group = g.id) \
             FROM (SELECT * FROM page_group WHERE LENGTH(extension) >= LENGTH($4) \
             AND (LENGTH(extension), extension) > (LENGTH($4), $4) AND ",
            groups_where!(),
            " ORDER BY LENGTH(extension), extension LIMIT $5) AS g ORDER BY LENGTH(extension), extension"
        );
        let rows = self.transaction.rows(sql, &values).await?;
        let rows = rows.into_iter().map(listed).collect::<Result<_, _>>()?;
        Ok(page(rows, limit, |last: &ListedGroup| {
            ListKey::new(last.extension.as_str(), last.id.as_str())
        }))
    }

    /// Lists the numbers and names of the groups that name a user or common area, as a member or as somebody who may page.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn groups_with_holder(
        &mut self,
        holder: &HolderId,
    ) -> Result<Vec<(model::Extension, DisplayName)>, StoreError> {
        let sql = "SELECT extension, name FROM page_group WHERE account = $1 AND \
                   (id IN (SELECT page_group FROM page_group_member WHERE holder = $2) \
                   OR id IN (SELECT page_group FROM page_group_pager WHERE holder = $2)) \
                   ORDER BY LENGTH(extension), extension";
        let values = [self.id(), holder.as_str().into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of(TABLE, row);
                Ok((columns.parsed()?, columns.checked(DisplayName::new)?))
            })
            .collect()
    }

    /// All groups, or one.
    async fn groups_of(&mut self, one: Option<&GroupId>) -> Result<Vec<PageGroup>, StoreError> {
        let values = [self.id(), one.map_or("", GroupId::as_str).into()];
        let mut members = self.group_members(&values).await?;
        let mut named = self.group_pagers(&values).await?;
        let sql = "SELECT id, name, extension, urgency, pagers FROM page_group \
                   WHERE account = $1 AND ($2 = '' OR id = $2) ORDER BY LENGTH(extension), extension";
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of(TABLE, row);
                let id: GroupId = columns.parsed()?;
                Ok(PageGroup {
                    members: members.remove(&id).unwrap_or_default(),
                    name: columns.checked(DisplayName::new)?,
                    extension: columns.parsed()?,
                    urgency: columns.word(urgency_of)?,
                    pagers: columns.word(|word| pagers_of(word, named.remove(&id).unwrap_or_default()))?,
                    id,
                })
            })
            .collect()
    }

    async fn group_members(
        &mut self,
        values: &[Value],
    ) -> Result<BTreeMap<GroupId, Vec<GroupMember>>, StoreError> {
        let mut members: BTreeMap<GroupId, Vec<GroupMember>> = BTreeMap::new();
        let sql = "SELECT page_group, holder FROM page_group_member JOIN page_group ON page_group = page_group.id \
                   WHERE page_group.account = $1 AND ($2 = '' OR page_group.id = $2) ORDER BY holder";
        for row in self.transaction.rows(sql, values).await? {
            let mut columns = Columns::of(TABLE, row);
            let group = columns.parsed()?;
            let member = GroupMember::Holder(columns.parsed()?);
            members.entry(group).or_default().push(member);
        }
        let sql = "SELECT page_group, device, port FROM page_group_device JOIN page_group ON page_group = page_group.id \
                   WHERE page_group.account = $1 AND ($2 = '' OR page_group.id = $2) ORDER BY device, port";
        for row in self.transaction.rows(sql, values).await? {
            let mut columns = Columns::of(TABLE, row);
            let (group, device) = (columns.parsed()?, columns.parsed()?);
            let member = match columns.number()? {
                EVERY_PORT => GroupMember::Device(device),
                port => GroupMember::Slot(
                    device,
                    SlotPosition::new(SlotKind::Page, port).map_err(|_| columns.damaged())?,
                ),
            };
            members.entry(group).or_default().push(member);
        }
        let sql = "SELECT page_group, site FROM page_group_site JOIN page_group ON page_group = page_group.id \
                   WHERE page_group.account = $1 AND ($2 = '' OR page_group.id = $2)";
        for row in self.transaction.rows(sql, values).await? {
            let mut columns = Columns::of(TABLE, row);
            let (group, site) = (columns.parsed()?, columns.parsed::<SiteId>()?);
            members.entry(group).or_default().push(GroupMember::Site(site));
        }
        for members in members.values_mut() {
            members.sort();
        }
        Ok(members)
    }

    async fn group_pagers(
        &mut self,
        values: &[Value],
    ) -> Result<BTreeMap<GroupId, Vec<HolderId>>, StoreError> {
        let sql = "SELECT page_group, holder FROM page_group_pager JOIN page_group ON page_group = page_group.id \
                   WHERE page_group.account = $1 AND ($2 = '' OR page_group.id = $2) ORDER BY holder";
        let mut pagers: BTreeMap<GroupId, Vec<HolderId>> = BTreeMap::new();
        for row in self.transaction.rows(sql, values).await? {
            let mut columns = Columns::of(TABLE, row);
            let group = columns.parsed()?;
            pagers.entry(group).or_default().push(columns.parsed()?);
        }
        Ok(pagers)
    }
}

fn check(group: &PageGroup) -> Result<(), GroupError> {
    if group.members.len() > PageGroup::MEMBERS_MAX {
        return Err(GroupError::TooManyMembers);
    }
    match &group.pagers {
        Pagers::Named(named) if named.len() > PageGroup::PAGERS_MAX => Err(GroupError::TooManyPagers),
        Pagers::Named(_) | Pagers::Everybody | Pagers::Portal => Ok(()),
    }
}

fn listed(row: Row) -> Result<ListedGroup, StoreError> {
    let mut columns = Columns::of(TABLE, row);
    Ok(ListedGroup {
        id: columns.parsed()?,
        name: columns.checked(DisplayName::new)?,
        extension: columns.parsed()?,
        pagers: columns.word(|word| pagers_of(word, Vec::new()))?,
        has_pin: columns.truth()?,
        holders: columns.number()?,
        devices: columns.number()?,
        slots: columns.number()?,
        sites: columns.number()?,
    })
}

pub(crate) fn urgency_word(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Normal => "normal",
        Urgency::Priority => "priority",
    }
}

fn urgency_of(word: &str) -> Option<Urgency> {
    [Urgency::Normal, Urgency::Priority]
        .into_iter()
        .find(|urgency| urgency_word(*urgency) == word)
}

pub(crate) fn pagers_word(pagers: &Pagers) -> &'static str {
    match pagers {
        Pagers::Everybody => "everybody",
        Pagers::Named(_) => "named",
        Pagers::Portal => "portal",
    }
}

fn pagers_of(word: &str, named: Vec<HolderId>) -> Option<Pagers> {
    [Pagers::Everybody, Pagers::Named(named), Pagers::Portal]
        .into_iter()
        .find(|pagers| pagers_word(pagers) == word)
}
