//! Claim codes, and the certificates that were issued for them.

use model::DeviceId;
use model::inventory::{ClaimCode, IssuedCertificate, Timestamp, TokenHash};

use crate::engine::Row;
use crate::stored::{Columns, hash, moment, moment_or_null};
use crate::transaction::{Scope, StoreError, Transaction};

/// How often one key may use its claim code.
pub const CLAIM_USES_MAX: i64 = 10;

/// Why a claim code is not good.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is no such code for this device, or it is too old, or another key has used it up. Which, is not told.
    #[error(
        "the claim code is not good for this device: it is wrong, used up or too old; make another in the portal"
    )]
    NotGood,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Transaction<'_> {
    /// Uses a claim code up for the public key that asks; the same key may use it [`CLAIM_USES_MAX`] times, because an answer can be
    /// lost, and not once more when a certificate of it was taken back. Says whether it was the first time.
    ///
    /// # Errors
    ///
    /// When the code is not good for this device and key, or the database fails.
    pub async fn use_claim_code(
        &mut self,
        code: TokenHash,
        device: &DeviceId,
        key: TokenHash,
        now: Timestamp,
    ) -> Result<bool, ClaimError> {
        let sql = "UPDATE claim_code SET used_by = $3, uses = uses + 1 \
                   WHERE code = $1 AND device = $2 AND expires_at > $4 AND uses < $5 AND (used_by IS NULL OR used_by = $3) \
                   AND NOT EXISTS (SELECT 1 FROM certificate WHERE key = $3 AND revoked_at IS NOT NULL) RETURNING uses";
        let values = [
            hash(code),
            device.as_str().into(),
            hash(key),
            moment(now),
            CLAIM_USES_MAX.into(),
        ];
        let row = self.row(sql, &values).await?.ok_or(ClaimError::NotGood)?;
        Ok(Columns::of("claim_code", row).integer()? == 1)
    }

    /// Keeps a certificate that was issued.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_certificate(&mut self, certificate: &IssuedCertificate) -> Result<(), StoreError> {
        let values = [
            hash(certificate.fingerprint),
            hash(certificate.key),
            certificate.device.as_str().into(),
            moment(certificate.issued_at),
            moment_or_null(certificate.revoked_at),
            certificate.serial.as_str().into(),
        ];
        let sql = "INSERT INTO certificate (fingerprint, key, device, issued_at, revoked_at, serial) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        self.execute(sql, &values).await?;
        Ok(())
    }

    /// Takes a certificate back, with all others of its key and the claim codes of its device; says whether it was issued here.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn revoke_certificate(
        &mut self,
        fingerprint: TokenHash,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql =
            "DELETE FROM claim_code WHERE device IN (SELECT device FROM certificate WHERE fingerprint = $1)";
        self.execute(sql, &[hash(fingerprint)]).await?;
        let sql = "UPDATE certificate SET revoked_at = COALESCE(revoked_at, $2) \
                   WHERE key IN (SELECT key FROM certificate WHERE fingerprint = $1)";
        Ok(self.execute(sql, &[hash(fingerprint), moment(at)]).await? > 0)
    }

    /// Finds an issued certificate by its fingerprint.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn certificate(
        &mut self,
        fingerprint: TokenHash,
    ) -> Result<Option<IssuedCertificate>, StoreError> {
        let sql = "SELECT fingerprint, key, device, issued_at, revoked_at, serial FROM certificate WHERE fingerprint = $1";
        let row = self.row(sql, &[hash(fingerprint)]).await?;
        row.map(certificate).transpose()
    }

    /// Lists the certificates that were issued for a public key, whichever device it was for.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn certificates_of_key(
        &mut self,
        key: TokenHash,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let sql = "SELECT fingerprint, key, device, issued_at, revoked_at, serial FROM certificate WHERE key = $1 \
                   ORDER BY issued_at DESC, fingerprint";
        let rows = self.rows(sql, &[hash(key)]).await?;
        rows.into_iter().map(certificate).collect()
    }

    /// Lists the certificates that were issued at a time or later, and taken back, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn revoked_certificates(
        &mut self,
        issued_since: Timestamp,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let sql = "SELECT fingerprint, key, device, issued_at, revoked_at, serial FROM certificate \
                   WHERE revoked_at IS NOT NULL AND issued_at >= $1 ORDER BY revoked_at DESC, fingerprint";
        let rows = self.rows(sql, &[moment(issued_since)]).await?;
        rows.into_iter().map(certificate).collect()
    }

    /// Lists the certificates that were issued for a device, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn certificates_of_device(
        &mut self,
        device: &DeviceId,
    ) -> Result<Vec<IssuedCertificate>, StoreError> {
        let sql = "SELECT fingerprint, key, device, issued_at, revoked_at, serial FROM certificate WHERE device = $1 \
                   ORDER BY issued_at DESC, fingerprint";
        let rows = self.rows(sql, &[device.as_str().into()]).await?;
        rows.into_iter().map(certificate).collect()
    }
}

fn certificate(row: Row) -> Result<IssuedCertificate, StoreError> {
    let mut columns = Columns::of("certificate", row);
    Ok(IssuedCertificate {
        fingerprint: columns.hash()?,
        key: columns.hash()?,
        device: columns.parsed()?,
        issued_at: columns.moment()?,
        revoked_at: columns.moment_or_null()?,
        serial: columns.text()?,
    })
}

impl Scope<'_, '_> {
    /// Lists the certificates of this service's that a device of the account had and that were taken back, for good.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn taken_back(&mut self, device: &DeviceId) -> Result<Vec<TokenHash>, StoreError> {
        let sql = "SELECT fingerprint FROM certificate WHERE device = $2 AND revoked_at IS NOT NULL \
                   AND device IN (SELECT id FROM device WHERE account = $1 AND id = $2) ORDER BY fingerprint";
        let values = [self.id(), device.as_str().into()];
        let rows = self.transaction.rows(sql, &values).await?;
        let hash = |row| Columns::of("certificate", row).hash();
        rows.into_iter().map(hash).collect()
    }

    /// Takes all certificates of a device back, and its claim code; says how many there were.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn revoke_certificates_of_device(
        &mut self,
        device: &DeviceId,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let values = [self.id(), device.as_str().into()];
        let sql =
            "DELETE FROM claim_code WHERE device IN (SELECT id FROM device WHERE account = $1 AND id = $2)";
        self.transaction.execute(sql, &values).await?;
        let values = [self.id(), device.as_str().into(), moment(at)];
        let sql = "UPDATE certificate SET revoked_at = $3 WHERE revoked_at IS NULL \
                   AND device IN (SELECT id FROM device WHERE account = $1 AND id = $2)";
        self.transaction.execute(sql, &values).await
    }

    /// Gives a device a claim code; an earlier one of it is good no more.
    ///
    /// # Errors
    ///
    /// When the account has no such device, or the database fails.
    pub async fn add_claim_code(&mut self, claim: &ClaimCode) -> Result<(), StoreError> {
        let device = claim.device.as_str();
        let sql =
            "DELETE FROM claim_code WHERE device IN (SELECT id FROM device WHERE id = $1 AND account = $2)";
        self.transaction.execute(sql, &[device.into(), self.id()]).await?;
        let values = [
            hash(claim.code),
            device.into(),
            moment(claim.expires_at),
            self.id(),
        ];
        let sql =
            "INSERT INTO claim_code SELECT $1, id, $3, NULL, 0 FROM device WHERE id = $2 AND account = $4";
        match self.transaction.execute(sql, &values).await? {
            0 => Err(StoreError::Missing { what: "device" }),
            _ => Ok(()),
        }
    }
}
