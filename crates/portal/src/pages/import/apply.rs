//! What a dry run has shown is done, in one transaction: all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::Device;
use model::inventory::import::{Change, Plan, RecordKind};
use model::{AccountId, DeviceId, Secret};
use store::{AddDeviceError, GroupError, NumberTaken, Scope, StoreError};

use super::super::gate::{Posted, Visitor};
use super::super::layout::IMPORT;
use super::super::problem::{Problem, words};
use super::super::work::{self, Doing, Outcome};
use super::super::{Site, chance, resync};
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
            work::too_many(&back)
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
        let told = resync::tell_of_changes(&site, &by.account, &changed_devices(&import.plan)).await;
        if let Err(error) = told {
            tracing::warn!(error = %chain(&error), "devices are not told of an import");
        }
    }
}

async fn applied(site: &Site, by: &Visitor, import: &mut Import, doing: &mut Doing) -> Result<(), Refusal> {
    let mut writing = site.store().write().await?;
    let present = lists::present(&mut writing, &by.account).await?;
    let present = present.ok_or(StoreError::Missing { what: "account" })?;
    let (plan, names) = import.source.compare(present).await;
    if plan != import.plan {
        (import.plan, import.names) = (plan, names);
        return Err(Refusal::Behind);
    }
    let mut scope = writing.account(&by.account);
    // Slots are emptied before any is filled: extensions may change places.
    for step in &plan.steps {
        if let Change::Assign {
            device,
            place,
            instead_of: Some(_),
            ..
        } = &step.change
        {
            scope.clear_place(&device.id, *place).await?;
        }
    }
    for step in &plan.steps {
        change(&mut scope, &by.account, &step.change).await?;
        doing.step();
    }
    let detail = format!("{}: {}", import.file_name, told(&plan));
    by.note(&mut writing, "import", detail).await?;
    writing.commit().await?;
    Ok(())
}

async fn change(scope: &mut Scope<'_, '_>, account: &AccountId, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::AddHolder(holder) => scope.add_holder(holder).await.map_err(number),
        Change::ChangeHolder { after, .. } => scope.update_holder(after).await.map(|_| ()).map_err(number),
        Change::AddDevice(device, template) => {
            scope
                .add_device(device)
                .await
                .map_err(|error| address(error, account))?;
            if template.is_some() {
                scope.set_device_template(&device.id, template.as_ref()).await?;
            }
            Ok(())
        }
        Change::ChangeDevice { before, after } => {
            scope.update_device(&after.0).await?;
            if before.1 != after.1 {
                scope.set_device_template(&after.0.id, after.1.as_ref()).await?;
            }
            Ok(())
        }
        Change::Assign {
            device,
            place,
            holder,
            ..
        } => {
            let password = Secret::new(chance::password()?);
            scope.place(device, holder, *place, password).await
        }
        Change::AddGroup(group) => scope.add_group(group).await.map_err(in_group),
        Change::ChangeGroup { after, .. } => scope.update_group(after).await.map(|_| ()).map_err(in_group),
        Change::AddMember { group, member, .. } => scope.add_group_member(group, member).await,
        Change::AddPager { group, holder, .. } => scope.add_group_pager(group, holder).await,
    }
}

/// The plan was made of what this transaction sees, so nothing is taken that it did not know of.
fn number(error: NumberTaken) -> StoreError {
    match error {
        NumberTaken::By { .. } => StoreError::Damaged { table: "extension" },
        NumberTaken::Store(error) => error,
    }
}

fn in_group(error: GroupError) -> StoreError {
    match error {
        GroupError::Number(error) => number(error),
        GroupError::TooMany | GroupError::TooManyMembers | GroupError::TooManyPagers => {
            StoreError::Damaged { table: "page_group" }
        }
    }
}

fn address(error: AddDeviceError, account: &AccountId) -> StoreError {
    match error {
        AddDeviceError::Known { .. } | AddDeviceError::Elsewhere { .. } => {
            tracing::error!(%account, "an address was taken by a device that was not there");
            StoreError::Damaged { table: "device" }
        }
        AddDeviceError::Store(error) => error,
    }
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
