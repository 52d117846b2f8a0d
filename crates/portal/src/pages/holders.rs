//! Users & Rooms: the lists of users and of common areas.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Assignment, DisplayName, Holder, HolderKind};
use store::{HolderFilter, ListedHolder};

use super::gate::Visitor;
use super::holder_edit::path_of;
use super::layout::{self, Frame, USERS_AND_ROOMS};
use super::list::{Asked, ListFrame, ROWS};
use super::next_step::{JustSaved, Saved};
use super::problem::Problem;
use super::{Site, bulk, countries, line};

#[derive(Template)]
#[template(path = "holders.html")]
struct Page {
    frame: Frame,
    saved: Option<Saved>,
    is_users: bool,
    list: ListFrame,
    rows: Vec<Row>,
    /// What can be done with several rows.
    actions: &'static [bulk::Action],
}

struct Row {
    holder: Holder,
    /// Where it is changed.
    path: String,
    /// Path, name and slot of each device on which it stands.
    places: Vec<(String, String)>,
    country: String,
}

pub(super) async fn show_users(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
    Query(saved): Query<JustSaved>,
) -> Result<Response, Problem> {
    page(&site, &by, HolderKind::User, asked, &saved.saved).await
}

pub(super) async fn show_common_areas(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
    Query(saved): Query<JustSaved>,
) -> Result<Response, Problem> {
    page(&site, &by, HolderKind::CommonArea, asked, &saved.saved).await
}

async fn page(
    site: &Site,
    by: &Visitor,
    kind: HolderKind,
    asked: Asked,
    saved: &str,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let filter = HolderFilter {
        text: asked.q.clone(),
        kind: Some(kind),
        ..HolderFilter::default()
    };
    let listed = scope.list_holders(&filter, asked.after().as_ref(), ROWS).await?;
    let page = Page {
        frame: Frame::new(by, "Users & Rooms", USERS_AND_ROOMS),
        saved: Saved::holder(&mut scope, saved).await?,
        is_users: kind == HolderKind::User,
        list: ListFrame::new(asked, "Name or extension", &listed),
        rows: listed.rows.into_iter().map(row).collect(),
        actions: bulk::HOLDER_ACTIONS,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

fn row(ListedHolder { holder, lines, .. }: ListedHolder) -> Row {
    let place = |(line, device): (Assignment, DisplayName)| {
        let path = format!("/devices/{}", line.device);
        (path, format!("{device} ({})", line::place_name(line.place)))
    };
    Row {
        path: path_of(&holder),
        places: lines.into_iter().map(place).collect(),
        country: countries::name_of(holder.country),
        holder,
    }
}
