//! Audit: what was done, the last first, page by page, and whether something else has changed it.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{AuditEntry, Timestamp};
use serde::Deserialize;
use store::{AuditFilter, AuditList};
use time::Date;
use time::macros::format_description;

use super::gate::Visitor;
use super::layout::{self, AUDIT, Frame, shown};
use super::problem::Problem;
use super::way::urlencoded;
use super::{Site, now};
use crate::audit_check::AuditReport;

/// Entries on one page.
const ROWS: usize = 200;
/// A page, and one entry more to know whether there are older ones.
const READ: u32 = 201;
/// Minutes that the clock of a browser can be away from UTC.
const MINUTES_AWAY_MAX: i64 = 24 * 60;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    asked: Asked,
    /// What can be chosen: word, title, and whether it is.
    lists: Vec<(&'static str, &'static str, bool)>,
    is_narrowed: bool,
    /// Why the day that was typed is none.
    day_error: Option<String>,
    /// Whose day is shown, where one was asked for.
    day_of: &'static str,
    /// What narrows the list, for links to its other pages.
    narrowing: String,
    entries: Vec<(String, AuditEntry)>,
    /// Entries on all pages.
    total: u64,
    /// Where it goes on.
    older: Option<i64>,
    verdict: Verdict,
}

/// What going through all that is kept has come to.
struct Verdict {
    /// What did not fit.
    fault: Option<String>,
    /// How many entries fitted, and of how many nothing can be said.
    fitting: String,
    /// When they were gone through.
    at: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    list: String,
    #[serde(default)]
    day: String,
    /// By how many minutes UTC is before the clock of whoever looks, where the day begins and where it ends; nothing where no script
    /// runs.
    #[serde(default)]
    begins: String,
    #[serde(default)]
    ends: String,
    before: Option<i64>,
}

const LISTS: [(AuditList, &str, &str); 3] = [
    (AuditList::People, "people", "What people did"),
    (AuditList::Programs, "programs", "What programs did"),
    (AuditList::Alarms, "alarms", "Alarms"),
];

/// A day, and whose.
#[derive(Debug, PartialEq, Eq)]
struct Day {
    from: Timestamp,
    to: Timestamp,
    /// It is one of the time zone of whoever looks.
    is_local: bool,
}

impl Asked {
    fn list(&self) -> Option<AuditList> {
        let known = LISTS.iter().find(|(_, word, _)| *word == self.list);
        known.map(|(list, ..)| *list)
    }

    /// The day that is asked for; none where none is.
    fn day(&self) -> Result<Option<Day>, String> {
        if self.day.is_empty() {
            return Ok(None);
        }
        let form = format_description!("[year]-[month]-[day]");
        let is_year = |date: &Date| (1_970..=9_998).contains(&date.year());
        let date = Date::parse(&self.day, form).ok().filter(is_year);
        let days = date.and_then(|date| Some((date, date.next_day()?)));
        let wrong = || {
            format!(
                "{:?} is not a day: one such as 2026-08-31 would be right",
                self.day
            )
        };
        let (first, next) = days.ok_or_else(wrong)?;
        let [begins, ends] = [&self.begins, &self.ends].map(|minutes| minutes_away(minutes));
        let (away, is_local) = match (begins, ends) {
            (Some(begins), Some(ends)) => ((begins, ends), true),
            _ => ((0, 0), false),
        };
        Ok(Some(Day {
            from: midnight(first, away.0),
            to: midnight(next, away.1),
            is_local,
        }))
    }

    /// What narrows the list, as it stands in an address.
    fn narrowing(&self) -> String {
        let pairs = [
            ("list", &self.list),
            ("day", &self.day),
            ("begins", &self.begins),
            ("ends", &self.ends),
        ];
        let told = pairs.map(|(name, value)| format!("{name}={}", urlencoded(value)));
        told.join("&")
    }
}

fn minutes_away(text: &str) -> Option<i64> {
    let minutes: i64 = text.parse().ok()?;
    (-MINUTES_AWAY_MAX..=MINUTES_AWAY_MAX)
        .contains(&minutes)
        .then_some(minutes)
}

/// When a day begins by a clock that UTC is so many minutes before.
fn midnight(date: Date, minutes_away: i64) -> Timestamp {
    let seconds = date.midnight().assume_utc().unix_timestamp();
    let seconds = seconds.saturating_add(minutes_away.saturating_mul(60));
    let seconds = u64::try_from(seconds).unwrap_or_default();
    Timestamp(seconds.saturating_mul(1_000))
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let verdict = site.verdicts().of(site.store(), &by.account, now());
    let (verified_at, report) = verdict.await?;
    let (day, day_error) = match asked.day() {
        Ok(day) => (day, None),
        Err(why) => (None, Some(why)),
    };
    let filter = AuditFilter {
        from: day.as_ref().map_or(Timestamp(0), |day| day.from),
        to: day
            .as_ref()
            .map_or(Timestamp(i64::MAX.unsigned_abs()), |day| day.to),
        object: String::new(),
        list: asked.list(),
    };
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let mut entries = scope.list_audit(&filter, asked.before, READ).await?;
    let total = scope.count_audit(&filter).await?;
    let has_older = entries.len() > ROWS;
    entries.truncate(ROWS);
    let older = entries.last().filter(|_| has_older).map(|(id, _)| *id);
    let status = if day_error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let page = Page {
        frame: Frame::new(&by, "Audit", AUDIT),
        lists: LISTS
            .iter()
            .map(|(list, word, title)| (*word, *title, filter.list == Some(*list)))
            .collect(),
        is_narrowed: filter.list.is_some() || day.is_some(),
        day_error,
        day_of: match day {
            Some(Day { is_local: true, .. }) => "your time zone",
            Some(_) => "UTC",
            None => "",
        },
        narrowing: asked.narrowing(),
        asked,
        entries: entries
            .into_iter()
            .map(|(_, entry)| (shown(entry.at), entry))
            .collect(),
        total,
        older,
        verdict: Verdict {
            fitting: fitting(&report),
            fault: report.fault,
            at: shown(verified_at),
        },
    };
    Ok(layout::page(status, &page))
}

fn fitting(report: &AuditReport) -> String {
    let AuditReport {
        entries, unlinked, ..
    } = report;
    match &report.unlinked_until {
        Some(until) => format!(
            "{entries} entries fit. Nothing can be said of {unlinked} others, of before the audit was linked, the last of {until}."
        ),
        None => format!("{entries} entries fit."),
    }
}

#[cfg(test)]
mod tests {
    use store::AuditVerified;

    use super::*;

    fn day(day: &str, begins: &str, ends: &str) -> Result<Option<Day>, String> {
        let asked = Asked {
            list: String::new(),
            day: day.to_owned(),
            begins: begins.to_owned(),
            ends: ends.to_owned(),
            before: None,
        };
        asked.day()
    }

    #[test]
    fn a_day_is_that_of_whoever_looks_and_one_of_utc_where_that_is_not_known() {
        const HOUR: u64 = 3_600_000;
        let hours = |from: u64, to: u64, is_local| {
            Ok(Some(Day {
                from: Timestamp(from * HOUR),
                to: Timestamp(to * HOUR),
                is_local,
            }))
        };
        assert_eq!(day("1970-01-02", "", ""), hours(24, 48, false));
        assert_eq!(day("1970-01-02", "480", "480"), hours(32, 56, true));
        assert_eq!(
            day("1970-01-02", "-60", "-120"),
            hours(23, 46, true),
            "an hour is left out"
        );
        assert_eq!(day("1970-01-01", "-60", "-60"), hours(0, 23, true));
        assert_eq!(day("1970-01-02", "1440", "1440"), hours(48, 72, true));
        for (begins, ends) in [("1441", "0"), ("0", "-1441"), ("0", ""), ("x", "0")] {
            assert_eq!(day("1970-01-02", begins, ends), hours(24, 48, false));
        }
        assert_eq!(day("", "480", "480"), Ok(None));
        for text in [
            "yesterday",
            "2026-02-29",
            "1969-12-31",
            "9999-01-01",
            "10000-01-01",
        ] {
            assert!(day(text, "", "").is_err(), "{text}");
        }
    }

    #[test]
    fn w08_entries_that_are_not_linked_are_told_with_the_time_of_the_last() {
        let mut verified = AuditVerified {
            entries: 7,
            ..AuditVerified::default()
        };
        assert_eq!(fitting(&verified.clone().into()), "7 entries fit.");
        verified.unlinked = 2;
        verified.unlinked_until = Some(Timestamp(0));
        assert_eq!(
            fitting(&verified.into()),
            "7 entries fit. Nothing can be said of 2 others, of before the audit was linked, the last of 01 Jan 1970 00:00:00 UTC."
        );
    }
}
