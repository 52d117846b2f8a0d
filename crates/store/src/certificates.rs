//! Claim codes, and the certificates that were issued for them.

use model::DeviceId;
use model::inventory::{ClaimCode, IssuedCertificate, Timestamp, TokenHash};

use crate::engine::Value;
use crate::stored::{Columns, hash, moment};
use crate::transaction::{Scope, StoreError, Transaction};

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
    /// Uses a claim code up for the public key that asks; the same key may use it again, because an answer can be lost.
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
    ) -> Result<(), ClaimError> {
        let sql = "UPDATE claim_code SET used_by = $3 \
                   WHERE code = $1 AND device = $2 AND expires_at > $4 AND (used_by IS NULL OR used_by = $3)";
        let values = [hash(code), device.as_str().into(), hash(key), moment(now)];
        match self.execute(sql, &values).await? {
            0 => Err(ClaimError::NotGood),
            _ => Ok(()),
        }
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
            certificate.revoked_at.map_or(Value::Null, moment),
        ];
        self.execute("INSERT INTO certificate VALUES ($1, $2, $3, $4, $5)", &values)
            .await?;
        Ok(())
    }

    /// Takes a certificate back; says whether it was issued here.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn revoke_certificate(
        &mut self,
        fingerprint: TokenHash,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE certificate SET revoked_at = COALESCE(revoked_at, $2) WHERE fingerprint = $1";
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
        let sql =
            "SELECT fingerprint, key, device, issued_at, revoked_at FROM certificate WHERE fingerprint = $1";
        let row = self.row(sql, &[hash(fingerprint)]).await?;
        row.map(|row| {
            let mut columns = Columns::of("certificate", row);
            Ok(IssuedCertificate {
                fingerprint: columns.hash()?,
                key: columns.hash()?,
                device: columns.parsed()?,
                issued_at: columns.moment()?,
                revoked_at: columns.moment_or_null()?,
            })
        })
        .transpose()
    }
}

impl Scope<'_, '_> {
    /// Gives a device a claim code; earlier ones of it that nobody has used are good no more.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_claim_code(&mut self, claim: &ClaimCode) -> Result<(), StoreError> {
        let device = claim.device.as_str();
        let sql = "DELETE FROM claim_code WHERE used_by IS NULL \
                   AND device IN (SELECT id FROM device WHERE id = $1 AND account = $2)";
        self.transaction.execute(sql, &[device.into(), self.id()]).await?;
        let values = [
            hash(claim.code),
            device.into(),
            moment(claim.expires_at),
            self.id(),
        ];
        let sql = "INSERT INTO claim_code SELECT $1, id, $3, NULL FROM device WHERE id = $2 AND account = $4";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}
