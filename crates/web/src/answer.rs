//! What the sites answer with: pages and cookies.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// Makes an answer of a page.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The value of the cookie of a name that a browser has sent.
#[must_use]
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// The header by which a browser keeps a cookie until it is closed; it sends it over TLS, to this site and from its pages alone.
#[must_use]
pub fn set_cookie(name: &str, value: &str) -> HeaderMap {
    cookie_header(&format!(
        "{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict"
    ))
}

/// The header by which a browser forgets a cookie.
#[must_use]
pub fn forget_cookie(name: &str) -> HeaderMap {
    cookie_header(&format!(
        "{name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"
    ))
}

fn cookie_header(text: &str) -> HeaderMap {
    let value = HeaderValue::from_str(text).map(|value| (header::SET_COOKIE, value));
    value.into_iter().collect()
}
