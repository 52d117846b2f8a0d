//! Basic Settings → Features: passcodes before pages and alerts.

use super::{KeySpec, OFF, ON, Tab, UNSET, one, secret, seen};
use crate::config::Kind;

pub(super) const KEYS: &[KeySpec] = &[
    seen(
        one("dtmfpc.page.use"),
        Kind::Flag,
        OFF,
        Tab::BasicFeatures,
        "Ask for a passcode before a page is heard; the caller keys it in (RFC 4733).",
    ),
    secret(seen(
        one("dtmfpc.page.code"),
        Kind::Keys,
        UNSET,
        Tab::BasicFeatures,
        "The passcode of pages.",
    )),
    seen(
        one("dtmfpc.page.all"),
        Kind::Flag,
        ON,
        Tab::BasicFeatures,
        "Ask at every page extension, not at the base page extension alone. The meaning is concluded, not documented.",
    ),
    seen(
        one("dtmfpc.page.extensions"),
        Kind::Text,
        UNSET,
        Tab::BasicFeatures,
        "Page extensions (SIP users) with commas between them that ask besides the base page extension, where not all do. The meaning is \
         concluded, not documented.",
    ),
    seen(
        one("dtmfpc.page.tone"),
        Kind::Tone,
        "Default",
        Tab::BasicFeatures,
        "What a caller hears who is asked for the passcode of pages.",
    ),
    secret(seen(
        one("dtmfpc.alert.code"),
        Kind::Keys,
        UNSET,
        Tab::BasicFeatures,
        "The passcode of emergency alerts; without one they ask for none.",
    )),
    seen(
        one("dtmfpc.alert.tone"),
        Kind::Tone,
        "Default",
        Tab::BasicFeatures,
        "What a caller hears who is asked for the passcode of alerts.",
    ),
];
