//! What makes a manufacturer's certificate prove a device: who has signed it, where the hardware address stands, and what its age is
//! worth.

use std::fmt;
use std::str::FromStr;

use model::inventory::MacAddress;
use net::authority::HolderNames;
use rustls::pki_types::CertificateDer;

/// What stands for the hardware address in a pattern.
const MAC: &str = "{mac}";
/// Longest pattern, in octets.
pub const PATTERN_LENGTH_MAX: usize = 128;

/// A manufacturer whose certificates prove devices.
#[derive(Clone, Debug)]
pub struct Manufacturer {
    /// What people call it.
    pub name: String,
    /// The certificates of its authorities; those between root and device may be among them, for devices that show their own alone.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Where the hardware address stands.
    pub rule: MacRule,
    /// What the addresses of its devices begin with; with none they may be any.
    pub prefixes: Vec<MacPrefix>,
    /// What a certificate is worth that is not valid at the time.
    pub expiry: ExpiryPolicy,
}

/// Where in a certificate the hardware address stands, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacRule {
    /// Where.
    pub place: MacPlace,
    /// How.
    pub pattern: MacPattern,
}

/// What the hardware addresses of a manufacturer begin with: the part of it that was assigned to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacPrefix(String);

/// A text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix has {PREFIX_DIGITS_MIN} to {PREFIX_DIGITS_MAX} hexadecimal digits, such as \"00:22:EE\"")]
pub struct MacPrefixError;

/// Fewest digits of a prefix: those of a large assignment.
pub const PREFIX_DIGITS_MIN: usize = 6;
/// Most digits: twelve would be one device.
pub const PREFIX_DIGITS_MAX: usize = 11;

impl FromStr for MacPrefix {
    type Err = MacPrefixError;

    fn from_str(text: &str) -> Result<Self, MacPrefixError> {
        let digits: String = text
            .chars()
            .filter(|one| !matches!(one, ':' | '-' | '.'))
            .collect();
        let is_one = digits.chars().all(|one| one.is_ascii_hexdigit())
            && (PREFIX_DIGITS_MIN..=PREFIX_DIGITS_MAX).contains(&digits.len());
        is_one
            .then(|| Self(digits.to_ascii_uppercase()))
            .ok_or(MacPrefixError)
    }
}

impl MacPrefix {
    /// Says whether an address begins with it.
    #[must_use]
    pub fn begins(&self, mac: MacAddress) -> bool {
        mac.compact().to_ascii_uppercase().starts_with(&self.0)
    }
}

/// A place in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacPlace {
    /// The common name of the subject.
    CommonName,
    /// The serial number of the subject: the attribute, not the number of the certificate.
    SerialNumber,
    /// A host name among the alternative names.
    Dns,
    /// A URI among them.
    Uri,
    /// An e-mail address among them.
    Email,
    /// A name of another form, such as that of a hardware module.
    Other,
}

impl MacPlace {
    /// Every place with its word in the configuration file, and in a sentence.
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::CommonName, "cn", "common name"),
        (
            Self::SerialNumber,
            "serial-number",
            "serial number of the subject",
        ),
        (Self::Dns, "san-dns", "alternative name (DNS)"),
        (Self::Uri, "san-uri", "alternative name (URI)"),
        (Self::Email, "san-email", "alternative name (e-mail)"),
        (Self::Other, "san-other", "alternative name (other)"),
    ];

    fn words(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(place, ..)| *place == self);
        found.map_or("", |(.., words)| words)
    }

    fn of(self, names: &HolderNames) -> &[String] {
        match self {
            Self::CommonName => &names.common_names,
            Self::SerialNumber => &names.serial_numbers,
            Self::Dns => &names.dns,
            Self::Uri => &names.uris,
            Self::Email => &names.emails,
            Self::Other => &names.others,
        }
    }
}

/// What a certificate is worth that is not valid at the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiryPolicy {
    /// Nothing.
    #[default]
    Strict,
    /// It proves the device after its time, as those of devices must that cannot be given another.
    AcceptExpired,
    /// It proves the device before its time, for services whose clock may be behind.
    AcceptNotYetValid,
    /// Both.
    AcceptAny,
}

impl ExpiryPolicy {
    /// Every policy with its word in the configuration file.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Strict, "strict"),
        (Self::AcceptExpired, "accept-expired"),
        (Self::AcceptNotYetValid, "accept-not-yet-valid"),
        (Self::AcceptAny, "accept-any"),
    ];

    pub(super) const fn accepts_expired(self) -> bool {
        matches!(self, Self::AcceptExpired | Self::AcceptAny)
    }

    pub(super) const fn accepts_not_yet_valid(self) -> bool {
        matches!(self, Self::AcceptNotYetValid | Self::AcceptAny)
    }
}

impl MacRule {
    /// Finds the one hardware address that a certificate is for.
    ///
    /// # Errors
    ///
    /// When there is none where it should stand, more than one, or another elsewhere in the certificate: one sentence.
    pub fn find(&self, names: &HolderNames) -> Result<MacAddress, String> {
        let shown = self.place.of(names);
        let mut found: Vec<MacAddress> = shown.iter().filter_map(|name| self.pattern.find(name)).collect();
        found.sort_unstable();
        found.dedup();
        let whole = MacPattern::whole();
        let elsewhere = names.all().filter_map(|name| whole.find(name));
        match found.as_slice() {
            [mac] => match { elsewhere }.find(|other| other != mac) {
                None => Ok(*mac),
                Some(other) => Err(format!(
                    "its {} says {mac}, and another of its names {other}",
                    self.place.words()
                )),
            },
            [] => Err(format!(
                "no address of the form `{}` stands in its {}{}",
                self.pattern,
                self.place.words(),
                Listed(shown)
            )),
            _ => Err(format!(
                "its {} names several devices{}",
                self.place.words(),
                Listed(shown)
            )),
        }
    }
}

/// Names in a sentence.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Names that a sentence repeats.
        const SHOWN: usize = 3;
        let names: Vec<String> = self
            .0
            .iter()
            .take(SHOWN)
            .map(|name| format!("{name:?}"))
            .collect();
        match names.as_slice() {
            [] => formatter.write_str(": it has none"),
            names => write!(formatter, ": {}", names.join(", ")),
        }
    }
}

/// How a hardware address stands in a name: a text with `{mac}` in it, and `*` for anything. Case does not matter, and the address may
/// stand with colons, dashes, dots or nothing between its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacPattern {
    text: String,
}

/// A text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern has {{mac}} in it once, perhaps with text or * beside it, such as \"{{mac}}.devices.example.com\"; at most 128 characters"
)]
pub struct MacPatternError;

impl FromStr for MacPattern {
    type Err = MacPatternError;

    fn from_str(text: &str) -> Result<Self, MacPatternError> {
        let is_plain = !text.chars().any(char::is_control) && text.len() <= PATTERN_LENGTH_MAX;
        match text.matches(MAC).count() {
            1 if is_plain => Ok(Self {
                text: text.to_ascii_lowercase(),
            }),
            _ => Err(MacPatternError),
        }
    }
}

impl fmt::Display for MacPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl MacPattern {
    /// The address and nothing else.
    #[must_use]
    pub fn whole() -> Self {
        Self { text: MAC.to_owned() }
    }

    /// Finds the address in a name of this form.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<MacAddress> {
        let (before, after) = self.text.split_once(MAC)?;
        let name = name.to_ascii_lowercase();
        if name.chars().any(char::is_control) {
            return None;
        }
        let begins = name.char_indices().map(|(start, _)| start);
        begins
            .flat_map(|start| SPELLINGS.map(|spelling| (start, spelling)))
            .find_map(|(start, (length, separators))| {
                let digits = name.get(start..start + length)?;
                let mac = spelled(digits, separators)?;
                let (head, tail) = (name.get(..start)?, name.get(start + length..)?);
                let is_part = before.ends_with('*') && came_before(head, separators)
                    || after.starts_with('*') && goes_on(tail, separators);
                (!is_part && is_like(before, head) && is_like(after, tail)).then_some(mac)
            })
    }
}

/// How addresses are spelled: octets of text, and what may stand between groups.
const SPELLINGS: [(usize, &str); 3] = [(17, ":-"), (14, "."), (12, "")];

fn spelled(text: &str, separators: &str) -> Option<MacAddress> {
    let known = |character: char| character.is_ascii_hexdigit() || separators.contains(character);
    text.chars().all(known).then(|| text.parse().ok()).flatten()
}

/// Says whether the digits go on something longer.
fn came_before(head: &str, separators: &str) -> bool {
    let is_digit = |character: char| character.is_ascii_hexdigit();
    match head.strip_suffix(|last| separators.contains(last)) {
        None => head.ends_with(is_digit),
        Some(group) => {
            let word = group
                .rsplit(|character: char| !character.is_alphanumeric())
                .next();
            word.is_some_and(|word| word.len() == 2 && word.chars().all(is_digit))
        }
    }
}

/// Says whether something longer begins with the digits.
fn goes_on(tail: &str, separators: &str) -> bool {
    let mut next = tail.chars();
    match next.next() {
        Some(first) if first.is_ascii_hexdigit() => true,
        Some(first) if separators.contains(first) => {
            next.next().is_some_and(|second| second.is_ascii_hexdigit())
        }
        Some(_) | None => false,
    }
}

/// Says whether a text is like a pattern in which `*` stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);

    fn pattern(text: &str) -> MacPattern {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_found_in_every_spelling_where_the_pattern_has_it() {
        for (form, name) in [
            ("{mac}", "0022EE0A0B0C"),
            ("{mac}", "00:22:ee:0a:0b:0c"),
            ("{mac}", "00-22-EE-0A-0B-0C"),
            ("{mac}", "0022.ee0a.0b0c"),
            ("Client_{mac}", "client_0022EE0A0B0C"),
            ("device-{mac}", "device-00-22-EE-0A-0B-0C"),
            ("{mac}.devices.example.com", "0022ee0a0b0c.Devices.example.com"),
            ("urn:dev:mac:{mac}", "urn:dev:mac:0022EE0A0B0C"),
            ("*mac:{mac}", "urn:dev:mac:00:22:EE:0A:0B:0C"),
            ("mac{mac}", "mac0022EE0A0B0C"),
            ("*{mac}*", "Speaker 0022EE0A0B0C, series 2"),
            ("{mac}*", "0022EE0A0B0C-1"),
            ("a*b*{mac}", "a to b 0022EE0A0B0C"),
        ] {
            assert_eq!(pattern(form).find(name), Some(ADDRESS), "{form} {name}");
        }
    }

    #[test]
    fn p02_a_name_with_more_or_other_digits_is_another_device_or_none() {
        for name in [
            "",
            "0022EE0A0B0C0",
            "A0022EE0A0B0C",
            "00 22 EE 0A 0B 0C",
            "00:22:EE:0A:0B:0C:0D",
            "FF:00:22:EE:0A:0B:0C",
            "00:22-EE:0A-0B0C",
            "0022EE",
            "0022EE0A.0B0C",
            "0022EE0A0B0C\0",
            "0022EE0A0B0C\n",
        ] {
            for form in ["{mac}", "*{mac}*"] {
                assert_eq!(pattern(form).find(name), None, "{form} {name:?}");
            }
        }
        assert_eq!(pattern("{mac}").find("x 0022EE0A0B0C"), None);
        assert_eq!(pattern("x{mac}y").find("x0022EE0A0B0C"), None);
        assert_ne!(pattern("{mac}").find("0022EE0A0B0D"), Some(ADDRESS));
    }

    #[test]
    fn a_prefix_is_read_in_every_spelling_and_has_a_length() {
        for (text, begins) in [
            ("00:22:EE", true),
            ("0022ee", true),
            ("00-22-ee-0", true),
            ("0022.EE0A.0B0", true),
            ("00:22:EF", false),
            ("0022EE1", false),
        ] {
            assert_eq!(
                text.parse::<MacPrefix>().unwrap().begins(ADDRESS),
                begins,
                "{text}"
            );
        }
        for text in ["", "00:22:E", "0022EE0A0B0C", "00:22:EG", "é0022EE"] {
            assert_eq!(text.parse::<MacPrefix>(), Err(MacPrefixError), "{text}");
        }
    }

    #[test]
    fn a_pattern_has_the_address_once_and_a_length() {
        assert!("".parse::<MacPattern>().is_err());
        assert!("{mac}{mac}".parse::<MacPattern>().is_err());
        let fits = format!("{}{{mac}}", "x".repeat(PATTERN_LENGTH_MAX - MAC.len()));
        assert!(fits.parse::<MacPattern>().is_ok());
        assert!(format!("x{fits}").parse::<MacPattern>().is_err());
    }

    #[test]
    fn p03_names_that_contradict_one_another_prove_nothing() {
        let rule = MacRule {
            place: MacPlace::CommonName,
            pattern: MacPattern::whole(),
        };
        let names = |common: &[&str], dns: &[&str]| HolderNames {
            common_names: common.iter().map(ToString::to_string).collect(),
            dns: dns.iter().map(ToString::to_string).collect(),
            ..HolderNames::default()
        };
        let (one, other) = ("0022EE0A0B0C", "00:22:EE:0A:0B:0D");
        assert_eq!(rule.find(&names(&[one], &["hall.example.com", one])), Ok(ADDRESS));
        for (common, dns, words) in [
            (vec![one], vec![other], "another of its names"),
            (vec![one, other], vec![], "several devices"),
            (vec!["hall"], vec![one], "\"hall\""),
            (vec![], vec![one], "it has none"),
        ] {
            let said = rule.find(&names(&common, &dns)).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
