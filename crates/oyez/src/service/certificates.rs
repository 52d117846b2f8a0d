//! The service's own authority, and the certificates that its listeners show.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow};
use net::authority::{Authority, AuthorityDirectory, Purpose, Subject};
use net::tls::{ClientCertificates, Identity, MinimumVersion, ServerTls};

use super::imported::{Imported, ImportedFiles};
use crate::state::StateFolder;

/// Name of the authority, as it stands in its certificate.
const AUTHORITY_NAME: &str = "Oyez service authority";
/// How often it is looked whether a certificate has to be renewed: they live for months.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(12 * 3_600);

/// How often certificates that others have issued are read anew.
const READ_EVERY: Duration = Duration::from_secs(60);

/// The authority with the certificates that it has issued for this machine.
#[derive(Debug)]
pub(crate) struct Certificates {
    directory: AuthorityDirectory,
    shown: Vec<Shown>,
    imported: Vec<Imported>,
    /// When it was looked last whether something has to be renewed, and when what was imported was read.
    looked_at: Option<Instant>,
    read_at: Option<Instant>,
}

/// What a listener shows.
#[derive(Debug)]
struct Shown {
    label: &'static str,
    subjects: Vec<Subject>,
    tls: ServerTls,
}

impl Certificates {
    /// Opens the authority of the state folder, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// When its files cannot be used.
    pub(crate) fn open(state: &StateFolder) -> Result<Self> {
        let directory = AuthorityDirectory::open(&state.authority(), AUTHORITY_NAME, SystemTime::now())
            .context("the service's certificate authority cannot be used")?;
        Ok(Self {
            directory,
            shown: Vec::new(),
            imported: Vec::new(),
            looked_at: None,
            read_at: None,
        })
    }

    /// The authority.
    ///
    /// # Errors
    ///
    /// Never, once it could be opened.
    pub(super) fn authority(&self) -> Result<Arc<Authority>> {
        let authority = self.directory.authority();
        let copy = Authority::from_pem(authority.certificate_pem(), &authority.key_pem())
            .context("the service's certificate authority cannot be used")?;
        Ok(Arc::new(copy))
    }

    /// The file that those who shall trust the authority are given.
    pub(crate) fn authority_file(&self) -> PathBuf {
        self.directory.certificate_file()
    }

    /// What a listener shows whose clients know it by one of these hosts, from the authority of this service.
    ///
    /// # Errors
    ///
    /// When no certificate can be issued for them.
    pub(super) fn server(
        &mut self,
        label: &'static str,
        hosts: &[&str],
        clients: ClientCertificates,
    ) -> Result<ServerTls> {
        let subjects: Vec<Subject> = hosts.iter().map(|host| subject(host)).collect();
        let identity = self
            .directory
            .identity(label, &subjects, Purpose::Server, SystemTime::now())
            .with_context(|| format!("the certificate for {} cannot be made", hosts.join(", ")))?;
        let tls =
            ServerTls::new(&identity, MinimumVersion::Tls12, clients).map_err(|error| anyhow!(error))?;
        self.shown.retain(|shown| shown.label != label);
        self.shown.push(Shown {
            label,
            subjects,
            tls: tls.clone(),
        });
        Ok(tls)
    }

    /// What a site shows: a certificate that somebody else has issued, where the configuration names one, else one of this service.
    ///
    /// # Errors
    ///
    /// When no certificate can be issued.
    pub(super) fn site(
        &mut self,
        label: &'static str,
        host: &str,
        imported: Option<(ImportedFiles, Identity)>,
        clients: ClientCertificates,
    ) -> Result<ServerTls> {
        let Some((files, identity)) = imported else {
            return self.server(label, &[host], clients);
        };
        let tls =
            ServerTls::new(&identity, MinimumVersion::Tls12, clients).map_err(|error| anyhow!(error))?;
        self.imported.retain(|imported| imported.label() != label);
        self.imported
            .push(Imported::new(label, files, identity, tls.clone()));
        Ok(tls)
    }

    /// Looks again and again, for as long as the service runs.
    pub(super) async fn renew(mut self) {
        loop {
            self.look(Instant::now(), SystemTime::now());
            tokio::time::sleep(READ_EVERY).await;
        }
    }

    /// Renews what is to be renewed, and shows what was imported anew, each where it is time to look again.
    pub(super) fn look(&mut self, now: Instant, date: SystemTime) {
        if is_due(&mut self.read_at, now, READ_EVERY) {
            self.imported.iter_mut().for_each(|imported| imported.look(date));
        }
        if !is_due(&mut self.looked_at, now, LOOK_EVERY) {
            return;
        }
        for Shown { label, subjects, tls } in &self.shown {
            match self.directory.identity(label, subjects, Purpose::Server, date) {
                Ok(identity) => tls.replace_identity(&identity),
                Err(error) => {
                    let error = device::sentence(&error);
                    tracing::error!(%error, listener = label, "a certificate cannot be renewed");
                }
            }
        }
    }
}

/// Says whether something is to be done again, and notes that it is.
fn is_due(last: &mut Option<Instant>, now: Instant, every: Duration) -> bool {
    let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= every);
    if is_due {
        *last = Some(now);
    }
    is_due
}

/// What a certificate has for a host.
pub(super) fn subject(host: &str) -> Subject {
    host.parse::<IpAddr>()
        .map_or_else(|_| Subject::Name(host.to_owned()), Subject::Address)
}

#[cfg(test)]
pub(super) mod tests {
    use net::tls::{ClientTls, ClientTlsConfig, Trust};
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// The certificate that is shown at the other end, whatever it is worth.
    pub(in super::super) async fn shown_at(
        stream: impl AsyncRead + AsyncWrite + Unpin,
    ) -> CertificateDer<'static> {
        let tls = ClientTls::new(ClientTlsConfig {
            trust: Trust::Anyone,
            ..ClientTlsConfig::default()
        });
        let connector = TlsConnector::from(tls.unwrap().config());
        let name = ServerName::try_from("192.0.2.1").unwrap();
        let connected = connector.connect(name, stream).await.unwrap();
        let shown = connected.get_ref().1.peer_certificates().unwrap();
        shown.first().unwrap().clone()
    }

    #[tokio::test]
    async fn what_a_listener_shows_is_renewed_in_its_time_and_looked_at_so_often() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::configured(folder.path());
        state.prepare().unwrap();
        let mut certificates = Certificates::open(&state).unwrap();
        let tls = certificates
            .server("zone", &["192.0.2.1"], ClientCertificates::NotAsked)
            .unwrap();
        let shown = async || {
            let (client, server) = tokio::io::duplex(64 * 1024);
            let accepting = TlsAcceptor::from(tls.config()).accept(server);
            tokio::join!(shown_at(client), accepting).0
        };
        let (start, first) = (Instant::now(), shown().await);
        let later = SystemTime::now() + Duration::from_secs(300 * 24 * 3_600);

        certificates.look(start, SystemTime::now());
        assert_eq!(shown().await, first);
        certificates.look(start + LOOK_EVERY - Duration::from_millis(1), later);
        assert_eq!(shown().await, first, "it is not looked at in between");
        certificates.look(start + LOOK_EVERY, later);

        assert_ne!(shown().await, first);
    }
}
