//! `/phone/reports/operationlogs`: the audit of the account.

use axum::http::Method;
use model::inventory::{AuditEntry, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::AuditFilter;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use super::READ;
use crate::answer::Found;
use crate::call::{Call, now};
use crate::operation::{Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Entries of a page.
const PAGE_SIZE_MAX: u32 = 300;
/// Days from the first to the last.
const RANGE_MAX: Duration = Duration::days(31);
/// What is told where nobody asks for a day.
const LATEST: Duration = Duration::days(1);
/// The category that leaves nothing out.
const ALL: &str = "all";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/phone/reports/operationlogs",
            "getPSOperationLogs",
            list,
        )
        .summary("List what was done in the account")
        .scopes(READ, &["phone:read:operation_logs:admin"])
        .rate(Rate::Heavy)
        .refuses(&[(404, &[124])]),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    #[schemars(extend("default" = "all"))]
    category_type: Option<String>,
    #[schemars(range(max = 300), extend("default" = 30))]
    page_size: Option<u32>,
    next_page_token: Option<String>,
}

/// A page of what was done.
#[derive(Serialize, JsonSchema)]
struct Page {
    next_page_token: String,
    #[schemars(range(max = 300), extend("default" = 30))]
    page_size: u32,
    total_records: u64,
    from: String,
    to: String,
    operation_logs: Vec<Row>,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    action: String,
    category_type: String,
    operation_detail: String,
    operator: String,
    #[schemars(extend("format" = "date-time"))]
    time: String,
}

async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let span = Span::of(asked.from.as_deref(), asked.to.as_deref(), moment(now()))?;
    let category = asked.category_type.unwrap_or_default();
    let filter = AuditFilter {
        from: stored(span.begin),
        to: stored(span.end),
        object: if category == ALL {
            String::new()
        } else {
            category.to_lowercase()
        },
        list: None,
    };
    let before = part.after.map(|before| before.parse::<i64>().unwrap_or_default());
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let more = part.size.saturating_add(1);
    let mut rows = scope.list_audit(&filter, before, more).await?;
    let total_records = scope.count_audit(&filter).await?;
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let has_more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| has_more).map(|(id, _)| id.to_string());
    Ok(Found(Page {
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        total_records,
        from: span.begin.date().to_string(),
        to: span.last_day.to_string(),
        operation_logs: rows.into_iter().map(|(_, entry)| Row::of(entry)).collect(),
    }))
}

/// What is told of the audit.
struct Span {
    begin: OffsetDateTime,
    /// The first moment behind it.
    end: OffsetDateTime,
    last_day: Date,
}

impl Span {
    /// The days that are asked for, the last one whole; the latest entries where none are.
    fn of(from: Option<&str>, to: Option<&str>, now: OffsetDateTime) -> Result<Self, Refusal> {
        let (first, last) = match (from, to) {
            (None, None) => {
                return Ok(Self {
                    begin: now - LATEST,
                    // What is being done in this second is told too.
                    end: now + Duration::seconds(1),
                    last_day: now.date(),
                });
            }
            (Some(from), Some(to)) => (date("from", from)?, date("to", to)?),
            (None, Some(_)) => return Err(Refusal::invalid_field("from", "needed where `to` is given")),
            (Some(_), None) => return Err(Refusal::invalid_field("to", "needed where `from` is given")),
        };
        if last < first || last - first > RANGE_MAX {
            return Err(Refusal::invalid_field(
                "from",
                "not after `to`, and at most 31 days before it",
            ));
        }
        Ok(Self {
            begin: first.midnight().assume_utc(),
            end: last.midnight().assume_utc() + LATEST,
            last_day: last,
        })
    }
}

impl Row {
    /// "add common area" is the action ADD in the category Common Area.
    fn of(entry: AuditEntry) -> Self {
        let (verb, object) = entry.action.split_once(' ').unwrap_or((&entry.action, ""));
        let time = moment(entry.at).format(&Rfc3339).unwrap_or_default();
        Self {
            action: verb.to_uppercase(),
            category_type: capitalized(object),
            operation_detail: entry.detail,
            operator: entry.by,
            time,
        }
    }
}

fn capitalized(text: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn date(field: &str, text: &str) -> Result<Date, Refusal> {
    let form = format_description!("[year]-[month]-[day]");
    let is_year = |date: &Date| (1_970..=9_998).contains(&date.year());
    let date = Date::parse(text, form).ok().filter(is_year);
    date.ok_or_else(|| Refusal::invalid_field(field, "a day such as 2026-08-31"))
}

fn moment(at: Timestamp) -> OffsetDateTime {
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn stored(at: OffsetDateTime) -> Timestamp {
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or_default();
    Timestamp(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_told_by_action_and_category() {
        let row = Row::of(AuditEntry {
            at: Timestamp(86_400_000),
            by: "somebody".to_owned(),
            action: "add common area".to_owned(),
            detail: "Hall".to_owned(),
        });
        assert_eq!(
            (row.action.as_str(), row.category_type.as_str()),
            ("ADD", "Common Area")
        );
        assert_eq!(row.time, "1970-01-02T00:00:00Z");
    }

    #[test]
    fn the_days_that_are_asked_for_are_whole_and_told_as_they_were_asked() {
        let now = moment(Timestamp(1_767_225_599_000));
        for (from, to, is_taken) in [
            ("2026-01-01", "2026-01-01", true),
            ("2026-01-01", "2026-02-01", true),
            ("2026-01-01", "2026-02-02", false),
            ("2026-01-02", "2026-01-01", false),
        ] {
            let Ok(span) = Span::of(Some(from), Some(to), now) else {
                assert!(!is_taken, "{from} {to}");
                continue;
            };
            assert!(is_taken, "{from} {to}");
            assert_eq!(span.begin.date().to_string(), from);
            assert_eq!(span.last_day.to_string(), to);
            assert_eq!(span.end, span.last_day.midnight().assume_utc() + LATEST);
        }
        let Ok(latest) = Span::of(None, None, now) else {
            panic!("no days are the latest");
        };
        assert_eq!(
            (latest.begin.date().to_string(), latest.last_day.to_string()),
            ("2025-12-30".to_owned(), "2025-12-31".to_owned())
        );
        assert!(latest.end > now);
    }

    #[test]
    fn a_day_is_one_of_the_calendar() {
        assert!(date("from", "2026-02-28").is_ok());
        for text in ["2026-02-29", "2026-2-8", "", "1969-12-31", "10000-01-01"] {
            assert!(date("from", text).is_err(), "{text}");
        }
    }
}
