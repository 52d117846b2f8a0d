//! The second factor of whoever has signed in: setting it up, other recovery codes, and turning it off.

use std::net::SocketAddr;

use askama::Template;
use axum::Extension;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::Secret;
use qrcode::QrCode;
use qrcode::render::svg;
use store::{SecondFactor, SignedIn, StoreError, Transaction};
use web::OneTimeSecret;

use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, OWN_TABS, SECOND_FACTOR};
use super::one_time::{self, Proof};
use super::problem::Problem;
use super::sign_in::is_right;
use super::tries::{self, Try};
use super::{Site, chance, line, session};

/// Width of the picture that a phone reads, in pixels.
const PICTURE_WIDTH: u32 = 200;

#[derive(Template)]
#[template(path = "second_factor_set_up.html")]
struct SetUp {
    frame: Frame,
    /// The account has said that everybody needs one.
    is_required: bool,
    secret: String,
    picture: String,
    /// What is wrong with the password.
    password_error: String,
    /// What is wrong with the code.
    code_error: String,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct Page {
    frame: Frame,
    is_required: bool,
    recovery_codes: u64,
    error: String,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct Codes {
    frame: Frame,
    codes: Vec<String>,
}

fn frame(by: &Visitor, title: &str) -> Frame {
    Frame::new(by, title, SECOND_FACTOR).with_tabs(OWN_TABS)
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let account = line::account_of(&mut reading, &by.account).await?;
    let mut scope = reading.account(&by.account);
    let is_required = scope.requires_second_factor().await?;
    if let Some(factor) = scope.second_factor(&by.administrator.id).await? {
        return Ok(page(&by, is_required, &factor, StatusCode::OK, String::new()));
    }
    let secret = OneTimeSecret::draw().map_err(|_| StoreError::NoRandomness)?;
    Ok(set_up_page(
        &by,
        account.name.as_str(),
        is_required,
        &secret,
        [String::new(), String::new()],
    ))
}

fn page(
    by: &Visitor,
    is_required: bool,
    factor: &SecondFactor,
    status: StatusCode,
    error: String,
) -> Response {
    let page = Page {
        frame: frame(by, "Second factor"),
        is_required,
        recovery_codes: factor.recovery_codes,
        error,
    };
    layout::page(status, &page)
}

fn set_up_page(
    by: &Visitor,
    account: &str,
    is_required: bool,
    secret: &OneTimeSecret,
    [password_error, code_error]: [String; 2],
) -> Response {
    let link = secret.link(&format!("Oyez {account}"), &by.administrator.email);
    let is_right = password_error.is_empty() && code_error.is_empty();
    let status = if is_right {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let page = SetUp {
        frame: frame(by, "Second factor"),
        is_required,
        secret: secret.to_text(),
        picture: picture(&link),
        password_error,
        code_error,
    };
    layout::page(status, &page)
}

/// A text as a picture that a phone reads; none if it does not fit one.
fn picture(text: &str) -> String {
    let Ok(code) = QrCode::new(text) else {
        return String::new();
    };
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(PICTURE_WIDTH, PICTURE_WIDTH)
        .build();
    // What stands before the element is for files.
    svg.find("<svg")
        .and_then(|start| svg.get(start..))
        .unwrap_or_default()
        .to_owned()
}

/// Sets it up, if the password is right and the app tells a code of the secret.
pub(super) async fn set_up(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let Some(secret) = OneTimeSecret::read(posted.value("secret")) else {
        return Ok(Redirect::to(SECOND_FACTOR).into_response());
    };
    let mut reading = site.store().read().await?;
    let account = line::account_of(&mut reading, &by.account).await?;
    let is_required = reading.account(&by.account).requires_second_factor().await?;
    drop(reading);
    let refuse = |errors: [String; 2]| set_up_page(by, account.name.as_str(), is_required, &secret, errors);
    let tried = match tries::admit(&site, from, None) {
        Ok(tried) => tried,
        Err(text) => return Ok(refuse([text, String::new()])),
    };
    let found = SignedIn {
        account: by.account.clone(),
        administrator: by.administrator.clone(),
    };
    let password = posted.value("password").to_owned();
    if !is_right(&site, Some(&found), password).await {
        tried.was_wrong(&site);
        return Ok(refuse(["it is not your password".to_owned(), String::new()]));
    }
    let Some(step) = secret.step_of(posted.value("code"), one_time::seconds()) else {
        let text = "it is not the code that the app shows now; see that the clock of the phone and that of this service are right";
        return Ok(refuse([String::new(), text.to_owned()]));
    };
    let id = &by.administrator.id;
    let codes = one_time::draw_recovery_codes(id)?;
    let mut writing = site.store().write().await?;
    let kept = Secret::new(secret.to_text());
    let mut scope = writing.account(&by.account);
    if !scope.set_second_factor(id, &kept, step, &codes.hashes).await? {
        return Ok(Redirect::to(SECOND_FACTOR).into_response());
    }
    by.note(&mut writing, "set up second factor", String::new())
        .await?;
    let token = chance::token()?;
    let cookie = session::begin_with(&mut writing, id.clone(), &token).await?;
    writing.commit().await?;
    tried.was_right(&site);
    let by = by.with_token(token);
    Ok((cookie, codes_page(&by, codes.shown)).into_response())
}

fn codes_page(by: &Visitor, codes: Vec<String>) -> Response {
    let page = Codes {
        frame: frame(by, "Recovery codes"),
        codes,
    };
    layout::page(StatusCode::OK, &page)
}

/// Draws other recovery codes, for whoever proves the second factor once more.
pub(super) async fn renew_codes(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let (mut writing, tried) = match prove(&site, from, &posted).await? {
        Ok(proved) => proved,
        Err(refusal) => return Ok(refusal),
    };
    let codes = one_time::draw_recovery_codes(&by.administrator.id)?;
    let mut scope = writing.account(&by.account);
    scope
        .set_recovery_codes(&by.administrator.id, &codes.hashes)
        .await?;
    by.note(&mut writing, "make recovery codes", String::new())
        .await?;
    writing.commit().await?;
    tried.was_right(&site);
    Ok(codes_page(by, codes.shown))
}

/// Turns it off, for whoever proves it once more.
pub(super) async fn turn_off(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let (mut writing, tried) = match prove(&site, from, &posted).await? {
        Ok(proved) => proved,
        Err(refusal) => return Ok(refusal),
    };
    let mut scope = writing.account(&by.account);
    scope.remove_second_factor(&by.administrator.id).await?;
    by.note(&mut writing, "turn off second factor", String::new())
        .await?;
    writing.commit().await?;
    tried.was_right(&site);
    Ok(Redirect::to(SECOND_FACTOR).into_response())
}

/// Takes the code of the form, and gives the transaction that uses it up; or says what is wrong with it. Whoever tries too often does
/// not take the turn of writers.
async fn prove<'s>(
    site: &'s Site,
    from: SocketAddr,
    posted: &Posted,
) -> Result<Result<(Transaction<'s>, Try), Response>, Problem> {
    let by = &posted.by;
    let id = &by.administrator.id;
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let is_required = scope.requires_second_factor().await?;
    let Some(factor) = scope.second_factor(id).await? else {
        return Ok(Err(Redirect::to(SECOND_FACTOR).into_response()));
    };
    drop(reading);
    let tried = match tries::admit(site, from, Some(id)) {
        Ok(tried) => tried,
        Err(text) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Ok(Err(page(by, is_required, &factor, status, text)));
        }
    };
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let Some(factor) = scope.second_factor(id).await? else {
        return Ok(Err(Redirect::to(SECOND_FACTOR).into_response()));
    };
    if one_time::prove(&mut scope, id, &factor, posted.value("code")).await? == Proof::Wrong {
        tried.was_wrong(site);
        // Somebody has a session of theirs, and not their phone.
        by.note(&mut writing, "wrong code at second factor", String::new())
            .await?;
        writing.commit().await?;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let text = one_time::WRONG.to_owned();
        return Ok(Err(page(by, is_required, &factor, status, text)));
    }
    Ok(Ok((writing, tried)))
}
