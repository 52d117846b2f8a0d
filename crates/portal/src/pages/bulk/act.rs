//! What is done with each row.

use model::inventory::{Device, Holder};
use store::{RemoveDeviceError, Scope, StoreError};

use super::super::changed::first_names;
use super::super::device_edit::remove_with_lines;
use super::super::gate::Visitor;
use super::super::optional_choice::may_have_template;
use super::super::problem::words;
use super::super::work::{Doing, Outcome};
use super::super::{Site, resync};
use super::{Action, List, Rows, To, named_device, named_holder};
use crate::provisioning::chain;

/// What is lost besides, in words.
pub(super) async fn along(
    scope: &mut Scope<'_, '_>,
    rows: &Rows,
    action: Action,
) -> Result<Vec<String>, StoreError> {
    match (action, rows) {
        (Action::Remove, _) => {}
        (Action::Resync | Action::Restart, Rows::Devices(devices)) => {
            return Ok(left_out(devices, action == Action::Restart));
        }
        _ => return Ok(Vec::new()),
    }
    let assignments = scope.assignments().await?;
    Ok(match rows {
        Rows::Devices(devices) => {
            let ids: std::collections::BTreeSet<_> = devices.iter().map(|device| &device.id).collect();
            let lines = assignments
                .iter()
                .filter(|line| ids.contains(&line.device))
                .count();
            vec![
                format!("Their {lines} assignments go along, with their credentials. The extensions stay."),
                "Claim codes and certificates that were issued go along: to come back a device has to be enrolled anew."
                    .to_owned(),
            ]
        }
        Rows::Holders(holders) => {
            let ids: std::collections::BTreeSet<_> = holders.iter().map(|holder| &holder.id).collect();
            let lines = assignments
                .iter()
                .filter(|line| ids.contains(&line.holder))
                .count();
            vec![format!(
                "Their {lines} places at devices go along, with their credentials, and what they are in page groups."
            )]
        }
    })
}

/// What becomes of devices that are asked, and which are not.
fn left_out(devices: &[Device], restarts: bool) -> Vec<String> {
    let fetchers = || devices.iter().filter(|device| device.kind.is_provisioned());
    let generic = counted(
        devices.len().saturating_sub(fetchers().count()),
        "is a generic device: it fetches nothing, and is left out",
        "are generic devices: they fetch nothing, and are left out",
    );
    let silent = restarts.then(|| "They restart at once, and are silent meanwhile.".to_owned());
    let endpoints = restarts.then(|| {
        counted(
            fetchers()
                .filter(|device| !resync::can_restart(device.kind))
                .count(),
            "is an Oyez endpoint: it restarts at its own machine only, and is left out",
            "are Oyez endpoints: they restart at their own machine only, and are left out",
        )
    });
    [silent, generic, endpoints.flatten()]
        .into_iter()
        .flatten()
        .collect()
}

/// What is said of some of the rows; nothing of none.
fn counted(count: usize, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 of them {one}.")),
        count => Some(format!("{count} of them {many}.")),
    }
}

/// Something that is done with many rows.
pub(super) struct Task {
    pub(super) site: Site,
    pub(super) by: Visitor,
    pub(super) action: Action,
    pub(super) to: To,
    pub(super) list: List,
    pub(super) back: &'static str,
}

impl Task {
    pub(super) async fn carry_out(self, rows: Rows, mut doing: Doing) {
        let names = rows.names();
        let done = match (&rows, self.action) {
            (Rows::Devices(devices), Action::Resync | Action::Restart) => {
                self.ask_devices(devices, &mut doing).await
            }
            _ => self.change(&rows, &mut doing).await,
        };
        let (outcome, changed) = match done {
            Ok((failed, changed)) => (self.told(names.len(), failed), changed),
            Err(error) => {
                tracing::error!(error = %chain(&error), "a change of many rows was not made");
                (Outcome::nothing(words(&error)), Vec::new())
            }
        };
        let way = (self.back.to_owned(), "Back to the list".to_owned());
        doing.end(Outcome {
            ways: vec![way],
            ..outcome
        });
        resync::tell_of_changes(&self.site, &self.by.account, &changed).await;
    }

    fn told(&self, count: usize, failed: Outcome) -> Outcome {
        let done = count.saturating_sub(failed.failure_count);
        Outcome {
            is_good: failed.failure_count == 0,
            summary: format!("{}: done for {}.", self.action.title(), self.list.counted(done)),
            ..failed
        }
    }

    /// Has each device fetch its configuration, or restart.
    async fn ask_devices(
        &self,
        devices: &[Device],
        doing: &mut Doing,
    ) -> Result<(Outcome, Vec<Device>), StoreError> {
        let restarts = self.action == Action::Restart;
        let (mut failed, mut asked) = (Outcome::default(), Vec::new());
        for device in devices {
            if let Some(why) = resync::why_not(&self.site, device, restarts) {
                failed.fail(named_device(device), why);
                doing.step();
            } else {
                asked.push(device);
            }
        }
        // It is written down before it is done, as for a single one.
        let names = asked.iter().map(|device| named_device(device)).collect();
        self.note_asked(names).await?;
        for device in asked {
            // Those before it have been asked, whatever becomes of this one.
            match resync::asked(&self.site, &self.by.account, device, restarts).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => failed.fail(named_device(device), why),
                Err(error) => failed.fail(named_device(device), words(&error)),
            }
            doing.step();
        }
        Ok((failed, Vec::new()))
    }

    async fn note_asked(&self, names: Vec<String>) -> Result<(), StoreError> {
        let mut writing = self.site.store().write().await?;
        self.note(&mut writing, names).await?;
        writing.commit().await
    }

    /// Changes each row in one transaction; gives what was not changed, and the devices that have another file from here on.
    async fn change(&self, rows: &Rows, doing: &mut Doing) -> Result<(Outcome, Vec<Device>), StoreError> {
        let mut failed = Outcome::default();
        let mut changed = Vec::new();
        let mut done = Vec::new();
        let mut writing = self.site.store().write().await?;
        let mut scope = writing.account(&self.by.account);
        match rows {
            Rows::Devices(devices) => {
                for device in devices {
                    match self.change_device(&mut scope, device).await? {
                        Ok(()) => done.push(named_device(device)),
                        Err(why) => failed.fail(named_device(device), why),
                    }
                    doing.step();
                }
                if self.action == Action::Template {
                    changed.clone_from(devices);
                }
            }
            Rows::Holders(holders) => {
                for holder in holders {
                    match self.change_holder(&mut scope, holder, &mut changed).await? {
                        Ok(()) => done.push(named_holder(holder)),
                        Err(why) => failed.fail(named_holder(holder), why),
                    }
                    doing.step();
                }
            }
        }
        self.note(&mut writing, done).await?;
        writing.commit().await?;
        Ok((failed, changed))
    }

    async fn change_device(
        &self,
        scope: &mut Scope<'_, '_>,
        device: &Device,
    ) -> Result<Result<(), String>, StoreError> {
        let Some(device) = scope.device(&device.id).await? else {
            return Ok(Err("it was removed meanwhile".to_owned()));
        };
        match &self.to {
            To::Site(to) => {
                let site = to.clone();
                scope.update_device(&Device { site, ..device }).await?;
            }
            To::Template(to) => {
                if let Err(why) = may_have_template(device.kind, to.as_ref()) {
                    return Ok(Err(why.to_owned()));
                }
                scope.set_device_template(&device.id, to.as_ref()).await?;
            }
            To::Nothing => match remove_with_lines(scope, &device).await {
                Ok(_) => {}
                Err(RemoveDeviceError::Store(error)) => return Err(error),
                Err(error @ RemoveDeviceError::Assigned) => return Ok(Err(error.to_string())),
            },
        }
        Ok(Ok(()))
    }

    async fn change_holder(
        &self,
        scope: &mut Scope<'_, '_>,
        holder: &Holder,
        changed: &mut Vec<Device>,
    ) -> Result<Result<(), String>, StoreError> {
        let Some(holder) = scope.holder(&holder.id).await? else {
            return Ok(Err("it was removed meanwhile".to_owned()));
        };
        if let To::Site(to) = &self.to {
            let site = to.clone();
            let updated = scope.update_holder(&Holder { site, ..holder }).await;
            return match updated {
                Ok(_) => Ok(Ok(())),
                Err(store::NumberTaken::Store(error)) => Err(error),
                Err(error @ store::NumberTaken::By { .. }) => Ok(Err(error.to_string())),
            };
        }
        for standing in scope.lines_of_holder(&holder.id).await? {
            changed.extend(scope.device(&standing.device).await?);
        }
        scope.remove_holder(&holder.id).await?;
        Ok(Ok(()))
    }

    async fn note(&self, writing: &mut store::Transaction<'_>, names: Vec<String>) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let action = format!(
            "{} {}",
            self.action.title().to_lowercase(),
            self.list.counted(names.len())
        );
        self.by.note(writing, &action, first_names(names)).await
    }
}
