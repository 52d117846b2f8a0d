//! `oyez service`: portal, provisioning server and, where the file names one, a zone, over one store.

pub(crate) mod account;
pub(crate) mod certificates;
pub mod config;
mod database;
mod feed;
mod feed_certificates;
mod feed_ear;
mod feed_server;
mod happenings;
mod imported;
mod questions;
mod reports;
mod resync;
mod talk;
mod webhooks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use anyhow::{Context, anyhow};
use api::ApiSetup;
use model::directory::Epoch;
use model::inventory::{Account, Uplink};
use model::status::ZoneEvent;
use net::tls::{ClientCertificates, Identity, ServerTls};
use portal::pages;
use portal::pages::PagesSetup;
use portal::provisioning::{Manufacturer, ProvisioningServer, ProvisioningSetup};
use portal::talk::TalkDesk;
use registrations::Registrations;
use sip::flow::Transport;
use store::{Store, timestamp};
use tokio::sync::broadcast;
use web::{Limits, Listener};
use zone::config::ZoneConfig;
use zone::{RollCall, Zone};

use crate::certificate;
use crate::cli::{ServiceArguments, ServiceCommand};
use crate::console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::state::StateFolder;
use crate::up::narrate;
use crate::zone_command;
use account::Opened;
use certificates::Certificates;
use config::{ServiceConfig, with_port};
use feed::DirectoryFeed;
use feed_ear::Ear;
use feed_server::FeedServer;
use imported::ImportedFiles;
use questions::{Answering, Questions};
use talk::{Booth, PortalTalker};
use webhooks::Webhooks;

/// Connections to the portal: a browser opens a handful.
const PORTAL_LIMITS: Limits = Limits {
    connections: 256,
    connections_per_source: 64,
};
/// Connections to the provisioning server: the devices of a site come from one address, and all at once after a power cut.
const PROVISIONING_LIMITS: Limits = Limits {
    connections: 1_024,
    connections_per_source: 256,
};

/// Runs the command until it is interrupted or told to end.
///
/// # Errors
///
/// Bad configuration names file and line; a port, certificate or folder that cannot be had is named. Nothing is left
/// started.
pub async fn run(arguments: ServiceArguments) -> Result<(), Failure> {
    if let Some(ServiceCommand::Certificate(arguments)) = arguments.command {
        return certificate::run(arguments).await;
    }
    // The command line requires it where there is no other command.
    let file = arguments.config.unwrap_or_default();
    let config = ServiceConfig::read(&file)?;
    let zone = config.zone.config.as_deref();
    let zone_config = zone.map(ZoneConfig::read).transpose()?;
    net::raise_open_files(net::OPEN_FILES_WANTED).context("cannot read the limit of open files")?;
    let mut interrupt = Interrupt::new()?;
    let mut service = Service::start(&config, zone_config.as_ref()).await?;
    service.say_where();
    tokio::select! {
        () = interrupt.asked() => {}
        lost = service.ended() => return Err(lost.into()),
    }
    interrupt.let_finish(service.stop()).await;
    Ok(())
}

/// A running service.
pub struct Service {
    zone: Option<RunningZone>,
    store: Arc<Store>,
    registrations: Arc<Registrations>,
    opened: Opened,
    authority_file: PathBuf,
    portal_url: String,
    provisioning_url: String,
    /// Where the feed listens, and where the files for its zones are.
    feed: Option<(FeedServer, PathBuf)>,
    _questions: Questions,
    _webhooks: Webhooks,
    _noting: happenings::Noting,
    _portal: Listener,
    _provisioning: Listener,
}

/// A zone in the process of its service.
struct RunningZone {
    zone: Zone,
    hearing: tokio::task::JoinHandle<()>,
    /// Where the portal speaks; none where it has no TLS listener.
    talk: Option<TalkDesk>,
    /// The state of the directory that it was started with.
    epoch: Epoch,
}

impl Service {
    /// Starts everything that the files name.
    ///
    /// # Errors
    ///
    /// Names what cannot be had; nothing is left started.
    pub async fn start(config: &ServiceConfig, zone_config: Option<&ZoneConfig>) -> Result<Self, Failure> {
        let (manufacturers, catalogue) = (config.manufacturers()?, config.catalogue()?);
        let (portal_files, provisioning_files) = config.imported()?;
        let state = StateFolder::configured(&config.state);
        state.prepare()?;
        let store = database::open(config, &state).await?;
        let store = Arc::new(store);
        store.set_catalogue(catalogue);
        let opened = account::open(&store, config).await?;
        let mut certificates = Certificates::open(&state)?;
        let registrations = Arc::new(Registrations::default());

        let zone = match zone_config {
            Some(zone_config) => {
                let tls = zone_tls(config, zone_config, &opened.account, &mut certificates)?;
                let registrations = Arc::clone(&registrations);
                Some(start_zone(zone_config, tls, &store, &opened.account, registrations).await?)
            }
            None => None,
        };
        let uplink = uplink(config, &opened.account, zone.as_ref());
        let resyncs = zone.as_ref().map(|running| {
            let account = opened.account.id.clone();
            resync::serve(&running.zone, Arc::clone(&store), account, running.epoch)
        });

        let mut webhooks = Webhooks::start(config, &store, &opened.account.id, &registrations)?;
        webhooks.watch_provision(&opened.account.id, &uplink);
        if let Some(running) = &zone {
            webhooks.hear(running.zone.subscribe());
        }
        let events = zone
            .as_ref()
            .map(|running| (running.zone.subscribe(), running.zone.roll_call()));
        let (happenings, noting) = happenings::note(events, &store, &opened.account.id);
        let answering = Answering::new(
            &store,
            &opened.account.id,
            &registrations,
            certificates.authority()?,
        );
        let questions = Questions::serve(&state, answering).await?;
        let provisioning = start_provisioning(
            config,
            &store,
            &mut certificates,
            provisioning_files,
            manufacturers,
            uplink.clone(),
        )
        .await?;
        let provisioning_url = config.provisioning.url(provisioning.address());
        let host = config.portal.address.host.as_str();
        let tls = certificates.site("portal", host, portal_files, ClientCertificates::NotAsked)?;
        let api_url = Arc::new(OnceLock::new());
        let api = api::router(ApiSetup {
            store: Arc::clone(&store),
            registrations: Arc::clone(&registrations),
            uplink: uplink.clone(),
            provisioning_url: provisioning_url.clone(),
            url: Arc::clone(&api_url),
            resyncs: resyncs.clone(),
            talk: zone.as_ref().and_then(|running| running.talk.clone()),
            happenings: Arc::clone(&happenings),
        })
        .context("the system gives no random numbers")?;
        let router = pages::router(PagesSetup {
            store: Arc::clone(&store),
            registrations: Arc::clone(&registrations),
            uplink,
            provisioning_url: provisioning_url.clone(),
            talk: zone.as_ref().and_then(|running| running.talk.clone()),
            first_sign_in: opened.first_sign_in.clone(),
            resyncs,
            authority: certificates.authority()?,
        })
        .merge(api);
        let portal = Listener::start(config.portal.listen, &tls, PORTAL_LIMITS, router)
            .await
            .map_err(|error| anyhow!(error))?;
        let portal_url = api_url
            .get_or_init(|| config.portal.url(portal.address()))
            .clone();
        let ear = Ear::new(&registrations, &store, &opened.account.id, happenings);
        let feed = start_feed(config, &state, ear).await?;
        let authority_file = certificates.authority_file();
        tokio::spawn(certificates.renew());
        Ok(Self {
            zone,
            store,
            registrations,
            opened,
            authority_file,
            portal_url,
            provisioning_url,
            feed,
            _questions: questions,
            _webhooks: webhooks,
            _noting: noting,
            _portal: portal,
            _provisioning: provisioning,
        })
    }

    /// The zone in this process.
    pub(crate) fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref().map(|running| &running.zone)
    }

    /// Where the zone of this process listens.
    pub fn zone_listens(&self) -> Vec<SocketAddr> {
        let bound = self.zone().map(Zone::bound).unwrap_or_default();
        bound.iter().map(|bound| bound.local).collect()
    }

    /// What the service keeps.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who is registered, as the zones have told it.
    pub fn registrations(&self) -> &Registrations {
        &self.registrations
    }

    /// The account that it serves.
    pub fn account(&self) -> &Account {
        &self.opened.account
    }

    /// Where devices fetch their configuration.
    pub(crate) fn provisioning_url(&self) -> &str {
        &self.provisioning_url
    }

    /// Where people sign in: a link that is good once, as long as the owner has no password.
    #[must_use]
    pub fn sign_in_url(&self) -> String {
        let url = &self.portal_url;
        match &self.opened.first_sign_in {
            Some(token) => format!("{url}/first?token={}", token.reveal()),
            None => url.clone(),
        }
    }

    /// Where zones elsewhere learn the directory.
    pub fn feed(&self) -> Option<SocketAddr> {
        self.feed.as_ref().map(|(feed, _)| feed.address())
    }

    /// Prints where everything is.
    fn say_where(&self) {
        if let Some(zone) = self.zone() {
            zone_command::say_where(zone);
        }
        console::say(&format!("provisioning at {}", self.provisioning_url));
        console::say(&format!(
            "certificate authority: {}",
            self.authority_file.display()
        ));
        if let Some((feed, files)) = &self.feed {
            let address = feed.address();
            console::say(&format!(
                "feed at {address}, files of its zones in {}",
                files.display()
            ));
        }
        console::say(&format!("portal at {}", self.portal_url));
        if self.opened.first_sign_in.is_some() {
            console::say(&format!("sign in once as the owner: {}", self.sign_in_url()));
        }
    }

    /// Waits until the zone has ended by itself; for ever where there is none.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match &mut self.zone {
            Some(running) => anyhow!(running.zone.ended().await).context("the zone has ended by itself"),
            None => std::future::pending().await,
        }
    }

    /// Ends the zone as any zone is ended; the sites end with this value.
    pub async fn stop(self) {
        if let Some(RunningZone { zone, hearing, .. }) = self.zone {
            zone.stop().await;
            // The last pages are reported while the zone ends.
            let _is_told = hearing.await.is_ok();
        }
    }
}

/// What the zone's TLS listeners show: the files of its configuration, or a certificate of this service.
fn zone_tls(
    config: &ServiceConfig,
    zone_config: &ZoneConfig,
    account: &Account,
    certificates: &mut Certificates,
) -> Result<Option<ServerTls>, Failure> {
    if zone_config.tls.is_some() || zone_config.listen.tls.is_empty() {
        return zone_command::tls_of_files(zone_config);
    }
    let listen = &zone_config.listen;
    let advertised = listen.advertise.map(|address| address.to_string());
    let hosts: Vec<&str> = [config.zone.outbound_proxy.host.as_str(), account.domain.as_str()]
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

async fn start_zone(
    config: &ZoneConfig,
    tls: Option<ServerTls>,
    store: &Arc<Store>,
    account: &Account,
    registrations: Arc<Registrations>,
) -> Result<RunningZone, Failure> {
    if config.directory.is_some() {
        let what = "is not used: the zone of a service has the directory of its portal";
        tracing::warn!("{}", config.wrong("directory", what));
    }
    let members_max = zone_command::members_max(config);
    let talkers = PortalTalker::draw_all()?;
    let feed = DirectoryFeed::new(Arc::clone(store), account.id.clone(), members_max);
    let feed = feed.with_talkers(talkers.clone());
    let snapshot = feed.snapshot().await.map_err(|error| anyhow!(error))?;
    let epoch = snapshot.epoch;
    let setup = zone_command::setup(config, feed::first_of(snapshot), tls)?;
    let zone = Zone::start(setup).await.map_err(|error| anyhow!(error))?;
    registrations.name_own(&config.name, epoch, timestamp(SystemTime::now()));
    let hearing = tokio::spawn(hear(zone.subscribe(), zone.roll_call(), registrations));
    tokio::spawn(reports::keep(zone.subscribe(), Arc::clone(store)));
    tokio::spawn(feed.run(zone.updates()));
    let mut listeners = zone.bound().iter();
    let tls = listeners.find(|bound| bound.transport == Transport::Tls);
    let booth = tls.map(|tls| Booth::new(talkers, &account.domain, tls.local, zone.subscribe()));
    let talk = booth.transpose()?.map(Booth::open);
    Ok(RunningZone {
        zone,
        hearing,
        talk,
        epoch,
    })
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

/// Where devices are sent to register. A zone of this process is named with the port it got, unless the file names another.
fn uplink(config: &ServiceConfig, account: &Account, zone: Option<&RunningZone>) -> Uplink {
    let bound = zone.and_then(|running| {
        let mut listeners = running.zone.bound().iter();
        listeners.find(|bound| bound.transport == Transport::Tls)
    });
    let first = &config.zone.outbound_proxy;
    Uplink {
        domain: account.domain.clone(),
        outbound_proxy: bound.map_or_else(|| first.clone(), |bound| with_port(first, bound.local.port())),
        second_outbound_proxy: config.zone.second_outbound_proxy.clone(),
    }
}

/// Starts what zones elsewhere follow, if the file wants it; where it listens, and where the files for its zones are.
async fn start_feed(
    config: &ServiceConfig,
    state: &StateFolder,
    ear: Ear,
) -> Result<Option<(FeedServer, PathBuf)>, Failure> {
    let Some(own) = &config.feed else {
        return Ok(None);
    };
    let directory = DirectoryFeed::new(Arc::clone(&ear.store), ear.account.clone(), usize::MAX);
    let server = FeedServer::start(config, own, state, directory, ear).await?;
    Ok(Some((server, state.zones())))
}

async fn start_provisioning(
    config: &ServiceConfig,
    store: &Arc<Store>,
    certificates: &mut Certificates,
    files: Option<(ImportedFiles, Identity)>,
    manufacturers: Vec<Manufacturer>,
    uplink: Uplink,
) -> Result<Listener, Failure> {
    let host = config.provisioning.address.host.as_str();
    let tls = certificates.site("provisioning", host, files, ClientCertificates::Requested)?;
    let server = ProvisioningServer::new(ProvisioningSetup {
        store: Arc::clone(store),
        authority: certificates.authority()?,
        manufacturers,
        suspicion: config.provisioning.suspicion,
        uplink,
    })
    .map_err(|error| anyhow!(error))?;
    let told = server.clone();
    let on_failure = Arc::new(move |from, error: &_| told.note_handshake_failure(from, error));
    let (listen, router) = (config.provisioning.listen, server.router());
    Listener::start_telling(listen, &tls, PROVISIONING_LIMITS, router, on_failure)
        .await
        .map_err(|error| anyhow!(error).into())
}
