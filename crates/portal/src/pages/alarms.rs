//! What somebody has to look at, on the first page, and what whoever has looked does: an alarm is dismissed, alone or with all of its
//! kind. The audit keeps it, and that it was dismissed.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{AuditEntry, Device};
use store::{Scope, StoreError};

use super::gate::Posted;
use super::layout::shown;
use super::problem::Problem;
use super::{Site, now};
use crate::alarms::{self, Dismissed, GUESSED_EXTENSION};

/// In the audit: somebody has looked at an alarm.
const DISMISS: &str = "dismiss alarm";

/// The alarms of one kind that stand.
pub(super) struct Kind {
    /// What was seen, as the audit calls it.
    pub(super) action: String,
    /// How many stand; those that are shown may be fewer.
    pub(super) count: u64,
    /// The last of them.
    pub(super) last: i64,
    pub(super) alarms: Vec<Alarm>,
}

/// What somebody has to look at.
pub(super) struct Alarm {
    pub(super) number: i64,
    pub(super) at: String,
    pub(super) entry: AuditEntry,
    /// The device that it is about.
    pub(super) device: Option<Device>,
    /// The name that somebody used who guessed is one of the device's.
    pub(super) is_guessed: bool,
}

/// Those of the last day, kind by kind, the last first.
pub(super) async fn of_late(scope: &mut Scope<'_, '_>) -> Result<Vec<Kind>, StoreError> {
    let mut kinds: Vec<Kind> = Vec::new();
    for standing in alarms::of_late(scope, now()).await? {
        let device = match &standing.device {
            Some(id) => match scope.device(id).await {
                // An alarm is shown whatever can be read of its device.
                Err(StoreError::Damaged { .. }) => None,
                read => read?,
            },
            None => None,
        };
        let alarm = Alarm {
            number: standing.number,
            at: shown(standing.entry.at),
            is_guessed: standing.entry.action == GUESSED_EXTENSION,
            device,
            entry: standing.entry,
        };
        match kinds.iter_mut().find(|kind| kind.action == alarm.entry.action) {
            Some(kind) => {
                kind.last = kind.last.max(alarm.number);
                kind.alarms.push(alarm);
            }
            None => kinds.push(Kind {
                action: alarm.entry.action.clone(),
                count: standing.of_kind,
                last: alarm.number,
                alarms: vec![alarm],
            }),
        }
    }
    Ok(kinds)
}

pub(super) async fn dismiss(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    put_away(&site, &posted, &number, Dismissed::Alone).await
}

pub(super) async fn dismiss_kind(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    put_away(&site, &posted, &number, Dismissed::WithEarlier).await
}

/// Dismisses an alarm, and what goes with it. Of what another has dismissed meanwhile nothing is written down.
async fn put_away(site: &Site, posted: &Posted, number: &str, what: Dismissed) -> Result<Response, Problem> {
    let number = number.parse().map_err(|_| Problem::Missing)?;
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let dismissed = alarms::dismiss(&mut scope, number, what, now()).await?;
    if let Some(detail) = told(&dismissed.ok_or(Problem::Missing)?) {
        by.note(&mut writing, DISMISS, detail).await?;
        writing.commit().await?;
    }
    Ok(Redirect::to("/").into_response())
}

/// What they said, the last first.
fn told(dismissed: &[AuditEntry]) -> Option<String> {
    let (last, first) = (dismissed.first()?, dismissed.last()?);
    let AuditEntry {
        at,
        by,
        action,
        detail,
    } = last;
    let said = format!("{}, {by}: {action}, {detail}", shown(*at));
    Some(match dismissed.len() {
        1 => said,
        count => format!("{count} of a kind since {}, the last: {said}", shown(first.at)),
    })
}
