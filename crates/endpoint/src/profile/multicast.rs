//! What a device does with multicast zones.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use media::codec::Codec;
use model::SlotPosition;
use model::config::{
    EndpointConfig, MulticastMode, MulticastSending, SourceNetwork, Tone, ZoneConfig, ZoneNumber, ZoneRole,
};
use model::status::MulticastCodec;
use paging::{Class, Rank};

use super::sounds::source;
use crate::LOCAL_TONE_MAX;
use crate::tones::{BuiltinTone, ToneSource};

/// How much longer than what its sender plays a stream may go on: the tone before it, and clocks that differ.
pub const STREAM_GRACE: Duration = Duration::from_secs(10);
/// What a sender may play into a zone with priority: an evacuation lasts for as long as the sender has been told
/// (`ann.maxtime`), which a receiver does not know; this is the longest it can be told.
pub const PRIORITY_STREAM_MAX: Duration = Duration::from_secs(86_400);

/// What a device does with multicast zones; by default nothing.
#[derive(Debug, Clone)]
pub struct MulticastProfile {
    /// Whether it sends or receives.
    pub mode: MulticastMode,
    /// The zones that a receiver plays.
    pub zones: Vec<ZoneProfile>,
    /// Who may speak in them; empty for anybody.
    pub sources: Vec<SourceNetwork>,
    /// The network interface; `None` for all, or the one of the default route.
    pub interface: Option<String>,
    /// How many hops packets of a sender go.
    pub hops: u8,
    /// What a sender sends.
    pub sending: SendingProfile,
}

/// What a sender sends.
#[derive(Debug, Clone)]
pub struct SendingProfile {
    /// The zones that it may send to, with their addresses.
    pub group_by_zone: BTreeMap<ZoneNumber, SocketAddrV4>,
    /// The codec, one with a static payload type.
    pub codec: Codec,
    /// How much sound a packet carries.
    pub packet_time: Duration,
    /// Where what sounds at each slot goes.
    pub zone_by_slot: BTreeMap<SlotPosition, ZoneNumber>,
    /// What is sent is played here, too; alerts are in any case.
    pub plays_here: bool,
}

impl Default for SendingProfile {
    /// To no zone.
    fn default() -> Self {
        Self {
            group_by_zone: BTreeMap::new(),
            codec: Codec::G722,
            packet_time: Duration::from_millis(20),
            zone_by_slot: BTreeMap::new(),
            plays_here: true,
        }
    }
}

impl MulticastProfile {
    /// Says whether the device may send to a zone.
    pub(crate) fn sends_to(&self, zone: ZoneNumber) -> bool {
        self.mode == MulticastMode::Sender && self.sending.group_by_zone.contains_key(&zone)
    }

    /// The zone that what sounds at a slot is sent to, if it is.
    pub(crate) fn zone_of(&self, position: SlotPosition) -> Option<ZoneNumber> {
        let zone = self.sending.zone_by_slot.get(&position).copied();
        zone.filter(|_| self.mode == MulticastMode::Sender)
    }
}

impl Default for MulticastProfile {
    fn default() -> Self {
        Self {
            mode: MulticastMode::Off,
            zones: Vec::new(),
            sources: Vec::new(),
            interface: None,
            hops: 1,
            sending: SendingProfile::default(),
        }
    }
}

/// One zone that a receiver plays.
#[derive(Debug, Clone)]
pub struct ZoneProfile {
    /// Its number.
    pub number: ZoneNumber,
    /// Its address.
    pub group: SocketAddrV4,
    /// How important it is.
    pub class: Class,
    /// Which of two of its class is heard.
    pub rank: Rank,
    /// How long a stream may go on; `None` for ever, as music does.
    pub longest: Option<Duration>,
    /// Gain in dB, at most 0.
    pub volume_db: f32,
    /// What plays before a page, which is held back meanwhile, and of which what is longer than
    /// [`TONE_MAX`](crate::TONE_MAX) is cut.
    pub tone: ToneSource,
}

impl MulticastProfile {
    pub(super) fn from_config(config: &EndpointConfig, decibel: impl Fn(i32) -> f32) -> Self {
        let multicast = &config.multicast;
        let pages = config.page.length_max.max(config.alerts.length_max);
        let zone = |zone: &ZoneConfig| {
            let (class, rank) = importance(zone.role);
            ZoneProfile {
                number: zone.number,
                group: zone.group,
                class,
                rank,
                longest: longest(zone.role, pages).map(|longest| longest + STREAM_GRACE),
                volume_db: decibel(zone.volume_db.unwrap_or(config.page.volume_db)),
                tone: zone_tone(&zone.tone),
            }
        };
        Self {
            mode: multicast.mode,
            zones: multicast.zones.iter().map(zone).collect(),
            sources: multicast.sources.clone(),
            interface: multicast.interface.clone(),
            hops: multicast.sending.hops,
            sending: sending(&multicast.sending),
        }
    }
}

fn sending(sending: &MulticastSending) -> SendingProfile {
    SendingProfile {
        group_by_zone: sending.group_by_zone.clone(),
        codec: match sending.codec {
            MulticastCodec::Pcmu => Codec::Pcmu,
            MulticastCodec::Pcma => Codec::Pcma,
            MulticastCodec::G722 => Codec::G722,
        },
        packet_time: sending.packet_time,
        zone_by_slot: sending.zone_by_slot.clone(),
        plays_here: sending.plays_here,
    }
}

/// How long a sender may play into a zone; `pages` is what this device allows a page or an announcement of its own.
fn longest(role: ZoneRole, pages: Duration) -> Option<Duration> {
    match role {
        ZoneRole::Priority => Some(PRIORITY_STREAM_MAX),
        // A sender plays a tone of its REST API for as long as that.
        ZoneRole::AllCall | ZoneRole::Page => Some(pages.max(LOCAL_TONE_MAX)),
        ZoneRole::Music => None,
    }
}

fn importance(role: ZoneRole) -> (Class, Rank) {
    match role {
        ZoneRole::Priority => (Class::PriorityPage, Rank::Zone),
        ZoneRole::AllCall => (Class::Page, Rank::AllCall),
        ZoneRole::Page => (Class::Page, Rank::Zone),
        ZoneRole::Music => (Class::BackgroundMusic, Rank::Zone),
    }
}

fn zone_tone(tone: &Tone) -> ToneSource {
    source(tone, BuiltinTone::PageNotification)
}
