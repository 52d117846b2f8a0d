//! Who may sign in, and who is signed in.

use model::AccountId;
use model::inventory::{Administrator, AdministratorId, PasswordHash, Role, Session, Timestamp, TokenHash};

use crate::engine::Row;
use crate::stored::{Columns, hash, moment};
use crate::transaction::{Scope, StoreError, Transaction};

const TABLE: &str = "administrator";

/// Somebody with the account they sign in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Their account.
    pub account: AccountId,
    /// Who it is.
    pub administrator: Administrator,
}

impl Transaction<'_> {
    /// Finds who signs in with an e-mail address, given in lower case.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn administrator_of_email(&mut self, email: &str) -> Result<Option<SignedIn>, StoreError> {
        let sql = "SELECT account, id, email, role, password FROM administrator WHERE email = $1";
        let row = self.row(sql, &[email.into()]).await?;
        row.map(signed_in).transpose()
    }

    /// Finds the owner of an account in which no owner has chosen a password, and rather the one of an address, then one whom nobody has invited:
    /// who was comes in by that link.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn owner_without_password(&mut self, rather: &str) -> Result<Option<SignedIn>, StoreError> {
        let sql = "SELECT account, id, email, role, password FROM administrator \
                   WHERE role = 'owner' AND password IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM administrator AS other WHERE other.account = administrator.account \
                   AND other.role = 'owner' AND other.password IS NOT NULL) \
                   ORDER BY account, CASE WHEN email = $1 THEN 0 ELSE 1 END, \
                   (SELECT COUNT(*) FROM invitation WHERE invitation.administrator = administrator.id), id LIMIT 1";
        let row = self.row(sql, &[rather.into()]).await?;
        row.map(signed_in).transpose()
    }

    /// Keeps a session; those that are over go.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_session(&mut self, session: &Session, now: Timestamp) -> Result<(), StoreError> {
        self.execute("DELETE FROM session WHERE expires_at <= $1", &[moment(now)])
            .await?;
        let values = [
            hash(session.token),
            session.administrator.as_str().into(),
            moment(session.expires_at),
        ];
        self.execute("INSERT INTO session VALUES ($1, $2, $3)", &values)
            .await?;
        Ok(())
    }

    /// Finds who bears a token.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn session(
        &mut self,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, StoreError> {
        let sql = "SELECT account, id, email, role, password FROM administrator JOIN session ON administrator = id \
                   WHERE token = $1 AND expires_at > $2";
        let row = self.row(sql, &[hash(token), moment(now)]).await?;
        row.map(signed_in).transpose()
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_session(&mut self, token: TokenHash) -> Result<(), StoreError> {
        self.execute("DELETE FROM session WHERE token = $1", &[hash(token)])
            .await?;
        Ok(())
    }
}

impl Scope<'_, '_> {
    /// Adds somebody who may sign in.
    ///
    /// # Errors
    ///
    /// When the address is known, or the database fails.
    pub async fn add_administrator(&mut self, administrator: &Administrator) -> Result<(), StoreError> {
        let values = [
            administrator.id.as_str().into(),
            self.id(),
            administrator.email.as_str().into(),
            administrator.role.as_str().into(),
            administrator
                .password
                .as_ref()
                .map(|password| password.0.as_str())
                .into(),
        ];
        let sql = "INSERT INTO administrator VALUES ($1, $2, $3, $4, $5)";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Gives somebody another e-mail address, in lower case.
    ///
    /// # Errors
    ///
    /// When the address is somebody else's, or the database fails.
    pub async fn set_email(&mut self, id: &AdministratorId, email: &str) -> Result<(), StoreError> {
        let values = [self.id(), id.as_str().into(), email.into()];
        let sql = "UPDATE administrator SET email = $3 WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Sets the password of somebody, and ends their sessions.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_password(
        &mut self,
        id: &AdministratorId,
        password: &PasswordHash,
    ) -> Result<(), StoreError> {
        let values = [self.id(), id.as_str().into(), password.0.as_str().into()];
        let sql = "UPDATE administrator SET password = $3 WHERE account = $1 AND id = $2";
        if self.transaction.execute(sql, &values).await? > 0 {
            self.transaction.end_sign_ins(id).await?;
        }
        Ok(())
    }
}

pub(crate) fn signed_in(row: Row) -> Result<SignedIn, StoreError> {
    let mut columns = Columns::of(TABLE, row);
    let account = columns.parsed()?;
    let administrator = Administrator {
        id: columns.parsed()?,
        email: columns.text()?,
        role: columns.word(Role::from_stored)?,
        password: columns.text_or_null()?.map(PasswordHash),
    };
    Ok(SignedIn {
        account,
        administrator,
    })
}
