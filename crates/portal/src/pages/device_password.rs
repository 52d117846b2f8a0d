//! Settings → Device Password: what opens the own pages of hardware, one password for all of it or one for each device. What it is stands on
//! the page of each device; here the one of all is shown when it is asked for, and that is written down.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::Secret;
use serde::Deserialize;
use store::{DeviceSecret, Scope, StoreError};

use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::layout::{self, DEVICE_PASSWORD, Frame, shown};
use super::problem::Problem;
use super::{Site, chance, now};

/// For whom the passwords are to be.
const FOR: &str = "for";
const ALL: &str = "all";
const EACH: &str = "each";
/// Of how many devices whoever asks was told that their password may go.
const LOSING: &str = "losing";

#[derive(Template)]
#[template(path = "device_password.html")]
struct Page {
    frame: Frame,
    /// The last generation, and when it was made.
    last: Option<(DeviceSecret, String)>,
    /// How many devices were not sent it.
    behind: u64,
    /// The password of all was asked for.
    is_revealed: bool,
}

impl Page {
    async fn of(by: &Visitor, scope: &mut Scope<'_, '_>) -> Result<Self, StoreError> {
        let last = scope.device_secret().await?;
        Ok(Self {
            frame: Frame::new(by, "Device Password", DEVICE_PASSWORD),
            behind: match &last {
                Some(last) => scope.count_without_password_of(last.generation).await?,
                None => 0,
            },
            last: last.map(|last| {
                let at = shown(last.made_at);
                (last, at)
            }),
            is_revealed: false,
        })
    }

    fn is_for_all(&self) -> bool {
        self.last.as_ref().is_some_and(|(last, _)| last.is_for_all)
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let page = Page::of(&by, &mut reading.account(&by.account)).await?;
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn reveal(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let page = Page::of(by, &mut writing.account(&by.account)).await?;
    let is_revealed = page.is_for_all();
    if is_revealed {
        let detail = "that of all devices".to_owned();
        by.note(&mut writing, "show device password", detail).await?;
        writing.commit().await?;
    }
    Ok(layout::page(StatusCode::OK, &Page { is_revealed, ..page }))
}

#[derive(Deserialize)]
pub(super) struct Wished {
    /// For whom; as it is where that is left open.
    #[serde(default, rename = "for")]
    whom: String,
}

pub(super) async fn ask_rotation(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(wished): Query<Wished>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let last = scope.device_secret().await?;
    let losing = scope.count_that_may_lose_password().await?;
    let is_for_all = is_for_all(&wished.whom, last.as_ref());
    Ok(confirmation(&by, is_for_all, losing).answer())
}

fn confirmation(by: &Visitor, is_for_all: bool, losing: u64) -> Confirm {
    let mut along = vec![
        "Each device takes it with its configuration: at its next fetch, or at once by Resync on its page."
            .to_owned(),
        "Until then it has the one that it was sent, which its page says.".to_owned(),
    ];
    if losing > 0 {
        along.insert(
            0,
            format!(
                "Devices of which it is not known which password they have: {losing}. The oldest that is kept goes with this: have them fetch \
                 their configuration first, by Resync on their pages."
            ),
        );
    }
    if is_for_all {
        let danger = "Whoever learns it from one device, a stolen one for example, opens the pages of all.";
        along.insert(0, danger.to_owned());
    }
    Confirm {
        frame: Frame::new(by, "New device passwords", DEVICE_PASSWORD),
        question: if is_for_all {
            "Give the own pages of all hardware one new password?".to_owned()
        } else {
            "Give the own pages of each piece of hardware a new password of its own?".to_owned()
        },
        along,
        action: "/device-password/rotate".to_owned(),
        hidden: vec![
            (FOR, if is_for_all { ALL } else { EACH }.to_owned()),
            (LOSING, losing.to_string()),
        ],
        button: if is_for_all {
            "Make one password"
        } else {
            "Make new passwords"
        },
        is_danger: is_for_all || losing > 0,
        back: DEVICE_PASSWORD.to_owned(),
    }
}

pub(super) async fn rotate(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let secret = Secret::new(chance::password()?);
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let last = scope.device_secret().await?;
    let is_for_all = is_for_all(posted.value(FOR), last.as_ref());
    let losing = scope.count_that_may_lose_password().await?;
    // Who has sent the same form twice was told of none, or of fewer.
    if losing > posted.value(LOSING).parse().unwrap_or(0) {
        let page = confirmation(by, is_for_all, losing);
        return Ok(layout::page(StatusCode::CONFLICT, &page));
    }
    let made = scope.add_device_secret(&secret, is_for_all, now()).await?;
    let whom = if is_for_all {
        "one for all devices"
    } else {
        "one for each device"
    };
    let detail = format!("{whom}, generation {}", made.generation);
    by.note(&mut writing, "make device passwords", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(DEVICE_PASSWORD).into_response())
}

/// Whether what is wished for, or else what there is, is one password for all.
fn is_for_all(whom: &str, last: Option<&DeviceSecret>) -> bool {
    match whom {
        ALL => true,
        EACH => false,
        _ => last.is_some_and(|last| last.is_for_all),
    }
}
