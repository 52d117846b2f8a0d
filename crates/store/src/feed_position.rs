//! What zones elsewhere were told last.

use model::directory::Epoch;

use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

impl Scope<'_, '_> {
    /// The state of the directory that zones elsewhere were told last, with the hash of what it was told as; none before the first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn feed_position(&mut self) -> Result<Option<(Epoch, String)>, StoreError> {
        let sql = "SELECT epoch, digest FROM feed_position WHERE account = $1";
        let id = self.id();
        let row = self.transaction.row(sql, &[id]).await?;
        row.map(|row| {
            let mut columns = Columns::of("feed_position", row);
            Ok((Epoch(columns.number()?), columns.text()?))
        })
        .transpose()
    }

    /// Keeps what zones elsewhere are about to be told. Where the same state would be told as something else than before, as a later
    /// version of this program may, there is another state first: zones take none twice. Says whether there is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_feed_position(&mut self, epoch: Epoch, digest: &str) -> Result<bool, StoreError> {
        if let Some((told, told_as)) = self.feed_position().await?
            && told == epoch
            && told_as != digest
        {
            self.change_directory().await?;
            return Ok(true);
        }
        let number = i64::try_from(epoch.0).unwrap_or(i64::MAX);
        let values = [self.id(), number.into(), digest.into()];
        let sql = "INSERT INTO feed_position VALUES ($1, $2, $3) \
                   ON CONFLICT (account) DO UPDATE SET epoch = $2, digest = $3";
        self.transaction.execute(sql, &values).await?;
        Ok(false)
    }
}
