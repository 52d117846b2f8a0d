//! Keys of Advanced Settings → Admin.

use super::{KeySpec, Kind, OFF, Tab, UNSET, one, own, secret, seen};

const TAB: Tab = Tab::Admin;

/// HMAC, Basic and none. The hardware knows the last; the typed view refuses it, and says why.
pub(in crate::config) const API_AUTHENTICATIONS: &[&str] = &["0", "1", "-1"];
/// Seconds that the clocks of the API's clients may be off at most: every signature is remembered for twice that time.
const API_SKEW_MAX: u32 = 300;

/// Whether the log is sent.
pub(in crate::config) const LOG_METHODS: &[&str] = &["local", "network"];
/// How.
pub(in crate::config) const LOG_PROTOCOLS: &[&str] = &["udp", "tcp", "tls"];
/// How much of it.
pub(in crate::config) const LOG_LEVELS: &[&str] = &["error", "warning", "info", "debug"];
/// Where to.
pub(in crate::config) const LOG_SERVERS: [&str; 4] =
    ["log.server", "log.server2", "log.server3", "log.server4"];

/// The row of a log server.
const fn log_server(key: &'static str) -> KeySpec {
    let help = "Log server; without a port, 514 over UDP and TCP and 6514 over TLS.";
    seen(one(key), Kind::HostPort, UNSET, TAB, help)
}

/// The rows of the page, in its order.
pub(super) const KEYS: &[KeySpec] = &[
    seen(one("admin.web.api"), Kind::Flag, OFF, TAB, "Answer the REST API."),
    secret(seen(
        one("api.admin.pwd"),
        Kind::Text,
        UNSET,
        TAB,
        "Password of the REST API, whose user is admin; there is none unless one is set.",
    )),
    seen(
        one("api.auth.basic"),
        Kind::Choice(API_AUTHENTICATIONS),
        "0",
        TAB,
        "How clients of the REST API prove that they know the password: 0 by HMAC-SHA-256, 1 by sending it (Basic). -1, not at all, is refused.",
    ),
    seen(
        one("api.auth.tsvar"),
        Kind::Integer {
            min: 1,
            max: API_SKEW_MAX,
            unit: "seconds",
        },
        "30",
        TAB,
        "How far the clock of a client of the REST API may be off.",
    ),
    seen(
        one("log.method"),
        Kind::Choice(LOG_METHODS),
        "local",
        TAB,
        "Where the log goes: local is the page System Log, network the log servers as well.",
    ),
    log_server(LOG_SERVERS[0]),
    log_server(LOG_SERVERS[1]),
    log_server(LOG_SERVERS[2]),
    log_server(LOG_SERVERS[3]),
    seen(
        one("log.protocol"),
        Kind::Choice(LOG_PROTOCOLS),
        "udp",
        TAB,
        "How log servers are reached: RFC 5424 messages over UDP, TCP or TLS.",
    ),
    own(seen(
        one("oyez.log.ca"),
        Kind::Text,
        UNSET,
        TAB,
        "PEM file of the authorities to trust for log servers over TLS; empty trusts the system's.",
    )),
    seen(
        one("log.level"),
        Kind::Choice(LOG_LEVELS),
        "info",
        TAB,
        "The least grave message that is sent; debug sends what info does.",
    ),
];
