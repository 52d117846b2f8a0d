//! Page Groups → a group: who hears it, and who may page it.

use std::collections::BTreeSet;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::DeviceId;
use model::directory::{MEMBERS_MAX, Urgency};
use model::inventory::{GroupId, GroupMember, HolderId, PageGroup, Pagers};
use store::{NamedMember, Scope};

use super::Site;
use super::gate::Visitor;
use super::group_members::value_of;
use super::layout::{self, Frame, PAGE_GROUPS};
use super::line::{HEARS_NOTHING, device_hears, is_paged};
use super::next_step::{JustSaved, Saved};
use super::problem::Problem;

#[derive(Template)]
#[template(path = "group.html")]
struct Page {
    frame: Frame,
    saved: Option<Saved>,
    group: PageGroup,
    path: String,
    /// How its pages rank.
    urgency: &'static str,
    /// Who may page it.
    pagers: &'static str,
    has_pin: bool,
    members: Vec<Member>,
    /// Id, name and extension of those who are named.
    named: Vec<(String, String, String)>,
    /// Page slots that hear it.
    reached: u64,
    /// More than are told to a zone.
    is_too_large: bool,
}

/// A member as it is shown.
struct Member {
    value: String,
    /// Where it is; none where it has no page.
    path: Option<String>,
    name: String,
    what: String,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(JustSaved { saved }): Query<JustSaved>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let group = find(&mut scope, &id).await?;
    let members = scope.named_members(&group.id).await?;
    let named = scope.named_pagers(&group.id).await?;
    let reached = scope.count_reached(&group.id).await?;
    let has_pin = scope.has_group_pin(&group.id).await?;
    let saved = match saved.as_str() {
        "" => None,
        _ => {
            let told = "The page group was saved.".to_owned();
            Some(Saved::group(&mut scope, &group.id, &group.extension, told).await?)
        }
    };
    let assignments = scope.assignments().await?;
    let paged = || assignments.iter().filter(|line| is_paged(line.place));
    let heard_holders = paged().map(|line| &line.holder).collect();
    let heard_devices = paged().map(|line| &line.device).collect();
    let page = Page {
        frame: Frame::new(&by, group.name.as_str(), PAGE_GROUPS),
        saved,
        path: format!("{PAGE_GROUPS}/{}", group.id),
        urgency: urgency_text(group.urgency),
        pagers: pagers_text(&group.pagers),
        has_pin,
        members: members
            .into_iter()
            .map(|named| shown_member(named, &heard_holders, &heard_devices))
            .collect(),
        named: named
            .into_iter()
            .map(|(id, name, number)| (id.to_string(), name.to_string(), number.to_string()))
            .collect(),
        reached,
        is_too_large: usize::try_from(reached).is_ok_and(|reached| reached > MEMBERS_MAX),
        group,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Finds a group by what stands in a path.
pub(super) async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<PageGroup, Problem> {
    let id: GroupId = id.parse().map_err(|_| Problem::Missing)?;
    scope.group(&id).await?.ok_or(Problem::Missing)
}

/// How pages rank, in words.
pub(super) const fn urgency_text(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Normal => "Ordinary",
        Urgency::Priority => "Priority: ends ordinary pages",
    }
}

/// Who may page, in words.
pub(super) const fn pagers_text(pagers: &Pagers) -> &'static str {
    match pagers {
        Pagers::Everybody => "Everybody",
        Pagers::Named(_) => "Those who are named",
        Pagers::Portal => "Only the portal",
    }
}

/// A member, with the holders and devices of the account that have a page slot.
fn shown_member(
    named: NamedMember,
    heard_holders: &BTreeSet<&HolderId>,
    heard_devices: &BTreeSet<&DeviceId>,
) -> Member {
    let NamedMember {
        member,
        name,
        extension,
    } = named;
    let extension = extension.map(|extension| extension.to_string());
    let (path, what) = match &member {
        GroupMember::Holder(holder) => {
            let mut what = format!("Extension {}", extension.unwrap_or_default());
            if !heard_holders.contains(holder) {
                what = format!("{what}: {HEARS_NOTHING}");
            }
            (None, what)
        }
        GroupMember::Device(device) => {
            let what = device_hears(heard_devices.contains(device));
            (Some(format!("/devices/{device}")), format!("Device: {what}"))
        }
        GroupMember::Slot(device, slot) => {
            let stands = extension.map_or_else(
                || "nothing stands there".to_owned(),
                |extension| format!("extension {extension}"),
            );
            let what = format!("Page {}: {stands}", slot.port());
            (Some(format!("/devices/{device}")), what)
        }
        GroupMember::Site(_) => (None, "Site: all page slots there".to_owned()),
    };
    Member {
        value: value_of(&member),
        path,
        name,
        what,
    }
}
