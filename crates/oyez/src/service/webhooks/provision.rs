//! What has to be typed into generic devices. It is compared with what was told last, so whatever has changed it is told, also where that
//! happened a moment before a crash.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::inventory::{Device, DeviceType, Line, Site, Timestamp, Uplink, WebhookEvent, WebhookMessage};
use model::{AccountId, DeviceId};
use sha2::{Digest as _, Sha256};
use store::{Scope, Store, StoreError};
use tokio::time::sleep;
use webhooks::message::Frame;

use super::{RETRY_AFTER, frame};

/// Between two looks: several changes at a time are told as one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells until the service ends.
pub(super) async fn tell(store: Arc<Store>, account: AccountId, uplink: Uplink) {
    let (mut directory, mut webhooks) = (store.directory_changes(), store.webhook_changes());
    let mut was_wanted = None;
    loop {
        let looked = async {
            let is_wanted = wanted(&store, &account).await?;
            let is_news =
                was_wanted != Some(is_wanted) || (is_wanted && directory.has_changed().unwrap_or(false));
            directory.mark_unchanged();
            webhooks.mark_unchanged();
            if is_news {
                look(&store, &account, &uplink, is_wanted).await?;
            }
            Ok::<_, StoreError>(is_wanted)
        };
        match looked.await {
            Ok(is_wanted) => was_wanted = Some(is_wanted),
            Err(error) => {
                let error = device::sentence(&error);
                tracing::error!(%error, "webhooks are not told of generic devices; it is tried again");
                was_wanted = None;
                sleep(RETRY_AFTER).await;
                continue;
            }
        }
        tokio::select! {
            changed = directory.changed() => match changed {
                Ok(()) => directory.mark_changed(),
                Err(_) => return,
            },
            changed = webhooks.changed() => if changed.is_err() {
                return;
            },
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn wanted(store: &Store, account: &AccountId) -> Result<bool, StoreError> {
    let mut reading = store.read().await?;
    let mut scope = reading.account(account);
    scope
        .is_webhook_wanted(WebhookEvent::GenericDeviceProvision)
        .await
}

/// Tells of every device that is different from what was told last. The first time there is nothing to tell: it is what is known.
async fn look(
    store: &Store,
    account: &AccountId,
    uplink: &Uplink,
    is_wanted: bool,
) -> Result<(), StoreError> {
    let mut writing = store.write().await?;
    let mut scope = writing.account(account);
    if !is_wanted {
        scope.forget_told_provision(true).await?;
        return writing.commit().await;
    }
    scope.forget_told_provision(false).await?;
    let told = scope.told_provision().await?;
    let generic = Generic::read(&mut scope).await?;
    for (device, lines) in &generic.devices {
        let lines: Vec<&Line> = lines.iter().collect();
        let site = generic.site_of(device, &lines);
        let message = |frame: Frame<'_>| frame.generic_device_provision(device, site, &lines, uplink);
        let digest = digest(&message(Frame {
            account,
            at: Timestamp(0),
            id: 0,
        }));
        let before = told.as_ref().map(|told| told.get(device.id.as_str()));
        let is_known = before.is_some_and(|before| before == Some(&digest));
        if is_known {
            continue;
        }
        // Of a device that is as new as it is unassigned there is nothing to type.
        if before.is_some_and(|before| before.is_some() || !lines.is_empty()) {
            scope.queue_webhook_message(&message(frame(account)?)).await?;
        }
        scope.set_told_provision(Some(&device.id), &digest).await?;
    }
    scope.set_told_provision(None, "").await?;
    writing.commit().await
}

fn digest(message: &WebhookMessage) -> String {
    let body = message.body_with_passwords.as_ref().unwrap_or(&message.body);
    let digest = Sha256::digest(body.reveal().as_bytes());
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Generic devices with their lines, and where they are.
struct Generic {
    devices: Vec<(Device, Vec<Line>)>,
    sites: Vec<Site>,
    site_by_holder: BTreeMap<String, String>,
}

impl Generic {
    async fn read(scope: &mut Scope<'_, '_>) -> Result<Self, StoreError> {
        let mut lines_by_device: BTreeMap<DeviceId, Vec<Line>> = BTreeMap::new();
        for line in scope.lines().await? {
            lines_by_device.entry(line.device.clone()).or_default().push(line);
        }
        let devices = scope.devices().await?;
        let generic = devices
            .into_iter()
            .filter(|device| device.kind == DeviceType::Other);
        let holders = scope.holders(None).await?;
        Ok(Self {
            devices: generic
                .map(|device| {
                    let lines = lines_by_device.remove(&device.id).unwrap_or_default();
                    (device, lines)
                })
                .collect(),
            sites: scope.sites().await?,
            site_by_holder: holders
                .into_iter()
                .filter_map(|holder| Some((holder.id.to_string(), holder.site?.to_string())))
                .collect(),
        })
    }

    /// Where who has its first line is, else where it is itself.
    fn site_of(&self, device: &Device, lines: &[&Line]) -> Option<&Site> {
        let first = lines
            .first()
            .and_then(|line| self.site_by_holder.get(line.holder.as_str()));
        let site = first
            .map(String::as_str)
            .or(device.site.as_ref().map(|site| site.as_str()))?;
        self.sites.iter().find(|known| known.id.as_str() == site)
    }
}
