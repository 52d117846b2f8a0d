//! The directory of the store as a producer of snapshots, for a zone in the same process.

use std::sync::Arc;
use std::time::Duration;

use ::feed::Records;
use model::AccountId;
use model::directory::{Directory, Epoch, ExtensionRole, Snapshot, Update};
use store::{Store, StoreError};
use tokio::sync::{mpsc, watch};

use super::own_copy::ToKeep;
use super::talk::PortalTalker;

/// Wait after the store has failed.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The directory of an account, as the store makes it and while it changes. Epochs rise with every change and are kept by the
/// store, so they rise across restarts.
#[derive(Debug)]
pub(super) struct DirectoryFeed {
    store: Arc<Store>,
    account: AccountId,
    members_max: usize,
    /// Who joins the account in this zone alone.
    talkers: Vec<PortalTalker>,
    /// Where a copy of each directory is kept, if it is.
    to_keep: Option<ToKeep>,
    changes: watch::Receiver<u64>,
}

impl DirectoryFeed {
    /// A feed of every change from here on. Groups with more members than `members_max` are warned of: a page to one does not
    /// reach them all.
    pub(super) fn new(store: Arc<Store>, account: AccountId, members_max: usize) -> Self {
        let changes = store.directory_changes();
        Self {
            store,
            account,
            members_max,
            talkers: Vec::new(),
            to_keep: None,
            changes,
        }
    }

    /// Has the portal's own users in every directory.
    pub(super) fn with_talkers(self, talkers: Vec<PortalTalker>) -> Self {
        Self { talkers, ..self }
    }

    /// Has a copy of every directory kept, if there is where, without the portal's own users.
    pub(super) fn kept_by(self, to_keep: Option<ToKeep>) -> Self {
        Self { to_keep, ..self }
    }

    /// The directory as it is.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut reading = self.store.read().await?;
        let snapshot = reading.account(&self.account).directory().await?;
        let mut snapshot = snapshot.ok_or(StoreError::Damaged { table: "account" })?;
        if let Some(to_keep) = &self.to_keep {
            to_keep.send_replace(Some(Arc::new(snapshot.clone())));
        }
        for talker in &self.talkers {
            talker.join(&mut snapshot);
        }
        self.warn_of_large_groups(&snapshot);
        Ok(snapshot)
    }

    /// Keeps what zones elsewhere are about to be told; says whether the directory has to be read again first, because they were told
    /// something else of this state.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn note_told(&self, records: &Records) -> Result<bool, StoreError> {
        let digest = String::from(records.digest());
        let mut writing = self.store.write().await?;
        let mut scope = writing.account(&self.account);
        let is_another = scope.set_feed_position(records.epoch, &digest).await?;
        writing.commit().await?;
        Ok(is_another)
    }

    /// Waits until the directory has changed; says whether it may change again.
    pub(super) async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }

    /// Sends a snapshot at once and whenever the directory has changed, to a zone that has begun with one; it goes on with what it has
    /// while the store fails. Ends when nobody takes updates any more.
    pub(super) async fn run(mut self, updates: mpsc::Sender<Update>, begun: Epoch) {
        self.changes.mark_changed();
        loop {
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() {
                    return;
                },
                () = updates.closed() => return,
            }
            match self.snapshot().await {
                Ok(snapshot) => {
                    if snapshot.epoch < begun {
                        tracing::error!(
                            "the database has an older state of the directory than the zone, which does not take it: where that state \
                             is meant, start the service again"
                        );
                    }
                    if updates.send(Update::Snapshot(snapshot)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let error = device::sentence(&error);
                    tracing::error!(%error, "the changed directory cannot be read; it is tried again");
                    self.changes.mark_changed();
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    fn warn_of_large_groups(&self, snapshot: &Snapshot) {
        for record in &snapshot.extensions {
            let members = record.role.users().len();
            let is_page = matches!(record.role, ExtensionRole::PageGroup { .. });
            if is_page && members > self.members_max {
                let most = self.members_max;
                tracing::warn!(
                    members,
                    most,
                    "a page group has more members than a page of this zone reaches"
                );
            }
        }
    }
}

/// What a zone begins with. A directory that a zone would refuse is told, and leaves the zone with an empty one: so it can be mended
/// in the portal, and is taken then.
pub(super) fn first_of(snapshot: Snapshot) -> Snapshot {
    let mut directory = Directory::new(snapshot.account.clone());
    match directory.apply(Update::Snapshot(snapshot.clone())) {
        Ok(_) => snapshot,
        Err(error) => {
            let error = device::sentence(&error);
            tracing::error!(%error, "the directory cannot be used: the zone has none until it is mended");
            Snapshot::empty(
                snapshot.account,
                snapshot.realm,
                snapshot.domain,
                snapshot.default_algorithm,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::{Account, CountryCode, DisplayName, Holder, HolderId, HolderKind, TimeZone};

    use super::*;

    fn holder(number: u128) -> Holder {
        Holder {
            id: HolderId::from_random(number),
            kind: HolderKind::CommonArea,
            name: DisplayName::new("Hall").unwrap(),
            extension: format!("70{number}").parse().unwrap(),
            package: String::new(),
            country: CountryCode::new("CA").unwrap(),
            time_zone: TimeZone::new("UTC").unwrap(),
            site: None,
        }
    }

    async fn add(store: &Store, number: u128) {
        let mut writing = store.write().await.unwrap();
        writing.account(&id()).add_holder(&holder(number)).await.unwrap();
        writing.commit().await.unwrap();
    }

    fn id() -> AccountId {
        "acme".parse().unwrap()
    }

    #[tokio::test]
    async fn every_change_gives_a_snapshot_of_a_later_epoch_and_a_restart_forgets_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).await.unwrap());
        let mut writing = store.write().await.unwrap();
        let account = Account {
            id: id(),
            name: DisplayName::new("Acme").unwrap(),
            domain: "pbx.example.com".to_owned(),
            many_extensions_before_5_5: false,
            generic_devices: true,
        };
        writing.add_account(&account).await.unwrap();
        writing.commit().await.unwrap();
        let feed = DirectoryFeed::new(Arc::clone(&store), id(), 10);
        let begun = feed.snapshot().await.unwrap().epoch;
        let (updates, mut taken) = mpsc::channel(1);
        let running = tokio::spawn(feed.run(updates, begun));
        let first = taken.recv().await;
        assert!(matches!(first, Some(Update::Snapshot(first)) if first.epoch == begun));
        let mut last = begun;

        for number in 1..=3 {
            add(&store, number).await;
            let Some(Update::Snapshot(snapshot)) = taken.recv().await else {
                panic!("the feed has ended");
            };
            assert!(snapshot.epoch > last);
            last = snapshot.epoch;
        }
        drop(taken);
        running.await.unwrap();
        drop(store);

        let again = Arc::new(Store::open(folder.path()).await.unwrap());
        let feed = DirectoryFeed::new(Arc::clone(&again), id(), 10);
        assert_eq!(feed.snapshot().await.unwrap().epoch, last);
        assert!(last > Epoch(1));
    }
}
