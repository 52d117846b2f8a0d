//! Audit: what was done last, and whether something else has changed it.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::AuditEntry;

use super::gate::Visitor;
use super::layout::{self, AUDIT, Frame, shown};
use super::problem::Problem;
use super::{Site, now};

/// Entries that are shown.
const ENTRIES_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    entries: Vec<(String, AuditEntry)>,
    most: u32,
    /// What did not fit in all that is kept.
    fault: Option<String>,
    /// How many entries fitted, and when they were gone through.
    fitting: u64,
    verified_at: String,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let verdict = site.verdicts().of(site.store(), &by.account, now());
    let (verified_at, report) = verdict.await?;
    let mut reading = site.store().read().await?;
    let entries = reading.account(&by.account).audit(ENTRIES_MAX).await?;
    let page = Page {
        frame: Frame::new(&by, "Audit", AUDIT),
        entries: entries
            .into_iter()
            .map(|entry| (shown(entry.at), entry))
            .collect(),
        most: ENTRIES_MAX,
        fault: report.fault,
        fitting: report.entries,
        verified_at: shown(verified_at),
    };
    Ok(layout::page(StatusCode::OK, &page))
}
