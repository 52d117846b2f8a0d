//! What holds for users and common areas of an account of whom nothing else is said.

use model::inventory::{CountryCode, HolderDefaults, TimeZone};

use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

impl Scope<'_, '_> {
    /// Finds what holds for users and common areas of whom nothing else is said.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn holder_defaults(&mut self) -> Result<HolderDefaults, StoreError> {
        let sql = "SELECT default_country, default_time_zone FROM account WHERE id = $1";
        let id = self.id();
        let Some(row) = self.transaction.row(sql, &[id]).await? else {
            return Ok(HolderDefaults::default());
        };
        let mut columns = Columns::of("account", row);
        let country = columns.text_or_null()?.map(|text| CountryCode::new(&text));
        let time_zone = columns.text_or_null()?.map(|text| TimeZone::new(&text));
        Ok(HolderDefaults {
            country: country.transpose().map_err(|_| columns.damaged())?,
            time_zone: time_zone.transpose().map_err(|_| columns.damaged())?,
        })
    }

    /// Sets it; whoever is there keeps what they have.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_holder_defaults(&mut self, defaults: &HolderDefaults) -> Result<(), StoreError> {
        let values = [
            self.id(),
            defaults.country.map(|country| country.to_string()).into(),
            defaults.time_zone.as_ref().map(TimeZone::as_str).into(),
        ];
        let sql = "UPDATE account SET default_country = $2, default_time_zone = $3 WHERE id = $1";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}
