//! What an installation consists of before anything runs: the configuration of its service and zone, and a store with an account.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use model::directory::{CredentialSecret, ExtensionRole, Snapshot};
use model::{AccountId, AuthorizationId, Secret};
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_file};
use store::Store;
use zone::config::ZoneConfig;

use super::example::{ALL, ANNOUNCER, Example, PHONE};
use super::listening::Listening;
use crate::failure::Failure;
use crate::service::account;
use crate::service::certificates::Certificates;
use crate::service::config::ServiceConfig;
use crate::state::StateFolder;

/// The account.
const ACCOUNT: &str = "oyez";

/// An installation that is ready to be started.
#[derive(Debug)]
pub struct Installation {
    /// What its service is told.
    pub service: ServiceConfig,
    /// What its zone is told.
    pub zone: ZoneConfig,
    /// The authority's certificate, as a file to be trusted by browsers and phones.
    pub authority_file: PathBuf,
    /// Trusts that authority and no other.
    pub tls: ClientTls,
    /// The directory as it was when this was prepared.
    pub snapshot: Snapshot,
    /// Addresses the zone is reached at, loopback ones last.
    pub addresses: Vec<IpAddr>,
}

impl Installation {
    /// Writes `service.toml` and `zone.toml` of the state folder anew, makes the authority and the account with the example where they
    /// are missing, and reads the rest.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used.
    pub async fn prepare(
        state: &StateFolder,
        listening: &Listening,
        example: &Example,
    ) -> Result<Self, Failure> {
        state.prepare()?;
        if state.directory().exists() {
            tracing::warn!(
                "{} is not used: who exists stands in the portal; `oyez zone` takes such a file",
                state.directory().display()
            );
        }
        let addresses = listening.all_addresses()?;
        let (service_file, zone_file) = (state.service_config(), state.zone_config());
        write(&service_file, &service_toml(listening, &addresses))?;
        write(&zone_file, &zone_toml(listening, &addresses))?;
        let service = ServiceConfig::read(&service_file)?;
        let authority_file = Certificates::open(state)?.authority_file();
        let snapshot = account_with_example(state, &service, example).await?;
        Ok(Self {
            zone: ZoneConfig::read(&zone_file)?,
            service,
            tls: trusting(&authority_file)?,
            authority_file,
            snapshot,
            addresses,
        })
    }

    /// Authorization id and password of a user of the directory.
    ///
    /// # Errors
    ///
    /// When the directory does not have the user.
    pub fn credentials(&self, user: &str) -> Result<(AuthorizationId, Secret), Failure> {
        credentials(&self.snapshot, user)
    }

    /// Whether what the trial page needs is still there: somebody may have taken it away in the portal.
    #[must_use]
    pub fn has_example(&self, example: &Example) -> bool {
        let users = example.loudspeakers.iter().map(|(user, _)| *user);
        let all_there = users
            .chain([PHONE, ANNOUNCER])
            .all(|user| self.credentials(user).is_ok());
        let mut extensions = self.snapshot.extensions.iter();
        let group = extensions.find(|record| record.extension.as_str() == ALL);
        let members = match group.map(|group| &group.role) {
            Some(ExtensionRole::PageGroup { members, .. }) => members.as_slice(),
            Some(_) | None => &[],
        };
        let is_member = |user: &str| members.iter().any(|member| member.as_str() == user);
        all_there && example.loudspeakers.iter().all(|(user, _)| is_member(user))
    }
}

/// Authorization id and password of a user of `snapshot`.
///
/// # Errors
///
/// When it does not have the user.
pub fn credentials(snapshot: &Snapshot, user: &str) -> Result<(AuthorizationId, Secret), Failure> {
    let found = snapshot
        .credentials
        .iter()
        .find(|credential| credential.user.as_str() == user);
    match found.map(|credential| (&credential.authorization_id, &credential.secret)) {
        Some((id, CredentialSecret::Password(password))) => Ok((id.clone(), password.clone())),
        Some((_, CredentialSecret::Ha1(_))) | None => Err(Failure::Failed(anyhow!(
            "the portal has no user `{user}` any more, which this command needs; name another zone and user, or a fresh folder with \
             --state"
        ))),
    }
}

/// The directory of the account in a state folder.
///
/// # Errors
///
/// When there is none.
pub async fn directory(state: &StateFolder) -> Result<Snapshot, Failure> {
    let store = open_store(state).await?;
    read_directory(&store).await
}

async fn open_store(state: &StateFolder) -> Result<Store, Failure> {
    Ok(Store::open(state.root()).await.map_err(|error| anyhow!(error))?)
}

async fn read_directory(store: &Store) -> Result<Snapshot, Failure> {
    let mut reading = store.read().await.map_err(|error| anyhow!(error))?;
    let account: AccountId = ACCOUNT.parse().context("the account's name is an id")?;
    let directory = reading.account(&account).directory().await;
    let directory = directory.map_err(|error| anyhow!(error))?;
    Ok(directory.context("the state folder has no account of `oyez up`; name another one with --state")?)
}

/// Makes the account with everything of the example at once, where there is no account.
async fn account_with_example(
    state: &StateFolder,
    config: &ServiceConfig,
    example: &Example,
) -> Result<Snapshot, Failure> {
    let store = open_store(state).await?;
    let mut writing = store.write().await.map_err(|error| anyhow!(error))?;
    let known = writing.accounts().await.map_err(|error| anyhow!(error))?;
    if known.is_empty() {
        let made = account::make(&mut writing, config).await?;
        example.put(&mut writing.account(&made.id)).await?;
        writing.commit().await.map_err(|error| anyhow!(error))?;
    } else {
        drop(writing);
    }
    read_directory(&store).await
}

fn trusting(authority: &Path) -> Result<ClientTls> {
    let trust = Trust::Authorities(certificates_from_file(authority)?);
    let config = ClientTlsConfig {
        trust,
        minimum: MinimumVersion::Tls12,
        identity: None,
        ..ClientTlsConfig::default()
    };
    ClientTls::new(config).map_err(|error| anyhow!(error))
}

/// The address that devices and people are given: the first of the network, for others are to reach it too.
fn given_address(addresses: &[IpAddr]) -> String {
    let address = addresses.first().copied();
    bracketed(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
}

/// As it stands in an address with a port.
fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn service_toml(listening: &Listening, addresses: &[IpAddr]) -> String {
    let (portal, provisioning) = listening.web();
    let address = given_address(addresses);
    format!(
        "# Written by `oyez up` at each start. A copy of this folder runs without it: oyez service --config service.toml\n\
         state = \".\"\n\n\
         [portal]\nlisten = \"{portal}\"\naddress = \"{address}\"\n\n\
         [provisioning]\nlisten = \"{provisioning}\"\naddress = \"{address}\"\n\n\
         [account]\nid = \"{ACCOUNT}\"\nname = \"Oyez\"\ndomain = \"oyez.internal\"\nowner = \"owner@oyez.internal\"\n\n\
         [zone]\nconfig = \"zone.toml\"\noutbound-proxy = \"{address}\"\n"
    )
}

fn zone_toml(listening: &Listening, addresses: &[IpAddr]) -> String {
    let sip = listening.sip();
    let names: Vec<String> = addresses
        .iter()
        .map(ToString::to_string)
        .chain(["localhost".to_owned()])
        .map(|name| format!("\"{name}\""))
        .collect();
    let (clear, tls, bind) = (sip.clear, sip.tls, sip.media_bind);
    format!(
        "# Written by `oyez up` at each start.\nname = \"oyez\"\ncontrol = \"zone.sock\"\n\n\
         [listen]\nudp = [\"{clear}\"]\ntcp = [\"{clear}\"]\ntls = [\"{tls}\"]\nnames = [{}]\n\n\
         [media]\nports = \"{}-{}\"\nbind = [\"{bind}\"]\nplain = \"over-clear-flows\"\n",
        names.join(", "),
        sip.media_ports.0,
        sip.media_ports.1
    )
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::example::EXAMPLE;
    use super::*;

    const LOOPBACK: Listening = Listening::FreePorts(IpAddr::V4(Ipv4Addr::LOCALHOST));

    async fn prepared(folder: &Path) -> Installation {
        let state = StateFolder::choose(Some(folder)).unwrap();
        Installation::prepare(&state, &LOOPBACK, &EXAMPLE).await.unwrap()
    }

    #[tokio::test]
    async fn a_first_start_makes_everything_that_is_paged_and_pages() {
        let folder = tempfile::tempdir().unwrap();
        let installation = prepared(folder.path()).await;
        assert!(installation.has_example(&EXAMPLE));
        for user in [ANNOUNCER, PHONE, "hall", "corridor"] {
            assert!(
                installation.credentials(user).unwrap().1.reveal().len() >= 26,
                "{user}"
            );
        }
    }

    #[tokio::test]
    async fn a_second_start_keeps_passwords_and_does_not_bring_back_what_was_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let first = prepared(folder.path()).await;
        let state = StateFolder::choose(Some(folder.path())).unwrap();
        let store = open_store(&state).await.unwrap();
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&first.snapshot.account);
        let lines = scope.lines().await.unwrap();
        let hall = lines.iter().find(|line| line.user.as_str() == "hall").unwrap();
        scope.remove_line(&hall.id).await.unwrap();
        writing.commit().await.unwrap();
        drop(store);

        let second = prepared(folder.path()).await;

        assert!(!second.has_example(&EXAMPLE));
        assert_eq!(
            first.credentials(PHONE).unwrap(),
            second.credentials(PHONE).unwrap()
        );
        let said = second.credentials("hall").unwrap_err().to_string();
        assert!(said.contains("no user `hall`"), "{said}");
    }
}
