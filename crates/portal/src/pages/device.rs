//! The page of a device.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Device, ProvisionTemplate, Site as Place};
use serde::Deserialize;

use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::next_step::{JustSaved, Saved};
use super::own_password::OwnPassword;
use super::problem::Problem;
use super::slots::{self, Slot};
use super::{Site, device_new, layout::shown, resync};

#[derive(Template)]
#[template(path = "device.html")]
struct Page {
    frame: Frame,
    saved: Option<Saved>,
    device: Device,
    /// Its model in words, where it has not told one.
    readable_model: Option<&'static str>,
    added_at: String,
    /// Since when it is held.
    held_since: Option<String>,
    /// Its site, and the template it has.
    belongs: (Option<Place>, Option<ProvisionTemplate>),
    slots: Vec<Slot>,
    can_restart: bool,
    /// Which password it was sent for its own pages, for who may see that, if it is hardware.
    own_password: Option<String>,
    /// What the device was just asked for, or what was just done about it.
    asked: Option<&'static str>,
}

/// The part that changes while somebody looks.
#[derive(Template)]
#[template(path = "slots.html")]
struct Live {
    slots: Vec<Slot>,
}

#[derive(Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    asked: String,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(told): Query<Told>,
    Query(JustSaved { saved }): Query<JustSaved>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let place = match &device.site {
        Some(id) => scope.site(id).await?,
        None => None,
    };
    let held = scope.held_device(&device.id).await?;
    let slots = slots::slots(&mut scope, &device, &site.setup().registrations).await?;
    let page = Page {
        belongs: (place, scope.template_of_device(&device.id).await?),
        frame: Frame::new(&by, device.name.as_str(), PHONES_AND_DEVICES),
        readable_model: device.model.as_deref().and_then(device_new::readable),
        added_at: shown(device.added_at),
        held_since: held.map(|held| shown(held.at)),
        saved: (!saved.is_empty()).then(|| Saved::device(&device, &slots)),
        slots,
        can_restart: resync::can_restart(device.kind),
        own_password: match by.may_change() {
            true => OwnPassword::of(&mut scope, &device).await?.map(|own| own.told()),
            false => None,
        },
        asked: match told.asked.as_str() {
            "resync" => Some("The device was asked to fetch its configuration."),
            "restart" => Some("The device was asked to restart."),
            "revoke" => Some("What the device has of certificates and claim codes is good no more."),
            _ => None,
        },
        device,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The slots alone.
pub(super) async fn live(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let live = Live {
        slots: slots::slots(&mut scope, &device, &site.setup().registrations).await?,
    };
    Ok(layout::page(StatusCode::OK, &live))
}
