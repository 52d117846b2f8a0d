//! The endpoint's site at its listener.

use std::net::SocketAddr;

use device::Appliance;
use net::tls::ServerTls;
use web::{Limits, Listener, ListenerError};

use crate::access::Access;
use crate::log_book::LogBook;
use crate::site::{Site, router};

/// Connections at a time: a browser opens six, an event stream holds one.
pub const LIMITS: Limits = Limits {
    connections: 64,
    connections_per_source: 16,
};

/// What the site is made of.
pub struct WebSetup {
    /// The endpoint that it shows and changes.
    pub appliance: Appliance,
    /// Who may come in.
    pub access: Access,
    /// What the program has logged.
    pub log_book: LogBook,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate that it shows.
    pub tls: ServerTls,
}

/// Why the site cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve web pages; choose another address with --web, or --web off")]
pub struct WebError(#[from] ListenerError);

/// A site that is being served; it ends when this is dropped.
#[derive(Debug)]
pub struct Web(Listener);

impl Web {
    /// Listens and serves on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start(setup: WebSetup) -> Result<Self, WebError> {
        let router = router(Site::new(setup.appliance, setup.access, setup.log_book));
        Ok(Self(
            Listener::start(setup.listen, &setup.tls, LIMITS, router).await?,
        ))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}
