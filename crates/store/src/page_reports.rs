//! What became of pages.

use model::PageId;
use model::inventory::Timestamp;
use model::status::PageReport;

use crate::engine::Row;
use crate::listing::escaped;
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "page_report";
/// Reports of one account that are kept.
pub const PAGE_REPORTS_MAX: i64 = 2_000;

/// A report with its number and its time.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPageReport {
    /// Counts the reports.
    pub number: i64,
    /// When the page had ended.
    pub at: Timestamp,
    /// What became of it.
    pub report: PageReport,
}

impl KeptPageReport {
    /// The report of a number, which was made at a time.
    #[must_use]
    pub fn made_at(made: Timestamp, number: i64, report: PageReport) -> Self {
        Self {
            number,
            at: ended_at(made, &report),
            report,
        }
    }

    /// When the page started, if its zone has told.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        let since_end = self.report.since_end_ms.unwrap_or_default();
        let lasted = self.report.since_start_ms?.saturating_sub(since_end);
        Some(Timestamp(self.at.0.saturating_sub(lasted)))
    }
}

/// When a page had ended of which the report was made at a time.
fn ended_at(made: Timestamp, report: &PageReport) -> Timestamp {
    Timestamp(made.0.saturating_sub(report.since_end_ms.unwrap_or_default()))
}

impl Scope<'_, '_> {
    /// Keeps what became of a page, told by a report that was made at a time; the oldest goes when there are too many.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_page_report(&mut self, made: Timestamp, report: &PageReport) -> Result<(), StoreError> {
        let damaged = |_| StoreError::Damaged { table: TABLE };
        let text = serde_json::to_string(report).map_err(damaged)?;
        let at = ended_at(made, report);
        let values = [self.id(), moment(at), text.into(), report.page.as_str().into()];
        let sql = "INSERT INTO page_report (account, at, report, page) VALUES ($1, $2, $3, $4)";
        self.transaction.execute(sql, &values).await?;
        let sql = "DELETE FROM page_report WHERE account = $1 AND id <= (SELECT id FROM page_report WHERE account = $1 \
                   ORDER BY id DESC LIMIT 1 OFFSET $2)";
        let values = [self.id(), PAGE_REPORTS_MAX.into()];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Keeps what became of a page, as [`Scope::add_page_report`] does, unless it is kept already; says whether it was not.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_page_report_once(
        &mut self,
        made: Timestamp,
        report: &PageReport,
    ) -> Result<bool, StoreError> {
        if self.page_report_of(&report.page).await?.is_some() {
            return Ok(false);
        }
        self.add_page_report(made, report).await?;
        Ok(true)
    }

    /// Lists what became of pages, the last first, from before the report of a number: at most `limit`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn page_reports(
        &mut self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<KeptPageReport>, StoreError> {
        let values = [
            self.id(),
            before.unwrap_or(i64::MAX).into(),
            i64::from(limit).into(),
        ];
        let sql =
            "SELECT id, at, report FROM page_report WHERE account = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter().map(kept).collect()
    }

    /// Finds a report.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn page_report(&mut self, number: i64) -> Result<Option<KeptPageReport>, StoreError> {
        let values = [self.id(), number.into()];
        let sql = "SELECT id, at, report FROM page_report WHERE account = $1 AND id = $2";
        let row = self.transaction.row(sql, &values).await?;
        row.map(kept).transpose()
    }

    /// Finds the report of a page.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn page_report_of(&mut self, page: &PageId) -> Result<Option<KeptPageReport>, StoreError> {
        // Reports without the column name their page in the text, where no listener's name can look like it: quotes are escaped there.
        let text = format!("%\"page\":\"{}\"%", escaped(page.as_str()));
        let values = [self.id(), page.as_str().into(), text.into()];
        let sql = "SELECT id, at, report FROM page_report WHERE account = $1 \
                   AND (page = $2 OR (page IS NULL AND report LIKE $3 ESCAPE '!')) ORDER BY id DESC LIMIT 1";
        let row = self.transaction.row(sql, &values).await?;
        row.map(kept).transpose()
    }
}

fn kept(row: Row) -> Result<KeptPageReport, StoreError> {
    let mut columns = Columns::of(TABLE, row);
    let (number, at) = (columns.integer()?, columns.moment()?);
    let report = serde_json::from_str(&columns.text()?).map_err(|_| columns.damaged())?;
    Ok(KeptPageReport { number, at, report })
}
