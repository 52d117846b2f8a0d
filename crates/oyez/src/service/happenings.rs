//! What happens in the zone and in the store, noted for programs that listen to the API.

use std::sync::Arc;
use std::time::SystemTime;

use api::{HappeningKind, Happenings};
use model::AccountId;
use model::status::ZoneEvent;
use store::{Store, timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use zone::{RollCall, Zone};

/// What a zone tells of.
pub(super) const OF_ZONES: [HappeningKind; 3] = [
    HappeningKind::Registration,
    HappeningKind::Page,
    HappeningKind::Alert,
];

/// What zone and store tell is noted for as long as this is there.
pub(super) struct Noting {
    _tasks: JoinSet<()>,
}

/// Notes what happens from now on, and which pages go on in the zone.
pub(super) fn note(
    zone: Option<&Zone>,
    store: &Arc<Store>,
    account: &AccountId,
) -> (Arc<Happenings>, Noting) {
    let happenings = Arc::new(Happenings::default());
    let mut tasks = JoinSet::new();
    if let Some(zone) = zone {
        let (account, happenings) = (account.clone(), Arc::clone(&happenings));
        tasks.spawn(of_zone(zone.subscribe(), zone.roll_call(), account, happenings));
    }
    tasks.spawn(of_store(
        Arc::clone(store),
        account.clone(),
        Arc::clone(&happenings),
    ));
    (happenings, Noting { _tasks: tasks })
}

async fn of_zone(
    mut events: broadcast::Receiver<ZoneEvent>,
    roll_call: RollCall,
    account: AccountId,
    happenings: Arc<Happenings>,
) {
    // A zone that has stood by without a database may have begun some.
    settle(&roll_call, &account, &happenings).await;
    loop {
        match events.recv().await {
            Ok(event) => happenings.note(&event, None, timestamp(SystemTime::now())),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(
                    missed,
                    "the zone tells of more than is taken in; listeners are told of a gap"
                );
                settle(&roll_call, &account, &happenings).await;
                happenings.note_gap(&account, &OF_ZONES);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Takes which pages go on.
async fn settle(roll_call: &RollCall, account: &AccountId, happenings: &Happenings) {
    if let Some(ongoing) = roll_call.pages().await {
        happenings.settle_pages(account, None, &ongoing, timestamp(SystemTime::now()));
    }
}

fn of_store(
    store: Arc<Store>,
    account: AccountId,
    happenings: Arc<Happenings>,
) -> impl Future<Output = ()> + Send {
    let (attempts, changes) = (store.attempts_kept(), store.directory_changes());
    async move {
        tokio::join!(
            note_attempts(attempts, &store, &account, &happenings),
            note_directory(changes, &store, &account, &happenings),
        );
    }
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
            Err(RecvError::Lagged(_)) => {
                happenings.note_gap(account, &[HappeningKind::Attempt]);
                continue;
            }
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
