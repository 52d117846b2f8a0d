//! The password of the pages, whose form stands on Advanced Settings → Admin.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use tokio::task::spawn_blocking;

use super::entry::{cookie, told};
use super::settings::password_page;
use super::signed_in::Posted;
use crate::access::Denial;
use crate::site::Site;

pub(super) async fn change_password(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    posted: Posted,
) -> Response {
    let (old, new) = (posted.value("old").to_owned(), posted.value("new").to_owned());
    if posted.value("again") != new {
        let text = "The two new passwords differ. Type the same one twice.";
        return password_page(
            &site,
            &posted.by,
            StatusCode::UNPROCESSABLE_ENTITY,
            text.to_owned(),
        )
        .await;
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
            password_page(&site, &posted.by, status, text).await
        }
    }
}
