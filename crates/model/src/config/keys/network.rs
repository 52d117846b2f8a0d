//! Keys of Advanced Settings → Network and Time, and of Additional Features → Input/Output: of what the machine's own system does, those that
//! a program can do something about.

use super::{KeySpec, Kind, OFF, ON, RELAY_EVENTS, Tab, UNSET, idle, one, seen};

/// Differentiated services code points have six bits (RFC 2474).
const DSCP_MAX: u32 = 63;

/// The row of a code point.
const fn dscp(key: &'static str, default: &'static str, help: &'static str) -> KeySpec {
    let kind = Kind::Integer {
        min: 0,
        max: DSCP_MAX,
        unit: "code point",
    };
    seen(one(key), kind, default, Tab::Network, help)
}

/// The row of a time server.
const fn time_server(key: &'static str) -> KeySpec {
    let help =
        "Time server: set it at the operating system (chrony, systemd-timesyncd), which sets the clock.";
    idle(seen(one(key), Kind::Text, UNSET, Tab::Time, help))
}

/// The rows of the pages, in their order.
pub(super) const KEYS: &[KeySpec] = &[
    dscp(
        "net.dscp.sip",
        "0",
        "DSCP that SIP packets are marked with, from the next connection on.",
    ),
    dscp(
        "net.dscp.rtp",
        "46",
        "DSCP that packets of sound are marked with, from the next call on; 46 is expedited forwarding.",
    ),
    dscp(
        "net.dscp.rtcp",
        "46",
        "DSCP that the reports beside sound are marked with, from the next call on.",
    ),
    seen(
        one("admin.timezone"),
        Kind::Text,
        UNSET,
        Tab::Time,
        "Time zone of the times on these pages, by its name, as Europe/Zurich; empty is that of the browser.",
    ),
    time_server("net.time1"),
    time_server("net.time2"),
    time_server("net.time3"),
    time_server("net.time4"),
    idle(seen(
        one("net.dhcp.c.ntp"),
        Kind::Flag,
        OFF,
        Tab::Time,
        "Take time servers from DHCP: set it at the operating system's DHCP client.",
    )),
    seen(
        one("io.relayout"),
        Kind::Flag,
        ON,
        Tab::InputOutput,
        "The relay output follows what sounds; it is virtual: status and events show it.",
    ),
    seen(
        one("io.relayout.events"),
        Kind::Words(RELAY_EVENTS),
        "all",
        Tab::InputOutput,
        "What switches the relay output: all is everything but music. The other words are concluded, not documented.",
    ),
    idle(seen(
        one("io.relayin.mode"),
        Kind::Text,
        "disabled",
        Tab::InputOutput,
        "How the relay input is read: it needs a pin of hardware, and this endpoint has none.",
    )),
];
