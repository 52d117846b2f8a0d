//! Settings → Device Password: what opens the own pages of hardware. It is shown when it is asked for, and that is written down.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::Secret;
use store::{DevicePassword, Scope, StoreError};

use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::layout::{self, DEVICE_PASSWORD, Frame, shown};
use super::problem::Problem;
use super::{Site, chance, now};

/// Of how many devices that are behind whoever asks for another password was told.
const BEHIND: &str = "behind";

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

pub(super) async fn ask_rotation(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let behind = behind(&mut reading.account(&by.account)).await?;
    Ok(confirmation(&by, behind).answer())
}

pub(super) async fn rotate(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let password = Secret::new(chance::password()?);
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let behind = behind(&mut scope).await?;
    // Who has sent the same form twice was told of none, or of fewer.
    let accepted = posted.value(BEHIND).parse().unwrap_or(0);
    if behind > accepted {
        let page = confirmation(by, behind);
        return Ok(layout::page(StatusCode::CONFLICT, &page));
    }
    scope.set_device_password(&password, now()).await?;
    let detail = if behind == 0 {
        String::new()
    } else {
        format!("while {behind} had not fetched the one before")
    };
    by.note(&mut writing, "make device password", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(DEVICE_PASSWORD).into_response())
}

/// How much hardware may have the password before, which another change has forgotten.
async fn behind(scope: &mut Scope<'_, '_>) -> Result<u64, StoreError> {
    match scope.device_password().await? {
        Some(DevicePassword {
            earlier: Some(_),
            changed_at,
            ..
        }) => scope.count_without_device_password(changed_at).await,
        Some(_) | None => Ok(0),
    }
}

fn confirmation(by: &Visitor, behind: u64) -> Confirm {
    let mut along = vec![
        "Each device takes it with its configuration: at its next fetch, or at once by Resync on its page.".to_owned(),
        "Until then it has the one before, which is shown beside the new one. One that is older yet is forgotten.".to_owned(),
    ];
    if behind > 0 {
        along.insert(
            0,
            format!(
                "Devices that have not fetched their configuration since the last change: {behind}. What they have is forgotten, \
                 and nobody can open their pages until they fetch. Resync them first, and come back when they have fetched."
            ),
        );
    }
    Confirm {
        frame: Frame::new(by, "New device password", DEVICE_PASSWORD),
        question: "Give the own pages of all hardware another password?".to_owned(),
        along,
        action: "/device-password/rotate".to_owned(),
        hidden: vec![(BEHIND, behind.to_string())],
        button: "Make a new password",
        is_danger: behind > 0,
        back: DEVICE_PASSWORD.to_owned(),
    }
}
