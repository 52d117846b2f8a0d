//! Audit: what was done last.

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

/// Entries that are shown.
const ENTRIES_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    entries: Vec<(String, AuditEntry)>,
    most: u32,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let entries = reading.account(&by.account).audit(ENTRIES_MAX).await?;
    let page = Page {
        frame: Frame::new(&by, "Audit", AUDIT),
        entries: entries
            .into_iter()
            .map(|entry| (shown(entry.at), entry))
            .collect(),
        most: ENTRIES_MAX,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
