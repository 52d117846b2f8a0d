//! `/api/info/about` and `/api/info/tonelist`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer;
use crate::certificate::ShownCertificate;
use crate::site::Site;

/// What the device is.
pub(super) async fn about(State(site): State<Site>) -> Response {
    let certificate = ShownCertificate::of(&site).await;
    let mut labels = site.facts();
    labels.push(("Manufacturer Certificate", certificate.state().to_owned()));
    match certificate {
        ShownCertificate::NotInstalled => {}
        ShownCertificate::Unusable(why) => labels.push(("Certificate Status", format!("Unusable: {why}"))),
        ShownCertificate::Installed {
            subject,
            expiry,
            standing,
        } => labels.extend([
            ("Certificate Subject", subject),
            ("Certificate Expiry", expiry.to_string()),
            ("Certificate Status", standing.to_string()),
        ]),
    }
    let facts: Map<String, Value> = labels
        .into_iter()
        .map(|(label, value)| (label.to_owned(), value.into()))
        .collect();
    answer::json(StatusCode::OK, &facts)
}

/// The sound files that a configuration may name.
pub(super) async fn tone_list(State(site): State<Site>) -> Response {
    answer::json(StatusCode::OK, &json!({ "tonelist": site.tone_names().await }))
}
