//! Receipts of pages, and the report made of them.

use serde::{Deserialize, Serialize};

use crate::{Extension, PageId, SipUser};

/// What an endpoint says of a page it has played; body of type [`Receipt::CONTENT_TYPE`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which page.
    pub page: PageId,
    /// Milliseconds of the page the sink has consumed, concealed ones included, silence before the first audio not.
    pub played_ms: u64,
    /// Milliseconds of the page that the endpoint was sent, by the time stamps of the first and last packet.
    pub expected_ms: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Milliseconds of `played_ms` that were made up in place of lost packets.
    pub concealed_ms: u64,
    /// Milliseconds of sound that were made up in the middle of the page because its packets came late: it paused where
    /// the talker did not, and no sample was left out. A receipt without it says nothing of interruptions.
    #[serde(default)]
    pub interrupted_ms: u64,
    /// Milliseconds from the endpoint's answer to the first audio at the sink; `None` if there was none.
    pub first_audio_ms: Option<u64>,
    /// Mean level in dB below full scale; `None` if nothing was played.
    pub level_dbfs: Option<f32>,
    /// The output was muted or its volume zero for some of the page.
    pub muted: bool,
    /// The sink consumed samples in time and reported no fault from the first of them to the last.
    pub sink_healthy: bool,
}

impl Receipt {
    /// Content-Type of a receipt in a SIP body.
    pub const CONTENT_TYPE: &'static str = "application/vnd.oyez.receipt+json";
}

/// Who has heard a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageReport {
    /// Which page.
    pub page: PageId,
    /// What was dialled.
    pub extension: Extension,
    /// Who spoke.
    pub talker: SipUser,
    /// Milliseconds of audio the talker sent.
    pub duration_ms: u64,
    /// Milliseconds from the start of the page, when its listeners were called, to this report; `None` if a zone does not tell.
    #[serde(default)]
    pub since_start_ms: Option<u64>,
    /// Milliseconds from the end of the page to this report; `None` if a zone does not tell.
    #[serde(default)]
    pub since_end_ms: Option<u64>,
    /// One entry for each member, in the order of their names.
    pub listeners: Vec<ListenerReport>,
}

impl PageReport {
    /// Listeners that are known to have heard the page.
    #[must_use]
    pub fn heard_count(&self) -> usize {
        self.listeners
            .iter()
            .filter(|listener| listener.verdict == Verdict::Heard)
            .count()
    }

    /// By how many of its listeners the page is known to have been heard.
    #[must_use]
    pub fn heard_by(&self) -> HeardBy {
        match self.heard_count() {
            0 => HeardBy::Nobody,
            heard if heard == self.listeners.len() => HeardBy::Everybody,
            _ => HeardBy::Some,
        }
    }
}

/// How many of its listeners are known to have heard a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardBy {
    /// All of them.
    Everybody,
    /// One at least, and not all.
    Some,
    /// None, be it that there are none.
    Nobody,
}

impl HeardBy {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Everybody, Self::Some, Self::Nobody];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Some => "some",
            Self::Nobody => "nobody",
        }
    }
}

/// What became of a page at one listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerReport {
    /// The user the listener registers as.
    pub user: SipUser,
    /// The name people know it by.
    pub name: String,
    /// The judgement: that of the device that did worst.
    pub verdict: Verdict,
    /// Milliseconds from the talker's first audio to that device's; `None` if not known.
    pub first_audio_ms: Option<u64>,
    /// What that device said of itself, if it did.
    pub receipt: Option<Receipt>,
    /// Its devices that were registered; those that were not invited count as missing.
    #[serde(default)]
    pub devices: usize,
    /// How many of them are known to have heard the page.
    #[serde(default)]
    pub heard_devices: usize,
}

/// The judgement on one listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It consumed the page, was not muted, and its output was healthy.
    Heard,
    /// It took part, and its receipt says that it was not heard, or did not come.
    NotHeard {
        /// Why.
        why: NotHeardReason,
    },
    /// It answered but gives no receipts, so nobody knows.
    Answered {
        /// Packets lost per thousand on the way there, if it reports them.
        loss_permille: Option<u16>,
    },
    /// It took no part.
    Missing {
        /// Why.
        why: MissingReason,
    },
}

/// Why a listener that took part is not counted as heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotHeardReason {
    /// The sink consumed too little of the page.
    TooLittle,
    /// The output was muted.
    Muted,
    /// The output was faulty.
    SinkFault,
    /// The receipt it owes did not come.
    NoReceipt,
}

/// Why a listener took no part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum MissingReason {
    /// It is not registered.
    NotRegistered,
    /// It did not answer in time.
    NoAnswer,
    /// It refused.
    Refused {
        /// The status code it refused with.
        status: u16,
        /// What it said about that in words of its own; `None` if nothing.
        #[serde(default)]
        text: Option<String>,
    },
    /// Its connection failed before it answered.
    ConnectionFailed,
    /// The page ended before it answered.
    PageEnded,
}
