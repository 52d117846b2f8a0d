//! What administrators prove at the sign-in besides the password, and sign-ins that wait for it.

use std::collections::BTreeSet;

use model::inventory::{AdministratorId, Session, Timestamp, TokenHash};
use model::{AccountId, Secret};

use crate::access::{SignedIn, signed_in};
use crate::stored::{Columns, hash, moment};
use crate::transaction::{Scope, StoreError, Transaction};

const TABLE: &str = "second_factor";

/// What somebody proves besides the password.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    /// The secret that their app has, as it was given.
    pub secret: Secret,
    /// Recovery codes that have not been used.
    pub recovery_codes: u64,
}

impl Transaction<'_> {
    /// Keeps a sign-in of which the password was right; those that are over go.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_half_session(&mut self, half: &Session, now: Timestamp) -> Result<(), StoreError> {
        self.execute("DELETE FROM half_session WHERE expires_at <= $1", &[moment(now)])
            .await?;
        let values = [
            hash(half.token),
            half.administrator.as_str().into(),
            moment(half.expires_at),
        ];
        self.execute("INSERT INTO half_session VALUES ($1, $2, $3)", &values)
            .await?;
        Ok(())
    }

    /// Finds whose sign-in waits for the second factor.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn half_session(
        &mut self,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, StoreError> {
        let sql = "SELECT account, id, email, role, password FROM administrator JOIN half_session ON administrator = id \
                   WHERE token = $1 AND expires_at > $2";
        let row = self.row(sql, &[hash(token), moment(now)]).await?;
        row.map(signed_in).transpose()
    }

    /// Ends the sessions of somebody, and the sign-ins of theirs that wait for a code.
    pub(crate) async fn end_sign_ins(&mut self, id: &AdministratorId) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM session WHERE administrator = $1",
            "DELETE FROM half_session WHERE administrator = $1",
        ] {
            self.execute(sql, &[id.as_str().into()]).await?;
        }
        Ok(())
    }

    /// Ends a sign-in that waits.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_half_session(&mut self, token: TokenHash) -> Result<(), StoreError> {
        self.execute("DELETE FROM half_session WHERE token = $1", &[hash(token)])
            .await?;
        Ok(())
    }

    /// Says whether somebody has yet to set up a second factor, because their account requires one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn owes_second_factor(
        &mut self,
        account: &AccountId,
        id: &AdministratorId,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM account WHERE id = $1 AND requires_second_factor <> 0 \
                   AND NOT EXISTS (SELECT 1 FROM second_factor WHERE administrator = $2)";
        let values = [account.as_str().into(), id.as_str().into()];
        Ok(self.row(sql, &values).await?.is_some())
    }
}

impl Scope<'_, '_> {
    /// What somebody proves besides the password; none where they have set nothing up.
    ///
    /// # Errors
    ///
    /// When the database fails, or the secret cannot be opened.
    pub async fn second_factor(&mut self, id: &AdministratorId) -> Result<Option<SecondFactor>, StoreError> {
        let sql = "SELECT secret, (SELECT COUNT(*) FROM recovery_code WHERE recovery_code.administrator = $2) FROM second_factor \
                   WHERE administrator IN (SELECT id FROM administrator WHERE account = $1 AND id = $2)";
        let values = [self.id(), id.as_str().into()];
        let Some(row) = self.transaction.row(sql, &values).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(TABLE, row);
        let sealed = columns.octets()?;
        let secret = self.transaction.sealer().open_sealed(&sealed, &bound_to(id));
        Ok(Some(SecondFactor {
            secret: secret.ok_or(StoreError::WrongKey)?,
            recovery_codes: columns.number()?,
        }))
    }

    /// Sets up the second factor of somebody who has none, by the step whose code has proved it and recovery codes; their sessions
    /// and sign-ins end. Says whether it was set up.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_second_factor(
        &mut self,
        id: &AdministratorId,
        secret: &Secret,
        step: u64,
        recovery_codes: &[TokenHash],
    ) -> Result<bool, StoreError> {
        let sealed = self.transaction.sealer().seal(secret, &bound_to(id));
        let sealed = sealed.ok_or(StoreError::NoRandomness)?;
        let values = [self.id(), id.as_str().into(), sealed.into(), stored(step)];
        let sql = "INSERT INTO second_factor SELECT id, $3, $4 FROM administrator WHERE account = $1 AND id = $2 \
                   AND NOT EXISTS (SELECT 1 FROM second_factor WHERE administrator = $2)";
        if self.transaction.execute(sql, &values).await? == 0 {
            return Ok(false);
        }
        self.transaction.end_sign_ins(id).await?;
        self.set_recovery_codes(id, recovery_codes).await?;
        Ok(true)
    }

    /// Uses the code of a step; says whether it may be used: neither it nor a later one has been.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn use_step(&mut self, id: &AdministratorId, step: u64) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into(), stored(step)];
        let sql = "UPDATE second_factor SET step = $3 WHERE step < $3 \
                   AND administrator IN (SELECT id FROM administrator WHERE account = $1 AND id = $2)";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Uses a recovery code up; says whether there was such a code.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn use_recovery_code(
        &mut self,
        id: &AdministratorId,
        code: TokenHash,
    ) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into(), hash(code)];
        let sql = "DELETE FROM recovery_code WHERE code = $3 \
                   AND administrator IN (SELECT id FROM administrator WHERE account = $1 AND id = $2)";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Gives somebody who has a second factor other recovery codes in the place of those they have.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_recovery_codes(
        &mut self,
        id: &AdministratorId,
        codes: &[TokenHash],
    ) -> Result<(), StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM recovery_code \
                   WHERE administrator IN (SELECT id FROM administrator WHERE account = $1 AND id = $2)";
        self.transaction.execute(sql, &values).await?;
        for code in codes {
            let values = [self.id(), id.as_str().into(), hash(*code)];
            let sql = "INSERT INTO recovery_code SELECT second_factor.administrator, $3 FROM second_factor \
                       JOIN administrator ON id = second_factor.administrator WHERE account = $1 AND id = $2";
            self.transaction.execute(sql, &values).await?;
        }
        Ok(())
    }

    /// Takes the second factor of somebody away; says whether there was one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_second_factor(&mut self, id: &AdministratorId) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM second_factor \
                   WHERE administrator IN (SELECT id FROM administrator WHERE account = $1 AND id = $2)";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Lists who has a second factor.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn with_second_factor(&mut self) -> Result<BTreeSet<AdministratorId>, StoreError> {
        let sql = "SELECT id FROM administrator JOIN second_factor ON administrator = id WHERE account = $1";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| Columns::of(TABLE, row).parsed())
            .collect()
    }

    /// Says whether every administrator has to have one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn requires_second_factor(&mut self) -> Result<bool, StoreError> {
        let sql = "SELECT requires_second_factor FROM account WHERE id = $1";
        let id = self.id();
        let row = self.transaction.row(sql, &[id]).await?;
        row.map_or(Ok(false), |row| Columns::of("account", row).truth())
    }

    /// Requires one of every administrator, or of nobody.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_requires_second_factor(&mut self, is_required: bool) -> Result<(), StoreError> {
        let values = [self.id(), is_required.into()];
        let sql = "UPDATE account SET requires_second_factor = $2 WHERE id = $1";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}

/// What a secret is sealed for.
fn bound_to(id: &AdministratorId) -> String {
    format!("second factor of {id}")
}

fn stored(step: u64) -> crate::engine::Value {
    i64::try_from(step).unwrap_or(i64::MAX).into()
}
