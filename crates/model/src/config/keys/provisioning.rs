//! Keys of Advanced Settings → Provisioning.

use super::{KeySpec, Kind, OFF, ON, Tab, UNSET, idle, one, own, secret, seen};

const TAB: Tab = Tab::Provisioning;

/// The rows of the page, in its order.
pub(super) const KEYS: &[KeySpec] = &[
    seen(
        one("prov.use"),
        Kind::Flag,
        ON,
        TAB,
        "Fetch the configuration from a provisioning server, if one is known.",
    ),
    seen(
        one("prov.server.method"),
        Kind::Text,
        "auto",
        TAB,
        "How the server is found: static is the address below, anything else also takes what DHCP has offered.",
    ),
    seen(
        one("prov.server.static"),
        Kind::Text,
        UNSET,
        TAB,
        "Provisioning server: a host name or address, or an https address with a path.",
    ),
    seen(
        one("prov.download.method"),
        Kind::Choice(DOWNLOAD_METHODS),
        "https",
        TAB,
        "Download method; this endpoint fetches by https alone, and says so where another one is set.",
    ),
    seen(
        one("prov.download.cert"),
        Kind::Flag,
        ON,
        TAB,
        "Validate the server's certificate.",
    ),
    own(seen(
        one("oyez.prov.ca"),
        Kind::Text,
        UNSET,
        TAB,
        "PEM file of the authorities to trust; empty trusts the system's.",
    )),
    seen(
        one("prov.download.cfgpath"),
        Kind::Text,
        UNSET,
        TAB,
        "Folder of the configuration files on the server.",
    ),
    seen(
        one("prov.auth.user"),
        Kind::Text,
        UNSET,
        TAB,
        "User name, where the server asks for one.",
    ),
    secret(seen(
        one("prov.auth.pwd"),
        Kind::Text,
        UNSET,
        TAB,
        "Password, where the server asks for one.",
    )),
    seen(
        one("prov.i"),
        Kind::Flag,
        OFF,
        TAB,
        "Fetch incremental files as well, and lay them over the others.",
    ),
    own(seen(
        one("oyez.prov.model"),
        Kind::Text,
        "oyez",
        TAB,
        "Model in the name of the file that all devices of a model share.",
    )),
    own(seen(
        one("oyez.prov.interval"),
        Kind::Integer {
            min: 0,
            max: 8_760,
            unit: "hours",
        },
        "24",
        TAB,
        "How often the files are fetched again; 0 is at the start and on request only.",
    )),
    idle(seen(
        one("prov.sync.frequency"),
        Kind::Text,
        UNSET,
        TAB,
        "The hardware's schedule; its values are not documented.",
    )),
    idle(seen(
        one("prov.sync.time"),
        Kind::Text,
        UNSET,
        TAB,
        "Earliest time of the schedule.",
    )),
    idle(seen(
        one("prov.sync.endtime"),
        Kind::Text,
        UNSET,
        TAB,
        "Latest time of the schedule.",
    )),
    idle(seen(
        one("prov.sync.wdays"),
        Kind::Text,
        UNSET,
        TAB,
        "Days of the schedule.",
    )),
];

pub(crate) const DOWNLOAD_METHODS: &[&str] = &["https", "http", "tftp", "ftp"];
