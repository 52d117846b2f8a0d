//! Users & Rooms: the lists of users and of common areas.

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::DeviceId;
use model::inventory::{Device, Holder, HolderId, HolderKind};

use super::gate::Visitor;
use super::holder_edit::path_of;
use super::layout::{self, Frame, USERS_AND_ROOMS};
use super::problem::Problem;
use super::{Site, line};

#[derive(Template)]
#[template(path = "holders.html")]
struct Page {
    frame: Frame,
    is_users: bool,
    rows: Vec<Row>,
}

struct Row {
    holder: Holder,
    /// Where it is changed.
    path: String,
    /// Path, name and slot of each device on which it stands.
    places: Vec<(String, String)>,
}

pub(super) async fn show_users(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    page(&site, &by, HolderKind::User).await
}

pub(super) async fn show_common_areas(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    page(&site, &by, HolderKind::CommonArea).await
}

async fn page(site: &Site, by: &Visitor, kind: HolderKind) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let devices: BTreeMap<DeviceId, Device> = scope
        .devices()
        .await?
        .into_iter()
        .map(|device| (device.id.clone(), device))
        .collect();
    let mut places: BTreeMap<HolderId, Vec<(String, String)>> = BTreeMap::new();
    for line in scope.assignments().await? {
        if let Some(device) = devices.get(&line.device) {
            let text = format!("{} ({})", device.name, line::place_name(line.place));
            let path = format!("/devices/{}", device.id);
            places.entry(line.holder).or_default().push((path, text));
        }
    }
    let row = |holder: Holder| Row {
        places: places.remove(&holder.id).unwrap_or_default(),
        path: path_of(&holder),
        holder,
    };
    let page = Page {
        frame: Frame::new(by, "Users & Rooms", USERS_AND_ROOMS),
        is_users: kind == HolderKind::User,
        rows: scope.holders(Some(kind)).await?.into_iter().map(row).collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}
