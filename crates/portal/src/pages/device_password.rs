//! Settings → Device Password: what opens the own pages of hardware. It is shown when it is asked for, and that is written down.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::Secret;
use store::DevicePassword;

use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::layout::{self, DEVICE_PASSWORD, Frame, shown};
use super::problem::Problem;
use super::{Site, chance, now};

#[derive(Template)]
#[template(path = "device_password.html")]
struct Page {
    frame: Frame,
    /// Since when there is one.
    changed_at: Option<String>,
    /// What was asked for.
    revealed: Option<DevicePassword>,
}

impl Page {
    fn of(by: &Visitor, found: Option<&DevicePassword>) -> Self {
        Self {
            frame: Frame::new(by, "Device Password", DEVICE_PASSWORD),
            changed_at: found.map(|found| shown(found.changed_at)),
            revealed: None,
        }
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let found = reading.account(&by.account).device_password().await?;
    Ok(layout::page(StatusCode::OK, &Page::of(&by, found.as_ref())))
}

pub(super) async fn reveal(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let found = writing.account(&by.account).device_password().await?;
    if found.is_some() {
        by.note(&mut writing, "show device password", String::new())
            .await?;
        writing.commit().await?;
    }
    let page = Page {
        revealed: found.clone(),
        ..Page::of(by, found.as_ref())
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn ask_rotation(Extension(by): Extension<Visitor>) -> Response {
    let page = Confirm {
        frame: Frame::new(&by, "New device password", DEVICE_PASSWORD),
        question: "Give the own pages of all hardware another password?".to_owned(),
        along: vec![
            "Each device takes it with its configuration: at its next fetch, or at once by Resync on its page.".to_owned(),
            "Until then it has the one before, which is shown beside the new one. One that is older yet is forgotten.".to_owned(),
        ],
        action: "/device-password/rotate".to_owned(),
        hidden: Vec::new(),
        button: "Make a new password",
        is_danger: false,
        back: DEVICE_PASSWORD.to_owned(),
    };
    page.answer()
}

pub(super) async fn rotate(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let password = Secret::new(chance::password()?);
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    scope.set_device_password(&password, now()).await?;
    by.note(&mut writing, "make device password", String::new())
        .await?;
    writing.commit().await?;
    Ok(Redirect::to(DEVICE_PASSWORD).into_response())
}
