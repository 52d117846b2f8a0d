//! Sites: the list, and what belongs to one.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Site as Place, SiteId};
use store::{ListedSite, Scope, SiteMembers};

use super::Site;
use super::gate::Visitor;
use super::holder_edit::path_of;
use super::layout::{self, Frame, SITES};
use super::list::{Asked, ListFrame, ROWS};
use super::problem::Problem;

/// Users, common areas and devices that the page of a site names; the lists have the rest.
pub(super) const NAMED_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "sites.html")]
struct List {
    frame: Frame,
    list: ListFrame,
    rows: Vec<ListedSite>,
}

#[derive(Template)]
#[template(path = "site.html")]
struct One {
    frame: Frame,
    site: Place,
    members: SiteMembers,
    more_holders: u64,
    more_devices: u64,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let listed = scope.list_sites(&asked.q, asked.after().as_ref(), ROWS).await?;
    let page = List {
        frame: Frame::new(&by, "Sites", SITES),
        list: ListFrame::new(asked, "Name", &listed),
        rows: listed.rows,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn show_one(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let place = find(&mut scope, &id).await?;
    let members = scope.site_members(&place.id, NAMED_MAX).await?;
    let more = |count: u64, named: usize| count.saturating_sub(u64::try_from(named).unwrap_or(u64::MAX));
    let page = One {
        frame: Frame::new(&by, place.name.as_str(), SITES),
        site: place,
        more_holders: more(members.holder_count, members.holders.len()),
        more_devices: more(members.device_count, members.devices.len()),
        members,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Finds a site by what stands in a path.
pub(super) async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<Place, Problem> {
    let id: SiteId = id.parse().map_err(|_| Problem::Missing)?;
    scope.site(&id).await?.ok_or(Problem::Missing)
}
