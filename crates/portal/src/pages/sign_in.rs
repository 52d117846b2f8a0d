//! The way in.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Site, layout};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    /// Nobody has a password yet.
    is_new: bool,
}

pub(super) async fn show(State(site): State<Site>) -> Response {
    let is_new = site.0.first_sign_in.is_some();
    layout::page(StatusCode::OK, &Page { is_new })
}
