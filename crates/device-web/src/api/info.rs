//! `/api/info/about` and `/api/info/tonelist`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer;
use crate::site::Site;

/// What the device is.
pub(super) async fn about(State(site): State<Site>) -> Response {
    let facts: Map<String, Value> = site
        .facts()
        .await
        .into_iter()
        .map(|(label, value)| (label.to_owned(), value.into()))
        .collect();
    answer::json(StatusCode::OK, &facts)
}

/// The sound files that a configuration may name.
pub(super) async fn tone_list(State(site): State<Site>) -> Response {
    answer::json(StatusCode::OK, &json!({ "tonelist": site.tone_names().await }))
}
