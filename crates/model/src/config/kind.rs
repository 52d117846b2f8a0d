//! The types of configuration values: what is accepted, and how to say what would be.

use std::fmt;
use std::net::Ipv6Addr;

use super::CallerPattern;
use super::multicast_values::{GroupAddress, SOURCES_MAX, ZoneChoice, parse_sources, parse_zones};
use crate::{AuthorizationId, SipUser};

/// Longest password, display name or path, in bytes: far beyond what servers generate or people type.
pub(crate) const TEXT_LENGTH_MAX: usize = 256;

/// Most keys of a passcode: nobody types more without a mistake.
pub(crate) const KEYS_MAX: usize = 16;

/// Type and range of a value. An empty value stands for the default and is always accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1.
    Flag,
    /// A whole number of `unit` within bounds.
    Integer {
        /// Smallest accepted.
        min: u32,
        /// Largest accepted.
        max: u32,
        /// What is counted.
        unit: &'static str,
    },
    /// One of some words, in any case.
    Choice(&'static [&'static str]),
    /// Some of some words, in any case, with commas between them and perhaps one after the last.
    Choices(&'static [&'static str]),
    /// Words in any case, with commas between them and perhaps one after the last, of which some are known: those of hardware
    /// that are not documented are taken too.
    Words(&'static [&'static str]),
    /// A gain in dB with its unit, in steps: `-18dB`.
    Decibel {
        /// Quietest accepted.
        min: i32,
        /// Loudest accepted.
        max: i32,
        /// Distance of two accepted values.
        step: i32,
    },
    /// `Default`, or a gain in dB as in [`Kind::Decibel`].
    Volume {
        /// Quietest accepted.
        min: i32,
        /// Loudest accepted.
        max: i32,
        /// Distance of two accepted values.
        step: i32,
    },
    /// Numbers of multicast zones with commas between them and perhaps one after the last.
    Zones,
    /// `Default`, `None` or the number of a multicast zone.
    Zone,
    /// A multicast group with its port.
    Group,
    /// IPv4 addresses and networks with commas between them and perhaps one after the last.
    Sources,
    /// A host name or address with an optional port.
    HostPort,
    /// A SIP user.
    User,
    /// A digest user name.
    AuthorizationId,
    /// `Default`, `None` or the name of a sound file.
    Tone,
    /// A regular expression: see [`CallerPattern`].
    CallerPattern,
    /// Where sound goes: see [`SinkChoice`].
    Sink,
    /// By what the room is heard: see [`MicrophoneChoice`].
    Microphone,
    /// Keys of a telephone: digits, `*` and `#`.
    Keys,
    /// Any text without control characters.
    Text,
}

impl Kind {
    /// Checks a value that is not empty.
    ///
    /// # Errors
    ///
    /// Says what would be right.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let is_right = match self {
            Self::Flag => matches!(value, "0" | "1"),
            Self::Integer { min, max, .. } => {
                parse_integer(value).is_some_and(|number| (*min..=*max).contains(&number))
            }
            Self::Choice(words) => parse_choice(value, words).is_some(),
            Self::Choices(words) => parse_choices(value, words).is_some(),
            Self::Words(_) => is_text(value),
            Self::Decibel { min, max, step } => {
                parse_decibel(value).is_some_and(|gain| is_on_scale(gain, *min, *max, *step))
            }
            Self::Volume { min, max, step } => parse_volume(value)
                .is_some_and(|gain| gain.is_none_or(|gain| is_on_scale(gain, *min, *max, *step))),
            Self::Zones => parse_zones(value).is_some(),
            Self::Zone => value.parse::<ZoneChoice>().is_ok(),
            Self::Group => value.parse::<GroupAddress>().is_ok(),
            Self::Sources => parse_sources(value).is_some(),
            Self::HostPort => value.parse::<HostPort>().is_ok(),
            Self::User => value.parse::<SipUser>().is_ok(),
            Self::AuthorizationId => value.parse::<AuthorizationId>().is_ok(),
            Self::Tone => is_tone(value),
            Self::CallerPattern => value.parse::<CallerPattern>().is_ok(),
            Self::Sink => is_sink(value),
            Self::Microphone => value.parse::<MicrophoneChoice>().is_ok(),
            Self::Keys => is_keys(value),
            Self::Text => is_text(value),
        };
        if is_right { Ok(()) } else { Err(self.to_string()) }
    }
}

impl Kind {
    /// Says whether two values that were checked mean the same, however they are written: `-6dB` and `-06 dB`, `TLS` and `tls`.
    #[must_use]
    pub fn means_same(&self, one: &str, other: &str) -> bool {
        match self {
            Self::Decibel { .. } => parse_decibel(one) == parse_decibel(other),
            Self::Volume { .. } => parse_volume(one) == parse_volume(other),
            Self::Zones => parse_zones(one) == parse_zones(other),
            Self::Zone => one.parse::<ZoneChoice>() == other.parse::<ZoneChoice>(),
            Self::Group => one.parse::<GroupAddress>() == other.parse::<GroupAddress>(),
            Self::Sources => parse_sources(one) == parse_sources(other),
            Self::Integer { .. } => parse_integer(one) == parse_integer(other),
            Self::Choice(words) => parse_choice(one, words) == parse_choice(other, words),
            Self::Choices(words) => parse_choices(one, words) == parse_choices(other, words),
            Self::Words(words) => parse_words(one, words) == parse_words(other, words),
            Self::Flag
            | Self::HostPort
            | Self::User
            | Self::AuthorizationId
            | Self::Tone
            | Self::Sink
            | Self::Microphone
            | Self::Keys
            | Self::Text
            | Self::CallerPattern => one == other,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => formatter.write_str("0 or 1"),
            Self::Integer { min, max, unit } => {
                write!(formatter, "a whole number of {unit} from {min} to {max}")
            }
            Self::Choice(words) => write!(formatter, "one of {}", words.join(", ")),
            Self::Choices(words) => {
                write!(formatter, "some of {} with commas between them", words.join(", "))
            }
            Self::Words(words) => {
                let words = words.join(", ");
                write!(
                    formatter,
                    "some of {words} with commas between them; other words are kept without effect"
                )
            }
            Self::Decibel { min, max, step } => {
                write!(
                    formatter,
                    "{min}dB to {max}dB in steps of {step}dB, written like {min}dB"
                )
            }
            Self::Volume { min, max, step } => {
                write!(
                    formatter,
                    "Default, or {min}dB to {max}dB in steps of {step}dB, written like {min}dB"
                )
            }
            Self::Zones => formatter.write_str("numbers of zones from 1 to 50 with commas between them"),
            Self::Zone => formatter.write_str("Default, None, or the number of a zone from 1 to 50"),
            Self::Group => formatter.write_str("a multicast address with a port, like 224.0.2.60:50000"),
            Self::Sources => write!(
                formatter,
                "up to {SOURCES_MAX} IPv4 addresses or networks with commas between them"
            ),
            Self::HostPort => formatter.write_str("a host name or address, with :port if not the usual one"),
            Self::User => write!(
                formatter,
                "a SIP user of 1 to {} characters without spaces or @",
                SipUser::LENGTH_MAX
            ),
            Self::AuthorizationId => {
                let length_max = AuthorizationId::LENGTH_MAX;
                write!(
                    formatter,
                    "1 to {length_max} characters without spaces, quotation marks, \\ or :"
                )
            }
            Self::Tone => formatter.write_str("Default, None, or the name of a .wav file"),
            Self::CallerPattern => {
                let length_max = CallerPattern::LENGTH_MAX;
                write!(
                    formatter,
                    "a regular expression of up to {length_max} characters, not too deep or repeated too often"
                )
            }
            Self::Sink => formatter.write_str("auto, null, pulse, pulse:SINK, alsa:DEVICE or wav:FOLDER"),
            Self::Microphone => {
                formatter.write_str("auto, none, pulse, pulse:SOURCE, alsa:DEVICE or wav:FILE")
            }
            Self::Keys => write!(formatter, "1 to {KEYS_MAX} digits, * or #"),
            Self::Text => write!(
                formatter,
                "up to {TEXT_LENGTH_MAX} bytes of text without control characters"
            ),
        }
    }
}

/// Where sound goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkChoice {
    /// Where the endpoint thinks best.
    Auto,
    /// Nowhere.
    Null,
    /// The sink of this name at the PulseAudio or PipeWire server, or the one that it prefers.
    Pulse(Option<String>),
    /// The ALSA device of this name.
    Alsa(String),
    /// WAV files in the folder of this name.
    Wav(String),
}

/// A text that names no sink.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not auto, null, pulse, perhaps with a sink, alsa: with a device, or wav: with a folder")]
pub struct SinkChoiceError;

impl std::str::FromStr for SinkChoice {
    type Err = SinkChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("wav", folder)) if !folder.is_empty() && is_text(folder) => {
                Ok(Self::Wav(folder.to_owned()))
            }
            Some(("alsa", device)) if !device.is_empty() && is_text(device) => {
                Ok(Self::Alsa(device.to_owned()))
            }
            Some(("pulse", sink)) if !sink.is_empty() && is_text(sink) => {
                Ok(Self::Pulse(Some(sink.to_owned())))
            }
            None if text == "pulse" => Ok(Self::Pulse(None)),
            None if text == "alsa" => Ok(Self::Alsa("default".to_owned())),
            None if text == "auto" => Ok(Self::Auto),
            None if text == "null" => Ok(Self::Null),
            Some(_) | None => Err(SinkChoiceError),
        }
    }
}

impl fmt::Display for SinkChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Null => formatter.write_str("null"),
            Self::Pulse(None) => formatter.write_str("pulse"),
            Self::Pulse(Some(sink)) => write!(formatter, "pulse:{sink}"),
            Self::Alsa(device) => write!(formatter, "alsa:{device}"),
            Self::Wav(folder) => write!(formatter, "wav:{folder}"),
        }
    }
}

/// By what the room is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MicrophoneChoice {
    /// The first that is there.
    Auto,
    /// By nothing.
    None,
    /// The source of this name at the PulseAudio or PipeWire server, or the one that it prefers.
    Pulse(Option<String>),
    /// The ALSA device of this name.
    Alsa(String),
    /// A WAV file that is heard again and again, to try it with.
    Wav(String),
}

/// A text that names no microphone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not auto, none, pulse, perhaps with a source, alsa: with a device, or wav: with a file")]
pub struct MicrophoneChoiceError;

impl std::str::FromStr for MicrophoneChoice {
    type Err = MicrophoneChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text
            .split_once(':')
            .filter(|(_, name)| !name.is_empty() && is_text(name));
        match (text, named) {
            ("auto", _) => Ok(Self::Auto),
            ("none", _) => Ok(Self::None),
            ("pulse", _) => Ok(Self::Pulse(None)),
            ("alsa", _) => Ok(Self::Alsa("default".to_owned())),
            (_, Some(("pulse", source))) => Ok(Self::Pulse(Some(source.to_owned()))),
            (_, Some(("alsa", device))) => Ok(Self::Alsa(device.to_owned())),
            (_, Some(("wav", file))) => Ok(Self::Wav(file.to_owned())),
            _ => Err(MicrophoneChoiceError),
        }
    }
}

/// A host and perhaps a port, as it is configured: not looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The port, if one is given.
    pub port: Option<u16>,
}

/// A text that names no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host name or address with an optional port")]
pub struct HostPortError;

impl std::str::FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (address, rest) = bracketed.split_once(']').ok_or(HostPortError)?;
                let _is_address: Ipv6Addr = address.parse().map_err(|_| HostPortError)?;
                let port = match rest {
                    "" => None,
                    _ => Some(rest.strip_prefix(':').ok_or(HostPortError)?),
                };
                (address, port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if !text.starts_with('[') && !is_host_name(host) {
            return Err(HostPortError);
        }
        let port = port
            .map(|port| parse_port(port).ok_or(HostPortError))
            .transpose()?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]", self.host)?,
            false => formatter.write_str(&self.host)?,
        }
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

pub(super) fn parse_integer(value: &str) -> Option<u32> {
    // `from_str` would take a plus sign.
    value
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| value.parse().ok())
        .flatten()
}

pub(super) fn parse_choice(value: &str, words: &'static [&'static str]) -> Option<&'static str> {
    words
        .iter()
        .find(|word| word.eq_ignore_ascii_case(value))
        .copied()
}

pub(super) fn parse_choices(value: &str, words: &'static [&'static str]) -> Option<Vec<&'static str>> {
    let list = value.strip_suffix(',').unwrap_or(value);
    let mut chosen = Vec::new();
    for item in list.split(',') {
        let word = parse_choice(item.trim(), words)?;
        if !chosen.contains(&word) {
            chosen.push(word);
        }
    }
    Some(chosen)
}

/// A list of words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Those that are known, as they are usually written.
    pub(super) known: Vec<&'static str>,
    /// The others, as they are written here.
    pub(super) unknown: Vec<String>,
}

pub(super) fn parse_words(value: &str, words: &'static [&'static str]) -> Words {
    let mut list = Words {
        known: Vec::new(),
        unknown: Vec::new(),
    };
    for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        match parse_choice(item, words) {
            Some(word) => list.known.push(word),
            None => list.unknown.push(item.to_owned()),
        }
    }
    list
}

pub(super) fn parse_decibel(value: &str) -> Option<i32> {
    let number = value
        .strip_suffix("dB")
        .or_else(|| value.strip_suffix("db"))?
        .trim_end();
    if number.starts_with('+') {
        None
    } else {
        number.parse().ok()
    }
}

/// The gain of a volume; `None` for `Default`.
pub(super) fn parse_volume(value: &str) -> Option<Option<i32>> {
    if value.eq_ignore_ascii_case("default") {
        Some(None)
    } else {
        parse_decibel(value).map(Some)
    }
}

fn is_on_scale(gain: i32, min: i32, max: i32, step: i32) -> bool {
    (min..=max).contains(&gain) && (gain - min) % step.max(1) == 0
}

pub(super) fn parse_port(text: &str) -> Option<u16> {
    parse_integer(text)
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port > 0)
}

fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label)
}

fn is_tone(value: &str) -> bool {
    let is_file = |name: &str| {
        name.len() <= TEXT_LENGTH_MAX
            && name.to_ascii_lowercase().ends_with(".wav")
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b' '))
    };
    value.eq_ignore_ascii_case("default") || value.eq_ignore_ascii_case("none") || is_file(value)
}

fn is_sink(value: &str) -> bool {
    value.parse::<SinkChoice>().is_ok()
}

fn is_keys(value: &str) -> bool {
    (1..=KEYS_MAX).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'#'))
}

fn is_text(value: &str) -> bool {
    value.len() <= TEXT_LENGTH_MAX && !value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_at_the_edge_of_each_range_are_accepted_and_those_beyond_refused() {
        let seconds = Kind::Integer {
            min: 30,
            max: 86_400,
            unit: "seconds",
        };
        let volume = Kind::Decibel {
            min: -45,
            max: 0,
            step: 3,
        };
        let transport = Kind::Choice(&["auto", "udp", "tcp", "tls"]);
        for (kind, right, wrong) in [
            (Kind::Flag, vec!["0", "1"], vec!["2", "yes", "01", " 1"]),
            (
                seconds,
                vec!["30", "86400"],
                vec!["29", "86401", "+30", "-1", "30s", "1e3"],
            ),
            (
                volume,
                vec!["-45dB", "0dB", "-18dB"],
                vec!["-48dB", "3dB", "-17dB", "-18", "+0dB", "dB"],
            ),
            (transport, vec!["tls", "TLS"], vec!["sctp", "tls,"]),
            (
                Kind::Choices(&["a", "b"]),
                vec!["a", "b,A", "a,b,"],
                vec!["c", "a,,b", ","],
            ),
            (
                Kind::Words(&["a", "b"]),
                vec!["a", "b,A", "c", "a,,b,d,", ","],
                vec!["a\tb"],
            ),
            (
                Kind::Tone,
                vec!["Default", "none", "page-notif.wav"],
                vec!["../x.wav", "a/b.wav", ".wav", "x.mp3"],
            ),
            (
                Kind::Sink,
                vec![
                    "auto",
                    "null",
                    "wav:recordings",
                    "wav:/var/lib/oyez:2",
                    "alsa",
                    "alsa:hw:0,0",
                    "pulse",
                    "pulse:hall",
                ],
                vec!["pulse:", "wav:", "wav", "alsa:", "oss:/dev/dsp"],
            ),
            (
                Kind::CallerPattern,
                vec!["^1[0-9]{3}$", "(?i)front desk|7001"],
                vec!["(", "((a{99}){99}){99}"],
            ),
            (
                Kind::Volume {
                    min: -45,
                    max: 0,
                    step: 3,
                },
                vec!["Default", "default", "-45dB", "0dB"],
                vec!["-48dB", "3dB", "-17dB", "None"],
            ),
            (Kind::Zones, vec!["1", "1,8,9,", "50"], vec!["0", "51", "1,,2"]),
            (
                Kind::Zone,
                vec!["Default", "default", "None", "1", "50"],
                vec!["0", "51", "1,", "+1", "all"],
            ),
            (
                Kind::Group,
                vec!["224.0.2.60:50000"],
                vec!["10.0.0.1:50000", "224.0.2.60"],
            ),
            (
                Kind::Sources,
                vec!["192.0.2.1", "192.0.2.0/24,198.51.100.7,"],
                vec!["host", "192.0.2.0/33"],
            ),
            (Kind::Text, vec!["a b = c # d"], vec!["a\tb"]),
        ] {
            for value in right {
                assert_eq!(kind.check(value), Ok(()), "{value} as {kind}");
            }
            for value in wrong {
                assert!(kind.check(value).is_err(), "{value} as {kind}");
            }
        }
    }

    #[test]
    fn hosts_are_names_and_addresses_with_and_without_port() {
        for (text, host, port) in [
            ("pbx.example.com", "pbx.example.com", None),
            ("pbx.example.com:5061", "pbx.example.com", Some(5061)),
            ("192.0.2.1:5060", "192.0.2.1", Some(5060)),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:65535", "2001:db8::1", Some(65_535)),
        ] {
            let parsed: HostPort = text.parse().unwrap();

            assert_eq!(
                parsed,
                HostPort {
                    host: host.into(),
                    port
                },
                "{text}"
            );
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ":5060",
            "a:0",
            "a:65536",
            "a:+1",
            "2001:db8::1",
            "[::1",
            "[::1]x",
            "[a]",
            "a b",
            "-a",
            "sip:a",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
