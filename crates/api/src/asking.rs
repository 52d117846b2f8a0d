//! Asking a device, through the zone it is registered with, to fetch its configuration or to restart.

use std::time::Duration;

use model::SipUser;
use model::inventory::Device;
use registrations::Resync;
use store::StoreError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::call::Call;

/// Longest wait until it is known whether a device was asked.
pub(crate) const ASKED_MAX: Duration = Duration::from_secs(10);

/// Why nobody has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAsked {
    /// There is no zone that could.
    NoZone,
    /// Too much is being asked.
    Busy,
}

/// Asks, and gives over how many registrations; 0 where the device is not registered.
pub(crate) async fn ask(call: &Call, users: Vec<SipUser>, restarts: bool) -> Result<usize, NotAsked> {
    let (asked, count) = oneshot::channel();
    let request = Resync {
        users,
        restarts,
        asked,
    };
    let resyncs = call.setup().resyncs.as_ref().ok_or(NotAsked::NoZone)?;
    resyncs.try_send(request).map_err(|_| NotAsked::Busy)?;
    let count = timeout(ASKED_MAX, count).await.map_err(|_| NotAsked::Busy)?;
    Ok(count.unwrap_or_default())
}

/// Has a device fetch what was changed for it, if it can be asked; nobody waits for it.
pub(crate) async fn tell_of_change(call: &Call, device: &Device) -> Result<(), StoreError> {
    let Some(resyncs) = &call.setup().resyncs else {
        return Ok(());
    };
    if device.kind.is_provisioned() {
        let (asked, _) = oneshot::channel();
        let request = Resync {
            users: users_of(call, device).await?,
            restarts: false,
            asked,
        };
        // A device that is not asked fetches by itself later.
        let _is_kept = resyncs.try_send(request).is_ok();
    }
    Ok(())
}

/// Who a device registers as.
pub(crate) async fn users_of(call: &Call, device: &Device) -> Result<Vec<SipUser>, StoreError> {
    let mut reading = call.store().read().await?;
    let lines = reading.account(&call.account).lines_of_device(&device.id).await?;
    Ok(lines.into_iter().map(|line| line.user).collect())
}
