//! The gate before every operation: who asks, whether one of their scopes opens it, and whether they ask too fast. It is the one
//! place where that is decided.

use std::time::Instant;

use axum::extract::{RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use model::AccountId;
use model::inventory::{ApiClient, TokenHash};
use sha2::{Digest, Sha256};

use crate::Api;
use crate::call::{Call, now};
use crate::operation::Operation;
use crate::refusal::{Refusal, Words};

/// Octets of a token at most; those that are given have fewer.
const TOKEN_LENGTH_MAX: usize = 512;

/// Lets a request pass, as the call it makes.
pub(crate) async fn pass(
    api: Api,
    operation: &Operation,
    path: &RawPathParams,
    parts: &Parts,
) -> Result<Call, Refusal> {
    let (token, account, client) = bearer(&api, &parts.headers).await?;
    let mut open_to = operation.classic.iter().chain(operation.granular);
    if !open_to.any(|scope| client.scopes.has(scope)) {
        return Err(Refusal::scope_missing(operation.granular));
    }
    if !api.rates().admit(&account, operation.rate, Instant::now()) {
        return Err(Refusal::too_fast());
    }
    let path = path
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let path = path.collect();
    for (name, words) in operation.words {
        is_one_of(&path, name, words)?;
    }
    Ok(Call {
        api,
        account,
        client,
        path,
        list: list_of(&parts.uri),
        token,
        last_event: header_text(&parts.headers, "last-event-id"),
    })
}

/// What no operation of the phone API answers.
pub(crate) async fn unknown(State(api): State<Api>, headers: HeaderMap) -> Response {
    told_if_known(&api, &headers, Refusal::no_operation())
        .await
        .told(Words::Codes)
}

/// What no operation of `/api/v1` answers.
pub(crate) async fn unknown_v1(State(api): State<Api>, headers: HeaderMap) -> Response {
    told_if_known(&api, &headers, Refusal::no_operation())
        .await
        .told(Words::Problems)
}

/// What a path of the phone API answers to a method that none of its operations has.
pub(crate) async fn other_method(State(api): State<Api>, headers: HeaderMap) -> Response {
    told_if_known(&api, &headers, Refusal::other_method())
        .await
        .told(Words::Codes)
}

/// What a path of `/api/v1` answers to a method that none of its operations has.
pub(crate) async fn other_method_v1(State(api): State<Api>, headers: HeaderMap) -> Response {
    told_if_known(&api, &headers, Refusal::other_method())
        .await
        .told(Words::Problems)
}

/// The refusal, or that nobody is known by what was sent.
async fn told_if_known(api: &Api, headers: &HeaderMap, refusal: Refusal) -> Refusal {
    match bearer(api, headers).await {
        Ok(_) => refusal,
        Err(nobody) => nobody,
    }
}

/// A token as it is stored.
pub(crate) fn hash_of(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn bearer(api: &Api, headers: &HeaderMap) -> Result<(TokenHash, AccountId, ApiClient), Refusal> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| token.len() <= TOKEN_LENGTH_MAX)
        .ok_or_else(Refusal::nobody)?;
    let mut reading = api.store().read().await?;
    let token = hash_of(token);
    let found = reading.bearer(token, now()).await?;
    let (account, client) = found.ok_or_else(Refusal::nobody)?;
    Ok((token, account, client))
}

fn is_one_of(
    path: &std::collections::BTreeMap<String, String>,
    name: &str,
    words: &[&str],
) -> Result<(), Refusal> {
    let word = path.get(name).map(String::as_str).unwrap_or_default();
    if words.contains(&word) {
        return Ok(());
    }
    let right = words.join(", ");
    Err(Refusal::invalid_field(name, format_args!("one of {right}")))
}

/// Names a list by what narrows it, whatever the order, and not by which part of it is asked for.
fn list_of(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let mut filters: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("next_page_token=") && !pair.starts_with("page_size="))
        .collect();
    filters.sort_unstable();
    format!("{}?{}", uri.path(), filters.join("&"))
}
