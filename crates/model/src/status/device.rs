//! What an endpoint says of itself.

use serde::{Deserialize, Serialize};

use super::{MulticastStatus, Receipt, RegistrationStatus, Signals, Sounding, StopReason};
use crate::config::ZoneNumber;
use crate::{DeviceId, SipUser, SlotId, SlotKind};

/// State of a device at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Which device.
    pub device: DeviceId,
    /// Its slots, in the order of kind and port.
    pub slots: Vec<SlotStatus>,
    /// What it plays, if anything.
    pub sounding: Option<Sounding>,
    /// What its strobe and its relay do.
    pub signals: Signals,
    /// Messages of delayed pages.
    #[serde(default)]
    pub messages: MessagesStatus,
    /// Its microphone.
    #[serde(default)]
    pub microphone: MicrophoneStatus,
    /// Its loudspeaker.
    pub sink: SinkStatus,
    /// What it does with multicast zones.
    pub multicast: MulticastStatus,
}

/// State of a microphone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MicrophoneStatus {
    /// Its name: "alsa:default"; "none" where there is none.
    pub name: String,
    /// Whether it works. Without one that does, two-way calls are one-way.
    pub health: SinkHealth,
    /// Callers do not hear it.
    pub muted: bool,
}

impl Default for MicrophoneStatus {
    fn default() -> Self {
        Self {
            name: "none".to_owned(),
            health: SinkHealth::Faulty {
                reason: String::new(),
            },
            muted: false,
        }
    }
}

/// Messages of delayed pages that are not played yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagesStatus {
    /// How many are being recorded.
    pub recording: usize,
    /// How many wait for the loudspeaker.
    pub waiting: usize,
}

/// State of one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// Which slot.
    pub slot: SlotId,
    /// What a call to it does.
    pub kind: SlotKind,
    /// Who it registers as; `None` for an empty slot.
    pub user: Option<SipUser>,
    /// State of its registration.
    pub registration: RegistrationStatus,
}

/// State of a loudspeaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkStatus {
    /// The name of the sink: "alsa:default".
    pub name: String,
    /// Whether it works.
    pub health: SinkHealth,
    /// Muted, or its volume zero.
    pub muted: bool,
}

/// Whether a sink works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SinkHealth {
    /// It consumes samples in time.
    Healthy,
    /// It does not.
    Faulty {
        /// What it or the system reported.
        reason: String,
    },
}

/// Something that happened at a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DeviceEvent {
    /// A slot's registration is in another state, or has another cause.
    RegistrationChanged {
        /// Which slot.
        slot: SlotId,
        /// The state.
        registration: RegistrationStatus,
    },
    /// Something began to sound.
    Started {
        /// What.
        sounding: Sounding,
    },
    /// What sounded has stopped.
    Stopped {
        /// What.
        sounding: Sounding,
        /// Why.
        why: StopReason,
    },
    /// Strobe or relay do something else.
    SignalsChanged {
        /// What they do.
        signals: Signals,
    },
    /// A delayed page is recorded, waits or begins to be played.
    MessagesChanged {
        /// How many messages there are.
        messages: MessagesStatus,
    },
    /// A sound that was asked for at the device itself is not played.
    SoundRefused {
        /// What was asked for, in words.
        what: String,
        /// Why not, in words.
        why: String,
    },
    /// A call was refused because something more important sounds, or for another reason.
    CallRefused {
        /// Whose call.
        slot: SlotId,
        /// The status code the caller got.
        status: u16,
        /// Why, in words.
        why: String,
    },
    /// A page was played to its end.
    PagePlayed {
        /// How it was heard.
        receipt: Receipt,
    },
    /// The server asks the device to fetch its configuration again (check-sync).
    CheckSync,
    /// A multicast zone can or cannot be received.
    ZoneChanged {
        /// Which zone.
        zone: ZoneNumber,
        /// Why nothing can come, in words; `null` when something can.
        problem: Option<String>,
    },
    /// Packets of a sender leave or do not leave for multicast zones.
    ZoneSendingChanged {
        /// Why they do not, in words; `null` when they do.
        problem: Option<String>,
    },
    /// The microphone is in another state.
    MicrophoneChanged {
        /// The state.
        microphone: MicrophoneStatus,
    },
    /// The loudspeaker is in another state.
    SinkChanged {
        /// The state.
        sink: SinkStatus,
    },
}
