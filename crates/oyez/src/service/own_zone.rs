//! The zone in the process of its service: how it is started, and what it is told and asked from then on.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use model::directory::Snapshot;
use model::status::ZoneEvent;
use net::tls::{ClientCertificates, ServerTls};
use portal::talk::TalkDesk;
use registrations::Registrations;
use sip::flow::Transport;
use store::{Store, timestamp};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zone::config::ZoneConfig;
use zone::{RollCall, Zone};

use super::certificates::Certificates;
use super::config::ServiceConfig;
use super::feed::{DirectoryFeed, DirectoryReader, Told};
use super::guesses::{self, Guesses};
use super::own_copy::ToKeep;
use super::talk::{Booth, PortalTalker, Reader};
use super::webhooks;
use crate::failure::Failure;
use crate::up::narrate;
use crate::zone_command;

/// How long it is waited at the end for a database that does not take the last reports of pages.
const KEEPING_MAX: Duration = Duration::from_secs(5);

/// A zone in the process of its service.
pub(super) struct OwnZone {
    pub(super) zone: Zone,
    /// Where the portal speaks; none where it has no TLS listener.
    pub(super) talk: Option<TalkDesk>,
    /// What it was started with.
    pub(super) told: Told,
    hearing: JoinHandle<()>,
    /// Keeps what becomes of its pages.
    keeping: OnceLock<JoinHandle<()>>,
    talkers: Vec<PortalTalker>,
    members_max: usize,
}

impl OwnZone {
    /// Starts it with a directory, whether that comes from the store or from its own copy, and with what reads texts out.
    ///
    /// # Errors
    ///
    /// Names what cannot be had.
    pub(super) async fn start(
        config: &ZoneConfig,
        tls: Option<ServerTls>,
        snapshot: Arc<Snapshot>,
        registrations: &Arc<Registrations>,
        reader: Option<Reader>,
    ) -> Result<Self, Failure> {
        if config.directory.is_some() {
            let what = "is not used: the zone of a service has the directory of its portal";
            tracing::warn!("{}", config.wrong("directory", what));
        }
        let (epoch, domain) = (snapshot.epoch, snapshot.domain.clone());
        let (mut first, told) = Told::first(snapshot);
        let talkers = PortalTalker::draw_all()?;
        for talker in &talkers {
            talker.join(&mut first);
        }
        let setup = zone_command::setup(config, first, tls)?;
        let zone = Zone::start(setup).await.map_err(|error| anyhow!(error))?;
        registrations.name_own(&config.name, epoch, timestamp(SystemTime::now()));
        let registrations = Arc::clone(registrations);
        let hearing = tokio::spawn(hear(zone.subscribe(), zone.roll_call(), registrations));
        let booth = tls_listener(&zone)
            .map(|tls| Booth::new(talkers.clone(), &domain, tls, zone.subscribe(), reader));
        let talk = booth.transpose()?.map(Booth::open);
        Ok(Self {
            zone,
            talk,
            told,
            hearing,
            keeping: OnceLock::new(),
            talkers,
            members_max: zone_command::members_max(config),
        })
    }

    /// Tells it what the reader of the directory reads from here on, and keeps in the store what becomes of its pages and what webhooks are
    /// told, as it has `told`.
    pub(super) fn follow(
        &self,
        told: broadcast::Receiver<ZoneEvent>,
        (store, guesses): (&Arc<Store>, Guesses),
        registrations: &Arc<Registrations>,
        reader: Arc<DirectoryReader>,
        to_keep: Option<ToKeep>,
    ) {
        let keeping = webhooks::tell(told, Arc::clone(store), Arc::clone(registrations));
        self.keeping.get_or_init(|| tokio::spawn(keeping));
        tokio::spawn(guesses::watch(self.zone.subscribe(), guesses));
        let feed = DirectoryFeed::new(reader, self.members_max)
            .with_talkers(self.talkers.clone())
            .kept_by(to_keep);
        tokio::spawn(feed.run(self.zone.updates(), self.zone.subscribe(), self.told.clone()));
    }

    /// Its listener for devices.
    pub(super) fn tls_listener(&self) -> Option<SocketAddr> {
        tls_listener(&self.zone)
    }

    /// Waits until it has gone, for whoever only borrows it; [`ended`](Self::ended) says why.
    pub(super) async fn gone(&self) {
        self.zone.updates().closed().await;
    }

    /// Waits until it has ended by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        anyhow!(self.zone.ended().await).context("the zone has ended by itself")
    }

    /// Ends it as any zone is ended.
    pub(super) async fn stop(self) {
        self.zone.stop().await;
        // The last pages are reported while the zone ends.
        let _is_told = self.hearing.await.is_ok();
        if let Some(keeping) = self.keeping.into_inner()
            && timeout(KEEPING_MAX, keeping).await.is_err()
        {
            tracing::error!("the database does not take the last reports of pages; they are lost");
        }
    }
}

/// What the zone's TLS listeners show: the files of its configuration, or a certificate of this service.
pub(super) fn tls(
    config: &ServiceConfig,
    zone_config: &ZoneConfig,
    domain: &str,
    certificates: &mut Certificates,
) -> Result<Option<ServerTls>, Failure> {
    if zone_config.tls.is_some() || zone_config.listen.tls.is_empty() {
        return zone_command::tls_of_files(zone_config);
    }
    let listen = &zone_config.listen;
    let advertised = listen.advertise.map(|address| address.to_string());
    let hosts: Vec<&str> = [config.zone.outbound_proxy.host.as_str(), domain]
        .into_iter()
        .chain(listen.names.iter().map(String::as_str))
        .chain(advertised.as_deref())
        .collect();
    Ok(Some(certificates.server(
        "zone",
        &hosts,
        ClientCertificates::NotAsked,
    )?))
}

/// The listener of a zone for devices.
fn tls_listener(zone: &Zone) -> Option<SocketAddr> {
    let mut listeners = zone.bound().iter();
    let tls = listeners.find(|bound| bound.transport == Transport::Tls);
    tls.map(|bound| bound.local)
}

/// Notes who is registered, and logs what happens, until the zone has ended.
async fn hear(
    mut events: broadcast::Receiver<ZoneEvent>,
    roll_call: RollCall,
    registrations: Arc<Registrations>,
) {
    loop {
        match events.recv().await {
            Ok(event) => {
                registrations.note(&event, timestamp(SystemTime::now()));
                if let ZoneEvent::DirectoryRefused { why, .. } = &event {
                    tracing::error!(%why, "the zone refuses the directory and goes on with the one before");
                } else if let Some(words) = narrate(&event) {
                    tracing::info!("{words}");
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(
                    missed,
                    "the zone tells of more than is taken in; it is asked who is registered"
                );
                if let Some(all) = roll_call.take().await {
                    registrations.restate(&all, timestamp(SystemTime::now()));
                }
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
