//! The REST API: the calls of the hardware that mean something here, authenticated in its way, and a stream of events.
//!
//! Every request passes [`entry::admit`] first: nothing below `/api` answers whoever does not know the password, not even
//! that there is no such call.

mod answer;
mod body;
mod controls;
mod entry;
mod events;
mod files;
mod gate;
mod info;
mod metrics;
mod replays;
mod settings;
mod signature;
mod sounds;
mod status;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use device::appliance::TONE_UPLOAD_MAX;
use tower::Layer;

pub(crate) use self::gate::Gate;
use crate::site::Site;

/// Bytes of a request's body: every key of the schema with a value of usual length.
const BODY_LENGTH_MAX: usize = 64 * 1024;

/// Bytes that the body of a request may have: that of a file has room for a file.
fn body_length_max(method: &Method, uri: &Uri) -> usize {
    if method == Method::PUT && uri.path().starts_with("/api/files/") {
        TONE_UPLOAD_MAX
    } else {
        BODY_LENGTH_MAX
    }
}

/// The calls of the API. Who may ask is judged outside of them: whether there is such a call, and by which method, is nobody
/// else's business.
pub(crate) fn router(site: &Site) -> Router<Site> {
    let calls = Router::new()
        .route("/api/info/about", get(info::about))
        .route("/api/info/status", get(status::show))
        .route("/api/info/tonelist", get(info::tone_list))
        .route("/api/settings", put(settings::change))
        .route("/api/settings/{key}", get(settings::show))
        .route("/api/controls/reload", post(controls::reload))
        .route("/api/controls/tone/start", post(sounds::start_tone))
        .route("/api/controls/tone/stop", post(sounds::stop_tone))
        .route("/api/controls/test/start", post(sounds::start_test))
        .route("/api/controls/test/loop", post(sounds::loop_test))
        .route("/api/controls/test/stop", post(sounds::stop_test))
        .route("/api/controls/emergency-alert/start", post(sounds::start_alert))
        .route("/api/controls/emergency-alert/stop", post(sounds::stop_alert))
        .route("/api/files/{folder}", get(files::list))
        .route(
            "/api/files/{folder}/{name}",
            put(files::keep).layer(DefaultBodyLimit::max(TONE_UPLOAD_MAX)),
        )
        .route("/api/files/", delete(files::remove))
        .route("/api/files", delete(files::remove))
        .route("/api/events", get(events::stream))
        .route("/api/metrics", get(metrics::show))
        .fallback(controls::absent)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LENGTH_MAX))
        .with_state(site.clone());
    let guarded = from_fn_with_state(site.clone(), entry::admit).layer(calls);
    Router::new()
        .route_service("/api", guarded.clone())
        .route_service("/api/{*path}", guarded)
}

#[cfg(test)]
mod tests;
