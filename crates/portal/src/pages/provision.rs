//! Device → Actions → Provision: the steps, by the kind of the device.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Device, DeviceType};

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::problem::Problem;
use super::slots;

#[derive(Template)]
#[template(path = "provision.html")]
struct Page<'a> {
    frame: Frame,
    device: &'a Device,
    is_algo: bool,
    url: &'a str,
    /// A claim code that was made just before, and until when it is good.
    code: Option<(&'a str, String)>,
    /// Days for which a code is good.
    code_days: u64,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let device = slots::device(&mut reading.account(&by.account), &id).await?;
    Ok(page(&site, &by, &device, None))
}

/// Days for which a claim code is good.
pub(super) const CODE_DAYS: u64 = 7;

/// The steps, with a code that was made for them.
pub(super) fn page(site: &Site, by: &Visitor, device: &Device, code: Option<(&str, String)>) -> Response {
    let page = Page {
        frame: Frame::new(by, format!("Provision {}", device.name), PHONES_AND_DEVICES),
        device,
        is_algo: device.kind == DeviceType::Algo,
        url: &site.setup().provisioning_url,
        code,
        code_days: CODE_DAYS,
    };
    layout::page(StatusCode::OK, &page)
}
