//! Keys of Basic Settings → Multicast and Advanced Settings → Advanced Multicast.

use super::{KeySpec, Kind, OFF, ON, Tab, UNSET, idle, inferred, one, own, seen, zone};

/// None, sender, receiver.
pub(in crate::config) const MULTICAST_MODES: &[&str] = &["0", "1", "2"];
pub(in crate::config) const MULTICAST_CODECS: &[&str] = &["g722", "ulaw", "alaw"];
const MULTICAST_PACKET_TIMES: &[&str] = &["10", "20", "30", "40", "50", "60"];

/// The usual addresses of zones 1 to 50. Their numbers do not follow the order of ports.
const GROUPS: &[&str] = &[
    "224.0.2.60:50002",
    "224.0.2.60:50003",
    "224.0.2.60:50004",
    "224.0.2.60:50005",
    "224.0.2.60:50006",
    "224.0.2.60:50007",
    "224.0.2.60:50008",
    "224.0.2.60:50001",
    "224.0.2.60:50000",
    "224.0.2.110:50000",
    "224.0.2.111:50000",
    "224.0.2.112:50000",
    "224.0.2.113:50000",
    "224.0.2.114:50000",
    "224.0.2.115:50000",
    "224.0.2.116:50000",
    "224.0.2.117:50000",
    "224.0.2.118:50000",
    "224.0.2.119:50000",
    "224.0.2.120:50000",
    "224.0.2.121:50000",
    "224.0.2.122:50000",
    "224.0.2.123:50000",
    "224.0.2.124:50000",
    "224.0.2.125:50000",
    "224.0.2.126:50000",
    "224.0.2.127:50000",
    "224.0.2.128:50000",
    "224.0.2.129:50000",
    "224.0.2.130:50000",
    "224.0.2.131:50000",
    "224.0.2.132:50000",
    "224.0.2.133:50000",
    "224.0.2.134:50000",
    "224.0.2.135:50000",
    "224.0.2.136:50000",
    "224.0.2.137:50000",
    "224.0.2.138:50000",
    "224.0.2.139:50000",
    "224.0.2.140:50000",
    "224.0.2.141:50000",
    "224.0.2.142:50000",
    "224.0.2.143:50000",
    "224.0.2.144:50000",
    "224.0.2.145:50000",
    "224.0.2.146:50000",
    "224.0.2.147:50000",
    "224.0.2.148:50000",
    "224.0.2.149:50000",
    "224.0.2.150:50000",
];

const BASIC: Tab = Tab::BasicMulticast;
const ADVANCED: Tab = Tab::AdvancedMulticast;

/// The rows of the two pages, in their order.
pub(super) const KEYS: &[KeySpec] = &[
    seen(
        one("mcast.mode"),
        Kind::Choice(MULTICAST_MODES),
        "0",
        BASIC,
        "What the device does with multicast zones: 0 nothing, 1 it sends, 2 it receives.",
    ),
    seen(
        one("mcast.rx.zones"),
        Kind::Zones,
        "1,8,9,",
        BASIC,
        "Zones that a receiver plays.",
    ),
    seen(
        one("mcast.tx.codec"),
        Kind::Choice(MULTICAST_CODECS),
        "g722",
        BASIC,
        "Codec of a sender. The words for G.711 are concluded, not documented.",
    ),
    seen(
        one("mcast.tx.fixed"),
        Kind::Integer {
            min: 0,
            max: 50,
            unit: "zones",
        },
        "1",
        BASIC,
        "Zone that a sender passes pages of the base extension on to; 0 is none.",
    ),
    inferred(seen(
        one("mcast.tx.zones"),
        Kind::Zones,
        UNSET,
        BASIC,
        "Zones that a sender may send to; empty is all.",
    )),
    seen(
        one("mcast.tx.ring"),
        Kind::Flag,
        OFF,
        BASIC,
        "A sender passes the tones of rings on to their zones (sip.alert1.zone and so on).",
    ),
    own(seen(
        one("oyez.mcast.local"),
        Kind::Flag,
        ON,
        BASIC,
        "A sender plays on its own loudspeaker, too, what it sends.",
    )),
    seen(
        one("mcast.tx.ptime"),
        Kind::Choice(MULTICAST_PACKET_TIMES),
        "20",
        ADVANCED,
        "Milliseconds of sound in a packet of a sender.",
    ),
    seen(
        one("mcast.tx.ttl"),
        Kind::Integer {
            min: 1,
            max: 255,
            unit: "hops",
        },
        "1",
        ADVANCED,
        "How far packets of a sender go; more than 1 only where multicast is routed.",
    ),
    seen(
        one("mcast.prio.use"),
        Kind::Flag,
        OFF,
        ADVANCED,
        "Zones of mcast.prio.zones have priority, in the place of zone 9.",
    ),
    seen(
        one("mcast.prio.zones"),
        Kind::Zones,
        "9,",
        ADVANCED,
        "Zones that are heard before all others.",
    ),
    seen(
        one("mcast.zones.music"),
        Kind::Zones,
        "7",
        ADVANCED,
        "Zones of background music.",
    ),
    own(seen(
        one("oyez.mcast.sources"),
        Kind::Sources,
        UNSET,
        ADVANCED,
        "Who may speak in the zones that a receiver plays: IPv4 addresses and networks with commas between them; empty is anybody. \
         Addresses can be forged: it keeps mistakes out, and no attacker within the network.",
    )),
    own(seen(
        one("oyez.mcast.interface"),
        Kind::Text,
        UNSET,
        ADVANCED,
        "Network interface that multicast comes in and goes out by; empty is all to receive, and the one of the default route to send.",
    )),
    idle(seen(
        one("mcast.tx.select"),
        Kind::Flag,
        OFF,
        ADVANCED,
        "Callers choose the zone by a key.",
    )),
    idle(seen(
        one("mcast.rtp.ext"),
        Kind::Flag,
        OFF,
        ADVANCED,
        "RTCP on the next port.",
    )),
    idle(seen(
        one("mcast.zones.exp"),
        Kind::Flag,
        ON,
        ADVANCED,
        "Show zones 10 to 50.",
    )),
    each(
        seen(
            zone("mcast.zone"),
            Kind::Group,
            "224.0.2.60:50002",
            ADVANCED,
            "Address and port of the zone.",
        ),
        GROUPS,
    ),
    seen(
        zone("mcast.vol"),
        Kind::Volume {
            min: -45,
            max: 0,
            step: 3,
        },
        "Default",
        ADVANCED,
        "Volume of the zone at a receiver; Default is audio.page.vol.",
    ),
    seen(
        zone("mcast.rxtone"),
        Kind::Tone,
        "None",
        ADVANCED,
        "Tone that a receiver plays before a page of the zone, which it holds back meanwhile. The sender has its own, so None is right for most.",
    ),
];

/// A row whose keys have a default each.
const fn each(spec: KeySpec, defaults: &'static [&'static str]) -> KeySpec {
    KeySpec { defaults, ..spec }
}
