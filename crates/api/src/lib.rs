//! What programs ask the service: tokens by `/oauth/token`; the phone API under `/v2/phone`, so that scripts that were written for
//! that API work with another base address; and under `/api/v1` what that API has no words for.
//!
//! One table of operations of each is what the router, the gate before it, and the OpenAPI document are made of. Nobody is known by a
//! cookie here, so no page of another site can have a browser ask anything.
//!
//! What this crate deliberately does not do: it decides no rule of its own. Which extension may stand where is said by `model`, and
//! the pages of the portal go by the same.

mod answer;
mod asking;
mod call;
mod cursor;
mod document;
mod gate;
mod happenings;
mod oauth;
mod operation;
mod phone;
mod rate;
mod refusal;
mod repeat;
#[cfg(test)]
mod tests;
mod v1;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get, post};
use model::AccountId;
use model::inventory::{SiteId, Uplink};
use portal::alarm_queue::AlarmQueue;
use portal::alarms::GUESSED_SECRETS;
use portal::talk::TalkDesk;
use registrations::{Registrations, Resync};
use store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use web::{Throttle, bound, harden};

pub use document::{phone_document, v1_document};
pub use happenings::{HAPPENINGS_MAX, HappeningKind, Happenings};

use asking::TELLING_MAX;
use cursor::Cursors;
use rate::Rates;
use refusal::{Refusal, Words};
use repeat::LATE_ENDS_MAX;
use v1::Streams;

/// Tries to get a token that are looked at together: so many wrong ones may be made past what the throttle lets through.
const TRIES_AT_A_TIME: usize = 4;

/// Sounds that are sent and read at a time: each takes memory.
const UPLOADS_AT_A_TIME: usize = 2;

/// What the API is made of.
pub struct ApiSetup {
    /// What is known.
    pub store: Arc<Store>,
    /// Who is registered.
    pub registrations: Arc<Registrations>,
    /// Where devices are sent to register.
    pub uplink: Uplink,
    /// Where devices fetch their configuration.
    pub provisioning_url: String,
    /// Where the API is reached, once it is known where it listens; those who are given a token are told.
    pub url: Arc<OnceLock<String>>,
    /// Where a device can be told to restart; none where no zone runs beside the API.
    pub resyncs: Option<mpsc::Sender<Resync>>,
    /// Where something can be spoken; none where no zone runs beside the API.
    pub talk: Option<TalkDesk>,
    /// What happens.
    pub happenings: Arc<Happenings>,
}

/// Makes the API, to be served beside the portal. It answers under `/oauth`, `/v2` and `/api/v1`. It needs a runtime: what is known of
/// requests is forgotten in time.
///
/// # Errors
///
/// When the system gives no random numbers.
pub fn router(setup: ApiSetup) -> Result<Router, getrandom::Error> {
    let api = Api::new(setup)?;
    tokio::spawn(repeat::forget_overdue(Arc::downgrade(&api.0)));
    let tokens = Router::new()
        .route("/oauth/token", post(oauth::give_token))
        .method_not_allowed_fallback(oauth::other_method)
        .layer(from_fn(in_time_of_codes));
    let mut phone = Router::new()
        .route("/v2/openapi.json", get(document::show_phone))
        .route("/v2/{*path}", any(gate::unknown));
    for operation in phone::operations() {
        let path = format!("{}{}", phone::BASE, operation.path);
        phone = phone.route(&path, operation.route(Words::Codes));
    }
    let mut v1 = Router::new()
        .route("/api/v1/openapi.json", get(document::show_v1))
        .route("/api/v1/{*path}", any(gate::unknown_v1));
    for operation in v1::operations() {
        let path = format!("{}{}", v1::BASE, operation.path);
        v1 = v1.route(&path, operation.route(Words::Problems));
    }
    let phone = phone
        .method_not_allowed_fallback(gate::other_method)
        .layer(from_fn(in_time_of_codes));
    let v1 = v1
        .method_not_allowed_fallback(gate::other_method_v1)
        .layer(from_fn(in_time_of_problems));
    Ok(phone
        .merge(v1)
        .merge(tokens)
        .layer(from_fn(harden))
        .with_state(api))
}

async fn in_time_of_codes(request: Request, next: Next) -> Response {
    in_time(Words::Codes, request, next).await
}

async fn in_time_of_problems(request: Request, next: Next) -> Response {
    in_time(Words::Problems, request, next).await
}

/// Says in the words of an API that a request has taken too long.
async fn in_time(words: Words, request: Request, next: Next) -> Response {
    let response = bound(request, next).await;
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        return Refusal::late().told(words);
    }
    response
}

/// What every operation has at hand.
#[derive(Clone)]
struct Api(Arc<Shared>);

struct Shared {
    setup: ApiSetup,
    /// Places of requests of which it is kept later what became of them.
    late_ends: Arc<Semaphore>,
    /// Tells the events of this process from those of another.
    process: u64,
    streams: Arc<Streams>,
    /// Places of sounds that are being sent.
    uploads: Arc<Semaphore>,
    cursors: Cursors,
    /// Wrong tries to get a token.
    throttle: Mutex<Throttle>,
    /// Who is told of them.
    alarms: AlarmQueue,
    /// Tries to get a token that are being looked at; the others wait for their turn.
    tries: Semaphore,
    rates: Mutex<Rates>,
    /// Places of changes of which several devices are being told.
    tellings: Arc<Semaphore>,
    /// When devices of an account or of a site were last told to fetch their configuration.
    syncs: Mutex<BTreeMap<Synced, Instant>>,
}

type Synced = (AccountId, Option<SiteId>);

impl Api {
    fn new(setup: ApiSetup) -> Result<Self, getrandom::Error> {
        let mut process = [0; 8];
        getrandom::fill(&mut process)?;
        Ok(Self(Arc::new(Shared {
            alarms: AlarmQueue::new(&setup.store, "API", GUESSED_SECRETS),
            setup,
            late_ends: Arc::new(Semaphore::new(LATE_ENDS_MAX)),
            process: u64::from_le_bytes(process),
            streams: Arc::default(),
            uploads: Arc::new(Semaphore::new(UPLOADS_AT_A_TIME)),
            cursors: Cursors::draw()?,
            throttle: Mutex::default(),
            tries: Semaphore::new(TRIES_AT_A_TIME),
            rates: Mutex::default(),
            tellings: Arc::new(Semaphore::new(TELLING_MAX)),
            syncs: Mutex::default(),
        })))
    }

    fn store(&self) -> &Store {
        &self.0.setup.store
    }

    fn setup(&self) -> &ApiSetup {
        &self.0.setup
    }

    /// A place for a change of which several devices are told; none where there are too many.
    fn telling(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.tellings).try_acquire_owned().ok()
    }

    fn cursors(&self) -> &Cursors {
        &self.0.cursors
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.0.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alarms(&self) -> &AlarmQueue {
        &self.0.alarms
    }

    /// Says whether an order to fetch is taken.
    fn may_sync(&self, whom: &Synced, now: Instant, pause: Duration) -> bool {
        let mut syncs = self.0.syncs.lock().unwrap_or_else(PoisonError::into_inner);
        syncs.retain(|_, last| now.saturating_duration_since(*last) < pause);
        !syncs.contains_key(whom)
    }

    /// Notes that an order to fetch was taken.
    fn note_sync(&self, whom: Synced, now: Instant) {
        let mut syncs = self.0.syncs.lock().unwrap_or_else(PoisonError::into_inner);
        syncs.insert(whom, now);
    }

    fn process(&self) -> u64 {
        self.0.process
    }

    fn streams(&self) -> &Arc<Streams> {
        &self.0.streams
    }

    fn uploads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.uploads)
    }

    fn late_ends(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.late_ends)
    }

    fn tries(&self) -> &Semaphore {
        &self.0.tries
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.0.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ApiSetup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiSetup")
    }
}
