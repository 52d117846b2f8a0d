//! Device → Extension Assignment: the list.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::Device;

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::next_step::{JustSaved, Saved};
use super::problem::Problem;
use super::slots::{self, Slot};

#[derive(Template)]
#[template(path = "extensions.html")]
struct Page {
    frame: Frame,
    saved: Option<Saved>,
    device: Device,
    slots: Vec<Slot>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(JustSaved { saved }): Query<JustSaved>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let slots = slots::slots(&mut scope, &device, &site.setup().registrations).await?;
    let page = Page {
        frame: Frame::new(&by, device.name.as_str(), PHONES_AND_DEVICES),
        saved: (!saved.is_empty()).then(|| Saved::assignment(&device, &slots)),
        slots,
        device,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
