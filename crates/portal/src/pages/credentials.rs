//! Device → Provision of a generic device: its credentials, which are shown when they are asked for, and that is written down.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Device, Pagers, Uplink};
use store::{ListedGroup, Scope, StoreError};

use super::Site;
use super::gate::Posted;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::problem::Problem;
use super::slots::{self, Slot};

#[derive(Template)]
#[template(path = "credentials.html")]
struct Page<'a> {
    frame: Frame,
    device: Device,
    uplink: &'a Uplink,
    slots: Vec<Slot>,
    /// A page group to try it with.
    group: Option<ListedGroup>,
}

/// Page groups among which the one to try is looked for.
const GROUPS_LOOKED_AT: u32 = 50;

impl Page<'_> {
    /// The line of a slot for the file `accounts` of baresip. Nothing in it needs quoting: user names, authorization IDs and passwords are
    /// letters and digits.
    fn baresip_account(&self, slot: &Slot) -> String {
        let Uplink {
            domain,
            outbound_proxy,
            ..
        } = self.uplink;
        let line = &slot.line;
        format!(
            "<sip:{user}@{domain};transport=tls>;auth_user={id};auth_pass={password};outbound=\"sip:{outbound_proxy};transport=tls\"\
             ;mediaenc=srtp-mand;regint=600",
            user = line.user,
            id = line.authorization_id,
            password = line.password.reveal(),
        )
    }
}

/// The first page group that has members and may be paged from one of the slots.
async fn group_to_try(scope: &mut Scope<'_, '_>, slots: &[Slot]) -> Result<Option<ListedGroup>, StoreError> {
    let groups = scope.list_groups("", None, GROUPS_LOOKED_AT).await?.rows;
    let has_members =
        |group: &ListedGroup| [group.holders, group.devices, group.slots, group.sites] != [0, 0, 0, 0];
    for group in groups.into_iter().filter(has_members) {
        // Of those who are named, none stands in a list.
        let pagers = match group.pagers {
            Pagers::Named(_) => scope.group(&group.id).await?.map(|group| group.pagers),
            Pagers::Everybody | Pagers::Portal => Some(group.pagers.clone()),
        };
        let may_page = match pagers {
            Some(Pagers::Everybody) => true,
            Some(Pagers::Named(named)) => slots.iter().any(|slot| named.contains(&slot.line.holder)),
            Some(Pagers::Portal) | None => false,
        };
        if may_page {
            return Ok(Some(group));
        }
    }
    Ok(None)
}

pub(super) async fn reveal(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    if device.kind.is_provisioned() {
        return Err(Problem::Missing);
    }
    let slots = slots::slots(&mut scope, &device, &site.setup().registrations).await?;
    let group = group_to_try(&mut scope, &slots).await?;
    let detail = format!("{} ({})", device.name, device.mac);
    by.note(&mut writing, "show credentials", detail).await?;
    writing.commit().await?;
    let page = Page {
        frame: Frame::new(by, format!("Credentials of {}", device.name), PHONES_AND_DEVICES),
        device,
        uplink: &site.setup().uplink,
        slots,
        group,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
