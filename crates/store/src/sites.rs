//! Sites, and what is kept of them besides.

use model::Extension;
use model::inventory::{Device, DisplayName, Holder, Site, SiteId, SiteProfile, SiteTitle};

use crate::devices::device_columns;
use crate::engine::{Row, Value};
use crate::holders::holder_columns;
use crate::listing::{LIST_ROWS_MAX, ListKey, Listed, Search, one_more, page};
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "site";
/// Sites of one account.
pub const SITES_MAX: i64 = 1_000;

/// Why a site was not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Another has the name.
    #[error("there is a site of the name {0}; choose another name")]
    NameTaken(SiteTitle),
    /// There are too many.
    #[error("an account has {SITES_MAX} sites at most; remove one first")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A site with how much belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSite {
    /// The site.
    pub site: Site,
    /// Its users and common areas.
    pub holders: u64,
    /// Its devices.
    pub devices: u64,
}

/// What belongs to a site: the first of each kind, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteMembers {
    /// Users and common areas by number.
    pub holders: Vec<Holder>,
    /// How many of those there are.
    pub holder_count: u64,
    /// Devices by name.
    pub devices: Vec<Device>,
    /// How many of those there are.
    pub device_count: u64,
    /// How many addresses for emergencies there are.
    pub address_count: u64,
    /// Page groups that it is a member of, with their numbers.
    pub groups: Vec<(DisplayName, Extension)>,
}

impl Scope<'_, '_> {
    /// Lists sites whose name has a text in it by name: at most `limit`, which is taken to lie between 1 and [`LIST_ROWS_MAX`], from
    /// behind the place `after`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_sites(
        &mut self,
        text: &str,
        after: Option<&ListKey>,
        limit: u32,
    ) -> Result<Listed<ListedSite>, StoreError> {
        let after = after.cloned().unwrap_or_else(ListKey::start);
        let limit = limit.clamp(1, LIST_ROWS_MAX);
        let values = [
            self.id(),
            Search::of(text).name.into(),
            after.sorted_by.into(),
            after.id.into(),
            one_more(limit),
        ];
        let sql = "SELECT id, name, (SELECT COUNT(*) FROM holder WHERE holder.site = s.id), \
                   (SELECT COUNT(*) FROM device WHERE device.site = s.id) FROM site AS s \
                   WHERE account = $1 AND LOWER(name) LIKE $2 ESCAPE '!' AND (LOWER(name), id) > ($3, $4) \
                   ORDER BY LOWER(name), id LIMIT $5";
        let mut rows = Vec::new();
        for row in self.transaction.rows(sql, &values).await? {
            let mut columns = Columns::of(TABLE, row);
            rows.push(ListedSite {
                site: site_columns(&mut columns)?,
                holders: columns.number()?,
                devices: columns.number()?,
            });
        }
        Ok(page(rows, limit, |last| ListKey {
            sorted_by: last.site.name.as_str().to_ascii_lowercase(),
            id: last.site.id.as_str().to_owned(),
        }))
    }

    /// What belongs to a site: at most `limit` of each kind are named.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn site_members(&mut self, id: &SiteId, limit: u32) -> Result<SiteMembers, StoreError> {
        let of_site = [self.id(), id.as_str().into()];
        let first = [self.id(), id.as_str().into(), i64::from(limit).into()];
        let sql = "SELECT id, kind, name, extension, package, country, time_zone, site FROM holder \
                   WHERE account = $1 AND site = $2 ORDER BY LENGTH(extension), extension LIMIT $3";
        let holders = self.transaction.rows(sql, &first).await?;
        let holders = holders
            .into_iter()
            .map(|row| holder_columns(&mut Columns::of("holder", row)));
        let holders = holders.collect::<Result<_, _>>()?;
        let sql = "SELECT id, name, description, mac, kind, model, firmware, site, added_at FROM device \
                   WHERE account = $1 AND site = $2 ORDER BY LOWER(name), id LIMIT $3";
        let devices = self.transaction.rows(sql, &first).await?;
        let devices = devices
            .into_iter()
            .map(|row| device_columns(&mut Columns::of("device", row)));
        let devices = devices.collect::<Result<_, _>>()?;
        let sql = "SELECT name, extension FROM page_group JOIN page_group_site ON page_group = page_group.id \
                   WHERE account = $1 AND site = $2 ORDER BY LENGTH(extension), extension LIMIT $3";
        let mut groups = Vec::new();
        for row in self.transaction.rows(sql, &first).await? {
            let mut columns = Columns::of("page_group", row);
            groups.push((columns.checked(DisplayName::new)?, columns.parsed()?));
        }
        Ok(SiteMembers {
            groups,
            holders,
            holder_count: self
                .count(
                    "SELECT COUNT(*) FROM holder WHERE account = $1 AND site = $2",
                    &of_site,
                )
                .await?,
            devices,
            device_count: self
                .count(
                    "SELECT COUNT(*) FROM device WHERE account = $1 AND site = $2",
                    &of_site,
                )
                .await?,
            address_count: self
                .count(
                    "SELECT COUNT(*) FROM emergency_address WHERE account = $1 AND site = $2",
                    &of_site,
                )
                .await?,
        })
    }

    /// Lists the sites by name.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn sites(&mut self) -> Result<Vec<Site>, StoreError> {
        let id = self.id();
        let sql = "SELECT id, name FROM site WHERE account = $1 ORDER BY LOWER(name), id";
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter().map(site).collect()
    }

    /// Finds a site.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn site(&mut self, id: &SiteId) -> Result<Option<Site>, StoreError> {
        let sql = "SELECT id, name FROM site WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(site).transpose()
    }

    /// Adds a site.
    ///
    /// # Errors
    ///
    /// When another has its name, there are too many, or the database fails.
    pub async fn add_site(&mut self, site: &Site) -> Result<(), SiteError> {
        let known = self.sites().await?;
        if i64::try_from(known.len()).unwrap_or(i64::MAX) >= SITES_MAX {
            return Err(SiteError::TooMany);
        }
        if known.iter().any(|known| known.name == site.name) {
            return Err(SiteError::NameTaken(site.name.clone()));
        }
        let values = [site.id.as_str().into(), self.id(), site.name.as_str().into()];
        let sql = "INSERT INTO site (id, account, name) VALUES ($1, $2, $3)";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Gives a site another name; says whether it was there.
    ///
    /// # Errors
    ///
    /// When another has the name, or the database fails.
    pub async fn update_site(&mut self, site: &Site) -> Result<bool, SiteError> {
        let known = self.sites().await?;
        if known
            .iter()
            .any(|known| known.name == site.name && known.id != site.id)
        {
            return Err(SiteError::NameTaken(site.name.clone()));
        }
        let values = [self.id(), site.id.as_str().into(), site.name.as_str().into()];
        let sql = "UPDATE site SET name = $3 WHERE account = $1 AND id = $2";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Removes a site, whose users, common areas, devices, addresses and places in page groups go to another of the account, or to
    /// none; says whether the sites were there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_site(&mut self, id: &SiteId, to: Option<&SiteId>) -> Result<bool, StoreError> {
        if to == Some(id) || self.site(id).await?.is_none() {
            return Ok(false);
        }
        if let Some(to) = to
            && self.site(to).await?.is_none()
        {
            return Ok(false);
        }
        let heir = Value::from(to.map_or("", SiteId::as_str));
        let values = [self.id(), id.as_str().into(), heir];
        for sql in [
            "UPDATE holder SET site = NULLIF($3, '') WHERE account = $1 AND site = $2",
            "UPDATE device SET site = NULLIF($3, '') WHERE account = $1 AND site = $2",
            "UPDATE emergency_address SET site = NULLIF($3, ''), is_default = CASE WHEN holder IS NULL THEN 0 ELSE is_default END \
             WHERE account = $1 AND site = $2",
            "INSERT INTO page_group_site SELECT page_group, $3 FROM page_group_site AS gone \
             JOIN page_group ON page_group.id = gone.page_group WHERE account = $1 AND gone.site = $2 AND $3 <> '' \
             AND NOT EXISTS (SELECT 1 FROM page_group_site AS has WHERE has.page_group = gone.page_group AND has.site = $3)",
        ] {
            self.transaction.execute(sql, &values).await?;
        }
        let sql = "DELETE FROM site WHERE account = $1 AND id = $2";
        let [account, site, _] = values;
        self.transaction.execute(sql, &[account, site]).await?;
        self.change_directory().await?;
        Ok(true)
    }

    /// What is kept of a site besides; none where nothing was.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn site_profile(&mut self, id: &SiteId) -> Result<Option<SiteProfile>, StoreError> {
        let sql = "SELECT receptionist, code, short_length, caller_id_name FROM site_profile JOIN site ON site = id \
                   WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| {
            let mut columns = Columns::of("site_profile", row);
            Ok(SiteProfile {
                receptionist: columns.checked(SiteTitle::new)?,
                code: columns.number_or_null()?,
                short_length: columns.number_or_null()?,
                caller_id_name: columns.checked(model::inventory::Remark::new)?,
            })
        })
        .transpose()
    }

    /// Keeps something of a site besides, in place of what was kept.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_site_profile(&mut self, id: &SiteId, profile: &SiteProfile) -> Result<(), StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql =
            "DELETE FROM site_profile WHERE site IN (SELECT id FROM site WHERE account = $1 AND id = $2)";
        self.transaction.execute(sql, &values).await?;
        let [account, site] = values;
        let values = [
            account,
            site,
            profile.receptionist.as_str().into(),
            profile.code.map_or(-1, i64::from).into(),
            profile.short_length.map_or(-1, i64::from).into(),
            profile.caller_id_name.as_str().into(),
        ];
        let sql = "INSERT INTO site_profile SELECT id, $3, NULLIF($4, -1), NULLIF($5, -1), $6 FROM site \
                   WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}

fn site(row: Row) -> Result<Site, StoreError> {
    site_columns(&mut Columns::of(TABLE, row))
}

/// Reads the two columns of a site.
fn site_columns(columns: &mut Columns) -> Result<Site, StoreError> {
    Ok(Site {
        id: columns.parsed()?,
        name: columns.checked(SiteTitle::new)?,
    })
}
