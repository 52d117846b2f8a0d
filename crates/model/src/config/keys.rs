//! The schema: every key with a meaning here.

mod admin;
mod advanced_sip;
mod multicast;
mod network;
mod passcode;
mod provisioning;

use std::fmt;

pub(super) use self::admin::{API_AUTHENTICATIONS, LOG_LEVELS, LOG_METHODS, LOG_PROTOCOLS, LOG_SERVERS};
pub(super) use self::multicast::{MULTICAST_CODECS, MULTICAST_MODES};
pub(super) use self::provisioning::DOWNLOAD_METHODS;
use super::Kind;

/// One row of the schema: a key, or as many keys as its pattern has numbers.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// The key or keys.
    pub pattern: KeyPattern,
    /// Type and range of the value.
    pub kind: Kind,
    /// What an absent or empty value stands for; empty where that is "not set".
    pub default: &'static str,
    /// What it stands for in the keys of a pattern that have a default each, in the order of their numbers; else empty.
    pub defaults: &'static [&'static str],
    /// The value must not be shown or logged.
    pub secret: bool,
    /// The page of the web interface it stands on.
    pub tab: Tab,
    /// How well the name of the key is known.
    pub evidence: Evidence,
    /// This version does what the key says. Otherwise its value is checked and kept, and the default describes what is done.
    pub has_effect: bool,
    /// What it does, in one sentence.
    pub help: &'static str,
}

impl KeySpec {
    /// What an absent or empty value of one of its keys stands for.
    #[must_use]
    pub fn default_of(&self, key: &str) -> &'static str {
        let place = self.pattern.number(key).unwrap_or(0).saturating_sub(1);
        self.defaults.get(usize::from(place)).unwrap_or(&self.default)
    }
}

/// A key, or a key with a number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    before: &'static str,
    /// First and last number, if there is one.
    numbers: Option<(u8, u8)>,
    after: &'static str,
}

impl KeyPattern {
    const fn one(key: &'static str) -> Self {
        Self {
            before: key,
            numbers: None,
            after: "",
        }
    }

    const fn each(before: &'static str, last: u8, after: &'static str) -> Self {
        Self {
            before,
            numbers: Some((1, last)),
            after,
        }
    }

    /// Lists the keys in the order of their numbers.
    pub fn keys(self) -> impl Iterator<Item = String> {
        let (first, last) = self.numbers.unwrap_or((0, 0));
        (first..=last).map(move |number| self.key(number))
    }

    /// The first and last number of the pattern's keys, if they are numbered.
    #[must_use]
    pub const fn numbers(self) -> Option<(u8, u8)> {
        self.numbers
    }

    /// The key of a number; of a pattern without numbers, its only key.
    #[must_use]
    pub fn key(self, number: u8) -> String {
        match self.numbers {
            Some(_) => format!("{}{number}{}", self.before, self.after),
            None => self.before.to_owned(),
        }
    }

    /// Says whether a key is one of the pattern's. Numbers are written without leading zeros.
    #[must_use]
    pub fn matches(self, key: &str) -> bool {
        match self.numbers {
            Some(_) => self.number(key).is_some(),
            None => key == self.before,
        }
    }

    /// The number in a key of the pattern, if it is numbered and the key is one of its.
    fn number(self, key: &str) -> Option<u8> {
        let (first, last) = self.numbers?;
        let digits = key.strip_prefix(self.before)?.strip_suffix(self.after)?;
        let number = digits.parse().ok().filter(|_| !digits.starts_with(['0', '+']))?;
        (first..=last).contains(&number).then_some(number)
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.numbers {
            Some((first, last)) => write!(formatter, "{}{{{first}..{last}}}{}", self.before, self.after),
            None => formatter.write_str(self.before),
        }
    }
}

/// Pages of the web interface that have keys of the schema on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tab {
    /// Basic Settings → SIP.
    BasicSip,
    /// Basic Settings → Features.
    BasicFeatures,
    /// Basic Settings → Multicast.
    BasicMulticast,
    /// Additional Features → Input/Output.
    InputOutput,
    /// Additional Features → Emergency Alerts.
    EmergencyAlerts,
    /// Additional Features → More Page Extensions.
    MorePageExtensions,
    /// Additional Features → More Ring Extensions.
    MoreRingExtensions,
    /// Advanced Settings → Network.
    Network,
    /// Advanced Settings → Admin.
    Admin,
    /// Advanced Settings → Time.
    Time,
    /// Advanced Settings → Advanced Audio.
    AdvancedAudio,
    /// Advanced Settings → Advanced SIP.
    AdvancedSip,
    /// Advanced Settings → Advanced Multicast.
    AdvancedMulticast,
    /// Advanced Settings → Provisioning.
    Provisioning,
}

impl Tab {
    /// All pages, in the order of the interface.
    pub const ALL: [Self; 14] = [
        Self::BasicSip,
        Self::BasicFeatures,
        Self::BasicMulticast,
        Self::InputOutput,
        Self::EmergencyAlerts,
        Self::MorePageExtensions,
        Self::MoreRingExtensions,
        Self::Network,
        Self::Admin,
        Self::Time,
        Self::AdvancedAudio,
        Self::AdvancedSip,
        Self::AdvancedMulticast,
        Self::Provisioning,
    ];

    /// The way to the page, as the interface names it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::BasicSip => "Basic Settings → SIP",
            Self::BasicFeatures => "Basic Settings → Features",
            Self::BasicMulticast => "Basic Settings → Multicast",
            Self::InputOutput => "Additional Features → Input/Output",
            Self::EmergencyAlerts => "Additional Features → Emergency Alerts",
            Self::MorePageExtensions => "Additional Features → More Page Extensions",
            Self::MoreRingExtensions => "Additional Features → More Ring Extensions",
            Self::Network => "Advanced Settings → Network",
            Self::Time => "Advanced Settings → Time",
            Self::Admin => "Advanced Settings → Admin",
            Self::AdvancedAudio => "Advanced Settings → Advanced Audio",
            Self::AdvancedSip => "Advanced Settings → Advanced SIP",
            Self::AdvancedMulticast => "Advanced Settings → Advanced Multicast",
            Self::Provisioning => "Advanced Settings → Provisioning",
        }
    }
}

/// How well the name of a key is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// It stands in back-ups of the hardware or in its maker's guides.
    Seen,
    /// It is concluded from keys like it.
    Inferred,
    /// It is this endpoint's alone.
    Own,
}

/// Finds the row of a key.
#[must_use]
pub fn find(key: &str) -> Option<&'static KeySpec> {
    KEYS.iter().find(|spec| spec.pattern.matches(key))
}

const ON: &str = "1";
const OFF: &str = "0";
const UNSET: &str = "";

pub(super) const TRANSPORTS: &[&str] = &["auto", "udp", "tcp", "tls"];
pub(super) const SRTP_OFFERS: &[&str] = &["disabled", "optional", "standard"];
pub(super) const SRTP_SUITES: &[&str] = &[
    "all",
    "aes_cm_128_hmac_sha1_80",
    "aes_cm_128_hmac_sha1_32",
    "aes_256_cm_hmac_sha1_80",
    "aes_256_cm_hmac_sha1_32",
    "aead_aes_128_gcm",
    "aead_aes_256_gcm",
];
pub(super) const KEEP_ALIVE_METHODS: &[&str] = &["none", "crlf"];
pub(super) const CHECK_SYNCS: &[&str] = &["always-reboot", "conditional-reboot"];
pub(super) const PRIORITY_TRUSTS: &[&str] = &["zone", "always", "never"];
/// Kinds of sound, in the default order, the most important first.
pub(super) const SOUND_ORDER: &[&str] = &["alert", "priority", "page", "call", "ring", "bell", "music"];
/// Kinds of sound that switch the relay; all is everything but music.
pub(super) const RELAY_EVENTS: &[&str] = &[
    "all", "alert", "priority", "page", "call", "ring", "bell", "music",
];
pub(super) const TLS_VERSIONS: &[&str] = &["1.2", "1.3"];

/// A row of a key whose name was seen on hardware and whose value may be shown.
const fn seen(
    pattern: KeyPattern,
    kind: Kind,
    default: &'static str,
    tab: Tab,
    help: &'static str,
) -> KeySpec {
    KeySpec {
        pattern,
        kind,
        default,
        defaults: &[],
        secret: false,
        tab,
        evidence: Evidence::Seen,
        has_effect: true,
        help,
    }
}

/// A row of a key that is read and checked, so that a back-up of the hardware is taken, but changes nothing.
const fn idle(spec: KeySpec) -> KeySpec {
    KeySpec {
        has_effect: false,
        ..spec
    }
}

const fn inferred(spec: KeySpec) -> KeySpec {
    KeySpec {
        evidence: Evidence::Inferred,
        ..spec
    }
}

const fn own(spec: KeySpec) -> KeySpec {
    KeySpec {
        evidence: Evidence::Own,
        ..spec
    }
}

const fn secret(spec: KeySpec) -> KeySpec {
    KeySpec { secret: true, ..spec }
}

const fn one(key: &'static str) -> KeyPattern {
    KeyPattern::one(key)
}

const fn ring(after: &'static str) -> KeyPattern {
    KeyPattern::each("sip.alert", 10, after)
}

const fn ring_rule(after: &'static str) -> KeyPattern {
    KeyPattern::each("audio.ring.cid", 4, after)
}

const fn zone(before: &'static str) -> KeyPattern {
    KeyPattern::each(before, 50, "")
}

const fn announcement(before: &'static str) -> KeyPattern {
    KeyPattern::each(before, 10, "")
}

const SECONDS_TO_A_DAY: u32 = 86_400;
const USER: &str = "Extension (SIP user) the slot registers as; empty leaves the slot without account.";
const AUTH: &str = "Authentication ID; empty stands for the SIP user.";
const PASSWORD: &str = "Authentication password.";
const USE: &str = "Register the slot.";

/// The schema, in the order of the web interface.
pub const KEYS: &[KeySpec] = &ALL;

const SECTIONS: [&[KeySpec]; 7] = [
    SOUND,
    passcode::KEYS,
    advanced_sip::KEYS,
    multicast::KEYS,
    network::KEYS,
    admin::KEYS,
    provisioning::KEYS,
];
const ROWS: usize = SOUND.len()
    + passcode::KEYS.len()
    + advanced_sip::KEYS.len()
    + multicast::KEYS.len()
    + network::KEYS.len()
    + admin::KEYS.len()
    + provisioning::KEYS.len();

#[expect(
    clippy::indexing_slicing,
    reason = "the compiler works it out: a place that is not there fails the build"
)]
static ALL: [KeySpec; ROWS] = {
    let mut all = [SOUND[0]; ROWS];
    let (mut place, mut section) = (0, 0);
    while section < SECTIONS.len() {
        let mut row = 0;
        while row < SECTIONS[section].len() {
            all[place] = SECTIONS[section][row];
            place += 1;
            row += 1;
        }
        section += 1;
    }
    all
};

/// Basic Settings, Additional Features and Advanced Audio.
const SOUND: &[KeySpec] = &[
    seen(
        one("sip.proxy"),
        Kind::HostPort,
        UNSET,
        Tab::BasicSip,
        "SIP domain (proxy server), with port if not 5060 or 5061.",
    ),
    seen(
        one("sip.page.use"),
        Kind::Flag,
        ON,
        Tab::BasicSip,
        "Register the base page extension.",
    ),
    seen(one("sip.u1.user"), Kind::User, UNSET, Tab::BasicSip, USER),
    seen(
        one("sip.u1.auth"),
        Kind::AuthorizationId,
        UNSET,
        Tab::BasicSip,
        AUTH,
    ),
    secret(seen(
        one("sip.u1.pwd"),
        Kind::Text,
        UNSET,
        Tab::BasicSip,
        PASSWORD,
    )),
    seen(
        one("sip.u1.dname"),
        Kind::Text,
        UNSET,
        Tab::BasicSip,
        "Display name of outgoing calls.",
    ),
    seen(
        one("audio.page.vol"),
        Kind::Decibel {
            min: -45,
            max: 0,
            step: 3,
        },
        "0dB",
        Tab::BasicFeatures,
        "Volume of pages.",
    ),
    seen(
        one("audio.page.tone"),
        Kind::Tone,
        "page-notif.wav",
        Tab::BasicFeatures,
        "Tone before a page.",
    ),
    seen(
        one("audio.agc.use"),
        Kind::Flag,
        ON,
        Tab::BasicFeatures,
        "Automatic gain control: bring pages to one loudness, however loud their callers are.",
    ),
    seen(
        one("audio.drc.use"),
        Kind::Flag,
        OFF,
        Tab::BasicFeatures,
        "Dynamic range compression: raise pages by audio.drc.gain and hold their peaks down.",
    ),
    seen(
        one("audio.drc.gain"),
        Kind::Integer {
            min: 0,
            max: 24,
            unit: "decibels",
        },
        "6",
        Tab::BasicFeatures,
        "What dynamic range compression raises pages by.",
    ),
    seen(
        one("audio.codec.g722"),
        Kind::Flag,
        ON,
        Tab::BasicFeatures,
        "Offer G.722 for pages.",
    ),
    seen(
        one("audio.page.mode"),
        Kind::Integer {
            min: 0,
            max: 3,
            unit: "modes",
        },
        "1",
        Tab::BasicFeatures,
        "Page mode: 1 one-way, 2 two-way, 3 delayed; 0 is 1. The numbers are concluded, not documented.",
    ),
    seen(
        one("audio.page.delaymode"),
        Kind::Integer {
            min: 0,
            max: 1,
            unit: "modes",
        },
        OFF,
        Tab::BasicFeatures,
        "When a delayed page is played: 0 when its caller has hung up, 1 also when the caller presses a key. The numbers are concluded, not \
         documented.",
    ),
    seen(
        one("phone.timeout.inbound"),
        Kind::Integer {
            min: 1,
            max: SECONDS_TO_A_DAY,
            unit: "seconds",
        },
        "300",
        Tab::BasicFeatures,
        "Longest page.",
    ),
    seen(
        one("audio.ring.vol"),
        Kind::Decibel {
            min: -45,
            max: 0,
            step: 3,
        },
        "-18dB",
        Tab::BasicFeatures,
        "Volume of rings.",
    ),
    seen(
        one("audio.ring.tone"),
        Kind::Tone,
        "warble2-med.wav",
        Tab::BasicFeatures,
        "Tone while an extension rings.",
    ),
    seen(
        one("audio.ring.timeout"),
        Kind::Integer {
            min: 0,
            max: SECONDS_TO_A_DAY,
            unit: "seconds",
        },
        OFF,
        Tab::BasicFeatures,
        "Longest ring; 0 rings until the caller stops.",
    ),
    seen(
        ring_rule(".use"),
        Kind::Flag,
        OFF,
        Tab::BasicFeatures,
        "Pick the tone of a ring by who calls or is called; of several rules that match the first counts.",
    ),
    seen(
        ring_rule(".regex"),
        Kind::CallerPattern,
        UNSET,
        Tab::BasicFeatures,
        "Matches somewhere in user or display name of the caller or of who is called.",
    ),
    seen(
        ring_rule(".tone"),
        Kind::Tone,
        "warble2-med.wav",
        Tab::BasicFeatures,
        "Tone of such a ring; Default is audio.ring.tone.",
    ),
    seen(
        ring_rule(".delay"),
        Kind::Integer {
            min: 0,
            max: 600,
            unit: "seconds",
        },
        OFF,
        Tab::BasicFeatures,
        "How long such a ring is silent before it sounds.",
    ),
    inferred(seen(
        announcement("ann.ext"),
        Kind::User,
        UNSET,
        Tab::EmergencyAlerts,
        USER,
    )),
    inferred(seen(
        announcement("ann.auth"),
        Kind::AuthorizationId,
        UNSET,
        Tab::EmergencyAlerts,
        AUTH,
    )),
    secret(inferred(seen(
        announcement("ann.pwd"),
        Kind::Text,
        UNSET,
        Tab::EmergencyAlerts,
        PASSWORD,
    ))),
    seen(
        announcement("ann.use"),
        Kind::Flag,
        ON,
        Tab::EmergencyAlerts,
        "Register the slot, and use its announcement.",
    ),
    seen(
        announcement("ann.tone"),
        Kind::Tone,
        "Default",
        Tab::EmergencyAlerts,
        "Announcement of the alert; Default is an evacuation signal, None lets the caller speak.",
    ),
    seen(
        announcement("ann.loop"),
        Kind::Integer {
            min: 0,
            max: 2,
            unit: "modes",
        },
        "2",
        Tab::EmergencyAlerts,
        "How often the announcement plays: 0 once, 1 as often as ann.max says, 2 until it is stopped. The meaning is concluded, not documented.",
    ),
    seen(
        announcement("ann.max"),
        Kind::Integer {
            min: 1,
            max: 100,
            unit: "rounds",
        },
        "1",
        Tab::EmergencyAlerts,
        "How often the announcement plays where ann.loop is 1. The meaning is concluded, not documented.",
    ),
    seen(
        announcement("ann.zone"),
        Kind::Zone,
        "Default",
        Tab::EmergencyAlerts,
        "Multicast zone that a sender passes the alert on to; Default is mcast.tx.fixed. What Default means is concluded, not documented.",
    ),
    own(seen(
        announcement("oyez.ann.drill"),
        Kind::Flag,
        OFF,
        Tab::EmergencyAlerts,
        "Calls to the slot are exercises, unless a zone or a trusted server marks them as an emergency.",
    )),
    own(seen(
        one("oyez.ann.vol"),
        Kind::Decibel {
            min: -45,
            max: 0,
            step: 3,
        },
        "0dB",
        Tab::EmergencyAlerts,
        "Volume of alerts, announced and spoken.",
    )),
    seen(
        one("ann.maxtime"),
        Kind::Integer {
            min: 1,
            max: SECONDS_TO_A_DAY,
            unit: "seconds",
        },
        "600",
        Tab::EmergencyAlerts,
        "Longest announcement.",
    ),
    seen(one("cancel.ext"), Kind::User, UNSET, Tab::EmergencyAlerts, USER),
    seen(
        one("cancel.auth"),
        Kind::AuthorizationId,
        UNSET,
        Tab::EmergencyAlerts,
        AUTH,
    ),
    secret(seen(
        one("cancel.pwd"),
        Kind::Text,
        UNSET,
        Tab::EmergencyAlerts,
        PASSWORD,
    )),
    seen(
        one("cancel.ctone"),
        Kind::Tone,
        "Default",
        Tab::EmergencyAlerts,
        "Tone that confirms the cancellation.",
    ),
    inferred(seen(
        zone("mcast.ext"),
        Kind::User,
        UNSET,
        Tab::MorePageExtensions,
        USER,
    )),
    inferred(seen(
        zone("mcast.auth"),
        Kind::AuthorizationId,
        UNSET,
        Tab::MorePageExtensions,
        AUTH,
    )),
    secret(inferred(seen(
        zone("mcast.pwd"),
        Kind::Text,
        UNSET,
        Tab::MorePageExtensions,
        PASSWORD,
    ))),
    inferred(seen(
        zone("mcast.use"),
        Kind::Flag,
        ON,
        Tab::MorePageExtensions,
        USE,
    )),
    seen(
        zone("mcast.tone"),
        Kind::Tone,
        "Default",
        Tab::MorePageExtensions,
        "Tone before a page of the zone.",
    ),
    seen(ring(".user"), Kind::User, UNSET, Tab::MoreRingExtensions, USER),
    seen(
        ring(".auth"),
        Kind::AuthorizationId,
        UNSET,
        Tab::MoreRingExtensions,
        AUTH,
    ),
    secret(seen(
        ring(".pwd"),
        Kind::Text,
        UNSET,
        Tab::MoreRingExtensions,
        PASSWORD,
    )),
    seen(ring(".use"), Kind::Flag, ON, Tab::MoreRingExtensions, USE),
    seen(
        ring(".tone"),
        Kind::Tone,
        "Default",
        Tab::MoreRingExtensions,
        "Tone while the extension rings; Default is audio.ring.tone.",
    ),
    seen(
        ring(".zone"),
        Kind::Zone,
        "Default",
        Tab::MoreRingExtensions,
        "Multicast zone that a sender passes the ring on to, where mcast.tx.ring is 1; Default is mcast.tx.fixed. What Default means is \
         concluded, not documented.",
    ),
    seen(
        one("audio.mic.vol"),
        Kind::Decibel {
            min: -27,
            max: 6,
            step: 3,
        },
        "0dB",
        Tab::BasicFeatures,
        "Microphone gain in two-way calls.",
    ),
    seen(
        one("audio.mic.mute"),
        Kind::Flag,
        OFF,
        Tab::BasicFeatures,
        "Mute the microphone: callers do not hear the room.",
    ),
    own(seen(
        one("oyez.microphone"),
        Kind::Microphone,
        "auto",
        Tab::AdvancedAudio,
        "By what callers of two-way pages hear the room; auto is the first of pulse and alsa:default that is there at the start, wav: is a \
         file to try it with.",
    )),
    own(seen(
        one("oyez.sink"),
        Kind::Sink,
        "auto",
        Tab::AdvancedAudio,
        "Where sound goes: pulse is a PulseAudio or PipeWire server, alsa a sound card, wav are files, null is nowhere; auto is the first of \
         pulse, alsa:default and files in the state folder that is there at the start.",
    )),
    own(seen(
        one("oyez.order"),
        Kind::Choices(SOUND_ORDER),
        "alert,priority,page,call,ring,bell,music,",
        Tab::AdvancedAudio,
        "Which sound comes first, the most important kind first; each stands in it once.",
    )),
];

#[cfg(test)]
mod tests;
