//! `oyez service`: portal, provisioning server and, where the file names one, a zone, over one store.

pub(crate) mod account;
mod audit_rounds;
pub(crate) mod certificates;
pub mod config;
mod database;
mod feed;
mod feed_certificates;
mod feed_ear;
mod feed_server;
mod foundation;
mod front;
mod guesses;
mod happenings;
mod imported;
mod locality;
mod own_copy;
mod own_zone;
mod questions;
mod resync;
mod standby;
mod talk;
mod webhooks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, anyhow};
use api::ApiSetup;
use model::inventory::{Account, Uplink};
use net::tls::ClientCertificates;
use portal::pages::{self, NotReady, PagesSetup};
use portal::provisioning::{ProvisioningServer, ProvisioningSetup};
use registrations::Registrations;
use store::Store;
use tokio::sync::watch;
use web::{Limits, Listener};
use zone::Zone;
use zone::config::ZoneConfig;

use crate::audit;
use crate::certificate;
use crate::cli::{ServiceArguments, ServiceCommand};
use crate::console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::state::StateFolder;
use crate::zone_command;
use account::Opened;
use audit_rounds::AuditRounds;
use config::{ServiceConfig, with_port};
use feed::{DirectoryFeed, DirectoryReader};
use feed_ear::Ear;
use feed_server::FeedServer;
use foundation::Foundation;
use front::Front;
use guesses::Guesses;
use own_zone::OwnZone;
use questions::{Answering, Questions};
use standby::Standby;
use webhooks::{Delivering, Webhooks};

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
    match arguments.command {
        Some(ServiceCommand::Certificate(arguments)) => return certificate::run(arguments).await,
        Some(ServiceCommand::Audit(arguments)) => return audit::run(arguments).await,
        None => {}
    }
    // The command line requires it where there is no other command.
    let file = arguments.config.unwrap_or_default();
    let config = ServiceConfig::read(&file)?;
    let zone = config.zone.config.as_deref();
    let zone_config = zone.map(ZoneConfig::read).transpose()?;
    net::raise_open_files(net::OPEN_FILES_WANTED).context("cannot read the limit of open files")?;
    let mut interrupt = Interrupt::new()?;
    let mut foundation = Foundation::lay(&config, zone_config.as_ref()).await?;
    let opened = tokio::select! {
        opened = foundation.database() => opened,
        () = interrupt.asked() => return Ok(()),
    };
    let built = match opened {
        Ok(opened) => Some(Service::build(&mut foundation, opened).await?),
        Err(wrong @ Failure::BadConfiguration(_)) => return Err(wrong),
        Err(failure) => stand_by(&mut foundation, failure, &mut interrupt).await?,
    };
    let Some(mut service) = built else {
        return Ok(());
    };
    tokio::spawn(foundation.certificates.renew());
    service.say_where();
    tokio::select! {
        () = interrupt.asked() => {}
        lost = service.ended() => return Err(lost.into()),
    }
    interrupt.let_finish(service.stop()).await;
    Ok(())
}

/// Has the zone go on without a database until everything else is there; none where it was told to end before.
async fn stand_by(
    foundation: &mut Foundation<'_>,
    failure: Failure,
    interrupt: &mut Interrupt,
) -> Result<Option<Service>, Failure> {
    let Some(mut standby) = Standby::start(foundation, &failure).await? else {
        return Err(failure);
    };
    let rest = tokio::select! {
        rest = standby.rest(foundation) => rest,
        () = standby.zone.gone() => return Err(standby.zone.ended().await.into()),
        () = interrupt.asked() => {
            interrupt.let_finish(standby.zone.stop()).await;
            return Ok(None);
        }
    };
    Ok(Some(Service {
        zone: Some(standby.zone),
        rest,
        _portal: standby.front,
    }))
}

/// A running service.
pub struct Service {
    zone: Option<OwnZone>,
    rest: Rest,
    _portal: Front,
}

/// What a service is beside its zone and the portal's port, which are there without a database as well. It ends with this value.
struct Rest {
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
    _audit_rounds: AuditRounds,
    _provisioning: Listener,
}

impl Service {
    /// Starts everything that the files name.
    ///
    /// # Errors
    ///
    /// Names what cannot be had; nothing is left started.
    pub async fn start(config: &ServiceConfig, zone_config: Option<&ZoneConfig>) -> Result<Self, Failure> {
        let mut foundation = Foundation::lay(config, zone_config).await?;
        let opened = foundation.database().await?;
        let service = Self::build(&mut foundation, opened).await?;
        tokio::spawn(foundation.certificates.renew());
        Ok(service)
    }

    /// Starts all that there is.
    async fn build(
        foundation: &mut Foundation<'_>,
        (store, opened): (Arc<Store>, Opened),
    ) -> Result<Self, Failure> {
        let reader = DirectoryReader::new(Arc::clone(&store), opened.account.id.clone());
        let zone = start_zone(foundation, &reader, &opened.account.domain).await?;
        let (_, why_not) = watch::channel(NotReady::Starting);
        let front = foundation.front(pages::not_ready(why_not)).await?;
        let reader = Arc::new(reader);
        let rest = Rest::build(foundation, (store, opened), reader, zone.as_ref(), &front).await?;
        Ok(Self {
            zone,
            rest,
            _portal: front,
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
        &self.rest.store
    }

    /// Who is registered, as the zones have told it.
    pub fn registrations(&self) -> &Registrations {
        &self.rest.registrations
    }

    /// The account that it serves.
    pub fn account(&self) -> &Account {
        &self.rest.opened.account
    }

    /// Where devices fetch their configuration.
    pub(crate) fn provisioning_url(&self) -> &str {
        &self.rest.provisioning_url
    }

    /// Where people sign in: a link that is good once, as long as the owner has no password.
    #[must_use]
    pub fn sign_in_url(&self) -> String {
        let url = &self.rest.portal_url;
        match &self.rest.opened.first_sign_in {
            Some(token) => format!("{url}/first?token={}", token.reveal()),
            None => url.clone(),
        }
    }

    /// The e-mail address that the owner signs in with, as long as they are one.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.rest.opened.owner.as_deref()
    }

    /// Where zones elsewhere learn the directory.
    pub fn feed(&self) -> Option<SocketAddr> {
        self.rest.feed.as_ref().map(|(feed, _)| feed.address())
    }

    /// Prints where everything is.
    fn say_where(&self) {
        if let Some(zone) = self.zone() {
            zone_command::say_where(zone);
        }
        console::say(&format!("provisioning at {}", self.rest.provisioning_url));
        console::say(&format!(
            "certificate authority: {}",
            self.rest.authority_file.display()
        ));
        if let Some((feed, files)) = &self.rest.feed {
            let address = feed.address();
            console::say(&format!(
                "feed at {address}, files of its zones in {}",
                files.display()
            ));
        }
        console::say(&format!("portal at {}", self.rest.portal_url));
        if self.rest.opened.first_sign_in.is_some() {
            console::say(&format!("sign in once as the owner: {}", self.sign_in_url()));
        }
    }

    /// Waits until the zone has ended by itself; for ever where there is none.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match &mut self.zone {
            Some(running) => running.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Ends the zone as any zone is ended; the sites end with this value.
    pub async fn stop(self) {
        if let Some(zone) = self.zone {
            zone.stop().await;
        }
    }
}

impl Rest {
    /// Starts what has a database, around a zone and a portal's port that may be there for longer. After a failure it can be called
    /// again: what was started has ended.
    ///
    /// # Errors
    ///
    /// Names what cannot be had.
    async fn build(
        foundation: &mut Foundation<'_>,
        (store, opened): (Arc<Store>, Opened),
        reader: Arc<DirectoryReader>,
        zone: Option<&OwnZone>,
        front: &Front,
    ) -> Result<Self, Failure> {
        let config = foundation.config;
        let registrations = Arc::clone(&foundation.registrations);
        let told = zone.map(|running| running.zone.subscribe());
        let uplink = uplink(config, &opened.account, zone);
        let resyncs = zone.map(|running| {
            let account = opened.account.id.clone();
            resync::serve(&running.zone, Arc::clone(&store), account, running.told.epoch)
        });

        let delivering = Delivering::prepare(config, &store)?;
        let heard = zone.map(|running| &running.zone);
        let (happenings, noting) = happenings::note(heard, &store, &opened.account.id);
        let authority = foundation.certificates.authority()?;
        let answering = Answering::new(&store, &opened.account.id, &registrations, Arc::clone(&authority));
        let questions = Questions::serve(&foundation.state, answering).await?;
        let provisioning = start_provisioning(foundation, &store, uplink.clone()).await?;
        let provisioning_url = config.provisioning.url(provisioning.address());
        let api_url = Arc::new(OnceLock::new());
        let api = api::router(ApiSetup {
            store: Arc::clone(&store),
            registrations: Arc::clone(&registrations),
            uplink: uplink.clone(),
            provisioning_url: provisioning_url.clone(),
            url: Arc::clone(&api_url),
            resyncs: resyncs.clone(),
            talk: zone.and_then(|running| running.talk.clone()),
            happenings: Arc::clone(&happenings),
        })
        .context("the system gives no random numbers")?;
        let router = pages::router(PagesSetup {
            store: Arc::clone(&store),
            registrations: Arc::clone(&registrations),
            uplink: uplink.clone(),
            provisioning_url: provisioning_url.clone(),
            talk: zone.and_then(|running| running.talk.clone()),
            first_sign_in: opened.first_sign_in.clone(),
            owner: opened.owner.clone().unwrap_or_default(),
            resyncs,
            authority,
        })
        .merge(api);
        let portal_url = api_url.get_or_init(|| config.portal.url(front.address())).clone();
        let guesses = Guesses::new(&store);
        let ear = Ear::new(
            &registrations,
            (&store, guesses.clone()),
            &opened.account.id,
            happenings,
        );
        let feed = start_feed(config, &foundation.state, Arc::clone(&reader), ear).await?;
        let authority_file = foundation.certificates.authority_file();
        // From here on nothing fails: what is begun for good has to be begun once.
        if let Some((zone, told)) = zone.zip(told) {
            let copy = foundation.copy.clone();
            let to_keep = copy.map(|copy| copy.keep(Arc::clone(&reader)));
            zone.follow(told, (&store, guesses), &registrations, reader, to_keep);
        }
        let webhooks = Webhooks::start(delivering, &opened.account.id, &registrations, &uplink);
        front.open(router);
        Ok(Self {
            _audit_rounds: AuditRounds::begin(&store, &opened.account.id),
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
            _provisioning: provisioning,
        })
    }
}

/// Where devices are sent to register. A zone of this process is named with the port it got, unless the file names another.
fn uplink(config: &ServiceConfig, account: &Account, zone: Option<&OwnZone>) -> Uplink {
    let bound = zone.and_then(OwnZone::tls_listener);
    let first = &config.zone.outbound_proxy;
    Uplink {
        domain: account.domain.clone(),
        outbound_proxy: bound.map_or_else(|| first.clone(), |bound| with_port(first, bound.port())),
        second_outbound_proxy: config.zone.second_outbound_proxy.clone(),
    }
}

/// Starts what zones elsewhere follow, if the file wants it; where it listens, and where the files for its zones are.
async fn start_feed(
    config: &ServiceConfig,
    state: &StateFolder,
    reader: Arc<DirectoryReader>,
    ear: Ear,
) -> Result<Option<(FeedServer, PathBuf)>, Failure> {
    let Some(own) = &config.feed else {
        return Ok(None);
    };
    let directory = DirectoryFeed::new(reader, usize::MAX);
    let server = FeedServer::start(config, own, state, directory, ear).await?;
    Ok(Some((server, state.zones())))
}

/// Starts the zone that the configuration names, with what stands in the store; the reader goes on from there.
async fn start_zone(
    foundation: &mut Foundation<'_>,
    reader: &DirectoryReader,
    domain: &str,
) -> Result<Option<OwnZone>, Failure> {
    let Some(config) = foundation.zone_config else {
        return Ok(None);
    };
    let tls = own_zone::tls(foundation.config, config, domain, &mut foundation.certificates)?;
    let snapshot = reader.snapshot().await.map_err(|error| anyhow!(error))?;
    let zone = OwnZone::start(
        config,
        tls,
        snapshot,
        &foundation.registrations,
        foundation.reader.clone(),
    )
    .await?;
    Ok(Some(zone))
}

async fn start_provisioning(
    foundation: &mut Foundation<'_>,
    store: &Arc<Store>,
    uplink: Uplink,
) -> Result<Listener, Failure> {
    let config = foundation.config;
    let host = config.provisioning.address.host.as_str();
    let files = foundation.provisioning_files.clone();
    let clients = ClientCertificates::Requested;
    let tls = foundation
        .certificates
        .site("provisioning", host, files, clients)?;
    let server = ProvisioningServer::new(ProvisioningSetup {
        store: Arc::clone(store),
        authority: foundation.certificates.authority()?,
        manufacturers: foundation.manufacturers.clone(),
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
