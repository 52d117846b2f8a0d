//! Device → Own Pages: which password a piece of hardware has for its own pages. It is shown when it is asked for, and that is written down.

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

/// What a device was given for its own pages, and what it will be.
pub(super) struct OwnPassword {
    /// What it was given last, and when: no secret where that is not kept any more.
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

    /// Which one it has, in words.
    pub(super) fn told(&self) -> String {
        let last = self.secrets.first().map_or(0, |last| last.generation);
        match &self.given {
            None => format!(
                "It has not fetched its configuration since the password of generation {last} was made: it has an earlier one, or that of its maker."
            ),
            Some((generation, at)) if *generation == last => {
                format!(
                    "It fetched its configuration {at}, and has the password of generation {generation}, the last one."
                )
            }
            Some((generation, at)) => format!(
                "It fetched its configuration {at}, and has the password of generation {generation}; its next fetch brings that of generation {last}."
            ),
        }
    }

    /// The passwords that may open its pages, each with when it does.
    fn passwords(&self, device: &Device) -> Vec<(String, Secret)> {
        let has = self.given.as_ref().map(|(generation, _)| *generation);
        let of_interest = |secret: &&DeviceSecret| has.is_none_or(|has| secret.generation >= has);
        let mut passwords: Vec<(String, Secret)> = self
            .secrets
            .iter()
            .filter(of_interest)
            .map(|secret| {
                let generation = secret.generation;
                let when = if has == Some(generation) {
                    format!("Generation {generation}, which it has")
                } else {
                    format!("Generation {generation}")
                };
                (when, device_password(secret, device))
            })
            .collect();
        if has.is_some() {
            passwords.reverse();
        }
        passwords
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
