//! `/api/events`: what happens, as server-sent events whose data is JSON.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use device::DeviceReport;
use device::appliance::Changed;
use serde::Serialize;
use serde_json::json;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::{StreamExt, once};

use super::answer;
use crate::site::Site;

/// A stream that says nothing for so long says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Tells what happens from here on. A client that reads too slowly is told how many events it missed. The stream ends when
/// another password applies, or the API is turned off.
pub(super) async fn stream(State(site): State<Site>) -> Response {
    let reports = BroadcastStream::new(site.appliance().subscribe()).filter_map(|report| match report {
        Ok(DeviceReport::Event(event, _)) => Some(line(&event)),
        Ok(DeviceReport::Recorded(_)) => None,
        Err(BroadcastStreamRecvError::Lagged(count)) => Some(missed(count)),
    });
    let changes = BroadcastStream::new(site.appliance().changes()).map(|change| match change {
        Ok(changed) => configuration_changed(&changed),
        Err(BroadcastStreamRecvError::Lagged(count)) => missed(count),
    });
    let Some(api) = site.appliance().settings().api() else {
        return answer::off();
    };
    let subscribed = line(&json!({ "subscribed": true }));
    let events = once(subscribed)
        .chain(reports.merge(changes))
        .take_while(move |_| site.appliance().settings().api().as_ref() == Some(&api))
        .map(|line| Ok::<_, Infallible>(Event::default().data(line)));
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

fn configuration_changed(changed: &Changed) -> String {
    line(&json!({
        "event": "configuration_changed",
        "version": changed.version.number,
        "keys": changed.keys,
        "author": changed.version.author,
    }))
}

fn missed(count: u64) -> String {
    line(&json!({ "missed": count }))
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "an event cannot be told");
        missed(1)
    })
}
