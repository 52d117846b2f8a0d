//! How hardware of other makers calls its settings: data that whoever runs a service can correct, each with how well it is known.

use serde::Deserialize;

use crate::{SlotKind, SlotPosition};

/// Longest key, in octets.
pub const HARDWARE_KEY_LENGTH_MAX: usize = 128;
/// Longest value that stands for itself, in octets.
pub const HARDWARE_VALUE_LENGTH_MAX: usize = 256;
/// What stands for the number of a slot in a key.
const NUMBER: &str = "{n}";

/// What is set on hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum HardwareWhat {
    /// The SIP domain.
    Domain,
    /// TLS.
    Transport,
    /// Where it registers.
    OutboundProxy,
    /// Where it registers besides.
    SecondOutboundProxy,
    /// That SRTP is offered, and nothing else.
    SrtpOffer,
    /// Which suites of it.
    SrtpSuites,
    /// That the certificate of the server is checked.
    ValidateServer,
    /// Which versions of TLS are spoken.
    TlsVersion,
    /// That it registers elsewhere when its servers are out of reach.
    LocalSurvivability,
    /// Where.
    SurvivabilityProxy,
    /// The password of its own pages.
    AdminPassword,
    /// What it is called in calls.
    DisplayName,
    /// How long a page may take.
    LongestPage,
    /// Something of a slot.
    Slot(SlotGroup, SlotPart),
}

/// Slots whose keys are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotGroup {
    /// Page 1.
    FirstPage,
    /// The page slots of zones.
    Page,
    /// Ring slots.
    Ring,
    /// Alert slots.
    Alert,
    /// The slot that ends alerts.
    Cancel,
}

/// What of a slot is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotPart {
    /// Whether it is used.
    Use,
    /// Who registers.
    User,
    /// The authorization id.
    AuthorizationId,
    /// The password.
    Password,
}

impl SlotGroup {
    const ALL: [(Self, &'static str); 5] = [
        (Self::FirstPage, "first-page"),
        (Self::Page, "page"),
        (Self::Ring, "ring"),
        (Self::Alert, "alert"),
        (Self::Cancel, "cancel"),
    ];

    /// The group of a slot, and its number in the keys.
    const fn of(position: SlotPosition) -> (Self, u8) {
        let port = position.port();
        match position.kind() {
            SlotKind::Page if port == SlotPosition::BASE_PAGE.port() => (Self::FirstPage, port),
            SlotKind::Page => (Self::Page, port.saturating_sub(1)),
            SlotKind::Ring => (Self::Ring, port),
            SlotKind::Alert if port == SlotPosition::CANCEL.port() => (Self::Cancel, port),
            SlotKind::Alert => (Self::Alert, port),
        }
    }

    const fn is_numbered(self) -> bool {
        matches!(self, Self::Page | Self::Ring | Self::Alert)
    }
}

impl SlotPart {
    pub(super) const ALL: [(Self, &'static str); 4] = [
        (Self::Use, "use"),
        (Self::User, "user"),
        (Self::AuthorizationId, "auth"),
        (Self::Password, "password"),
    ];
}

impl HardwareWhat {
    const WORDS: [(Self, &'static str); 13] = [
        (Self::Domain, "domain"),
        (Self::Transport, "transport"),
        (Self::OutboundProxy, "outbound-proxy"),
        (Self::SecondOutboundProxy, "second-outbound-proxy"),
        (Self::SrtpOffer, "srtp-offer"),
        (Self::SrtpSuites, "srtp-suites"),
        (Self::ValidateServer, "validate-server"),
        (Self::TlsVersion, "tls-version"),
        (Self::LocalSurvivability, "local-survivability"),
        (Self::SurvivabilityProxy, "survivability-proxy"),
        (Self::AdminPassword, "admin-password"),
        (Self::DisplayName, "display-name"),
        (Self::LongestPage, "longest-page"),
    ];

    /// Everything that is set, with its word in a file.
    pub fn all() -> impl Iterator<Item = (Self, String)> {
        let slots = SlotGroup::ALL.into_iter().flat_map(|(group, group_word)| {
            SlotPart::ALL
                .into_iter()
                .map(move |(part, word)| (Self::Slot(group, part), format!("{group_word}.{word}")))
        });
        let words = Self::WORDS.map(|(what, word)| (what, word.to_owned()));
        words.into_iter().chain(slots)
    }

    /// Its word in a file.
    #[must_use]
    pub fn word(self) -> String {
        let found = Self::all().find(|(what, _)| *what == self);
        found.map_or_else(String::new, |(_, word)| word)
    }

    /// Its value stands in the file of settings; what others say comes from the portal.
    #[must_use]
    pub const fn is_constant(self) -> bool {
        matches!(
            self,
            Self::Transport
                | Self::SrtpOffer
                | Self::SrtpSuites
                | Self::ValidateServer
                | Self::TlsVersion
                | Self::LocalSurvivability
                | Self::SurvivabilityProxy
                | Self::LongestPage
        )
    }

    /// Templates may set it, too.
    const fn is_for_templates(self) -> bool {
        matches!(self, Self::LongestPage)
    }

    const fn is_numbered(self) -> bool {
        match self {
            Self::Slot(group, _) => group.is_numbered(),
            _ => false,
        }
    }
}

impl TryFrom<String> for HardwareWhat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = Self::all().find(|(_, word)| *word == text);
        found.map(|(what, _)| what).ok_or_else(|| {
            let all: Vec<String> = Self::all().map(|(_, word)| word).collect();
            format!("`{text}` is none of {}", all.join(", "))
        })
    }
}

/// How hardware calls one of its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardwareSetting {
    /// What is set.
    pub what: HardwareWhat,
    /// The key; where none is named, it is not written.
    #[serde(default)]
    pub key: String,
    /// What it is set to, where that does not come from the portal.
    pub value: Option<String>,
    /// That hardware takes it so was seen on a device, in a back-up of one, or in its maker's guide.
    #[serde(default)]
    pub verified: bool,
    /// Where key and value come from.
    #[serde(default)]
    pub source: String,
}

impl HardwareSetting {
    /// Says what is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { what, key, value, .. } = self;
        let word = what.word();
        if key.is_empty() {
            return match value {
                Some(_) => Err(format!(
                    "{word}: a value without a key is written nowhere; name the key"
                )),
                None => Ok(()),
            };
        }
        let is_key = key.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'=');
        if !is_key || key.starts_with('#') || key.len() > HARDWARE_KEY_LENGTH_MAX {
            return Err(format!(
                "{word}: `{key}` is no key; right would be one such as sip.proxy, of at most {HARDWARE_KEY_LENGTH_MAX} characters"
            ));
        }
        match (what.is_numbered(), key.matches(NUMBER).count()) {
            (true, 1) | (false, 0) => {}
            (true, _) => {
                return Err(format!(
                    "{word}: the key has {NUMBER} in it once, for the number of the slot"
                ));
            }
            (false, _) => return Err(format!("{word}: the key has no {NUMBER} in it, there is but one")),
        }
        match value {
            None if what.is_constant() => Err(format!("{word}: name its value as well")),
            Some(_) if !what.is_constant() => {
                Err(format!("{word}: its value comes from the portal; name none"))
            }
            Some(value) if value.chars().any(char::is_control) || value.len() > HARDWARE_VALUE_LENGTH_MAX => {
                Err(format!(
                    "{word}: the value is one line of at most {HARDWARE_VALUE_LENGTH_MAX} octets"
                ))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// How hardware calls all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HardwareSettings(Vec<HardwareSetting>);

impl HardwareSettings {
    /// Takes settings, in place of those of the same meaning.
    pub(super) fn extend(&mut self, settings: Vec<HardwareSetting>) {
        for setting in settings {
            match self.0.iter_mut().find(|known| known.what == setting.what) {
                Some(known) => *known = setting,
                None => self.0.push(setting),
            }
        }
    }

    /// Another setting that has the key of this one, if there is such: the second would undo the first.
    pub(super) fn other_of_key(&self, setting: &HardwareSetting) -> Option<&HardwareSetting> {
        let is_other = |other: &&HardwareSetting| {
            other.what != setting.what && other.key.eq_ignore_ascii_case(&setting.key)
        };
        self.0.iter().filter(|_| !setting.key.is_empty()).find(is_other)
    }

    /// Says whether a key is one of these that no template may set, for whichever slot.
    #[must_use]
    pub fn has_key(&self, key: &str) -> bool {
        let key = key.to_ascii_lowercase();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        self.0
            .iter()
            .filter(|setting| !setting.key.is_empty() && !setting.what.is_for_templates())
            .any(|setting| {
                let known = setting.key.to_ascii_lowercase();
                match known.split_once(NUMBER) {
                    Some((before, after)) => key
                        .strip_prefix(before)
                        .and_then(|rest| rest.strip_suffix(after))
                        .is_some_and(is_number),
                    None => known == key,
                }
            })
    }

    /// Every setting.
    pub fn iter(&self) -> impl Iterator<Item = &HardwareSetting> {
        self.0.iter()
    }

    /// How one is called; none where its key is not known.
    #[must_use]
    pub fn of(&self, what: HardwareWhat) -> Option<&HardwareSetting> {
        self.0
            .iter()
            .find(|setting| setting.what == what && !setting.key.is_empty())
    }

    /// The key of a part of a slot; none where it is not known.
    #[must_use]
    pub fn slot_key(&self, position: SlotPosition, part: SlotPart) -> Option<String> {
        let (group, number) = SlotGroup::of(position);
        let setting = self.of(HardwareWhat::Slot(group, part))?;
        Some(setting.key.replace(NUMBER, &number.to_string()))
    }

    /// Says whether a device can be told of a line in a slot.
    #[must_use]
    pub fn can_fill(&self, position: SlotPosition) -> bool {
        let needed = [SlotPart::User, SlotPart::Password];
        needed
            .into_iter()
            .all(|part| self.slot_key(position, part).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Catalogue;

    #[test]
    fn everything_that_is_set_stands_in_the_built_in_file_once() {
        let built_in = Catalogue::built_in();
        let known: Vec<HardwareWhat> = built_in.hardware().iter().map(|setting| setting.what).collect();
        // The slot that ends alerts has no switch.
        let all: Vec<HardwareWhat> = HardwareWhat::all()
            .map(|(what, _)| what)
            .filter(|what| *what != HardwareWhat::Slot(SlotGroup::Cancel, SlotPart::Use))
            .collect();
        assert_eq!(known, all);
        for setting in built_in.hardware().iter() {
            assert_eq!(setting.check(), Ok(()));
            assert!(!setting.source.is_empty(), "{setting:?}");
            assert!(!setting.verified || !setting.key.is_empty(), "{setting:?}");
        }
    }

    #[test]
    fn a_file_names_keys_that_were_not_known_and_corrects_others() {
        let mut catalogue = Catalogue::built_in();
        let file = "[[setting]]\nwhat = \"validate-server\"\nkey = \"sip.tls.check\"\nvalue = \"1\"\nverified = true\nsource = \"an 8301\"\n\
                    [[setting]]\nwhat = \"alert.user\"\nkey = \"ann.user{n}\"\n[[setting]]\nwhat = \"alert.password\"\n";
        catalogue.extend(file).unwrap();
        let settings = catalogue.hardware();
        let validate = settings.of(HardwareWhat::ValidateServer).unwrap();
        assert_eq!(
            (validate.key.as_str(), validate.verified),
            ("sip.tls.check", true)
        );
        let third = SlotPosition::new(SlotKind::Alert, 3).unwrap();
        assert_eq!(
            settings.slot_key(third, SlotPart::User).as_deref(),
            Some("ann.user3")
        );
        assert!(
            !settings.can_fill(third),
            "a setting without a key takes the built-in one away"
        );
        assert!(settings.can_fill(SlotPosition::CANCEL));
    }

    #[test]
    fn each_fault_of_a_setting_is_named_with_its_line_and_nothing_is_taken() {
        let mut catalogue = Catalogue::built_in();
        let longest = "k".repeat(HARDWARE_KEY_LENGTH_MAX);
        for (setting, words) in [
            ("what = \"colour\"", "`colour` is none of domain, transport,"),
            ("what = \"domain\"\nkey = \"sip proxy\"", "is no key"),
            ("what = \"domain\"\nkey = \"#sip\"", "is no key"),
            ("what = \"domain\"\nkey = \"a=b\"", "is no key"),
            ("what = \"domain\"\nkey = \"sip{n}\"", "no {n} in it"),
            ("what = \"ring.user\"\nkey = \"ring\"", "{n} in it once"),
            (
                "what = \"domain\"\nkey = \"a\"\nvalue = \"b\"",
                "comes from the portal",
            ),
            ("what = \"tls-version\"\nkey = \"a\"", "name its value"),
            ("what = \"tls-version\"\nvalue = \"a\"", "without a key"),
            (
                "what = \"tls-version\"\nkey = \"a\"\nvalue = \"b\\nc\"",
                "one line",
            ),
            (
                "what = \"tls-version\"\nkey = \"SIP.proxy\"\nvalue = \"x\"",
                "domain has the same key",
            ),
            (&format!("what = \"domain\"\nkey = \"{longest}k\""), "is no key"),
        ] {
            let error = catalogue
                .extend(&format!("# first\n[[setting]]\n{setting}\n"))
                .unwrap_err();
            assert!(error.what.contains(words), "{error}");
            assert!([2, 3].contains(&error.line), "{error}");
            assert_eq!(catalogue, Catalogue::built_in());
        }
        let doubled = "[[setting]]\nwhat = \"validate-server\"\nkey = \"a\"\nvalue = \"1\"\n\
                       [[setting]]\nwhat = \"tls-version\"\nkey = \"A\"\nvalue = \"1\"\n\
                       [[setting]]\nwhat = \"ring.user\"\nkey = \"b{n}\"\n";
        let error = catalogue.extend(doubled).unwrap_err();
        assert_eq!(
            (error.line, error.what.as_str()),
            (5, "tls-version: validate-server has the same key")
        );
        let fits = format!("[[setting]]\nwhat = \"domain\"\nkey = \"{longest}\"\n");
        assert!(catalogue.extend(&fits).is_ok());
        let value = |length| {
            let value = "v".repeat(length);
            format!("[[setting]]\nwhat = \"tls-version\"\nkey = \"a\"\nvalue = \"{value}\"\n")
        };
        assert!(catalogue.extend(&value(HARDWARE_VALUE_LENGTH_MAX)).is_ok());
        assert!(catalogue.extend(&value(HARDWARE_VALUE_LENGTH_MAX + 1)).is_err());
    }
}
