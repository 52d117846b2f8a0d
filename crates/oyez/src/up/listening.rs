//! Where an installation of `oyez up` listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result};

/// Ports kept for media.
const MEDIA_PORTS: u16 = 10_000;
/// Those of an installation on free ports: below the ports that Linux gives to clients.
const FREE_MEDIA_PORTS: (u16, u16) = (16_384, 32_767);

/// Where an installation listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listening {
    /// On free ports of one address of this machine.
    FreePorts(IpAddr),
    /// On all addresses.
    Everywhere {
        /// UDP and TCP port; TLS takes the next one, and each a free one where it is 0.
        sip_port: u16,
        /// First media port.
        media_port: u16,
        /// Port of the portal; the provisioning server takes the next one, and each a free one where it is 0.
        web_port: u16,
    },
}

/// Sockets of the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ZoneSockets {
    /// UDP and TCP.
    pub(super) clear: SocketAddr,
    /// TLS.
    pub(super) tls: SocketAddr,
    /// Where media is bound.
    pub(super) media_bind: IpAddr,
    /// First and last port of media.
    pub(super) media_ports: (u16, u16),
}

impl Listening {
    /// The address at which programs of this machine reach the installation.
    #[must_use]
    pub fn reached_at(&self) -> IpAddr {
        match self {
            Self::FreePorts(address) => *address,
            Self::Everywhere { .. } => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// The address that the loudspeakers' sockets are bound to.
    #[must_use]
    pub fn loudspeakers_at(&self) -> IpAddr {
        match self {
            Self::FreePorts(address) => *address,
            Self::Everywhere { .. } => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }

    /// The addresses at which the installation is reached, the loopback ones last.
    ///
    /// # Errors
    ///
    /// When the addresses of this machine cannot be listed.
    pub(super) fn all_addresses(&self) -> Result<Vec<IpAddr>> {
        let addresses = match self {
            Self::FreePorts(address) => vec![*address],
            Self::Everywhere { .. } => {
                net::local_addresses().context("cannot list this machine's addresses")?
            }
        };
        let loopback = match self {
            Self::FreePorts(IpAddr::V6(_)) => {
                [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)]
            }
            _ => [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        };
        let of_network = addresses
            .into_iter()
            .filter(|address| !address.is_loopback() && !address.is_unspecified());
        Ok(of_network.chain(loopback).collect())
    }

    /// Where portal and provisioning server listen.
    pub(super) fn web(&self) -> (SocketAddr, SocketAddr) {
        let (bind, portal) = match self {
            Self::FreePorts(address) => (*address, 0),
            Self::Everywhere { web_port, .. } => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), *web_port),
        };
        (SocketAddr::new(bind, portal), SocketAddr::new(bind, next(portal)))
    }

    /// The sockets of the zone.
    pub(super) fn sip(&self) -> ZoneSockets {
        let (bind, clear, media_ports) = match self {
            Self::FreePorts(address) => (*address, 0, FREE_MEDIA_PORTS),
            Self::Everywhere {
                sip_port, media_port, ..
            } => {
                let media_ports = (*media_port, media_port.saturating_add(MEDIA_PORTS - 1));
                (IpAddr::V4(Ipv4Addr::UNSPECIFIED), *sip_port, media_ports)
            }
        };
        ZoneSockets {
            clear: SocketAddr::new(bind, clear),
            tls: SocketAddr::new(bind, next(clear)),
            media_bind: bind,
            media_ports,
        }
    }
}

/// The port beside another; 0 leaves the choice to the system.
fn next(port: u16) -> u16 {
    if port == 0 { 0 } else { port.saturating_add(1) }
}
