//! What is spoken from the portal: asked for by its pages, done by whoever runs the zone.

use std::fmt;
use std::time::Duration;

use model::{Extension, PageId};
use tokio::sync::{mpsc, oneshot};

/// Samples a second of what pages hand over.
pub const TALK_RATE: u32 = 16_000;
/// How the users begin as whom the portal speaks.
pub const TALKER_PREFIX: &str = "portal-";
/// Characters of a text that is read out: some two minutes.
pub const TEXT_LENGTH_MAX: usize = 1_000;
/// How long somebody may speak at a time.
pub const TALK_TIME_MAX: Duration = Duration::from_secs(600);
/// What the audit calls it when the zone has begun a page that the portal or the API has asked for.
pub const BEGIN_PAGE: &str = "begin page";
/// What is said of an extension to which nothing is spoken.
pub const NO_TARGET: &str = "neither a page group's, nor one that stands in a page slot of a device";

/// What the audit says of a page that has begun; its report is found by this.
#[must_use]
pub fn begun_detail(extension: &Extension, page: &PageId) -> String {
    format!("{page} to {extension}")
}

/// Where requests to speak are taken.
#[derive(Clone, Debug)]
pub struct TalkDesk {
    /// Takes a request; full when too many wait.
    pub requests: mpsc::Sender<TalkRequest>,
    /// Whether texts can be read out.
    pub reads_text: bool,
}

/// Something to be spoken.
#[derive(Debug)]
pub struct TalkRequest {
    /// To whom.
    pub extension: Extension,
    /// What.
    pub speech: Speech,
    /// It stops when the other end fires or goes.
    pub stopped: oneshot::Receiver<()>,
    /// Who is told what becomes of it; it ends with [`TalkEvent::Ended`] or [`TalkEvent::Failed`].
    pub told: mpsc::Sender<TalkEvent>,
}

/// What is spoken.
pub enum Speech {
    /// A text, read out, of at most [`TEXT_LENGTH_MAX`] characters.
    Text(String),
    /// Samples as they come, at [`TALK_RATE`]; it is over when the sender is gone.
    Samples(mpsc::Receiver<Vec<i16>>),
}

impl fmt::Debug for Speech {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(_) => "Text",
            Self::Samples(_) => "Samples",
        })
    }
}

/// What is said where no zone can speak.
pub const NO_ZONE: &str = "No zone runs in the process of this service, so nothing can be spoken from its portal; call the extension with a phone.";

/// Takes a text that can be read out at once.
///
/// # Errors
///
/// Says what would be right.
pub fn speakable(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("Type what is to be read out.".to_owned()),
        1..=TEXT_LENGTH_MAX => Ok(text.to_owned()),
        more => Err(format!(
            "The text has {more} characters, and {TEXT_LENGTH_MAX} can be read out at once: cut it into parts."
        )),
    }
}

/// What becomes of a request, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum TalkEvent {
    /// The call is on its way.
    Calling,
    /// The zone has begun the page.
    Begun {
        /// By which it is known.
        page: PageId,
        /// How many are called.
        listeners: u64,
    },
    /// Loudspeakers play their tone.
    Chime,
    /// From here on what is said is heard.
    Speak,
    /// It is over; who heard it.
    Ended(TalkReport),
    /// It came to nothing, in one sentence with what to do.
    Failed(String),
}

/// Who heard what was spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct TalkReport {
    /// How long it was.
    pub duration: Duration,
    /// One entry for each listener.
    pub listeners: Vec<TalkListener>,
}

impl TalkReport {
    /// How many heard it, in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let heard = self.listeners.iter().filter(|listener| listener.is_heard).count();
        let seconds = self.duration.as_secs_f64();
        format!(
            "Spoken for {seconds:.1} s, heard by {heard} of {}.",
            self.listeners.len()
        )
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TalkListener {
    /// Its name.
    pub name: String,
    /// It heard the page.
    pub is_heard: bool,
    /// `heard`, or why not.
    pub verdict: String,
}
