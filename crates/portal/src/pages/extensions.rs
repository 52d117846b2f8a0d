//! Device → Extension Assignment: the list.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::Device;

use super::Site;
use super::gate::Visitor;
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
