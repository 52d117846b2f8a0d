//! Reports as files, for whoever has to prove who heard a page.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::inventory::Timestamp;
use model::status::{ListenerReport, Verdict};
use serde_json::{Value, json};
use store::{KeptPageReport, LIST_ROWS_MAX};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Site;
use super::gate::Visitor;
use super::problem::{Problem, failure};
use super::report_names::Names;
use super::reports::{Asked, answered, listeners, one};
use crate::lists::guarded_rows;

/// The columns of a list, and the fields of its rows.
const PAGE: [&str; 11] = [
    "page",
    "started_at",
    "ended_at",
    "extension",
    "name",
    "by",
    "duration_ms",
    "heard_by",
    "listeners",
    "heard",
    "answered",
];
/// The columns that the file of one report has behind those.
const LISTENER: [&str; 11] = [
    "listener",
    "device",
    "slot",
    "verdict",
    "cause",
    "first_audio_ms",
    "played_ms",
    "expected_ms",
    "lost",
    "devices",
    "heard_devices",
];

#[derive(Clone, Copy)]
enum Form {
    Csv,
    Json,
}

pub(super) async fn csv(
    site: State<Site>,
    by: Extension<Visitor>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    list(site, by, asked, Form::Csv).await
}

pub(super) async fn json(
    site: State<Site>,
    by: Extension<Visitor>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    list(site, by, asked, Form::Json).await
}

/// All that the list has on all its pages, a row for each report.
async fn list(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
    form: Form,
) -> Result<Response, Problem> {
    let Ok(_while_it_is_made) = Arc::clone(site.files()).try_acquire_owned() else {
        let text = "Other files are being read or written. Ask for yours again in a minute.";
        return Ok(failure(StatusCode::SERVICE_UNAVAILABLE, "Not now", text));
    };
    let filter = match asked.read() {
        (_, Ok(filter)) => filter,
        (_, Err(fault)) => return Ok(failure(StatusCode::UNPROCESSABLE_ENTITY, "No such day", &fault)),
    };
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let found = scope.find_page_reports(&filter, before, LIST_ROWS_MAX).await?;
        let names = Names::of_rows(&mut scope, &found.reports).await?;
        rows.extend(found.reports.iter().map(|kept| page_cells(&names, kept)));
        before = found.next;
        if before.is_none() {
            break;
        }
    }
    let name = format!("oyez-reports-{}", by.account);
    let rows = rows.iter().map(|row| row.as_slice());
    Ok(match form {
        Form::Csv => file(&name, form, csv_of(&PAGE, rows)),
        Form::Json => {
            let pages: Vec<Value> = rows.map(|row| object(&PAGE, row)).collect();
            file(&name, form, octets(&json!({ "pages": pages })))
        }
    })
}

pub(super) async fn one_csv(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let (kept, names) = one(&site, &by, &number).await?;
    let page = page_cells(&names, &kept);
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for (told, report) in listeners(&names, &kept).into_iter().zip(&kept.report.listeners) {
        let device = told.device.map(|(name, _)| name);
        let listener = listener_cells(report, json!(device), &told.slot, &told.cause);
        rows.push(page.iter().cloned().chain(listener).collect());
    }
    if rows.is_empty() {
        let nobody = LISTENER.map(|_| Value::Null);
        rows.push(page.iter().cloned().chain(nobody).collect());
    }
    let heading: Vec<&str> = PAGE.into_iter().chain(LISTENER).collect();
    let name = format!("oyez-report-{}", kept.number);
    let rows = rows.iter().map(Vec::as_slice);
    Ok(file(&name, Form::Csv, csv_of(&heading, rows)))
}

pub(super) async fn one_json(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let (kept, names) = one(&site, &by, &number).await?;
    let told = listeners(&names, &kept).into_iter().zip(&kept.report.listeners);
    let listeners: Vec<Value> = told
        .map(|(told, report)| {
            let device = told.device.map(|(name, _)| name);
            let cells = listener_cells(report, json!(device), &told.slot, &told.cause);
            object(&LISTENER, &cells)
        })
        .collect();
    let mut page = object(&PAGE, &page_cells(&names, &kept));
    if let Some(page) = page.as_object_mut() {
        page.insert("receipts".to_owned(), json!(listeners));
    }
    let name = format!("oyez-report-{}", kept.number);
    Ok(file(&name, Form::Json, octets(&page)))
}

/// What [`PAGE`] names, of a report.
fn page_cells(names: &Names, kept: &KeptPageReport) -> [Value; PAGE.len()] {
    let report = &kept.report;
    [
        json!(report.page),
        json!(kept.started_at().map(written)),
        json!(written(kept.at)),
        json!(report.extension),
        json!(names.number(&report.extension)),
        json!(names.talker(&report.talker)),
        json!(report.duration_ms),
        json!(report.heard_by().as_str()),
        json!(report.listeners.len()),
        json!(report.heard_count()),
        json!(answered(kept)),
    ]
}

/// What [`LISTENER`] names, of a listener.
fn listener_cells(
    report: &ListenerReport,
    device: Value,
    slot: &str,
    cause: &str,
) -> [Value; LISTENER.len()] {
    let verdict = match report.verdict {
        Verdict::Heard => "heard",
        Verdict::NotHeard { .. } => "not_heard",
        Verdict::Answered { .. } => "answered",
        Verdict::Missing { .. } => "missing",
    };
    let receipt = report.receipt.as_ref();
    [
        json!(report.name),
        device,
        json!(slot),
        json!(verdict),
        json!(cause),
        json!(report.first_audio_ms),
        json!(receipt.map(|receipt| receipt.played_ms)),
        json!(receipt.map(|receipt| receipt.expected_ms)),
        json!(receipt.map(|receipt| receipt.lost)),
        json!(report.devices),
        json!(report.heard_devices),
    ]
}

fn object(names: &[&str], cells: &[Value]) -> Value {
    let fields = names.iter().zip(cells);
    let fields = fields.map(|(name, cell)| ((*name).to_owned(), cell.clone()));
    Value::Object(fields.collect())
}

fn csv_of<'r>(heading: &[&str], rows: impl Iterator<Item = &'r [Value]>) -> Vec<u8> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = rows.map(|row| row.iter().map(cell).collect::<Vec<String>>());
    let heading: Vec<String> = heading.iter().map(|name| (*name).to_owned()).collect();
    guarded_rows(std::iter::once(heading).chain(rows))
}

fn octets(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// A moment as RFC 3339 has it, in UTC and to the second.
fn written(at: Timestamp) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX);
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(form).unwrap_or_default()
}

fn file(name: &str, form: Form, octets: Vec<u8>) -> Response {
    let (ending, kind) = match form {
        Form::Csv => ("csv", "text/csv; charset=utf-8"),
        Form::Json => ("json", "application/json"),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.{ending}\""),
        ),
    ];
    (headers, octets).into_response()
}
