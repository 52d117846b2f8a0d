//! What the passwords of the own pages of an account's hardware are made of, generation by generation, and which a device was given.

use model::inventory::{DeviceType, Timestamp};
use model::{DeviceId, Secret};

use crate::engine::Row;
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "device_secret";
/// Generations that are kept of an account; besides, those that a device was given last.
pub const DEVICE_SECRETS_KEPT: u32 = 4;

/// What passwords of one generation are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSecret {
    /// Counts them in an account, from 1.
    pub generation: u32,
    /// Since when there is one.
    pub made_at: Timestamp,
    /// It is the password of all devices itself; else each has its own, which is made of it.
    pub is_for_all: bool,
    /// The password or the secret.
    pub secret: Secret,
}

/// What a device was given last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenPassword {
    /// The generation.
    pub generation: u32,
    /// When it fetched its file.
    pub at: Timestamp,
}

impl Scope<'_, '_> {
    /// What the passwords of the account's devices are made of, the last generation first; nothing until one was made.
    ///
    /// # Errors
    ///
    /// When the database fails, or a secret cannot be opened.
    pub async fn device_secrets(&mut self) -> Result<Vec<DeviceSecret>, StoreError> {
        let sql = "SELECT generation, made_at, for_all, secret FROM device_secret WHERE account = $1 \
                   ORDER BY generation DESC";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter().map(|row| self.opened(row)).collect()
    }

    /// The last generation; none until one was made.
    ///
    /// # Errors
    ///
    /// When the database fails, or the secret cannot be opened.
    pub async fn device_secret(&mut self) -> Result<Option<DeviceSecret>, StoreError> {
        let sql = "SELECT generation, made_at, for_all, secret FROM device_secret WHERE account = $1 \
                   ORDER BY generation DESC LIMIT 1";
        let id = self.id();
        let row = self.transaction.row(sql, &[id]).await?;
        row.map(|row| self.opened(row)).transpose()
    }

    /// Begins another generation. Those before stay as long as a device may have them that has fetched nothing since.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_device_secret(
        &mut self,
        secret: &Secret,
        is_for_all: bool,
        at: Timestamp,
    ) -> Result<DeviceSecret, StoreError> {
        let sealed = self.transaction.sealer().seal(secret, &self.sealed_for());
        let sealed = sealed.ok_or(StoreError::NoRandomness)?;
        let sql = "INSERT INTO device_secret (account, generation, made_at, for_all, secret) \
                   SELECT $1, COALESCE(MAX(generation), 0) + 1, $2, $3, $4 FROM device_secret WHERE account = $1 \
                   RETURNING generation";
        let values = [self.id(), moment(at), is_for_all.into(), sealed.into()];
        let row = self.transaction.row(sql, &values).await?;
        let row = row.ok_or(StoreError::Damaged { table: TABLE })?;
        let generation: u32 = Columns::of(TABLE, row).number()?;
        let sql = "DELETE FROM device_secret WHERE account = $1 AND generation <= $2 AND generation NOT IN \
                   (SELECT generation FROM given_password JOIN device ON device.id = given_password.device \
                   WHERE device.account = $1)";
        let forgotten = i64::from(generation).saturating_sub(i64::from(DEVICE_SECRETS_KEPT));
        self.transaction
            .execute(sql, &[self.id(), forgotten.into()])
            .await?;
        Ok(DeviceSecret {
            generation,
            made_at: at,
            is_for_all,
            secret: secret.clone(),
        })
    }

    /// Notes of which generation a device was given its password.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn note_given_password(
        &mut self,
        device: &DeviceId,
        given: GivenPassword,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO given_password (device, generation, at) \
                   SELECT id, $3, $4 FROM device WHERE account = $1 AND id = $2 \
                   ON CONFLICT (device) DO UPDATE SET generation = excluded.generation, at = excluded.at";
        let values = [
            self.id(),
            device.as_str().into(),
            i64::from(given.generation).into(),
            moment(given.at),
        ];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// What a device was given last; nothing where it has fetched nothing, or before that was noted.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn given_password(&mut self, device: &DeviceId) -> Result<Option<GivenPassword>, StoreError> {
        let sql = "SELECT generation, at FROM given_password \
                   WHERE device IN (SELECT id FROM device WHERE account = $1 AND id = $2)";
        let values = [self.id(), device.as_str().into()];
        let Some(row) = self.transaction.row(sql, &values).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of("given_password", row);
        Ok(Some(GivenPassword {
            generation: columns.number()?,
            at: columns.moment()?,
        }))
    }

    /// Counts the hardware that has been here and was not given a password of this generation.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_without_password_of(&mut self, generation: u32) -> Result<u64, StoreError> {
        // Served or not: of what was served long ago there may be no row left.
        let sql = "SELECT COUNT(*) FROM device WHERE account = $1 AND kind = $2 \
                   AND EXISTS (SELECT 1 FROM attempt WHERE attempt.mac = device.mac AND proved = 1) \
                   AND NOT EXISTS (SELECT 1 FROM given_password WHERE given_password.device = device.id \
                   AND generation = $3)";
        let values = [
            self.id(),
            DeviceType::Algo.as_str().into(),
            i64::from(generation).into(),
        ];
        self.count(sql, &values).await
    }

    /// Counts the hardware that has been here and was sent no password that is known, if another generation has one go that it may have.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_that_may_lose_password(&mut self) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) FROM device WHERE account = $1 AND kind = $2 \
                   AND EXISTS (SELECT 1 FROM attempt WHERE attempt.mac = device.mac AND proved = 1) \
                   AND NOT EXISTS (SELECT 1 FROM given_password WHERE given_password.device = device.id) \
                   AND EXISTS (SELECT 1 FROM device_secret WHERE device_secret.account = $1 AND generation <= \
                   (SELECT MAX(generation) FROM device_secret WHERE account = $1) - $3 AND generation NOT IN \
                   (SELECT generation FROM given_password JOIN device ON device.id = given_password.device \
                   WHERE device.account = $1))";
        let kept_besides_another = i64::from(DEVICE_SECRETS_KEPT.saturating_sub(1));
        let values = [
            self.id(),
            DeviceType::Algo.as_str().into(),
            kept_besides_another.into(),
        ];
        self.count(sql, &values).await
    }

    fn opened(&self, row: Row) -> Result<DeviceSecret, StoreError> {
        let mut columns = Columns::of(TABLE, row);
        let (generation, made_at, is_for_all) = (columns.number()?, columns.moment()?, columns.truth()?);
        let sealer = self.transaction.sealer();
        let secret = sealer.open_sealed(&columns.octets()?, &self.sealed_for());
        Ok(DeviceSecret {
            generation,
            made_at,
            is_for_all,
            secret: secret.ok_or(StoreError::WrongKey)?,
        })
    }

    /// What a secret is sealed for: no id of a line has a space in it.
    fn sealed_for(&self) -> String {
        format!("device password of {}", self.account)
    }
}
