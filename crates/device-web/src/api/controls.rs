//! `/api/controls`, and the calls that this model does not have.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::answer;
use crate::site::Site;

/// The calls of other models, or of parts that this one does not have, by the beginnings of their paths.
const OF_OTHER_MODELS: &[&str] = &[
    "/api/console/",
    "/api/controls/24v/",
    "/api/controls/call/",
    "/api/controls/console/",
    "/api/controls/door/",
    "/api/controls/noise/",
    "/api/controls/reboot",
    "/api/controls/relay/",
    "/api/controls/rx/",
    "/api/controls/screen-text/",
    "/api/controls/screen/",
    "/api/controls/strobe/",
    "/api/controls/upgrade/",
    "/api/files/",
    "/api/info/audio.noise.level",
    "/api/info/input.relay",
    "/api/schedules",
    "/api/settings/action/restore",
    "/api/state/mcast/",
];

/// Loads the sound files anew, and everything that is made of the configuration. The hardware answers without a body.
pub(super) async fn reload(State(site): State<Site>) -> Response {
    site.appliance().reload_tones().await;
    StatusCode::OK.into_response()
}

/// The answer where there is no call: a client that was written for another model is told so.
pub(super) async fn absent(uri: Uri) -> Response {
    let path = uri.path();
    if OF_OTHER_MODELS.iter().any(|start| path.starts_with(start)) {
        answer::not_on_this_model()
    } else {
        answer::failure(StatusCode::NOT_FOUND, "there is no such call")
    }
}
