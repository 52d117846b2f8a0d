//! Programs that use the API, and the tokens they were given.

use model::AccountId;
use model::inventory::{ApiClient, ApiClientId, ApiScopes, DisplayName, Timestamp, TokenHash};

use crate::engine::Row;
use crate::stored::{Columns, hash, moment};
use crate::transaction::{Scope, StoreError, Transaction};

const TABLE: &str = "api_client";
/// Programs of one account.
pub const API_CLIENTS_MAX: i64 = 100;
/// Tokens of one program that are good at a time: past that the one that ends first goes, of those before the last. A program that asks anew for each of its
/// calls does not fill the database.
pub const API_TOKENS_MAX: i64 = 50;

impl Transaction<'_> {
    /// Finds a program by the id it gives, with its account.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn api_client(
        &mut self,
        id: &ApiClientId,
    ) -> Result<Option<(AccountId, ApiClient)>, StoreError> {
        let sql = "SELECT account, id, name, secret, scopes, added_at FROM api_client WHERE id = $1";
        let row = self.row(sql, &[id.as_str().into()]).await?;
        row.map(of_account).transpose()
    }

    /// Finds the program that bears a token, with its account.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn bearer(
        &mut self,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<Option<(AccountId, ApiClient)>, StoreError> {
        let sql = "SELECT account, id, name, secret, scopes, added_at FROM api_client JOIN api_token ON client = id \
                   WHERE token = $1 AND expires_at > $2";
        let row = self.row(sql, &[hash(token), moment(now)]).await?;
        row.map(of_account).transpose()
    }
}

impl Transaction<'_> {
    /// Finds until when a token is good.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn token_ends(&mut self, token: TokenHash) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT expires_at FROM api_token WHERE token = $1";
        let row = self.row(sql, &[hash(token)]).await?;
        row.map(|row| Columns::of("api_token", row).moment()).transpose()
    }
}

impl Scope<'_, '_> {
    /// Adds a program; says whether there was room for it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_api_client(&mut self, client: &ApiClient) -> Result<bool, StoreError> {
        let values = [
            client.id.as_str().into(),
            self.id(),
            client.name.as_str().into(),
            hash(client.secret),
            client.scopes.to_string().into(),
            moment(client.added_at),
            API_CLIENTS_MAX.into(),
        ];
        let sql = "INSERT INTO api_client SELECT $1, $2, $3, $4, $5, $6 \
                   WHERE (SELECT COUNT(*) FROM api_client WHERE account = $2) < $7";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Lists the programs by name.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn api_clients(&mut self) -> Result<Vec<ApiClient>, StoreError> {
        let sql =
            "SELECT id, name, secret, scopes, added_at FROM api_client WHERE account = $1 ORDER BY name, id";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| client(&mut Columns::of(TABLE, row)))
            .collect()
    }

    /// Takes a program and its tokens away; gives what it was.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_api_client(&mut self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "SELECT id, name, secret, scopes, added_at FROM api_client WHERE account = $1 AND id = $2";
        let Some(row) = self.transaction.row(sql, &values).await? else {
            return Ok(None);
        };
        let sql = "DELETE FROM api_client WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        client(&mut Columns::of(TABLE, row)).map(Some)
    }

    /// Keeps a token of a program; those that are over go, and so do those past [`API_TOKENS_MAX`]. Says whether there is such a
    /// program.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_api_token(
        &mut self,
        id: &ApiClientId,
        token: TokenHash,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM api_token WHERE expires_at <= $1";
        self.transaction.execute(sql, &[moment(now)]).await?;
        let values = [self.id(), id.as_str().into(), hash(token), moment(expires_at)];
        let sql = "INSERT INTO api_token SELECT $3, id, $4 FROM api_client WHERE account = $1 AND id = $2";
        if self.transaction.execute(sql, &values).await? == 0 {
            return Ok(false);
        }
        let sql = "DELETE FROM api_token WHERE client = $1 AND token <> $3 AND token NOT IN \
                   (SELECT token FROM api_token WHERE client = $1 AND token <> $3 \
                   ORDER BY expires_at DESC, token LIMIT $2)";
        let others_max = API_TOKENS_MAX.saturating_sub(1);
        let values = [id.as_str().into(), others_max.into(), hash(token)];
        self.transaction.execute(sql, &values).await?;
        Ok(true)
    }
}

fn of_account(row: Row) -> Result<(AccountId, ApiClient), StoreError> {
    let mut columns = Columns::of(TABLE, row);
    let account = columns.parsed()?;
    Ok((account, client(&mut columns)?))
}

fn client(columns: &mut Columns) -> Result<ApiClient, StoreError> {
    Ok(ApiClient {
        id: columns.parsed()?,
        name: columns.checked(DisplayName::new)?,
        secret: columns.hash()?,
        scopes: columns.checked(ApiScopes::parse)?,
        added_at: columns.moment()?,
    })
}
