//! `/api/controls/tone`, `test` and `emergency-alert`: sounds of the device itself.
//!
//! The hardware's names for what sends a tone to a multicast zone are known, and some of their values: what is not known is taken as a
//! flag, and a port as a number or as a text.

use std::net::{Ipv4Addr, SocketAddrV4};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use device::OrderError;
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{Rounds, SoundOrder, ToneClass, ToneZone};
use model::SlotPosition;
use model::config::{MulticastSending, ZoneNumber};
use serde::Deserialize;
use serde::de::IgnoredAny;

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
    /// It goes out to a multicast zone.
    mcast: Option<bool>,
    /// It is played on this loudspeaker.
    playback: Option<bool>,
    /// The zone; without, that of the base extension.
    state: Option<Destination>,
}

/// A zone by its address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Destination {
    #[serde(rename = "mode")]
    _mode: Mode,
    address: Ipv4Addr,
    port: Port,
    #[serde(default, rename = "type")]
    framing: Framing,
    /// Of a group page, and only of that.
    #[serde(rename = "group")]
    _group: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Sender,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Framing {
    #[default]
    Rtp,
    Poly,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

/// Why a tone goes out to no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum ZoneError {
    /// It is to go out as a group page.
    #[error("not on this model")]
    Poly,
    /// There is no zone for it.
    #[error("mcast.tx.fixed names no zone")]
    NoDefault,
    /// The address is of none.
    #[error("no zone that this device may send to has this address and port")]
    Unknown,
    /// It is neither to be played nor to be sent.
    #[error("the tone is neither played nor sent")]
    Nowhere,
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
    let asked: Tone = match body::read(&headers, &body) {
        Ok(tone) => tone,
        Err(unfit) => return answer::unfit(&unfit),
    };
    let sending = site.appliance().settings().config().multicast.sending;
    let zone = match zone_of(&asked, &sending) {
        Ok(zone) => zone,
        Err(ZoneError::Poly) => return answer::not_on_this_model(),
        Err(error) => return answer::failure(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match site.appliance().sound_file(&asked.path).await {
        Some(tone) => order(&site, started(tone, asked.is_endless, zone)).await,
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
    order(&site, started(ToneSource::Builtin(TEST), false, None)).await
}

pub(super) async fn loop_test(State(site): State<Site>) -> Response {
    order(&site, started(ToneSource::Builtin(TEST), true, None)).await
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

/// The zone that a tone goes out to, if it is to.
fn zone_of(asked: &Tone, sending: &MulticastSending) -> Result<Option<ToneZone>, ZoneError> {
    if !asked.mcast.unwrap_or(asked.state.is_some()) {
        return match asked.playback {
            Some(false) => Err(ZoneError::Nowhere),
            Some(true) | None => Ok(None),
        };
    }
    let number = match &asked.state {
        None => sending.zone_by_slot.get(&SlotPosition::BASE_PAGE).copied(),
        Some(state) => Some(state.zone(sending)?),
    };
    Ok(Some(ToneZone {
        number: number.ok_or(ZoneError::NoDefault)?,
        plays_here: asked.playback.unwrap_or(sending.plays_here),
    }))
}

impl Destination {
    fn zone(&self, sending: &MulticastSending) -> Result<ZoneNumber, ZoneError> {
        if self.framing == Framing::Poly {
            return Err(ZoneError::Poly);
        }
        let port = match &self.port {
            Port::Number(port) => Some(*port),
            Port::Text(text) => text.parse().ok(),
        };
        let wanted = port.map(|port| SocketAddrV4::new(self.address, port));
        let mut zones = sending.group_by_zone.iter();
        let zone = zones.find(|(_, group)| wanted == Some(**group));
        zone.map(|(number, _)| *number).ok_or(ZoneError::Unknown)
    }
}

fn started(tone: ToneSource, is_endless: bool, zone: Option<ToneZone>) -> SoundOrder {
    SoundOrder::StartTone {
        tone,
        rounds: if is_endless {
            Rounds::Endless
        } else {
            Rounds::Times(1)
        },
        class: ToneClass::Page,
        zone,
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
