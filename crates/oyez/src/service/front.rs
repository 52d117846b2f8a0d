//! The portal's port, which is there before the portal is.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::anyhow;
use axum::Router;
use axum::extract::Request;
use net::tls::ServerTls;
use tower::ServiceExt as _;
use web::{Limits, Listener};

use crate::failure::Failure;

/// Connections to the portal: a browser opens a handful.
const LIMITS: Limits = Limits {
    connections: 256,
    connections_per_source: 64,
};

/// A port that answers in one way until the portal is there, and then as that does.
pub(super) struct Front {
    listener: Listener,
    portal: Arc<OnceLock<Router>>,
}

impl Front {
    /// Listens; what is asked before there is a portal goes to `before`.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub(super) async fn start(listen: SocketAddr, tls: &ServerTls, before: Router) -> Result<Self, Failure> {
        let portal = Arc::new(OnceLock::<Router>::new());
        let opened = Arc::clone(&portal);
        let router = Router::new().fallback(move |request: Request| {
            let behind = opened.get().unwrap_or(&before).clone();
            behind.oneshot(request)
        });
        let listener = Listener::start(listen, tls, LIMITS, router).await;
        let listener = listener.map_err(|error| anyhow!(error))?;
        Ok(Self { listener, portal })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Has the portal answer from here on.
    pub(super) fn open(&self, portal: Router) {
        // It is opened once.
        let _is_first = self.portal.set(portal).is_ok();
    }
}
