//! The directory of the store as a producer of updates, for a zone in the same process and for those elsewhere.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use ::feed::{Given, Held, Recorder, Records};
use model::AccountId;
use model::directory::{Directory, Epoch, ExtensionRole, Snapshot, Update};
use model::status::ZoneEvent;
use store::{Hashes, Store, StoreError};
use tokio::sync::{Mutex, broadcast, mpsc, watch};

use super::own_copy::ToKeep;
use super::talk::PortalTalker;

/// Wait after the store has failed.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Reads the directory of an account for all who follow it: each state once, and of passwords only their hashes.
#[derive(Debug)]
pub(super) struct DirectoryReader {
    store: Arc<Store>,
    account: AccountId,
    read: Mutex<Read>,
    recorder: std::sync::Mutex<Recorder>,
}

/// What was read last.
#[derive(Debug, Default)]
struct Read {
    snapshot: Option<Arc<Snapshot>>,
    hashes: Hashes,
}

impl DirectoryReader {
    /// A reader that has read nothing.
    pub(super) fn new(store: Arc<Store>, account: AccountId) -> Self {
        Self {
            store,
            account,
            read: Mutex::default(),
            recorder: std::sync::Mutex::default(),
        }
    }

    /// The directory as it is. Epochs rise with every change and are kept by the store, so they rise across restarts.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        let mut read = self.read.lock().await;
        let mut reading = self.store.read().await?;
        let mut scope = reading.account(&self.account);
        let epoch = scope.epoch().await?;
        if let Some(snapshot) = read.snapshot.as_ref().filter(|known| known.epoch == epoch) {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = scope.hashed_directory(&mut read.hashes).await?;
        let snapshot = Arc::new(snapshot.ok_or(StoreError::Damaged { table: "account" })?);
        read.snapshot = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The records of a directory that was read. It takes a while, so not on a thread that has to answer.
    pub(super) fn records(&self, snapshot: &Arc<Snapshot>) -> Records {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.next(snapshot)
    }
}

/// The directory of an account while it changes.
#[derive(Debug)]
pub(super) struct DirectoryFeed {
    reader: Arc<DirectoryReader>,
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
    pub(super) fn new(reader: Arc<DirectoryReader>, members_max: usize) -> Self {
        let changes = reader.store.directory_changes();
        Self {
            reader,
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

    /// The directory as it is, without the portal's own users.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        let snapshot = self.reader.snapshot().await?;
        if let Some(to_keep) = &self.to_keep {
            to_keep.send_replace(Some(Arc::clone(&snapshot)));
        }
        self.warn_of_large_groups(&snapshot);
        Ok(snapshot)
    }

    /// The directory as it is, and what its records are made by.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn recorded(&self) -> Result<(Arc<Snapshot>, Arc<DirectoryReader>), StoreError> {
        Ok((self.snapshot().await?, Arc::clone(&self.reader)))
    }

    /// Keeps what zones elsewhere are about to be told; says whether the directory has to be read again first, because they were told
    /// something else of this state.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn note_told(&self, held: &Held) -> Result<bool, StoreError> {
        let (epoch, digest) = held.position();
        let mut writing = self.reader.store.write().await?;
        let mut scope = writing.account(&self.reader.account);
        let is_another = scope.set_feed_position(epoch, &String::from(digest)).await?;
        writing.commit().await?;
        Ok(is_another)
    }

    /// Waits until the directory has changed; says whether it may change again.
    pub(super) async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }

    /// Sends what has changed, at once and whenever the directory has, to a zone that has begun with a directory, whose events come; it
    /// goes on with what it has while the store fails. Ends when nobody takes updates any more.
    pub(super) async fn run(
        mut self,
        updates: mpsc::Sender<Update>,
        mut events: broadcast::Receiver<ZoneEvent>,
        mut told: Told,
    ) {
        self.changes.mark_changed();
        let begun_with = told.snapshot.as_ref().map(|snapshot| snapshot.epoch);
        let mut given = Given::new(Instant::now(), begun_with);
        loop {
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() {
                    return;
                },
                () = wants_everything(&mut events, &mut given) => told.snapshot = None,
                () = updates.closed() => return,
            }
            match self.snapshot().await {
                Ok(snapshot) => {
                    if snapshot.epoch < told.epoch {
                        tracing::error!(
                            "the database has an older state of the directory than the zone, which does not take it: where that state \
                             is meant, start the service again"
                        );
                    }
                    let Some(update) = told.next(snapshot, &self.talkers) else {
                        continue;
                    };
                    given.note_given(told.epoch);
                    if updates.send(update).await.is_err() {
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

/// Waits until a zone has to be given everything: it has something else than what changes lead on from, or nobody knows whether it has.
async fn wants_everything(events: &mut broadcast::Receiver<ZoneEvent>, given: &mut Given) {
    loop {
        let now = Instant::now();
        if given.take_wants_whole(now) {
            return;
        }
        let event = match given.next_timeout(now) {
            Some(due) => tokio::time::timeout_at(due.into(), events.recv()).await,
            None => Ok(events.recv().await),
        };
        match event {
            Ok(Ok(event)) => given.handle_event(&event),
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => given.handle_missed(),
            Ok(Err(broadcast::error::RecvError::Closed)) => std::future::pending().await,
            Err(_due) => {}
        }
    }
}

/// What a zone has been told of the directory, and has begun with.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The last state that it has been told of: it takes none that is not later.
    pub(super) epoch: Epoch,
    /// That state, without the portal's own users. None where it may have something else.
    snapshot: Option<Arc<Snapshot>>,
}

impl Told {
    /// What a zone is given to begin with, without the portal's own users. A directory that a zone would refuse is told, and leaves the
    /// zone with an empty one: so it can be mended in the portal, and is taken then.
    pub(super) fn first(snapshot: Arc<Snapshot>) -> (Snapshot, Self) {
        let epoch = snapshot.epoch;
        let mut directory = Directory::new(snapshot.account.clone());
        let (first, has) = match directory.apply(Update::Snapshot(Snapshot::clone(&snapshot))) {
            Ok(_) => (Snapshot::clone(&snapshot), Some(snapshot)),
            Err(error) => {
                let error = device::sentence(&error);
                tracing::error!(%error, "the directory cannot be used: the zone has none until it is mended");
                let empty = Snapshot::empty(
                    snapshot.account.clone(),
                    snapshot.realm.clone(),
                    snapshot.domain.clone(),
                    snapshot.default_algorithm,
                );
                (empty, None)
            }
        };
        let told = Self { epoch, snapshot: has };
        (first, told)
    }

    /// What the zone is told of the directory as it is, with the portal's own users where it is told everything; none where it has that.
    fn next(&mut self, snapshot: Arc<Snapshot>, talkers: &[PortalTalker]) -> Option<Update> {
        if self.snapshot.as_ref() == Some(&snapshot) {
            return None;
        }
        let is_later = self.epoch < snapshot.epoch;
        let has = self.snapshot.take().filter(|_| is_later);
        let mut update = match has {
            Some(has) => has.update_to(&snapshot),
            None => Update::Snapshot(Snapshot::clone(&snapshot)),
        };
        if let Update::Snapshot(whole) = &mut update {
            for talker in talkers {
                talker.join(whole);
            }
        }
        if is_later {
            self.epoch = snapshot.epoch;
            self.snapshot = Some(snapshot);
        }
        Some(update)
    }
}

#[cfg(test)]
mod tests {
    use model::directory::Applied;
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

    async fn store(folder: &std::path::Path) -> Arc<Store> {
        let store = Arc::new(Store::open(folder).await.unwrap());
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
        store
    }

    fn reader(store: &Arc<Store>) -> Arc<DirectoryReader> {
        Arc::new(DirectoryReader::new(Arc::clone(store), id()))
    }

    #[tokio::test]
    async fn every_change_leads_a_zone_on_and_one_that_lost_its_way_is_told_everything() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let talkers = PortalTalker::draw_all().unwrap();
        let feed = DirectoryFeed::new(reader(&store), 10).with_talkers(talkers.clone());
        let first = feed.snapshot().await.unwrap();
        let (mut first, told) = Told::first(Arc::clone(&first));
        for talker in &talkers {
            talker.join(&mut first);
        }
        let mut directory = Directory::new(id());
        directory.apply(Update::Snapshot(first)).unwrap();
        let (updates, mut taken) = mpsc::channel(1);
        let (events, heard) = broadcast::channel(1);
        let running = tokio::spawn(feed.run(updates, heard, told));

        for number in 1..=3 {
            let last = directory.epoch();
            add(&store, number).await;
            let update = taken.recv().await.unwrap();
            assert!(
                matches!(&update, Update::Change(change) if Some(change.since) == last),
                "{update:?}"
            );
            assert!(Some(update.epoch()) > last);
            assert!(matches!(directory.apply(update), Ok(Applied::Done { .. })));
        }
        let applied = ZoneEvent::DirectoryApplied {
            account: id(),
            epoch: directory.epoch().unwrap(),
        };
        // The channel holds one: of two that come at once the first is missed.
        for at_once in [1, 2] {
            for _ in 0..at_once {
                events.send(applied.clone()).unwrap();
            }
            while !events.is_empty() {
                tokio::task::yield_now().await;
            }
        }
        let last = directory.epoch();
        add(&store, 4).await;
        let update = taken.recv().await.unwrap();
        assert!(
            matches!(&update, Update::Change(change) if Some(change.since) == last),
            "it is known to have what it was told: {update:?}"
        );
        directory.apply(update).unwrap();
        for _ in 0..2 {
            events.send(applied.clone()).unwrap();
        }
        let update = taken.recv().await.unwrap();
        assert!(matches!(update, Update::Snapshot(_)), "nobody knows: {update:?}");

        let wanted = ZoneEvent::SnapshotWanted {
            account: id(),
            epoch: None,
        };
        events.send(wanted).unwrap();
        let update = taken.recv().await.unwrap();
        assert!(matches!(update, Update::Snapshot(_)), "{update:?}");
        let mut lost = Directory::new(id());
        lost.apply(update).unwrap();
        assert_eq!(lost, directory, "with whoever joins it in this zone");
        drop(taken);
        running.await.unwrap();
        drop(store);

        let again = Arc::new(Store::open(folder.path()).await.unwrap());
        let read = reader(&again).snapshot().await.unwrap();
        assert_eq!(Some(read.epoch), directory.epoch(), "a restart forgets none");
    }

    #[tokio::test]
    async fn each_state_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let reader = reader(&store);
        let first = reader.snapshot().await.unwrap();
        assert!(Arc::ptr_eq(&first, &reader.snapshot().await.unwrap()));
        add(&store, 1).await;
        assert!(first.epoch < reader.snapshot().await.unwrap().epoch);
    }

    #[test]
    fn a_zone_is_told_what_differs_only_from_what_it_has() {
        let at = |epoch, domain: &str| {
            let algorithm = model::directory::DigestAlgorithm::Sha256;
            let mut snapshot = Snapshot::empty(id(), "acme".to_owned(), domain.to_owned(), algorithm);
            snapshot.epoch = Epoch(epoch);
            Arc::new(snapshot)
        };
        let (_, mut told) = Told::first(at(3, "one.example"));
        let mut next = |snapshot| told.next(snapshot, &[]);
        assert_eq!(next(at(3, "one.example")), None, "it has begun with that");
        assert!(matches!(next(at(5, "one.example")), Some(Update::Change(_))));
        for (epoch, why) in [
            (4, "set back"),
            (5, "to another state of the same number"),
            (6, "and on from there"),
        ] {
            assert!(
                matches!(next(at(epoch, "two.example")), Some(Update::Snapshot(_))),
                "{why}"
            );
        }
        assert!(matches!(next(at(7, "two.example")), Some(Update::Change(_))));

        let (empty, mut told) = Told::first(at(3, "no domain"));
        assert_eq!(empty.epoch, Epoch(1));
        assert!(matches!(
            told.next(at(3, "no domain"), &[]),
            Some(Update::Snapshot(_))
        ));
        assert!(matches!(
            told.next(at(4, "one.example"), &[]),
            Some(Update::Snapshot(_))
        ));
    }
}
