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
    /// Asks whether something is to be removed whose page is at `path`; the form is sent to `remove` below it.
    pub(super) fn removal(frame: Frame, question: String, along: Vec<String>, path: String) -> Self {
        Self {
            frame,
            question,
            along,
            action: format!("{path}/remove"),
            hidden: Vec::new(),
            button: "Remove",
            is_danger: true,
            back: path,
        }
    }

    /// As it is, but whoever gives up goes elsewhere.
    pub(super) fn back_to(self, back: impl Into<String>) -> Self {
        Self {
            back: back.into(),
            ..self
        }
    }

    pub(super) fn answer(&self) -> Response {
        layout::page(StatusCode::OK, self)
    }
}
