//! The one-time link by which the first owner chooses a password.

use std::net::SocketAddr;

use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{AuditEntry, PasswordHash as Kept};
use web::is_from_own_site;

use super::password_choice::{Asked, Choice, Page};
use super::problem::{Problem, failure, foreign_form};
use super::{Site, now, password_choice, session, tries};

const WELCOME: &str = "You are the owner of this service.";

pub(super) async fn show(State(site): State<Site>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    // Other sites can have a browser come here, and shall not make its owner wait: such tries are not counted.
    if !is_good(&site, &asked.token) {
        return Ok(not_good());
    }
    let page = page(&site, asked.token).await?;
    Ok(page.map_or_else(not_good, |page| page.answer()))
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
    let password = match password_choice::chosen(&site, choice.password, &choice.again).await {
        Ok(password) => password,
        Err(why) => {
            let page = page(&site, choice.token).await?;
            return Ok(page.map_or_else(not_good, |page| page.refuse(why)));
        }
    };
    // Who comes second finds nobody without a password: writers take turns. So the token stays until it has been used, and a request
    // that breaks off loses nothing.
    let Some(kept) = keep(&site, &password).await? else {
        return Ok(not_good());
    };
    *site.first_sign_in() = None;
    Ok(kept)
}

/// Sets the password, and signs the owner in; none where they have one.
async fn keep(site: &Site, password: &Kept) -> Result<Option<Response>, Problem> {
    let mut writing = site.store().write().await?;
    let Some(owner) = writing.owner_without_password(&site.setup().owner).await? else {
        return Ok(None);
    };
    let (id, email) = (&owner.administrator.id, owner.administrator.email.clone());
    let mut scope = writing.account(&owner.account);
    scope.set_password(id, password).await?;
    let entry = AuditEntry {
        at: now(),
        by: email,
        action: "choose password".to_owned(),
        detail: "by the link of the first start".to_owned(),
    };
    scope.add_audit(&entry).await?;
    let admitted = session::admit(&mut writing, &owner, None).await?;
    writing.commit().await?;
    Ok(Some(
        (admitted.cookie, Redirect::to(&admitted.to)).into_response(),
    ))
}

/// The answer to a token that is not that of the link.
fn refused(site: &Site, from: SocketAddr, token: &str) -> Option<Response> {
    let tried = match tries::admit(site, from, None) {
        Ok(tried) => tried,
        Err(text) => return Some(failure(StatusCode::TOO_MANY_REQUESTS, "Not done", &text)),
    };
    if !is_good(site, token) {
        tried.was_wrong(site);
        return Some(not_good());
    }
    tried.was_right(site);
    None
}

fn is_good(site: &Site, token: &str) -> bool {
    let first = site.first_sign_in();
    first.as_ref().is_some_and(|first| first.matches(token))
}

fn not_good() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "Not permitted",
        "This link is not good, or has been used. Sign in with your password; while nobody has one, the service prints another \
         link each time it starts.",
    )
}

/// The page for the owner; none where they have a password.
async fn page(site: &Site, token: String) -> Result<Option<Page>, Problem> {
    let mut reading = site.store().read().await?;
    let owner = reading.owner_without_password(&site.setup().owner).await?;
    Ok(owner.map(|owner| Page::new("/first", WELCOME, token, owner.administrator.email)))
}
