//! Choosing a password by a link that is good once: the page, its form, and the hash of what was chosen.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::PasswordHash as Kept;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use web::{PASSWORD_LENGTH_MIN, PasswordHash};

use super::{Site, layout};

/// What the link carries.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) token: String,
}

/// What the form says.
#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) token: String,
    pub(super) password: String,
    pub(super) again: String,
}

/// The page.
#[derive(Template)]
#[template(path = "password_choice.html")]
pub(super) struct Page {
    /// Where the form is sent.
    pub(super) action: &'static str,
    /// Why somebody is here, in one sentence.
    pub(super) welcome: &'static str,
    pub(super) token: String,
    pub(super) email: String,
    length_min: usize,
    error: &'static str,
}

impl Page {
    pub(super) fn new(action: &'static str, welcome: &'static str, token: String, email: String) -> Self {
        Self {
            action,
            welcome,
            token,
            email,
            length_min: PASSWORD_LENGTH_MIN,
            error: "",
        }
    }

    pub(super) fn answer(&self) -> Response {
        layout::page(StatusCode::OK, self)
    }

    /// Shows it again, and says what is wrong.
    pub(super) fn refuse(self, error: &'static str) -> Response {
        let page = Self { error, ..self };
        layout::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
    }
}

/// The hash of a password that was typed twice.
///
/// # Errors
///
/// Says what is wrong with it.
pub(super) async fn chosen(site: &Site, password: String, again: &str) -> Result<Kept, &'static str> {
    if password != again {
        return Err("The two passwords differ. Type the same password twice.");
    }
    let hash = hashed(site, password).await;
    hash.ok_or("Choose a password of at least 8 characters, and not above 256.")
}

/// The hash of a password; none if it is too short or too long. One is made at a time.
pub(super) async fn hashed(site: &Site, password: String) -> Option<Kept> {
    let site = site.clone();
    let hash = spawn_blocking(move || {
        let _one_at_a_time = site.hashing();
        PasswordHash::make(&password)
    });
    hash.await.ok().flatten().map(|hash| Kept(hash.to_text()))
}
