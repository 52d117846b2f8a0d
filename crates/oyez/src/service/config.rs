//! The configuration file of a service: one TOML file, read and checked before anything is made or bound.

mod provisioning;
mod talk;
mod webhooks;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use model::AccountId;
use model::config::HostPort;
use model::inventory::{Catalogue, DisplayName};
use portal::provisioning::Manufacturer;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use zone::toml_file::{ConfigError, Right, TomlFile};

use ::webhooks::RetryPlan;
use net::tls::{Identity, Trust};

use super::database::StoreConfig;
use super::imported::ImportedFiles;
pub use provisioning::{ManufacturerConfig, ProvisioningConfig};
pub use talk::TalkConfig;
pub use webhooks::WebhooksConfig;

/// What would be right for each key, as it would stand in the file.
const RIGHT: Right = &[
    ("state", "state = \"/var/lib/oyez\""),
    ("portal", "a section [portal] with listen and address"),
    ("portal.listen", "listen = \"0.0.0.0:8443\""),
    ("portal.address", "address = \"oyez.example.com\""),
    ("portal.certificate", "certificate = \"portal.pem\""),
    ("portal.key", "key = \"portal.key\""),
    ("provisioning.certificate", "certificate = \"provisioning.pem\""),
    ("provisioning.key", "key = \"provisioning.key\""),
    ("provisioning", "a section [provisioning] with listen and address"),
    ("provisioning.listen", "listen = \"0.0.0.0:8444\""),
    ("provisioning.address", "address = \"oyez.example.com\""),
    (
        "provisioning.manufacturer",
        "a section [[provisioning.manufacturer]] with name, ca and mac-in",
    ),
    ("provisioning.manufacturer.name", "name = \"Algo\""),
    ("provisioning.manufacturer.ca", "ca = \"algo-ca.pem\""),
    ("provisioning.manufacturer.mac-in", "mac-in = \"cn\""),
    ("provisioning.manufacturer.mac-pattern", "mac-pattern = \"{mac}\""),
    (
        "provisioning.manufacturer.mac-prefixes",
        "mac-prefixes = [\"00:22:EE\"]",
    ),
    ("provisioning.manufacturer.expiry", "expiry = \"strict\""),
    ("provisioning.suspicion", "suspicion = \"hold-both\""),
    ("account", "a section [account] with id, name, domain and owner"),
    ("account.id", "id = \"acme\""),
    ("account.name", "name = \"Acme Works\""),
    ("account.domain", "domain = \"pbx.example.com\""),
    ("account.owner", "owner = \"you@example.com\""),
    (
        "store.postgres",
        "postgres = \"postgres://oyez@db.example.com/oyez\"",
    ),
    ("store.password-file", "password-file = \"database-password\""),
    ("catalogue", "a section [catalogue] with file"),
    ("catalogue.file", "file = \"catalogue.toml\""),
    ("feed", "a section [feed] with listen, address and zones"),
    ("feed.listen", "listen = \"0.0.0.0:8445\""),
    ("feed.address", "address = \"oyez.example.com\""),
    ("feed.zones", "zones = [\"b\"]"),
    ("talk.voice", "voice = \"en-us\""),
    ("webhooks.ca", "ca = \"receivers.pem\""),
    ("webhooks.allow-loopback", "allow-loopback = false"),
    ("webhooks.allow-link-local", "allow-link-local = false"),
    ("webhooks.allow-private", "allow-private = true"),
    ("webhooks.allow-http", "allow-http = false"),
    ("webhooks.retry-after", "retry-after = [10, 60, 300, 1800, 5400]"),
    ("webhooks.failures-max", "failures-max = 30"),
    ("zone", "a section [zone] with outbound-proxy"),
    ("zone.config", "config = \"zone.toml\""),
    ("zone.outbound-proxy", "outbound-proxy = \"oyez.example.com\""),
    (
        "zone.second-outbound-proxy",
        "second-outbound-proxy = \"zone-b.example.com:5061\"",
    ),
];
/// Octets of an e-mail address at most: what RFC 5321 lets through a path.
const EMAIL_LENGTH_MAX: usize = 254;
/// Zones of a feed at most: each has a connection or two of the feed's.
const ZONES_MAX: usize = 16;
/// Characters of a zone's name at most: it stands in a certificate and in the name of a file.
const ZONE_NAME_LENGTH_MAX: usize = 32;

/// A certificate that somebody else has issued, and where it lies.
type Import = (ImportedFiles, Identity);

/// Everything a service needs to know before it starts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// The state folder: database, keys, certificates.
    pub state: PathBuf,
    /// The database, where it is not a file in the state folder.
    pub store: Option<StoreConfig>,
    /// The portal.
    pub portal: SiteConfig,
    /// The provisioning server.
    pub provisioning: ProvisioningConfig,
    /// The account that a first start makes.
    pub account: AccountConfig,
    /// What zones elsewhere learn the directory from.
    pub feed: Option<FeedConfig>,
    /// How texts are read out.
    #[serde(default)]
    pub talk: TalkConfig,
    /// How other programs are told of what happens.
    #[serde(default)]
    pub webhooks: WebhooksConfig,
    /// Where devices register.
    pub zone: ZonePlace,
    /// Models of devices besides those that are known.
    pub catalogue: Option<CatalogueConfig>,
    /// Where all this was read.
    #[serde(skip)]
    file: TomlFile,
}

/// Models of devices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueConfig {
    /// The file that has them.
    pub file: PathBuf,
}

/// A site that is served over HTTPS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How it is reached: host and perhaps port. Without a port it is the one that is listened on.
    #[serde(deserialize_with = "parsed")]
    pub address: HostPort,
    /// A certificate that somebody else has issued for it, in PEM, with those between it and its authority's.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate, where it does not stand in the same file.
    pub key: Option<PathBuf>,
}

impl SiteConfig {
    /// Its URL without a slash at the end, once it is known where it listens.
    #[must_use]
    pub fn url(&self, bound: SocketAddr) -> String {
        format!("https://{}", with_port(&self.address, bound.port()))
    }
}

/// What zones elsewhere learn the directory from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How zones reach it.
    #[serde(deserialize_with = "parsed")]
    pub address: HostPort,
    /// The zones that may know the directory, by their names.
    #[serde(deserialize_with = "zone_names")]
    pub zones: Vec<String>,
}

/// The account, its owner included.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Its id.
    #[serde(deserialize_with = "parsed")]
    pub id: AccountId,
    /// What people call it.
    #[serde(deserialize_with = "name")]
    pub name: DisplayName,
    /// Its SIP domain.
    #[serde(deserialize_with = "domain")]
    pub domain: String,
    /// The e-mail address of its owner, in lower case.
    #[serde(deserialize_with = "email")]
    pub owner: String,
}

/// Where devices register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ZonePlace {
    /// Configuration of a zone that runs in this process.
    pub config: Option<PathBuf>,
    /// How devices reach the zone they hang on first.
    #[serde(deserialize_with = "parsed")]
    pub outbound_proxy: HostPort,
    /// How they reach the one they hang on besides.
    #[serde(default, deserialize_with = "parsed_some")]
    pub second_outbound_proxy: Option<HostPort>,
}

impl ServiceConfig {
    /// Reads and checks `path`; relative paths inside are taken from the file's folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is too long, or says something that cannot be: the line is named.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(TomlFile::read(path)?)
    }

    fn parse(file: TomlFile) -> Result<Self, ConfigError> {
        let mut config: Self = file.parse(RIGHT)?;
        config.file = file;
        config.state = config.file.resolve(&config.state);
        if let Some(password) = config
            .store
            .as_mut()
            .and_then(|store| store.password_file.as_mut())
        {
            *password = config.file.resolve(password);
        }
        if let Some(zone) = &mut config.zone.config {
            *zone = config.file.resolve(zone);
        }
        config.provisioning.resolve(&config.file);
        Ok(config)
    }

    /// Reads the certificates that others have issued for portal and provisioning server.
    ///
    /// # Errors
    ///
    /// When a file cannot be used: it and the line that names it are named.
    pub(super) fn imported(&self) -> Result<(Option<Import>, Option<Import>), ConfigError> {
        let (portal, provisioning) = (&self.portal, &self.provisioning);
        Ok((
            self.import("portal", portal.certificate.as_deref(), portal.key.as_deref())?,
            self.import(
                "provisioning",
                provisioning.certificate.as_deref(),
                provisioning.key.as_deref(),
            )?,
        ))
    }

    fn import(
        &self,
        section: &str,
        certificate: Option<&Path>,
        key: Option<&Path>,
    ) -> Result<Option<Import>, ConfigError> {
        let Some(certificate) = certificate else {
            return match key {
                None => Ok(None),
                Some(_) => Err(self.wrong(
                    &format!("{section}.key"),
                    "is of no use without certificate; name that too",
                )),
            };
        };
        let key = key.map(|key| self.file.resolve(key));
        let files = ImportedFiles::of(&self.file.resolve(certificate), key.as_deref());
        let identity = files.read().map_err(|error| {
            let what = format!(
                "{}; right would be a certificate in PEM with its key, RSA or ECDSA, in the same file or under key",
                device::sentence(&error)
            );
            self.wrong(&format!("{section}.certificate"), &what)
        })?;
        Ok(Some((files, identity)))
    }

    /// Reads the models of devices: those that are known, and in addition those of the file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is no catalogue: its line is named.
    pub fn catalogue(&self) -> Result<Catalogue, ConfigError> {
        let mut catalogue = Catalogue::built_in();
        if let Some(CatalogueConfig { file }) = &self.catalogue {
            let file = TomlFile::read(&self.file.resolve(file))?;
            let added = catalogue.extend(file.text());
            added.map_err(|error| file.fault(error.line, error.what))?;
        }
        Ok(catalogue)
    }

    /// Reads the certificates of those whose devices are believed.
    ///
    /// # Errors
    ///
    /// When there are too many, or a file has no certificates that can be used: the line is named.
    pub fn manufacturers(&self) -> Result<Vec<Manufacturer>, ConfigError> {
        self.provisioning.manufacturers(&self.file)
    }

    /// Whom is believed to be a receiver of webhooks.
    ///
    /// # Errors
    ///
    /// When the file of authorities cannot be used: the line that names it is named.
    pub fn webhook_trust(&self) -> Result<Trust, ConfigError> {
        self.webhooks.trust(&self.file)
    }

    /// When messages of webhooks are tried again.
    ///
    /// # Errors
    ///
    /// When the plan breaks a limit: its line is named.
    pub fn webhook_plan(&self) -> Result<RetryPlan, ConfigError> {
        self.webhooks.plan(&self.file)
    }

    /// What the file says under `key`, as `section.key`, cannot be used: `what` says why.
    #[must_use]
    pub fn wrong(&self, key: &str, what: &str) -> ConfigError {
        self.file.wrong(key, what)
    }
}

/// An address with the port that is taken where it names none.
#[must_use]
pub fn with_port(address: &HostPort, port: u16) -> HostPort {
    HostPort {
        host: address.host.clone(),
        port: address.port.or(Some(port)),
    }
}

fn parsed<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

fn parsed_some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HostPort>, D::Error> {
    parsed(deserializer).map(Some)
}

fn zone_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let is_name = |name: &str| {
        (1..=ZONE_NAME_LENGTH_MAX).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if names.is_empty() || names.len() > ZONES_MAX {
        return Err(D::Error::custom(format!("has to name 1 to {ZONES_MAX} zones")));
    }
    match names.iter().find(|name| !is_name(name)) {
        None => Ok(names),
        Some(name) => Err(D::Error::custom(format!(
            "`{name}` is no name of a zone: 1 to {ZONE_NAME_LENGTH_MAX} of a-z 0-9"
        ))),
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DisplayName, D::Error> {
    DisplayName::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn domain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let domain: HostPort = parsed(deserializer)?;
    match domain.port {
        None => Ok(domain.host),
        Some(_) => Err(D::Error::custom("a domain has no port")),
    }
}

fn email<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_bare = !text
        .chars()
        .any(|character| character.is_whitespace() || character.is_control());
    match text.split_once('@') {
        Some((local, domain))
            if is_bare && !local.is_empty() && !domain.is_empty() && text.len() <= EMAIL_LENGTH_MAX =>
        {
            Ok(text.to_lowercase())
        }
        Some(_) | None => Err(D::Error::custom(format!("`{text}` is no e-mail address"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "state = \"state\"\n[portal]\nlisten = \"0.0.0.0:8443\"\naddress = \"oyez.example.com\"\n\
                        [provisioning]\nlisten = \"[::]:8444\"\naddress = \"[2001:db8::1]:444\"\n\
                        [account]\nid = \"acme\"\nname = \"Acme Works\"\ndomain = \"pbx.example.com\"\nowner = \"You@Example.com\"\n\
                        [zone]\nconfig = \"zone.toml\"\noutbound-proxy = \"oyez.example.com:5061\"\n";

    fn parse(text: &str) -> Result<ServiceConfig, ConfigError> {
        ServiceConfig::parse(TomlFile::of_text(Path::new("/etc/oyez/service.toml"), text))
    }

    #[test]
    fn a_good_file_is_read_with_paths_beside_it_and_addresses_as_people_type_them() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.state, Path::new("/etc/oyez/state"));
        assert_eq!(
            config.zone.config.as_deref(),
            Some(Path::new("/etc/oyez/zone.toml"))
        );
        assert_eq!(config.account.owner, "you@example.com");
        assert_eq!(
            config.portal.url(config.portal.listen),
            "https://oyez.example.com:8443"
        );
        assert_eq!(
            config.provisioning.url(config.provisioning.listen),
            "https://[2001:db8::1]:444"
        );
    }

    #[test]
    fn each_fault_is_named_with_its_line_and_a_remedy() {
        let long = format!("{}@example.com", "a".repeat(EMAIL_LENGTH_MAX - 11));
        for (from, to, line, words) in [
            (
                "listen = \"0.0.0.0:8443\"",
                "lisen = \"0.0.0.0:8443\"",
                3,
                "portal.lisen: unknown field `lisen`, expected",
            ),
            (
                "listen = \"0.0.0.0:8443\"\n",
                "",
                2,
                "portal.listen: is missing; right would be listen",
            ),
            (
                "\"oyez.example.com\"",
                "\"https://oyez\"",
                4,
                "portal.address: not a host name",
            ),
            (
                "\"acme\"",
                "\"a c\"",
                9,
                "account.id: \"a c\" is not an account id",
            ),
            (
                "\"Acme Works\"",
                "\"A\"",
                10,
                "account.name: the display name must have 3 to 255",
            ),
            (
                "\"pbx.example.com\"",
                "\"pbx.example.com:1\"",
                11,
                "account.domain: a domain has no port",
            ),
            (
                "\"You@Example.com\"",
                "\"you\"",
                12,
                "account.owner: `you` is no e-mail address",
            ),
            ("You@Example.com", &long, 12, "account.owner: `aaa"),
            (
                "outbound-proxy",
                "second-outbound-proxy",
                13,
                "zone.outbound-proxy: is missing; right would be outbound-proxy",
            ),
        ] {
            let said = parse(&GOOD.replace(from, to)).unwrap_err().to_string();
            let begin = format!("/etc/oyez/service.toml:{line}: {words}");
            assert!(said.starts_with(&begin), "{said} for {begin}");
        }
    }

    #[test]
    fn a_catalogue_of_models_is_read_beside_the_file_and_its_faults_are_named_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalogue.toml");
        let text = format!("{GOOD}[catalogue]\nfile = \"catalogue.toml\"\n");
        let file = TomlFile::of_text(&folder.path().join("service.toml"), &text);
        let config = ServiceConfig::parse(file).unwrap();
        let model = "[[model]]\nname = \"9999\"\nsays = [\"9999\"]\n";
        std::fs::write(&path, model).unwrap();
        assert!(config.catalogue().unwrap().find("x 9999").is_some());

        std::fs::write(&path, format!("{model}colour = 1\n")).unwrap();
        let said = config.catalogue().unwrap_err().to_string();
        assert!(
            said.contains("catalogue.toml:4: unknown field `colour`"),
            "{said}"
        );
        std::fs::remove_file(&path).unwrap();
        let said = config.catalogue().unwrap_err().to_string();
        assert!(said.contains("catalogue.toml: cannot be read"), "{said}");
    }

    #[test]
    fn a_certificate_of_somebody_else_is_read_beside_the_file_and_its_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let authority = net::authority::Authority::generate("Public", std::time::SystemTime::now()).unwrap();
        let (pem, key) = (folder.path().join("site.pem"), folder.path().join("site.key"));
        std::fs::write(&pem, authority.certificate_pem()).unwrap();
        std::fs::write(&key, authority.key_pem().as_str()).unwrap();
        let read = |more: &str| {
            let text = GOOD.replacen(
                "address = \"oyez.example.com\"\n",
                &format!("address = \"oyez.example.com\"\n{more}"),
                1,
            );
            let file = TomlFile::of_text(&folder.path().join("service.toml"), &text);
            ServiceConfig::parse(file)
                .unwrap()
                .imported()
                .map(|(portal, _)| portal.is_some())
        };
        assert!(read("certificate = \"site.pem\"\nkey = \"site.key\"\n").unwrap());
        assert!(!read("").unwrap());
        for (more, words) in [
            (
                "certificate = \"site.pem\"\n",
                "service.toml:5: portal.certificate: ",
            ),
            ("certificate = \"gone.pem\"\n", "gone.pem"),
            (
                "key = \"site.key\"\n",
                "service.toml:5: portal.key: is of no use without certificate",
            ),
        ] {
            let said = read(more).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn the_longest_address_of_an_owner_is_taken() {
        let long = format!("{}@example.com", "a".repeat(EMAIL_LENGTH_MAX - 12));
        assert_eq!(
            parse(&GOOD.replace("You@Example.com", &long))
                .unwrap()
                .account
                .owner,
            long
        );
    }

    #[test]
    fn zones_of_a_feed_have_names_up_to_a_length_and_are_up_to_so_many() {
        let with = |zones: &[String]| {
            let feed = format!(
                "[feed]\nlisten = \"0.0.0.0:8445\"\naddress = \"oyez.example.com\"\nzones = {zones:?}\n"
            );
            parse(&format!("{GOOD}{feed}"))
        };
        let names = |count: usize| {
            (0..count)
                .map(|number| format!("zone{number}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            with(&names(ZONES_MAX)).unwrap().feed.unwrap().zones.len(),
            ZONES_MAX
        );
        with(&["a".repeat(ZONE_NAME_LENGTH_MAX)]).unwrap();
        for zones in [
            Vec::new(),
            names(ZONES_MAX + 1),
            vec!["a".repeat(ZONE_NAME_LENGTH_MAX + 1)],
            vec!["../b".to_owned()],
        ] {
            let refused = with(&zones).unwrap_err().to_string();
            assert!(refused.contains("service.toml:19: feed.zones: "), "{refused}");
        }
    }
}
