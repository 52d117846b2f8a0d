//! TLS for SIP and for the control plane: identities, server and client configurations, and the
//! names of what can go wrong.
//!
//! The cryptography is aws-lc-rs, given to each configuration, so no process-wide default has to be
//! installed and none can be installed wrongly.

mod chain;
mod client;
mod client_authorities;
mod clock;
mod failure;
mod identity;
mod server;

pub use chain::{CHAIN_LENGTH_MAX, ChainOffence};
pub use client::{ClientTls, ClientTlsConfig, Trust, TrustError};
pub use client_authorities::{ClientAuthorities, ClientVerdict};
pub use clock::{CertificateClock, ClockVerdict, FAR_AHEAD, certificate_time};
pub use failure::TlsFailure;
pub use identity::{Identity, IdentityError, certificates_from_file, certificates_from_pem};
pub use server::{ClientCertificates, ServerTls, ServerTlsError};

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;

/// Lowest TLS version that a side agrees to; the highest is always 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum MinimumVersion {
    /// TLS 1.2, which several phone clouds and most phones stop at.
    #[default]
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

impl MinimumVersion {
    fn versions(self) -> &'static [&'static rustls::SupportedProtocolVersion] {
        static BOTH: &[&rustls::SupportedProtocolVersion] =
            &[&rustls::version::TLS13, &rustls::version::TLS12];
        static NEWEST: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
        match self {
            Self::Tls12 => BOTH,
            Self::Tls13 => NEWEST,
        }
    }
}

/// The one cryptography provider of the process, shared by all configurations.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}
