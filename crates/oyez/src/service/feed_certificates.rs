//! The certificates of the feed: what it shows itself, and the one that each zone has to show.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result};
use net::authority::{Authority, AuthorityDirectory, CertificateFacts, Purpose, Subject};
use net::tls::{ClientCertificates, Identity, MinimumVersion, ServerTls};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::certificates::subject;

/// Name of the authority of zones, as it stands in its certificate.
const AUTHORITY_NAME: &str = "Oyez zone authority";
/// The file of what the feed shows.
const OWN_LABEL: &str = "feed";

/// The authority of zones with what it has issued. It is one of its own: what a device has shows that it is a device, and must not
/// open the directory.
#[derive(Debug)]
pub(super) struct FeedCertificates {
    directory: AuthorityDirectory,
    folder: PathBuf,
    own: Vec<Subject>,
    tls: ServerTls,
    zones: Vec<String>,
    accepted: Mutex<BTreeMap<String, Accepted>>,
}

/// What a zone may show.
#[derive(Debug)]
struct Accepted {
    current: CertificateDer<'static>,
    /// The one before, as long as the zone has not shown the current one.
    before: Option<CertificateDer<'static>>,
}

impl FeedCertificates {
    /// Opens the folder, and makes what is not there yet.
    ///
    /// # Errors
    ///
    /// When a file cannot be used.
    pub(super) fn open(folder: &Path, host: &str, zones: &[String], now: SystemTime) -> Result<Self> {
        let directory = AuthorityDirectory::open(folder, AUTHORITY_NAME, now)
            .context("the authority of zones cannot be used")?;
        let own = vec![subject(host)];
        let identity = directory.identity(OWN_LABEL, &own, Purpose::Server, now)?;
        let clients = ClientCertificates::Required(vec![directory.authority().certificate().clone()]);
        let tls = ServerTls::new(&identity, MinimumVersion::Tls13, clients)?;
        let certificates = Self {
            directory,
            folder: folder.to_owned(),
            own,
            tls,
            zones: zones.to_vec(),
            accepted: Mutex::default(),
        };
        certificates.look(now)?;
        Ok(certificates)
    }

    /// What the feed shows and asks for.
    pub(super) fn tls(&self) -> &ServerTls {
        &self.tls
    }

    /// What signs directories.
    pub(super) fn authority(&self) -> &Authority {
        self.directory.authority()
    }

    /// Renews what is to be renewed: what the feed shows, and the files of the zones.
    ///
    /// # Errors
    ///
    /// When a file cannot be used; what was accepted goes on to be.
    pub(super) fn look(&self, now: SystemTime) -> Result<()> {
        let identity = self
            .directory
            .identity(OWN_LABEL, &self.own, Purpose::Server, now)?;
        self.tls.replace_identity(&identity);
        for zone in &self.zones {
            let accepted = self.look_at(zone, now)?;
            self.accepted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(zone.clone(), accepted);
        }
        Ok(())
    }

    fn look_at(&self, zone: &str, now: SystemTime) -> Result<Accepted> {
        let label = format!("zone-{zone}");
        let file = self.folder.join(format!("{label}.pem"));
        let before = self.before(zone);
        match leaf(&file) {
            // A file that was taken away takes what was given out of it along.
            None => remove(&before)?,
            Some(certificate) => {
                let is_due = |facts: CertificateFacts| facts.renewal_is_due(now);
                if CertificateFacts::read(&certificate).is_ok_and(is_due) {
                    // Before the new one is there: the zone has only this one until somebody copies the other.
                    fs::copy(&file, &before)
                        .with_context(|| format!("{} cannot be written", before.display()))?;
                }
            }
        }
        let subjects = [Subject::Name(zone.to_owned())];
        let identity = self.directory.identity(&label, &subjects, Purpose::Client, now)?;
        let current = identity.chain().first().cloned();
        Ok(Accepted {
            current: current.context("a certificate of a zone cannot be read")?,
            before: leaf(&before),
        })
    }

    /// The zone that a certificate is of. Once a zone shows its newest, the one before is not accepted again.
    pub(super) fn zone_of(&self, shown: &CertificateDer<'_>) -> Option<String> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let (zone, accepted) = accepted.iter_mut().find(|(_, accepted)| {
            accepted.current == *shown || accepted.before.as_ref().is_some_and(|before| before == shown)
        })?;
        if accepted.current == *shown && accepted.before.take().is_some() {
            let file = self.before(zone);
            if let Err(error) = remove(&file) {
                tracing::warn!(file = %file.display(), %error, "the earlier file of a zone cannot be removed");
            }
        }
        Some(zone.clone())
    }

    /// Where the file of a zone is kept that another one has replaced.
    fn before(&self, zone: &str) -> PathBuf {
        self.folder.join(format!("before-{zone}.pem"))
    }
}

/// The certificate of a file, if it has one.
fn leaf(file: &Path) -> Option<CertificateDer<'static>> {
    Identity::from_files(file, file).ok()?.chain().first().cloned()
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use net::authority::CERTIFICATE_VALIDITY;

    use super::*;

    fn open(folder: &Path, now: SystemTime) -> FeedCertificates {
        FeedCertificates::open(folder, "127.0.0.1", &["b".to_owned()], now).unwrap()
    }

    #[test]
    fn what_the_feed_shows_and_a_zones_file_are_renewed_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let certificates = open(folder.path(), now);
        let files = ["feed.pem", "zone-b.pem"].map(|name| folder.path().join(name));
        let issued = files.each_ref().map(|file| leaf(file).unwrap());
        certificates.look(now + CERTIFICATE_VALIDITY / 2).unwrap();
        assert_eq!(files.each_ref().map(|file| leaf(file).unwrap()), issued);

        certificates.look(now + CERTIFICATE_VALIDITY * 3 / 4).unwrap();

        for (file, issued) in files.iter().zip(&issued) {
            assert_ne!(leaf(file).as_ref(), Some(issued), "{}", file.display());
        }
    }

    #[test]
    fn the_file_before_is_accepted_until_the_zone_shows_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let later = now + CERTIFICATE_VALIDITY * 3 / 4;
        let file = folder.path().join("zone-b.pem");
        open(folder.path(), now);
        let old = leaf(&file).unwrap();
        open(folder.path(), later);
        let new = leaf(&file).unwrap();
        let certificates = open(folder.path(), later);
        assert_eq!(certificates.zone_of(&old).as_deref(), Some("b"));
        assert_eq!(certificates.zone_of(&new).as_deref(), Some("b"));
        assert_eq!(certificates.zone_of(&old), None);
        assert_eq!(open(folder.path(), later).zone_of(&old), None);
    }

    #[test]
    fn a_file_that_is_taken_away_is_accepted_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let later = now + CERTIFICATE_VALIDITY * 3 / 4;
        let file = folder.path().join("zone-b.pem");
        open(folder.path(), now);
        let old = leaf(&file).unwrap();
        open(folder.path(), later);
        let new = leaf(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let certificates = open(folder.path(), later);
        assert_eq!(certificates.zone_of(&old), None);
        assert_eq!(certificates.zone_of(&new), None);
        assert_eq!(certificates.zone_of(&leaf(&file).unwrap()).as_deref(), Some("b"));
    }
}
