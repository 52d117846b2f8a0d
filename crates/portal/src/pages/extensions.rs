//! Device → Extension Assignment: the list, and taking an extension away.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::Device;

use super::Site;
use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::problem::Problem;
use super::slots::{self, Slot};

#[derive(Template)]
#[template(path = "extensions.html")]
struct Page {
    frame: Frame,
    device: Device,
    slots: Vec<Slot>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let page = Page {
        frame: Frame::new(&by, device.name.as_str(), PHONES_AND_DEVICES),
        slots: slots::slots(&mut scope, &device, &site.setup().registrations).await?,
        device,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let slots = slots::slots(&mut scope, &device, &site.setup().registrations).await?;
    let named = posted.value("line");
    let Some(slot) = slots.iter().find(|slot| slot.line.id.as_str() == named) else {
        return Err(Problem::Missing);
    };
    scope.remove_line(&slot.line.id).await?;
    let detail = format!("{} from {}, {}", slot.extension, device.name, slot.place);
    by.note(&mut writing, "remove extension", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("/devices/{}/extensions", device.id)).into_response())
}
