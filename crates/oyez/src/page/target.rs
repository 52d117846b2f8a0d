//! Where a page goes, as whom, and who tells what became of it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use endpoint::CallerPin;
use endpoint::profile::{Account, TargetProfile};
use model::config::HostPort;
use model::directory::{PIN_DIGITS, is_pin};
use model::status::TargetRole;
use model::{AuthorizationId, Secret, SipUser};
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_file};
use serde::{Deserialize, Serialize};
use sip::flow::Transport;

use crate::cli::ZoneOptions;
use crate::failure::Failure;
use crate::state::StateFolder;
use crate::up::example::ANNOUNCER;
use crate::up::installation::{credentials, directory};
use crate::up::stage::target;

/// Environment variable with the talker's password.
pub const PASSWORD: &str = "OYEZ_PASSWORD";

/// Environment variable with the PIN of a page group.
pub const PIN: &str = "OYEZ_PIN";

/// Where a page goes, as whom, and who tells what became of it.
pub struct Target {
    /// The domain of talker and extension.
    pub domain: String,
    /// The zone's TLS listener.
    pub server: TargetProfile,
    /// Whom to trust.
    pub tls: ClientTls,
    /// The talker.
    pub account: Account,
    /// Where the talker's sockets are bound.
    pub bind: SocketAddr,
    /// The zone's control socket, which tells who heard the page.
    pub control: Option<PathBuf>,
}

impl Target {
    /// The zone of a running `oyez up`, as its announcer.
    ///
    /// # Errors
    ///
    /// When no zone has run with the folder, or its directory has no announcer.
    pub async fn of_installation(state: &StateFolder) -> Result<Self, Failure> {
        let reach = Reach::read(state)?;
        let snapshot = directory(state).await?;
        let (authorization_id, password) = credentials(&snapshot, ANNOUNCER)?;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Ok(Self {
            domain: snapshot.domain,
            server: target(SocketAddr::new(loopback, reach.tls_port)),
            tls: trusting(Some(&reach.authority))?,
            account: Account {
                user: ANNOUNCER.parse().context("the announcer's name is a SIP user")?,
                authorization_id,
                password: Some(password),
                answers_md5: true,
                display_name: "Announcer".to_owned(),
            },
            bind: SocketAddr::new(loopback, 0),
            control: Some(state.zone_control()),
        })
    }

    /// Any zone, as the options say.
    ///
    /// # Errors
    ///
    /// Names the option that is wrong, and what would be right.
    pub fn of_zone(options: &ZoneOptions, server: &HostPort) -> Result<Self, Failure> {
        let named = options.user.as_deref().unwrap_or_default();
        let (user, domain) = named.split_once('@').unwrap_or((named, &server.host));
        let user: SipUser = user
            .parse()
            .with_context(|| format!("--user: `{user}` is no SIP user"))?;
        let authorization_id = authorization_id(options.authorization_id.as_deref(), &user)?;
        let bind = match server.host.parse() {
            Ok(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            Ok(IpAddr::V4(_)) | Err(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        Ok(Self {
            domain: domain.to_owned(),
            server: TargetProfile {
                role: TargetRole::Primary,
                host: server.host.clone(),
                port: server.port,
                transport: Some(Transport::Tls),
                is_outbound_proxy: true,
            },
            tls: trusting(options.ca.as_deref())?,
            account: Account {
                user,
                authorization_id,
                password: Some(password(options.password_file.as_deref())?),
                answers_md5: true,
                display_name: "Oyez".to_owned(),
            },
            bind: SocketAddr::new(bind, 0),
            control: options.control.clone(),
        })
    }
}

/// The digest user name: the one that was given, else the user's own.
fn authorization_id(given: Option<&str>, user: &SipUser) -> anyhow::Result<AuthorizationId> {
    let (option, text) = given.map_or(("--user", user.as_str()), |given| ("--authorization-id", given));
    text.parse()
        .with_context(|| format!("{option}: `{text}` cannot be an authorization id"))
}

/// Trusts the authorities of a file, or the system's.
fn trusting(authorities: Option<&Path>) -> Result<ClientTls, Failure> {
    let trust = match authorities {
        Some(file) => Trust::Authorities(
            certificates_from_file(file).map_err(|error| Failure::BadConfiguration(anyhow!(error)))?,
        ),
        None => Trust::Platform,
    };
    let config = ClientTlsConfig {
        trust,
        minimum: MinimumVersion::Tls12,
        identity: None,
        ..ClientTlsConfig::default()
    };
    ClientTls::new(config).map_err(|error| Failure::Failed(anyhow!(error)))
}

/// The password, from the first line of a file or from the environment: an argument would be seen by all users of the
/// machine.
fn password(file: Option<&Path>) -> Result<Secret, Failure> {
    let Some(file) = file else {
        return std::env::var(PASSWORD).map(Secret::new).map_err(|_| {
            Failure::BadConfiguration(anyhow!(
                "there is no password; set {PASSWORD}, or name a file with --password-file"
            ))
        });
    };
    first_line("--password-file", file)
}

/// The PIN, from the first line of a file or from the environment; none where neither gives one. It is keyed in so many seconds `after` the
/// answer where nobody asks for it.
///
/// # Errors
///
/// When the file cannot be read, what is given is no PIN, or there is none and it is to be keyed in.
pub fn pin(file: Option<&Path>, after: Option<u64>) -> Result<Option<CallerPin>, Failure> {
    let (source, digits) = match file {
        Some(file) => ("--pin-file", first_line("--pin-file", file)?),
        None => match std::env::var(PIN) {
            Ok(pin) => (PIN, Secret::new(pin)),
            Err(_) if after.is_some() => {
                return Err(Failure::BadConfiguration(anyhow!(
                    "--pin-after: there is no PIN; set {PIN}, or name a file with --pin-file"
                )));
            }
            Err(_) => return Ok(None),
        },
    };
    if !is_pin(digits.reveal()) {
        return Err(Failure::BadConfiguration(anyhow!(
            "{source}: not a PIN; {} to {} digits would be right",
            PIN_DIGITS.start(),
            PIN_DIGITS.end()
        )));
    }
    Ok(Some(CallerPin {
        digits,
        unasked_after: after.map(Duration::from_secs),
    }))
}

fn first_line(option: &str, file: &Path) -> Result<Secret, Failure> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("{option}: cannot read {}", file.display()))
        .map_err(Failure::BadConfiguration)?;
    Ok(Secret::from(text.lines().next().unwrap_or_default()))
}

/// How a running zone is reached from the same machine; kept in the state folder while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Port of the TLS listener on loopback.
    pub tls_port: u16,
    /// The certificate of the authority that has issued the zone's.
    pub authority: PathBuf,
}

impl Reach {
    /// Writes it for `oyez page`.
    ///
    /// # Errors
    ///
    /// When the state folder cannot be written.
    pub fn write(&self, state: &StateFolder) -> Result<()> {
        let path = state.talker();
        let text = serde_json::to_string(self).context("a port is JSON")?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn read(state: &StateFolder) -> Result<Self> {
        let path = state.talker();
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "no zone of `oyez up` has run with the state folder of {}; start one, or name a zone with --server",
                path.display()
            )
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; start the zone again", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Options with a password file in `folder`.
    fn options(folder: &Path, user: &str) -> ZoneOptions {
        let file = folder.join("password");
        fs::write(&file, "secret\n").unwrap();
        ZoneOptions {
            server: None,
            user: Some(user.to_owned()),
            authorization_id: None,
            ca: None,
            password_file: Some(file),
            control: None,
        }
    }

    #[test]
    fn the_domain_is_the_users_or_the_servers() {
        let folder = tempfile::tempdir().unwrap();
        let server: HostPort = "pbx.example.net:5061".parse().unwrap();
        for (named, domain) in [
            ("desk", "pbx.example.net"),
            ("desk@campus.example", "campus.example"),
        ] {
            let target = Target::of_zone(&options(folder.path(), named), &server).unwrap();
            assert_eq!(
                (target.account.user.as_str(), target.domain.as_str()),
                ("desk", domain)
            );
            assert_eq!(target.account.password.unwrap().reveal(), "secret");
            assert_eq!(target.server.transport, Some(Transport::Tls));
        }
    }

    #[test]
    fn a_pin_is_the_first_line_of_its_file_and_anything_else_is_refused_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pin");
        fs::write(&file, "4711\n").unwrap();
        for after in [None, Some(5)] {
            let right = CallerPin {
                digits: Secret::from("4711"),
                unasked_after: after.map(Duration::from_secs),
            };
            assert_eq!(pin(Some(&file), after).unwrap(), Some(right));
        }
        for wrong in ["471x", "471", "12345678901234567"] {
            fs::write(&file, wrong).unwrap();
            let failure = pin(Some(&file), None).unwrap_err().to_string();
            assert!(
                failure.contains("--pin-file") && failure.contains("4 to 16 digits"),
                "{failure}"
            );
            assert!(!failure.contains(wrong));
        }
        let failure = pin(None, Some(5)).unwrap_err().to_string();
        assert!(failure.contains("--pin-after: there is no PIN"), "{failure}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_option() {
        let folder = tempfile::tempdir().unwrap();
        let server: HostPort = "pbx.example.net".parse().unwrap();
        let unreadable = ZoneOptions {
            password_file: Some("no-such-password".into()),
            ..options(folder.path(), "desk")
        };
        let foreign = ZoneOptions {
            ca: Some("no-such.pem".into()),
            ..options(folder.path(), "desk")
        };
        let nameless = ZoneOptions {
            authorization_id: Some(String::new()),
            ..options(folder.path(), "desk")
        };
        for (options, words) in [
            (options(folder.path(), "d k"), "--user"),
            (nameless, "--authorization-id"),
            (unreadable, "no-such-password"),
            (foreign, "no-such.pem"),
        ] {
            let failure = Target::of_zone(&options, &server).err().unwrap();
            assert!(failure.to_string().contains(words), "{failure}");
        }
    }
}
