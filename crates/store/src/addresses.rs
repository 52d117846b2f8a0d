//! Addresses for emergency services, and what is kept of users and common areas besides.

use model::inventory::{
    AddressId, AddressLine, CountryCode, EmergencyAddress, Holder, HolderId, HolderProfile, Remark, SiteId,
};

use crate::engine::{Row, Value};
use crate::listing::escaped;
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "emergency_address";
/// Addresses of one account.
pub const ADDRESSES_MAX: u64 = 10_000;

/// What a list of addresses is narrowed to; by default to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressFilter {
    /// Only those with this text in one of their lines.
    pub text: String,
    /// Only those of a site.
    pub site: Option<SiteId>,
    /// Only somebody's own.
    pub holder: Option<HolderId>,
    /// Only personal ones, or only those of sites and the account.
    pub is_personal: Option<bool>,
}

macro_rules! addresses_where {
    () => {
        "account = $1 AND ($2 = '' OR LOWER(line1) LIKE $2 ESCAPE '!' OR LOWER(line2) LIKE $2 ESCAPE '!' \
         OR LOWER(city) LIKE $2 ESCAPE '!' OR LOWER(state_code) LIKE $2 ESCAPE '!' OR LOWER(zip) LIKE $2 ESCAPE '!') AND ($3 = '' OR site = $3) AND ($4 = '' OR holder = $4) \
         AND ($5 = -1 OR $5 = CASE WHEN holder IS NULL THEN 0 ELSE 1 END)"
    };
}

impl AddressFilter {
    fn values(&self, account: Value) -> Vec<Value> {
        // No text of a database has it, and PostgreSQL takes none with it.
        let text = self.text.trim().replace('\0', "");
        let pattern = if text.is_empty() {
            String::new()
        } else {
            format!("%{}%", escaped(&text.to_ascii_lowercase()))
        };
        vec![
            account,
            pattern.into(),
            self.site.as_ref().map_or("", SiteId::as_str).into(),
            self.holder.as_ref().map_or("", HolderId::as_str).into(),
            self.is_personal.map_or(-1, i64::from).into(),
        ]
    }
}

impl Scope<'_, '_> {
    /// Lists addresses by id from behind `after`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_addresses(
        &mut self,
        filter: &AddressFilter,
        after: &str,
        limit: u32,
    ) -> Result<Vec<EmergencyAddress>, StoreError> {
        let mut values = filter.values(self.id());
        values.extend([after.into(), i64::from(limit).into()]);
        let sql = concat!(
            "SELECT id, line1, line2, city, state_code, zip, country, is_default, site, holder FROM emergency_address \
             WHERE id > $6 AND ",
            addresses_where!(),
            " ORDER BY id LIMIT $7"
        );
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter().map(address).collect()
    }

    /// Counts the addresses that a list has on all its pages.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_addresses(&mut self, filter: &AddressFilter) -> Result<u64, StoreError> {
        let values = filter.values(self.id());
        let sql = concat!(
            "SELECT COUNT(*) FROM emergency_address WHERE ",
            addresses_where!()
        );
        self.count(sql, &values).await
    }

    /// Finds an address.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn address(&mut self, id: &AddressId) -> Result<Option<EmergencyAddress>, StoreError> {
        let sql = "SELECT id, line1, line2, city, state_code, zip, country, is_default, site, holder FROM emergency_address \
                   WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(address).transpose()
    }

    /// The default address of a site, or of the account; none where there is none.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn default_address(
        &mut self,
        site: Option<&SiteId>,
    ) -> Result<Option<EmergencyAddress>, StoreError> {
        let sql = "SELECT id, line1, line2, city, state_code, zip, country, is_default, site, holder FROM emergency_address \
                   WHERE account = $1 AND COALESCE(site, '') = $2 AND holder IS NULL AND is_default = 1 ORDER BY id LIMIT 1";
        let values = [self.id(), site.map_or("", SiteId::as_str).into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(address).transpose()
    }

    /// Where emergency services are sent for a user or a common area: the address that was chosen for it, else its own default, else
    /// that of its site, else that of the account; none where there is none of these.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn address_of(&mut self, holder: &Holder) -> Result<Option<EmergencyAddress>, StoreError> {
        let profile = self.holder_profile(&holder.id).await?;
        if let Some(chosen) = profile.and_then(|profile| profile.address) {
            return self.address(&chosen).await;
        }
        let sql = "SELECT id, line1, line2, city, state_code, zip, country, is_default, site, holder FROM emergency_address \
                   WHERE account = $1 AND holder = $2 AND is_default = 1 ORDER BY id LIMIT 1";
        let values = [self.id(), holder.id.as_str().into()];
        if let Some(own) = self.transaction.row(sql, &values).await? {
            return address(own).map(Some);
        }
        if holder.site.is_some()
            && let Some(of_site) = self.default_address(holder.site.as_ref()).await?
        {
            return Ok(Some(of_site));
        }
        self.default_address(None).await
    }

    /// Keeps an address, in place of the one of its id if there is one. One that is the default takes that from the others of its
    /// site or of its user. Says whether there was room for it.
    ///
    /// # Errors
    ///
    /// When its site or its user are not the account's, or the database fails.
    pub async fn set_address(&mut self, address: &EmergencyAddress) -> Result<bool, StoreError> {
        let is_known = self.address(&address.id).await?.is_some();
        if !is_known && self.count_addresses(&AddressFilter::default()).await? >= ADDRESSES_MAX {
            return Ok(false);
        }
        if let Some(site) = &address.site
            && self.site(site).await?.is_none()
        {
            return Err(StoreError::Missing { what: "site" });
        }
        if let Some(holder) = &address.holder
            && self.holder(holder).await?.is_none()
        {
            return Err(StoreError::Missing { what: "user" });
        }
        let owners = [
            self.id(),
            address.site.as_ref().map_or("", SiteId::as_str).into(),
            address.holder.as_ref().map_or("", HolderId::as_str).into(),
        ];
        if address.is_default {
            let sql = "UPDATE emergency_address SET is_default = 0 \
                       WHERE account = $1 AND COALESCE(holder, '') = $3 AND ($3 <> '' OR COALESCE(site, '') = $2)";
            self.transaction.execute(sql, &owners).await?;
        }
        let [account, site, holder] = owners;
        let values = [
            address.id.as_str().into(),
            account,
            address.line1.as_str().into(),
            address.line2.as_str().into(),
            address.city.as_str().into(),
            address.state_code.as_str().into(),
            address.zip.as_str().into(),
            address.country.to_string().into(),
            address.is_default.into(),
            site,
            holder,
        ];
        let sql = "INSERT INTO emergency_address \
                   (id, account, line1, line2, city, state_code, zip, country, is_default, site, holder) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULLIF($10, ''), NULLIF($11, '')) \
                   ON CONFLICT (id) DO UPDATE SET line1 = $3, line2 = $4, city = $5, state_code = $6, zip = $7, \
                   country = $8, is_default = $9 WHERE emergency_address.account = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(true)
    }

    /// Removes an address; says whether it was there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_address(&mut self, id: &AddressId) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM emergency_address WHERE account = $1 AND id = $2";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// What is kept of a user or common area besides; none where nothing was.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn holder_profile(&mut self, id: &HolderId) -> Result<Option<HolderProfile>, StoreError> {
        let sql = "SELECT department, cost_center, area_code, language, address FROM holder_profile \
                   JOIN holder ON holder = id WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| {
            let mut columns = Columns::of("holder_profile", row);
            Ok(HolderProfile {
                department: columns.checked(Remark::new)?,
                cost_center: columns.checked(Remark::new)?,
                area_code: columns.checked(Remark::new)?,
                language: columns.checked(Remark::new)?,
                address: columns.parsed_or_null()?,
            })
        })
        .transpose()
    }

    /// Keeps something of a user or common area besides, in place of what was kept.
    ///
    /// # Errors
    ///
    /// When its address is not the account's, or the database fails.
    pub async fn set_holder_profile(
        &mut self,
        id: &HolderId,
        profile: &HolderProfile,
    ) -> Result<(), StoreError> {
        if let Some(address) = &profile.address
            && self.address(address).await?.is_none()
        {
            let what = "emergency address";
            return Err(StoreError::Missing { what });
        }
        let values = [
            self.id(),
            id.as_str().into(),
            profile.department.as_str().into(),
            profile.cost_center.as_str().into(),
            profile.area_code.as_str().into(),
            profile.language.as_str().into(),
            profile.address.as_ref().map_or("", AddressId::as_str).into(),
        ];
        let sql = "INSERT INTO holder_profile (holder, department, cost_center, area_code, language, address) \
                   SELECT id, $3, $4, $5, $6, NULLIF($7, '') FROM holder WHERE account = $1 AND id = $2 \
                   ON CONFLICT (holder) DO UPDATE SET department = $3, cost_center = $4, area_code = $5, language = $6, \
                   address = NULLIF($7, '')";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}

fn address(row: Row) -> Result<EmergencyAddress, StoreError> {
    let mut columns = Columns::of(TABLE, row);
    Ok(EmergencyAddress {
        id: columns.parsed()?,
        line1: columns.checked(AddressLine::new)?,
        line2: columns.checked(Remark::new)?,
        city: columns.checked(AddressLine::new)?,
        state_code: columns.checked(AddressLine::new)?,
        zip: columns.checked(AddressLine::new)?,
        country: columns.checked(CountryCode::new)?,
        is_default: columns.truth()?,
        site: columns.parsed_or_null()?,
        holder: columns.parsed_or_null()?,
    })
}
