//! Asking a device to fetch its configuration, over what it is registered by.

use std::time::Duration;

use model::SipUser;
use model::inventory::DeviceType;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longest wait until it is known whether a device was asked.
const ASKED_MAX: Duration = Duration::from_secs(10);

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

/// Why a device was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// There is no zone that could.
    #[error(
        "No zone runs beside this portal that could ask the device. Restart it at its own pages, or by its power."
    )]
    NoZone,
    /// There was one, and it has ended.
    #[error(
        "The zone beside this portal has ended, so the device was not asked. See that the service runs, and try again."
    )]
    Ended,
    /// Too much is being asked.
    #[error(
        "Many devices are being asked at this moment, and this one is not among them. Try again in a few seconds."
    )]
    Busy,
    /// The zone has not said in time whether it has.
    #[error(
        "The zone has not said within 10 s whether the device was asked: it may still be. See on its page whether it comes back, before you try again."
    )]
    Unknown,
    /// None of its slots is registered.
    #[error(
        "The device is not registered, so it cannot be asked. It fetches its configuration when it is started."
    )]
    NotRegistered,
}

impl Resync {
    /// Has a device asked that registers as `users`, and waits until it was.
    ///
    /// # Errors
    ///
    /// When it was not, or that is not known in time.
    pub async fn ask(
        zone: Option<&mpsc::Sender<Self>>,
        users: Vec<SipUser>,
        restarts: bool,
    ) -> Result<(), Unasked> {
        let (request, count) = Self::new(users, restarts);
        let sent = zone.ok_or(Unasked::NoZone)?.try_send(request);
        sent.map_err(|refused| match refused {
            TrySendError::Full(_) => Unasked::Busy,
            TrySendError::Closed(_) => Unasked::Ended,
        })?;
        Self::answered(count).await
    }

    /// Has a device fetch its configuration as soon as the zone has room for the request, and waits until it was asked: what others
    /// ask meanwhile finds room, too.
    ///
    /// # Errors
    ///
    /// When it was not, or that is not known in time.
    pub async fn ask_in_turn(zone: &mpsc::Sender<Self>, users: Vec<SipUser>) -> Result<(), Unasked> {
        let (request, count) = Self::new(users, false);
        zone.send(request).await.map_err(|_| Unasked::Ended)?;
        Self::answered(count).await
    }

    /// Has devices fetch what was changed for them, if there is room for the request; nobody waits for it, and whoever is not asked
    /// fetches by itself later.
    pub fn tell(zone: &mpsc::Sender<Self>, users: Vec<SipUser>) {
        let _is_kept = zone.try_send(Self::new(users, false).0).is_ok();
    }

    fn new(users: Vec<SipUser>, restarts: bool) -> (Self, oneshot::Receiver<usize>) {
        let (asked, count) = oneshot::channel();
        let request = Self {
            users,
            restarts,
            asked,
        };
        (request, count)
    }

    async fn answered(count: oneshot::Receiver<usize>) -> Result<(), Unasked> {
        match timeout(ASKED_MAX, count).await {
            Ok(Ok(0)) => Err(Unasked::NotRegistered),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Unasked::Ended),
            Err(_) => Err(Unasked::Unknown),
        }
    }

    /// Says whether devices of that type restart when they are told to.
    #[must_use]
    pub const fn can_restart(kind: DeviceType) -> bool {
        match kind {
            DeviceType::Algo => true,
            DeviceType::Oyez | DeviceType::Other => false,
        }
    }
}
