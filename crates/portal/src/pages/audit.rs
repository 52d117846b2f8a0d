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
use crate::audit_check::AuditReport;

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
    /// How many entries fitted, and of how many nothing can be said.
    fitting: String,
    /// When they were gone through.
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
        fitting: fitting(&report),
        fault: report.fault,
        verified_at: shown(verified_at),
    };
    Ok(layout::page(StatusCode::OK, &page))
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
    use model::inventory::Timestamp;
    use store::AuditVerified;

    use super::*;

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
