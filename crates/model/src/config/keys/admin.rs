//! Keys of Advanced Settings → Admin.

use super::{KeySpec, Kind, OFF, Tab, UNSET, one, secret, seen};

const TAB: Tab = Tab::Admin;

/// HMAC, Basic and none. The hardware knows the last; the typed view refuses it, and says why.
pub(in crate::config) const API_AUTHENTICATIONS: &[&str] = &["0", "1", "-1"];
/// Seconds that the clocks of the API's clients may be off at most: every signature is remembered for twice that time.
const API_SKEW_MAX: u32 = 300;

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
];
