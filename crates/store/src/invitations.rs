//! Who the administrators of an account are, and the links by which they come in.

use model::inventory::{Administrator, AdministratorId, Role, Timestamp, TokenHash};

use crate::access::{SignedIn, signed_in};
use crate::stored::{hash, moment};
use crate::transaction::{Scope, StoreError, Transaction};

/// Administrators of one account.
pub const ADMINISTRATORS_MAX: usize = 1_000;

impl Transaction<'_> {
    /// Finds who is invited by a token, as long as it is good.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn invited(
        &mut self,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, StoreError> {
        let sql = "SELECT account, id, email, role, password FROM administrator JOIN invitation ON administrator = id \
                   WHERE token = $1 AND expires_at > $2";
        let row = self.row(sql, &[hash(token), moment(now)]).await?;
        row.map(signed_in).transpose()
    }
}

impl Scope<'_, '_> {
    /// Lists the administrators by their addresses.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn administrators(&mut self) -> Result<Vec<Administrator>, StoreError> {
        let sql =
            "SELECT account, id, email, role, password FROM administrator WHERE account = $1 ORDER BY email";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        let found: Result<Vec<SignedIn>, StoreError> = rows.into_iter().map(signed_in).collect();
        Ok(found?.into_iter().map(|found| found.administrator).collect())
    }

    /// Gives somebody another role.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_role(&mut self, id: &AdministratorId, role: Role) -> Result<(), StoreError> {
        let values = [self.id(), id.as_str().into(), role.as_str().into()];
        let sql = "UPDATE administrator SET role = $3 WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Removes somebody with their sessions; says whether they were there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_administrator(&mut self, id: &AdministratorId) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM administrator WHERE account = $1 AND id = $2";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Invites somebody of the account by a token, in the place of earlier ones.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn invite(
        &mut self,
        id: &AdministratorId,
        token: TokenHash,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.end_invitations(id).await?;
        let values = [self.id(), id.as_str().into(), hash(token), moment(expires_at)];
        let sql =
            "INSERT INTO invitation SELECT $3, id, $4 FROM administrator WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Ends the invitations of somebody.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn end_invitations(&mut self, id: &AdministratorId) -> Result<(), StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM invitation WHERE administrator IN (SELECT id FROM administrator WHERE account = $1 AND id = $2)";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}
