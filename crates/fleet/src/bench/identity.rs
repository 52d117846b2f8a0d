//! One certificate for all servers, and clients that check it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// The authority's folder and the label of the servers' certificate.
const AUTHORITY_NAME: &str = "Fleet benchmark";
const LABEL: &str = "server";

/// A TLS version that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Version {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }

    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

/// Certificate and key of the servers (ECDSA P-256), and whom clients trust.
#[derive(Debug)]
pub(crate) struct Identity {
    file: PathBuf,
    authority: CertificateDer<'static>,
}

impl Identity {
    /// Makes an authority in `folder` and a certificate for servers on loopback.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let now = SystemTime::now();
        let authority = AuthorityDirectory::open(folder, AUTHORITY_NAME, now)?;
        let subjects = [Subject::Address(Ipv4Addr::LOCALHOST.into())];
        authority.identity(LABEL, &subjects, Purpose::Server, now)?;
        Ok(Self {
            file: folder.join(format!("{LABEL}.pem")),
            authority: authority.authority().certificate().clone(),
        })
    }

    /// The file with certificate, chain and key.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The file with the authority's certificate, for programs that trust a file.
    pub(crate) fn authority_file(&self) -> PathBuf {
        self.file.with_file_name("authority.pem")
    }

    /// A client of one TLS version, of one key exchange that all servers have, and that never resumes a session: a power cut
    /// leaves nobody with a session.
    pub(crate) fn client(&self, version: Version) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone())?;
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![aws_lc_rs::kx_group::SECP256R1];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version.supported()])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    /// What a talker trusts.
    pub(crate) fn policy(&self) -> Result<ClientTls> {
        Ok(ClientTls::new(ClientTlsConfig {
            trust: Trust::Authorities(vec![self.authority.clone()]),
            minimum: MinimumVersion::Tls12,
            ..ClientTlsConfig::default()
        })?)
    }

    /// The name the certificate is checked against.
    pub(crate) fn server_name() -> ServerName<'static> {
        ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST))
    }
}
