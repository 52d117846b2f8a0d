//! Asking devices to fetch their configuration, once the zone knows what they will find in it.

use std::sync::Arc;
use std::time::Duration;

use model::AccountId;
use model::directory::Epoch;
use model::status::ZoneEvent;
use portal::pages::Resync;
use store::{Store, StoreError};
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;
use zone::{CheckSyncs, Zone};

/// Requests that wait.
const REQUESTS_KEPT: usize = 64;
/// Longest wait for the zone to take a changed directory: a device that registers what it does not know yet is asked again later.
const DIRECTORY_MAX: Duration = Duration::from_secs(5);

/// Asks on behalf of the portal for as long as the zone runs.
struct Resyncs {
    store: Arc<Store>,
    account: AccountId,
    zone: CheckSyncs,
    events: broadcast::Receiver<ZoneEvent>,
    /// The state of the directory that the zone is known to have.
    applied: Epoch,
}

/// Starts it; requests go into what is returned.
pub(super) fn serve(
    zone: &Zone,
    store: Arc<Store>,
    account: AccountId,
    applied: Epoch,
) -> mpsc::Sender<Resync> {
    let (sender, requests) = mpsc::channel(REQUESTS_KEPT);
    let resyncs = Resyncs {
        store,
        account,
        zone: zone.check_syncs(),
        events: zone.subscribe(),
        applied,
    };
    tokio::spawn(resyncs.run(requests));
    sender
}

impl Resyncs {
    async fn run(mut self, mut requests: mpsc::Receiver<Resync>) {
        while let Some(request) = requests.recv().await {
            match self.epoch().await {
                // Past the time it is asked all the same.
                Ok(epoch) => drop(timeout(DIRECTORY_MAX, self.until_applied(epoch)).await),
                Err(error) => {
                    let error = device::sentence(&error);
                    tracing::warn!(%error, "it is not known whether the zone has the directory of a device that is asked to fetch");
                }
            }
            let Some(count) = self.ask(&request).await else {
                return;
            };
            // Whoever has asked may have gone.
            let _is_told = request.asked.send(count).is_ok();
        }
    }

    /// Asks a device over the first of its slots that is registered: they are all of one device.
    async fn ask(&self, request: &Resync) -> Option<usize> {
        for user in &request.users {
            let count = self.zone.ask(user.clone(), request.restarts).await?;
            if count > 0 {
                return Some(count);
            }
        }
        Some(0)
    }

    async fn epoch(&self) -> Result<Epoch, StoreError> {
        self.store.read().await?.account(&self.account).epoch().await
    }

    async fn until_applied(&mut self, epoch: Epoch) {
        while self.applied < epoch {
            match self.events.recv().await {
                Ok(ZoneEvent::DirectoryApplied { epoch, .. }) => self.applied = epoch,
                // It goes on with the one before, and will not have this one however long somebody waits.
                Ok(ZoneEvent::DirectoryRefused { .. }) => return,
                Ok(_) => {}
                // What was missed may have been it.
                Err(broadcast::error::RecvError::Lagged(_)) => self.applied = epoch,
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}
