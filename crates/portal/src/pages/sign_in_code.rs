//! The second step of signing in: whoever knew the password proves the second factor.

use std::net::SocketAddr;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::AuditEntry;
use serde::Deserialize;
use store::{SignedIn, StoreError, Transaction};
use web::is_from_own_site;

use super::one_time::{self, Proof};
use super::problem::{Problem, foreign_form};
use super::way::{Going, Way, by_sign_in, onward};
use super::{Site, layout, now, session, tries};
use crate::provisioning::sha256;

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct Page {
    email: String,
    error: String,
    /// Where they were going; empty for the first page.
    to: String,
    /// The first step, for somebody else.
    sign_in: String,
}

#[derive(Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    code: String,
    #[serde(default)]
    to: String,
}

pub(super) async fn show(
    State(site): State<Site>,
    Query(going): Query<Going>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let way = Way::read(&going.to);
    let mut reading = site.store().read().await?;
    Ok(match waiting(&mut reading, &headers).await? {
        Some((who, _)) => page((&who, way.as_ref()), StatusCode::OK, String::new()),
        None => from_the_start(way.as_ref()),
    })
}

pub(super) async fn prove(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if !is_from_own_site(&headers) {
        return Ok(foreign_form());
    }
    let way = Way::read(&typed.to);
    // Whoever has no sign-in that waits, or tries too often, does not take the turn of writers.
    let mut reading = site.store().read().await?;
    let Some((who, _)) = waiting(&mut reading, &headers).await? else {
        return Ok(from_the_start(way.as_ref()));
    };
    drop(reading);
    let id = who.administrator.id.clone();
    let tried = match tries::admit(&site, from, Some(&id)) {
        Ok(tried) => tried,
        Err(text) => return Ok(page((&who, way.as_ref()), StatusCode::TOO_MANY_REQUESTS, text)),
    };
    let mut writing = site.store().write().await?;
    let Some((who, token)) = waiting(&mut writing, &headers).await? else {
        return Ok(from_the_start(way.as_ref()));
    };
    let mut scope = writing.account(&who.account);
    let proof = match scope.second_factor(&id).await? {
        Some(factor) => one_time::prove(&mut scope, &id, &factor, &typed.code).await?,
        // It was taken away meanwhile, and the password was right.
        None => Proof::App,
    };
    if proof == Proof::Wrong {
        tried.was_wrong(&site);
        // Somebody knows the password.
        note(&mut writing, &who, "wrong code at sign-in", String::new()).await?;
        writing.commit().await?;
        let text = one_time::WRONG.to_owned();
        return Ok(page((&who, way.as_ref()), StatusCode::UNAUTHORIZED, text));
    }
    writing.remove_half_session(sha256(token.as_bytes())).await?;
    let cookie = session::begin(&mut writing, id.clone()).await?;
    let detail = match proof {
        Proof::Recovery { left } => format!("by a recovery code; {left} are left"),
        Proof::App | Proof::Wrong => String::new(),
    };
    note(&mut writing, &who, "sign in", detail).await?;
    writing.commit().await?;
    tried.was_right_after_password(&site);
    let to = match proof {
        Proof::Recovery { .. } => layout::SECOND_FACTOR,
        Proof::App | Proof::Wrong => onward(way.as_ref()),
    };
    Ok((cookie, Redirect::to(to)).into_response())
}

/// Whose sign-in waits for the code, and the token that the browser keeps of it.
async fn waiting<'h>(
    transaction: &mut Transaction<'_>,
    headers: &'h HeaderMap,
) -> Result<Option<(SignedIn, &'h str)>, StoreError> {
    let Some(token) = session::half_token_of(headers) else {
        return Ok(None);
    };
    let found = transaction.half_session(sha256(token.as_bytes()), now()).await?;
    Ok(found.map(|who| (who, token)))
}

async fn note(
    writing: &mut Transaction<'_>,
    who: &SignedIn,
    action: &str,
    detail: String,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        at: now(),
        by: who.administrator.email.clone(),
        action: action.to_owned(),
        detail,
    };
    writing.account(&who.account).add_audit(&entry).await
}

fn from_the_start(way: Option<&Way>) -> Response {
    Redirect::to(&by_sign_in("", way)).into_response()
}

fn page((who, way): (&SignedIn, Option<&Way>), status: StatusCode, error: String) -> Response {
    let page = Page {
        email: who.administrator.email.clone(),
        error,
        to: way.map_or_else(String::new, |way| way.as_str().to_owned()),
        sign_in: by_sign_in("", way),
    };
    layout::page(status, &page)
}
