//! Device → Own Pages: which password a piece of hardware was sent for its own pages. It is shown when it is asked for, and that is written down.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::Secret;
use model::inventory::{Device, DeviceType};
use store::{DeviceSecret, Scope, StoreError};

use super::Site;
use super::gate::Posted;
use super::layout::{self, Frame, PHONES_AND_DEVICES, shown};
use super::problem::Problem;
use super::slots;
use crate::provisioning::device_password;

/// What a device was sent for its own pages, and what it will be.
pub(super) struct OwnPassword {
    /// What it was sent last, and when: whether it took that nobody knows.
    given: Option<(u32, String)>,
    /// The generations there are, the last first.
    secrets: Vec<DeviceSecret>,
}

impl OwnPassword {
    /// Looks it up; none of a device that is not hardware, or where there is no password yet.
    pub(super) async fn of(scope: &mut Scope<'_, '_>, device: &Device) -> Result<Option<Self>, StoreError> {
        if device.kind != DeviceType::Algo {
            return Ok(None);
        }
        let secrets = scope.device_secrets().await?;
        if secrets.is_empty() {
            return Ok(None);
        }
        let given = scope.given_password(&device.id).await?;
        Ok(Some(Self {
            given: given.map(|given| (given.generation, shown(given.at))),
            secrets,
        }))
    }

    /// Which one it was sent, in words.
    pub(super) fn told(&self) -> String {
        let last = self.secrets.first().map_or(0, |last| last.generation);
        match &self.given {
            None => {
                "Which password it has is not known: one of those that are kept here, or that of its maker."
                    .to_owned()
            }
            Some((generation, at)) if *generation == last => {
                format!(
                    "It asked for its configuration {at}, and was sent the password of generation {generation}, the last one."
                )
            }
            Some((generation, at)) => format!(
                "It asked for its configuration {at}, and was sent the password of generation {generation}; its next fetch brings that of generation {last}."
            ),
        }
    }

    /// The passwords that may open its pages, what it was sent first: one that did not take it has an earlier one.
    fn passwords(&self, device: &Device) -> Vec<(String, Secret)> {
        let sent = self.given.as_ref().map(|(generation, _)| *generation);
        let is_sent = |secret: &&DeviceSecret| sent == Some(secret.generation);
        let others = self.secrets.iter().filter(|secret| !is_sent(secret));
        let first = self.secrets.iter().filter(is_sent);
        first
            .map(|secret| {
                (
                    format!("Generation {}, which it was sent", secret.generation),
                    secret,
                )
            })
            .chain(others.map(|secret| (format!("Generation {}", secret.generation), secret)))
            .map(|(which, secret)| (which, device_password(secret, device)))
            .collect()
    }
}

#[derive(Template)]
#[template(path = "own_password.html")]
struct Page {
    frame: Frame,
    device: Device,
    told: String,
    passwords: Vec<(String, Secret)>,
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
    let own = OwnPassword::of(&mut scope, &device)
        .await?
        .ok_or(Problem::Missing)?;
    let detail = format!("{} ({})", device.name, device.mac);
    by.note(&mut writing, "show device password", detail).await?;
    writing.commit().await?;
    let page = Page {
        frame: Frame::new(by, format!("Password of {}", device.name), PHONES_AND_DEVICES),
        told: own.told(),
        passwords: own.passwords(&device),
        device,
    };
    Ok(layout::page(StatusCode::OK, &page))
}
