//! `oyez zone`: runs a zone from a configuration file.

use std::net::IpAddr;

use anyhow::{Context, anyhow};
use model::directory::{Directory, Snapshot, Update};
use model::status::ZoneEvent;
use net::media::{MediaAddresses, MediaPlaneConfig};
use net::tls::{ClientCertificates, Identity, MinimumVersion, ServerTls};
use net::transport::{Advertise, DATAGRAM_BYTES_MAX, Limits, ListenerConfig, ListenerKind};
use sip::flow::Transport;
use sip::user_agent::Advertised;
use switch::{MediaPolicy, PlainMedia, admission};
use tokio::sync::broadcast;
use zone::config::{PlainRtp, ZoneConfig};
use zone::{DirectoryFile, FeedError, ServiceDirectory, Zone, ZoneSetup};

use crate::cli::ZoneArguments;
use crate::console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::up::narrate;

/// Runs the command until it is interrupted or told to end.
///
/// # Errors
///
/// Bad configuration names file and line; a port, certificate or folder that cannot be had is named. Nothing is left
/// started.
pub async fn run(arguments: ZoneArguments) -> Result<(), Failure> {
    let config = ZoneConfig::read(&arguments.config)?;
    let mut source = Source::open(&config)?;
    let tls = tls_of_files(&config)?;
    net::raise_open_files(net::OPEN_FILES_WANTED).context("cannot read the limit of open files")?;
    let mut interrupt = Interrupt::new()?;
    let snapshot = tokio::select! {
        snapshot = source.first() => snapshot?,
        () = interrupt.asked() => return Ok(()),
    };
    let mut zone = Zone::start(setup(&config, snapshot, tls)?)
        .await
        .map_err(|error| anyhow!(error))?;
    say_where(&zone);
    tokio::spawn(source.run(&zone));
    let narrating = tokio::spawn(narrate_all(zone.subscribe()));
    tokio::select! {
        () = interrupt.asked() => {}
        lost = zone.ended() => return Err(anyhow!(lost).context("the zone has ended by itself").into()),
    }
    let farewell = async {
        zone.stop().await;
        // The last pages are reported while the zone ends.
        let _is_told = narrating.await.is_ok();
    };
    interrupt.let_finish(farewell).await;
    Ok(())
}

/// Where a zone that runs by itself has its directory from.
enum Source {
    File(DirectoryFile),
    Service(Box<ServiceDirectory>),
}

impl Source {
    fn open(config: &ZoneConfig) -> Result<Self, Failure> {
        if let Some(service) = &config.service {
            let opened = ServiceDirectory::open(service);
            let opened = opened.map_err(|error| match error {
                FeedError::Identity(_) | FeedError::NoAuthority(_) => {
                    config.wrong("service.identity", &error.to_string()).into()
                }
                FeedError::Key { .. } | FeedError::Randomness(_) => Failure::Failed(anyhow!(error)),
            })?;
            return Ok(Self::Service(Box::new(opened)));
        }
        let file = DirectoryFile::new(config.directory_file()?);
        Ok(Self::File(file.with_members_max(members_max(config))))
    }

    async fn first(&mut self) -> Result<Snapshot, Failure> {
        match self {
            Self::File(file) => {
                let snapshot = file
                    .read()
                    .map_err(|error| Failure::BadConfiguration(anyhow!(error)))?;
                check(&snapshot)?;
                Ok(snapshot)
            }
            Self::Service(service) => Ok(service.first().await),
        }
    }

    /// Tells the zone of every change; the service is told of the zone in return.
    fn run(self, zone: &Zone) -> impl Future<Output = ()> + Send + use<> {
        let (updates, events, roll_call) = (zone.updates(), zone.subscribe(), zone.roll_call());
        async move {
            match self {
                Self::File(file) => file.watch(updates).await,
                Self::Service(service) => service.run(updates, events, roll_call).await,
            }
        }
    }
}

/// Tells where a zone listens.
pub(crate) fn say_where(zone: &Zone) {
    for bound in zone.bound() {
        console::say(&format!(
            "listening on {} ({})",
            bound.local,
            bound.transport.via_token()
        ));
    }
}

/// Checks a directory as the zone would.
///
/// # Errors
///
/// When the zone would refuse it.
fn check(snapshot: &Snapshot) -> Result<(), Failure> {
    let mut directory = Directory::new(snapshot.account.clone());
    directory
        .apply(Update::Snapshot(snapshot.clone()))
        .map(|_| ())
        .map_err(|error| Failure::BadConfiguration(anyhow!(error)))
}

/// How many a page of the zone reaches.
pub(crate) fn members_max(config: &ZoneConfig) -> usize {
    // One leg is the talker's.
    limits(config).legs_per_page.saturating_sub(1)
}

fn limits(config: &ZoneConfig) -> admission::Limits {
    admission::Limits::within(config.media.ports.pairs())
}

/// Logs what happens until the zone has ended.
async fn narrate_all(mut events: broadcast::Receiver<ZoneEvent>) {
    loop {
        match events.recv().await {
            Ok(event) => {
                if let Some(words) = narrate(&event) {
                    tracing::info!("{words}");
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// What a zone is made of; `tls` is what its TLS listeners show.
///
/// # Errors
///
/// When the system gives no random numbers.
pub(crate) fn setup(
    config: &ZoneConfig,
    snapshot: Snapshot,
    tls: Option<ServerTls>,
) -> Result<ZoneSetup, Failure> {
    let mut core = switch::Config::new(config.name.clone(), snapshot.account.clone());
    let plain = match config.media.plain {
        PlainRtp::Never => PlainMedia::Never,
        PlainRtp::OverClearFlows => PlainMedia::OverClearFlows,
        PlainRtp::Anywhere => PlainMedia::Anywhere,
    };
    core.media = MediaPolicy {
        plain,
        ..MediaPolicy::default()
    };
    core.limits = limits(config);
    core.hosts.clone_from(&config.listen.names);
    if let Some(address) = config.listen.advertise {
        core.hosts.push(address.to_string());
        core.advertised = advertised(config, address);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(ZoneSetup {
        core,
        directory: snapshot,
        listeners: listeners(config, tls),
        limits: Limits::default(),
        media: MediaPlaneConfig {
            bind: match config.media.bind.as_slice() {
                [] => MediaAddresses::ALL,
                addresses => MediaAddresses::new(addresses),
            },
            advertise: config.listen.advertise,
            ports: config.media.ports,
            seed,
        },
        control: Some(config.control.clone()),
    })
}

/// What the TLS listeners show by the files that are named; none where there is no such listener.
pub(crate) fn tls_of_files(config: &ZoneConfig) -> Result<Option<ServerTls>, Failure> {
    let Some(files) = config.tls_files()? else {
        return Ok(None);
    };
    let identity = Identity::from_files(&files.certificate, &files.key).map_err(|error| {
        let is_key = error.file() == files.key;
        let key = if is_key { "tls.key" } else { "tls.certificate" };
        let what = format!("{error}; name a PEM file that can be read");
        config.wrong(key, &what)
    })?;
    ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked)
        .map(Some)
        .map_err(|error| Failure::BadConfiguration(anyhow!(error)))
}

fn listeners(config: &ZoneConfig, tls: Option<ServerTls>) -> Vec<ListenerConfig> {
    let listen = &config.listen;
    let advertise = listen.advertise.map(|address| Advertise {
        host: address.to_string(),
        port: None,
    });
    let listener = |kind: ListenerKind, bind| ListenerConfig {
        kind,
        bind,
        advertise: advertise.clone(),
    };
    let udp = ListenerKind::Udp {
        datagram_bytes_max: DATAGRAM_BYTES_MAX,
    };
    let mut listeners: Vec<ListenerConfig> = listen
        .udp
        .iter()
        .map(|bind| listener(udp.clone(), *bind))
        .collect();
    listeners.extend(listen.tcp.iter().map(|bind| listener(ListenerKind::Tcp, *bind)));
    if let Some(tls) = tls {
        let addresses = listen.tls.iter();
        listeners.extend(addresses.map(|bind| listener(ListenerKind::Tls(tls.clone()), *bind)));
    }
    listeners
}

fn advertised(config: &ZoneConfig, address: IpAddr) -> Vec<Advertised> {
    let listen = &config.listen;
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    [
        (Transport::Udp, &listen.udp),
        (Transport::Tcp, &listen.tcp),
        (Transport::Tls, &listen.tls),
    ]
    .into_iter()
    .filter_map(|(transport, addresses)| {
        let port = addresses.first()?.port();
        Some(Advertised {
            transport,
            host: host.clone(),
            port,
        })
    })
    .collect()
}
