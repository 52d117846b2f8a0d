//! Requests that may be repeated: a program that names each with a key of its own, and repeats one of which it does not know what has
//! become of it, gets the answer of the first, and nothing is done twice.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::inventory::{ApiClientId, TokenHash};
use model::{AccountId, Secret};
use sha2::{Digest, Sha256};
use store::{Repeat, StoreError};

use crate::Api;
use crate::call::{Call, now};
use crate::refusal::Refusal;

/// The header that names a request.
pub(crate) const HEADER: &str = "Idempotency-Key";
/// Octets of a key at most.
pub(crate) const KEY_LENGTH_MAX: usize = 255;
/// Octets of an answer that is kept; those to what makes or begins something have fewer.
const ANSWER_LENGTH_MAX: usize = 256 * 1_024;

/// A request that was begun under a key.
pub(crate) struct Begun {
    api: Api,
    account: AccountId,
    client: ApiClientId,
    key: TokenHash,
}

/// What is to be done with a request.
pub(crate) enum Turn {
    /// It has no key, and is carried out.
    Plain,
    /// It is carried out, and its answer kept.
    First(Begun),
    /// It was carried out.
    Answered(Response),
}

/// Says whether requests of a method may have a key: the others can be repeated without one.
pub(crate) fn takes_key(method: &Method) -> bool {
    *method == Method::POST
}

/// Looks a request up by its key.
pub(crate) async fn look_up(call: &Call, parts: &Parts, body: &Bytes) -> Result<Turn, Refusal> {
    let key = takes_key(&parts.method).then(|| key_of(&parts.headers));
    let Some(key) = key.transpose()?.flatten() else {
        return Ok(Turn::Plain);
    };
    let request = fingerprint(parts, body);
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let repeat = scope
        .begin_repeatable(&call.client.id, key, request, now())
        .await?;
    writing.commit().await?;
    match repeat {
        Repeat::First => Ok(Turn::First(Begun {
            api: call.api.clone(),
            account: call.account.clone(),
            client: call.client.id.clone(),
            key,
        })),
        Repeat::Answered { status, body } => Ok(Turn::Answered(answered(status, body.reveal()))),
        Repeat::Begun => Err(Refusal::coded(
            409,
            format_args!(
                "A request with this {HEADER} is being carried out, or it is not known what became of it. Repeat it in a moment; if \
                 this is answered again, read what is there before asking with another key."
            ),
        )),
        Repeat::Other => Err(Refusal::coded(
            409,
            format_args!("Another request had this {HEADER}. Give each request a key of its own."),
        )),
    }
}

impl Begun {
    /// Keeps the answer. What was refused has changed nothing and may be tried again, unless nobody knows.
    pub(crate) async fn end(self, served: Result<Response, Refusal>) -> Result<Response, Refusal> {
        match served {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let octets = to_bytes(body, ANSWER_LENGTH_MAX).await.unwrap_or_default();
                let text = Secret::new(String::from_utf8_lossy(&octets).into_owned());
                log(self.keep(Some((parts.status.as_u16(), &text))).await);
                Ok(Response::from_parts(parts, Body::from(octets)))
            }
            Err(refusal) => {
                if !refusal.is_uncertain {
                    log(self.keep(None).await);
                }
                Err(refusal)
            }
        }
    }

    async fn keep(&self, answer: Option<(u16, &Secret)>) -> Result<(), StoreError> {
        let mut writing = self.api.store().write().await?;
        let mut scope = writing.account(&self.account);
        match answer {
            Some(answer) => scope.answer_repeatable(&self.client, self.key, answer).await?,
            None => scope.forget_repeatable(&self.client, self.key).await?,
        }
        writing.commit().await
    }
}

/// What was done is answered though it cannot be kept: a repeat is told to look first.
fn log(kept: Result<(), StoreError>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "the answer to a request that may be repeated cannot be kept");
    }
}

fn answered(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if body.is_empty() {
        return status.into_response();
    }
    let content = [(header::CONTENT_TYPE, "application/json")];
    (status, content, body.to_owned()).into_response()
}

fn fingerprint(parts: &Parts, body: &Bytes) -> TokenHash {
    let mut request = Sha256::new();
    for part in [
        parts.method.as_str().as_bytes(),
        parts.uri.to_string().as_bytes(),
        body,
    ] {
        request.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        request.update(part);
    }
    TokenHash(request.finalize().into())
}

fn key_of(headers: &HeaderMap) -> Result<Option<TokenHash>, Refusal> {
    let Some(key) = headers.get(HEADER) else {
        return Ok(None);
    };
    let key = key.as_bytes();
    if key.is_empty() || key.len() > KEY_LENGTH_MAX {
        let error = format!("1 to {KEY_LENGTH_MAX} characters, drawn for this request");
        return Err(Refusal::invalid_field(HEADER, error));
    }
    Ok(Some(TokenHash(Sha256::digest(key).into())))
}
