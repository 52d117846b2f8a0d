//! Page Groups: the list.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::ListedGroup;

use super::Site;
use super::gate::Visitor;
use super::group::pagers_text;
use super::layout::{self, Frame, PAGE_GROUPS};
use super::list::{Asked, ListFrame, ROWS};
use super::problem::Problem;

#[derive(Template)]
#[template(path = "groups.html")]
struct Page {
    frame: Frame,
    list: ListFrame,
    rows: Vec<Row>,
}

struct Row {
    /// Where it is.
    path: String,
    name: String,
    extension: String,
    members: String,
    pagers: &'static str,
    has_pin: bool,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let listed = scope.list_groups(&asked.q, asked.after().as_ref(), ROWS).await?;
    let page = Page {
        frame: Frame::new(&by, "Page Groups", PAGE_GROUPS),
        list: ListFrame::new(asked, "Name or extension", &listed),
        rows: listed.rows.iter().map(row).collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

fn row(group: &ListedGroup) -> Row {
    Row {
        path: format!("{PAGE_GROUPS}/{}", group.id),
        members: members_text(group),
        pagers: pagers_text(&group.pagers),
        has_pin: group.has_pin,
        name: group.name.to_string(),
        extension: group.extension.to_string(),
    }
}

/// How many members of each kind there are.
fn members_text(group: &ListedGroup) -> String {
    let kinds = [
        (group.holders, "user or common area", "users and common areas"),
        (group.devices, "device", "devices"),
        (group.slots, "slot", "slots"),
        (group.sites, "site", "sites"),
    ];
    let counted = kinds.into_iter().filter(|(count, ..)| *count > 0);
    let told: Vec<String> = counted
        .map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more }))
        .collect();
    if told.is_empty() {
        "none".to_owned()
    } else {
        told.join(", ")
    }
}
