//! Reports: what became of each page, listener by listener.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::status::{ListenerReport, MissingReason, NotHeardReason, Verdict};
use serde::Deserialize;
use store::KeptPageReport;

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, REPORTS, shown};
use super::problem::Problem;

/// Reports on one page of the list.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    /// Where the list goes on.
    next: Option<i64>,
    is_first: bool,
}

struct Row {
    number: i64,
    at: String,
    extension: String,
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
    /// Name, look, verdict, and what else is known.
    listeners: Vec<(String, &'static str, String, String)>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    before: Option<i64>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let kept = scope.page_reports(asked.before, ROWS).await?;
    let is_full = kept.len() >= usize::try_from(ROWS).unwrap_or(usize::MAX);
    let page = Page {
        frame: Frame::new(&by, "Reports", REPORTS),
        next: kept.last().filter(|_| is_full).map(|last| last.number),
        is_first: asked.before.is_none(),
        rows: kept.iter().map(row).collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
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
    let listeners = kept.report.listeners.iter().map(listener);
    let page = One {
        frame: Frame::new(&by, format!("Page to {}", kept.report.extension), REPORTS),
        row: row(&kept),
        listeners: listeners.collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

fn row(kept: &KeptPageReport) -> Row {
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
    Row {
        number: kept.number,
        at: shown(kept.at),
        extension: report.extension.to_string(),
        talker: report.talker.to_string(),
        seconds: format!(
            "{:.1} s",
            std::time::Duration::from_millis(report.duration_ms).as_secs_f64()
        ),
        look: if all == 0 || heard + answered < all {
            "bad"
        } else {
            "good"
        },
        outcome,
    }
}

/// What became of a page at a listener, in words.
fn listener(listener: &ListenerReport) -> (String, &'static str, String, String) {
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
    let told = [cause, delay].into_iter().filter(|text| !text.is_empty());
    (
        listener.name.clone(),
        look,
        verdict.to_owned(),
        told.collect::<Vec<_>>().join("; "),
    )
}

fn not_heard(why: NotHeardReason) -> &'static str {
    match why {
        NotHeardReason::TooLittle => "less than 95 % of it came out",
        NotHeardReason::Muted => "it was muted, or its volume zero",
        NotHeardReason::SinkFault => "its output failed",
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
