//! What a device does with multicast zones.

use std::net::SocketAddrV4;

use model::config::{EndpointConfig, MulticastMode, SourceNetwork, Tone, ZoneConfig, ZoneNumber, ZoneRole};
use paging::{Class, Rank};

use super::sounds::source;
use crate::tones::{BuiltinTone, ToneSource};

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
}

impl Default for MulticastProfile {
    fn default() -> Self {
        Self {
            mode: MulticastMode::Off,
            zones: Vec::new(),
            sources: Vec::new(),
            interface: None,
            hops: 1,
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
    /// Gain in dB, at most 0.
    pub volume_db: f32,
    /// What plays before a page, which is held back meanwhile, and of which what is longer than
    /// [`TONE_MAX`](crate::TONE_MAX) is cut.
    pub tone: ToneSource,
}

impl MulticastProfile {
    pub(super) fn from_config(config: &EndpointConfig, decibel: impl Fn(i32) -> f32) -> Self {
        let multicast = &config.multicast;
        let zone = |zone: &ZoneConfig| {
            let (class, rank) = importance(zone.role);
            ZoneProfile {
                number: zone.number,
                group: zone.group,
                class,
                rank,
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
        }
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
