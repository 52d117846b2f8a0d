//! The pages, each in a module of its own.

mod about;
mod admin;
mod assets;
#[cfg(test)]
mod attacks;
mod entry;
mod facts;
mod field;
mod files;
mod labels;
mod layout;
mod level;
mod listen;
mod log;
mod maintenance;
#[cfg(test)]
mod scriptless;
mod settings;
mod signed_in;
mod sounds;
mod status;
mod tab;
mod tones;
mod upload;

pub(crate) use self::listen::LISTENERS_MAX;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use device::appliance::TONE_UPLOAD_MAX;

use crate::site::Site;

/// Bytes of a form around the file that it brings.
const FORM_LENGTH_MAX: usize = 16 * 1024;

/// The pages.
pub(crate) fn router() -> Router<Site> {
    Router::new()
        .route("/", get(home))
        .route("/assets/{name}", get(assets::show))
        .route(
            "/claim",
            get(entry::show_claim)
                .post(entry::claim)
                .layer(DefaultBodyLimit::max(FORM_LENGTH_MAX)),
        )
        .route(
            "/sign-in",
            get(entry::show_sign_in)
                .post(entry::sign_in)
                .layer(DefaultBodyLimit::max(FORM_LENGTH_MAX)),
        )
        .route("/sign-out", post(entry::sign_out))
        .route("/status", get(status::show))
        .route("/status/listen", get(listen::listen))
        .route("/status/test", post(sounds::test))
        .route("/status/stop", post(sounds::stop))
        .route("/status/alert", post(sounds::alert))
        .route("/status/live", get(status::live))
        .route("/status/changes", get(status::changes))
        .route("/settings/{tab}", get(settings::show).post(settings::save))
        .route("/provisioning/fetch", post(settings::fetch))
        .route("/reveal", post(settings::reveal))
        .route("/admin/password", post(admin::change_password))
        .route("/maintenance", get(maintenance::show))
        .route("/maintenance/export", get(maintenance::export))
        .route("/maintenance/import", post(maintenance::import))
        .route("/maintenance/roll-back", post(maintenance::roll_back))
        .route("/maintenance/versions/{number}", get(maintenance::version))
        .route("/files", get(files::show))
        .route(
            "/files/upload",
            post(files::upload).layer(DefaultBodyLimit::max(TONE_UPLOAD_MAX + FORM_LENGTH_MAX)),
        )
        .route("/files/remove", post(files::remove))
        .route("/tones", get(tones::show))
        .route("/tones/play", post(tones::play))
        .route("/tones/stop", post(tones::stop))
        .route("/tones/remove", post(tones::remove))
        .route(
            "/tones/upload",
            post(tones::upload).layer(DefaultBodyLimit::max(TONE_UPLOAD_MAX + FORM_LENGTH_MAX)),
        )
        .route("/log", get(log::show))
        .route("/about", get(about::show))
        .fallback(layout::missing)
}

async fn home() -> Response {
    Redirect::to("/status").into_response()
}
