//! What an installation consists of before anything runs: keys, certificate, directory.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use model::directory::{CredentialSecret, Directory, ExtensionRole, Snapshot};
use model::{AuthorizationId, Secret};
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::tls::{ClientTls, ClientTlsConfig, Identity, MinimumVersion, Trust};
use zone::DirectoryFile;

use crate::failure::Failure;
use crate::state::StateFolder;

/// Name of the private authority, as it stands in its certificate.
const AUTHORITY_NAME: &str = "Oyez private authority";
/// The user that `oyez page` and the first page speak as.
pub const ANNOUNCER: &str = "announcer";
/// The user for a phone of one's own.
pub const PHONE: &str = "desk";
/// The virtual loudspeakers: user and name.
pub const LOUDSPEAKERS: [(&str, &str); 2] = [("hall", "Hall"), ("corridor", "Corridor")];
/// The extension that pages all loudspeakers.
pub const ALL: &str = "700";

/// An installation that is ready to be started.
#[derive(Debug)]
pub struct Installation {
    /// The certificate of the zone.
    pub identity: Identity,
    /// The authority's certificate, as a file to be trusted by phones.
    pub authority_file: PathBuf,
    /// Trusts that authority and no other.
    pub tls: ClientTls,
    /// The directory file.
    pub directory: PathBuf,
    /// What it says.
    pub snapshot: Snapshot,
    /// Addresses the zone is reached at, loopback ones last.
    pub addresses: Vec<IpAddr>,
}

impl Installation {
    /// Makes what is missing in the state folder and reads the rest. `addresses` are those of the network at which the
    /// zone is reached; the loopback ones are added.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used, or the directory in it is wrong.
    pub fn prepare(state: &StateFolder, addresses: &[IpAddr]) -> Result<Self, Failure> {
        state.prepare()?;
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let addresses = [addresses, &loopback].concat();
        let now = SystemTime::now();
        let authority = AuthorityDirectory::open(&state.authority(), AUTHORITY_NAME, now)
            .map_err(|error| anyhow!(error).context("the private certificate authority cannot be used"))?;
        let subjects: Vec<Subject> = addresses
            .iter()
            .map(|address| Subject::Address(*address))
            .chain([Subject::Name("localhost".to_owned())])
            .collect();
        let identity = authority
            .identity("zone", &subjects, Purpose::Server, now)
            .map_err(|error| anyhow!(error).context("the zone's certificate cannot be made"))?;
        let trust = Trust::Authorities(vec![authority.authority().certificate().clone()]);
        let tls = ClientTls::new(ClientTlsConfig {
            trust,
            minimum: MinimumVersion::Tls12,
            identity: None,
            ..ClientTlsConfig::default()
        })
        .map_err(|error| anyhow!(error))?;
        if !state.directory().exists() {
            write_private(&state.directory(), &first_directory()?)?;
        }
        let snapshot = DirectoryFile::new(&state.directory())
            .read()
            .map_err(|error| Failure::BadConfiguration(anyhow!(error)))?;
        Ok(Self {
            identity,
            authority_file: authority.certificate_file(),
            tls,
            directory: state.directory(),
            snapshot,
            addresses,
        })
    }

    /// Authorization id and password of a user of the directory.
    ///
    /// # Errors
    ///
    /// When the directory does not have the user, or only a hash of its password.
    pub fn credentials(&self, user: &str) -> Result<(AuthorizationId, Secret), Failure> {
        credentials(&self.directory, &self.snapshot, user)
    }

    /// Checks that the directory has everything that `oyez up` uses: its users and its page group.
    ///
    /// # Errors
    ///
    /// Names the file, what is missing in it, and what to do.
    pub fn check_for_up(&self) -> Result<(), Failure> {
        let loudspeakers = LOUDSPEAKERS.map(|(user, _)| user);
        for user in loudspeakers.iter().chain(&[PHONE, ANNOUNCER]) {
            self.credentials(user)?;
        }
        let group = self
            .snapshot
            .extensions
            .iter()
            .find(|record| record.extension.as_str() == ALL);
        let members = match group.map(|group| &group.role) {
            Some(ExtensionRole::PageGroup { members, .. }) => members,
            Some(_) | None => return Err(unfit(&self.directory, &format!("has no page group `{ALL}`"))),
        };
        for user in loudspeakers {
            if !members.iter().any(|member| member.as_str() == user) {
                let what = format!("does not name `{user}` among the members of the page group `{ALL}`");
                return Err(unfit(&self.directory, &what));
            }
        }
        Ok(())
    }
}

/// Authorization id and password of a user of `snapshot`, which was read from `file`.
///
/// # Errors
///
/// When it does not have the user, or only a hash of its password.
pub fn credentials(
    file: &Path,
    snapshot: &Snapshot,
    user: &str,
) -> Result<(AuthorizationId, Secret), Failure> {
    let found = snapshot
        .credentials
        .iter()
        .find(|credential| credential.user.as_str() == user);
    match found.map(|credential| (&credential.authorization_id, &credential.secret)) {
        Some((id, CredentialSecret::Password(password))) => Ok((id.clone(), password.clone())),
        Some((_, CredentialSecret::Ha1(_))) => Err(unfit(
            file,
            &format!("has only a hash of the password of the user `{user}`"),
        )),
        None => Err(unfit(file, &format!("has no user `{user}`"))),
    }
}

fn unfit(directory: &Path, what: &str) -> Failure {
    Failure::BadConfiguration(anyhow!(
        "{}: {what}, which this command needs; add it, or move the file away so that `oyez up` makes it anew",
        directory.display()
    ))
}

/// Checks a snapshot as a zone would.
///
/// # Errors
///
/// When a zone would refuse it.
pub fn check(snapshot: &Snapshot) -> Result<(), Failure> {
    let mut directory = Directory::new(snapshot.account.clone());
    directory
        .apply(model::directory::Update::Snapshot(snapshot.clone()))
        .map(|_| ())
        .map_err(|error| Failure::BadConfiguration(anyhow!(error)))
}

/// The directory of a first start: two loudspeakers, a phone, an announcer, one page group.
fn first_directory() -> Result<String> {
    let mut text = String::from(
        "# Who exists, what can be dialled, and who may dial it. A running zone takes changes of this file within seconds.\n\
         # The passwords were made for this installation alone.\n\n\
         account = \"oyez\"\ndomain = \"oyez.internal\"\n",
    );
    for (user, name) in LOUDSPEAKERS {
        write!(
            text,
            "\n[[device]]\nuser = \"{user}\"\nname = \"{name}\"\npassword = \"{}\"\nkind = \"page\"\n",
            password()?
        )?;
    }
    // Many phones know no digest but MD5.
    write!(
        text,
        "\n# A phone of your own.\n[[phone]]\nuser = \"{PHONE}\"\nname = \"Desk phone\"\npassword = \"{}\"\n\
         algorithm = \"md5\"\nextension = \"200\"\n",
        password()?
    )?;
    write!(
        text,
        "\n# Speaks what `oyez page` is given.\n[[phone]]\nuser = \"{ANNOUNCER}\"\nname = \"Announcer\"\npassword = \"{}\"\n\
         extension = \"201\"\n",
        password()?
    )?;
    let members: Vec<String> = LOUDSPEAKERS
        .iter()
        .map(|(user, _)| format!("\"{user}\""))
        .collect();
    write!(
        text,
        "\n[[page-group]]\nextension = \"{ALL}\"\nname = \"Everywhere\"\nmembers = [{}]\n\n\
         [[permission]]\nwho = [\"{PHONE}\", \"{ANNOUNCER}\"]\nmay = [\"call\", \"page\"]\nwhat = \"*\"\n",
        members.join(", ")
    )?;
    Ok(text)
}

fn password() -> Result<String> {
    web::drawn_password().map_err(|error| anyhow!("the system gives no random numbers: {error}"))
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_start_makes_a_directory_that_a_zone_takes() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::choose(Some(folder.path())).unwrap();
        let installation = Installation::prepare(&state, &[]).unwrap();
        check(&installation.snapshot).unwrap();
        for user in [ANNOUNCER, PHONE, "hall", "corridor"] {
            assert!(
                installation.credentials(user).unwrap().1.reveal().len() >= 26,
                "{user}"
            );
        }
    }

    #[test]
    fn a_second_start_keeps_keys_and_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::choose(Some(folder.path())).unwrap();
        let first = Installation::prepare(&state, &[]).unwrap();
        let second = Installation::prepare(&state, &[]).unwrap();
        assert_eq!(first.snapshot.credentials, second.snapshot.credentials);
        assert_eq!(first.identity.chain(), second.identity.chain());
    }

    #[test]
    fn a_directory_without_what_up_uses_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::choose(Some(folder.path())).unwrap();
        Installation::prepare(&state, &[])
            .unwrap()
            .check_for_up()
            .unwrap();
        let whole = fs::read_to_string(state.directory()).unwrap();
        for (from, to, words) in [
            ("\"hall\"", "\"hall2\"", "has no user `hall`"),
            ("\"corridor\"", "\"passage\"", "has no user `corridor`"),
            ("\"desk\"", "\"table\"", "has no user `desk`"),
            ("\"announcer\"", "\"speaker\"", "has no user `announcer`"),
            ("\"700\"", "\"701\"", "has no page group `700`"),
            ("[\"hall\", ", "[", "does not name `hall`"),
        ] {
            fs::write(state.directory(), whole.replace(from, to)).unwrap();
            let failure = Installation::prepare(&state, &[])
                .unwrap()
                .check_for_up()
                .unwrap_err();
            assert!(matches!(failure, Failure::BadConfiguration(_)), "{failure}");
            let said = failure.to_string();
            assert!(
                said.contains("directory.toml: ") && said.contains(words) && said.contains("move the file"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_wrong_directory_is_bad_configuration_and_names_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::choose(Some(folder.path())).unwrap();
        fs::write(state.directory(), "account = \"oyez\"\ndomian = \"x\"\n").unwrap();
        let failure = Installation::prepare(&state, &[]).unwrap_err();
        assert!(matches!(failure, Failure::BadConfiguration(_)), "{failure}");
        assert!(failure.to_string().contains("directory.toml:2"), "{failure}");
    }
}
