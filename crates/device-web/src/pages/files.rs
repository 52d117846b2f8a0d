//! System → File Manager: the sound files that settings may name.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use device::appliance::{TONE_UPLOAD_MAX, TONES_BYTES_MAX, ToneFile};
use device::sentence;

use super::layout::{self, Frame};
use super::signed_in::{Posted, SignedIn};
use super::upload::Upload;
use crate::site::Site;

#[derive(Template)]
#[template(path = "files.html")]
struct Page {
    frame: Frame,
    files: Vec<Row>,
    taken_mib: u64,
    room_mib: u64,
    upload_mib: usize,
    error: String,
}

struct Row {
    name: String,
    seconds: String,
    /// The keys that name it.
    used_by: Vec<String>,
}

pub(super) async fn show(State(site): State<Site>, by: SignedIn) -> Response {
    page(&site, &by, StatusCode::OK, String::new()).await
}

pub(super) async fn upload(State(site): State<Site>, upload: Upload) -> Response {
    match keep(&site, upload).await {
        Ok(()) => Redirect::to("/files").into_response(),
        Err((by, error)) => page(&site, &by, StatusCode::UNPROCESSABLE_ENTITY, error).await,
    }
}

pub(super) async fn remove(State(site): State<Site>, posted: Posted) -> Response {
    match forget(&site, &posted).await {
        Ok(()) => Redirect::to("/files").into_response(),
        Err(error) => page(&site, &posted.by, StatusCode::UNPROCESSABLE_ENTITY, error).await,
    }
}

/// Keeps the file of a form as a tone; gives back who sent it, and why it is not kept.
pub(super) async fn keep(site: &Site, Upload { by, file }: Upload) -> Result<(), (SignedIn, String)> {
    let Some((name, content)) = file else {
        return Err((by, "No file was chosen.".to_owned()));
    };
    match site.appliance().add_tone(name, content).await {
        Ok(_) => Ok(()),
        Err(error) => Err((by, sentence(&error))),
    }
}

/// Removes the tone that a form names, or says why not.
pub(super) async fn forget(site: &Site, posted: &Posted) -> Result<(), String> {
    let name = posted.value("name").to_owned();
    let removed = site.appliance().remove_tone(name).await;
    removed.map_err(|error| sentence(&error))
}

pub(super) const MIB: usize = 1024 * 1024;
/// Bytes of a second of sound as it is kept.
const BYTES_A_SECOND: u64 = 96_000;

async fn page(site: &Site, by: &SignedIn, status: StatusCode, error: String) -> Response {
    let files = site.appliance().tone_files().await;
    let mib = u64::try_from(MIB).unwrap_or(u64::MAX);
    let page = Page {
        frame: Frame::new(site, by, "System → File Manager", "/files"),
        taken_mib: files.iter().map(|file| file.bytes).sum::<u64>().div_ceil(mib),
        room_mib: TONES_BYTES_MAX / mib,
        upload_mib: TONE_UPLOAD_MAX / MIB,
        files: files.into_iter().map(|file| row(site, file)).collect(),
        error,
    };
    layout::page(status, &page)
}

fn row(site: &Site, file: ToneFile) -> Row {
    let settings = site.appliance().settings();
    let effective = settings.effective();
    let used_by = effective
        .keys()
        .filter(|key| effective.value(key) == Some(file.name.as_str()))
        .map(str::to_owned)
        .collect();
    let tenths = file.bytes * 10 / BYTES_A_SECOND;
    Row {
        name: file.name,
        seconds: format!("{}.{} s", tenths / 10, tenths % 10),
        used_by,
    }
}
