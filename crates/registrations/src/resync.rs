//! Asking a device to fetch its configuration, over what it is registered by.

use model::SipUser;
use model::inventory::DeviceType;
use tokio::sync::oneshot;

/// A request to have a device fetch its configuration.
#[derive(Debug)]
pub struct Resync {
    /// Who its slots register as: the first that is registered is asked.
    pub users: Vec<SipUser>,
    /// It is told to restart, too.
    pub restarts: bool,
    /// Where it is told over how many registrations it was asked.
    pub asked: oneshot::Sender<usize>,
}

impl Resync {
    /// Says whether devices of that type restart when they are told to.
    #[must_use]
    pub const fn can_restart(kind: DeviceType) -> bool {
        match kind {
            DeviceType::Algo => true,
            DeviceType::Oyez | DeviceType::Other => false,
        }
    }
}
