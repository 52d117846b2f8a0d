//! Sites, and what is kept of them besides.

use model::inventory::{Site, SiteId, SiteProfile, SiteTitle};

use crate::engine::Row;
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

impl Scope<'_, '_> {
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

    /// Removes a site, whose users, common areas, devices, addresses and places in page groups go to another of the account; says
    /// whether both were there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_site(&mut self, id: &SiteId, to: &SiteId) -> Result<bool, StoreError> {
        if id == to || self.site(id).await?.is_none() || self.site(to).await?.is_none() {
            return Ok(false);
        }
        let values = [self.id(), id.as_str().into(), to.as_str().into()];
        for sql in [
            "UPDATE holder SET site = $3 WHERE account = $1 AND site = $2",
            "UPDATE device SET site = $3 WHERE account = $1 AND site = $2",
            "UPDATE emergency_address SET site = $3, is_default = 0 WHERE account = $1 AND site = $2",
            "INSERT INTO page_group_site SELECT page_group, $3 FROM page_group_site AS gone \
             JOIN page_group ON page_group.id = gone.page_group WHERE account = $1 AND gone.site = $2 \
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
    let mut columns = Columns::of(TABLE, row);
    Ok(Site {
        id: columns.parsed()?,
        name: columns.checked(SiteTitle::new)?,
    })
}
