//! What happened: tries to fetch a configuration, and what administrators did.

use std::ops::RangeInclusive;

use model::inventory::{Attempt, AttemptOutcome, AuditEntry, MacAddress, Timestamp};

use crate::audit_links::{AuditList, Content};
use crate::engine::{Row, Value, Values};
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError, Transaction};

/// Tries that are kept of one hardware address, of those that proved to be the device and of the others each: strangers push no
/// evidence out of what the device itself has done.
const ATTEMPTS_MAX: i64 = 50;
/// Tries that are kept of one address that told no hardware address, as handshakes that failed do.
const ATTEMPTS_OF_SOURCE_MAX: i64 = 5;
/// Tries that are kept of all hardware addresses together that no device had, and of those that told none: anybody can name new
/// ones.
const UNKNOWN_ATTEMPTS_MAX: i64 = 1_000;
/// What is kept of what was done in an account, in entries: by people, as many by programs, of which one that asks for a token every
/// minute would push everything else out within a week, and as many alarms, which strangers raise.
pub const AUDIT_MAX: i64 = 10_000;
const ATTEMPT: &str = "attempt";
/// Longest text that a try keeps, in characters.
const TEXT_MAX: usize = 400;

impl Transaction<'_> {
    /// Keeps a try to fetch a configuration; the oldest go when there are too many. The number it gets is for
    /// [`Transaction::repeat_attempt`].
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_attempt(&mut self, attempt: &Attempt) -> Result<i64, StoreError> {
        let mac = Value::from(attempt.mac.map(MacAddress::compact));
        let proved = Value::from(attempt.proved);
        let source = short(&attempt.source);
        let values = [
            mac.clone(),
            moment(attempt.at),
            source.clone(),
            short(&attempt.file),
            attempt.outcome.as_str().into(),
            short(&attempt.detail),
            Value::from(attempt.outcome == AttemptOutcome::Served),
            proved.clone(),
            i64::from(attempt.times).into(),
        ];
        let sql = "INSERT INTO attempt (mac, at, source, file, outcome, detail, served, proved, times, known) \
                   SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN EXISTS (SELECT 1 FROM device WHERE mac = $1) THEN 1 ELSE 0 END \
                   RETURNING id";
        let row = self.row(sql, &values).await?;
        let row = row.ok_or(StoreError::Damaged { table: ATTEMPT })?;
        let id = Columns::of(ATTEMPT, row).integer()?;
        if attempt.mac.is_some() {
            let sql = "DELETE FROM attempt WHERE mac = $1 AND proved = $3 AND id <= (SELECT id FROM attempt \
                       WHERE mac = $1 AND proved = $3 ORDER BY id DESC LIMIT 1 OFFSET $2)";
            self.execute(sql, &[mac, ATTEMPTS_MAX.into(), proved]).await?;
        } else {
            let sql = "DELETE FROM attempt WHERE mac IS NULL AND source = $1 AND id <= (SELECT id FROM attempt \
                       WHERE mac IS NULL AND source = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";
            self.execute(sql, &[source, ATTEMPTS_OF_SOURCE_MAX.into()])
                .await?;
        }
        let sql = "DELETE FROM attempt WHERE known = 0 AND id <= (SELECT id FROM attempt WHERE known = 0 \
                   ORDER BY id DESC LIMIT 1 OFFSET $1)";
        self.execute(sql, &[UNKNOWN_ATTEMPTS_MAX.into()]).await?;
        self.attempts.push(attempt.clone());
        Ok(id)
    }

    /// Notes that there were more tries like one that is kept.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn repeat_attempt(&mut self, id: i64, at: Timestamp, times: u32) -> Result<(), StoreError> {
        let sql = "UPDATE attempt SET at = $2, times = $3 WHERE id = $1";
        let values = [id.into(), moment(at), i64::from(times).into()];
        self.execute(sql, &values).await?;
        Ok(())
    }

    /// Lists the tries of a hardware address, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn attempts(&mut self, mac: MacAddress) -> Result<Vec<Attempt>, StoreError> {
        let sql = "SELECT mac, at, source, file, outcome, detail, proved, times FROM attempt WHERE mac = $1 \
                   ORDER BY at DESC, id DESC";
        self.listed(sql, &[mac.compact().into()]).await
    }

    /// Lists the tries of all addresses that told no hardware address, as handshakes that failed do, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn nameless_attempts(&mut self) -> Result<Vec<Attempt>, StoreError> {
        let sql = "SELECT mac, at, source, file, outcome, detail, proved, times FROM attempt WHERE mac IS NULL \
                   ORDER BY at DESC, id DESC";
        self.listed(sql, &[]).await
    }

    /// Says whether another device has proved to be at an address.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn is_seen_besides(&mut self, source: &str, mac: MacAddress) -> Result<bool, StoreError> {
        let sql = "SELECT mac FROM attempt WHERE source = $1 AND proved = 1 AND mac <> $2 LIMIT 1";
        let found = self.row(sql, &[source.into(), mac.compact().into()]).await?;
        Ok(found.is_some())
    }

    async fn listed(&mut self, sql: &'static str, values: Values<'_>) -> Result<Vec<Attempt>, StoreError> {
        let rows = self.rows(sql, values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of(ATTEMPT, row);
                Ok(Attempt {
                    mac: columns.parsed_or_null()?,
                    at: columns.moment()?,
                    source: columns.text()?,
                    file: columns.text()?,
                    outcome: columns.word(AttemptOutcome::from_stored)?,
                    detail: columns.text()?,
                    proved: columns.truth()?,
                    times: columns.number()?,
                })
            })
            .collect()
    }
}

/// What a list of what was done is narrowed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    /// From this moment on.
    pub from: Timestamp,
    /// Before this one.
    pub to: Timestamp,
    /// Only what was done to this kind of thing, in small letters: "common area"; anything where it is empty.
    pub object: String,
    /// Only this list; all of them where none is named.
    pub list: Option<AuditList>,
}

impl AuditFilter {
    fn values(&self, account: Value) -> Vec<Value> {
        let is_literal = |character: &char| !matches!(character, '%' | '_' | '\0');
        let object: String = self.object.chars().filter(is_literal).collect();
        let pattern = if object.is_empty() {
            "%".to_owned()
        } else {
            format!("% {object}")
        };
        let lists = match self.list {
            Some(list) => list..=list,
            None => AuditList::People..=AuditList::Alarms,
        };
        vec![
            account,
            moment(self.from),
            moment(self.to),
            pattern.into(),
            lists.start().number().into(),
            lists.end().number().into(),
        ]
    }
}

impl Scope<'_, '_> {
    /// Lists what was done, the last first, from before the entry of a number: at most `limit` entries with their numbers.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_audit(
        &mut self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, AuditEntry)>, StoreError> {
        let mut values = filter.values(self.id());
        values.extend([before.unwrap_or(i64::MAX).into(), i64::from(limit).into()]);
        let sql = "SELECT id, at, by, action, detail FROM audit WHERE account = $1 AND at >= $2 AND at < $3 \
                   AND action LIKE $4 AND by_program BETWEEN $5 AND $6 AND id < $7 ORDER BY id DESC LIMIT $8";
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("audit", row);
                let id = columns.integer()?;
                let entry = AuditEntry {
                    at: columns.moment()?,
                    by: columns.text()?,
                    action: columns.text()?,
                    detail: columns.text()?,
                };
                Ok((id, entry))
            })
            .collect()
    }

    /// Counts what a list has on all its pages.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_audit(&mut self, filter: &AuditFilter) -> Result<u64, StoreError> {
        let values = filter.values(self.id());
        let sql = "SELECT COUNT(*) FROM audit WHERE account = $1 AND at >= $2 AND at < $3 AND action LIKE $4 \
                   AND by_program BETWEEN $5 AND $6";
        self.count(sql, &values).await
    }

    /// Keeps what somebody did; the oldest goes when there is too much.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_audit(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let content = Content { entry, device: None };
        self.keep_audit(content, AuditList::People).await
    }

    /// Keeps what a program did; the oldest that programs did goes when there is too much, and nothing of what people did.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_audit_of_program(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let content = Content { entry, device: None };
        self.keep_audit(content, AuditList::Programs).await
    }

    /// Lists the entries of one action of a time, at most `count`, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn audit_of_action(
        &mut self,
        action: &str,
        time: RangeInclusive<Timestamp>,
        count: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = "SELECT at, by, action, detail FROM audit WHERE account = $1 AND at >= $2 AND at <= $3 AND action = $4 \
                   ORDER BY id DESC LIMIT $5";
        let (from, until) = (moment(*time.start()), moment(*time.end()));
        let values = [self.id(), from, until, action.into(), i64::from(count).into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter().map(audit_entry).collect()
    }

    /// Lists what was done last, at most `count` entries, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn audit(&mut self, count: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = "SELECT at, by, action, detail FROM audit WHERE account = $1 ORDER BY id DESC LIMIT $2";
        let values = [self.id(), i64::from(count).into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter().map(audit_entry).collect()
    }
}

fn audit_entry(row: Row) -> Result<AuditEntry, StoreError> {
    audit_columns(&mut Columns::of("audit", row))
}

/// The columns `at`, `by`, `action` and `detail`.
pub(crate) fn audit_columns(columns: &mut Columns) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        at: columns.moment()?,
        by: columns.text()?,
        action: columns.text()?,
        detail: columns.text()?,
    })
}

fn short(text: &str) -> Value {
    text.chars().take(TEXT_MAX).collect::<String>().into()
}
