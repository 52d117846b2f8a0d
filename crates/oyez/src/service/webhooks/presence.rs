//! Devices that come and go. What is shared of registrations is looked at as a whole, so nothing is missed where much happens at a
//! time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::inventory::{Device, WebhookMessage};
use model::{AccountId, DeviceId};
use registrations::{Registration, Registrations};
use store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;
use webhooks::{Moved, Moves, Presence, Told};

use super::{RETRY_AFTER, frame, now, until};

/// Between two looks: much that happens at a time is one.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Devices that are told of in one transaction.
const BATCH: usize = 200;

/// Tells of devices until the service ends.
pub(super) async fn tell(store: Arc<Store>, account: AccountId, registrations: Arc<Registrations>) {
    let mut watching = Watching::new(store, account, registrations);
    loop {
        if let Err(error) = watching.look().await {
            let error = device::sentence(&error);
            tracing::error!(%error, "it cannot be kept which devices are up; it is tried again");
            sleep(RETRY_AFTER).await;
            continue;
        }
        let timeout = watching.presence.as_ref().and_then(Presence::next_timeout);
        tokio::select! {
            changed = watching.directory.changed() => {
                if changed.is_err() {
                    return;
                }
                watching.users_by_device = None;
            }
            changed = watching.registered.changed() => if changed.is_err() {
                return;
            },
            () = until(timeout) => {}
        }
        sleep(LOOK_EVERY).await;
    }
}

struct Watching {
    store: Arc<Store>,
    account: AccountId,
    registrations: Arc<Registrations>,
    directory: watch::Receiver<u64>,
    registered: watch::Receiver<u64>,
    /// Who registers for each device, which may be nobody; none where that may have changed.
    users_by_device: Option<BTreeMap<DeviceId, Vec<String>>>,
    presence: Option<Presence>,
    /// What is to be told, the first last.
    untold: Vec<Told>,
    moves: Moves,
    /// Devices that have moved and are to be told of.
    moved: Vec<Moved>,
}

impl Watching {
    fn new(store: Arc<Store>, account: AccountId, registrations: Arc<Registrations>) -> Self {
        Self {
            directory: store.directory_changes(),
            registered: registrations.changes(),
            users_by_device: None,
            presence: None,
            untold: Vec::new(),
            moves: Moves::default(),
            moved: Vec::new(),
            store,
            account,
            registrations,
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        self.tell_all().await?;
        if self.users_by_device.is_none() {
            self.users_by_device = Some(self.users().await?);
        }
        if self.presence.is_none() {
            let told = self
                .store
                .read()
                .await?
                .account(&self.account)
                .told_presence()
                .await?;
            self.presence = Some(Presence::new(told, now()));
        }
        let (Some(users), Some(presence)) = (&self.users_by_device, &mut self.presence) else {
            return Ok(());
        };
        let is_up =
            |user: &String| matches!(self.registrations.of(user), Some(Registration::Registered { .. }));
        let seen = users
            .iter()
            .map(|(device, users)| (device.clone(), users.iter().any(is_up)));
        presence.handle_seen(&seen.collect(), now());
        let zones_of = |users: &Vec<String>| -> BTreeSet<String> {
            let zones = users.iter().map(|user| self.registrations.zones_of(user));
            zones.flatten().collect()
        };
        let zones = users
            .iter()
            .map(|(device, users)| (device.clone(), zones_of(users)));
        self.moved.extend(self.moves.handle_seen(&zones.collect()));
        self.untold.extend(std::iter::from_fn(|| presence.poll_output()));
        self.untold.reverse();
        self.tell_all().await
    }

    async fn users(&self) -> Result<BTreeMap<DeviceId, Vec<String>>, StoreError> {
        let mut reading = self.store.read().await?;
        let mut scope = reading.account(&self.account);
        // A device whose last extension was taken away goes down as one that is unplugged does.
        let devices = scope.device_ids().await?.into_iter();
        let mut users: BTreeMap<DeviceId, Vec<String>> = devices.map(|device| (device, Vec::new())).collect();
        for assignment in scope.assignments().await? {
            users
                .entry(assignment.device)
                .or_default()
                .push(assignment.user.to_string());
        }
        Ok(users)
    }

    /// Tells what there is to tell. What could not be kept stays to be told.
    async fn tell_all(&mut self) -> Result<(), StoreError> {
        while !self.untold.is_empty() {
            let rest = self.untold.len().saturating_sub(BATCH);
            let mut writing = self.store.write().await?;
            let mut scope = writing.account(&self.account);
            for told in self.untold.iter().skip(rest).rev() {
                let Some(device) = scope.device(&told.device).await? else {
                    continue;
                };
                let is_first = scope.note_told_presence(&told.device, told.is_up).await?;
                for message in self.messages(&device, told, is_first)? {
                    scope.queue_webhook_message(&message).await?;
                }
            }
            writing.commit().await?;
            self.untold.truncate(rest);
        }
        self.tell_moved().await
    }

    async fn tell_moved(&mut self) -> Result<(), StoreError> {
        while !self.moved.is_empty() {
            let rest = self.moved.len().saturating_sub(BATCH);
            let mut writing = self.store.write().await?;
            let mut scope = writing.account(&self.account);
            for moved in self.moved.iter().skip(rest) {
                if let Some(device) = scope.device(&moved.device).await? {
                    let message = frame(&self.account)?.device_moved(&device, &moved.from, &moved.to);
                    scope.queue_webhook_message(&message).await?;
                }
            }
            writing.commit().await?;
            self.moved.truncate(rest);
        }
        Ok(())
    }

    fn messages(
        &self,
        device: &Device,
        told: &Told,
        is_first: bool,
    ) -> Result<Vec<WebhookMessage>, StoreError> {
        let mut messages = Vec::new();
        if is_first {
            messages.push(frame(&self.account)?.device_registration(device));
        }
        messages.push(frame(&self.account)?.device_state(device, told.is_up, told.since));
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::{Description, DeviceType, DisplayName, MacAddress, Timestamp};

    use super::super::happenings::tests::account;
    use super::*;

    #[tokio::test]
    async fn a_device_whose_last_extension_is_gone_is_one_that_nobody_registers_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).await.unwrap());
        let account = account();
        let device = Device {
            id: DeviceId::from_random(1),
            name: DisplayName::new("Hall").unwrap(),
            description: Description::new("").unwrap(),
            mac: MacAddress::new([2, 0, 0, 0, 0, 1]),
            kind: DeviceType::Oyez,
            model: None,
            firmware: None,
            site: None,
            added_at: Timestamp(0),
        };
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account).await.unwrap();
        let mut scope = writing.account(&account.id);
        scope.add_device(&device).await.unwrap();
        scope.note_told_presence(&device.id, true).await.unwrap();
        writing.commit().await.unwrap();
        let mut watching = Watching::new(store, account.id, Arc::default());

        watching.look().await.unwrap();

        let presence = watching.presence.unwrap();
        assert!(
            presence.next_timeout().is_some(),
            "it is to be told that it is down"
        );
    }
}
