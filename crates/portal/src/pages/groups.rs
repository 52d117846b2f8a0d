//! Page Groups: the list.

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::GroupId;

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, PAGE_GROUPS};
use super::problem::Problem;

#[derive(Template)]
#[template(path = "groups.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    id: GroupId,
    name: String,
    extension: String,
    members: Vec<String>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let mut names = BTreeMap::new();
    for holder in scope.holders(None).await? {
        names.insert(holder.id, format!("{} ({})", holder.name, holder.extension));
    }
    let groups = scope.groups().await?;
    let rows = groups.into_iter().map(|group| Row {
        id: group.id,
        name: group.name.to_string(),
        extension: group.extension.to_string(),
        members: group
            .members
            .iter()
            .filter_map(|member| names.get(member).cloned())
            .collect(),
    });
    let page = Page {
        frame: Frame::new(&by, "Page Groups", PAGE_GROUPS),
        rows: rows.collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}
