//! Where the zone of `oyez up` listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, anyhow};
use net::media::{MediaAddresses, MediaPlaneConfig, PortRange};
use net::tls::{ClientCertificates, MinimumVersion, ServerTls};
use net::transport::{DATAGRAM_BYTES_MAX, Limits, ListenerConfig, ListenerKind};
use switch::{MediaPolicy, PlainMedia};
use zone::{Zone, ZoneSetup};

use super::installation::Installation;
use super::stage::StageSetup;
use crate::failure::Failure;

/// Ports kept for media.
const MEDIA_PORTS: u16 = 10_000;

/// Where the zone listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listening {
    /// On free ports of one address of this machine.
    FreePorts(IpAddr),
    /// On all addresses.
    Everywhere {
        /// UDP and TCP port; TLS takes the next one.
        sip_port: u16,
        /// First media port.
        media_port: u16,
    },
}

impl Listening {
    /// The address at which programs of this machine reach the zone.
    pub fn reached_at(&self) -> IpAddr {
        match self {
            Self::FreePorts(address) => *address,
            Self::Everywhere { .. } => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// The addresses of the network at which the zone is reached, loopback left out.
    ///
    /// # Errors
    ///
    /// When the addresses of this machine cannot be listed.
    pub fn addresses(&self) -> Result<Vec<IpAddr>> {
        let addresses = match self {
            Self::FreePorts(address) => vec![*address],
            Self::Everywhere { .. } => {
                net::local_addresses().context("cannot list this machine's addresses")?
            }
        };
        Ok(addresses
            .into_iter()
            .filter(|address| !address.is_loopback() && !address.is_unspecified())
            .collect())
    }

    /// The address to bind, the UDP, TCP and TLS ports, and the ports of media.
    fn sockets(self) -> Result<(IpAddr, u16, u16, PortRange)> {
        Ok(match self {
            Self::FreePorts(address) => (address, 0, 0, PortRange::default()),
            Self::Everywhere { sip_port, media_port } => {
                let last = media_port.saturating_add(MEDIA_PORTS - 1);
                let ports = PortRange::new(media_port, last).map_err(|error| anyhow!(error))?;
                (IpAddr::V4(Ipv4Addr::UNSPECIFIED), sip_port, sip_port + 1, ports)
            }
        })
    }
}

/// Starts the zone of `installation`.
///
/// # Errors
///
/// Names what cannot be had.
pub(super) async fn start_zone(setup: &StageSetup, installation: &Installation) -> Result<Zone, Failure> {
    let mut core = switch::Config::new("oyez", installation.snapshot.account.clone());
    core.hosts = installation
        .addresses
        .iter()
        .map(ToString::to_string)
        .chain(["localhost".to_owned()])
        .collect();
    core.media = MediaPolicy {
        plain: PlainMedia::OverClearFlows,
        ..MediaPolicy::default()
    };
    let server = ServerTls::new(
        &installation.identity,
        MinimumVersion::Tls12,
        ClientCertificates::NotAsked,
    )
    .map_err(|error| anyhow!(error))?;
    let (bind, sip_port, tls_port, ports) = setup.listening.sockets()?;
    core.limits = switch::admission::Limits::within(ports.pairs());
    let listener = |kind, port| ListenerConfig {
        kind,
        bind: SocketAddr::new(bind, port),
        advertise: None,
    };
    let udp = ListenerKind::Udp {
        datagram_bytes_max: DATAGRAM_BYTES_MAX,
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let setup = ZoneSetup {
        core,
        directory: installation.snapshot.clone(),
        listeners: vec![
            listener(udp, sip_port),
            listener(ListenerKind::Tcp, sip_port),
            listener(ListenerKind::Tls(server), tls_port),
        ],
        limits: Limits::default(),
        media: MediaPlaneConfig {
            bind: MediaAddresses::new(&[bind]),
            advertise: None,
            ports,
            seed,
        },
        control: Some(setup.state.zone_control()),
    };
    Ok(Zone::start(setup)
        .await
        .map_err(|error| anyhow!(error).context("the zone cannot be started"))?)
}
