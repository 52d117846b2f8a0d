//! The configuration file of a zone: one TOML file, read and checked before anything is bound.

use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use thiserror::Error;

/// Largest configuration file, in bytes; a real one has a few hundred.
pub const FILE_LENGTH_MAX: u64 = 64 * 1024;
/// Fewest media ports that make sense: one call has two legs of two ports each.
pub const MEDIA_PORTS_MIN: u16 = 4;

/// Everything a zone needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// Name of the zone, for its status.
    #[serde(default = "default_name")]
    pub name: String,
    /// Where SIP is listened for.
    pub listen: Listen,
    /// Certificate and key of the TLS listeners.
    pub tls: Option<TlsFiles>,
    /// Addresses and ports of media.
    #[serde(default)]
    pub media: MediaConfig,
    /// The directory file: who exists, who may page whom.
    pub directory: PathBuf,
    /// The control socket that `oyez status` and `oyez page` speak to.
    pub control: PathBuf,
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

/// Where media sockets are opened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// The range of UDP ports, written `first-last`.
    pub ports: MediaPorts,
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
            ports: MediaPorts(20_000..=29_999),
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
        return Err(D::Error::custom(
            "media.bind names one address, or one of each family: [\"192.0.2.1\", \"2001:db8::1\"]",
        ));
    }
    Ok(addresses)
}

/// An inclusive range of UDP ports for media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPorts(pub RangeInclusive<u16>);

impl<'de> Deserialize<'de> for MediaPorts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            D::Error::custom(format!(
                "media ports `{text}` are no range; write them as \"20000-29999\""
            ))
        };
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let first: u16 = first.trim().parse().map_err(|_| wrong())?;
        let last: u16 = last.trim().parse().map_err(|_| wrong())?;
        if first == 0 || last < first || last - first + 1 < MEDIA_PORTS_MIN {
            return Err(D::Error::custom(format!(
                "media ports `{text}` hold fewer than {MEDIA_PORTS_MIN} ports; write them as \"20000-29999\""
            )));
        }
        Ok(Self(first..=last))
    }
}

/// Why a configuration file cannot be used: one sentence with place and remedy.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read ({source}); name an existing file with --config", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what a configuration file may be.
    #[error("{}:{line}: {what}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
}

impl ZoneConfig {
    /// Reads and checks `path`; relative paths inside are taken from the file's folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is too long, or says something that cannot be: the line is named.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_LENGTH_MAX {
            let what = format!("has {length} bytes; a configuration file has at most {FILE_LENGTH_MAX}");
            return Err(ConfigError::Wrong {
                path: path.to_owned(),
                line: 1,
                what,
            });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let mut config = Self::parse(&text).map_err(|WrongLine { line, what }| ConfigError::Wrong {
            path: path.to_owned(),
            line,
            what,
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.resolve_paths(folder);
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self, WrongLine> {
        let config: Self = toml::from_str(text).map_err(|error| WrongLine {
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            what: error.message().replace('\n', "; "),
        })?;
        config.check(text)?;
        Ok(config)
    }

    /// Rules that concern more than one key.
    fn check(&self, text: &str) -> Result<(), WrongLine> {
        let listen = &self.listen;
        if listen.udp.is_empty() && listen.tcp.is_empty() && listen.tls.is_empty() {
            return Err(WrongLine::at_section(
                text,
                "listen",
                "names no address; add for example tls = [\"0.0.0.0:5061\"]",
            ));
        }
        if !listen.tls.is_empty() && self.tls.is_none() {
            let what = "has TLS addresses but there is no [tls] section; add one with certificate and key";
            return Err(WrongLine::at_section(text, "listen", what));
        }
        Ok(())
    }

    fn resolve_paths(&mut self, folder: &Path) {
        let tls = self
            .tls
            .iter_mut()
            .flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        for path in tls.chain([&mut self.directory, &mut self.control]) {
            *path = folder.join(&*path);
        }
    }
}

#[derive(Debug)]
struct WrongLine {
    line: usize,
    what: String,
}

impl WrongLine {
    fn at_section(text: &str, section: &str, what: &str) -> Self {
        let header = format!("[{section}]");
        let line = text
            .lines()
            .position(|line| line.trim() == header)
            .map_or(1, |index| index + 1);
        Self {
            line,
            what: format!("{section}: {what}"),
        }
    }
}

impl fmt::Display for WrongLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

fn default_name() -> String {
    "zone".to_owned()
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(config.media.ports, MediaPorts(30_000..=30_999));
    }

    #[test]
    fn each_fault_is_named_with_its_line_and_a_remedy() {
        let faults = [
            (GOOD.replace("udp", "upd"), 5, "unknown field `upd`"),
            (
                GOOD.replace("127.0.0.1:5060", "localhost"),
                5,
                "invalid socket address",
            ),
            (GOOD.replace("30000-30999", "30000"), 13, "20000-29999"),
            (GOOD.replace("30000-30999", "30000-30002"), 13, "fewer than 4"),
            (
                GOOD.replace("[tls]", "#")
                    .replace("certificate", "#")
                    .replace("key", "#"),
                4,
                "no [tls] section",
            ),
            (
                GOOD.replace("udp = [\"127.0.0.1:5060\"]", "")
                    .replace("tls = [\"[::1]:5061\"]", ""),
                4,
                "names no address",
            ),
        ];
        for (text, line, words) in faults {
            let found = ZoneConfig::parse(&text).unwrap_err();
            assert!(
                found.line == line && found.what.contains(words),
                "{found} for {words}"
            );
        }
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
