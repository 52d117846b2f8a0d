//! Who is asked, through the zone they are registered with, to fetch a configuration or to restart.

use std::sync::Arc;

use model::inventory::Device;
use model::{AccountId, SipUser};
use registrations::{Resync, Unasked};
use store::{Store, StoreError};
use tokio::sync::mpsc;

use crate::call::Call;

/// Changes of which several devices are told at a time; those of any more fetch by themselves later.
pub(crate) const TELLING_MAX: usize = 8;

/// Has a device fetch what was changed for it, if it can be asked; nobody waits for it. The change is made, whether it is told or not.
pub(crate) async fn tell_of_change(call: &Call, device: &Device) {
    let Some(resyncs) = &call.setup().resyncs else {
        return;
    };
    let users = users_to_tell(call.store(), &call.account, device).await;
    if !users.is_empty() {
        Resync::tell(resyncs, users);
    }
}

/// Has devices fetch what was changed for them, one after the other, if they can be asked; nobody waits for it.
pub(crate) fn tell_in_turn(call: &Call, devices: Vec<Device>) {
    let Some(resyncs) = call.setup().resyncs.clone() else {
        return;
    };
    if devices.is_empty() {
        return;
    }
    let Some(place) = call.api.telling() else {
        let count = devices.len();
        tracing::warn!(
            count,
            "devices are not told of a change: others are being told of theirs"
        );
        return;
    };
    let (store, account) = (Arc::clone(&call.setup().store), call.account.clone());
    tokio::spawn(async move {
        for device in devices {
            let users = users_to_tell(&store, &account, &device).await;
            if !users.is_empty() && Resync::ask_in_turn(&resyncs, users).await == Err(Unasked::Ended) {
                break;
            }
        }
        drop(place);
    });
}

/// Who a device registers as that can be told of a change; nobody where that cannot be read, of which the log says why.
async fn users_to_tell(store: &Store, account: &AccountId, device: &Device) -> Vec<SipUser> {
    if !device.kind.is_provisioned() {
        return Vec::new();
    }
    registered_as(store, account, device)
        .await
        .unwrap_or_else(|error| {
            let device = device.id.as_str();
            tracing::warn!(%error, device, "a device is not told of a change");
            Vec::new()
        })
}

/// Asks device after device and waits for each, so that what others ask finds room in the queue.
pub(crate) async fn ask_each(resyncs: mpsc::Sender<Resync>, devices: Vec<Vec<SipUser>>) {
    for users in devices {
        // A device that is not asked fetches by itself later; a zone that has ended is asked for none of the others.
        let asked = Resync::ask_in_turn(&resyncs, users).await;
        if asked == Err(Unasked::Ended) {
            return;
        }
    }
}

/// Who a device registers as.
pub(crate) async fn users_of(call: &Call, device: &Device) -> Result<Vec<SipUser>, StoreError> {
    registered_as(call.store(), &call.account, device).await
}

async fn registered_as(
    store: &Store,
    account: &AccountId,
    device: &Device,
) -> Result<Vec<SipUser>, StoreError> {
    let mut reading = store.read().await?;
    let lines = reading.account(account).lines_of_device(&device.id).await?;
    Ok(lines.into_iter().map(|line| line.user).collect())
}
