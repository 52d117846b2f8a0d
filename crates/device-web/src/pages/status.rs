//! The status page, and what keeps it fresh.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use model::status::{
    DeviceStatus, MulticastCodec, MulticastMode, MulticastStatus, RegistrationStatus, Shown, SinkHealth,
    SlotStatus, Strobe, StrobeColour,
};
use net::tls::ClockVerdict;
use tokio_stream::wrappers::{BroadcastStream, IntervalStream};
use tokio_stream::{Stream, StreamExt};

use super::layout::{self, Frame};
use super::level::levels;
use super::signed_in::{IDLE_MAX, SignedIn, Watching};
use super::sounds::{Announcement, announcements};
use crate::site::Site;

/// A stream that says nothing for so long says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a stream may outlive its session.
const SESSION_CHECK: Duration = Duration::from_secs(2);

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    frame: Frame,
    live: Live,
    announcements: Vec<Announcement>,
}

/// The part that changes while somebody looks.
#[derive(Template)]
#[template(path = "status_live.html")]
struct Live {
    device: String,
    mac: String,
    slots: Vec<SlotRow>,
    sounding: Option<(String, String)>,
    strobe: Option<(&'static str, String)>,
    relay: bool,
    /// Name of the microphone, what is wrong with it, and whether it is muted.
    microphone: Option<(String, Option<String>, bool)>,
    /// Messages of delayed pages.
    recording: usize,
    waiting: usize,
    output: String,
    output_fault: Option<String>,
    is_muted: bool,
    /// What is wrong with the clock, if something is.
    clock_fault: Option<&'static str>,
    /// What the device does with multicast zones, if anything.
    multicast: Option<&'static str>,
    zones: Vec<ZoneRow>,
}

/// A multicast zone.
struct ZoneRow {
    zone: String,
    group: String,
    look: &'static str,
    state: &'static str,
    what: String,
    trust: &'static str,
}

struct SlotRow {
    slot: String,
    extension: String,
    shown: String,
    /// The look of the state: good, bad, busy or none.
    look: &'static str,
    cause: String,
    where_to: String,
    since: String,
    next_try: String,
}

pub(super) async fn show(State(site): State<Site>, by: SignedIn) -> Response {
    let Some(live) = live_part(&site).await else {
        return ended();
    };
    let frame = Frame::new(&site, &by, "Device Status", "/status");
    let page = Page {
        frame,
        live,
        announcements: announcements(&site.appliance().settings()),
    };
    layout::page(StatusCode::OK, &page)
}

pub(super) async fn live(State(site): State<Site>, _by: Watching) -> Response {
    match live_part(&site).await {
        Some(live) => layout::page(StatusCode::OK, &live),
        None => ended(),
    }
}

/// Says that something has changed, each time something has, and how loud it is, while the session goes on.
pub(super) async fn changes(State(site): State<Site>, by: Watching) -> Response {
    let reports = BroadcastStream::new(site.appliance().subscribe()).map(|_| ());
    let changes = BroadcastStream::new(site.appliance().changes()).map(|_| ());
    let watched = site.clone();
    let goes_on = move || watched.access().has_session(Instant::now(), &by.token, IDLE_MAX);
    let changed = reports.merge(changes).map(|()| Event::default().data("changed"));
    let levels = levels(site.appliance().listen()).map(|level| Event::default().event("level").data(level));
    let events = while_it_goes_on(changed.merge(levels), goes_on).map(Ok::<_, Infallible>);
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

/// What comes of a stream until `goes_on` says no more: it is asked with each thing that comes, and every [`SESSION_CHECK`].
fn while_it_goes_on<T: Send + 'static>(
    events: impl Stream<Item = T> + Send + 'static,
    goes_on: impl Fn() -> bool + Send + 'static,
) -> impl Stream<Item = T> + Send + 'static {
    let checks = IntervalStream::new(tokio::time::interval(SESSION_CHECK)).map(|_| None);
    events
        .map(Some)
        .merge(checks)
        .take_while(move |_| goes_on())
        .filter_map(|event| event)
}

/// What a strobe shows, in words.
pub(super) fn strobe_text(strobe: Strobe) -> String {
    format!("{}, {}", colour(strobe.colour), pattern(strobe))
}

fn ended() -> Response {
    layout::failure(StatusCode::SERVICE_UNAVAILABLE, "The endpoint is ending.")
}

async fn live_part(site: &Site) -> Option<Live> {
    let DeviceStatus {
        device,
        slots,
        sounding,
        signals,
        messages,
        microphone,
        sink,
        multicast,
    } = site.appliance().status().await?;
    let output_fault = fault_of(sink.health);
    Some(Live {
        device: device.to_string(),
        mac: site.mac().to_owned(),
        slots: slots.iter().map(row).collect(),
        sounding: sounding.map(|sounding| {
            let kind = if sounding.drill { "exercise: " } else { "" };
            (format!("{kind}{}", sounding.what), time(sounding.since_ms))
        }),
        strobe: signals
            .strobe
            .map(|strobe| (colour(strobe.colour), pattern(strobe))),
        relay: signals.relay,
        microphone: (microphone.name != "none").then_some((
            microphone.name,
            fault_of(microphone.health),
            microphone.muted,
        )),
        recording: messages.recording,
        waiting: messages.waiting,
        multicast: multicast_mode(multicast.mode),
        zones: zones(&multicast),
        output: sink.name,
        output_fault,
        is_muted: sink.muted,
        clock_fault: clock_fault(site.appliance().clock().1),
    })
}

/// What somebody should do about the clock.
const fn clock_fault(verdict: ClockVerdict) -> Option<&'static str> {
    match verdict {
        ClockVerdict::Plausible => None,
        ClockVerdict::Behind => Some(
            "It is behind: it shows a time that is over for certain. Certificates are checked at the last good time until it is set.",
        ),
        ClockVerdict::FarAhead => Some(
            "It may be ahead by years: certificates seem to have expired, and servers are refused, until it is set.",
        ),
    }
}

fn multicast_mode(mode: MulticastMode) -> Option<&'static str> {
    match mode {
        MulticastMode::Off => None,
        MulticastMode::Sender => Some("Sender"),
        MulticastMode::Receiver => Some("Receiver"),
    }
}

/// Each zone of a receiver, or each that a sender sends to, and why nothing leaves it.
fn zones(multicast: &MulticastStatus) -> Vec<ZoneRow> {
    let received = multicast.zones.iter().map(|zone| {
        let (look, state) = match (&zone.problem, zone.heard, &zone.stream) {
            (Some(_), ..) => ("bad", "cannot be received"),
            (None, true, _) => ("busy", "sounding"),
            (None, false, Some(_)) => ("none", "waiting"),
            (None, false, None) => ("none", "idle"),
        };
        let trust = if multicast.restricted {
            "permitted sources only"
        } else {
            "untrusted: anybody in the network can speak"
        };
        ZoneRow {
            zone: zone.zone.to_string(),
            group: zone.group.clone(),
            look,
            state,
            what: match (&zone.problem, &zone.stream) {
                (Some(problem), _) => problem.clone(),
                (None, Some(stream)) => format!("{}, {}", stream.source, codec(stream.codec)),
                (None, None) => String::new(),
            },
            trust,
        }
    });
    let sent = multicast.sending.iter().map(|zone| ZoneRow {
        zone: zone.to_string(),
        group: String::new(),
        look: "busy",
        state: "sending",
        what: String::new(),
        trust: "",
    });
    let unsent = multicast.sending_problem.iter().map(|problem| ZoneRow {
        zone: "all".to_owned(),
        group: String::new(),
        look: "bad",
        state: "cannot be sent",
        what: problem.clone(),
        trust: "",
    });
    received.chain(sent).chain(unsent).collect()
}

fn codec(codec: MulticastCodec) -> &'static str {
    match codec {
        MulticastCodec::Pcmu => "G.711 µ-law",
        MulticastCodec::Pcma => "G.711 A-law",
        MulticastCodec::G722 => "G.722",
    }
}

fn fault_of(health: SinkHealth) -> Option<String> {
    match health {
        SinkHealth::Healthy => None,
        SinkHealth::Faulty { reason } => Some(reason),
    }
}

fn row(slot: &SlotStatus) -> SlotRow {
    let RegistrationStatus {
        shown,
        cause,
        since_ms,
        target,
        next_try_ms,
    } = &slot.registration;
    SlotRow {
        slot: slot.slot.to_string(),
        extension: slot.user.as_ref().map_or_else(String::new, ToString::to_string),
        shown: shown.to_string(),
        look: look(*shown),
        cause: cause.as_ref().map_or_else(String::new, ToString::to_string),
        where_to: target.as_ref().map_or_else(String::new, ToString::to_string),
        since: time(*since_ms),
        next_try: next_try_ms.map_or_else(String::new, |ms| {
            let what = match shown {
                Shown::Successful => "renewed",
                Shown::RejectedByServer
                | Shown::NoReplyFromServer
                | Shown::AssistedProvisioningFailed
                | Shown::Connecting
                | Shown::NoAccount => "next try",
            };
            format!("{what} in {}", time(ms))
        }),
    }
}

fn colour(colour: StrobeColour) -> &'static str {
    match colour {
        StrobeColour::Red => "red",
        StrobeColour::Blue => "blue",
        StrobeColour::Green => "green",
        StrobeColour::Amber => "amber",
    }
}

/// A pattern as it is called: `multi_strobe_fast` is "multi strobe fast".
fn pattern(strobe: Strobe) -> String {
    let name = serde_json::to_value(strobe.pattern).ok();
    let name = name.as_ref().and_then(serde_json::Value::as_str);
    name.unwrap_or_default().replace('_', " ")
}

fn look(shown: Shown) -> &'static str {
    match shown {
        Shown::Successful => "good",
        Shown::RejectedByServer | Shown::NoReplyFromServer | Shown::AssistedProvisioningFailed => "bad",
        Shown::Connecting => "busy",
        Shown::NoAccount => "none",
    }
}

/// A span as people say it.
fn time(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_event_stream_ends_with_its_session_even_where_nothing_happens() {
        let is_signed_in = Arc::new(AtomicBool::new(true));
        let watched = Arc::clone(&is_signed_in);
        let silent = tokio_stream::pending::<()>();
        let mut stream = Box::pin(while_it_goes_on(silent, move || watched.load(Ordering::Relaxed)));
        let begin = tokio::time::Instant::now();

        let still = tokio::time::timeout(SESSION_CHECK * 10, stream.next()).await;
        is_signed_in.store(false, Ordering::Relaxed);

        assert!(still.is_err(), "it goes on while the session does");
        assert_eq!(stream.next().await, None);
        assert!(begin.elapsed() <= SESSION_CHECK * 11);
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_is_told_while_the_session_goes_on() {
        let mut stream = Box::pin(while_it_goes_on(tokio_stream::once(()), || true));
        assert_eq!(stream.next().await, Some(()));
        let mut stream = Box::pin(while_it_goes_on(tokio_stream::once(()), || false));
        assert_eq!(stream.next().await, None);
    }

    #[test]
    fn a_sender_whose_packets_do_not_leave_has_a_row_that_says_why() {
        let mut multicast = MulticastStatus::default();
        assert!(zones(&multicast).is_empty());
        multicast.sending_problem = Some("no route".to_owned());

        let [row] = &zones(&multicast)[..] else {
            panic!("one row");
        };
        assert_eq!((row.look, row.what.as_str()), ("bad", "no route"));
    }

    #[test]
    fn spans_are_told_in_the_two_units_that_matter() {
        for (ms, told) in [
            (999, "0 s"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (3_660_000, "1 h 1 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(time(ms), told);
        }
    }
}
