//! What waits for somebody to look: devices that are held, and the certificates by which devices have proved to be themselves.

use std::collections::BTreeSet;

use model::DeviceId;
use model::inventory::{HeldDevice, ShownCertificate, Standing, TokenHash};

use crate::engine::Row;
use crate::stored::{Columns, hash, moment};
use crate::transaction::{Scope, StoreError};

/// Certificates that are kept of a device: it has one, or with renewals a few.
pub const SHOWN_CERTIFICATES_MAX: i64 = 16;
/// More than there can be past that.
const FORGOTTEN_MAX: i64 = 1_000;

impl Scope<'_, '_> {
    /// Lists the certificates by which a device of the account has proved to be itself, the one seen last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn shown_certificates(
        &mut self,
        device: &DeviceId,
    ) -> Result<Vec<ShownCertificate>, StoreError> {
        let sql = "SELECT fingerprint, standing, first_at, last_at, source FROM shown_certificate WHERE device = $2 \
                   AND device IN (SELECT id FROM device WHERE account = $1 AND id = $2) ORDER BY last_at DESC, fingerprint";
        let values = [self.id(), device.as_str().into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter().map(shown).collect()
    }

    /// Keeps a certificate that was shown, or what is new of it. Of too many those go that were not seen for the longest time, but none
    /// that somebody has to look at, or has judged.
    ///
    /// # Errors
    ///
    /// When the account has no such device, or the database fails.
    pub async fn set_shown_certificate(
        &mut self,
        device: &DeviceId,
        shown: &ShownCertificate,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO shown_certificate (device, fingerprint, standing, first_at, last_at, source) \
                   SELECT id, $3, $4, $5, $6, $7 FROM device WHERE account = $1 AND id = $2 \
                   ON CONFLICT (device, fingerprint) DO UPDATE SET standing = excluded.standing, \
                   last_at = excluded.last_at, source = excluded.source";
        let values = [
            self.id(),
            device.as_str().into(),
            hash(shown.fingerprint),
            shown.standing.as_str().into(),
            moment(shown.first_at),
            moment(shown.last_at),
            shown.source.as_str().into(),
        ];
        if self.transaction.execute(sql, &values).await? == 0 {
            return Err(StoreError::Missing { what: "device" });
        }
        let sql = "DELETE FROM shown_certificate WHERE device = $1 AND fingerprint IN (SELECT fingerprint \
                   FROM shown_certificate WHERE device = $1 AND standing = $4 \
                   ORDER BY last_at DESC, fingerprint LIMIT $3 OFFSET $2)";
        let values = [
            device.as_str().into(),
            SHOWN_CERTIFICATES_MAX.into(),
            FORGOTTEN_MAX.into(),
            Standing::Good.as_str().into(),
        ];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Gives a certificate that was shown another standing; says whether the device has shown it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn judge_certificate(
        &mut self,
        device: &DeviceId,
        fingerprint: TokenHash,
        standing: Standing,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE shown_certificate SET standing = $4 WHERE device = $2 AND fingerprint = $3 \
                   AND device IN (SELECT id FROM device WHERE account = $1 AND id = $2)";
        let values = [
            self.id(),
            device.as_str().into(),
            hash(fingerprint),
            standing.as_str().into(),
        ];
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Holds a device, if it is not held yet; says whether it is new.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn hold_device(&mut self, device: &DeviceId, held: &HeldDevice) -> Result<bool, StoreError> {
        let sql = "INSERT INTO held_device (device, at, why) SELECT id, $3, $4 FROM device WHERE account = $1 AND id = $2 \
                   ON CONFLICT (device) DO NOTHING";
        let values = [
            self.id(),
            device.as_str().into(),
            moment(held.at),
            held.why.as_str().into(),
        ];
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Since when and why a device is held; none where it is not.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn held_device(&mut self, device: &DeviceId) -> Result<Option<HeldDevice>, StoreError> {
        let sql = "SELECT at, why FROM held_device WHERE device = $2 \
                   AND device IN (SELECT id FROM device WHERE account = $1 AND id = $2)";
        let values = [self.id(), device.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| {
            let mut columns = Columns::of("held_device", row);
            Ok(HeldDevice {
                at: columns.moment()?,
                why: columns.text()?,
            })
        })
        .transpose()
    }

    /// Lists the devices of the account that are held.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn held_devices(&mut self) -> Result<BTreeSet<DeviceId>, StoreError> {
        let sql = "SELECT device FROM held_device \
                   WHERE EXISTS (SELECT 1 FROM device WHERE id = held_device.device AND account = $1)";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        let held = |row| Columns::of("held_device", row).parsed();
        rows.into_iter().map(held).collect()
    }

    /// Releases a device; says whether it was held.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn release_device(&mut self, device: &DeviceId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM held_device WHERE device = $2 \
                   AND device IN (SELECT id FROM device WHERE account = $1 AND id = $2)";
        let values = [self.id(), device.as_str().into()];
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }
}

fn shown(row: Row) -> Result<ShownCertificate, StoreError> {
    let mut columns = Columns::of("shown_certificate", row);
    Ok(ShownCertificate {
        fingerprint: columns.hash()?,
        standing: columns.word(Standing::from_stored)?,
        first_at: columns.moment()?,
        last_at: columns.moment()?,
        source: columns.text()?,
    })
}
