//! What a device shows that has no account because none could be fetched.

use std::time::Instant;

use model::SlotPosition;
use model::status::{Cause, DeviceEvent, ProvisioningStep, RegistrationStatus, Shown, SlotStatus};

use super::Endpoint;
use crate::clock::millis_since;
use crate::slot::Slot;

/// The step that failed, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unprovisioned {
    step: ProvisioningStep,
    since: Instant,
}

impl Endpoint {
    pub(super) fn handle_provisioning(&mut self, now: Instant, failed: Option<ProvisioningStep>) {
        if self.unprovisioned.map(|failure| failure.step) == failed {
            return;
        }
        self.unprovisioned = failed.map(|step| Unprovisioned { step, since: now });
        if let Some(status) = self.unprovisioned_slot(now) {
            self.tell(DeviceEvent::RegistrationChanged {
                slot: status.slot,
                registration: status.registration,
            });
        }
    }

    /// The base page slot of a device without any slot, if provisioning failed.
    pub(super) fn unprovisioned_slot(&self, now: Instant) -> Option<SlotStatus> {
        let Unprovisioned { step, since } = self.unprovisioned?;
        let position = SlotPosition::BASE_PAGE;
        self.slots.iter().all(Slot::is_removed).then(|| SlotStatus {
            slot: position.id(),
            kind: position.kind(),
            user: None,
            registration: RegistrationStatus {
                shown: Shown::AssistedProvisioningFailed,
                cause: Some(Cause::Provisioning { step }),
                since_ms: millis_since(since, now),
                target: None,
                next_try_ms: None,
            },
        })
    }
}
