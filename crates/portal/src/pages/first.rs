//! The one-time link by which the first owner chooses a password.

use std::net::SocketAddr;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{AuditEntry, PasswordHash as Kept};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use web::{PASSWORD_LENGTH_MIN, PasswordHash, is_from_own_site};

use super::problem::{Problem, failure, foreign_form};
use super::sign_in::admit;
use super::{Site, layout, now, session};

#[derive(Template)]
#[template(path = "first.html")]
struct Page {
    token: String,
    email: String,
    error: String,
    length_min: usize,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    token: String,
    password: String,
    again: String,
}

pub(super) async fn show(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    if let Some(refusal) = refused(&site, from, &asked.token) {
        return Ok(refusal);
    }
    page(&site, StatusCode::OK, asked.token, "").await
}

pub(super) async fn choose(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Result<Response, Problem> {
    if !is_from_own_site(&headers) {
        return Ok(foreign_form());
    }
    if let Some(refusal) = refused(&site, from, &choice.token) {
        return Ok(refusal);
    }
    let unfit = StatusCode::UNPROCESSABLE_ENTITY;
    if choice.password != choice.again {
        let text = "The two passwords differ. Type the same password twice.";
        return page(&site, unfit, choice.token, text).await;
    }
    let hashing = site.clone();
    let password = choice.password;
    let hash = spawn_blocking(move || {
        let _one_at_a_time = hashing.hashing();
        PasswordHash::make(&password)
    });
    let Some(hash) = hash.await.ok().flatten() else {
        let text =
            format!("Choose a password of at least {PASSWORD_LENGTH_MIN} characters, and not above 256.");
        return page(&site, unfit, choice.token, &text).await;
    };
    let Some(token) = site.first_sign_in().take_if(|token| token.matches(&choice.token)) else {
        return Ok(not_good());
    };
    let kept = keep(&site, &Kept(hash.to_text())).await;
    if kept.is_err() {
        // It was not used after all.
        *site.first_sign_in() = Some(token);
    }
    kept
}

/// Sets the password, and signs the owner in.
async fn keep(site: &Site, password: &Kept) -> Result<Response, Problem> {
    let mut writing = site.store().write().await?;
    let Some(owner) = writing.owner_without_password().await? else {
        return Ok(not_good());
    };
    let (id, email) = (owner.administrator.id, owner.administrator.email);
    let mut scope = writing.account(&owner.account);
    scope.set_password(&id, password).await?;
    let entry = AuditEntry {
        at: now(),
        by: email,
        action: "choose password".to_owned(),
        detail: "by the link of the first start".to_owned(),
    };
    scope.add_audit(&entry).await?;
    let cookie = session::begin(&mut writing, id).await?;
    writing.commit().await?;
    Ok((cookie, Redirect::to("/")).into_response())
}

/// The answer to a token that is not that of the link.
fn refused(site: &Site, from: SocketAddr, token: &str) -> Option<Response> {
    if let Err(text) = admit(site, from) {
        return Some(failure(StatusCode::TOO_MANY_REQUESTS, "Not done", &text));
    }
    let is_good = site
        .first_sign_in()
        .as_ref()
        .is_some_and(|first| first.matches(token));
    if !is_good {
        return Some(not_good());
    }
    site.throttle().note_success(from.ip());
    None
}

fn not_good() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "Not permitted",
        "This link is not good, or has been used. Sign in with your password; while nobody has one, the service prints another \
         link each time it starts.",
    )
}

async fn page(site: &Site, status: StatusCode, token: String, error: &str) -> Result<Response, Problem> {
    let owner = site.store().read().await?.owner_without_password().await?;
    let Some(owner) = owner else {
        return Ok(not_good());
    };
    let page = Page {
        token,
        email: owner.administrator.email,
        error: error.to_owned(),
        length_min: PASSWORD_LENGTH_MIN,
    };
    Ok(layout::page(status, &page))
}
