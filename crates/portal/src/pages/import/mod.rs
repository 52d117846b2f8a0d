//! Import: a file is read and shown as what it would change; only then, by another word, it is applied.

mod apply;
mod changes;
mod desk;

pub(super) use apply::apply;
pub(super) use desk::Imports;

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::import::{Difference, Fault, RecordKind, Step};
use serde::Deserialize;

use self::desk::Import;
use super::Site;
use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, IMPORT};
use super::problem::Problem;
use crate::lists;

/// Octets of a form with a file: the file, and what stands around it.
pub(super) const UPLOAD_LENGTH_MAX: usize = lists::FILE_LENGTH_MAX + 64 * 1024;
/// Rows that are shown at once.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "import.html")]
struct Choose {
    frame: Frame,
    error: &'static str,
}

pub(super) async fn show(Extension(by): Extension<Visitor>) -> Response {
    choose(&by, "")
}

fn choose(by: &Visitor, error: &'static str) -> Response {
    let status = if error.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let frame = Frame::new(by, "Import & Export", IMPORT);
    layout::page(status, &Choose { frame, error })
}

/// Reads a file, and leads to what it would change.
pub(super) async fn upload(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let Some(file) = posted.file.clone() else {
        return Ok(choose(by, "Choose a file that is not empty."));
    };
    let import = Import::of(&site, by, file).await?;
    let path = import.path();
    site.imports().keep(import);
    Ok(Redirect::to(&path).into_response())
}

/// What is shown of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Faults,
    Added,
    Changed,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    show: String,
    /// Counted from 1.
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "import_plan.html")]
struct Page {
    frame: Frame,
    path: String,
    file_name: String,
    /// Of each kind: its name, and how many are added, changed and left alone.
    counts: Vec<(&'static str, usize, usize, usize)>,
    added: usize,
    changed: usize,
    fault_count: usize,
    is_behind: bool,
    shows_added: bool,
    faults: Vec<Fault>,
    rows: Vec<Row>,
    /// The pages before and behind this one.
    before: Option<usize>,
    behind: Option<usize>,
    /// Which rows are shown, from 1.
    first: usize,
    last: usize,
    count: usize,
}

struct Row {
    line: u64,
    kind: &'static str,
    subject: String,
    differences: Vec<Difference>,
}

pub(super) async fn show_one(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let import = site.imports().find(&by, &id).ok_or(Problem::Missing)?;
    Ok(plan_page(&by, &import, &asked))
}

/// What a kind of rows is called.
const fn title(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::User => "Users",
        RecordKind::CommonArea => "Common areas",
        RecordKind::Device => "Devices",
        RecordKind::Assignment => "Extension assignments",
        RecordKind::PageGroup => "Page groups",
        RecordKind::GroupMember => "Members of page groups",
        RecordKind::GroupPager => "Who may page a group",
    }
}

/// What one row of a kind is called.
const fn title_of_one(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::User => "User",
        RecordKind::CommonArea => "Common area",
        RecordKind::Device => "Device",
        RecordKind::Assignment => "Extension assignment",
        RecordKind::PageGroup => "Page group",
        RecordKind::GroupMember => "Member of a page group",
        RecordKind::GroupPager => "Who may page a group",
    }
}

fn plan_page(by: &Visitor, import: &Arc<Import>, asked: &Asked) -> Response {
    let plan = &import.plan;
    let steps = |is_added: bool| plan.steps.iter().filter(move |step| step.is_added() == is_added);
    let (added, changed) = (steps(true).count(), steps(false).count());
    let shown = match asked.show.as_str() {
        _ if !plan.faults.is_empty() => Shown::Faults,
        "added" => Shown::Added,
        "changed" => Shown::Changed,
        _ if changed > 0 => Shown::Changed,
        _ => Shown::Added,
    };
    let count = match shown {
        Shown::Faults => plan.faults.kept.len(),
        Shown::Added => added,
        Shown::Changed => changed,
    };
    let page = asked.page.clamp(1, count.div_ceil(SHOWN).max(1));
    let skipped = (page - 1) * SHOWN;
    let (faults, rows) = match shown {
        Shown::Faults => (
            plan.faults
                .kept
                .iter()
                .skip(skipped)
                .take(SHOWN)
                .cloned()
                .collect(),
            Vec::new(),
        ),
        Shown::Added | Shown::Changed => {
            let steps = steps(shown == Shown::Added).skip(skipped).take(SHOWN);
            (Vec::new(), steps.map(|step| row(import, step)).collect())
        }
    };
    let counted = RecordKind::ALL.map(|kind| {
        let of_kind = |is_added| steps(is_added).filter(|step| step.kind == kind).count();
        let unchanged = plan.unchanged.get(&kind).copied().unwrap_or_default();
        (title(kind), of_kind(true), of_kind(false), unchanged)
    });
    let last = (skipped + SHOWN).min(count);
    let page = Page {
        frame: Frame::new(by, format!("What {} would change", import.file_name), IMPORT),
        path: import.path(),
        file_name: import.file_name.clone(),
        counts: counted.into(),
        added,
        changed,
        fault_count: plan.faults.count,
        is_behind: import.is_behind,
        shows_added: shown == Shown::Added,
        faults,
        rows,
        before: (page > 1).then(|| page - 1),
        behind: (last < count).then(|| page + 1),
        first: skipped + 1,
        last,
        count,
    };
    let status = if plan.faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    layout::page(status, &page)
}

fn row(import: &Import, step: &Step) -> Row {
    Row {
        line: step.line,
        kind: title_of_one(step.kind),
        subject: step.change.subject(),
        differences: step.change.differences(&import.names),
    }
}
