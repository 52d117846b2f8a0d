//! A service whose database is not there: its zone goes on with its copy of the directory, the portal's port says what has happened, and
//! the database is tried until it is back and the rest of the service is there.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use portal::pages::{self, NotReady};
use store::{OpenError, StoreError};
use tokio::sync::watch;

use super::Rest;
use super::feed::DirectoryReader;
use super::foundation::{Emptied, Foundation};
use super::front::Front;
use super::own_zone::{self, OwnZone};
use crate::console;
use crate::failure::Failure;
use crate::zone_command;

/// How often the database is tried.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// What runs without a database.
pub(super) struct Standby {
    pub(super) zone: OwnZone,
    pub(super) front: Front,
    /// What the portal's port says.
    said: watch::Sender<NotReady>,
}

impl Standby {
    /// Starts the zone from its copy. None where there is no zone or no copy: then there is nothing that could go on.
    ///
    /// # Errors
    ///
    /// Names what cannot be had.
    pub(super) async fn start(
        foundation: &mut Foundation<'_>,
        why: &Failure,
    ) -> Result<Option<Self>, Failure> {
        let Some(zone_config) = foundation.zone_config else {
            return Ok(None);
        };
        let held = foundation.copy.as_ref().and_then(|copy| copy.read());
        // Its snapshot was looked at when it was read.
        let Some(snapshot) = held.and_then(|held| held.records().snapshot().ok()) else {
            return Ok(None);
        };
        if snapshot.account != foundation.config.account.id {
            return Ok(None);
        }
        let tls = own_zone::tls(
            foundation.config,
            zone_config,
            &snapshot.domain,
            &mut foundation.certificates,
        )?;
        let zone = OwnZone::start(
            zone_config,
            tls,
            Arc::new(snapshot),
            &foundation.registrations,
            foundation.reader.clone(),
        )
        .await?;
        let (said, why_not) = watch::channel(cause_of(why));
        let front = foundation.front(pages::not_ready(why_not)).await?;
        zone_command::say_where(&zone.zone);
        let portal = foundation.config.portal.url(front.address());
        console::say(&format!(
            "there is no database: {why}. The zone serves calls with its copy of the directory; {portal} says so"
        ));
        Ok(Some(Self { zone, front, said }))
    }

    /// Starts the rest of the service around what runs, as soon as there is a database and all else. Why there is not is told of once,
    /// until it is for another reason: whatever it is, what runs goes on.
    pub(super) async fn rest(&self, foundation: &mut Foundation<'_>) -> Rest {
        let mut told = String::new();
        loop {
            match self.try_rest(foundation).await {
                Ok(rest) => {
                    tracing::info!("the database is back");
                    return rest;
                }
                Err(failure) => {
                    self.said.send_replace(cause_of(&failure));
                    let why = failure.to_string();
                    if why != told {
                        tracing::error!(%why, "the service is not whole; the zone goes on, and the database and the rest are tried again");
                        told = why;
                    }
                }
            }
            // The authority needs no database, and the zone may go on for months.
            foundation.certificates.look(Instant::now(), SystemTime::now());
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    async fn try_rest(&self, foundation: &mut Foundation<'_>) -> Result<Rest, Failure> {
        let (store, opened) = foundation.database().await?;
        let reader = DirectoryReader::new(Arc::clone(&store), opened.account.id.clone());
        let (reader, zone) = (Arc::new(reader), Some(&self.zone));
        Rest::build(foundation, (store, opened), reader, zone, &self.front).await
    }
}

/// What the portal's port says of a failure.
fn cause_of(failure: &Failure) -> NotReady {
    let Failure::Failed(error) = failure else {
        return NotReady::Other;
    };
    let opening = error.downcast_ref().map(OpenError::why);
    let using = error.downcast_ref().map(StoreError::why);
    match opening.or(using) {
        Some(why) => NotReady::Unopened(why),
        None if error.is::<Emptied>() => NotReady::Emptied,
        None => NotReady::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ::feed::Records;
    use anyhow::anyhow;
    use model::directory::{DigestAlgorithm, Snapshot};
    use net::authority::{AuthorityDirectory, Purpose};
    use tokio::net::TcpStream;
    use tokio::time::timeout;
    use zone::config::ZoneConfig;

    use super::*;
    use crate::service::certificates::{self, tests::shown_at};
    use crate::service::config::ServiceConfig;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Writes the files of a service with a zone.
    fn configured(folder: &std::path::Path) -> (ServiceConfig, ZoneConfig) {
        let zone = folder.join("zone.toml");
        fs::write(
            &zone,
            "control = \"zone.sock\"\n[listen]\nudp = [\"127.0.0.1:0\"]\n",
        )
        .unwrap();
        let file = folder.join("service.toml");
        let text = "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
                    [provisioning]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
                    [account]\nid = \"acme\"\nname = \"Acme\"\ndomain = \"pbx.example.com\"\nowner = \"me@example.com\"\n\
                    [zone]\nconfig = \"zone.toml\"\noutbound-proxy = \"127.0.0.1:5061\"\n";
        fs::write(&file, text).unwrap();
        (
            ServiceConfig::read(&file).unwrap(),
            ZoneConfig::read(&zone).unwrap(),
        )
    }

    #[tokio::test]
    async fn what_the_portals_port_shows_is_renewed_while_there_is_no_database() {
        let folder = tempfile::tempdir().unwrap();
        let (config, zone_config) = configured(folder.path());
        let mut foundation = Foundation::lay(&config, Some(&zone_config)).await.unwrap();
        let account = config.account.id.clone();
        let domain = "pbx.example.com".to_owned();
        let snapshot = Snapshot::empty(account, "acme".to_owned(), domain, DigestAlgorithm::Sha256);
        let copy = foundation.copy.as_ref().unwrap();
        copy.write(&snapshot, Records::of(&snapshot)).unwrap();
        let why = Failure::Failed(anyhow!("there is none"));
        let standby = Standby::start(&mut foundation, &why).await.unwrap().unwrap();
        let address = standby.front.address();
        let shown = async || shown_at(TcpStream::connect(address).await.unwrap()).await;
        let first = shown().await;

        // The zone has gone on for so long: what is in the file is as old.
        let state = config.state.join("authority");
        let authority = AuthorityDirectory::open(&state, "Test", SystemTime::now()).unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(300 * 24 * 3_600);
        let subjects = [certificates::subject("127.0.0.1")];
        authority
            .identity("portal", &subjects, Purpose::Server, long_ago)
            .unwrap();
        let renewed = async {
            while shown().await == first {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = standby.rest(&mut foundation) => panic!("there is no database"),
            renewed = timeout(PATIENCE, renewed) => renewed.unwrap(),
        }
    }
}
