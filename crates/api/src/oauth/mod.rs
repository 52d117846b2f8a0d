//! `/oauth/token`: a program proves who it is with its secret, and gets a token for an hour.

use std::net::SocketAddr;
use std::time::Instant;

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::AccountId;
use model::inventory::{ApiClient, ApiClientId, AuditEntry};
use serde::{Deserialize, Serialize};
use store::StoreError;
use subtle::ConstantTimeEq as _;

use crate::Api;
use crate::call::now;
use crate::gate::hash_of;
use crate::refusal::Refusal;

/// How long a token is good.
pub(crate) const TOKEN_LIFE_SECONDS: u64 = 3_600;
/// The one way to a token there is.
const GRANT: &str = "account_credentials";
/// Octets of a form.
const FORM_LENGTH_MAX: usize = 8 * 1024;
/// Octets of a secret at most; those that are drawn have fewer.
const SECRET_LENGTH_MAX: usize = 512;

/// Parameters, which clients send in the query or in a form.
#[derive(Default, Deserialize)]
struct Asked {
    grant_type: Option<String>,
    account_id: Option<String>,
}

#[derive(Serialize)]
struct Token {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    /// What stands before the paths of both APIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_url: Option<String>,
}

/// Why there is no token, in the words of RFC 6749.
struct NoToken {
    status: StatusCode,
    error: &'static str,
    reason: String,
    wait_seconds: Option<u64>,
}

pub(crate) async fn give_token(
    State(api): State<Api>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(form) = to_bytes(body, FORM_LENGTH_MAX).await else {
        return NoToken::bad("invalid_request", "the form is too long, or broke off").into_response();
    };
    match give(&api, from, &parts.uri, &parts.headers, &form).await {
        Ok(Ok(token)) => Json(token).into_response(),
        Ok(Err(refused)) => refused.into_response(),
        Err(error) => Refusal::from(error).into_response(),
    }
}

/// What is answered to a method by which no token is given.
pub(crate) async fn other_method() -> Response {
    let refused = NoToken::bad("invalid_request", "a token is asked for with POST");
    let refused = NoToken {
        status: StatusCode::METHOD_NOT_ALLOWED,
        ..refused
    };
    refused.into_response()
}

async fn give(
    api: &Api,
    from: SocketAddr,
    uri: &Uri,
    headers: &HeaderMap,
    form: &Bytes,
) -> Result<Result<Token, NoToken>, StoreError> {
    // It is never closed; without it a try is looked at all the same.
    let turn = api.tries().acquire().await;
    if let Err(refused) = admit(api, from) {
        return Ok(Err(refused));
    }
    let (account, client) = match proved(api, uri, headers, form).await? {
        Ok(proved) => proved,
        Err(refused) => {
            let mut throttle = api.throttle();
            throttle.note_failure(Instant::now(), from.ip());
            if throttle.begin_telling(from.ip()) {
                api.alarms().raise_guessed(from.ip());
            }
            return Ok(Err(refused));
        }
    };
    api.throttle().forgive(from.ip());
    drop(turn);
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(|_| StoreError::NoRandomness)?;
    let token = URL_SAFE_NO_PAD.encode(octets);
    let expires_at = now().after_seconds(TOKEN_LIFE_SECONDS);
    let mut writing = api.store().write().await?;
    let mut scope = writing.account(&account);
    let is_kept = scope
        .add_api_token(&client.id, hash_of(&token), expires_at, now())
        .await?;
    if !is_kept {
        return Ok(Err(NoToken::wrong_client()));
    }
    let entry = AuditEntry {
        at: now(),
        by: format!("API client {}", client.name),
        action: "get token".to_owned(),
        detail: format!("from {}", from.ip().to_canonical()),
    };
    scope.add_audit_of_program(&entry).await?;
    writing.commit().await?;
    Ok(Ok(Token {
        access_token: token,
        token_type: "bearer",
        expires_in: TOKEN_LIFE_SECONDS,
        scope: client.scopes.to_string(),
        api_url: api.setup().url.get().cloned(),
    }))
}

/// Finds the program that asks, if its secret is right.
async fn proved(
    api: &Api,
    uri: &Uri,
    headers: &HeaderMap,
    form: &Bytes,
) -> Result<Result<(AccountId, ApiClient), NoToken>, StoreError> {
    let asked = asked(uri, form);
    match asked.grant_type.as_deref() {
        Some(GRANT) => {}
        None | Some("") => {
            return Ok(Err(NoToken::bad(
                "invalid_request",
                "grant_type is missing: send account_credentials",
            )));
        }
        Some(_) => {
            return Ok(Err(NoToken::bad(
                "unsupported_grant_type",
                "unsupported grant type: send account_credentials",
            )));
        }
    }
    let Some((id, secret)) = basic(headers) else {
        return Ok(Err(NoToken::wrong_client()));
    };
    let found = match id.parse::<ApiClientId>() {
        Ok(id) => api.store().read().await?.api_client(&id).await?,
        Err(_) => None,
    };
    let is_right = |client: &ApiClient| bool::from(hash_of(&secret).0.ct_eq(&client.secret.0));
    let Some((account, client)) = found.filter(|(_, client)| is_right(client)) else {
        return Ok(Err(NoToken::wrong_client()));
    };
    if asked.account_id.as_deref() != Some(account.as_str()) {
        let reason = "account_id is missing, or is not the account of this client";
        return Ok(Err(NoToken::bad("invalid_request", reason)));
    }
    Ok(Ok((account, client)))
}

/// Reads the parameters; those of the form fill in what the query does not say.
fn asked(uri: &Uri, form: &Bytes) -> Asked {
    let query = Query::<Asked>::try_from_uri(uri).map(|Query(asked)| asked);
    let query = query.unwrap_or_default();
    let form = std::str::from_utf8(form)
        .ok()
        .and_then(|form| format!("/?{}", form.trim()).parse::<Uri>().ok())
        .and_then(|uri| Query::<Asked>::try_from_uri(&uri).ok())
        .map(|Query(asked)| asked)
        .unwrap_or_default();
    Asked {
        grant_type: query.grant_type.or(form.grant_type),
        account_id: query.account_id.or(form.account_id),
    }
}

/// Reads id and secret of a program.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    (secret.len() <= SECRET_LENGTH_MAX).then(|| (id.to_owned(), secret.to_owned()))
}

/// Lets a try be looked at, or says how long to wait.
fn admit(api: &Api, from: SocketAddr) -> Result<(), NoToken> {
    let wait = api.throttle().admit(Instant::now(), from.ip());
    wait.map_err(|wait| {
        let seconds = wait.as_secs().saturating_add(1);
        NoToken {
            status: StatusCode::TOO_MANY_REQUESTS,
            error: "invalid_request",
            reason: format!("there were too many wrong tries; try again in {seconds} s"),
            wait_seconds: Some(seconds),
        }
    })
}

impl NoToken {
    fn bad(error: &'static str, reason: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            reason: reason.to_owned(),
            wait_seconds: None,
        }
    }

    fn wrong_client() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::bad("invalid_client", "Invalid client_id or client_secret")
        }
    }
}

impl IntoResponse for NoToken {
    fn into_response(self) -> Response {
        let text = serde_json::json!({ "reason": self.reason, "error": self.error });
        let mut response = (self.status, Json(text)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            //= https://www.rfc-editor.org/rfc/rfc7617#section-2
            //# The authentication parameter 'realm' is REQUIRED
            let challenge = HeaderValue::from_static("Basic realm=\"Oyez API\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.wait_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
