//! The password of the own pages of an account's devices.

use model::Secret;
use model::inventory::{DeviceType, Timestamp};

use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "device_password";

/// What opens the own pages of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePassword {
    /// What devices are given.
    pub current: Secret,
    /// What those have that have not fetched their file since.
    pub earlier: Option<Secret>,
    /// Since when.
    pub changed_at: Timestamp,
}

impl Scope<'_, '_> {
    /// The password of the own pages of the account's devices; none until one was made.
    ///
    /// # Errors
    ///
    /// When the database fails, or the password cannot be opened.
    pub async fn device_password(&mut self) -> Result<Option<DevicePassword>, StoreError> {
        let sql = "SELECT changed_at, password, earlier FROM device_password WHERE account = $1";
        let id = self.id();
        let Some(row) = self.transaction.row(sql, &[id]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(TABLE, row);
        let changed_at = columns.moment()?;
        let (current, earlier) = (columns.octets()?, columns.octets_or_null()?);
        let open = |sealed: Vec<u8>| {
            let opened = self.transaction.sealer().open_sealed(&sealed, &self.sealed_for());
            opened.ok_or(StoreError::WrongKey)
        };
        Ok(Some(DevicePassword {
            current: open(current)?,
            earlier: earlier.map(open).transpose()?,
            changed_at,
        }))
    }

    /// Gives the devices of the account another password; the one they had is remembered.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_device_password(&mut self, password: &Secret, at: Timestamp) -> Result<(), StoreError> {
        let sealed = self.transaction.sealer().seal(password, &self.sealed_for());
        let sealed = sealed.ok_or(StoreError::NoRandomness)?;
        let sql = "INSERT INTO device_password (account, changed_at, password) VALUES ($1, $2, $3) \
                   ON CONFLICT (account) DO UPDATE SET changed_at = excluded.changed_at, \
                   earlier = device_password.password, password = excluded.password";
        let values = [self.id(), moment(at), sealed.into()];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Counts the hardware that has fetched nothing since the password was changed, and may have been here before: it may have
    /// the one before, or one that is older yet.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_without_device_password(&mut self, changed_at: Timestamp) -> Result<u64, StoreError> {
        // Served or not: of what was served long ago there may be no row left.
        let sql = "SELECT COUNT(*) FROM device WHERE account = $1 AND kind = $2 \
                   AND EXISTS (SELECT 1 FROM attempt WHERE attempt.mac = device.mac AND proved = 1) \
                   AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.mac = device.mac AND proved = 1 \
                   AND served = 1 AND at > $3)";
        let values = [self.id(), DeviceType::Algo.as_str().into(), moment(changed_at)];
        self.count(sql, &values).await
    }

    /// What a password is sealed for: no id of a line has a space in it.
    fn sealed_for(&self) -> String {
        format!("device password of {}", self.account)
    }
}
