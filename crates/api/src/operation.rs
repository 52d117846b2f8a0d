//! An operation of an API: what the router, the gate and the document are made of.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Query, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::call::Call;
use crate::rate::Rate;
use crate::refusal::{Refusal, Words};
use crate::repeat::{self, Turn};
use crate::{Api, gate};

/// Octets of a body of JSON.
const JSON_LENGTH_MAX: usize = 256 * 1024;

type Run = Arc<dyn Fn(Call, &Uri, &Bytes) -> Running + Send + Sync>;
type Running = Pin<Box<dyn Future<Output = Result<Response, Refusal>> + Send>>;
type Form = fn(&mut SchemaGenerator) -> Option<Schema>;

/// An operation. One that names no scope is open to nobody.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// Each of these is enough: the wide ones.
    pub(crate) classic: &'static [&'static str],
    /// And each of these.
    pub(crate) granular: &'static [&'static str],
    pub(crate) rate: Rate,
    pub(crate) query: Form,
    pub(crate) body: Form,
    pub(crate) answer: (u16, Form),
    /// Statuses with the codes that come with them, besides those of every operation.
    pub(crate) refusals: &'static [(u16, &'static [u32])],
    /// The words that may stand at a name of the path.
    pub(crate) words: &'static [(&'static str, &'static [&'static str])],
    /// What its body and its answer are.
    pub(crate) content: (&'static str, &'static str),
    /// Octets of a body at most.
    body_max: usize,
    run: Run,
}

/// What may stand in a body.
pub(crate) trait Body: Sized {
    /// Its content type.
    const CONTENT: &'static str = "application/json";
    /// Its octets at most.
    const LENGTH_MAX: usize = JSON_LENGTH_MAX;

    /// Reads it, or says where it is wrong.
    fn read(octets: &Bytes) -> Result<Self, Refusal>;
    /// Its form; none where there is no body.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;
}

/// No parameters, or no body.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

/// A body of JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl Body for Nothing {
    fn read(_: &Bytes) -> Result<Self, Refusal> {
        Ok(Self {})
    }

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
}

impl<T: DeserializeOwned + JsonSchema> Body for Json<T> {
    fn read(octets: &Bytes) -> Result<Self, Refusal> {
        let mut reader = serde_json::Deserializer::from_slice(octets);
        let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let place = error.path().to_string();
            let place = if place == "." { "body" } else { &place };
            Refusal::invalid_field(place, error.inner())
        })?;
        reader
            .end()
            .map_err(|error| Refusal::invalid_field("body", error))?;
        Ok(Self(read))
    }

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(T::json_schema(generator))
    }
}

impl Operation {
    /// Makes one of what carries it out. Its parameters, its body and its answer are those of the function.
    pub(crate) fn new<Q, B, A, F, R>(
        method: Method,
        path: &'static str,
        id: &'static str,
        carry_out: F,
    ) -> Self
    where
        Q: DeserializeOwned + JsonSchema,
        B: Body,
        A: Answer,
        F: Fn(Call, Q, B) -> R + Send + Sync + 'static,
        R: Future<Output = Result<A, Refusal>> + Send + 'static,
    {
        let run = move |call: Call, uri: &Uri, octets: &Bytes| -> Running {
            match read::<Q, B>(uri, octets) {
                Ok((query, body)) => {
                    let running = carry_out(call, query, body);
                    Box::pin(async move { running.await.map(IntoResponse::into_response) })
                }
                Err(refusal) => Box::pin(async move { Err(refusal) }),
            }
        };
        Self {
            method,
            path,
            id,
            summary: "",
            classic: &[],
            granular: &[],
            rate: Rate::Light,
            query: |generator| Some(Q::json_schema(generator)),
            body: B::schema,
            answer: (A::STATUS.as_u16(), A::schema),
            refusals: &[],
            words: &[],
            content: (B::CONTENT, A::CONTENT),
            body_max: B::LENGTH_MAX,
            run: Arc::new(run),
        }
    }

    /// Says what it does.
    pub(crate) fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Opens it to whoever has one of these scopes.
    pub(crate) fn scopes(
        mut self,
        classic: &'static [&'static str],
        granular: &'static [&'static str],
    ) -> Self {
        (self.classic, self.granular) = (classic, granular);
        self
    }

    /// Says what it costs.
    pub(crate) fn rate(mut self, rate: Rate) -> Self {
        self.rate = rate;
        self
    }

    /// Names the codes it refuses with.
    pub(crate) fn refuses(mut self, refusals: &'static [(u16, &'static [u32])]) -> Self {
        self.refusals = refusals;
        self
    }

    /// Names the words that may stand at a name of its path.
    pub(crate) fn words(mut self, words: &'static [(&'static str, &'static [&'static str])]) -> Self {
        self.words = words;
        self
    }

    /// The route to it, behind the gate; what it refuses is told in the words of its API.
    pub(crate) fn route(self, words: Words) -> MethodRouter<Api> {
        let filter = MethodFilter::try_from(self.method.clone()).unwrap_or(MethodFilter::GET);
        let operation = Arc::new(self);
        on(
            filter,
            move |State(api): State<Api>, path: RawPathParams, request: Request| {
                let operation = Arc::clone(&operation);
                async move {
                    let served = serve(api, &operation, &path, request).await;
                    served.unwrap_or_else(|refusal| refusal.told(words))
                }
            },
        )
    }
}

fn read<Q: DeserializeOwned, B: Body>(uri: &Uri, octets: &Bytes) -> Result<(Q, B), Refusal> {
    let Query(query) = Query::<Q>::try_from_uri(uri).map_err(|error| {
        let text = error.body_text();
        Refusal::invalid(format_args!("Validation failed. {text}"))
    })?;
    Ok((query, B::read(octets)?))
}

async fn serve(
    api: Api,
    operation: &Operation,
    path: &RawPathParams,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let call = gate::pass(api.clone(), operation, path, &parts).await?;
    // Large bodies and what is made of them stand in memory.
    let is_large = operation.body_max > JSON_LENGTH_MAX;
    let place = is_large.then(|| api.uploads().try_acquire_owned()).transpose();
    let place = place.map_err(|_| {
        Refusal::no_room("Too many sounds are being sent. Try again when one of them has arrived.")
    })?;
    let octets = to_bytes(body, operation.body_max)
        .await
        .map_err(|_| Refusal::invalid_field("body", "it is too long, or broke off"))?;
    let is_safe = parts.method.is_safe();
    let run = Arc::clone(&operation.run);
    let running = async move {
        let _place = place;
        carry_out(&run, call, &parts, &octets).await
    };
    if is_safe {
        return running.await;
    }
    // What was begun is brought to its end, also when whoever asked has gone.
    let ended = tokio::spawn(running).await;
    ended.unwrap_or_else(|_| Err(Refusal::broken_off()))
}

/// Carries a request out, unless it was carried out before.
async fn carry_out(run: &Run, call: Call, parts: &Parts, octets: &Bytes) -> Result<Response, Refusal> {
    match repeat::look_up(&call, parts, octets).await? {
        Turn::Answered(response) => Ok(response),
        Turn::Plain => run(call, &parts.uri, octets).await,
        Turn::First(begun) => begun.end(run(call, &parts.uri, octets).await).await,
    }
}
