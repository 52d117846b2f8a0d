//! Advanced Settings → Admin: the password of these pages.

use std::net::SocketAddr;
use std::time::Instant;

use askama::Template;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use tokio::task::spawn_blocking;

use super::entry::{cookie, told};
use super::layout::{self, Frame};
use super::signed_in::{Posted, SignedIn};
use crate::access::{Denial, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN};
use crate::site::Site;

#[derive(Template)]
#[template(path = "admin.html")]
struct Page {
    frame: Frame,
    length_min: usize,
    length_max: usize,
    error: String,
}

pub(super) async fn show(State(site): State<Site>, by: SignedIn) -> Response {
    page(&site, &by, StatusCode::OK, String::new())
}

pub(super) async fn change_password(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    posted: Posted,
) -> Response {
    let (old, new) = (posted.value("old").to_owned(), posted.value("new").to_owned());
    if posted.value("again") != new {
        let text = "The two new passwords differ. Type the same one twice.";
        return page(
            &site,
            &posted.by,
            StatusCode::UNPROCESSABLE_ENTITY,
            text.to_owned(),
        );
    }
    let access = site.clone();
    let change = move || {
        access
            .access()
            .change_password(Instant::now(), from.ip(), &old, &new)
    };
    match spawn_blocking(change).await.unwrap_or(Err(Denial::NotKept)) {
        Ok(token) => (cookie(&token), Redirect::to("/status")).into_response(),
        Err(denial) => {
            let (status, text) = told(denial, false);
            page(&site, &posted.by, status, text)
        }
    }
}

fn page(site: &Site, by: &SignedIn, status: StatusCode, error: String) -> Response {
    let page = Page {
        frame: Frame::new(site, by, "Advanced Settings → Admin", "/admin"),
        length_min: PASSWORD_LENGTH_MIN,
        length_max: PASSWORD_LENGTH_MAX,
        error,
    };
    layout::page(status, &page)
}
