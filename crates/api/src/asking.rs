//! Who is asked, through the zone they are registered with, to fetch a configuration or to restart.

use model::SipUser;
use model::inventory::Device;
use registrations::{Resync, Unasked};
use store::StoreError;
use tokio::sync::mpsc;

use crate::call::Call;

/// Has a device fetch what was changed for it, if it can be asked; nobody waits for it.
pub(crate) async fn tell_of_change(call: &Call, device: &Device) -> Result<(), StoreError> {
    if let Some(resyncs) = &call.setup().resyncs
        && device.kind.is_provisioned()
    {
        let users = users_of(call, device).await?;
        if !users.is_empty() {
            Resync::tell(resyncs, users);
        }
    }
    Ok(())
}

/// Has devices fetch what was changed for them, one after the other, if they can be asked; nobody waits for it.
pub(crate) async fn tell_in_turn(call: &Call, devices: &[Device]) -> Result<(), StoreError> {
    let Some(resyncs) = call.setup().resyncs.clone() else {
        return Ok(());
    };
    let mut users = Vec::new();
    for device in devices.iter().filter(|device| device.kind.is_provisioned()) {
        users.push(users_of(call, device).await?);
    }
    users.retain(|users| !users.is_empty());
    tokio::spawn(ask_each(resyncs, users));
    Ok(())
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
    let mut reading = call.store().read().await?;
    let lines = reading.account(&call.account).lines_of_device(&device.id).await?;
    Ok(lines.into_iter().map(|line| line.user).collect())
}
