//! Changing what was added, and taking it away with what hangs on it.

use model::DeviceId;
use model::inventory::{Account, Device, Holder, HolderId, LineId};
use model::{Extension, Secret};

use crate::engine::Value;
use crate::holders::NumberTaken;
use crate::transaction::{Scope, StoreError};

/// Why a device was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveDeviceError {
    /// Extensions are assigned to it.
    #[error("extensions are assigned to the device; remove them from it first")]
    Assigned,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a line was not given another password.
#[derive(Debug, thiserror::Error)]
pub enum RotateLineError {
    /// The password before the one it has is good yet, and a device may have no other.
    #[error(
        "the password before is good yet, and a device may have no other; see that the device has the last one, and end the one before first"
    )]
    EarlierIsGood,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Scope<'_, '_> {
    /// Changes the name, number, package, country, time zone and site of a user or common area; says whether it was there.
    ///
    /// # Errors
    ///
    /// When its number is another's, its site is not the account's, or the database fails.
    pub async fn update_holder(&mut self, holder: &Holder) -> Result<bool, NumberTaken> {
        let Some(before) = self.holder(&holder.id).await? else {
            return Ok(false);
        };
        self.check_site(holder.site.as_ref().map(|site| site.as_str()))
            .await?;
        let is_renumbered = before.extension != holder.extension;
        if is_renumbered {
            self.take_number(&holder.extension).await?;
        }
        let values = [
            self.id(),
            holder.id.as_str().into(),
            holder.name.as_str().into(),
            holder.extension.as_str().into(),
            holder.package.as_str().into(),
            holder.country.to_string().into(),
            holder.time_zone.as_str().into(),
            holder.site.as_ref().map_or("", |site| site.as_str()).into(),
        ];
        let sql = "UPDATE holder SET name = $3, extension = $4, package = $5, country = $6, time_zone = $7, site = NULLIF($8, '') \
                   WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        if is_renumbered {
            self.give_number_back(&before.extension).await?;
        }
        self.change_directory().await?;
        Ok(true)
    }

    /// Removes a user or common area with its lines and its places in page groups; says whether it was there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_holder(&mut self, id: &HolderId) -> Result<bool, StoreError> {
        let Some(holder) = self.holder(id).await? else {
            return Ok(false);
        };
        for line in self.lines_of_holder(id).await? {
            self.remove_line(&line.id).await?;
        }
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM holder WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        self.give_number_back(&holder.extension).await?;
        self.change_directory().await?;
        Ok(true)
    }

    /// Changes the name, description and site of a device; says whether it was there.
    ///
    /// # Errors
    ///
    /// When its site is not the account's, or the database fails.
    pub async fn update_device(&mut self, device: &Device) -> Result<bool, StoreError> {
        self.check_site(device.site.as_ref().map(|site| site.as_str()))
            .await?;
        let values = [
            self.id(),
            device.id.as_str().into(),
            device.name.as_str().into(),
            device.description.as_str().into(),
            device.site.as_ref().map_or("", |site| site.as_str()).into(),
        ];
        let sql = "UPDATE device SET name = $3, description = $4, site = NULLIF($5, '') WHERE account = $1 AND id = $2";
        let was_there = self.transaction.execute(sql, &values).await? > 0;
        if was_there {
            self.change_directory().await?;
        }
        Ok(was_there)
    }

    /// Removes a device with its certificates and its claim code; says whether it was there.
    ///
    /// # Errors
    ///
    /// When extensions are assigned to it, or the database fails.
    pub async fn remove_device(&mut self, id: &DeviceId) -> Result<bool, RemoveDeviceError> {
        if !self.lines_of_device(id).await?.is_empty() {
            return Err(RemoveDeviceError::Assigned);
        }
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM device WHERE account = $1 AND id = $2";
        let was_there = self.transaction.execute(sql, &values).await;
        Ok(was_there.map_err(RemoveDeviceError::Store)? > 0)
    }

    /// Gives a line another password, of the next generation. The one before stays good until [`Scope::end_earlier_password`], so that
    /// a device which has not been told the new one misses no call; says whether the line was there.
    ///
    /// # Errors
    ///
    /// When the one before the last is good yet, or the database fails.
    pub async fn rotate_line(&mut self, id: &LineId, password: &Secret) -> Result<bool, RotateLineError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "SELECT line FROM earlier_password WHERE line IN (SELECT id FROM line WHERE account = $1 AND id = $2)";
        if self.transaction.row(sql, &values).await?.is_some() {
            return Err(RotateLineError::EarlierIsGood);
        }
        let sealer = self.transaction.sealer();
        let sealed = sealer
            .seal(password, id.as_str())
            .ok_or(StoreError::NoRandomness)?;
        let sql = "INSERT INTO earlier_password SELECT id, generation, password FROM line WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        let [account, line] = values;
        let sql = "UPDATE line SET generation = generation + 1, password = $3 WHERE account = $1 AND id = $2";
        let values = [account, line, sealed.into()];
        let was_there = self.transaction.execute(sql, &values).await? > 0;
        if was_there {
            self.change_directory().await?;
        }
        Ok(was_there)
    }

    /// Ends what a rotation has left good; says whether there was such a password.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn end_earlier_password(&mut self, id: &LineId) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql =
            "DELETE FROM earlier_password WHERE line IN (SELECT id FROM line WHERE account = $1 AND id = $2)";
        let was_there = self.transaction.execute(sql, &values).await? > 0;
        if was_there {
            self.change_directory().await?;
        }
        Ok(was_there)
    }

    /// Changes the name of the account and its settings; its id and its domain stay.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn update_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let values = [
            self.id(),
            account.name.as_str().into(),
            account.many_extensions_before_5_5.into(),
            account.generic_devices.into(),
        ];
        let sql = "UPDATE account SET name = $2, many_extensions_before_5_5 = $3, generic_devices = $4 WHERE id = $1";
        self.transaction.execute(sql, &values).await?;
        self.change_directory().await
    }

    /// Refuses a site that is not the account's.
    async fn check_site(&mut self, site: Option<&str>) -> Result<(), StoreError> {
        let Some(site) = site else {
            return Ok(());
        };
        let values = [self.id(), Value::from(site)];
        let sql = "SELECT id FROM site WHERE account = $1 AND id = $2";
        match self.transaction.row(sql, &values).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::Missing { what: "site" }),
        }
    }

    /// Frees a number that nothing has any more.
    pub(crate) async fn give_number_back(&mut self, extension: &Extension) -> Result<(), StoreError> {
        let values = [self.id(), extension.as_str().into()];
        let sql = "DELETE FROM extension WHERE account = $1 AND number = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}
