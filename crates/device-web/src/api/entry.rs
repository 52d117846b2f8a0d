//! What every request to the API passes first.

use std::net::{IpAddr, SocketAddr};
use std::time::{Instant, SystemTime};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use model::config::{ApiAuthentication, ApiConfig};
use web::is_from_own_site;

use super::gate::{Asked, Refusal, Time};
use super::signature::{SignedBody, content_md5};
use super::{answer, body_length_max};
use crate::site::Site;

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Lets a request through to its call, or answers it. Every answer has a date: clients learn from it how far their clock is off.
pub(super) async fn admit(
    State(site): State<Site>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match enter(&site, from.ip(), request).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    };
    let date = httpdate::fmt_http_date(SystemTime::now());
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// The body is read when the head has been let in: who does not know the password makes nobody keep it.
async fn enter(site: &Site, from: IpAddr, request: Request) -> Result<Request, Response> {
    let Some(api) = site.appliance().settings().api() else {
        return Err(answer::off());
    };
    let refused = |refusal| answer::refused(refusal, api.authentication);
    let (parts, body) = request.into_parts();
    site.gate()
        .judge(time(), from, &api, &asked(&parts))
        .map_err(refused)?;
    // A browser that keeps a Basic password sends it with the forms of other sites too.
    if !is_from_own_site(&parts.headers) {
        let text = "the request was made by a page of another site";
        return Err(answer::failure(StatusCode::FORBIDDEN, text));
    }
    let length_max = body_length_max(&parts.method, &parts.uri);
    let Ok(body) = to_bytes(body, length_max).await else {
        let text = format!("the body is cut off or has more than {length_max} bytes");
        return Err(answer::failure(StatusCode::PAYLOAD_TOO_LARGE, &text));
    };
    if !is_signed(&api, &parts, &body) {
        site.gate().note_wrong(Instant::now(), from);
        return Err(refused(Refusal::Wrong));
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Says whether the body is the one that the head stands for.
fn is_signed(api: &ApiConfig, parts: &Parts, body: &[u8]) -> bool {
    match (api.authentication, text(parts, &CONTENT_MD5)) {
        (ApiAuthentication::Basic, _) => true,
        (ApiAuthentication::Hmac, Some(md5)) => md5.eq_ignore_ascii_case(&content_md5(body)),
        (ApiAuthentication::Hmac, None) => body.is_empty(),
    }
}

fn asked(parts: &Parts) -> Asked<'_> {
    let body = text(parts, &CONTENT_MD5).map(|content_md5| SignedBody {
        content_md5,
        content_type: text(parts, &header::CONTENT_TYPE).unwrap_or(""),
    });
    Asked {
        method: parts.method.as_str(),
        uri: parts.uri.path_and_query().map_or("", |uri| uri.as_str()),
        body,
        date: text(parts, &header::DATE)
            .and_then(|date| httpdate::parse_http_date(date).ok())
            .and_then(seconds),
        authorization: text(parts, &header::AUTHORIZATION),
    }
}

fn text<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

fn time() -> Time {
    Time {
        unix: seconds(SystemTime::now()).unwrap_or(0),
        now: Instant::now(),
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}
