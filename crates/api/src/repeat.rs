//! Requests that may be repeated: a program that names each with a key of its own, and repeats one of which it does not know what has
//! become of it, gets the answer of the first, and nothing is done twice.

use std::sync::Weak;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::inventory::{ApiClientId, Timestamp, TokenHash};
use model::{AccountId, Secret};
use sha2::{Digest, Sha256};
use store::{Repeat, StoreError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{interval, sleep};

use crate::call::{Call, now};
use crate::refusal::Refusal;
use crate::{Api, Shared};

/// The header that names a request.
pub(crate) const HEADER: &str = "Idempotency-Key";
/// Octets of a key at most.
pub(crate) const KEY_LENGTH_MAX: usize = 255;
/// Octets of an answer that is kept; those to what makes or begins something have fewer.
const ANSWER_LENGTH_MAX: usize = 256 * 1_024;
/// Requests of which it is kept later what became of them, at a time: their answers stand in memory.
pub(crate) const LATE_ENDS_MAX: usize = 64;
/// How long after a try that the database did not take another is made; the pause doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Such tries at most: they take three quarters of an hour.
const LATE_TRIES_MAX: usize = 55;
/// How often it is looked whether the day of an answer is over.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// A request that was begun under a key.
pub(crate) struct Begun {
    pub(crate) api: Api,
    pub(crate) account: AccountId,
    pub(crate) client: ApiClientId,
    pub(crate) key: TokenHash,
    pub(crate) at: Timestamp,
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
    let at = now();
    let repeat = scope.begin_repeatable(&call.client.id, key, request, at).await?;
    writing.commit().await?;
    match repeat {
        Repeat::First => Ok(Turn::First(Begun {
            api: call.api.clone(),
            account: call.account.clone(),
            client: call.client.id.clone(),
            key,
            at,
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
                self.keep(Some((parts.status.as_u16(), text))).await;
                Ok(Response::from_parts(parts, Body::from(octets)))
            }
            Err(refusal) => {
                if !refusal.is_uncertain {
                    self.keep(None).await;
                }
                Err(refusal)
            }
        }
    }

    /// Keeps an answer, or forgets the request where there is none. Whoever asked is answered though the database cannot be written
    /// just then: it is kept later, and a repeat is told to look first until it is.
    async fn keep(self, answer: Option<(u16, Secret)>) {
        let Err(error) = self.try_to_keep(answer.as_ref()).await else {
            return;
        };
        tracing::warn!(%error, "what became of a request that may be repeated cannot be kept, and is tried again");
        match self.api.late_ends().try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(self.keep_late(answer, place))),
            Err(_) => tracing::warn!(
                "what became of {LATE_ENDS_MAX} requests waits for the database: of one more it is not kept"
            ),
        }
    }

    async fn keep_late(self, answer: Option<(u16, Secret)>, _place: OwnedSemaphorePermit) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..LATE_TRIES_MAX {
            sleep(pause).await;
            if self.try_to_keep(answer.as_ref()).await.is_ok() {
                return;
            }
            pause = LONGEST_PAUSE.min(pause.saturating_mul(2));
        }
        tracing::warn!("what became of a request that may be repeated is not kept");
    }

    async fn try_to_keep(&self, answer: Option<&(u16, Secret)>) -> Result<(), StoreError> {
        let mut writing = self.api.store().write().await?;
        let mut scope = writing.account(&self.account);
        match answer {
            Some((status, body)) => {
                let answer = (*status, body);
                scope
                    .answer_repeatable(&self.client, self.key, self.at, answer)
                    .await?;
            }
            None => {
                scope.forget_repeatable(&self.client, self.key, self.at).await?;
            }
        }
        writing.commit().await
    }
}

/// Forgets what is known of requests once its day is over, as long as there is the API: answers hold secrets.
pub(crate) async fn forget_overdue(api: Weak<Shared>) {
    let mut look = interval(FORGET_EVERY);
    loop {
        look.tick().await;
        let Some(api) = api.upgrade().map(Api) else {
            return;
        };
        if let Err(error) = forget_overdue_of(&api).await {
            tracing::warn!(%error, "answers to requests that may be repeated are kept for longer than a day");
        }
    }
}

async fn forget_overdue_of(api: &Api) -> Result<(), StoreError> {
    let mut writing = api.store().write().await?;
    writing.forget_overdue_repeats(now()).await?;
    writing.commit().await
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
