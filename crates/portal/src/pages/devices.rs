//! Phones & Devices: the lists of those that are assigned, and of those that are not.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::Device;

use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::list::{Asked, ListFrame, ROWS};
use super::problem::Problem;
use super::{Site, bulk};
use registrations::{Registration, Registrations};
use store::{DeviceFilter, ListedDevice};

#[derive(Template)]
#[template(path = "devices.html")]
struct Page {
    frame: Frame,
    is_assigned: bool,
    /// Whether there is any device at all.
    is_empty: bool,
    list: ListFrame,
    rows: Vec<Row>,
    /// What can be done with several rows.
    actions: &'static [bulk::Action],
}

struct Row {
    device: Device,
    /// Names and extensions of those it is assigned to.
    assigned: Vec<String>,
    look: &'static str,
    state: String,
    is_held: bool,
}

pub(super) async fn show_assigned(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    page(&site, &by, true, asked).await
}

pub(super) async fn show_unassigned(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    page(&site, &by, false, asked).await
}

async fn page(site: &Site, by: &Visitor, is_assigned: bool, asked: Asked) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let filter = DeviceFilter {
        text: asked.q.clone(),
        is_assigned: Some(is_assigned),
        ..DeviceFilter::default()
    };
    let listed = scope.list_devices(&filter, asked.after().as_ref(), ROWS).await?;
    let is_empty = listed.rows.is_empty() && scope.count_devices(&DeviceFilter::default()).await? == 0;
    let held = scope.held_devices().await?;
    let list = ListFrame::new(asked, "Name, MAC address or extension", &listed);
    let row = |ListedDevice { device, lines, .. }: ListedDevice| {
        let users = lines.iter().map(|(line, ..)| line.user.as_str());
        let (look, state) = state_of(users, &site.setup().registrations);
        let assigned = lines
            .iter()
            .map(|(_, name, extension)| format!("{name} ({extension})"));
        Row {
            assigned: assigned.collect(),
            is_held: held.contains(&device.id),
            device,
            look,
            state,
        }
    };
    let page = Page {
        frame: Frame::new(by, "Phones & Devices", PHONES_AND_DEVICES),
        is_assigned,
        is_empty,
        list,
        rows: listed.rows.into_iter().map(row).collect(),
        actions: bulk::DEVICE_ACTIONS,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// How much of a device is registered.
fn state_of<'u>(
    users: impl Iterator<Item = &'u str>,
    registrations: &Registrations,
) -> (&'static str, String) {
    let (mut registered, mut all) = (0_usize, 0_usize);
    for user in users {
        all += 1;
        if matches!(registrations.of(user), Some(Registration::Registered { .. })) {
            registered += 1;
        }
    }
    match (registered, all) {
        (_, 0) => ("none", "No extension".to_owned()),
        (0, _) => ("none", "Not registered".to_owned()),
        (registered, all) if registered == all => ("good", "Registered".to_owned()),
        (registered, all) => ("busy", format!("{registered} of {all} registered")),
    }
}
