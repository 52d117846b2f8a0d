//! Requests of programs that may be repeated: what was answered once is answered again, and nothing is done twice.

use model::Secret;
use model::inventory::{ApiClientId, Timestamp, TokenHash};

use crate::engine::Value;
use crate::stored::{Columns, hash, moment};
use crate::transaction::{Scope, StoreError, Transaction};

const TABLE: &str = "api_repeat";
/// Keys of one program that are kept: past that the oldest goes.
pub const REPEATS_MAX: i64 = 1_000;
/// How long a key is kept, in milliseconds: a day.
const REPEAT_LIFE: u64 = 24 * 60 * 60 * 1_000;

/// What is known of a request by its key.
#[derive(Debug)]
pub enum Repeat {
    /// Nothing: it is to be carried out, and is known from now on.
    First,
    /// It was begun. It is being carried out, or the service was stopped meanwhile.
    Begun,
    /// It was answered so.
    Answered {
        /// The status.
        status: u16,
        /// The body, which may hold a secret.
        body: Secret,
    },
    /// Another request had that key.
    Other,
}

impl Transaction<'_> {
    /// Forgets the requests of all programs that were begun a day ago, with the secrets in their answers.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn forget_overdue_repeats(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let over = Timestamp(now.0.saturating_sub(REPEAT_LIFE));
        let sql = "DELETE FROM api_repeat WHERE at <= $1";
        self.execute(sql, &[moment(over)]).await?;
        Ok(())
    }
}

impl Scope<'_, '_> {
    /// Looks a request of a program up by its key, and begins it where the key is not known. Of the digest of the `request` is kept what
    /// only the store's own key makes of it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn begin_repeatable(
        &mut self,
        client: &ApiClientId,
        key: TokenHash,
        request: TokenHash,
        now: Timestamp,
    ) -> Result<Repeat, StoreError> {
        self.transaction.forget_overdue_repeats(now).await?;
        let plain = request;
        let request = self.transaction.sealer().fingerprint(plain);
        let request = request.ok_or(StoreError::WrongKey)?;
        let values = [
            self.id(),
            client.as_str().into(),
            hash(key),
            hash(request),
            moment(now),
        ];
        // Of two that come at once one is the first.
        let sql = "INSERT INTO api_repeat (client, key, request, at, status) \
                   SELECT id, $3, $4, $5, 0 FROM api_client WHERE account = $1 AND id = $2 \
                   ON CONFLICT (client, key) DO NOTHING";
        if self.transaction.execute(sql, &values).await? == 0 {
            return self.known_repeat(client, key, [request, plain]).await;
        }
        let sql = "DELETE FROM api_repeat WHERE client = $1 AND key <> $2 AND key NOT IN \
                   (SELECT key FROM api_repeat WHERE client = $1 AND key <> $2 ORDER BY at DESC, key LIMIT $3)";
        let others_max = REPEATS_MAX.saturating_sub(1);
        let values = [client.as_str().into(), hash(key), others_max.into()];
        self.transaction.execute(sql, &values).await?;
        Ok(Repeat::First)
    }

    /// What is known of a request, by its digest as it is kept now, or by the plain one that earlier versions kept: a program that
    /// repeats a request across an upgrade gets its answer, and does nothing twice.
    async fn known_repeat(
        &mut self,
        client: &ApiClientId,
        key: TokenHash,
        requests: [TokenHash; 2],
    ) -> Result<Repeat, StoreError> {
        let values = [self.id(), client.as_str().into(), hash(key)];
        let sql = "SELECT request, status, answer FROM api_repeat JOIN api_client ON api_client.id = client \
                   WHERE account = $1 AND client = $2 AND key = $3";
        let row = self.transaction.row(sql, &values).await?;
        let row = row.ok_or(StoreError::Missing { what: "API client" })?;
        let mut columns = Columns::of(TABLE, row);
        if !requests.contains(&columns.hash()?) {
            return Ok(Repeat::Other);
        }
        let status: u16 = columns.number()?;
        if status == 0 {
            return Ok(Repeat::Begun);
        }
        let sealer = self.transaction.sealer();
        let body = sealer.open_sealed(&columns.octets()?, &belongs_to(client, key));
        Ok(Repeat::Answered {
            status,
            body: body.ok_or(StoreError::WrongKey)?,
        })
    }

    /// Keeps what a request that was begun then was answered with. One that was begun under the same key since is not
    /// given it: that this was answered may be known late.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn answer_repeatable(
        &mut self,
        client: &ApiClientId,
        key: TokenHash,
        begun_at: Timestamp,
        (status, body): (u16, &Secret),
    ) -> Result<(), StoreError> {
        let sealed = self.transaction.sealer().seal(body, &belongs_to(client, key));
        let values = [
            client.as_str().into(),
            hash(key),
            i64::from(status).into(),
            sealed.map(Value::from).ok_or(StoreError::NoRandomness)?,
            self.id(),
            moment(begun_at),
        ];
        let sql = "UPDATE api_repeat SET status = $3, answer = $4 WHERE client = $1 AND key = $2 \
                   AND client IN (SELECT id FROM api_client WHERE account = $5) AND at = $6";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Forgets a request that was begun then and has changed nothing, so that it can be tried again. One that was begun under the
    /// same key since is not forgotten: that this was done may be known late.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn forget_repeatable(
        &mut self,
        client: &ApiClientId,
        key: TokenHash,
        begun_at: Timestamp,
    ) -> Result<(), StoreError> {
        let values = [client.as_str().into(), hash(key), self.id(), moment(begun_at)];
        let sql = "DELETE FROM api_repeat WHERE client = $1 AND key = $2 \
                   AND client IN (SELECT id FROM api_client WHERE account = $3) AND at = $4";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}

/// What an answer is sealed for: no row can be given another's.
fn belongs_to(client: &ApiClientId, key: TokenHash) -> String {
    let key: String = key.0.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{client} {key}")
}
