//! Reports: what became of each page, listener by listener.

use std::ops::Range;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::Timestamp;
use model::status::{HeardBy, ListenerReport, MissingReason, NotHeardReason, Verdict};
use serde::Deserialize;
use store::{KeptPageReport, PageReportFilter};
use time::Date;
use time::macros::format_description;

use super::Site;
use super::form::Choice;
use super::gate::Visitor;
use super::layout::{self, Frame, REPORTS, shown};
use super::line::place_name;
use super::list::ROWS;
use super::problem::Problem;
use super::report_names::{Names, PORTAL};
use crate::talk::TALKER_PREFIX;

/// Letters of the portal's name that pages which it has spoken are found by: fewer stand in many a name.
const PORTAL_LETTERS_MIN: usize = 3;

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    wanted: Wanted,
    /// Why nothing can be looked for.
    fault: Option<String>,
    rows: Vec<Row>,
    /// Where the list goes on.
    next: Option<i64>,
    /// So much was looked at that nobody knows whether anything comes from there on.
    is_cut: bool,
    is_first: bool,
}

struct Row {
    number: i64,
    /// Where its zone has told.
    started: Option<String>,
    ended: String,
    /// What was dialled, and who has that number now.
    target: String,
    talker: String,
    seconds: String,
    look: &'static str,
    outcome: String,
}

#[derive(Template)]
#[template(path = "report.html")]
struct One {
    frame: Frame,
    row: Row,
    listeners: Vec<Listener>,
}

/// What became of a page at a listener, in words.
pub(super) struct Listener {
    pub(super) name: String,
    /// The device, and what leads to it; none where the extension stands nowhere any more.
    pub(super) device: Option<(String, String)>,
    pub(super) slot: String,
    look: &'static str,
    verdict: &'static str,
    pub(super) cause: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    heard: String,
    #[serde(default)]
    day: String,
    before: Option<i64>,
}

/// What is looked for, as it was asked.
pub(super) struct Wanted {
    /// A name or number; empty for any.
    q: String,
    heard_by: Option<HeardBy>,
    /// A day in UTC; empty for any.
    day: String,
}

impl Wanted {
    /// By how many a page may have been heard, and what is chosen of it.
    fn choices(&self) -> Vec<Choice> {
        let choice = |by: HeardBy| Choice {
            is_chosen: self.heard_by == Some(by),
            ..Choice::new(by.as_str(), format!("Heard by {}", by.as_str()))
        };
        HeardBy::ALL.map(choice).into()
    }

    fn is_all(&self) -> bool {
        self.q.is_empty() && self.heard_by.is_none() && self.day.is_empty()
    }
}

impl Asked {
    /// What is looked for, and the filter that finds it, or what is wrong with what was asked.
    pub(super) fn read(&self) -> (Wanted, Result<PageReportFilter, String>) {
        let q = self.q.trim().to_owned();
        let heard_by = HeardBy::ALL.into_iter().find(|by| by.as_str() == self.heard);
        let day = self.day.trim().to_owned();
        let ended = if day.is_empty() {
            Ok(PageReportFilter::default().ended)
        } else {
            day_of(&day).ok_or_else(|| format!("“{day}” is no day; write it as 2026-08-31."))
        };
        let filter = ended.map(|ended| PageReportFilter {
            text: q.clone(),
            talkers: Some(TALKER_PREFIX),
            are_talkers_meant: is_portal(&q),
            heard_by,
            ended,
        });
        (Wanted { q, heard_by, day }, filter)
    }
}

/// Says whether a text is a beginning of what the portal is called, with its article or without.
fn is_portal(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let names = [PORTAL, PORTAL.trim_start_matches("the ")];
    text.len() >= PORTAL_LETTERS_MIN && names.iter().any(|name| name.starts_with(&text))
}

/// The time that a day takes in UTC.
fn day_of(text: &str) -> Option<Range<Timestamp>> {
    let form = format_description!("[year]-[month]-[day]");
    let start = Date::parse(text, form).ok()?.midnight().assume_utc();
    let start = Timestamp(u64::try_from(start.unix_timestamp()).ok()?.checked_mul(1_000)?);
    Some(start..start.after_seconds(24 * 60 * 60))
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (wanted, filter) = asked.read();
    let mut page = Page {
        frame: Frame::new(&by, "Reports", REPORTS),
        wanted,
        fault: None,
        rows: Vec::new(),
        next: None,
        is_cut: false,
        is_first: asked.before.is_none(),
    };
    let filter = match filter {
        Ok(filter) => filter,
        Err(fault) => {
            page.fault = Some(fault);
            return Ok(layout::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let found = scope.find_page_reports(&filter, asked.before, ROWS).await?;
    let names = Names::of_rows(&mut scope, &found.reports).await?;
    page.rows = found.reports.iter().map(|kept| row(&names, kept)).collect();
    (page.next, page.is_cut) = (found.next, found.is_cut);
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn show_one(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let (kept, names) = one(&site, &by, &number).await?;
    let row = row(&names, &kept);
    let page = One {
        frame: Frame::new(&by, format!("Page to {}", row.target), REPORTS),
        row,
        listeners: listeners(&names, &kept),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The report of a number, and the names of those whom it names.
pub(super) async fn one(site: &Site, by: &Visitor, number: &str) -> Result<(KeptPageReport, Names), Problem> {
    let number = number.parse().map_err(|_| Problem::Missing)?;
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let kept = scope.page_report(number).await?.ok_or(Problem::Missing)?;
    let names = Names::of_one(&mut scope, &kept).await?;
    Ok((kept, names))
}

/// What became of a page at each of its listeners.
pub(super) fn listeners(names: &Names, kept: &KeptPageReport) -> Vec<Listener> {
    let listeners = kept.report.listeners.iter().map(|report| {
        let standing = names.user(&report.user);
        Listener {
            device: standing.map(|one| (one.device_name.clone(), format!("/devices/{}", one.device))),
            slot: standing.map_or_else(String::new, |one| place_name(one.place)),
            ..listener(report)
        }
    });
    listeners.collect()
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", Duration::from_millis(millis).as_secs_f64())
}

/// How many listeners have answered and give no receipts.
pub(super) fn answered(kept: &KeptPageReport) -> usize {
    let listeners = kept.report.listeners.iter();
    let answered = listeners.filter(|listener| matches!(listener.verdict, Verdict::Answered { .. }));
    answered.count()
}

fn row(names: &Names, kept: &KeptPageReport) -> Row {
    let report = &kept.report;
    let (heard, answered, all) = (report.heard_count(), answered(kept), report.listeners.len());
    let mut outcome = format!("{heard} of {all} heard it");
    if answered > 0 {
        outcome.push_str(&format!(", {answered} answered"));
    }
    Row {
        number: kept.number,
        started: kept.started_at().map(shown),
        ended: shown(kept.at),
        target: names.target(&report.extension),
        talker: names.talker(&report.talker),
        seconds: seconds(report.duration_ms),
        look: if all == 0 || heard + answered < all {
            "bad"
        } else {
            "good"
        },
        outcome,
    }
}

fn listener(listener: &ListenerReport) -> Listener {
    let (look, verdict, cause) = match &listener.verdict {
        Verdict::Heard => ("good", "Heard", String::new()),
        Verdict::Answered { loss_permille } => (
            "none",
            "Answered",
            loss_permille.map_or_else(
                || "it gives no receipts".to_owned(),
                |loss| format!("it gives no receipts; {loss} ‰ of the packets were lost"),
            ),
        ),
        Verdict::NotHeard { why } => ("bad", "Not heard", not_heard(*why).to_owned()),
        Verdict::Missing { why } => ("bad", "Missing", missing(why)),
    };
    let delay = listener
        .first_audio_ms
        .map_or_else(String::new, |delay| format!("first sound after {delay} ms"));
    let receipt = listener.receipt.as_ref();
    let played = receipt.map_or_else(String::new, |receipt| {
        format!("{} of it played", seconds(receipt.played_ms))
    });
    let told = [cause, delay, played].into_iter().filter(|text| !text.is_empty());
    Listener {
        name: listener.name.clone(),
        device: None,
        slot: String::new(),
        look,
        verdict,
        cause: told.collect::<Vec<_>>().join("; "),
    }
}

fn not_heard(why: NotHeardReason) -> &'static str {
    match why {
        NotHeardReason::TooLittle => "less than 95 % of it came out",
        NotHeardReason::Muted => "it was muted, or its volume zero",
        NotHeardReason::SinkFault => "its sound output failed: see the device",
        NotHeardReason::NoReceipt => "its receipt did not come",
    }
}

fn missing(why: &MissingReason) -> String {
    match why {
        MissingReason::NotRegistered => "it is not registered".to_owned(),
        MissingReason::NoAnswer => "it did not answer in time".to_owned(),
        MissingReason::Refused { status, text: None } => format!("it refused with {status}"),
        MissingReason::Refused {
            status,
            text: Some(text),
        } => format!("it refused with {status}: {text}"),
        MissingReason::ConnectionFailed => "its connection failed".to_owned(),
        MissingReason::PageEnded => "the page ended before it answered".to_owned(),
    }
}
