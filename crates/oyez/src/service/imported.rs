//! Certificates of listeners that somebody else has issued: read from files, and again when those have changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use net::authority::CertificateFacts;
use net::tls::{Identity, IdentityError, ServerTls};

/// So long before its end a certificate is warned of.
const WARNED_BEFORE: Duration = Duration::from_secs(14 * 24 * 3_600);

/// Where a certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImportedFiles {
    /// The certificate, and those between it and its authority's, in PEM.
    pub(super) certificate: PathBuf,
    /// Its key, RSA or ECDSA, in PEM; it may be the same file.
    pub(super) key: PathBuf,
}

impl ImportedFiles {
    /// Takes the paths that a file names.
    pub(super) fn of(certificate: &Path, key: Option<&Path>) -> Self {
        Self {
            certificate: certificate.to_owned(),
            key: key.unwrap_or(certificate).to_owned(),
        }
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// Names the file that is missing or cannot be used.
    pub(super) fn read(&self) -> Result<Identity, IdentityError> {
        Identity::from_files(&self.certificate, &self.key)
    }
}

/// A certificate that is shown, and is read again.
#[derive(Debug)]
pub(super) struct Imported {
    label: &'static str,
    files: ImportedFiles,
    shown: Identity,
    tls: ServerTls,
    /// What was wrong with the files when they were read last.
    fault: Option<String>,
}

impl Imported {
    pub(super) fn new(label: &'static str, files: ImportedFiles, shown: Identity, tls: ServerTls) -> Self {
        let imported = Self {
            label,
            files,
            shown,
            tls,
            fault: None,
        };
        imported.warn_of_its_end(SystemTime::now());
        imported
    }

    /// Which listener shows it.
    pub(super) const fn label(&self) -> &'static str {
        self.label
    }

    /// Reads the files again, and shows what they have if that is something else. What cannot be used is told once, and what was
    /// shown before stays.
    pub(super) fn look(&mut self, now: SystemTime) {
        match self.files.read() {
            Ok(identity) => {
                self.fault = None;
                if identity.chain() != self.shown.chain() {
                    self.tls.replace_identity(&identity);
                    self.shown = identity;
                    tracing::info!(listener = self.label, "the certificate has changed and is shown");
                    self.warn_of_its_end(now);
                }
            }
            Err(error) => {
                let fault = device::sentence(&error);
                if self.fault.as_ref() != Some(&fault) {
                    tracing::error!(
                        listener = self.label,
                        "{fault}; the certificate from before is shown on"
                    );
                    self.fault = Some(fault);
                }
            }
        }
    }

    fn warn_of_its_end(&self, now: SystemTime) {
        let facts = self.shown.chain().first().map(CertificateFacts::read);
        if let Some(Ok(facts)) = facts
            && facts.not_after < now + WARNED_BEFORE
        {
            tracing::warn!(
                listener = self.label,
                "the certificate of {} has expired or is about to: put another in its place",
                self.files.certificate.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use net::authority::{Authority, Purpose, Subject};
    use net::tls::{ClientCertificates, MinimumVersion};

    use super::*;

    fn put(folder: &Path, authority: &Authority) {
        let name = Subject::Name("oyez.example.com".to_owned());
        let issued = authority
            .issue(&[name], Purpose::Server, SystemTime::now())
            .unwrap();
        fs::write(folder.join("site.pem"), &issued.certificate_pem).unwrap();
        fs::write(folder.join("site.key"), issued.key_pem.as_str()).unwrap();
    }

    #[test]
    fn files_that_change_are_shown_and_those_that_cannot_be_used_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::generate("Public", SystemTime::now()).unwrap();
        put(folder.path(), &authority);
        let certificate = folder.path().join("site.pem");
        let files = ImportedFiles::of(&certificate, Some(&folder.path().join("site.key")));
        let first = files.read().unwrap();
        let tls = ServerTls::new(&first, MinimumVersion::Tls12, ClientCertificates::NotAsked).unwrap();
        let mut imported = Imported::new("portal", files, first.clone(), tls);

        fs::write(&certificate, "half a certificate").unwrap();
        imported.look(SystemTime::now());
        assert_eq!(imported.shown.chain(), first.chain());
        assert!(imported.fault.as_ref().unwrap().contains("site.pem"));

        put(folder.path(), &authority);
        imported.look(SystemTime::now());
        assert_ne!(imported.shown.chain(), first.chain());
        assert_eq!(imported.fault, None);
    }
}
