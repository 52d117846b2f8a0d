//! Reports: what became of each page, listener by listener.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Assignment, Timestamp};
use model::status::{ListenerReport, MissingReason, NotHeardReason, Verdict};
use serde::Deserialize;
use store::{KeptPageReport, Scope, StoreError};

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, REPORTS, shown};
use super::line::place_name;
use super::problem::Problem;
use crate::talk::{BEGIN_PAGE, TALKER_PREFIX, begun_detail};

/// Reports on one page of the list.
const ROWS: usize = 50;
/// Reports that are read at once: a page and one more, or many where some of them are looked for.
const ALL_AT_ONCE: u32 = 51;
const SOME_AT_ONCE: u32 = 200;
/// How long before its report a page has begun at most, in milliseconds: what is spoken lasts ten minutes, and receipts come soon.
const BEGUN_BEFORE_MS: u64 = 20 * 60 * 1_000;
/// Pages that begin in that time, of which whose they are is looked for: more than can be spoken.
const ENTRIES_MAX: u32 = 2_000;

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    /// The extension whose pages are shown; empty for all.
    q: String,
    rows: Vec<Row>,
    /// Where the list goes on.
    next: Option<i64>,
    is_first: bool,
}

struct Row {
    number: i64,
    /// When it had ended.
    at: String,
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

struct Listener {
    name: String,
    /// The device, and what leads to it; none where the extension stands nowhere any more.
    device: Option<(String, String)>,
    slot: String,
    look: &'static str,
    verdict: &'static str,
    cause: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    before: Option<i64>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let q = asked.q.trim().to_owned();
    let kept = find(&mut scope, &q, asked.before).await?;
    let next = kept.get(ROWS - 1).filter(|_| kept.len() > ROWS);
    let next = next.map(|last| last.number);
    let standing = Standing::of(&mut scope, kept.is_empty()).await?;
    let mut rows = Vec::new();
    for report in kept.iter().take(ROWS) {
        rows.push(row(&mut scope, &standing, report).await?);
    }
    let page = Page {
        frame: Frame::new(&by, "Reports", REPORTS),
        q,
        rows,
        next,
        is_first: asked.before.is_none(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The reports of a page of the list, and one more if there is one; of one extension alone where one is looked for.
async fn find(
    scope: &mut Scope<'_, '_>,
    extension: &str,
    mut before: Option<i64>,
) -> Result<Vec<KeptPageReport>, StoreError> {
    let at_once = if extension.is_empty() {
        ALL_AT_ONCE
    } else {
        SOME_AT_ONCE
    };
    let mut found = Vec::new();
    loop {
        let some = scope.page_reports(before, at_once).await?;
        let Some(last) = some.last() else {
            return Ok(found);
        };
        before = Some(last.number);
        let is_wanted =
            |kept: &KeptPageReport| extension.is_empty() || kept.report.extension.as_str() == extension;
        found.extend(some.into_iter().filter(is_wanted));
        if found.len() > ROWS {
            found.truncate(ROWS + 1);
            return Ok(found);
        }
    }
}

/// What stands where, by the user it registers as.
struct Standing(BTreeMap<String, Assignment>);

impl Standing {
    async fn of(scope: &mut Scope<'_, '_>, is_unneeded: bool) -> Result<Self, StoreError> {
        if is_unneeded {
            return Ok(Self(BTreeMap::new()));
        }
        let assignments = scope.assignments().await?.into_iter();
        let by_user = assignments.map(|assignment| (assignment.user.to_string(), assignment));
        Ok(Self(by_user.collect()))
    }

    /// Who has spoken, as people know them.
    async fn talker(&self, scope: &mut Scope<'_, '_>, user: &str) -> Result<String, StoreError> {
        if user.starts_with(TALKER_PREFIX) {
            return Ok("the portal".to_owned());
        }
        let holder = match self.0.get(user) {
            Some(assignment) => scope.holder(&assignment.holder).await?,
            None => None,
        };
        Ok(holder.map_or_else(
            || user.to_owned(),
            |holder| format!("{} ({})", holder.name, holder.extension),
        ))
    }
}

pub(super) async fn show_one(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let number = number.parse().map_err(|_| Problem::Missing)?;
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let kept = scope.page_report(number).await?.ok_or(Problem::Missing)?;
    let standing = Standing::of(&mut scope, false).await?;
    let mut listeners = Vec::new();
    for report in &kept.report.listeners {
        let assignment = standing.0.get(report.user.as_str());
        let device = match assignment {
            Some(assignment) => scope.device(&assignment.device).await?,
            None => None,
        };
        listeners.push(Listener {
            device: device.map(|device| (device.name.to_string(), format!("/devices/{}", device.id))),
            slot: assignment.map_or_else(String::new, |assignment| place_name(assignment.place)),
            ..listener(report)
        });
    }
    let mut row = row(&mut scope, &standing, &kept).await?;
    if kept.report.talker.as_str().starts_with(TALKER_PREFIX)
        && let Some(by) = asked_by(&mut scope, &kept).await?
    {
        row.talker = format!("{}, for {by}", row.talker);
    }
    let page = One {
        frame: Frame::new(&by, format!("Page to {}", row.target), REPORTS),
        row,
        listeners,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Who has asked for a page that was spoken from the portal or by the API, as the audit tells it.
async fn asked_by(scope: &mut Scope<'_, '_>, kept: &KeptPageReport) -> Result<Option<String>, StoreError> {
    let KeptPageReport { at, report, .. } = kept;
    let begun = Timestamp(at.0.saturating_sub(BEGUN_BEFORE_MS))..=*at;
    let detail = begun_detail(&report.extension, &report.page);
    let entries = scope.audit_of_action(BEGIN_PAGE, begun, ENTRIES_MAX).await?;
    let found = entries.into_iter().find(|entry| entry.detail == detail);
    Ok(found.map(|entry| entry.by))
}

/// What a page went to, with the name that the number has today.
async fn target(scope: &mut Scope<'_, '_>, extension: &model::Extension) -> Result<String, StoreError> {
    let name = scope.name_of_number(extension).await?;
    Ok(name.map_or_else(
        || extension.to_string(),
        |name| format!("{extension} (now {name})"),
    ))
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", Duration::from_millis(millis).as_secs_f64())
}

async fn row(
    scope: &mut Scope<'_, '_>,
    standing: &Standing,
    kept: &KeptPageReport,
) -> Result<Row, StoreError> {
    let report = &kept.report;
    let answered = report
        .listeners
        .iter()
        .filter(|listener| matches!(listener.verdict, Verdict::Answered { .. }))
        .count();
    let (heard, all) = (report.heard_count(), report.listeners.len());
    let mut outcome = format!("{heard} of {all} heard it");
    if answered > 0 {
        outcome.push_str(&format!(", {answered} answered"));
    }
    Ok(Row {
        number: kept.number,
        at: shown(kept.at),
        target: target(scope, &report.extension).await?,
        talker: standing.talker(scope, report.talker.as_str()).await?,
        seconds: seconds(report.duration_ms),
        look: if all == 0 || heard + answered < all {
            "bad"
        } else {
            "good"
        },
        outcome,
    })
}

/// What became of a page at a listener, in words.
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
