//! The client side of TLS: whom to trust, what to show.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{CertificateClock, Identity, MinimumVersion, provider};

/// Whom a client believes that a server is who it says.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// The authorities that the operating system trusts.
    #[default]
    Platform,
    /// Those of the operating system, and these.
    PlatformAnd(Vec<CertificateDer<'static>>),
    /// These authorities and no others.
    Authorities(Vec<CertificateDer<'static>>),
    /// Anyone. The channel is encrypted to whoever answers, who may be an attacker.
    Anyone,
    /// Anyone, as the other end is a listener of this process: whose certificate it shows makes no difference.
    ThisProcess,
}

/// What a [`ClientTls`] is made from.
#[derive(Debug, Clone, Default)]
pub struct ClientTlsConfig {
    /// Whom to trust.
    pub trust: Trust,
    /// Lowest version agreed to.
    pub minimum: MinimumVersion,
    /// The certificate shown to a server that asks for one.
    pub identity: Option<Identity>,
    /// The time that certificates are checked at.
    pub clock: CertificateClock,
}

/// A TLS client configuration; clones are the same policy.
///
/// The server's certificate is checked by RFC 9525 against the name given with each connection:
/// subject alternative names only, a wildcard as the whole left-most label only, IP addresses as such.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    policy: u64,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ClientTls(policy {})", self.policy)
    }
}

impl ClientTls {
    /// Makes the configuration.
    ///
    /// # Errors
    /// The trusted authorities or the own certificate cannot be used.
    pub fn new(config: ClientTlsConfig) -> Result<Self, TrustError> {
        static NEXT_POLICY: AtomicU64 = AtomicU64::new(0);
        let verifier: Arc<dyn ServerCertVerifier> = match config.trust {
            Trust::Platform => Arc::new(Verifier::new(provider()).map_err(TrustError::Platform)?),
            Trust::PlatformAnd(authorities) => {
                let verifier = Verifier::new_with_extra_roots(authorities, provider());
                Arc::new(verifier.map_err(TrustError::Platform)?)
            }
            Trust::Authorities(authorities) => {
                let mut roots = RootCertStore::empty();
                for authority in authorities {
                    roots.add(authority).map_err(TrustError::Authority)?;
                }
                rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
                    .build()
                    .map_err(TrustError::Authorities)?
            }
            Trust::Anyone => {
                tracing::warn!(
                    "TLS certificate validation is off: whoever answers is taken for the server, attackers included"
                );
                Arc::new(AcceptAnyone { provider: provider() })
            }
            Trust::ThisProcess => Arc::new(AcceptAnyone { provider: provider() }),
        };
        let builder = ClientConfig::builder_with_details(provider(), Arc::new(config.clock))
            .with_protocol_versions(config.minimum.versions())
            .map_err(TrustError::Versions)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let client = match config.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain().to_vec(), identity.key())
                .map_err(TrustError::Identity)?,
        };
        Ok(Self {
            config: Arc::new(client),
            policy: NEXT_POLICY.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// The configuration for a connector of another protocol, as HTTPS.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Tells policies apart: two connections may be shared only where their policies are one.
    pub(crate) fn policy(&self) -> u64 {
        self.policy
    }
}

/// Why a client configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The operating system's authorities cannot be had.
    #[error("the operating system's trusted authorities cannot be used: {0}")]
    Platform(#[source] rustls::Error),
    /// One of the given authorities is not a certificate.
    #[error("a trusted authority cannot be used: {0}")]
    Authority(#[source] rustls::Error),
    /// The given authorities as a set cannot be used, as when there is none.
    #[error("the trusted authorities cannot be used: {0}")]
    Authorities(#[source] rustls::client::VerifierBuilderError),
    /// The provider has no cipher suite for the versions asked for.
    #[error("the TLS versions cannot be used: {0}")]
    Versions(#[source] rustls::Error),
    /// The own certificate cannot be used.
    #[error("the client certificate cannot be used: {0}")]
    Identity(#[source] rustls::Error),
}

/// Accepts every certificate, but still has the server prove that it holds the key of the one shown.
#[derive(Debug)]
struct AcceptAnyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
