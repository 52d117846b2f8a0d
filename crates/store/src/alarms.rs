//! What somebody has to look at: alarms are a list of the audit. They stand until somebody dismisses them, and in the audit from then on
//! as before.

use std::ops::RangeInclusive;

use model::DeviceId;
use model::inventory::{AuditEntry, Timestamp};

use crate::audit_links::{AuditList, Content, stored};
use crate::history::audit_columns;
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError};

/// An alarm that nobody has dismissed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingAlarm {
    /// Its number in the account.
    pub number: i64,
    /// What was seen.
    pub entry: AuditEntry,
    /// The device that it is about, which may have been removed since; none either where it cannot be read.
    pub device: Option<DeviceId>,
    /// How many of its kind stand.
    pub of_kind: u64,
}

impl Scope<'_, '_> {
    /// Keeps what somebody has to look at, and the device that it is about; the oldest of these goes when there is too much, and nothing of
    /// what people or programs did.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_alarm(
        &mut self,
        entry: &AuditEntry,
        device: Option<&DeviceId>,
    ) -> Result<(), StoreError> {
        let device = device.map(DeviceId::as_str);
        self.keep_audit(Content { entry, device }, AuditList::Alarms)
            .await
    }

    /// Lists the alarms of a time that stand, at most `of_kind_max` of each kind, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn standing_alarms(
        &mut self,
        time: RangeInclusive<Timestamp>,
        of_kind_max: u32,
    ) -> Result<Vec<StandingAlarm>, StoreError> {
        let sql = "SELECT id, at, by, action, detail, device, of_kind FROM \
                   (SELECT id, at, by, action, detail, device, COUNT(*) OVER (PARTITION BY action) AS of_kind, \
                   ROW_NUMBER() OVER (PARTITION BY action ORDER BY id DESC) AS place_of_kind FROM audit \
                   WHERE account = $1 AND by_program = $2 AND at >= $3 AND at <= $4 AND dismissed IS NULL) AS standing \
                   WHERE place_of_kind <= $5 ORDER BY at DESC, id DESC";
        let values = [
            self.id(),
            AuditList::Alarms.number().into(),
            moment(*time.start()),
            moment(*time.end()),
            i64::from(of_kind_max).into(),
        ];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("audit", row);
                Ok(StandingAlarm {
                    number: columns.integer()?,
                    entry: audit_columns(&mut columns)?,
                    // One that cannot be read hides no alarm: who verifies the audit finds it.
                    device: columns.text_or_null()?.and_then(|id| id.parse().ok()),
                    of_kind: columns.number()?,
                })
            })
            .collect()
    }

    /// Finds what was seen where an alarm was raised, whether it stands or not.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn alarm(&mut self, number: i64) -> Result<Option<AuditEntry>, StoreError> {
        let sql =
            "SELECT at, by, action, detail FROM audit WHERE account = $1 AND by_program = $2 AND id = $3";
        let values = [self.id(), AuditList::Alarms.number().into(), number.into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| audit_columns(&mut Columns::of("audit", row)))
            .transpose()
    }

    /// Dismisses those alarms of a kind and a time with these numbers that stand, and gives them, the last first. They are listed as standing
    /// no more, and change in nothing else. What only the key makes of them is kept with it: whoever writes to the database hides none
    /// without it being found where the audit is verified.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn dismiss_alarms(
        &mut self,
        action: &str,
        numbers: RangeInclusive<i64>,
        time: RangeInclusive<Timestamp>,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = "SELECT id, at, by, action, detail, device, place, link, dismissed FROM audit \
                   WHERE account = $1 AND by_program = $2 AND action = $3 AND id >= $4 AND id <= $5 \
                   AND at >= $6 AND at <= $7 AND dismissed IS NULL ORDER BY id DESC";
        let values = [
            self.id(),
            AuditList::Alarms.number().into(),
            action.into(),
            (*numbers.start()).into(),
            (*numbers.end()).into(),
            moment(*time.start()),
            moment(*time.end()),
        ];
        let standing = self.transaction.rows(sql, &values).await?;
        let mut dismissed = Vec::new();
        for row in standing {
            let alarm = stored(row)?;
            let sql = "UPDATE audit SET dismissed = $3 WHERE account = $1 AND id = $2";
            let values = [self.id(), alarm.id.into(), self.dismissal(&alarm).into()];
            self.transaction.execute(sql, &values).await?;
            dismissed.push(alarm.entry);
        }
        Ok(dismissed)
    }
}
