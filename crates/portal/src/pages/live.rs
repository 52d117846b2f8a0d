//! Pages that stay as they are: a stream that tells when something may have changed, upon which a page fetches its part anew.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tokio::time::interval;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{IntervalStream, WatchStream};

use super::Site;

/// A stream that says nothing for so long says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A stream lasts so long; then the browser asks for another, and is asked who it is.
const STREAM_MAX: Duration = Duration::from_secs(300);
/// How often it is looked whether it has lasted so long.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Tells when registrations change, and nothing of them; at once too, because they may have while no stream was open.
pub(super) async fn changes(State(site): State<Site>) -> Response {
    stream(site.setup().registrations.changes())
}

/// Tells when what is watched has changed, and nothing of it; at once too.
pub(super) fn stream<T: Clone + Send + Sync + 'static>(watched: watch::Receiver<T>) -> Response {
    let end = Instant::now() + STREAM_MAX;
    let changes = WatchStream::new(watched).map(|_| Some(()));
    let looks = IntervalStream::new(interval(LOOK_EVERY)).map(|_| None);
    let events = changes
        .merge(looks)
        .take_while(move |_| Instant::now() < end)
        .filter_map(|change| change)
        .map(|()| Ok::<_, Infallible>(Event::default().data("changed")));
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}
