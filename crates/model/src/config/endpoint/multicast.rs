//! What an endpoint does with multicast zones.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::slots::{SlotKeys, tone};
use super::{EndpointConfig, Tone, conflict};
use crate::config::keys::{MULTICAST_CODECS, MULTICAST_MODES};
use crate::config::reader::Reader;
use crate::config::{ConfigError, GroupAddress, SourceNetwork, ZoneChoice, ZoneNumber};
use crate::status::MulticastCodec;
pub use crate::status::MulticastMode;
use crate::{SlotKind, SlotPosition};

/// What an endpoint does with multicast zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MulticastConfig {
    /// Whether it sends or receives.
    pub mode: MulticastMode,
    /// The zones that a receiver plays, in the order of their numbers.
    pub zones: Vec<ZoneConfig>,
    /// Who may speak in them; empty for anybody.
    pub sources: Vec<SourceNetwork>,
    /// The network interface; `None` for all, or the one of the default route.
    pub interface: Option<String>,
    /// What a sender does.
    pub sending: MulticastSending,
}

/// One zone that a receiver plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneConfig {
    /// Its number.
    pub number: ZoneNumber,
    /// Its address.
    pub group: SocketAddrV4,
    /// How important it is.
    pub role: ZoneRole,
    /// Gain in dB, at most 0; `None` for that of pages.
    pub volume_db: Option<i32>,
    /// Played before a page, which is held back meanwhile.
    pub tone: Tone,
}

/// How important a zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneRole {
    /// Before other pages.
    Priority,
    /// A page to everybody, before pages to one zone.
    AllCall,
    /// A page.
    Page,
    /// Background music.
    Music,
}

/// What a sender does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MulticastSending {
    /// The zones that it may send to, with their addresses.
    pub group_by_zone: BTreeMap<ZoneNumber, SocketAddrV4>,
    /// The codec.
    pub codec: MulticastCodec,
    /// How much sound a packet carries.
    pub packet_time: Duration,
    /// How many hops packets go.
    pub hops: u8,
    /// Where what sounds at each slot goes, too.
    pub zone_by_slot: BTreeMap<SlotPosition, ZoneNumber>,
    /// What is sent is played here, too.
    pub plays_here: bool,
}

pub(super) fn multicast(reader: &Reader<'_>) -> MulticastConfig {
    let zones = reader.zones("mcast.rx.zones");
    MulticastConfig {
        mode: match reader.choice("mcast.mode", MULTICAST_MODES) {
            "1" => MulticastMode::Sender,
            "2" => MulticastMode::Receiver,
            _ => MulticastMode::Off,
        },
        zones: zones
            .into_iter()
            .filter_map(|number| zone(reader, number))
            .collect(),
        sources: reader.sources("oyez.mcast.sources"),
        interface: reader.parsed("oyez.mcast.interface"),
        sending: sending(reader),
    }
}

fn zone(reader: &Reader<'_>, number: ZoneNumber) -> Option<ZoneConfig> {
    Some(ZoneConfig {
        number,
        group: group(reader, number)?,
        role: role(reader, number),
        volume_db: reader.volume(&format!("mcast.vol{number}")),
        tone: tone(reader.text(&format!("mcast.rxtone{number}"))),
    })
}

fn group(reader: &Reader<'_>, number: ZoneNumber) -> Option<SocketAddrV4> {
    let address: GroupAddress = reader.parsed(&format!("mcast.zone{number}"))?;
    Some(address.socket_address())
}

fn role(reader: &Reader<'_>, number: ZoneNumber) -> ZoneRole {
    let has_priority = if reader.flag("mcast.prio.use") {
        reader.zones("mcast.prio.zones").contains(&number)
    } else {
        number == ZoneNumber::PRIORITY
    };
    if has_priority {
        ZoneRole::Priority
    } else if reader.zones("mcast.zones.music").contains(&number) {
        ZoneRole::Music
    } else if number == ZoneNumber::ALL_CALL {
        ZoneRole::AllCall
    } else {
        ZoneRole::Page
    }
}

fn sending(reader: &Reader<'_>) -> MulticastSending {
    let permitted = reader.zones("mcast.tx.zones");
    let packet_time = reader.integer("mcast.tx.ptime");
    MulticastSending {
        group_by_zone: ZoneNumber::all()
            .filter(|number| permitted.is_empty() || permitted.contains(number))
            .filter_map(|number| group(reader, number).map(|group| (number, group)))
            .collect(),
        codec: match reader.choice("mcast.tx.codec", MULTICAST_CODECS) {
            "ulaw" => MulticastCodec::Pcmu,
            "alaw" => MulticastCodec::Pcma,
            _ => MulticastCodec::G722,
        },
        packet_time: Duration::from_millis(packet_time.into()),
        hops: u8::try_from(reader.integer("mcast.tx.ttl")).unwrap_or(1),
        zone_by_slot: zone_by_slot(reader),
        plays_here: reader.flag("oyez.mcast.local"),
    }
}

/// The key of the zone of every slot that has none of its own.
const ZONE_OF_BASE: &str = "mcast.tx.fixed";

/// The key that gives a slot a zone of its own, if there is one.
fn zone_key(position: SlotPosition) -> Option<String> {
    let port = position.port();
    match position.kind() {
        SlotKind::Page => None,
        SlotKind::Ring => Some(format!("sip.alert{port}.zone")),
        SlotKind::Alert if position == SlotPosition::CANCEL => None,
        SlotKind::Alert => Some(format!("ann.zone{port}")),
    }
}

fn zone_by_slot(reader: &Reader<'_>) -> BTreeMap<SlotPosition, ZoneNumber> {
    let of_base = u8::try_from(reader.integer(ZONE_OF_BASE))
        .ok()
        .and_then(ZoneNumber::new);
    let chosen = |position: SlotPosition| match reader.parsed(&zone_key(position)?) {
        None | Some(ZoneChoice::Default) => of_base,
        Some(ZoneChoice::None) => None,
        Some(ZoneChoice::Zone(zone)) => Some(zone),
    };
    let sends_rings = reader.flag("mcast.tx.ring");
    let zone_of = |position: SlotPosition| match position.kind() {
        SlotKind::Page if position == SlotPosition::BASE_PAGE => of_base,
        SlotKind::Page => ZoneNumber::new(position.port().saturating_sub(1)),
        SlotKind::Ring if !sends_rings => None,
        // Who cancels an alert speaks to this device alone: it has no key.
        SlotKind::Ring | SlotKind::Alert => chosen(position),
    };
    SlotKind::ALL
        .into_iter()
        .flat_map(SlotPosition::all)
        .filter_map(|position| Some((position, zone_of(position)?)))
        .collect()
}

/// What is meant for a zone must not stay here unnoticed.
pub(super) fn check(config: &EndpointConfig, reader: &Reader<'_>, errors: &mut Vec<ConfigError>) {
    let (multicast, slots) = (&config.multicast, &config.slots);
    if multicast.mode != MulticastMode::Sender {
        return;
    }
    let sending = &multicast.sending;
    let is_used = |position: SlotPosition| slots.iter().any(|slot| slot.position == position);
    let kept_here = sending.zone_by_slot.iter().filter(|(position, zone)| {
        // Nobody can call the extension of a zone that has none. The zone of the base extension is that of a tone of the REST API, too.
        let can_be_meant =
            position.kind() != SlotKind::Page || **position == SlotPosition::BASE_PAGE || is_used(**position);
        can_be_meant && !sending.group_by_zone.contains_key(zone)
    });
    let right_by_key: BTreeMap<String, &str> = kept_here
        .map(|(position, _)| deciding(reader, *position))
        .collect();
    for (key, right) in right_by_key {
        let problem = "it would not go out: the zone is not among mcast.tx.zones";
        errors.push(conflict(reader, &key, problem, right));
    }
}

/// The key by which what sounds at a slot goes to the zone it goes to, and what would be right if it may not.
fn deciding(reader: &Reader<'_>, position: SlotPosition) -> (String, &'static str) {
    if position.kind() == SlotKind::Page && position != SlotPosition::BASE_PAGE {
        return (
            SlotKeys::of(position).user,
            "an extension of a zone of mcast.tx.zones",
        );
    }
    let own = zone_key(position).filter(|key| matches!(reader.parsed(key), Some(ZoneChoice::Zone(_))));
    match own {
        Some(key) => (key, "a zone of mcast.tx.zones, Default or None"),
        None => (ZONE_OF_BASE.to_owned(), "a zone of mcast.tx.zones, or 0 for none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    fn config(text: &str) -> MulticastConfig {
        let document = Document::parse(text).unwrap();
        EndpointConfig::from_document(&document).unwrap().multicast
    }

    /// The zones of slots, each by its id.
    fn zones_of(sending: &MulticastSending, slots: &[&str]) -> Vec<Option<u8>> {
        let zone_of = |slot: &&str| {
            let zones = &sending.zone_by_slot;
            zones
                .iter()
                .find(|(position, _)| position.to_string() == **slot)
                .map(|(_, zone)| zone.get())
        };
        slots.iter().map(zone_of).collect()
    }

    fn roles(text: &str) -> Vec<(u8, ZoneRole)> {
        let zones = config(text).zones;
        zones
            .into_iter()
            .map(|zone| (zone.number.get(), zone.role))
            .collect()
    }

    #[test]
    fn a_receiver_of_the_defaults_plays_a_zone_the_all_call_and_the_priority_call() {
        let config = config("mcast.mode = 2\n");

        assert_eq!(config.mode, MulticastMode::Receiver);
        let zones: Vec<_> = config
            .zones
            .iter()
            .map(|zone| (zone.number.get(), zone.group.to_string(), zone.role))
            .collect();
        assert_eq!(
            zones,
            [
                (1, "224.0.2.60:50002".to_owned(), ZoneRole::Page),
                (8, "224.0.2.60:50001".to_owned(), ZoneRole::AllCall),
                (9, "224.0.2.60:50000".to_owned(), ZoneRole::Priority),
            ]
        );
        assert!(config.zones.iter().all(|zone| zone.tone == Tone::None));
        assert_eq!((config.sources.len(), config.interface), (0, None));
    }

    #[test]
    fn priority_and_music_go_to_the_zones_that_are_named() {
        assert_eq!(
            roles("mcast.rx.zones = 7,9,20\nmcast.prio.zones = 20\n"),
            [
                (7, ZoneRole::Music),
                (9, ZoneRole::Priority),
                (20, ZoneRole::Page)
            ]
        );
        assert_eq!(
            roles(
                "mcast.rx.zones = 7,9,20\nmcast.prio.zones = 20\nmcast.prio.use = 1\nmcast.zones.music = 9\n"
            ),
            [
                (7, ZoneRole::Page),
                (9, ZoneRole::Music),
                (20, ZoneRole::Priority)
            ]
        );
    }

    #[test]
    fn a_zone_has_its_own_address_volume_and_tone() {
        let config = config(
            "mcast.rx.zones = 3\nmcast.zone3 = 239.1.2.3:6000\nmcast.vol3 = -12dB\nmcast.rxtone3 = chime.wav\n\
             oyez.mcast.sources = 192.0.2.0/24\noyez.mcast.interface = eth1\n",
        );

        let [zone] = &config.zones[..] else {
            panic!("one zone")
        };
        assert_eq!(zone.group.to_string(), "239.1.2.3:6000");
        assert_eq!(zone.volume_db, Some(-12));
        assert_eq!(zone.tone, Tone::File("chime.wav".into()));
        assert_eq!(
            (config.sources.len(), config.interface.as_deref()),
            (1, Some("eth1"))
        );
    }

    #[test]
    fn a_sender_of_the_defaults_sends_g722_to_every_zone() {
        let sending = config("mcast.mode = 1\n").sending;

        assert_eq!(sending.group_by_zone.len(), 50);
        assert_eq!((sending.codec, sending.hops), (MulticastCodec::G722, 1));
        assert_eq!(sending.packet_time, Duration::from_millis(20));
        assert!(sending.plays_here);
        assert_eq!(
            zones_of(
                &sending,
                &["page-1", "page-2", "page-51", "ring-1", "alert-1", "alert-11"]
            ),
            [Some(1), Some(1), Some(50), None, Some(1), None]
        );
    }

    #[test]
    fn a_sender_sends_to_the_zones_it_may() {
        let sending = config("mcast.mode = 1\nmcast.tx.zones = 2,8,\nmcast.tx.fixed = 0\n").sending;

        let zones: Vec<u8> = sending.group_by_zone.keys().map(|zone| zone.get()).collect();
        assert_eq!(zones, [2, 8]);
        assert_eq!(zones_of(&sending, &["page-1", "alert-1"]), [None, None]);
    }

    #[test]
    fn what_is_meant_for_a_zone_that_may_not_be_sent_to_is_refused_at_a_sender() {
        let errors = |text: &str| match EndpointConfig::from_document(&Document::parse(text).unwrap()) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.key).collect(),
        };
        let zones = "mcast.tx.zones = 2,8,\n";
        for (text, keys) in [
            // Every alert and the base extension go to zone 1.
            ("", &["mcast.tx.fixed"][..]),
            ("mcast.tx.fixed = 3\n", &["mcast.tx.fixed"]),
            ("mcast.tx.fixed = 8\n", &[]),
            ("mcast.tx.fixed = 0\n", &[]),
            (
                "mcast.tx.fixed = 2\nann.zone3 = 9\nann.zone4 = 8\nann.zone5 = none\n",
                &["ann.zone3"],
            ),
            ("mcast.tx.fixed = 2\nsip.alert2.zone = 9\n", &[]),
            (
                "mcast.tx.fixed = 2\nsip.alert2.zone = 9\nmcast.tx.ring = 1\n",
                &["sip.alert2.zone"],
            ),
            (
                "mcast.tx.fixed = 2\nsip.proxy = a\nmcast.ext2 = 7002\nmcast.ext5 = 7005\n",
                &["mcast.ext5"],
            ),
        ] {
            assert_eq!(errors(&format!("mcast.mode = 1\n{zones}{text}")), keys, "{text}");
            assert!(errors(&format!("mcast.mode = 2\n{zones}{text}")).is_empty());
            assert!(errors(&format!("mcast.mode = 1\n{text}")).is_empty());
        }
    }

    #[test]
    fn a_base_extension_whose_zone_may_not_be_sent_to_is_refused_at_a_sender() {
        let errors = |text: &str| match EndpointConfig::from_document(&Document::parse(text).unwrap()) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| (error.key, error.line)).collect(),
        };
        let fixed = "mcast.tx.fixed".to_owned();

        assert_eq!(
            errors("mcast.mode = 1\nmcast.tx.zones = 2,8,\nmcast.tx.fixed = 3\n"),
            [(fixed.clone(), Some(3))]
        );
        // Without the key it is zone 1.
        assert_eq!(errors("mcast.mode = 1\nmcast.tx.zones = 2,8,\n"), [(fixed, None)]);
        for right in [
            "mcast.mode = 1\nmcast.tx.zones = 2,8,\nmcast.tx.fixed = 8\n",
            "mcast.mode = 1\nmcast.tx.zones = 2,8,\nmcast.tx.fixed = 0\n",
            "mcast.mode = 1\nmcast.tx.fixed = 3\n",
            "mcast.mode = 2\nmcast.tx.zones = 2,8,\nmcast.tx.fixed = 3\n",
        ] {
            assert_eq!(errors(right), [], "{right}");
        }
    }

    #[test]
    fn rings_and_alerts_go_to_zones_of_their_own_or_to_that_of_the_base_extension() {
        let sending = config(
            "mcast.mode = 1\nmcast.tx.fixed = 3\nmcast.tx.ring = 1\nsip.alert2.zone = 5\nsip.alert3.zone = none\n\
             ann.zone2 = 9\nann.zone10 = None\nann.zone4 = default\n",
        )
        .sending;

        assert_eq!(
            zones_of(&sending, &["ring-1", "ring-2", "ring-3", "ring-10"]),
            [Some(3), Some(5), None, Some(3)]
        );
        assert_eq!(
            zones_of(
                &sending,
                &["alert-1", "alert-2", "alert-4", "alert-10", "alert-11"]
            ),
            [Some(3), Some(9), Some(3), None, None]
        );
    }
}
