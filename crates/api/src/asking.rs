//! Who is asked, through the zone they are registered with, to fetch a configuration or to restart.

use model::SipUser;
use model::inventory::Device;
use registrations::Resync;
use store::StoreError;

use crate::call::Call;

/// Has a device fetch what was changed for it, if it can be asked; nobody waits for it.
pub(crate) async fn tell_of_change(call: &Call, device: &Device) -> Result<(), StoreError> {
    if let Some(resyncs) = &call.setup().resyncs
        && device.kind.is_provisioned()
    {
        Resync::tell(resyncs, users_of(call, device).await?);
    }
    Ok(())
}

/// Who a device registers as.
pub(crate) async fn users_of(call: &Call, device: &Device) -> Result<Vec<SipUser>, StoreError> {
    let mut reading = call.store().read().await?;
    let lines = reading.account(&call.account).lines_of_device(&device.id).await?;
    Ok(lines.into_iter().map(|line| line.user).collect())
}
