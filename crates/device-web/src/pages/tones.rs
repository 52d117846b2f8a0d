//! Advanced Settings → Tones: what settings may name, each to be heard.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use device::appliance::TONE_UPLOAD_MAX;
use device::sentence;
use endpoint::{Rounds, SoundOrder, ToneClass};

use super::files::{MIB, forget, keep};
use super::layout::{self, Frame};
use super::signed_in::{Posted, SignedIn};
use super::upload::Upload;
use crate::site::Site;

#[derive(Template)]
#[template(path = "tones.html")]
struct Page {
    frame: Frame,
    tones: Vec<Row>,
    upload_mib: usize,
    error: String,
}

struct Row {
    name: String,
    /// There is a file; otherwise a built-in signal plays.
    is_file: bool,
}

pub(super) async fn show(State(site): State<Site>, by: SignedIn) -> Response {
    page(&site, &by, StatusCode::OK, String::new()).await
}

/// Plays a tone once, as important as a page.
pub(super) async fn play(State(site): State<Site>, posted: Posted) -> Response {
    let Some(tone) = site.appliance().sound_file(posted.value("name")).await else {
        return layout::missing().await;
    };
    let order = SoundOrder::StartTone {
        tone,
        rounds: Rounds::Times(1),
        class: ToneClass::Page,
        zone: None,
    };
    ordered(&site, &posted, order).await
}

pub(super) async fn stop(State(site): State<Site>, posted: Posted) -> Response {
    ordered(&site, &posted, SoundOrder::StopTone { name: None }).await
}

pub(super) async fn upload(State(site): State<Site>, upload: Upload) -> Response {
    match keep(&site, upload).await {
        Ok(()) => back(),
        Err((by, error)) => page(&site, &by, StatusCode::UNPROCESSABLE_ENTITY, error).await,
    }
}

pub(super) async fn remove(State(site): State<Site>, posted: Posted) -> Response {
    match forget(&site, &posted).await {
        Ok(()) => back(),
        Err(error) => page(&site, &posted.by, StatusCode::UNPROCESSABLE_ENTITY, error).await,
    }
}

async fn ordered(site: &Site, posted: &Posted, order: SoundOrder) -> Response {
    match site.appliance().order(order).await {
        Ok(()) => back(),
        Err(error) => page(site, &posted.by, StatusCode::CONFLICT, sentence(&error)).await,
    }
}

fn back() -> Response {
    Redirect::to("/tones").into_response()
}

async fn page(site: &Site, by: &SignedIn, status: StatusCode, error: String) -> Response {
    let files = site.appliance().tone_files().await;
    let names = site.tone_names().await;
    let page = Page {
        frame: Frame::new(site, by, "Advanced Settings → Tones", "/tones"),
        tones: names
            .into_iter()
            .map(|name| Row {
                is_file: files.iter().any(|file| file.name == name),
                name,
            })
            .collect(),
        upload_mib: TONE_UPLOAD_MAX / MIB,
        error,
    };
    layout::page(status, &page)
}
