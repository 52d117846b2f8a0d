//! What became of pages.

use std::ops::Range;

use model::inventory::Timestamp;
use model::status::{HeardBy, PageReport};
use model::{PageId, SipUser};

use crate::engine::Row;
use crate::listing::{SEARCH_TEXT_MAX, escaped};
use crate::names::FoundNames;
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "page_report";
/// Reports of one account that are kept.
pub const PAGE_REPORTS_MAX: i64 = 2_000;
/// Reports that one search looks at: then it says where it goes on, so that it takes its time however many are kept.
pub const REPORTS_LOOKED_AT_MAX: usize = 2_000;
/// Listeners in those reports, in which the time is spent; the reports that were read together are looked at to their end.
pub const LISTENERS_LOOKED_AT_MAX: usize = 50_000;
/// Reports that are read together: those of pages to a whole directory have 100 kB and more each.
const LOOKED_AT_TOGETHER: u32 = 100;

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

/// What a list of reports is narrowed to; by default to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageReportFilter {
    /// Pages to or by whoever has this text in a name of today, or a number that begins with it; or with a listener who has, whose device
    /// has it in its name, or who was called by such a name then.
    pub text: String,
    /// People know users that begin with this by a name that the store does not: none is found by how it is written.
    pub talkers: Option<&'static str>,
    /// The text is that name: pages by those are found.
    pub are_talkers_meant: bool,
    /// Only those that so many have heard.
    pub heard_by: Option<HeardBy>,
    /// Only those that have ended in this time.
    pub ended: Range<Timestamp>,
}

impl Default for PageReportFilter {
    fn default() -> Self {
        Self {
            text: String::new(),
            talkers: None,
            are_talkers_meant: false,
            heard_by: None,
            ended: Timestamp(0)..Timestamp(u64::MAX),
        }
    }
}

/// A page of a list of reports.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPageReports {
    /// Its reports, the last first.
    pub reports: Vec<KeptPageReport>,
    /// Before which number the list goes on, if it does.
    pub next: Option<i64>,
    /// So much was looked at that nobody knows whether anything comes from there on.
    pub is_cut: bool,
}

/// What is looked for in a report.
struct Wanted<'f> {
    filter: &'f PageReportFilter,
    /// In small letters; empty for anything.
    text: String,
    /// SIP users are drawn as numbers that nobody knows: no number is looked for in them.
    is_number: bool,
    names: FoundNames,
}

impl Wanted<'_> {
    fn has(&self, report: &PageReport) -> bool {
        let is_heard = self.filter.heard_by.is_none_or(|by| report.heard_by() == by);
        is_heard && (self.text.is_empty() || self.is_named_in(report))
    }

    fn is_named_in(&self, report: &PageReport) -> bool {
        let has_text = |text: &str| text.to_ascii_lowercase().contains(&self.text);
        let is_user =
            |user: &SipUser| self.names.users.contains(user) || (!self.is_number && has_text(user.as_str()));
        let speaks = |prefix: &str| report.talker.as_str().starts_with(prefix);
        let is_talker = if self.filter.talkers.is_some_and(speaks) {
            self.filter.are_talkers_meant
        } else {
            is_user(&report.talker)
        };
        let extension = report.extension.as_str().to_ascii_lowercase();
        extension.starts_with(&self.text)
            || self.names.numbers.contains(&report.extension)
            || is_talker
            || report
                .listeners
                .iter()
                .any(|listener| self.names.users.contains(&listener.user) || has_text(&listener.name))
    }
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
        let always = PageReportFilter::default().ended;
        self.page_reports_in(&always, before, limit).await
    }

    async fn page_reports_in(
        &mut self,
        ended: &Range<Timestamp>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<KeptPageReport>, StoreError> {
        let values = [
            self.id(),
            before.unwrap_or(i64::MAX).into(),
            moment(ended.start),
            moment(ended.end),
            i64::from(limit).into(),
        ];
        let sql = "SELECT id, at, report FROM page_report WHERE account = $1 AND id < $2 AND at >= $3 AND at < $4 \
                   ORDER BY id DESC LIMIT $5";
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter().map(kept).collect()
    }

    /// Lists what became of pages that a filter has, the last first, from before the report of a number: at most `limit`. It looks at
    /// [`REPORTS_LOOKED_AT_MAX`] reports at most.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn find_page_reports(
        &mut self,
        filter: &PageReportFilter,
        mut before: Option<i64>,
        limit: u32,
    ) -> Result<FoundPageReports, StoreError> {
        let mut found = FoundPageReports {
            reports: Vec::new(),
            next: None,
            is_cut: false,
        };
        let text = filter.text.trim().to_ascii_lowercase();
        if text.chars().count() > SEARCH_TEXT_MAX || text.contains('\0') {
            return Ok(found);
        }
        let names = if text.is_empty() {
            FoundNames::default()
        } else {
            self.names_found_by(&text).await?
        };
        let is_narrow = !text.is_empty() || filter.heard_by.is_some();
        let together = if is_narrow {
            LOOKED_AT_TOGETHER
        } else {
            limit.saturating_add(1).min(LOOKED_AT_TOGETHER)
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let wanted = Wanted {
            filter,
            text,
            is_number,
            names,
        };
        let (mut reports, mut listeners) = (0_usize, 0_usize);
        while reports < REPORTS_LOOKED_AT_MAX && listeners < LISTENERS_LOOKED_AT_MAX {
            let left = u32::try_from(REPORTS_LOOKED_AT_MAX.saturating_sub(reports)).unwrap_or(u32::MAX);
            let some = self
                .page_reports_in(&filter.ended, before, together.min(left))
                .await?;
            let Some(last) = some.last() else {
                return Ok(found);
            };
            before = Some(last.number);
            reports = reports.saturating_add(some.len());
            for kept in some {
                listeners = listeners.saturating_add(kept.report.listeners.len());
                if !wanted.has(&kept.report) {
                    continue;
                }
                if found.reports.len() >= limit {
                    found.next = found.reports.last().map(|last| last.number);
                    return Ok(found);
                }
                found.reports.push(kept);
            }
        }
        if !self.page_reports_in(&filter.ended, before, 1).await?.is_empty() {
            (found.next, found.is_cut) = (before, true);
        }
        Ok(found)
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
