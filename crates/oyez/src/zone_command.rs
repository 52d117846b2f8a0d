//! `oyez zone`: runs a zone from a configuration file.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, anyhow};
use model::directory::Snapshot;
use net::media::{MediaPlaneConfig, PortRange};
use net::tls::{ClientCertificates, Identity, MinimumVersion, ServerTls};
use net::transport::{Advertise, DATAGRAM_BYTES_MAX, Limits, ListenerConfig, ListenerKind};
use sip::flow::Transport;
use sip::user_agent::Advertised;
use switch::{MediaPolicy, PlainMedia};
use tokio::signal::unix::{SignalKind, signal};
use zone::config::{PlainRtp, ZoneConfig};
use zone::{DirectoryFile, Zone, ZoneSetup};

use crate::cli::ZoneArguments;
use crate::console;
use crate::failure::Failure;
use crate::up::{installation, narrate};

/// Runs the command until it is interrupted or told to end.
///
/// # Errors
///
/// Bad configuration names file and line; a port, certificate or folder that cannot be had is named. Nothing is left
/// started.
pub async fn run(arguments: ZoneArguments) -> Result<(), Failure> {
    let config =
        ZoneConfig::read(&arguments.config).map_err(|error| Failure::BadConfiguration(anyhow!(error)))?;
    let mut directory = DirectoryFile::new(&config.directory);
    let snapshot = directory
        .read()
        .map_err(|error| Failure::BadConfiguration(anyhow!(error)))?;
    installation::check(&snapshot)?;
    if let Some(warning) = net::raise_open_files(net::OPEN_FILES_WANTED)
        .context("cannot read the limit of open files")?
        .warning(net::OPEN_FILES_WANTED)
    {
        tracing::warn!("{warning}");
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for a signal")?;
    let zone = Zone::start(setup(&config, snapshot)?)
        .await
        .map_err(|error| anyhow!(error))?;
    for bound in zone.bound() {
        console::say(&format!(
            "listening on {} ({})",
            bound.local,
            bound.transport.via_token()
        ));
    }
    tokio::spawn(directory.watch(zone.updates()));
    let mut events = zone.subscribe();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("cannot wait for an interrupt")?;
                break;
            }
            event = events.recv() => match event {
                Ok(event) => if let Some(words) = narrate(&event) { tracing::info!("{words}") },
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => {
                    return Err(anyhow!("the zone has ended by itself").into());
                }
            },
        }
    }
    zone.stop().await;
    Ok(())
}

fn setup(config: &ZoneConfig, snapshot: Snapshot) -> Result<ZoneSetup, Failure> {
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
    core.hosts.clone_from(&config.listen.names);
    if let Some(address) = config.listen.advertise {
        core.hosts.push(address.to_string());
        core.advertised = advertised(config, address);
    }
    let ports = &config.media.ports.0;
    let ports = PortRange::new(*ports.start(), *ports.end())
        .map_err(|error| Failure::BadConfiguration(anyhow!(error)))?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(ZoneSetup {
        core,
        directory: snapshot,
        listeners: listeners(config)?,
        limits: Limits::default(),
        media: MediaPlaneConfig {
            bind: config.media.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            advertise: config.listen.advertise,
            ports,
            seed,
        },
        control: Some(config.control.clone()),
    })
}

fn listeners(config: &ZoneConfig) -> Result<Vec<ListenerConfig>, Failure> {
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
    if let Some(files) = &config.tls {
        let identity = Identity::from_files(&files.certificate, &files.key)
            .map_err(|error| Failure::BadConfiguration(anyhow!(error)))?;
        let server = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked)
            .map_err(|error| Failure::BadConfiguration(anyhow!(error)))?;
        listeners.extend(
            listen
                .tls
                .iter()
                .map(|bind| listener(ListenerKind::Tls(server.clone()), *bind)),
        );
    }
    Ok(listeners)
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
