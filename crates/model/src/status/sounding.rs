//! What a device plays, why, and why it stops.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ZoneStream;
use crate::{PageId, SlotId};

/// What a device plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sounding {
    /// How important it is.
    pub class: SoundClass,
    /// Where it comes from.
    pub origin: SoundOrigin,
    /// It is an exercise of an alert.
    pub drill: bool,
    /// The slot whose call it is, if it is one's.
    pub slot: Option<SlotId>,
    /// The number of the announcement, if it is one.
    pub announcement: Option<u8>,
    /// The stream of a multicast zone, if it is one.
    pub multicast: Option<ZoneStream>,
    /// The page, if it has an id.
    pub page: Option<PageId>,
    /// The name of the tone or announcement; `None` for speech, and for an alert that is silent.
    pub tone: Option<String>,
    /// What and why, in words: "page from 1001".
    pub what: String,
    /// How long it has been playing, in milliseconds.
    pub since_ms: u64,
}

/// How important a sound is; the order is the one they take the loudspeaker from each other in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundClass {
    /// A real emergency. A drill is a [`SoundClass::PriorityPage`], so that a real alert always ends a drill.
    EmergencyAlert,
    /// A page that matters more than other pages, or the exercise of an alert.
    PriorityPage,
    /// A page.
    Page,
    /// Two people speak with each other.
    TwoWayCall,
    /// A telephone rings aloud.
    Ring,
    /// A bell.
    ScheduledBell,
    /// Music.
    BackgroundMusic,
}

impl SoundClass {
    /// All classes in the default order, the most important first.
    pub const ALL: [Self; 7] = [
        Self::EmergencyAlert,
        Self::PriorityPage,
        Self::Page,
        Self::TwoWayCall,
        Self::Ring,
        Self::ScheduledBell,
        Self::BackgroundMusic,
    ];
}

impl fmt::Display for SoundClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::EmergencyAlert => "emergency alert",
            Self::PriorityPage => "priority page",
            Self::Page => "page",
            Self::TwoWayCall => "two-way call",
            Self::Ring => "ring",
            Self::ScheduledBell => "scheduled bell",
            Self::BackgroundMusic => "background music",
        })
    }
}

/// Where a sound comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundOrigin {
    /// A call to a slot.
    SlotCall,
    /// A call to a slot that was recorded before.
    DelayedPage,
    /// The device itself: its web page, its interface, an input.
    Local,
    /// A multicast zone.
    Multicast,
}

/// Why a sound is not heard any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Its caller has hung up or stopped ringing, or it has been played to its end.
    Ended,
    /// Somebody else has taken the call that rang (RFC 3326: `Reason: SIP;cause=200`).
    CompletedElsewhere,
    /// Somebody has stopped it: by the cancel extension, or at the device.
    Cancelled,
    /// It has lasted as long as it may.
    TimedOut,
    /// Something more important has taken its place for good.
    PreEmpted,
    /// Something else is heard meanwhile, and then it goes on.
    Paused,
    /// The same sound begins again.
    Restarted,
    /// The page goes on in another dialog.
    Moved,
    /// Its caller cannot be reached any more.
    Lost,
    /// The device leaves the network.
    ShutDown,
}
