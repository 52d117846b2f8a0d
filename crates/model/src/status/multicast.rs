//! What a device does with multicast zones.

use serde::{Deserialize, Serialize};

use crate::config::ZoneNumber;

/// What a device does with multicast zones at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MulticastStatus {
    /// Whether it sends or receives.
    pub mode: MulticastMode,
    /// Only senders of a list are heard. Otherwise anybody in the network is.
    pub restricted: bool,
    /// The zones that a receiver plays, in the order of their numbers.
    pub zones: Vec<ZoneReception>,
    /// The zones that a sender sends to at the moment, in the order of their numbers.
    pub sending: Vec<ZoneNumber>,
    /// Why the last packet of a sender did not leave, in words.
    #[serde(default)]
    pub sending_problem: Option<String>,
    /// Packets that a receiver has dropped so far: those whose source may not speak, has spoken for too long, or is another than
    /// the one that does.
    #[serde(default)]
    pub dropped_foreign: u64,
    /// Packets that a receiver has dropped so far: those that carry no sound that is understood, or none that fits its stream.
    #[serde(default)]
    pub dropped_unusable: u64,
}

/// Whether a device sends to multicast zones or receives from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MulticastMode {
    /// Neither.
    #[default]
    Off,
    /// It sends.
    Sender,
    /// It receives.
    Receiver,
}

/// One zone that a receiver plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneReception {
    /// Its number.
    pub zone: ZoneNumber,
    /// Its address, with the port.
    pub group: String,
    /// What comes at the moment, be it heard or not.
    pub stream: Option<ZoneStream>,
    /// It is heard.
    pub heard: bool,
    /// Why nothing can come, in words.
    pub problem: Option<String>,
}

/// A stream of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneStream {
    /// The zone.
    pub zone: ZoneNumber,
    /// The address it comes from. It can be forged.
    pub source: String,
    /// The codec of its last packet.
    pub codec: MulticastCodec,
}

/// Codecs of multicast zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MulticastCodec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
}
