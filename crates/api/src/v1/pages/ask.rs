//! `POST /pages` and `POST /pages/sound`.

use std::time::Duration;

use audio::Sound;
use axum::body::Bytes;
use model::inventory::GroupId;
use model::{Extension, PageId};
use portal::talk::{
    BEGIN_PAGE, NO_TARGET, NO_ZONE, Speech, TALK_RATE, TalkDesk, TalkEvent, TalkRequest, begun_detail,
    speakable,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use store::{Scope, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::answer::AcceptedAs;
use crate::call::Call;
use crate::operation::{Body, Json, Nothing};
use crate::refusal::Refusal;

/// Octets of a WAV file: more than eight minutes at the rate that is spoken with, 87 s of stereo at 48 kHz.
pub(crate) const SOUND_LENGTH_MAX: usize = 16 * 1_024 * 1_024;
/// Longest wait for a page to begin: a text is read out first.
const BEGUN_MAX: Duration = Duration::from_secs(45);
/// Events of a page kept for whoever waits: there are only so many.
const EVENTS_KEPT: usize = 8;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Text {
    /// The extension that is paged: a page group's, or one that stands in a page slot.
    extension: Option<String>,
    /// The page group that is paged, instead of an extension.
    group_id: Option<String>,
    /// What is read out.
    #[schemars(length(min = 1, max = 1_000))]
    text: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Target {
    /// The extension that is paged: a page group's, or one that stands in a page slot.
    extension: Option<String>,
    /// The page group that is paged, instead of an extension.
    group_id: Option<String>,
}

/// The octets of a WAV file.
pub(crate) struct Wav(Bytes);

/// A page that has begun.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Begun {
    /// Its id, by which it is read.
    id: String,
    extension: String,
}

impl Body for Wav {
    const CONTENT: &'static str = "audio/wav";
    const LENGTH_MAX: usize = SOUND_LENGTH_MAX;

    fn read(octets: &Bytes) -> Result<Self, Refusal> {
        Ok(Self(octets.clone()))
    }

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        Some(schemars::json_schema!({ "type": "string", "format": "binary" }))
    }
}

pub(crate) async fn read_out(
    call: Call,
    _: Nothing,
    Json(body): Json<Text>,
) -> Result<AcceptedAs<Begun>, Refusal> {
    let text = speakable(&body.text).map_err(|error| Refusal::invalid_field("text", error))?;
    let target = Target {
        extension: body.extension,
        group_id: body.group_id,
    };
    let reads_text = call.setup().talk.as_ref().is_none_or(|desk| desk.reads_text);
    if !reads_text {
        let why = "No program that reads texts is installed beside the service: install espeak-ng or flite, or send a sound to \
                   /pages/sound.";
        return Err(Refusal::conflict(why));
    }
    page(call, &target, Speech::Text(text)).await
}

pub(crate) async fn play(call: Call, target: Target, Wav(octets): Wav) -> Result<AcceptedAs<Begun>, Refusal> {
    let decoded = move || Sound::read("The body", octets.as_ref(), TALK_RATE);
    let sound = tokio::task::spawn_blocking(decoded).await;
    let sound = sound.map_err(|_| Refusal::invalid_field("body", "it cannot be read; send another sound"))?;
    let sound = sound.map_err(|error| Refusal::invalid_field("body", error))?;
    let (whole, samples) = mpsc::channel(1);
    // There is room for it.
    let _is_taken = whole.try_send(sound.samples).is_ok();
    drop(whole);
    page(call, &target, Speech::Samples(samples)).await
}

/// Has something spoken, and answers once the zone has begun the page.
async fn page(call: Call, target: &Target, speech: Speech) -> Result<AcceptedAs<Begun>, Refusal> {
    let mut reading = call.store().read().await?;
    let extension = target.extension(&mut reading.account(&call.account)).await?;
    drop(reading);
    let desk = call.setup().talk.as_ref();
    let desk = desk.ok_or_else(|| Refusal::conflict(NO_ZONE))?;
    let (told, events) = mpsc::channel(EVENTS_KEPT);
    let (stop, stopped) = oneshot::channel();
    let request = TalkRequest {
        extension: extension.clone(),
        speech,
        stopped,
        told,
    };
    let mut writing = call.store().write().await?;
    call.note(&mut writing, "page extension", extension.to_string())
        .await?;
    writing.commit().await?;
    let page = begin(desk, request, events, stop).await?;
    if let Err(error) = note_begun(&call, begun_detail(&extension, &page)).await {
        // It is being spoken, and that is what is answered.
        tracing::error!(%error, "the audit does not say who has begun a page");
    }
    Ok(AcceptedAs(Begun {
        id: page.to_string(),
        extension: extension.to_string(),
    }))
}

/// Writes down whose page it is that the zone has begun.
async fn note_begun(call: &Call, detail: String) -> Result<(), StoreError> {
    let mut writing = call.store().write().await?;
    call.note(&mut writing, BEGIN_PAGE, detail).await?;
    writing.commit().await
}

async fn begin(
    desk: &TalkDesk,
    request: TalkRequest,
    mut events: mpsc::Receiver<TalkEvent>,
    stop: oneshot::Sender<()>,
) -> Result<PageId, Refusal> {
    let busy = |_| Refusal::conflict("Too much is being spoken. Try again when something has ended.");
    desk.requests.try_send(request).map_err(busy)?;
    let begun = async {
        loop {
            match events.recv().await {
                Some(TalkEvent::Begun { page, .. }) => return Ok(page),
                Some(TalkEvent::Failed(why)) => return Err(why),
                Some(TalkEvent::Calling | TalkEvent::Chime | TalkEvent::Speak) => {}
                Some(TalkEvent::Ended(_)) | None => return Err("The zone has told of no page.".to_owned()),
            }
        }
    };
    let page = timeout(BEGUN_MAX, begun).await;
    let page = page.map_err(|_| Refusal::conflict("The page has not begun in time, and is given up."))?;
    let page = page.map_err(Refusal::conflict)?;
    // It is spoken for as long as somebody holds on to it.
    tokio::spawn(async move {
        while events.recv().await.is_some() {}
        drop(stop);
    });
    Ok(page)
}

impl Target {
    /// The extension that is meant, if it is one that can be paged.
    async fn extension(&self, scope: &mut Scope<'_, '_>) -> Result<Extension, Refusal> {
        match (&self.extension, &self.group_id) {
            (Some(_), Some(_)) => Err(Refusal::invalid_field(
                "group_id",
                "name a page group or an extension, not both",
            )),
            (None, None) => Err(Refusal::invalid_field(
                "extension",
                "name an extension or a group_id",
            )),
            (None, Some(id)) => {
                let group = match id.parse::<GroupId>() {
                    Ok(id) => scope.group(&id).await?,
                    Err(_) => None,
                };
                let group =
                    group.ok_or_else(|| Refusal::invalid_field("group_id", "there is no such page group"))?;
                Ok(group.extension)
            }
            (Some(text), None) => {
                let extension: Extension = text
                    .parse()
                    .map_err(|error| Refusal::invalid_field("extension", error))?;
                if scope.can_be_paged(&extension).await? {
                    return Ok(extension);
                }
                Err(Refusal::invalid_field("extension", NO_TARGET))
            }
        }
    }
}
