//! The one-time link of an invitation, by which somebody chooses a password; and changing one's own.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use model::inventory::AuditEntry;
use store::SignedIn;
use web::is_from_own_site;

use super::form::{Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, OWN_TABS};
use super::password_choice::{self, Asked, Choice, Page, hashed};
use super::problem::{Problem, failure, foreign_form};
use super::sign_in::is_right;
use super::{Site, now, session, tries};
use crate::provisioning::sha256;

const WELCOME: &str = "You were invited.";

pub(super) async fn show(State(site): State<Site>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    // Other sites can have a browser come here, and shall not make its owner wait: such tries are not counted.
    let hash = sha256(asked.token.as_bytes());
    let who = site.store().read().await?.invited(hash, now()).await?;
    Ok(who.map_or_else(not_good, |who| page(asked.token, who).answer()))
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
    let who = match invited(&site, from, &choice.token).await? {
        Ok(who) => who,
        Err(refusal) => return Ok(refusal),
    };
    let hash = match password_choice::chosen(&site, choice.password, &choice.again).await {
        Ok(hash) => hash,
        Err(why) => return Ok(page(choice.token, who).refuse(why)),
    };
    let mut writing = site.store().write().await?;
    // Of two who use it at once the second comes too late.
    let token = sha256(choice.token.as_bytes());
    let Some(who) = writing.invited(token, now()).await? else {
        return Ok(not_good());
    };
    let administrator = &who.administrator;
    let mut scope = writing.account(&who.account);
    scope.set_password(&administrator.id, &hash).await?;
    scope.end_invitations(&administrator.id).await?;
    let entry = AuditEntry {
        at: now(),
        by: administrator.email.clone(),
        action: "choose password".to_owned(),
        detail: "by the link of an invitation".to_owned(),
    };
    scope.add_audit(&entry).await?;
    let admitted = session::admit(&mut writing, &who, None).await?;
    writing.commit().await?;
    Ok((admitted.cookie, Redirect::to(&admitted.to)).into_response())
}

/// Who is invited, or the answer to a token that is not good; wrong ones are slowed down like wrong passwords.
async fn invited(site: &Site, from: SocketAddr, token: &str) -> Result<Result<SignedIn, Response>, Problem> {
    let tried = match tries::admit(site, from, None) {
        Ok(tried) => tried,
        Err(text) => return Ok(Err(failure(StatusCode::TOO_MANY_REQUESTS, "Not done", &text))),
    };
    let hash = sha256(token.as_bytes());
    let Some(who) = site.store().read().await?.invited(hash, now()).await? else {
        tried.was_wrong(site);
        return Ok(Err(not_good()));
    };
    tried.was_right(site);
    Ok(Ok(who))
}

fn not_good() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "Not permitted",
        "This link is not good: it is wrong, too old, or has been used. Ask an owner for another.",
    )
}

fn page(token: String, who: SignedIn) -> Page {
    Page::new("/invited", WELCOME, token, who.administrator.email)
}

fn own_fields() -> [Field; 3] {
    [
        Field::new("password", "Password", "The one you have.", Control::Password),
        Field::new("new", "New password", "At least 8 characters.", Control::Password),
        Field::new("again", "The same again", "", Control::Password),
    ]
}

fn own_page(by: &Visitor, fields: [Field; 3]) -> FormPage {
    FormPage {
        frame: Frame::new(by, "Change your password", "/password").with_tabs(OWN_TABS),
        introduction: "Saving signs you out everywhere else.",
        action: "/password".to_owned(),
        back: "/".to_owned(),
        hidden: Vec::new(),
        fields: fields.into(),
        button: SAVE,
        removal: None,
    }
}

pub(super) async fn show_own(Extension(by): Extension<Visitor>) -> Response {
    own_page(&by, own_fields()).answer()
}

pub(super) async fn change_own(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut fields = own_fields();
    let [password, new, again] = &mut fields;
    let tried = match tries::admit(&site, from, None) {
        Ok(tried) => tried,
        Err(text) => {
            password.refuse(&text);
            return Ok(own_page(by, fields).answer());
        }
    };
    let found = SignedIn {
        account: by.account.clone(),
        administrator: by.administrator.clone(),
    };
    if !is_right(&site, Some(&found), posted.value("password").to_owned()).await {
        tried.was_wrong(&site);
        password.refuse("it is not your password");
        return Ok(own_page(by, fields).answer());
    }
    tried.was_right(&site);
    if posted.value("new") != posted.value("again") {
        again.refuse("type the same password twice");
        return Ok(own_page(by, fields).answer());
    }
    let Some(hash) = hashed(&site, posted.value("new").to_owned()).await else {
        new.refuse("choose one of at least 8 characters, and not above 256");
        return Ok(own_page(by, fields).answer());
    };
    let id = by.administrator.id.clone();
    let mut writing = site.store().write().await?;
    writing.account(&by.account).set_password(&id, &hash).await?;
    by.note(&mut writing, "change password", String::new()).await?;
    let cookie = session::begin(&mut writing, id).await?;
    writing.commit().await?;
    Ok((cookie, Redirect::to("/")).into_response())
}
