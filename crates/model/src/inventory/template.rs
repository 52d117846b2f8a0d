//! What an administrator adds to the configuration of devices.

use std::collections::BTreeSet;

use super::{Description, HardwareSettings, TemplateId, TemplateName};
use crate::config::{ConfigError, Document, SlotKeys, UnknownKey};
use crate::{SlotKind, SlotPosition};

/// Settings in the words of the devices, which are added to what the service writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionTemplate {
    /// Its id.
    pub id: TemplateId,
    /// What people call it.
    pub name: TemplateName,
    /// What it is for.
    pub description: Description,
    /// The settings.
    pub content: TemplateContent,
}

/// Settings that take nothing away from the service: neither where a device registers nor where its configuration, its firmware or
/// its password come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateContent(Box<str>);

/// Why settings are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There are too many.
    #[error("the template has {0} bytes, and {max} at most; split it", max = TemplateContent::LENGTH_MAX)]
    TooLong(usize),
    /// Lines that a device would not take.
    #[error("{}", in_words(.0))]
    Settings(Vec<ConfigError>),
    /// A key is the service's.
    #[error("template should not contain reserved parameters (Key: {key}).")]
    Reserved {
        /// Where it stands, from 1.
        line: usize,
        /// The key.
        key: String,
        /// Why the service keeps it for itself.
        why: &'static str,
    },
}

/// Wrong lines that are named at once.
const NAMED_MAX: usize = 5;

const REGISTERING: &str = "the service says where devices register";
const PROTECTION: &str = "the service says how calls and connections are protected";
const EXTENSIONS: &str = "extensions and their credentials are assigned in the portal";
const ORIGIN: &str = "the service says where configuration and firmware come from";
const PASSWORD: &str = "the password of the pages of devices is in no template";

const HARDWARE: &str = "the service writes it itself: the catalogue names it";

/// What keys that the service writes itself begin with.
const RESERVED: [(&str, &str); 17] = [
    ("sip.proxy", REGISTERING),
    ("sip.obproxy", REGISTERING),
    ("sip.transp", REGISTERING),
    ("sip.registrar", REGISTERING),
    ("sip.register", REGISTERING),
    ("sip.outbound", REGISTERING),
    ("sip.bkproxy", REGISTERING),
    ("sip.ssr", REGISTERING),
    ("oyez.obproxy", REGISTERING),
    ("sip.srtp", PROTECTION),
    ("sip.sips", PROTECTION),
    ("oyez.tls", PROTECTION),
    ("sip.u", EXTENSIONS),
    ("sip.alert", EXTENSIONS),
    ("oyez.prov", ORIGIN),
    ("prov.", ORIGIN),
    ("admin.pwd", PASSWORD),
];
/// What ends the keys of further credentials, and of firmware; a number may follow.
const RESERVED_ENDS: [(&str, &str); 5] = [
    (".user", EXTENSIONS),
    (".auth", EXTENSIONS),
    (".pwd", EXTENSIONS),
    (".ext", EXTENSIONS),
    (".fw", ORIGIN),
];

impl TemplateContent {
    /// Bytes of a template: what a device reads with the rest of its file.
    pub const LENGTH_MAX: usize = 64 * 1024;

    /// Takes settings, one `key = value` a line, with comments after a `#` in the first column. Keys that mean nothing to an endpoint
    /// of ours are taken: other hardware may know them.
    ///
    /// # Errors
    ///
    /// Refuses what is too long, lines that an endpoint would refuse its file for, and keys that are the service's, those included by
    /// which it sets `hardware`.
    pub fn new(text: &str, hardware: &HardwareSettings) -> Result<Self, TemplateError> {
        if text.len() > Self::LENGTH_MAX {
            return Err(TemplateError::TooLong(text.len()));
        }
        let text = text.replace("\r\n", "\n");
        let wrong = wrong_lines(&text);
        if !wrong.is_empty() {
            return Err(TemplateError::Settings(wrong));
        }
        if let Some((line, key, why)) = reserved(&text, hardware).into_iter().next() {
            return Err(TemplateError::Reserved { line, key, why });
        }
        Ok(Self(text.into()))
    }

    /// Takes what was kept, whatever is in it: what is right changes with what is known of devices.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the settings.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is added to the file of a device: every line but those that [`TemplateContent::new`] would refuse.
    #[must_use]
    pub fn appended(&self, hardware: &HardwareSettings) -> String {
        let wrong = wrong_lines(&self.0).into_iter().filter_map(|error| error.line);
        let left_out: BTreeSet<usize> = wrong
            .chain(reserved(&self.0, hardware).into_iter().map(|(line, ..)| line))
            .collect();
        let lines = (1..).zip(self.0.lines());
        lines
            .filter(|(number, _)| !left_out.contains(number))
            .fold(String::new(), |text, (_, line)| text + line + "\n")
    }

    /// The file of a device with these settings: what the service suggests in it and they say as well stands there once, as they say it.
    #[must_use]
    pub fn laid_over(&self, file: &str, hardware: &HardwareSettings) -> String {
        let appended = self.appended(hardware);
        let key_of = |line: &str| match line.split_once('=') {
            Some((key, _)) if !line.starts_with('#') => Some(key.trim().to_owned()),
            Some(_) | None => None,
        };
        let said: BTreeSet<String> = appended.lines().filter_map(key_of).collect();
        let kept = file
            .lines()
            .filter(|line| key_of(line).is_none_or(|key| !said.contains(&key)));
        kept.fold(String::new(), |text, line| text + line + "\n") + &appended
    }

    /// Lists the keys that mean nothing to an endpoint of ours.
    #[must_use]
    pub fn unknown_keys(&self) -> Vec<UnknownKey> {
        Document::parse(&self.0).map_or_else(|_| Vec::new(), |document| document.unknown_keys())
    }
}

fn in_words(errors: &[ConfigError]) -> String {
    let named: Vec<String> = errors.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let named = named.join("; ");
    match errors.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

/// Lines that no device takes, in their order.
fn wrong_lines(text: &str) -> Vec<ConfigError> {
    let mut wrong = Document::parse(text).err().unwrap_or_default();
    let hidden = |line: &str| line.chars().any(|one| one.is_control() && one != '\t');
    for (number, _) in (1..).zip(text.lines()).filter(|(_, line)| hidden(line)) {
        if wrong.iter().all(|error| error.line != Some(number)) {
            wrong.push(ConfigError {
                line: Some(number),
                key: String::new(),
                problem: "the line has control characters".to_owned(),
                right: "text on one line".to_owned(),
            });
        }
    }
    wrong.sort_by_key(|error| error.line);
    wrong
}

/// Lines with a key that is the service's, each with the key and why.
fn reserved(text: &str, hardware: &HardwareSettings) -> Vec<(usize, String, &'static str)> {
    let of_slots = keys_of_slots();
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.starts_with('#'))
        .filter_map(|(number, line)| Some((number, line.split_once('=')?.0.trim())))
        .filter_map(|(number, key)| {
            let of_hardware = || hardware.has_key(key).then_some(HARDWARE);
            let why = why_reserved(key, &of_slots).or_else(of_hardware)?;
            Some((number, key.to_owned(), why))
        })
        .collect()
}

fn why_reserved(key: &str, of_slots: &BTreeSet<String>) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let stem = key.trim_end_matches(|one: char| one.is_ascii_digit());
    let begins = RESERVED.iter().find(|(start, _)| key.starts_with(start));
    let ends = || RESERVED_ENDS.iter().find(|(end, _)| stem.ends_with(end));
    let of_slot = of_slots.contains(&key).then_some(EXTENSIONS);
    begins.or_else(ends).map(|(_, why)| *why).or(of_slot)
}

/// The keys that say which slots are in use, and by whom.
fn keys_of_slots() -> BTreeSet<String> {
    let positions = SlotKind::ALL.into_iter().flat_map(SlotPosition::all);
    positions
        .map(SlotKeys::of)
        .flat_map(|keys| {
            [
                Some(keys.user),
                Some(keys.authorization_id),
                Some(keys.password),
                keys.usage,
            ]
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceId;
    use crate::inventory::{
        Device, DeviceType, DisplayName, MacAddress, Timestamp, Uplink, configuration_of,
    };

    #[test]
    fn settings_are_taken_and_the_service_s_own_are_refused() {
        let content = TemplateContent::new(
            "# louder\r\naudio.page.vol = -9dB\n",
            &HardwareSettings::default(),
        )
        .unwrap();
        assert_eq!(content.as_str(), "# louder\naudio.page.vol = -9dB\n");
        for line in [
            "sip.proxy = x",
            "SIP.Proxy=x",
            "sip.registrar = x",
            "sip.register.use = 0",
            "sip.outbound = 1",
            "sip.sips = 1",
            " prov.use = 0",
            "admin.pwd = x",
            "sip.u1.pwd = x",
            "ann.pwd = 1",
            "ann.pwd3 = 1",
            "mcast.auth12 = 1",
            "mcast.ext1 = 701",
            "cancel.ext = 701",
            "sip.page.use = 1",
        ] {
            let error =
                TemplateContent::new(&format!("a = 1\n{line}"), &HardwareSettings::default()).unwrap_err();
            assert!(
                matches!(error, TemplateError::Reserved { line: 2, .. }),
                "{line}: {error}"
            );
        }
        assert!(TemplateContent::new("# prov.use = 0", &HardwareSettings::default()).is_ok());
    }

    #[test]
    fn lines_that_a_device_would_not_take_are_named_and_no_more_than_a_few() {
        for (text, told) in [
            ("a = 1\nb", "line 2: the line has no ="),
            ("a = 1\n= 2", "line 2: what stands before the = is no key"),
            ("a = 1\nb = \u{0}", "line 2: b: the value has control characters"),
            ("#\n# \u{7}", "line 2: the line has control characters"),
            (
                "\naudio.page.vol = loud",
                "line 2: audio.page.vol: \"loud\" is wrong",
            ),
            (
                "audio.page.vol = 0dB\naudio.page.vol = -3dB",
                "line 2: audio.page.vol: the key stands on line 1 too",
            ),
        ] {
            let error = TemplateContent::new(text, &HardwareSettings::default()).unwrap_err();
            assert!(error.to_string().contains(told), "{text:?}: {error}");
        }
        let told = TemplateContent::new(&"b\n".repeat(NAMED_MAX), &HardwareSettings::default())
            .unwrap_err()
            .to_string();
        assert!(told.contains("line 5") && !told.contains("more"), "{told}");
        let told = TemplateContent::new(&"b\n".repeat(NAMED_MAX + 1), &HardwareSettings::default())
            .unwrap_err()
            .to_string();
        assert!(!told.contains("line 6") && told.ends_with("and 1 more"), "{told}");
    }

    #[test]
    fn nothing_that_the_service_writes_is_taken_and_of_what_was_kept_no_such_line_is_added() {
        let uplink = Uplink {
            domain: "one.example.com".to_owned(),
            outbound_proxy: "zone-a.example.com:5061".parse().unwrap(),
            second_outbound_proxy: None,
        };
        let device = Device {
            id: DeviceId::from_random(1),
            name: DisplayName::new("Hall").unwrap(),
            description: Description::new("").unwrap(),
            mac: MacAddress::new([0; 6]),
            kind: DeviceType::Oyez,
            model: None,
            firmware: None,
            site: None,
            added_at: Timestamp(0),
        };
        let written = configuration_of(&device, &[], &uplink);
        let suggested = "phone.timeout.inbound = 630";
        let settings = written
            .lines()
            .filter(|line| !line.starts_with('#') && *line != suggested);
        for line in settings.clone() {
            let error = TemplateContent::new(line, &HardwareSettings::default()).unwrap_err();
            assert!(
                matches!(error, TemplateError::Reserved { line: 1, .. }),
                "{line}: {error}"
            );
        }
        let kept = format!("x = 1\n{written}audio.page.vol = loud\nno setting\n# end");
        let appended = TemplateContent::from_stored(&kept).appended(&HardwareSettings::default());
        assert_eq!(
            appended,
            format!("x = 1\n# Hall (00:00:00:00:00:00)\n{suggested}\n# end\n")
        );
        let whole = TemplateContent::from_stored(&kept).laid_over(&written, &HardwareSettings::default());
        let document = Document::parse(&whole).unwrap();
        assert_eq!(document.unknown_keys().len(), 1);
    }

    #[test]
    fn what_the_service_suggests_is_as_the_template_says_it_and_stands_there_once() {
        let catalogue = crate::inventory::Catalogue::built_in();
        let file = "# Hall = here\nsip.proxy = one\nphone.timeout.inbound = 600\nsip.transp = tls\n";
        for (text, expected) in [
            ("", file.to_owned()),
            (
                "# phone.timeout.inbound = 1",
                format!("{file}# phone.timeout.inbound = 1\n"),
            ),
            (
                "phone.timeout.inbound=240",
                "# Hall = here\nsip.proxy = one\nsip.transp = tls\nphone.timeout.inbound=240\n".to_owned(),
            ),
        ] {
            let template = TemplateContent::new(text, catalogue.hardware()).unwrap();
            assert_eq!(template.laid_over(file, catalogue.hardware()), expected);
        }
    }

    #[test]
    fn a_template_has_so_many_bytes_and_not_one_more() {
        let longest = format!("#{}", "x".repeat(TemplateContent::LENGTH_MAX - 1));
        assert!(TemplateContent::new("", &HardwareSettings::default()).is_ok());
        let too_long = format!("{longest}x");
        assert_eq!(
            TemplateContent::new(&too_long, &HardwareSettings::default()),
            Err(TemplateError::TooLong(TemplateContent::LENGTH_MAX + 1))
        );
    }

    #[test]
    fn what_the_catalogue_names_is_the_service_s() {
        let mut catalogue = crate::inventory::Catalogue::built_in();
        let free = "speaker.check = 1\nspeaker.zone7x = 1\n";
        assert!(TemplateContent::new(free, catalogue.hardware()).is_ok());
        let named = "[[setting]]\nwhat = \"validate-server\"\nkey = \"speaker.check\"\nvalue = \"1\"\n\
                     [[setting]]\nwhat = \"page.use\"\nkey = \"speaker.zone{n}x\"\n";
        catalogue.extend(named).unwrap();
        for (line, key) in [
            ("Speaker.Check = 0", "Speaker.Check"),
            ("speaker.zone12x = 0", "speaker.zone12x"),
        ] {
            let error = TemplateContent::new(&format!("a = 1\n{line}"), catalogue.hardware()).unwrap_err();
            assert!(
                matches!(&error, TemplateError::Reserved { line: 2, key: found, why } if found == key && *why == HARDWARE),
                "{error:?}"
            );
        }
        for line in ["speaker.zonex = 1", "speaker.zone1 = 1", "speaker.check2 = 1"] {
            assert!(TemplateContent::new(line, catalogue.hardware()).is_ok(), "{line}");
        }
        let kept = TemplateContent::from_stored(&format!("{free}audio.page.vol = 0dB\n"));
        assert_eq!(kept.appended(catalogue.hardware()), "audio.page.vol = 0dB\n");
    }
}
