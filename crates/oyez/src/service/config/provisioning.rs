//! The section of the provisioning server: where it is, and whose certificates prove devices.

use std::net::SocketAddr;
use std::path::PathBuf;

use model::config::HostPort;
use net::tls::{ClientAuthorities, certificates_from_file};
use portal::provisioning::{ExpiryPolicy, MacPattern, MacPlace, MacPrefix, MacRule, Manufacturer, Suspicion};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use zone::toml_file::{ConfigError, TomlFile};

use super::{parsed, with_port};

/// Manufacturers at most: each is asked for every certificate that is shown.
const MANUFACTURERS_MAX: usize = 32;
/// Prefixes of a manufacturer's addresses at most: the largest have some hundred.
const PREFIXES_MAX: usize = 256;
/// Section of a manufacturer.
const SECTION: &str = "provisioning.manufacturer";

/// The provisioning server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How devices reach it: host and perhaps port. Without a port it is the one that is listened on.
    #[serde(deserialize_with = "parsed")]
    pub address: HostPort,
    /// A certificate that somebody else has issued for it, in PEM, with those between it and its authority's.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate, where it does not stand in the same file.
    pub key: Option<PathBuf>,
    /// What becomes of certificates that ask for what is another's, or come beside another.
    #[serde(default, deserialize_with = "suspicion")]
    pub suspicion: Suspicion,
    /// Those whose certificates prove devices, besides the service itself.
    #[serde(default, rename = "manufacturer")]
    pub manufacturers: Vec<ManufacturerConfig>,
}

/// A manufacturer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ManufacturerConfig {
    /// What people call it.
    pub name: String,
    /// The certificates of its authorities, in PEM.
    pub ca: PathBuf,
    /// Where in a device's certificate its hardware address stands.
    #[serde(deserialize_with = "place")]
    pub mac_in: MacPlace,
    /// How it stands there.
    #[serde(default = "MacPattern::whole", deserialize_with = "parsed")]
    pub mac_pattern: MacPattern,
    /// What the addresses of its devices begin with.
    #[serde(default, deserialize_with = "prefixes")]
    pub mac_prefixes: Vec<MacPrefix>,
    /// What a certificate is worth that is not valid at the time.
    #[serde(default, deserialize_with = "expiry")]
    pub expiry: ExpiryPolicy,
}

impl ProvisioningConfig {
    /// Its URL without a slash at the end, once it is known where it listens.
    #[must_use]
    pub fn url(&self, bound: SocketAddr) -> String {
        format!("https://{}", with_port(&self.address, bound.port()))
    }

    /// Takes paths from the folder of the file.
    pub(super) fn resolve(&mut self, file: &TomlFile) {
        for manufacturer in &mut self.manufacturers {
            manufacturer.ca = file.resolve(&manufacturer.ca);
        }
    }

    /// Reads the certificates of the manufacturers.
    ///
    /// # Errors
    ///
    /// When there are too many, or a file has no certificates that can be used: the line is named.
    pub(super) fn manufacturers(&self, file: &TomlFile) -> Result<Vec<Manufacturer>, ConfigError> {
        if self.manufacturers.len() > MANUFACTURERS_MAX {
            let what = format!("there are at most {MANUFACTURERS_MAX}");
            return Err(file.wrong(SECTION, &what));
        }
        let read = |(number, manufacturer): (usize, &ManufacturerConfig)| {
            let wrong = |error: &dyn std::error::Error| {
                let what = format!(
                    "{}; right would be a file with the certificates of the manufacturer's authorities in PEM",
                    device::sentence(error)
                );
                file.wrong_in(SECTION, number, "ca", &what)
            };
            let authorities = certificates_from_file(&manufacturer.ca).map_err(|error| wrong(&error))?;
            ClientAuthorities::new(&authorities).map_err(|error| wrong(&error))?;
            Ok(Manufacturer {
                name: manufacturer.name.clone(),
                authorities,
                rule: MacRule {
                    place: manufacturer.mac_in,
                    pattern: manufacturer.mac_pattern.clone(),
                },
                prefixes: manufacturer.mac_prefixes.clone(),
                expiry: manufacturer.expiry,
            })
        };
        self.manufacturers.iter().enumerate().map(read).collect()
    }
}

fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MacPlace, D::Error> {
    let words = MacPlace::ALL.map(|(place, word, _)| (place, word));
    word(deserializer, &words)
}

fn expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ExpiryPolicy, D::Error> {
    word(deserializer, &ExpiryPolicy::ALL)
}

fn suspicion<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Suspicion, D::Error> {
    word(deserializer, &Suspicion::ALL)
}

fn prefixes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MacPrefix>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.len() > PREFIXES_MAX {
        return Err(D::Error::custom(format!(
            "there are at most {PREFIXES_MAX} prefixes"
        )));
    }
    let read = |text: String| {
        let prefix = text.parse();
        prefix.map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
    };
    texts.into_iter().map(read).collect()
}

/// One of several words.
fn word<'de, D: Deserializer<'de>, T: Copy>(deserializer: D, words: &[(T, &str)]) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let known = words.iter().find(|(_, word)| *word == text);
    known.map(|(value, _)| *value).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
        D::Error::custom(format!("`{text}` is none of {}", all.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::SystemTime;

    use net::authority::Authority;

    use super::super::ServiceConfig;
    use super::*;

    fn service(folder: &Path, manufacturers: &str) -> Result<ServiceConfig, ConfigError> {
        let file = folder.join("service.toml");
        let text = format!(
            "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
             [provisioning]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n{manufacturers}\
             [account]\nid = \"acme\"\nname = \"Acme\"\ndomain = \"pbx.example.com\"\nowner = \"you@example.com\"\n\
             [zone]\noutbound-proxy = \"127.0.0.1\"\n"
        );
        fs::write(&file, text).unwrap();
        ServiceConfig::read(&file)
    }

    /// The section begins at line 8 of the file.
    fn section(more: &str) -> String {
        format!(
            "[[provisioning.manufacturer]]\nname = \"Maker\"\nca = \"maker.pem\"\nmac-in = \"cn\"\n{more}"
        )
    }

    #[test]
    fn manufacturers_are_read_with_their_rules() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::generate("Maker", SystemTime::now()).unwrap();
        fs::write(folder.path().join("maker.pem"), authority.certificate_pem()).unwrap();
        let both = section("")
            + &section(
                "mac-pattern = \"x-{mac}\"\nmac-prefixes = [\"00:22:EE\"]\nexpiry = \"accept-expired\"\n",
            );

        let config = service(folder.path(), &both).unwrap_or_else(|error| panic!("{error}"));
        let read = config.manufacturers().unwrap_or_else(|error| panic!("{error}"));

        assert_eq!(read[0].rule.pattern, MacPattern::whole());
        assert_eq!(read[0].expiry, ExpiryPolicy::Strict);
        assert_eq!(read[1].rule.pattern, "x-{mac}".parse().unwrap());
        assert_eq!(read[1].expiry, ExpiryPolicy::AcceptExpired);
        assert_eq!(read[0].prefixes, []);
        assert_eq!(read[1].prefixes, ["0022ee".parse().unwrap()]);
        assert_eq!(config.provisioning.suspicion, Suspicion::HoldBoth);
        assert_eq!(read[1].authorities, [authority.certificate().clone()]);
    }

    #[test]
    fn each_fault_of_a_manufacturer_is_named_with_its_line_and_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::generate("Maker", SystemTime::now()).unwrap();
        fs::write(folder.path().join("maker.pem"), authority.certificate_pem()).unwrap();
        fs::write(folder.path().join("empty.pem"), "").unwrap();
        let many = section("").repeat(MANUFACTURERS_MAX + 1);
        for (text, line, words) in [
            (
                section("age = 1\n"),
                12,
                "provisioning.manufacturer.age: unknown field",
            ),
            (
                section("").replace("\"cn\"", "\"sn\""),
                11,
                "provisioning.manufacturer.mac-in: `sn` is none of cn, serial-number,",
            ),
            (
                section("mac-pattern = \"mac\"\n"),
                12,
                "provisioning.manufacturer.mac-pattern: a pattern has {mac} in it once",
            ),
            (
                section("mac-prefixes = [\"00:22\"]\n"),
                12,
                "provisioning.manufacturer.mac-prefixes: `00:22`: a prefix has 6 to 11",
            ),
            (
                section(&format!(
                    "mac-prefixes = [{}]\n",
                    "\"0022EE\",".repeat(PREFIXES_MAX + 1)
                )),
                12,
                "provisioning.manufacturer.mac-prefixes: there are at most 256",
            ),
            (
                "suspicion = \"none\"\n".to_owned() + &section(""),
                8,
                "provisioning.suspicion: `none` is none of hold-both, hold-holder, note",
            ),
            (
                section("expiry = \"never\"\n"),
                12,
                "provisioning.manufacturer.expiry: `never` is none of strict,",
            ),
            (
                section("") + &section("").replace("maker.pem", "empty.pem"),
                14,
                "provisioning.manufacturer.ca: ",
            ),
            (
                section("").replace("maker.pem", "nowhere.pem"),
                10,
                "provisioning.manufacturer.ca: ",
            ),
            (many, 8, "provisioning.manufacturer: there are at most 32"),
        ] {
            let said = service(folder.path(), &text)
                .and_then(|config| config.manufacturers().map(|_| ()))
                .unwrap_err()
                .to_string();
            assert!(said.contains(&format!("service.toml:{line}: {words}")), "{said}");
        }
        let most = section("").repeat(MANUFACTURERS_MAX);
        assert!(service(folder.path(), &most).unwrap().manufacturers().is_ok());
        let prefixes = format!("mac-prefixes = [{}]\n", "\"0022EE\",".repeat(PREFIXES_MAX));
        assert!(service(folder.path(), &section(&prefixes)).is_ok());
        let noted = service(folder.path(), "suspicion = \"note\"\n").unwrap();
        assert_eq!(noted.provisioning.suspicion, Suspicion::Note);
    }
}
