//! A key of the schema as a field of a form.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::config::{CONCEALED, KeySpec, Kind, Origin, Settings};

use super::labels::{label, word};

/// A field.
pub(super) struct Field {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) help: &'static str,
    pub(super) control: Control,
    /// The value that stands in the field.
    pub(super) value: String,
    /// What applies if it is left empty.
    pub(super) default: &'static str,
    /// Another value was given, by a file or a server: it can be gone back to.
    pub(super) overrides: Option<String>,
    /// The key changes nothing in this version.
    pub(super) is_idle: bool,
    pub(super) error: Option<String>,
}

/// How a value is chosen.
pub(super) enum Control {
    /// One of some values.
    Select(Vec<Choice>),
    /// A whole number.
    Number { min: u32, max: u32, unit: &'static str },
    /// A line of text, perhaps with suggestions.
    Text { suggestions: Vec<String> },
    /// A secret: shown only when asked for.
    Secret,
}

/// One of some values.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

/// What a form shows beside the settings: values that were refused, and why.
#[derive(Default)]
pub(super) struct Refused {
    pub(super) value_by_key: BTreeMap<String, String>,
    pub(super) error_by_key: BTreeMap<String, String>,
}

impl Field {
    pub(super) fn new(
        spec: &KeySpec,
        key: String,
        settings: &Settings,
        tones: &[String],
        refused: &Refused,
    ) -> Self {
        let kept = settings.effective().value(&key).unwrap_or_default();
        let shown = if spec.secret && !kept.is_empty() {
            CONCEALED
        } else {
            kept
        };
        let value = refused.value_by_key.get(&key).map_or(shown, String::as_str);
        let overrides = (settings.origin(&key) == Origin::Override).then(|| {
            if spec.secret {
                "another one".to_owned()
            } else {
                settings.given().value(&key).unwrap_or_default().to_owned()
            }
        });
        Self {
            label: label(spec),
            help: spec.help,
            control: control(spec, spec.default_of(&key), value, tones),
            value: value.to_owned(),
            default: spec.default_of(&key),
            overrides,
            is_idle: !spec.has_effect,
            error: refused.error_by_key.get(&key).cloned(),
            key,
        }
    }
}

/// The form of a key's value that its default is compared with and its field shows.
fn control(spec: &KeySpec, default: &'static str, value: &str, tones: &[String]) -> Control {
    if spec.secret {
        return Control::Secret;
    }
    let chosen = if value.is_empty() { default } else { value };
    match spec.kind {
        Kind::Flag => Control::Select(vec![
            choice("1", "Enabled", chosen),
            choice("0", "Disabled", chosen),
        ]),
        Kind::Integer { min, max, unit } => {
            let unit = measure(unit);
            named(spec, min..=max, chosen).unwrap_or(Control::Number { min, max, unit })
        }
        Kind::Choice(words) => Control::Select(
            words
                .iter()
                .map(|text| {
                    let label = word(spec, text).map_or_else(|| spoken(text), str::to_owned);
                    choice(text, &label, chosen)
                })
                .collect(),
        ),
        // A list in an order is typed; of suites, one or all of them are chosen.
        Kind::Choices(words) if !words.contains(&"all") => Control::Text {
            suggestions: Vec::new(),
        },
        Kind::Choices(words) | Kind::Words(words) => {
            let mut choices: Vec<Choice> = words
                .iter()
                .map(|text| {
                    let label = word(spec, text).map_or_else(|| spoken(text), str::to_owned);
                    choice(text, &label, chosen)
                })
                .collect();
            // A list of several can come from a file; it stays until something else is chosen.
            if !choices.iter().any(|choice| choice.is_chosen) {
                choices.push(choice(chosen, chosen, chosen));
            }
            Control::Select(choices)
        }
        Kind::Decibel { min, max, step } => Control::Select(decibels(spec.kind, (min, max, step), chosen)),
        Kind::Volume { min, max, step } => {
            let mut choices = vec![choice("Default", "Default", chosen)];
            choices.extend(decibels(spec.kind, (min, max, step), chosen));
            Control::Select(choices)
        }
        Kind::Tone => {
            let mut choices = vec![
                choice("Default", "Default", chosen),
                choice("None", "None", chosen),
            ];
            choices.extend(tones.iter().map(|tone| choice(tone, tone, chosen)));
            if !choices.iter().any(|choice| choice.is_chosen) {
                choices.push(choice(chosen, chosen, chosen));
            }
            Control::Select(choices)
        }
        Kind::Sink => Control::Text {
            suggestions: ["auto", "pulse", "alsa:default", "null"]
                .map(str::to_owned)
                .to_vec(),
        },
        Kind::Zone => Control::Text {
            suggestions: ["Default", "None"].map(str::to_owned).to_vec(),
        },
        Kind::HostPort
        | Kind::User
        | Kind::AuthorizationId
        | Kind::CallerPattern
        | Kind::Microphone
        | Kind::Keys
        | Kind::Zones
        | Kind::Group
        | Kind::Sources
        | Kind::Text => Control::Text {
            suggestions: Vec::new(),
        },
    }
}

/// The unit behind a field; empty where a number names one of them instead of counting them.
fn measure(unit: &'static str) -> &'static str {
    match unit {
        "zones" => "",
        unit => unit,
    }
}

/// The numbers of a key, where each stands for something that has a name.
fn named(spec: &KeySpec, numbers: RangeInclusive<u32>, chosen: &str) -> Option<Control> {
    let one = |number: u32| {
        let value = number.to_string();
        word(spec, &value).map(|label| Choice {
            is_chosen: spec.kind.means_same(&value, chosen),
            label: label.to_owned(),
            value,
        })
    };
    // Where the first has no name there is none, however many there are.
    numbers.map(one).collect::<Option<Vec<_>>>().map(Control::Select)
}

fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        is_chosen: value.eq_ignore_ascii_case(chosen),
    }
}

/// The gains of a scale, the loudest first, with the levels of the hardware: 10 is 0 dB, each level 3 dB.
fn decibels(kind: Kind, (min, max, step): (i32, i32, i32), chosen: &str) -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut gain = max;
    while gain >= min {
        let value = format!("{gain}dB");
        let label = if gain % 3 == 0 {
            format!("{} ({gain} dB)", 10 + gain / 3)
        } else {
            format!("{gain} dB")
        };
        choices.push(Choice {
            is_chosen: kind.means_same(&value, chosen),
            value,
            label,
        });
        gain -= step.max(1);
    }
    choices
}

/// A word of a configuration as it stands on a page.
fn spoken(word: &str) -> String {
    match word {
        "auto" => "Auto".to_owned(),
        "udp" | "tcp" | "tls" | "https" | "http" | "tftp" | "ftp" => word.to_ascii_uppercase(),
        "all" => "All Suites".to_owned(),
        "none" => "None".to_owned(),
        "crlf" => "Double CRLF".to_owned(),
        "disabled" => "Disabled".to_owned(),
        "optional" => "Optional".to_owned(),
        "standard" => "Standard".to_owned(),
        "1.2" | "1.3" => format!("TLS {word}"),
        word if word.starts_with("ae") => word.to_ascii_uppercase(),
        word => {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first
                .into_iter()
                .chain(letters)
                .collect::<String>()
                .replace('-', " ")
        }
    }
}

#[cfg(test)]
mod tests {
    use model::config::{Document, find};

    use super::*;

    fn field(text: &str, key: &str) -> Field {
        let settings = Settings::new(Document::default(), Document::parse(text).unwrap()).unwrap();
        let spec = find(key).unwrap();
        Field::new(spec, key.to_owned(), &settings, &[], &Refused::default())
    }

    fn chosen(field: &Field) -> Vec<&str> {
        match &field.control {
            Control::Select(choices) => choices
                .iter()
                .filter(|choice| choice.is_chosen)
                .map(|choice| choice.label.as_str())
                .collect(),
            Control::Number { .. } | Control::Text { .. } | Control::Secret => Vec::new(),
        }
    }

    #[test]
    fn a_choice_shows_what_applies_in_any_case_of_letters() {
        assert_eq!(chosen(&field("sip.transp = TLS\n", "sip.transp")), ["TLS"]);
        assert_eq!(chosen(&field("", "sip.transp")), ["Auto"]);
        assert_eq!(
            chosen(&field("sip.srtp.suite = all\n", "sip.srtp.suite")),
            ["All Suites"]
        );
        assert_eq!(chosen(&field("", "audio.page.vol")), ["10 (0 dB)"]);
        assert_eq!(
            chosen(&field("audio.page.vol = -45dB\n", "audio.page.vol")),
            ["-5 (-45 dB)"]
        );
        assert_eq!(
            chosen(&field("audio.ring.vol = -18 dB\n", "audio.ring.vol")),
            ["4 (-18 dB)"]
        );
        assert_eq!(chosen(&field("", "oyez.tls.validate")), ["Enabled"]);
    }

    #[test]
    fn numbers_that_stand_for_something_are_chosen_by_its_name() {
        assert_eq!(chosen(&field("", "audio.page.mode")), ["One-way"]);
        assert_eq!(
            chosen(&field("sip.proxy = a\nann.loop2 = 01\n", "ann.loop2")),
            ["As often as Rounds says"]
        );
        assert!(matches!(
            field("", "audio.ring.timeout").control,
            Control::Number { .. }
        ));
    }

    #[test]
    fn a_list_of_suites_from_a_file_stays_chosen() {
        let list = "aes_cm_128_hmac_sha1_80,aead_aes_128_gcm,";

        assert_eq!(
            chosen(&field(&format!("sip.srtp.suite = {list}\n"), "sip.srtp.suite")),
            [list]
        );
    }

    #[test]
    fn a_password_does_not_stand_in_its_field() {
        let field = field("sip.u1.pwd = hunter2\n", "sip.u1.pwd");

        assert_eq!(field.value, CONCEALED);
        assert!(matches!(field.control, Control::Secret));
    }
}
