//! Answers that say why there is no page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::{NumberTaken, StoreError};

use super::layout::{self, Frame};
use crate::provisioning::chain;

/// Why a page cannot be shown, or something not done.
#[derive(Debug)]
pub(super) enum Problem {
    /// There is no such thing in the account.
    Missing,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Self::Missing => failure(
                StatusCode::NOT_FOUND,
                "Not found",
                "There is no such page, or what it was about has been removed.",
            ),
            Self::Store(error) => {
                tracing::error!(error = %chain(&error), "a page cannot be made");
                failure(StatusCode::SERVICE_UNAVAILABLE, "Not available", words(&error))
            }
        }
    }
}

/// What has happened, what goes on, and what to do.
pub(super) fn words(error: &StoreError) -> &'static str {
    match error {
        StoreError::Uncertain(_) => {
            "The database was lost while it kept this. Calls and pages go on meanwhile. Once the database is back, see whether it is \
             there before you do it again."
        }
        StoreError::Full(_) => {
            "The disk of the database is full. Calls and pages go on, and what is there can be read. Nothing was changed: make room, \
             and repeat what you did."
        }
        StoreError::Busy => {
            "Many changes of others are being made, an import for example. Calls and pages go on. Nothing of yours was changed: repeat \
             it in a moment."
        }
        _ => {
            "The service cannot read or write its database; its log says why. Calls and pages go on meanwhile. \
             Nothing was changed: repeat what you did once the database is back."
        }
    }
}

/// Puts a number that is taken at its field; other failures are problems.
pub(super) fn taken(error: NumberTaken) -> Result<String, Problem> {
    match error {
        NumberTaken::By { .. } => Ok(error.to_string()),
        NumberTaken::Store(error) => Err(Problem::Store(error)),
    }
}

/// A page that says one thing, with the frame of nobody.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
    /// Where it goes on, and what the link says.
    way_out: (&'a str, &'a str),
}

const FIRST_PAGE: (&str, &str) = ("/", "To the first page");

/// A page that says why something was not done.
pub(super) fn failure(status: StatusCode, title: &str, text: &str) -> Response {
    layout::page(
        status,
        &Message {
            title,
            text,
            way_out: FIRST_PAGE,
        },
    )
}

/// A page of the portal that says one thing.
#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    frame: Frame,
    text: &'a str,
    /// Where it goes on, and what the link says.
    way_out: (&'a str, &'a str),
}

/// The answer to what has to wait for something else, with the way there.
pub(super) fn not_yet(frame: Frame, text: &str, way_out: (&str, &str)) -> Response {
    let notice = Notice { frame, text, way_out };
    layout::page(StatusCode::CONFLICT, &notice)
}

/// The answer to what no page of the asker's session has sent.
pub(super) fn foreign_form() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "Not permitted",
        "This form was not sent by a page of your session. Open the page again and repeat what you did.",
    )
}

/// The answer to somebody whose role does not reach.
pub(super) fn not_permitted() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "Not permitted",
        "You may look here, and change nothing. Ask an owner for the role of an administrator.",
    )
}

/// There is no such page.
pub(super) async fn missing() -> Response {
    Problem::Missing.into_response()
}
