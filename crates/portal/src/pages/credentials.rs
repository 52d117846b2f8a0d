//! Device → Provision of a generic device: its credentials, which are shown when they are asked for, and that is written down.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Device, Uplink};

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
    let detail = format!("{} ({})", device.name, device.mac);
    by.note(&mut writing, "show credentials", detail).await?;
    writing.commit().await?;
    let page = Page {
        frame: Frame::new(by, format!("Credentials of {}", device.name), PHONES_AND_DEVICES),
        device,
        uplink: &site.setup().uplink,
        slots,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
