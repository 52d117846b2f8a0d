//! System → About: what this device is.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{self, Frame};
use super::signed_in::SignedIn;
use crate::certificate::ShownCertificate;
use crate::site::Site;

#[derive(Template)]
#[template(path = "about.html")]
struct Page {
    frame: Frame,
    facts: Vec<(&'static str, String)>,
    certificate: ShownCertificate,
}

pub(super) async fn show(State(site): State<Site>, by: SignedIn) -> Response {
    let page = Page {
        frame: Frame::new(&site, &by, "System → About", "/about"),
        facts: site.facts(),
        certificate: ShownCertificate::of(&site).await,
    };
    layout::page(StatusCode::OK, &page)
}
