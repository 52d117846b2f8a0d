//! What a dry run has shown is done, in one transaction: all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::DeviceId;
use model::inventory::Device;
use model::inventory::import::{Change, Plan, Present, RecordKind};
use store::{StoreError, Transaction};

use super::super::changed::first_names;
use super::super::gate::{Posted, Visitor};
use super::super::layout::{Frame, IMPORT};
use super::super::problem::{Problem, words};
use super::super::work::{self, Doing, Outcome};
use super::super::{Site, resync};
use super::changes::Changes;
use super::desk::Import;
use super::title;
use crate::lists;
use crate::provisioning::chain;

/// Begins to apply what was shown.
pub(in super::super) async fn apply(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Posted { by, .. } = posted;
    let Some(import) = site.imports().take(&by, &id) else {
        // Whoever has sent it twice is led to what came of the first.
        let last = site.works().last(&by.account, IMPORT).ok_or(Problem::Missing)?;
        return Ok(Redirect::to(&last).into_response());
    };
    let import = Import::clone(&import);
    let (steps, back) = (import.plan.steps.len(), import.path());
    let title = format!("Import {}", import.file_name);
    let begun = if steps == 0 {
        None
    } else {
        site.works().begin(&by.account, (title, IMPORT), steps)?
    };
    let Some(doing) = begun else {
        site.imports().keep(import);
        return Ok(if steps == 0 {
            Redirect::to(&back).into_response()
        } else {
            work::too_many(Frame::new(&by, "Not begun yet", IMPORT), &back)
        });
    };
    let path = doing.path();
    tokio::spawn(carry_out(site, by, import, doing));
    Ok(Redirect::to(&path).into_response())
}

/// Why nothing was applied.
enum Refusal {
    /// Something else was changed since the dry run.
    Behind,
    Failed(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

async fn carry_out(site: Site, by: Visitor, mut import: Import, mut doing: Doing) {
    let outcome = match applied(&site, &by, &mut import, &mut doing).await {
        Ok(()) => Outcome {
            is_good: true,
            summary: format!("Done: {}.", told(&import.plan)),
            ways: vec![
                ("/devices".to_owned(), "Phones & Devices".to_owned()),
                ("/common-areas".to_owned(), "Users & Rooms".to_owned()),
            ],
            ..Outcome::default()
        },
        Err(Refusal::Behind) => {
            let way = (import.path(), "To the dry run as it is now".to_owned());
            import.is_behind = true;
            site.imports().keep(import.clone());
            Outcome {
                ways: vec![way],
                ..Outcome::nothing(
                    "Nothing was applied: somebody has changed something since the dry run, which does something else now.",
                )
            }
        }
        Err(Refusal::Failed(error)) => {
            tracing::error!(error = %chain(&error), "an import was not applied");
            let way = (import.path(), "Back to the dry run".to_owned());
            site.imports().keep(import.clone());
            Outcome {
                ways: vec![way],
                ..Outcome::nothing(words(&error))
            }
        }
    };
    let is_good = outcome.is_good;
    doing.end(outcome);
    if is_good {
        resync::tell_of_changes(&site, &by.account, &changed_devices(&import.plan)).await;
    }
}

/// What is compared and drawn beforehand takes longer than the writing, for which alone others wait.
async fn applied(site: &Site, by: &Visitor, import: &mut Import, doing: &mut Doing) -> Result<(), Refusal> {
    let mut reading = site.store().read().await?;
    let seen = Arc::new(present(&mut reading, by).await?);
    drop(reading);
    compared(import, Arc::clone(&seen)).await?;
    let plan = import.plan.clone();
    let changes = Changes::of(&plan)?;
    let mut writing = site.store().write().await?;
    let there = present(&mut writing, by).await?;
    if there != *seen {
        compared(import, Arc::new(there)).await?;
    }
    drop(seen);
    changes.write(&mut writing.account(&by.account), doing).await?;
    let subjects = plan.steps.iter().map(|step| step.change.subject());
    let detail = format!("{}: {}; {}", import.file_name, told(&plan), first_names(subjects));
    by.note(&mut writing, "import", detail).await?;
    writing.commit().await?;
    Ok(())
}

async fn present(transaction: &mut Transaction<'_>, by: &Visitor) -> Result<Present, StoreError> {
    let present = lists::present(transaction, &by.account).await?;
    present.ok_or(StoreError::Missing { what: "account" })
}

/// Sees that the file does still what was shown.
async fn compared(import: &mut Import, present: Arc<Present>) -> Result<(), Refusal> {
    let (plan, names) = import.source.compare(present).await;
    if plan != import.plan {
        (import.plan, import.names) = (plan, names);
        return Err(Refusal::Behind);
    }
    Ok(())
}

/// What a plan does, in numbers.
fn told(plan: &Plan) -> String {
    let mut parts = Vec::new();
    for kind in RecordKind::ALL {
        for (is_added, word) in [(true, "added"), (false, "changed")] {
            let steps = plan.steps.iter();
            let count = steps
                .filter(|step| step.kind == kind && step.is_added() == is_added)
                .count();
            if count > 0 {
                parts.push(format!("{} {word}: {count}", title(kind)));
            }
        }
    }
    parts.join(", ")
}

/// Devices that were there, and whose file is another one from here on.
fn changed_devices(plan: &Plan) -> Vec<Device> {
    let mut added: BTreeSet<&DeviceId> = BTreeSet::new();
    let mut changed: BTreeMap<&DeviceId, &Device> = BTreeMap::new();
    for step in &plan.steps {
        let device = match &step.change {
            Change::AddDevice(device, _) => {
                added.insert(&device.id);
                continue;
            }
            Change::AddHolder(_)
            | Change::ChangeHolder { .. }
            | Change::AddGroup(_)
            | Change::ChangeGroup { .. }
            | Change::AddMember { .. }
            | Change::AddPager { .. } => continue,
            Change::ChangeDevice {
                after: (device, _), ..
            }
            | Change::Assign { device, .. } => device,
        };
        if !added.contains(&device.id) {
            changed.insert(&device.id, device);
        }
    }
    changed.into_values().cloned().collect()
}
