//! The way in: claiming a new device, signing in and out.

use std::net::SocketAddr;
use std::time::Instant;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use web::{PASSWORD_LENGTH_MIN, forget_cookie, is_from_own_site, set_cookie};

use super::layout;
use super::signed_in::{COOKIE, Posted, forbidden};
use crate::access::{Denial, SessionToken};
use crate::site::Site;

#[derive(Template)]
#[template(path = "entry.html")]
struct Entry<'a> {
    title: &'a str,
    device: String,
    claims: bool,
    error: &'a str,
    length_min: usize,
}

#[derive(Deserialize)]
pub(super) struct Claim {
    code: String,
    password: String,
    again: String,
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    password: String,
}

pub(super) async fn show_claim(State(site): State<Site>) -> Response {
    if site.access().is_claimed() {
        return Redirect::to("/sign-in").into_response();
    }
    entry(&site, true, StatusCode::OK, "")
}

pub(super) async fn claim(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<Claim>,
) -> Response {
    if !is_from_own_site(&headers) {
        return forbidden();
    }
    if form.password != form.again {
        let text = "The two passwords differ. Type the same password twice.";
        return entry(&site, true, StatusCode::UNPROCESSABLE_ENTITY, text);
    }
    let access = site.clone();
    let claim = move || {
        access
            .access()
            .claim(Instant::now(), from.ip(), &form.code, &form.password)
    };
    enter(
        &site,
        true,
        spawn_blocking(claim).await.unwrap_or(Err(Denial::NotKept)),
    )
}

pub(super) async fn show_sign_in(State(site): State<Site>) -> Response {
    if !site.access().is_claimed() {
        return Redirect::to("/claim").into_response();
    }
    entry(&site, false, StatusCode::OK, "")
}

pub(super) async fn sign_in(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    if !is_from_own_site(&headers) {
        return forbidden();
    }
    let access = site.clone();
    let sign_in = move || access.access().sign_in(Instant::now(), from.ip(), &form.password);
    enter(
        &site,
        false,
        spawn_blocking(sign_in).await.unwrap_or(Err(Denial::NotKept)),
    )
}

pub(super) async fn sign_out(State(site): State<Site>, posted: Posted) -> Response {
    site.access().sign_out(&posted.by.token);
    (forget_cookie(COOKIE), Redirect::to("/sign-in")).into_response()
}

fn enter(site: &Site, claims: bool, outcome: Result<SessionToken, Denial>) -> Response {
    match outcome {
        Ok(token) => (cookie(&token), Redirect::to("/status")).into_response(),
        Err(denial) => {
            let (status, text) = told(denial, claims);
            entry(site, claims, status, &text)
        }
    }
}

/// The status and the sentence for somebody who was not let in: no more than that it was wrong.
pub(super) fn told(denial: Denial, claims: bool) -> (StatusCode, String) {
    match denial {
        Denial::Wrong if claims => (
            StatusCode::UNAUTHORIZED,
            "The claim code is wrong. The endpoint prints it when it starts.".to_owned(),
        ),
        Denial::Wrong => (StatusCode::UNAUTHORIZED, "The password is wrong.".to_owned()),
        Denial::Wait(time) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "There were too many wrong tries. Try again in {} s.",
                time.as_secs() + 1
            ),
        ),
        Denial::OutOfPlace => (
            StatusCode::CONFLICT,
            "The device has been claimed meanwhile, or not yet. Open the page again.".to_owned(),
        ),
        Denial::UnfitPassword => (
            StatusCode::UNPROCESSABLE_ENTITY,
            format!(
                "The password is too short or too long. Choose one of at least {PASSWORD_LENGTH_MIN} characters."
            ),
        ),
        Denial::NotKept => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "The device cannot keep the password. Its log says why.".to_owned(),
        ),
    }
}

fn entry(site: &Site, claims: bool, status: StatusCode, error: &str) -> Response {
    let entry = Entry {
        title: if claims { "Claim this device" } else { "Sign in" },
        device: site.name(),
        claims,
        error,
        length_min: PASSWORD_LENGTH_MIN,
    };
    layout::page(status, &entry)
}

/// The header that gives a browser its session.
pub(super) fn cookie(token: &SessionToken) -> HeaderMap {
    set_cookie(COOKIE, token.as_str())
}
