//! What all pages have around them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
pub(super) use web::page;

use super::signed_in::SignedIn;
use super::tab::{Branch, TREE};
use crate::site::Site;

/// The frame of a page for somebody who has signed in.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) path: &'static str,
    pub(super) device: String,
    pub(super) csrf: String,
    /// The time zone of the times that are shown; empty is that of the browser.
    pub(super) zone: String,
    pub(super) tree: &'static [Branch],
}

impl Frame {
    pub(super) fn new(site: &Site, by: &SignedIn, title: impl Into<String>, path: &'static str) -> Self {
        Self {
            title: title.into(),
            path,
            device: site.name(),
            csrf: by.session.csrf().to_owned(),
            zone: site.appliance().settings().value("admin.timezone").to_owned(),
            tree: TREE,
        }
    }

    /// Says whether a branch holds the page.
    pub(super) fn is_open(&self, branch: &Branch) -> bool {
        branch.leaves.iter().any(|leaf| leaf.path == self.path)
    }
}

/// A page that says one thing, with the frame of nobody.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

/// A page that says why something was not done.
pub(super) fn failure(status: StatusCode, text: &str) -> Response {
    let message = Message {
        title: match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not permitted",
            StatusCode::SERVICE_UNAVAILABLE => "Not available",
            _ => "Not done",
        },
        text,
    };
    page(status, &message)
}

/// There is no such page.
pub(super) async fn missing() -> Response {
    failure(StatusCode::NOT_FOUND, "There is no such page.")
}
