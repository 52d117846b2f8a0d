//! The configuration file of a zone: one TOML file, read and checked before anything is bound.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use model::config::HostPort;
use net::media::PortRange;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use switch::admission::PORT_PAIRS_MIN;

use crate::toml_file::{ConfigError, Right, TomlFile};

/// What would be right for each key, as it would stand in the file.
const RIGHT: Right = &[
    ("name", "name = \"campus\""),
    ("directory", "directory = \"directory.toml\""),
    ("service", "a section [service] with feed and identity"),
    ("service.feed", "feed = \"oyez.example.com:8445\""),
    ("service.identity", "identity = \"zone-b.pem\""),
    ("service.copy", "copy = \"directory.sealed\""),
    ("control", "control = \"zone.sock\""),
    ("listen", "a section [listen] with tls = [\"0.0.0.0:5061\"]"),
    ("listen.udp", "udp = [\"0.0.0.0:5060\"]"),
    ("listen.tcp", "tcp = [\"0.0.0.0:5060\"]"),
    ("listen.tls", "tls = [\"0.0.0.0:5061\"]"),
    ("listen.advertise", "advertise = \"203.0.113.5\""),
    ("listen.names", "names = [\"pbx.example.com\"]"),
    ("tls", "a section [tls] with certificate and key"),
    ("tls.certificate", "certificate = \"zone.pem\""),
    ("tls.key", "key = \"zone.key\""),
    ("media", "a section [media] with ports = \"20000-29999\""),
    ("media.ports", "ports = \"20000-29999\""),
    ("media.bind", "bind = [\"0.0.0.0\", \"::\"]"),
    ("media.plain", "plain = \"never\""),
];

/// Everything a zone needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// Name of the zone, for its status.
    #[serde(default = "default_name")]
    pub name: String,
    /// Where SIP is listened for.
    pub listen: Listen,
    /// Certificate and key of the TLS listeners; a zone inside a service does without.
    pub tls: Option<TlsFiles>,
    /// Addresses and ports of media.
    #[serde(default)]
    pub media: MediaConfig,
    /// The directory file: who exists, who may page whom. A zone inside a service has none.
    pub directory: Option<PathBuf>,
    /// The service that the directory comes from, instead of the file.
    pub service: Option<ServiceFeed>,
    /// The control socket that `oyez status` and `oyez page` speak to.
    pub control: PathBuf,
    /// Where all this was read.
    #[serde(skip)]
    file: TomlFile,
}

/// Sockets of a zone, by transport.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// UDP addresses.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses.
    pub tcp: Vec<SocketAddr>,
    /// TLS addresses.
    pub tls: Vec<SocketAddr>,
    /// The address that peers are told instead of the bound one, behind a 1:1 address translation.
    pub advertise: Option<IpAddr>,
    /// Host names by which requests may address the zone, beside the account's domain and its addresses.
    pub names: Vec<String>,
}

/// PEM files of the TLS listeners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate chain, own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where a zone learns its directory from a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceFeed {
    /// Host and port of the service's feed.
    #[serde(deserialize_with = "host_and_port")]
    pub feed: HostPort,
    /// The file that the service has made for this zone: certificate, authority and key.
    pub identity: PathBuf,
    /// The zone's own copy, sealed; its key is made beside it.
    #[serde(default = "default_copy")]
    pub copy: PathBuf,
}

/// Where media sockets are opened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// The range of UDP ports, written `first-last`, with [`PORT_PAIRS_MIN`] pairs at least.
    #[serde(deserialize_with = "port_range")]
    pub ports: PortRange,
    /// The addresses media sockets are bound to, one of each family at most; all addresses if none is given.
    #[serde(deserialize_with = "one_or_more")]
    pub bind: Vec<IpAddr>,
    /// Where RTP may go without SRTP.
    pub plain: PlainRtp,
}

/// Where RTP may go without SRTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlainRtp {
    /// Nowhere.
    #[default]
    Never,
    /// On calls over UDP and TCP.
    OverClearFlows,
    /// Also on calls over TLS whose phone has no SRTP.
    Anywhere,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            ports: PortRange::new(20_000, 29_999).unwrap_or_default(),
            bind: Vec::new(),
            plain: PlainRtp::Never,
        }
    }
}

/// Reads one address, or a list of them.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpAddr>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Addresses {
        One(IpAddr),
        More(Vec<IpAddr>),
    }
    let addresses = match Addresses::deserialize(deserializer) {
        Ok(Addresses::One(address)) => vec![address],
        Ok(Addresses::More(addresses)) => addresses,
        Err(_) => Vec::new(),
    };
    let of_family = |is_ipv4| {
        addresses
            .iter()
            .filter(|address| address.is_ipv4() == is_ipv4)
            .count()
    };
    if addresses.is_empty() || of_family(true) > 1 || of_family(false) > 1 {
        return Err(D::Error::custom("is neither one address nor one of each family"));
    }
    Ok(addresses)
}

/// Reads a host with its port.
fn host_and_port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HostPort, D::Error> {
    let address: HostPort = String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)?;
    match address.port {
        Some(_) => Ok(address),
        None => Err(D::Error::custom("has no port")),
    }
}

/// Reads an inclusive range of UDP ports.
fn port_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PortRange, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("`{text}` is no range"));
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let first: u16 = first.trim().parse().map_err(|_| wrong())?;
    let last: u16 = last.trim().parse().map_err(|_| wrong())?;
    PortRange::new(first, last)
        .ok()
        .filter(|range| range.pairs() >= PORT_PAIRS_MIN)
        .ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` holds fewer than {PORT_PAIRS_MIN} pairs of an even port and the next one"
            ))
        })
}

impl ZoneConfig {
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
        config.check()?;
        config.resolve_paths();
        Ok(config)
    }

    /// What the file says under `key`, as `section.key`, cannot be used: `what` says why.
    #[must_use]
    pub fn wrong(&self, key: &str, what: &str) -> ConfigError {
        self.file.wrong(key, what)
    }

    /// The directory file of a zone that runs by itself.
    ///
    /// # Errors
    ///
    /// When none is named.
    pub fn directory_file(&self) -> Result<&Path, ConfigError> {
        let missing = || {
            self.wrong(
                "directory",
                "is missing; right would be directory = \"directory.toml\", or a section [service]",
            )
        };
        self.directory.as_deref().ok_or_else(missing)
    }

    /// The certificate and key of the TLS listeners of a zone that runs by itself; none where it has no such listener.
    ///
    /// # Errors
    ///
    /// When none are named.
    pub fn tls_files(&self) -> Result<Option<&TlsFiles>, ConfigError> {
        if !self.listen.tls.is_empty() && self.tls.is_none() {
            let what = "has TLS addresses but there is no [tls] section; add one with certificate and key";
            return Err(self.wrong("listen", what));
        }
        Ok(self.tls.as_ref())
    }

    /// Rules that concern more than one key.
    fn check(&self) -> Result<(), ConfigError> {
        let listen = &self.listen;
        if listen.udp.is_empty() && listen.tcp.is_empty() && listen.tls.is_empty() {
            let what = "names no address; add for example tls = [\"0.0.0.0:5061\"]";
            return Err(self.wrong("listen", what));
        }
        if self.service.is_some() && self.directory.is_some() {
            let what = "stands beside [service]; the directory comes from one of them: leave out the other";
            return Err(self.wrong("directory", what));
        }
        self.check_families()
    }

    /// Media follows the family of the signalling, so a listener of a family without media would refuse every call.
    fn check_families(&self) -> Result<(), ConfigError> {
        let (listen, bind) = (&self.listen, &self.media.bind);
        let is_ipv4 = |address: IpAddr| address.to_canonical().is_ipv4();
        let has_media = |of: IpAddr| bind.is_empty() || bind.iter().any(|one| is_ipv4(*one) == is_ipv4(of));
        let listeners = [
            ("listen.udp", &listen.udp),
            ("listen.tcp", &listen.tcp),
            ("listen.tls", &listen.tls),
        ];
        let silent = listeners.into_iter().find_map(|(key, addresses)| {
            let address = addresses.iter().find(|address| !has_media(address.ip()))?;
            Some((key, address))
        });
        let Some((key, address)) = silent else {
            return Ok(());
        };
        let (family, any) = if is_ipv4(address.ip()) {
            ("IPv4", "0.0.0.0")
        } else {
            ("IPv6", "::")
        };
        let what = format!(
            "has no {family} address, but {key} has {address}, where no call could be heard; add for example \"{any}\""
        );
        Err(self.wrong("media.bind", &what))
    }

    fn resolve_paths(&mut self) {
        let tls = self
            .tls
            .iter_mut()
            .flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        let service = self
            .service
            .iter_mut()
            .flat_map(|service| [&mut service.identity, &mut service.copy]);
        let own = self.directory.iter_mut().chain([&mut self.control]);
        for path in tls.chain(service).chain(own) {
            *path = self.file.resolve(path);
        }
    }
}

fn default_copy() -> PathBuf {
    PathBuf::from("directory.sealed")
}

fn default_name() -> String {
    "zone".to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::toml_file::FILE_LENGTH_MAX;

    const GOOD: &str = "directory = \"directory.toml\"\ncontrol = \"control.sock\"\n\n[listen]\nudp = [\"127.0.0.1:5060\"]\n\
                        tls = [\"[::1]:5061\"]\n\n[tls]\ncertificate = \"zone.pem\"\nkey = \"/etc/oyez/zone.key\"\n\n\
                        [media]\nports = \"30000-30999\"\n";

    #[test]
    fn a_good_file_is_read_with_paths_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone.toml");
        fs::write(&path, GOOD).unwrap();
        let config = ZoneConfig::read(&path).unwrap();
        let tls = config.tls.unwrap();
        assert_eq!(tls.certificate, folder.path().join("zone.pem"));
        assert_eq!(tls.key, Path::new("/etc/oyez/zone.key"));
        assert_eq!(config.media.ports, PortRange::new(30_000, 30_999).unwrap());
    }

    #[test]
    fn each_fault_is_named_with_its_line_and_a_remedy() {
        let faults = [
            (
                GOOD.replace("udp", "upd"),
                5,
                "listen.upd: unknown field `upd`, expected one of",
            ),
            (
                GOOD.replace("127.0.0.1:5060", "localhost"),
                5,
                "listen.udp: invalid socket address syntax; right would be udp = [\"0.0.0.0:5060\"]",
            ),
            (
                GOOD.replace("[\"[::1]:5061\"]", "[\n  \"[::1]:5061\",\n  \"all\",\n]"),
                8,
                "listen.tls: invalid socket address syntax; right would be tls = [\"0.0.0.0:5061\"]",
            ),
            (
                GOOD.replace("\"directory.toml\"", "7"),
                1,
                "directory: invalid type: integer `7`, expected path string; right would be directory = \"directory.toml\"",
            ),
            (
                format!("{GOOD}[service]\nfeed = \"oyez.example.com\"\nidentity = \"zone-b.pem\"\n"),
                15,
                "service.feed: has no port; right would be feed = \"oyez.example.com:8445\"",
            ),
            (
                format!("{GOOD}[service]\nfeed = \"oyez.example.com:1\"\nidentity = \"zone-b.pem\"\n"),
                1,
                "directory: stands beside [service]; the directory comes from one of them",
            ),
            (
                GOOD.replace("key = \"/etc/oyez/zone.key\"", ""),
                8,
                "tls.key: is missing; right would be key = \"zone.key\"",
            ),
            (
                GOOD.replace("30000-30999", "30000"),
                13,
                "media.ports: `30000` is no range; right would be ports = \"20000-29999\"",
            ),
            (
                GOOD.replace("30000-30999", "30001-30008"),
                13,
                "media.ports: `30001-30008` holds fewer than 6 pairs of an even port and the next one; right would be",
            ),
            (
                format!("{GOOD}bind = \"0.0.0.0\"\n"),
                14,
                "media.bind: has no IPv6 address, but listen.tls has [::1]:5061, where no call could be heard; add for example \"::\"",
            ),
            (
                format!("{GOOD}bind = \"::\"\n"),
                14,
                "media.bind: has no IPv4 address, but listen.udp has 127.0.0.1:5060",
            ),
            (
                format!("{GOOD}bind = [\"192.0.2.1\", \"192.0.2.2\"]\n"),
                14,
                "media.bind: is neither one address nor one of each family; right would be bind = [\"0.0.0.0\", \"::\"]",
            ),
            (
                format!("{GOOD}plain = \"always\"\n"),
                14,
                "media.plain: unknown variant `always`, expected one of",
            ),
            (
                GOOD.replace("udp = [\"127.0.0.1:5060\"]", "")
                    .replace("tls = [\"[::1]:5061\"]", ""),
                4,
                "listen: names no address",
            ),
        ];
        for (text, line, words) in faults {
            is_told(&parse(&text).unwrap_err(), line, words);
        }
    }

    #[test]
    fn a_zone_by_itself_needs_a_directory_and_certificates_for_its_tls_addresses() {
        let without = parse(&GOOD.replace("directory = \"directory.toml\"\n", "")).unwrap();
        is_told(
            &without.directory_file().unwrap_err(),
            1,
            "directory: is missing; right would be directory = \"directory.toml\"",
        );
        let text = GOOD
            .replace("[tls]", "#")
            .replace("certificate", "#")
            .replace("key", "#");
        is_told(
            &parse(&text).unwrap().tls_files().unwrap_err(),
            4,
            "listen: has TLS addresses but there is no [tls] section",
        );
        let both = parse(GOOD).unwrap();
        assert_eq!(both.directory_file().unwrap(), Path::new("./directory.toml"));
        assert!(both.tls_files().unwrap().is_some());
    }

    fn parse(text: &str) -> Result<ZoneConfig, ConfigError> {
        ZoneConfig::parse(TomlFile::of_text(Path::new("zone.toml"), text))
    }

    fn is_told(error: &ConfigError, expected: usize, words: &str) {
        let said = error.to_string();
        let begin = format!("zone.toml:{expected}: {words}");
        assert!(said.starts_with(&begin), "{said} for {begin}");
    }

    #[test]
    fn media_is_bound_to_one_address_or_one_of_each_family() {
        let bound = |bind: &str| {
            let listeners: String = GOOD
                .lines()
                .filter(|line| !line.starts_with("udp") || bind.contains("192.0.2.1"))
                .filter(|line| !line.starts_with("tls =") || bind.contains("2001:db8::1"))
                .map(|line| format!("{line}\n"))
                .collect();
            parse(&format!("{listeners}bind = {bind}\n")).unwrap().media.bind
        };
        let (v4, v6): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        assert_eq!(bound("\"192.0.2.1\""), [v4]);
        assert_eq!(bound("[\"2001:db8::1\"]"), [v6]);
        assert_eq!(bound("[\"192.0.2.1\", \"2001:db8::1\"]"), [v4, v6]);
    }

    #[test]
    fn the_fewest_media_ports_are_six_pairs_and_there_are_five_thousand_by_default() {
        assert_eq!(MediaConfig::default().ports.pairs(), 5_000);
        for few in ["30000-30011", "30001-30013"] {
            let config = parse(&GOOD.replace("30000-30999", few)).unwrap();
            assert_eq!(config.media.ports.pairs(), PORT_PAIRS_MIN, "{few}");
        }
        for fewer in ["30000-30010", "30001-30012", "0-0", "30009-30000"] {
            assert!(parse(&GOOD.replace("30000-30999", fewer)).is_err(), "{fewer}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_told_so_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone.toml");
        fs::write(&path, b"directory = \"d\"\nname = \"S\xfcd\"\n").unwrap();
        let said = ZoneConfig::read(&path).unwrap_err().to_string();
        assert!(
            said.ends_with("zone.toml:2: is not UTF-8; save the file as UTF-8 text"),
            "{said}"
        );
    }

    #[test]
    fn what_proves_wrong_later_is_named_with_its_line_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone.toml");
        fs::write(&path, GOOD).unwrap();
        let config = ZoneConfig::read(&path).unwrap();
        let said = config.wrong("tls.key", "cannot be opened").to_string();
        assert!(
            said.ends_with("zone.toml:10: tls.key: cannot be opened"),
            "{said}"
        );
    }

    #[test]
    fn a_file_at_the_length_limit_is_read_and_one_byte_more_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone.toml");
        let fill = usize::try_from(FILE_LENGTH_MAX).unwrap() - GOOD.len();
        fs::write(&path, format!("{GOOD}{}", "#".repeat(fill))).unwrap();
        ZoneConfig::read(&path).unwrap();
        fs::write(&path, format!("{GOOD}{}", "#".repeat(fill + 1))).unwrap();
        assert!(matches!(
            ZoneConfig::read(&path),
            Err(ConfigError::Wrong { line: 1, .. })
        ));
    }
}
