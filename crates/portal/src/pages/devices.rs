//! Phones & Devices: the lists of those that are assigned, and of those that are not.

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::DeviceId;
use model::inventory::{Assignment, Device};

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::problem::Problem;
use registrations::{Registration, Registrations};

#[derive(Template)]
#[template(path = "devices.html")]
struct Page {
    frame: Frame,
    is_assigned: bool,
    /// Whether there is any device at all.
    is_empty: bool,
    rows: Vec<Row>,
}

struct Row {
    device: Device,
    /// Names and extensions of those it is assigned to.
    assigned: Vec<String>,
    look: &'static str,
    state: String,
}

pub(super) async fn show_assigned(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    page(&site, &by, true).await
}

pub(super) async fn show_unassigned(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    page(&site, &by, false).await
}

async fn page(site: &Site, by: &Visitor, is_assigned: bool) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let mut names = BTreeMap::new();
    for holder in scope.holders(None).await? {
        names.insert(holder.id, format!("{} ({})", holder.name, holder.extension));
    }
    let mut lines: BTreeMap<DeviceId, Vec<Assignment>> = BTreeMap::new();
    for line in scope.assignments().await? {
        lines.entry(line.device.clone()).or_default().push(line);
    }
    let devices = scope.devices().await?;
    let is_empty = devices.is_empty();
    let row = |device: Device| {
        let lines = lines.remove(&device.id).unwrap_or_default();
        let (look, state) = state_of(&lines, &site.setup().registrations);
        let assigned = lines.iter().filter_map(|line| names.get(&line.holder).cloned());
        Row {
            assigned: assigned.collect(),
            device,
            look,
            state,
        }
    };
    let rows = devices.into_iter().map(row);
    let page = Page {
        frame: Frame::new(by, "Phones & Devices", PHONES_AND_DEVICES),
        is_assigned,
        is_empty,
        rows: rows
            .filter(|row| row.assigned.is_empty() != is_assigned)
            .collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// How much of a device is registered.
fn state_of(lines: &[Assignment], registrations: &Registrations) -> (&'static str, String) {
    let is_registered = |line: &&Assignment| {
        matches!(
            registrations.of(line.user.as_str()),
            Some(Registration::Registered { .. })
        )
    };
    match (lines.iter().filter(is_registered).count(), lines.len()) {
        (_, 0) => ("none", "No extension".to_owned()),
        (0, _) => ("none", "Not registered".to_owned()),
        (registered, all) if registered == all => ("good", "Registered".to_owned()),
        (registered, all) => ("busy", format!("{registered} of {all} registered")),
    }
}
