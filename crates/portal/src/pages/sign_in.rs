//! Signing in and out.

use std::net::SocketAddr;
use std::sync::LazyLock;

use askama::Template;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use model::inventory::AuditEntry;
use serde::Deserialize;
use store::SignedIn;
use tokio::task::spawn_blocking;
use web::{PasswordHash, is_from_own_site};

use super::gate::Posted;
use super::problem::{Problem, foreign_form};
use super::tries::{self, Try};
use super::way::{Going, Way};
use super::{Site, layout, now, session};
use crate::provisioning::sha256;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    email: String,
    error: String,
    /// Nobody has a password yet.
    is_new: bool,
    /// Where they were going; empty for the first page.
    to: String,
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    email: String,
    password: String,
    #[serde(default)]
    to: String,
}

/// What the password of nobody is compared with, so that the time of an answer does not tell who is known.
static NOBODY: LazyLock<Option<PasswordHash>> = LazyLock::new(|| PasswordHash::make("nobody's password"));

pub(super) async fn show(State(site): State<Site>, Query(going): Query<Going>) -> Response {
    let to = Way::read(&going.to);
    page(&site, StatusCode::OK, (String::new(), to.as_ref()), String::new())
}

pub(super) async fn sign_in(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Result<Response, Problem> {
    if !is_from_own_site(&headers) {
        return Ok(foreign_form());
    }
    let way = Way::read(&form.to);
    let typed = (form.email.clone(), way.as_ref());
    let tried = match tries::admit(&site, from, None) {
        Ok(tried) => tried,
        Err(text) => return Ok(page(&site, StatusCode::TOO_MANY_REQUESTS, typed, text)),
    };
    let email = form.email.trim().to_lowercase();
    let found = site.store().read().await?.administrator_of_email(&email).await?;
    if !is_right(&site, found.as_ref(), form.password).await {
        tried.was_wrong(&site);
        let text = "The e-mail address or the password is wrong.".to_owned();
        return Ok(page(&site, StatusCode::UNAUTHORIZED, typed, text));
    }
    let Some(found) = found else {
        return Err(Problem::Missing);
    };
    enter(&site, tried, &found, way.as_ref()).await
}

pub(super) async fn sign_out(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let mut writing = site.store().write().await?;
    writing.remove_session(sha256(posted.by.token.as_bytes())).await?;
    posted.by.note(&mut writing, "sign out", String::new()).await?;
    writing.commit().await?;
    Ok((session::gone_cookie(), Redirect::to("/sign-in")).into_response())
}

/// Begins a session, or has the second factor asked for. Until that is proved the try counts as a wrong one: whoever knows the
/// password alone does not get more tries by it.
async fn enter(site: &Site, tried: Try, who: &SignedIn, way: Option<&Way>) -> Result<Response, Problem> {
    let mut writing = site.store().write().await?;
    let admitted = session::admit(&mut writing, who, way).await?;
    if admitted.is_whole {
        let entry = AuditEntry {
            at: now(),
            by: who.administrator.email.clone(),
            action: "sign in".to_owned(),
            detail: String::new(),
        };
        writing.account(&who.account).add_audit(&entry).await?;
    }
    writing.commit().await?;
    if admitted.is_whole {
        tried.was_right(site);
    }
    Ok((admitted.cookie, Redirect::to(&admitted.to)).into_response())
}

pub(super) async fn is_right(site: &Site, found: Option<&SignedIn>, password: String) -> bool {
    let Some((hash, is_somebodys)) = compared_with(found) else {
        return false;
    };
    let site = site.clone();
    let compare = move || {
        let _one_at_a_time = site.hashing();
        hash.matches(&password) && is_somebodys
    };
    spawn_blocking(compare).await.unwrap_or(false)
}

/// The hash that a password is compared with, and whether it is somebody's. There is one whoever it is, and one is compared.
fn compared_with(found: Option<&SignedIn>) -> Option<(PasswordHash, bool)> {
    let kept = found
        .and_then(|found| found.administrator.password.as_ref())
        .and_then(|hash| PasswordHash::read(&hash.0));
    match kept {
        Some(kept) => Some((kept, true)),
        None => NOBODY.clone().map(|hash| (hash, false)),
    }
}

/// Makes what is made once before anybody asks: the first who is not known would wait for it.
pub(super) fn prepare() {
    LazyLock::force(&NOBODY);
}

fn page(site: &Site, status: StatusCode, (email, way): (String, Option<&Way>), error: String) -> Response {
    let page = Page {
        email,
        error,
        is_new: site.first_sign_in().is_some(),
        to: way.map_or_else(String::new, |way| way.as_str().to_owned()),
    };
    layout::page(status, &page)
}

#[cfg(test)]
mod tests {
    use model::inventory::{Administrator, AdministratorId, PasswordHash as Kept, Role};

    use super::*;

    fn somebody(password: Option<Kept>) -> SignedIn {
        let administrator = Administrator {
            id: AdministratorId::from_random(1),
            email: "a@one.example".to_owned(),
            role: Role::Viewer,
            password,
        };
        SignedIn {
            account: "one".parse().unwrap(),
            administrator,
        }
    }

    #[test]
    fn w06_a_user_who_is_not_known_costs_the_same_work_as_one_who_is() {
        let made = PasswordHash::make("correct horse").unwrap().to_text();
        let known = somebody(Some(Kept(made)));
        let invited = somebody(None);
        let damaged = somebody(Some(Kept("x".to_owned())));
        // Algorithm, version, memory, passes and lanes, before salt and hash.
        let work = |found| {
            let (hash, is_somebodys) = compared_with(found).unwrap();
            let text = hash.to_text();
            let parts: Vec<_> = text.split('$').map(str::to_owned).collect();
            let lengths = (parts[4].len(), parts[5].len());
            (parts[1..4].to_vec(), lengths, is_somebodys)
        };
        let (cost, lengths, is_somebodys) = work(Some(&known));
        assert!(is_somebodys);
        for nobody in [None, Some(&invited), Some(&damaged)] {
            assert_eq!(work(nobody), (cost.clone(), lengths, false));
        }
    }
}
