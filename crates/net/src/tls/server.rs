//! The server side of TLS.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::client_authorities::{AnyCertificate, ClientAuthorities};
use super::{Identity, MinimumVersion, provider};

/// What a server asks of its clients.
#[derive(Debug, Clone, Default)]
pub enum ClientCertificates {
    /// No certificate is asked for; clients show who they are by digest.
    #[default]
    NotAsked,
    /// Only clients with a certificate under one of these authorities are let in.
    Required(Vec<CertificateDer<'static>>),
    /// A certificate is asked for, and whoever shows none or any is let in: that a client has the key of what it shows is
    /// proved, and what that is worth is judged later, by [`ClientAuthorities`](super::ClientAuthorities).
    Requested,
}

/// A TLS server configuration whose identity can be replaced while it runs.
///
/// Clones share the identity, so a renewed certificate reaches every listener.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    current: Arc<CurrentIdentity>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerTls")
    }
}

impl ServerTls {
    /// Makes the configuration.
    ///
    /// Session tickets are off: a phone reconnects rarely, and a ticket costs memory on both sides.
    ///
    /// # Errors
    /// The authorities for client certificates cannot be used.
    pub fn new(
        identity: &Identity,
        minimum: MinimumVersion,
        clients: ClientCertificates,
    ) -> Result<Self, ServerTlsError> {
        let current = Arc::new(CurrentIdentity(RwLock::new(identity.certified())));
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(minimum.versions())
            .map_err(ServerTlsError::Versions)?;
        let builder = match clients {
            ClientCertificates::NotAsked => builder.with_no_client_auth(),
            ClientCertificates::Required(authorities) => {
                builder.with_client_cert_verifier(ClientAuthorities::new(&authorities)?.verifier())
            }
            ClientCertificates::Requested => {
                builder.with_client_cert_verifier(Arc::new(AnyCertificate(provider())))
            }
        };
        let resolver: Arc<dyn ResolvesServerCert> = current.clone();
        let mut config = builder.with_cert_resolver(resolver);
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            config: Arc::new(config),
            current,
        })
    }

    /// Replaces the identity for all handshakes from here on; open connections stay.
    pub fn replace_identity(&self, identity: &Identity) {
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = identity.certified();
    }

    /// The configuration for an acceptor of another protocol, as HTTPS.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// Why a server configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// The provider has no cipher suite for the versions asked for.
    #[error("the TLS versions cannot be used: {0}")]
    Versions(#[source] rustls::Error),
    /// One authority for client certificates is not a certificate.
    #[error("an authority for client certificates cannot be used: {0}")]
    Authority(#[source] rustls::Error),
    /// The authorities as a set cannot be used, as when there is none.
    #[error("the authorities for client certificates cannot be used: {0}")]
    Authorities(#[source] rustls::server::VerifierBuilderError),
}

struct CurrentIdentity(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for CurrentIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CurrentIdentity")
    }
}

impl ResolvesServerCert for CurrentIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
