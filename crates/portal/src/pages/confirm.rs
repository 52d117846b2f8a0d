//! A page that says what is about to be done, and asks whether it shall be.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{self, Frame};

#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct Confirm {
    pub(super) frame: Frame,
    pub(super) question: String,
    /// What goes along, a line each.
    pub(super) along: Vec<String>,
    /// Where the form is sent.
    pub(super) action: String,
    /// Names and values that are sent unseen.
    pub(super) hidden: Vec<(&'static str, String)>,
    /// What the button says.
    pub(super) button: &'static str,
    /// It cannot be taken back.
    pub(super) is_danger: bool,
    /// Where whoever gives up goes.
    pub(super) back: String,
}

impl Confirm {
    pub(super) fn answer(&self) -> Response {
        layout::page(StatusCode::OK, self)
    }
}
