//! Who asks: the session of a request, and forms that come from a page of that session.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use web::{cookie, is_from_own_site};

use super::layout;
use crate::access::Session;
use crate::site::Site;

/// The `__Host-` makes browsers refuse it from another host or without TLS.
pub(super) const COOKIE: &str = "__Host-oyez";
/// A session that is not used ends after this time.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(3600);

/// Somebody who has signed in.
pub(super) struct SignedIn {
    pub(super) session: Session,
    pub(super) token: String,
}

impl FromRequestParts<Site> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let token = cookie(&parts.headers, COOKIE).map(str::to_owned);
        let session = token
            .as_deref()
            .and_then(|token| site.access().session(Instant::now(), token, IDLE_MAX));
        match (session, token) {
            (Some(session), Some(token)) => Ok(Self { session, token }),
            _ => Err(sent_away(site)),
        }
    }
}

/// To where somebody who has not signed in has to go first.
fn sent_away(site: &Site) -> Response {
    let to = if site.access().is_claimed() {
        "/sign-in"
    } else {
        "/claim"
    };
    Redirect::to(to).into_response()
}

/// Somebody whose session goes on, in a request that the page makes by itself: it does not prolong the session, so that a page that is
/// left open keeps nobody signed in.
pub(super) struct Watching {
    pub(super) token: String,
}

impl FromRequestParts<Site> for Watching {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let token = cookie(&parts.headers, COOKIE).map(str::to_owned);
        token
            .filter(|token| site.access().has_session(Instant::now(), token, IDLE_MAX))
            .map(|token| Self { token })
            .ok_or_else(|| {
                if parts.headers.contains_key("HX-Request") {
                    // The script of the page goes there, where it would put what it was sent on to into the page.
                    (StatusCode::UNAUTHORIZED, [("HX-Redirect", "/sign-in")]).into_response()
                } else {
                    sent_away(site)
                }
            })
    }
}

/// The fields of a form that a page of the asker's session has sent.
pub(super) struct Posted {
    pub(super) by: SignedIn,
    pub(super) value_by_field: BTreeMap<String, String>,
}

impl Posted {
    pub(super) fn value(&self, field: &str) -> &str {
        self.value_by_field.get(field).map_or("", String::as_str)
    }
}

impl FromRequest<Site> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let by = SignedIn::from_request_parts(&mut parts, site).await?;
        if !is_from_own_site(&parts.headers) {
            return Err(forbidden());
        }
        let request = Request::from_parts(parts, body);
        let Form(fields) = Form::<Vec<(String, String)>>::from_request(request, site)
            .await
            .map_err(IntoResponse::into_response)?;
        // Of a check box and the hidden field beside it the later one counts.
        let posted = Self {
            by,
            value_by_field: fields.into_iter().collect(),
        };
        if posted.by.session.is_from_page(posted.value("csrf")) {
            Ok(posted)
        } else {
            Err(forbidden())
        }
    }
}

/// The answer to what no page of the asker's session has sent.
pub(super) fn forbidden() -> Response {
    layout::failure(
        StatusCode::FORBIDDEN,
        "This form was not sent by a page of your session. Open the page again and repeat what you did.",
    )
}
