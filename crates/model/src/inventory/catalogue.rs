//! What hardware of other makers can do, model by model: data that whoever runs a service can extend.

use std::fmt;

use serde::Deserialize;

use super::Firmware;
use super::hardware::{HardwareSetting, HardwareSettings};
use crate::SlotKind;

/// Models of a catalogue at most: a maker has some dozens.
pub const MODELS_MAX: usize = 1_000;
/// The models that are known without a file.
const BUILT_IN: &str = include_str!("catalogue.toml");
/// How their settings are called.
const HARDWARE: &str = include_str!("hardware.toml");

/// A model of a device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceModel {
    /// Its name here: another model of the same name takes its place.
    pub name: String,
    /// How devices call it, in the name of a file or in what they say of themselves. Of several models the longest that is found
    /// counts.
    pub says: Vec<String>,
    /// What it is.
    #[serde(default)]
    pub title: String,
    /// Its generation, where there are several.
    pub generation: Option<u8>,
    /// It has TLS and SRTP, without which it cannot register.
    #[serde(default = "yes")]
    pub tls_srtp: bool,
    /// It has a loudspeaker, or drives one.
    #[serde(default = "yes")]
    pub audio: bool,
    /// It has more than sound, and sound is all that works here.
    #[serde(default)]
    pub audio_only: bool,
    /// It has a microphone.
    #[serde(default)]
    pub two_way: bool,
    /// It flashes.
    #[serde(default)]
    pub strobe: bool,
    /// It shows texts or a clock.
    #[serde(default)]
    pub display: bool,
    /// Relays that it switches.
    #[serde(default)]
    pub relays: u8,
    /// Page slots, from port 1.
    #[serde(default = "all_pages")]
    pub page_slots: u8,
    /// Ring slots, from port 1.
    #[serde(default = "all_rings")]
    pub ring_slots: u8,
    /// Alert slots, from port 1.
    #[serde(default = "all_alerts")]
    pub alert_slots: u8,
    /// The oldest firmware that can register.
    #[serde(default = "oldest", deserialize_with = "firmware")]
    pub oldest_firmware: Firmware,
}

const fn yes() -> bool {
    true
}

const fn all_pages() -> u8 {
    SlotKind::Page.port_max()
}

const fn all_rings() -> u8 {
    SlotKind::Ring.port_max()
}

const fn all_alerts() -> u8 {
    SlotKind::Alert.port_max()
}

const fn oldest() -> Firmware {
    Firmware::OLDEST
}

fn firmware<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Firmware, D::Error> {
    let text = String::deserialize(deserializer)?;
    Firmware::parse(&text)
        .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no version; right would be \"3.2.3\"")))
}

impl DeviceModel {
    /// Slots of a kind, from port 1.
    #[must_use]
    pub const fn slots(&self, kind: SlotKind) -> u8 {
        match kind {
            SlotKind::Page => self.page_slots,
            SlotKind::Ring => self.ring_slots,
            SlotKind::Alert => self.alert_slots,
        }
    }
}

/// Why a catalogue cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct CatalogueError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// The models that are known, and how their settings are called.
#[derive(Clone, PartialEq, Eq)]
pub struct Catalogue {
    models: Vec<DeviceModel>,
    hardware: HardwareSettings,
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Catalogue({} models)", self.models.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<DeviceModel>,
    #[serde(default)]
    setting: Vec<HardwareSetting>,
}

impl Catalogue {
    /// The models that are known without a file.
    #[must_use]
    pub fn built_in() -> Self {
        let mut catalogue = Self {
            models: Vec::new(),
            hardware: HardwareSettings::default(),
        };
        // Tests read them; without them no model would be known and hardware told nothing, and all else goes on.
        let _are_read = [BUILT_IN, HARDWARE].map(|text| catalogue.extend(text).is_ok());
        catalogue
    }

    /// Adds the models and settings of a file, in place of those of the same name or meaning.
    ///
    /// # Errors
    ///
    /// When the file is no catalogue: then nothing is added. The line is named.
    pub fn extend(&mut self, text: &str) -> Result<(), CatalogueError> {
        let line_at = |offset: usize| text.bytes().take(offset).filter(|octet| *octet == b'\n').count() + 1;
        let wrong = |line, what: &str| CatalogueError {
            line,
            what: what.replace('\n', "; "),
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let line = line_at(error.span().map_or(0, |span| span.start));
            wrong(line, error.message())
        })?;
        let lines_of = |section: &str| -> Vec<usize> {
            let lines = text.lines().enumerate();
            lines
                .filter(|(_, line)| line.trim() == section)
                .map(|(line, _)| line + 1)
                .collect()
        };
        let hardware = self.hardware_with(&file.setting, &lines_of("[[setting]]"))?;
        let lines = lines_of("[[model]]");
        for (number, model) in file.model.iter().enumerate() {
            let line = lines.get(number).copied().unwrap_or(1);
            if model.name.trim().is_empty() || model.says.iter().all(|says| says.trim().is_empty()) {
                return Err(wrong(line, "a model has a name, and says with at least one text"));
            }
            if let Some(kind) = SlotKind::ALL
                .into_iter()
                .find(|kind| model.slots(*kind) > kind.port_max())
            {
                let what = format!(
                    "{}: there are at most {} {kind} slots",
                    model.name,
                    kind.port_max()
                );
                return Err(wrong(line, &what));
            }
        }
        let mut models = self.models.clone();
        for model in file.model {
            models.retain(|known| known.name != model.name);
            models.push(model);
        }
        if models.len() > MODELS_MAX {
            return Err(wrong(1, &format!("a catalogue has at most {MODELS_MAX} models")));
        }
        self.models = models;
        self.hardware = hardware;
        Ok(())
    }

    /// The settings with others besides, which stand in these lines.
    fn hardware_with(
        &self,
        settings: &[HardwareSetting],
        lines: &[usize],
    ) -> Result<HardwareSettings, CatalogueError> {
        let last = lines.last().copied().unwrap_or(1);
        for (number, setting) in settings.iter().enumerate() {
            let line = lines.get(number).copied().unwrap_or(last);
            setting.check().map_err(|what| CatalogueError { line, what })?;
        }
        let mut hardware = self.hardware.clone();
        hardware.extend(settings.to_vec());
        for (number, setting) in settings.iter().enumerate().rev() {
            // An entry whose place another of the file has taken is written nowhere.
            let is_used = hardware.iter().any(|used| used == setting);
            if let Some(other) = hardware.other_of_key(setting).filter(|_| is_used) {
                return Err(CatalogueError {
                    line: lines.get(number).copied().unwrap_or(last),
                    what: format!("{}: {} has the same key", setting.what.word(), other.what.word()),
                });
            }
        }
        Ok(hardware)
    }

    /// How hardware calls its settings.
    #[must_use]
    pub const fn hardware(&self) -> &HardwareSettings {
        &self.hardware
    }

    /// Every model.
    pub fn models(&self) -> impl Iterator<Item = &DeviceModel> {
        self.models.iter()
    }

    /// The model of a name.
    #[must_use]
    pub fn of_name(&self, name: &str) -> Option<&DeviceModel> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The model that a text speaks of: how a device calls itself, or the name of a file.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&DeviceModel> {
        let text = text.to_ascii_uppercase();
        let found = self.models.iter().filter_map(|model| {
            let says = model
                .says
                .iter()
                .filter(|says| has_word(&text, &says.to_ascii_uppercase()));
            says.map(String::len).max().map(|length| (length, model))
        });
        found.max_by_key(|(length, _)| *length).map(|(_, model)| model)
    }
}

/// Says whether a word stands in a text by itself: what is beside it is no digit, and after it no letter.
fn has_word(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text.match_indices(word).any(|(start, found)| {
            let before = text.get(..start).and_then(|before| before.chars().next_back());
            let after = text
                .get(start + found.len()..)
                .and_then(|after| after.chars().next());
            !before.is_some_and(|one| one.is_ascii_digit())
                && !after.is_some_and(|one| one.is_ascii_alphanumeric())
        })
}

/// The firmware that a device tells of itself: the first word that is a version.
#[must_use]
pub fn firmware_in(text: &str) -> Option<&str> {
    /// Longest version that is looked at.
    const LENGTH_MAX: usize = 32;
    text.split(|one: char| !one.is_ascii_alphanumeric() && one != '.' && one != '-')
        .filter(|word| word.len() <= LENGTH_MAX)
        .find(|word| {
            word.contains('.')
                && word.starts_with(|one: char| one.is_ascii_digit())
                && Firmware::parse(word).is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_read_and_knows_which_models_cannot_register() {
        let catalogue = Catalogue::built_in();
        let without: Vec<&str> = catalogue
            .models()
            .filter(|model| !model.tls_srtp)
            .map(|model| model.name.as_str())
            .collect();
        assert_eq!(without, ["8028 G1", "8036", "8061", "8128 G1", "8180 G1"]);
        let audio_only: Vec<&str> = catalogue
            .models()
            .filter(|model| model.audio_only)
            .map(|model| model.name.as_str())
            .collect();
        assert_eq!(audio_only, ["8039"]);
        assert!(
            catalogue
                .models()
                .all(|model| model.oldest_firmware == Firmware(3, 2, 3))
        );
        for (number, model) in catalogue.models().enumerate() {
            let same = catalogue
                .models()
                .skip(number + 1)
                .find(|other| other.name == model.name);
            assert!(same.is_none(), "{}", model.name);
        }
    }

    #[test]
    fn a_device_is_known_by_what_it_says() {
        let catalogue = Catalogue::built_in();
        for (text, name) in [
            ("Algo 8301 Paging Adapter", Some("8301")),
            ("Algo 8190S IP Speaker - Clock & Visual Alerter", Some("8190S")),
            ("Algo 8190 IP Speaker", Some("8190")),
            ("Algo 8180G2 IP Audio Alerter", Some("8180 G2")),
            ("Algo-8180 (G1)/3.2.3", Some("8180 G1")),
            ("algop8180.conf", Some("8180 G2")),
            ("algo-8301/5.5.1", Some("8301")),
            ("Algo 183012", None),
            ("baresip v1.0.0", None),
            ("", None),
        ] {
            assert_eq!(
                catalogue.find(text).map(|model| model.name.as_str()),
                name,
                "{text}"
            );
        }
    }

    #[test]
    fn a_version_is_read_out_of_what_a_device_says() {
        for (text, version) in [
            ("Algo-8301/5.5.1", Some("5.5.1")),
            ("Algo 8186 SIP Horn Speaker 5.3.4-beta (x)", Some("5.3.4-beta")),
            ("Algo 8301 firmware 5.5f", Some("5.5f")),
            ("Algo 8301", None),
            ("v.1", None),
        ] {
            assert_eq!(firmware_in(text), version, "{text}");
        }
    }

    #[test]
    fn a_file_adds_models_and_takes_the_place_of_known_ones() {
        let mut catalogue = Catalogue::built_in();
        let count = catalogue.models().count();
        let file = "[[model]]\nname = \"9999\"\nsays = [\"9999\"]\npage-slots = 2\n\
                    [[model]]\nname = \"8036\"\nsays = [\"8036\"]\noldest-firmware = \"9.0\"\n";
        catalogue.extend(file).unwrap();
        assert_eq!(catalogue.models().count(), count + 1);
        assert_eq!(catalogue.find("it is a 9999").unwrap().slots(SlotKind::Page), 2);
        let changed = catalogue.of_name("8036").unwrap();
        assert!(changed.tls_srtp);
        assert_eq!(changed.oldest_firmware, Firmware(9, 0, 0));
    }

    #[test]
    fn each_fault_of_a_file_is_named_with_its_line_and_nothing_is_added() {
        let mut catalogue = Catalogue::built_in();
        let good = "[[model]]\nname = \"9999\"\nsays = [\"9999\"]\n";
        for (more, line, words) in [
            ("colour = 1\n", 4, "unknown field `colour`"),
            ("tls-srtp = 1\n", 4, "invalid type"),
            ("oldest-firmware = \"new\"\n", 4, "`new` is no version"),
            ("page-slots = 52\n", 1, "at most 51 page slots"),
            ("[[model]]\nname = \"x\"\nsays = []\n", 4, "at least one text"),
            ("[[model]]\nname = \"x\"\n", 4, "missing field `says`"),
        ] {
            let error = catalogue.extend(&format!("{good}{more}")).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.what.contains(words), "{error}");
        }
        assert_eq!(catalogue, Catalogue::built_in());
    }

    #[test]
    fn so_many_models_and_not_one_more() {
        let models = |count: usize| -> String {
            let model = |number| format!("[[model]]\nname = \"m{number}\"\nsays = [\"m{number}\"]\n");
            (0..count).map(model).collect()
        };
        let room = MODELS_MAX - Catalogue::built_in().models().count();
        assert!(Catalogue::built_in().extend(&models(room)).is_ok());
        assert!(Catalogue::built_in().extend(&models(room + 1)).is_err());
    }
}
