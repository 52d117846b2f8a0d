//! Talk: something is said, played or read out to an extension, and the talker sees who heard it.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use web::is_from_own_site;

use super::Site;
use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, TALK};
use super::problem::{Problem, failure, foreign_form};
use crate::talk::{
    BEGIN_PAGE, NO_TARGET, NO_ZONE, Speech, TALK_TIME_MAX, TEXT_LENGTH_MAX, TalkDesk, TalkEvent, TalkReport,
    TalkRequest, begun_detail, speakable,
};

/// Browsers that may talk, or be about to, at once.
pub(super) const TALKERS_MAX: usize = 16;
/// What a browser says when its sound is over; any other word stops what is spoken.
const END: &str = "end";
/// Octets of a message from a browser: two seconds of sound.
pub(super) const MESSAGE_MAX: usize = 64 * 1_024;
/// How long a browser may take to say what it is going to speak.
const FIRST_MESSAGE_TIME: Duration = Duration::from_secs(10);
/// Messages with sound that wait for the call: at 20 ms each a second.
const SOUND_KEPT: usize = 50;
/// Events kept for a page that reads slowly: there are only so many.
const EVENTS_KEPT: usize = 8;
/// Page groups offered to choose from, and as many users and common areas; other extensions are typed.
const OFFERED_MAX: u32 = 200;
/// How long a page without scripts waits for the report. It is shorter than a change may take.
const REPORT_TIME: Duration = Duration::from_secs(110);

#[derive(Template)]
#[template(path = "talk.html")]
struct Page {
    frame: Frame,
    can_talk: bool,
    reads_text: bool,
    text_max: usize,
    seconds_max: u64,
    extension: String,
    text: String,
    targets: Vec<(String, String)>,
    error: String,
    report: Option<TalkReport>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    extension: String,
}

/// What a browser is going to speak.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", tag = "speak", deny_unknown_fields)]
enum Opening {
    /// The microphone, or a file that the browser plays.
    Sound {
        #[serde(default, rename = "file")]
        _is_file: bool,
    },
    Text {
        text: String,
    },
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let page = page(&site, &by, asked.extension, String::new()).await?;
    Ok(layout::page(StatusCode::OK, &page))
}

async fn page(site: &Site, by: &Visitor, extension: String, text: String) -> Result<Page, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let groups = scope.list_groups("", None, OFFERED_MAX).await?.rows;
    let groups = groups.into_iter().map(|group| (group.extension, group.name));
    let holders = scope.page_slot_holders(OFFERED_MAX).await?;
    let desk = site.setup().talk.as_ref();
    Ok(Page {
        frame: Frame::new(by, "Talk", TALK),
        can_talk: desk.is_some(),
        reads_text: desk.is_some_and(|desk| desk.reads_text),
        text_max: TEXT_LENGTH_MAX,
        seconds_max: TALK_TIME_MAX.as_secs(),
        extension,
        text,
        targets: groups
            .chain(holders)
            .map(|(extension, name)| (extension.to_string(), name.to_string()))
            .collect(),
        error: String::new(),
        report: None,
    })
}

/// Reads a text out for a browser without scripts, and answers with the report.
pub(super) async fn read_text(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let (extension, text) = (posted.value("extension").trim(), posted.value("text").trim());
    let mut page = page(&site, by, extension.to_owned(), text.to_owned()).await?;
    let asked = match speakable(text) {
        Ok(text) => ask(&site, by, extension, Speech::Text(text)).await?,
        Err(why) => Err(why),
    };
    let Talk {
        mut events,
        stop: _while_somebody_waits,
    } = match asked {
        Ok(talk) => talk,
        Err(why) => {
            page.error = why;
            return Ok(layout::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    let outcome = timeout(REPORT_TIME, async {
        loop {
            match events.recv().await {
                Some(TalkEvent::Ended(report)) => return Ok(report),
                Some(TalkEvent::Failed(why)) => return Err(why),
                Some(TalkEvent::Calling | TalkEvent::Begun { .. } | TalkEvent::Chime | TalkEvent::Speak) => {}
                None => return Err("The zone has ended.".to_owned()),
            }
        }
    });
    match outcome.await {
        Ok(Ok(report)) => page.report = Some(report),
        Ok(Err(why)) => page.error = why,
        Err(_) => {
            "It is still being spoken; Reports will say who heard it.".clone_into(&mut page.error);
        }
    }
    Ok(layout::page(StatusCode::OK, &page))
}

/// Turns the connection into one that carries sound.
pub(super) async fn live(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    // A page of another site can open a WebSocket, with the cookies of whoever looks at it.
    if !is_from_own_site(&headers) {
        return foreign_form();
    }
    let Ok(place) = Arc::clone(&site.0.talkers).try_acquire_owned() else {
        return failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not done",
            "Too many are talking from the portal. Try again when one of them has finished.",
        );
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    upgrade
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
        .on_upgrade(move |socket| converse(site, by, asked.extension, socket, place))
        .into_response()
}

async fn converse(
    site: Site,
    by: Visitor,
    extension: String,
    mut socket: WebSocket,
    _place: OwnedSemaphorePermit,
) {
    let (sound, speech) = match opening(&mut socket).await {
        Ok(Opening::Sound { .. }) => {
            let (sender, samples) = mpsc::channel(SOUND_KEPT);
            (Some(sender), Ok(Speech::Samples(samples)))
        }
        Ok(Opening::Text { text }) => (None, speakable(&text).map(Speech::Text)),
        Err(why) => (None, Err(why)),
    };
    let asked = match speech {
        Ok(speech) => ask(&site, &by, extension.trim(), speech)
            .await
            .unwrap_or_else(|_| Err("The database cannot be written, and so nothing is spoken.".to_owned())),
        Err(why) => Err(why),
    };
    match asked {
        Ok(talk) => carry(&mut socket, talk, sound).await,
        Err(why) => tell(&mut socket, &TalkEvent::Failed(why)).await,
    }
    let _is_closed = socket.send(Message::Close(None)).await.is_ok();
}

async fn opening(socket: &mut WebSocket) -> Result<Opening, String> {
    let first = timeout(FIRST_MESSAGE_TIME, socket.recv()).await;
    match first {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text).ok(),
        _ => None,
    }
    .ok_or_else(|| "The browser did not say what is to be spoken. Load the page again.".to_owned())
}

/// Carries sound one way and events the other, until it is over or the browser has gone.
async fn carry(socket: &mut WebSocket, talk: Talk, mut sound: Option<mpsc::Sender<Vec<i16>>>) {
    let Talk { mut events, stop } = talk;
    // It goes with this connection, and so does what is spoken.
    let mut stop = Some(stop);
    // Sound for which there is no room: until there is, no more is read.
    let mut waiting: Option<Vec<i16>> = None;
    loop {
        let turn = tokio::select! {
            event = events.recv() => Turn::Told(event),
            has_room = room(sound.as_ref()), if waiting.is_some() => Turn::Room(has_room),
            message = socket.recv(), if waiting.is_none() => Turn::Came(message),
        };
        match turn {
            Turn::Told(Some(event)) => {
                tell(socket, &event).await;
                if matches!(event, TalkEvent::Ended(_) | TalkEvent::Failed(_)) {
                    return;
                }
            }
            Turn::Room(has_room) => {
                let samples = waiting.take().unwrap_or_default();
                let is_taken = sound
                    .as_ref()
                    .is_some_and(|sound| sound.try_send(samples).is_ok());
                sound = sound.take_if(|_| has_room && is_taken);
            }
            Turn::Came(Some(Ok(Message::Binary(octets)))) => {
                waiting = sound.is_some().then(|| samples_of(&octets));
            }
            Turn::Came(Some(Ok(Message::Text(word)))) => {
                sound = None;
                // At the end what was said is still carried; to stop is to say nothing more.
                if word.as_str() != END {
                    drop(stop.take());
                }
            }
            Turn::Came(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Turn::Told(None) | Turn::Came(Some(Ok(Message::Close(_)) | Err(_)) | None) => return,
        }
    }
}

/// Something that is being spoken.
struct Talk {
    events: mpsc::Receiver<TalkEvent>,
    /// While it is there.
    stop: oneshot::Sender<()>,
}

/// What comes next while sound is carried.
enum Turn {
    Told(Option<TalkEvent>),
    Room(bool),
    Came(Option<Result<Message, axum::Error>>),
}

/// Waits until the call takes more sound; whether it does at all.
async fn room(sound: Option<&mpsc::Sender<Vec<i16>>>) -> bool {
    match sound {
        Some(sound) => sound.reserve().await.is_ok(),
        None => false,
    }
}

/// Samples of 16 bits, the low octet first; half a sample at the end is left out.
fn samples_of(octets: &[u8]) -> Vec<i16> {
    let (pairs, _) = octets.as_chunks::<2>();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

async fn tell(socket: &mut WebSocket, event: &TalkEvent) {
    let text = told(event).to_string();
    let _is_there = socket.send(Message::Text(text.into())).await.is_ok();
}

/// What a browser is told; it follows a page by its call, not by its id.
fn told(event: &TalkEvent) -> Value {
    match event {
        TalkEvent::Begun { listeners, .. } => json!({ "state": "begun", "listeners": listeners }),
        TalkEvent::Calling => json!({ "state": "calling" }),
        TalkEvent::Chime => json!({ "state": "chime" }),
        TalkEvent::Speak => json!({ "state": "speak" }),
        TalkEvent::Failed(why) => json!({ "state": "failed", "why": why }),
        TalkEvent::Ended(report) => {
            let listeners = report.listeners.iter().map(|listener| {
                json!({ "name": listener.name, "heard": listener.is_heard, "verdict": listener.verdict })
            });
            json!({
                "state": "ended",
                "seconds": report.duration.as_secs_f64(),
                "listeners": listeners.collect::<Vec<_>>(),
            })
        }
    }
}

/// Writes down who speaks to whom, and asks for it; why not, where it is not done.
async fn ask(
    site: &Site,
    by: &Visitor,
    extension: &str,
    speech: Speech,
) -> Result<Result<Talk, String>, Problem> {
    let Some(desk) = &site.setup().talk else {
        return Ok(Err(NO_ZONE.to_owned()));
    };
    let Ok(extension) = extension.parse::<model::Extension>() else {
        return Ok(Err(
            "Choose or type an extension, such as that of a page group.".to_owned()
        ));
    };
    let mut writing = site.store().write().await?;
    if !writing.account(&by.account).can_be_paged(&extension).await? {
        return Ok(Err(format!(
            "Extension {extension} is {NO_TARGET}: choose one that is offered."
        )));
    }
    by.note(&mut writing, "talk", format!("to {extension}")).await?;
    writing.commit().await?;
    let (told, happened) = mpsc::channel(EVENTS_KEPT);
    let (stop, stopped) = oneshot::channel();
    let request = TalkRequest {
        extension: extension.clone(),
        speech,
        stopped,
        told,
    };
    Ok(hand_over(desk, request).map(|()| Talk {
        events: noted(site, by, extension, happened),
        stop,
    }))
}

/// Hands on what happens, and writes down whose page it is that the zone has begun: also when whoever asked has gone by then.
fn noted(
    site: &Site,
    by: &Visitor,
    extension: model::Extension,
    mut happened: mpsc::Receiver<TalkEvent>,
) -> mpsc::Receiver<TalkEvent> {
    let (told, events) = mpsc::channel(EVENTS_KEPT);
    let (site, by) = (site.clone(), by.clone());
    tokio::spawn(async move {
        let mut noting = None;
        while let Some(event) = happened.recv().await {
            match &event {
                // Whoever speaks is not kept waiting for the database.
                TalkEvent::Begun { page, .. } => {
                    let detail = begun_detail(&extension, page);
                    noting = Some(tokio::spawn(note_begun(site.clone(), by.clone(), detail)));
                }
                TalkEvent::Ended(_) | TalkEvent::Failed(_) => {
                    if let Some(noting) = noting.take() {
                        let _has_ended = noting.await.is_ok();
                    }
                }
                TalkEvent::Calling | TalkEvent::Chime | TalkEvent::Speak => {}
            }
            let _is_there = told.send(event).await.is_ok();
        }
    });
    events
}

async fn note_begun(site: Site, by: Visitor, detail: String) {
    let noted = async {
        let mut writing = site.store().write().await?;
        by.note(&mut writing, BEGIN_PAGE, detail).await?;
        writing.commit().await
    };
    let noted: Result<(), StoreError> = noted.await;
    if let Err(error) = noted {
        tracing::error!(%error, "the audit does not say who has begun a page");
    }
}

fn hand_over(desk: &TalkDesk, request: TalkRequest) -> Result<(), String> {
    desk.requests.try_send(request).map_err(|_| {
        "Too much is being spoken from the portal. Try again when something has ended.".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_pairs_of_octets_and_half_a_one_is_left_out() {
        assert_eq!(samples_of(&[1, 0, 0xff, 0xff, 9]), [1, -1]);
    }

    #[test]
    fn an_opening_says_sound_or_text_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Opening>(text).is_ok();
        assert!(read(r#"{"speak":"sound"}"#) && read(r#"{"speak":"sound","file":true}"#));
        assert!(read(r#"{"speak":"text","text":"All clear"}"#));
        assert!(!read(r#"{"speak":"shell"}"#) && !read(r#"{"speak":"text"}"#) && !read("sound"));
    }
}
