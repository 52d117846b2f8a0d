//! Audit: what was done last, and whether something else has changed it.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::AuditEntry;

use super::Site;
use super::gate::Visitor;
use super::layout::{self, AUDIT, Frame, shown};
use super::problem::Problem;
use crate::audit_check;

/// Entries that are shown.
const ENTRIES_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    entries: Vec<(String, AuditEntry)>,
    most: u32,
    /// What does not fit in all that is kept.
    fault: Option<String>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let entries = scope.audit(ENTRIES_MAX).await?;
    let report = audit_check::report(&mut scope).await?;
    let page = Page {
        frame: Frame::new(&by, "Audit", AUDIT),
        entries: entries
            .into_iter()
            .map(|entry| (shown(entry.at), entry))
            .collect(),
        most: ENTRIES_MAX,
        fault: report.fault,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
