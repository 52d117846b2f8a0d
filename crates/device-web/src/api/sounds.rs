//! `/api/controls/tone`, `test` and `emergency-alert`: sounds of the device itself.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use device::OrderError;
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{Rounds, SoundOrder, ToneClass};
use serde::Deserialize;

use super::{answer, body};
use crate::site::Site;

/// The signal of the test.
const TEST: BuiltinTone = BuiltinTone::Reference;

/// A tone to start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tone {
    /// The name of a sound file.
    path: String,
    /// Until it is stopped.
    #[serde(default, rename = "loop")]
    is_endless: bool,
}

/// A tone to stop: without a name, every tone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToneName {
    path: Option<String>,
}

/// An alert to start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    announcement: u8,
    /// As an exercise. An announcement that is configured for exercises is never anything else.
    #[serde(default)]
    drill: bool,
}

pub(super) async fn start_tone(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let Tone { path, is_endless } = match body::read(&headers, &body) {
        Ok(tone) => tone,
        Err(unfit) => return answer::unfit(&unfit),
    };
    match site.appliance().sound_file(&path).await {
        Some(tone) => order(&site, started(tone, is_endless)).await,
        None => answer::failure(StatusCode::NOT_FOUND, "there is no such sound file"),
    }
}

pub(super) async fn stop_tone(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let ToneName { path } = match body::read(&headers, &body) {
        Ok(tone) => tone,
        Err(unfit) => return answer::unfit(&unfit),
    };
    order(&site, SoundOrder::StopTone { name: path }).await
}

pub(super) async fn start_test(State(site): State<Site>) -> Response {
    order(&site, started(ToneSource::Builtin(TEST), false)).await
}

pub(super) async fn loop_test(State(site): State<Site>) -> Response {
    order(&site, started(ToneSource::Builtin(TEST), true)).await
}

pub(super) async fn stop_test(State(site): State<Site>) -> Response {
    let name = Some(TEST.name().to_owned());
    order(&site, SoundOrder::StopTone { name }).await
}

pub(super) async fn start_alert(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let Alert { announcement, drill } = match body::read(&headers, &body) {
        Ok(alert) => alert,
        Err(unfit) => return answer::unfit(&unfit),
    };
    let alerts = site.appliance().settings().config().alerts;
    let is_for_exercises = alerts
        .announcements
        .iter()
        .any(|configured| configured.number == announcement && configured.is_drill);
    let start = SoundOrder::StartAnnouncement {
        number: announcement,
        is_drill: drill || is_for_exercises,
    };
    order(&site, start).await
}

pub(super) async fn stop_alert(State(site): State<Site>) -> Response {
    order(&site, SoundOrder::StopAlerts).await
}

fn started(tone: ToneSource, is_endless: bool) -> SoundOrder {
    SoundOrder::StartTone {
        tone,
        rounds: if is_endless {
            Rounds::Endless
        } else {
            Rounds::Times(1)
        },
        class: ToneClass::Page,
    }
}

/// Gives the order to the device. The hardware answers without a body.
async fn order(site: &Site, order: SoundOrder) -> Response {
    match site.appliance().order(order).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(OrderError::Refused(why)) => answer::failure(StatusCode::CONFLICT, &why),
        Err(OrderError::Ended) => answer::ending(),
    }
}
