//! `reboot` of a device, and `sync` of many.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::inventory::{Assignment, HolderId, SiteId};
use model::{DeviceId, SipUser};
use registrations::{Resync, Unasked};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Scope;

use super::super::shapes::{Presence, presence_of};
use super::super::sites;
use super::device;
use crate::answer::{Accepted, Done};
use crate::asking::ask_each;
use crate::call::Call;
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// How long after one order to fetch the configuration another is taken.
const SYNC_PAUSE: Duration = Duration::from_secs(15 * 60);

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
    let Some(resyncs) = &call.setup().resyncs else {
        return Err(unsupported());
    };
    // It is written down before it is done: what restarts a device is known even if this process ends meanwhile.
    let mut writing = call.store().write().await?;
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "restart device", detail).await?;
    writing.commit().await?;
    let asked = Resync::ask(Some(resyncs), users, true).await;
    asked.map_err(|why| match why {
        Unasked::NoZone => unsupported(),
        Unasked::Ended | Unasked::NotRegistered => offline(),
        Unasked::Busy => Refusal::bad("Operation is too frequent. Please try again in a few minutes."),
        Unasked::Unknown => Refusal::uncertain(why),
    })?;
    Ok(Accepted)
}

/// The devices that are registered are asked to fetch their configuration, one after the other and after the answer; the others do
/// when they look for it. Another order is not taken for a while.
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
    if !call.api.may_sync(&key, Instant::now(), SYNC_PAUSE) {
        let message = "Too many concurrent requests. A request has already been made.";
        return Err(Refusal::coded(429, message));
    }
    let devices = users_by_device(&mut scope, whom.as_ref().map(|site| &site.id)).await?;
    let detail = whom.map_or_else(|| "account".to_owned(), |site| format!("site {}", site.name));
    call.note(&mut writing, "sync devices", detail).await?;
    writing.commit().await?;
    call.api.note_sync(key, Instant::now());
    if let Some(resyncs) = call.setup().resyncs.clone() {
        tokio::spawn(ask_each(resyncs, devices));
    }
    Ok(Done)
}

/// Who the devices register as that fetch their configuration, of the account or of a site.
async fn users_by_device(
    scope: &mut Scope<'_, '_>,
    site: Option<&SiteId>,
) -> Result<Vec<Vec<SipUser>>, Refusal> {
    let holders = scope.holders(None).await?;
    let at_site = holders
        .into_iter()
        .filter(|holder| holder.site.as_ref() == site)
        .map(|holder| holder.id);
    let at_site: BTreeSet<HolderId> = at_site.collect();
    let mut assignments: BTreeMap<DeviceId, Vec<Assignment>> = BTreeMap::new();
    for assignment in scope.assignments().await? {
        let of_device = assignments.entry(assignment.device.clone()).or_default();
        of_device.push(assignment);
    }
    let mut users = Vec::new();
    for device in scope.devices().await? {
        let lines = assignments.remove(&device.id).unwrap_or_default();
        let is_meant = site.is_none()
            || device.site.as_ref() == site
            || lines.iter().any(|line| at_site.contains(&line.holder));
        if is_meant && device.kind.is_provisioned() && !lines.is_empty() {
            users.push(lines.into_iter().map(|line| line.user).collect());
        }
    }
    Ok(users)
}
