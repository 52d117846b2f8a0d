//! `reboot` of a device, and `sync` of many.

use std::time::{Duration, Instant};

use model::SipUser;
use registrations::Resync;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::shapes::{Presence, presence_of};
use super::super::sites;
use super::device;
use crate::answer::{Accepted, Done};
use crate::call::Call;
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// How long after one order to fetch the configuration another is taken.
const SYNC_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Longest wait until it is known whether a device was asked.
const ASKED_MAX: Duration = Duration::from_secs(10);

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Sync {
    #[schemars(range(min = 1, max = 2))]
    level: u8,
    #[schemars(length(max = 50))]
    site_id: Option<String>,
}

/// A device is told to restart by the zone that it is registered with, if that is one of this service.
pub(crate) async fn reboot(call: Call, _: Nothing, _: Nothing) -> Result<Accepted, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let device = device(&call, &mut scope, 404).await?;
    let lines = scope.lines_of_device(&device.id).await?;
    drop(reading);
    let users: Vec<SipUser> = lines.into_iter().map(|line| line.user).collect();
    let (presence, _) = presence_of(call.registrations(), users.iter().map(SipUser::as_str));
    let offline = || Refusal::bad("The given device is offline");
    if matches!(presence, Presence::Offline) {
        return Err(offline());
    }
    let unsupported = || {
        Refusal::bad(
            "The given device type does not support this action: restart it in its web pages, or by its power",
        )
    };
    if !Resync::can_restart(device.kind) {
        return Err(unsupported());
    }
    let (asked, count) = oneshot::channel();
    let request = Resync {
        users,
        restarts: true,
        asked,
    };
    let resyncs = call.setup().resyncs.as_ref().ok_or_else(unsupported)?;
    let too_often = || Refusal::bad("Operation is too frequent. Please try again in a few minutes.");
    resyncs.try_send(request).map_err(|_| too_often())?;
    let count = timeout(ASKED_MAX, count).await.map_err(|_| too_often())?;
    if count.unwrap_or_default() == 0 {
        return Err(offline());
    }
    let mut writing = call.store().write().await?;
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "restart device", detail).await?;
    writing.commit().await?;
    Ok(Accepted)
}

/// Devices fetch what stands in the service whenever they look for it; the order is noted, and another is not taken for a while.
pub(crate) async fn sync(call: Call, _: Nothing, Json(body): Json<Sync>) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let whom = match body.level {
        1 => None,
        2 => {
            let id = body.site_id.as_deref().unwrap_or_default();
            Some(sites::known(&mut scope, id).await?)
        }
        _ => return Err(Refusal::invalid_field("level", "1 for the account, 2 for a site")),
    };
    let key = (call.account.clone(), whom.as_ref().map(|site| site.id.clone()));
    if !call.api.may_sync(key, Instant::now(), SYNC_PAUSE) {
        let message = "Too many concurrent requests. A request has already been made.";
        return Err(Refusal::coded(429, message));
    }
    let detail = whom.map_or_else(|| "account".to_owned(), |site| format!("site {}", site.name));
    call.note(&mut writing, "sync devices", detail).await?;
    writing.commit().await?;
    Ok(Done)
}
