//! `GET /events`: what happens, as server-sent events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::inventory::{ApiClientId, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::READ;
use crate::answer::Answer;
use crate::call::{Call, now};
use crate::happenings::{Happening, HappeningKind};
use crate::operation::{Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Streams of one client at a time.
pub(crate) const STREAMS_PER_CLIENT_MAX: usize = 4;
/// Streams of all clients at a time: a part of the connections that the portal takes.
pub(crate) const STREAMS_MAX: usize = 64;
/// A stream that says nothing for so long says that it is alive, and it is looked whether the token is still good.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Lines that wait for a client that reads slowly; what has happened meanwhile waits where it is kept.
const LINES_KEPT: usize = 16;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/events", "listenToEvents", listen)
            .summary("Listen to what happens, as server-sent events")
            .scopes(READ, &["oyez:events:read"])
            .rate(Rate::Light),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// Which kinds, with commas between them: registration, page, alert, attempt, directory. All where it is left out.
    types: Option<String>,
    /// Ends the stream after so many seconds; it ends with the token in any case.
    #[schemars(range(min = 1, max = 86_400))]
    max_seconds: Option<u32>,
}

/// Streams that are open, by client.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<BTreeMap<ApiClientId, usize>>);

/// A place among the streams, which is given back when it is dropped.
struct Place {
    streams: Arc<Streams>,
    client: ApiClientId,
}

/// What is written to a client, line by line.
struct Stream(mpsc::Receiver<String>);

/// One who listens.
struct Listener {
    call: Call,
    kinds: Vec<HappeningKind>,
    lines: mpsc::Sender<String>,
    /// Up to which number everything was told.
    told: u64,
    /// This process, in the ids of its events.
    process: u64,
    ends: Instant,
    _place: Place,
}

async fn listen(call: Call, asked: Asked, _: Nothing) -> Result<Stream, Refusal> {
    let kinds = kinds(asked.types.as_deref())?;
    let life = match asked.max_seconds {
        Some(0) => return Err(Refusal::invalid_field("max_seconds", "1 at least")),
        Some(seconds) => Duration::from_secs(u64::from(seconds)),
        None => Duration::MAX,
    };
    let ends = call.store().read().await?.token_ends(call.token).await?;
    let ends = ends.ok_or_else(Refusal::nobody)?;
    let life = life.min(until(ends, now()));
    let place = call.api.streams().enter(&call.client.id);
    let place = place.ok_or_else(|| {
        Refusal::no_room(format_args!(
            "A client may have {STREAMS_PER_CLIENT_MAX} streams at a time, and all clients together {STREAMS_MAX}. Close one first."
        ))
    })?;
    let (lines, stream) = mpsc::channel(LINES_KEPT);
    let process = call.api.process();
    let happenings = &call.setup().happenings;
    let (told, is_lost) = match &call.last_event {
        None => (happenings.last(), false),
        Some(id) => match number_of(id, process, happenings.last()) {
            Some(number) => (number, false),
            None => (happenings.last(), true),
        },
    };
    let listener = Listener {
        kinds,
        lines,
        told,
        process,
        ends: far(life),
        _place: place,
        call,
    };
    tokio::spawn(listener.tell(is_lost));
    Ok(Stream(stream))
}

impl Listener {
    /// Tells what happens until the client goes, its token is over, or the stream has lasted as long as was asked for.
    async fn tell(mut self, is_lost: bool) {
        let mut news = self.call.setup().happenings.news();
        let greeting = if is_lost {
            gap(&self.id(self.told))
        } else {
            ": listening\n\n".to_owned()
        };
        if self.lines.send(greeting).await.is_err() {
            return;
        }
        let mut keep_alive = Instant::now() + KEEP_ALIVE;
        loop {
            news.mark_unchanged();
            if !self.tell_following().await {
                return;
            }
            tokio::select! {
                biased;
                () = sleep_until(self.ends) => return,
                () = self.lines.closed() => return,
                () = sleep_until(keep_alive) => {
                    let is_there = self.is_good().await && self.lines.send(": alive\n\n".to_owned()).await.is_ok();
                    if !is_there {
                        return;
                    }
                    keep_alive = Instant::now() + KEEP_ALIVE;
                }
                changed = news.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Tells what has happened; whether the client is there.
    async fn tell_following(&mut self) -> bool {
        let happenings = &self.call.setup().happenings;
        let following = happenings.after(&self.call.account, &self.kinds, self.told);
        if following.has_gap {
            // Whoever comes back with the id of the gap is not told of it again, and misses nothing of what follows.
            let is_all = following.happenings.is_empty();
            let number = if is_all { following.last } else { self.told };
            let gap = gap(&self.id(number));
            if self.lines.send(gap).await.is_err() {
                return false;
            }
        }
        for Happening { number, kind, data } in following.happenings {
            let id = self.id(number);
            let line = format!("id: {id}\nevent: {}\ndata: {data}\n\n", kind.as_str());
            if self.lines.send(line).await.is_err() {
                return false;
            }
        }
        self.told = following.last;
        true
    }

    /// Whether the token is still good: the client may have been removed.
    async fn is_good(&self) -> bool {
        match self.call.store().read().await {
            Ok(mut reading) => matches!(reading.bearer(self.call.token, now()).await, Ok(Some(_))),
            Err(_) => false,
        }
    }

    fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.process)
    }
}

impl Streams {
    /// Takes a place for a client, if there is one.
    fn enter(self: &Arc<Self>, client: &ApiClientId) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(client).copied().unwrap_or_default();
        if own >= STREAMS_PER_CLIENT_MAX || open.values().sum::<usize>() >= STREAMS_MAX {
            return None;
        }
        open.insert(client.clone(), own + 1);
        Some(Place {
            streams: Arc::clone(self),
            client: client.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = open
            .get(&self.client)
            .copied()
            .unwrap_or_default()
            .saturating_sub(1);
        if left == 0 {
            open.remove(&self.client);
        } else {
            open.insert(self.client.clone(), left);
        }
    }
}

impl Answer for Stream {
    const STATUS: StatusCode = StatusCode::OK;
    const CONTENT: &'static str = "text/event-stream";

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        Some(schemars::json_schema!({ "type": "string" }))
    }
}

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        let lines = ReceiverStream::new(self.0).map(Ok::<_, std::convert::Infallible>);
        let content = [(header::CONTENT_TYPE, Self::CONTENT)];
        (content, Body::from_stream(lines)).into_response()
    }
}

fn kinds(types: Option<&str>) -> Result<Vec<HappeningKind>, Refusal> {
    let Some(types) = types.filter(|types| !types.is_empty()) else {
        return Ok(HappeningKind::ALL.into());
    };
    let kind = |word: &str| {
        let mut all = HappeningKind::ALL.into_iter();
        all.find(|kind| kind.as_str() == word.trim())
    };
    let read: Option<Vec<HappeningKind>> = types.split(',').map(kind).collect();
    read.ok_or_else(|| {
        Refusal::invalid_field(
            "types",
            "registration, page, alert, attempt or directory, with commas between them",
        )
    })
}

/// The number in the id of an event, if it was told by this process.
fn number_of(id: &str, process: u64, last: u64) -> Option<u64> {
    let (of, number) = id.split_once('-')?;
    let of = u64::from_str_radix(of, 16).ok()?;
    let number = number.parse().ok()?;
    (of == process && number <= last).then_some(number)
}

/// Says that something was missed: whoever keeps a picture of the account reads it anew.
fn gap(id: &str) -> String {
    format!("id: {id}\nevent: gap\ndata: {{}}\n\n")
}

fn until(ends: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(ends.0.saturating_sub(now.0))
}

/// The instant after a while, or one that is as good as never.
fn far(life: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
    Instant::now() + life.min(NEVER)
}
