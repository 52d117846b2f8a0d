//! What happens in the zone and in the store, noted for programs that listen to the API.

use std::sync::Arc;
use std::time::SystemTime;

use api::Happenings;
use model::inventory::LinePlace;
use model::status::ZoneEvent;
use model::{AccountId, Extension, SlotKind};
use store::{Store, StoreError, timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

/// What the store tells is noted for as long as this is there.
pub(super) struct Noting(JoinHandle<()>);

impl Drop for Noting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Notes what happens from now on; what the zone tells until it has ended.
pub(super) fn note(
    zone: Option<broadcast::Receiver<ZoneEvent>>,
    store: &Arc<Store>,
    account: &AccountId,
) -> (Arc<Happenings>, Noting) {
    let happenings = Arc::new(Happenings::default());
    if let Some(events) = zone {
        tokio::spawn(of_zone(events, Arc::clone(store), Arc::clone(&happenings)));
    }
    let noting = of_store(Arc::clone(store), account.clone(), Arc::clone(&happenings));
    (happenings, noting)
}

async fn of_zone(mut events: broadcast::Receiver<ZoneEvent>, store: Arc<Store>, happenings: Arc<Happenings>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let called = match &event {
            ZoneEvent::PageStarted {
                account, extension, ..
            } => Some((account, extension)),
            ZoneEvent::PageEnded { account, report } => Some((account, &report.extension)),
            _ => None,
        };
        let is_alert = match called {
            // Where it cannot be looked up it is told as a page.
            Some((account, extension)) => is_alert(&store, account, extension).await.unwrap_or_default(),
            None => false,
        };
        happenings.note(&event, is_alert, timestamp(SystemTime::now()));
    }
}

fn of_store(store: Arc<Store>, account: AccountId, happenings: Arc<Happenings>) -> Noting {
    let (attempts, changes) = (store.attempts_kept(), store.directory_changes());
    Noting(tokio::spawn(async move {
        tokio::join!(
            note_attempts(attempts, &store, &account, &happenings),
            note_directory(changes, &store, &account, &happenings),
        );
    }))
}

async fn note_attempts(
    mut attempts: broadcast::Receiver<model::inventory::Attempt>,
    store: &Store,
    account: &AccountId,
    happenings: &Happenings,
) {
    loop {
        let attempt = match attempts.recv().await {
            Ok(attempt) => attempt,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let Some(mac) = attempt.mac else { continue };
        let found = match store.read().await {
            Ok(mut reading) => reading.device_of_mac(mac).await,
            Err(error) => Err(error),
        };
        // A try in the name of nobody's device is nobody's to hear of.
        if let Ok(Some((of, device))) = found
            && of == *account
        {
            happenings.note_attempt(account, &device.id, &attempt);
        }
    }
}

async fn note_directory(
    mut changes: tokio::sync::watch::Receiver<u64>,
    store: &Store,
    account: &AccountId,
    happenings: &Happenings,
) {
    let mut known = None;
    while changes.changed().await.is_ok() {
        let epoch = match store.read().await {
            Ok(mut reading) => reading.account(account).epoch().await,
            Err(error) => Err(error),
        };
        // The next change is looked at again.
        let Ok(epoch) = epoch else { continue };
        if known != Some(epoch.0) {
            known = Some(epoch.0);
            happenings.note_directory(account, epoch.0, timestamp(SystemTime::now()));
        }
    }
}

/// Says whether an extension stands in an alert slot.
async fn is_alert(store: &Store, account: &AccountId, extension: &Extension) -> Result<bool, StoreError> {
    let mut reading = store.read().await?;
    let place = reading.account(account).place_of_extension(extension).await?;
    Ok(matches!(place, Some(LinePlace::Slot(slot)) if slot.kind() == SlotKind::Alert))
}
