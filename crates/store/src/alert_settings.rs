//! When administrators want to be told.

use model::Secret;
use model::inventory::{AlertSetting, AlertSettingId};

use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "alert_setting";
/// Settings of one account.
pub const ALERT_SETTINGS_MAX: u64 = 1_000;

/// What a list of settings is narrowed to; by default to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertSettingFilter {
    /// Only those of a module.
    pub module: Option<u8>,
    /// Only those of a rule.
    pub rule: Option<u8>,
    /// Only those that are switched on, or only those that are not.
    pub is_active: Option<bool>,
}

impl Scope<'_, '_> {
    /// Lists settings by id from behind `after`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_alert_settings(
        &mut self,
        filter: &AlertSettingFilter,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AlertSetting>, StoreError> {
        let sql = "SELECT id, definition FROM alert_setting WHERE account = $1 AND id > $2 \
                   AND ($3 = -1 OR module = $3) AND ($4 = -1 OR rule = $4) AND ($5 = -1 OR is_active = $5) \
                   ORDER BY id LIMIT $6";
        let values = [
            self.id(),
            after.into(),
            filter.module.map_or(-1, i64::from).into(),
            filter.rule.map_or(-1, i64::from).into(),
            filter.is_active.map_or(-1, i64::from).into(),
            i64::from(limit).into(),
        ];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| self.alert_setting_of(Columns::of(TABLE, row)))
            .collect()
    }

    /// Finds a setting.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn alert_setting(&mut self, id: &AlertSettingId) -> Result<Option<AlertSetting>, StoreError> {
        let sql = "SELECT id, definition FROM alert_setting WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| self.alert_setting_of(Columns::of(TABLE, row)))
            .transpose()
    }

    /// Keeps a setting, in place of the one of its id if there is one; says whether there was room for it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_alert_setting(&mut self, setting: &AlertSetting) -> Result<bool, StoreError> {
        let id = self.id();
        let sql = "SELECT COUNT(*) FROM alert_setting WHERE account = $1";
        let is_known = self.alert_setting(&setting.id).await?.is_some();
        if !is_known && self.count(sql, &[id]).await? >= ALERT_SETTINGS_MAX {
            return Ok(false);
        }
        let text = serde_json::to_string(setting).map_err(|_| StoreError::Damaged { table: TABLE })?;
        let sealed = self
            .transaction
            .sealer()
            .seal(&Secret::new(text), setting.id.as_str())
            .ok_or(StoreError::NoRandomness)?;
        let values = [
            setting.id.as_str().into(),
            self.id(),
            i64::from(setting.module).into(),
            i64::from(setting.rule).into(),
            setting.is_active.into(),
            sealed.into(),
        ];
        let sql = "INSERT INTO alert_setting (id, account, module, rule, is_active, definition) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE \
                   SET is_active = $5, definition = $6 WHERE alert_setting.account = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(true)
    }

    /// Removes a setting; says whether it was there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_alert_setting(&mut self, id: &AlertSettingId) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM alert_setting WHERE account = $1 AND id = $2";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    fn alert_setting_of(&self, mut columns: Columns) -> Result<AlertSetting, StoreError> {
        let id: AlertSettingId = columns.parsed()?;
        let sealed = columns.octets()?;
        let opened = self.transaction.sealer().open_sealed(&sealed, id.as_str());
        let text = opened.ok_or(StoreError::WrongKey)?;
        serde_json::from_str(text.reveal()).map_err(|_| columns.damaged())
    }
}
