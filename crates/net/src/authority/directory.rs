//! The files of an authority.
//!
//! `authority.key` (0600) is written before `authority.pem`, so a crash in between leaves a key from
//! which the certificate is made again. An identity is one file with certificate, chain and key, so it is old or
//! new, never half.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::KeyPair;
use zeroize::Zeroizing;

use super::{Authority, AuthorityError, CertificateFacts, Purpose, Subject};
use crate::tls::{Identity, IdentityError};

const CERTIFICATE_FILE: &str = "authority.pem";
const KEY_FILE: &str = "authority.key";
/// Readable and writable by the owner only: the file holds a private key.
const SECRET_MODE: u32 = 0o600;
/// Readable by all: a certificate is public.
const PUBLIC_MODE: u32 = 0o644;

/// An authority that lives in a directory, with the identities it has issued for this machine.
#[derive(Debug)]
pub struct AuthorityDirectory {
    directory: PathBuf,
    authority: Authority,
}

impl AuthorityDirectory {
    /// Loads the authority of `directory`, or makes one named `name` where there is none.
    ///
    /// # Errors
    /// A file cannot be read or written, or does not hold what it should. An authority whose key is missing
    /// is never replaced by another one: those who trust it would not trust the other.
    pub fn open(directory: &Path, name: &str, now: SystemTime) -> Result<Self, DirectoryError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| DirectoryError::Write {
                file: directory.to_owned(),
                source,
            })?;
        let certificate_file = directory.join(CERTIFICATE_FILE);
        let key_file = directory.join(KEY_FILE);
        let certificate = read_if_there(&certificate_file)?;
        let key = read_if_there(&key_file)?;
        let authority = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Authority::from_pem(&certificate, &key).map_err(|source| DirectoryError::Authority {
                    directory: directory.to_owned(),
                    source,
                })?
            }
            (Some(_), None) => return Err(DirectoryError::KeyMissing { file: key_file }),
            (None, key) => make_authority(directory, name, key, now)?,
        };
        Ok(Self {
            directory: directory.to_owned(),
            authority,
        })
    }

    /// The authority.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The file that those who shall trust this authority are given.
    #[must_use]
    pub fn certificate_file(&self) -> PathBuf {
        self.directory.join(CERTIFICATE_FILE)
    }

    /// The identity stored under `label`, renewed when a third of its validity is left, when it does not
    /// cover all `subjects`, or when it was issued by another authority.
    ///
    /// # Errors
    /// The identity cannot be issued, or its file not be written.
    pub fn identity(
        &self,
        label: &str,
        subjects: &[Subject],
        purpose: Purpose,
        now: SystemTime,
    ) -> Result<Identity, DirectoryError> {
        let file = self.directory.join(format!("{label}.pem"));
        if let Some(identity) = self.usable(&file, subjects, now) {
            return Ok(identity);
        }
        let failed = |source| DirectoryError::Authority {
            directory: self.directory.clone(),
            source,
        };
        let issued = self.authority.issue(subjects, purpose, now).map_err(failed)?;
        let text = Zeroizing::new(format!(
            "{}{}{}",
            issued.certificate_pem,
            self.authority.certificate_pem(),
            issued.key_pem.as_str()
        ));
        write_atomically(&file, text.as_bytes(), SECRET_MODE)?;
        Identity::from_files(&file, &file).map_err(DirectoryError::Identity)
    }

    /// An identity that is unreadable or of another authority is as good as none: it is issued again.
    fn usable(&self, file: &Path, subjects: &[Subject], now: SystemTime) -> Option<Identity> {
        let identity = Identity::from_files(file, file).ok()?;
        let facts = CertificateFacts::read(identity.chain().first()?).ok()?;
        let is_ours = identity.chain().get(1) == Some(self.authority.certificate());
        (is_ours && facts.covers(subjects) && !facts.renewal_is_due(now)).then_some(identity)
    }
}

fn make_authority(
    directory: &Path,
    name: &str,
    key: Option<Zeroizing<String>>,
    now: SystemTime,
) -> Result<Authority, DirectoryError> {
    let failed = |source| DirectoryError::Authority {
        directory: directory.to_owned(),
        source,
    };
    let authority = match key {
        None => {
            let authority = Authority::generate(name, now).map_err(failed)?;
            write_atomically(
                &directory.join(KEY_FILE),
                authority.key_pem().as_bytes(),
                SECRET_MODE,
            )?;
            authority
        }
        Some(key) => {
            let key = KeyPair::from_pem(&key).map_err(|error| failed(AuthorityError::Key(error)))?;
            Authority::self_signed(name, key, now).map_err(failed)?
        }
    };
    let certificate = authority.certificate_pem().as_bytes();
    write_atomically(&directory.join(CERTIFICATE_FILE), certificate, PUBLIC_MODE)?;
    Ok(authority)
}

fn read_if_there(file: &Path) -> Result<Option<Zeroizing<String>>, DirectoryError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DirectoryError::Read {
            file: file.to_owned(),
            source,
        }),
    }
}

/// Writes a file so that a crash leaves the old content or the new, never a part.
fn write_atomically(file: &Path, content: &[u8], mode: u32) -> Result<(), DirectoryError> {
    let partial = file.with_extension("partial");
    let write = || -> io::Result<()> {
        // A partial file left by a crash may have any mode; a fresh one is made instead.
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut output = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&partial)?;
        output.write_all(content)?;
        output.sync_all()?;
        fs::rename(&partial, file)?;
        match file.parent() {
            // The rename itself lasts only when the directory is on disk.
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|source| DirectoryError::Write {
        file: file.to_owned(),
        source,
    })
}

/// Why an authority's directory could not be used; each names its file.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file cannot be read.
    #[error("the file {} cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory cannot be written.
    #[error("{} cannot be written: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate is there and the key is not.
    #[error("the key of the certificate authority is missing: {} is not there, but its certificate is", file.display())]
    KeyMissing {
        /// The file that should be there.
        file: PathBuf,
    },
    /// The authority cannot do its work.
    #[error("the certificate authority in {} cannot be used: {source}", directory.display())]
    Authority {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: AuthorityError,
    },
    /// An identity just issued cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::super::CERTIFICATE_VALIDITY;
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn open(directory: &Path) -> AuthorityDirectory {
        AuthorityDirectory::open(directory, "Test", now()).unwrap()
    }

    fn names(names: &[&str]) -> Vec<Subject> {
        names
            .iter()
            .map(|name| Subject::Name((*name).to_owned()))
            .collect()
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_authority_is_made_once_and_its_key_is_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");

        let made = open(&state).authority().certificate().clone();
        let loaded = open(&state).authority().certificate().clone();

        assert_eq!(made, loaded);
        assert_eq!(mode(&state.join(KEY_FILE)), 0o600);
        assert_eq!(mode(&state.join(CERTIFICATE_FILE)), 0o644);
        assert_eq!(mode(&state), 0o700);
    }

    #[test]
    fn a_crash_between_key_and_certificate_is_mended_with_the_same_key() {
        let directory = tempfile::tempdir().unwrap();
        let key = open(directory.path()).authority().key_pem();
        fs::remove_file(directory.path().join(CERTIFICATE_FILE)).unwrap();

        assert_eq!(*open(directory.path()).authority().key_pem(), *key);
    }

    #[test]
    fn a_missing_key_is_told_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        open(directory.path());
        fs::remove_file(directory.path().join(KEY_FILE)).unwrap();

        let error = AuthorityDirectory::open(directory.path(), "Test", now()).unwrap_err();

        assert!(error.to_string().contains(KEY_FILE), "{error}");
        assert!(!directory.path().join(KEY_FILE).exists());
    }

    #[test]
    fn an_identity_is_kept_until_a_third_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let authority = open(directory.path());
        let subjects = names(&["sip.example.com"]);
        let identity = |now| {
            authority
                .identity("server", &subjects, Purpose::Server, now)
                .unwrap()
                .chain()
                .to_vec()
        };

        let issued = identity(now());

        assert_eq!(mode(&directory.path().join("server.pem")), 0o600);
        assert_eq!(identity(now() + CERTIFICATE_VALIDITY / 2), issued);
        assert_ne!(identity(now() + CERTIFICATE_VALIDITY * 3 / 4), issued);
    }

    #[test]
    fn an_identity_is_issued_again_for_a_further_name_and_kept_for_fewer() {
        let directory = tempfile::tempdir().unwrap();
        let authority = open(directory.path());
        let identity = |subjects: &[&str]| {
            authority
                .identity("server", &names(subjects), Purpose::Server, now())
                .unwrap()
                .chain()
                .to_vec()
        };

        let one = identity(&["one.example.com"]);
        let both = identity(&["one.example.com", "two.example.com"]);

        assert_ne!(one, both);
        assert_eq!(identity(&["two.example.com"]), both);
    }

    #[test]
    fn an_identity_of_another_authority_or_of_no_use_is_issued_again() {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let subjects = names(&["sip.example.com"]);
        let file = directory.path().join("server.pem");
        let authority = open(directory.path());
        open(elsewhere.path())
            .identity("server", &subjects, Purpose::Server, now())
            .unwrap();

        for foreign in [
            fs::read(elsewhere.path().join("server.pem")).unwrap(),
            b"half a fi".to_vec(),
        ] {
            fs::write(&file, foreign).unwrap();
            let identity = authority
                .identity("server", &subjects, Purpose::Server, now())
                .unwrap();
            assert_eq!(identity.chain().get(1), Some(authority.authority().certificate()));
        }
    }

    #[test]
    fn a_partial_file_of_a_crash_does_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret.pem");
        fs::write(file.with_extension("partial"), "world-readable rest").unwrap();

        write_atomically(&file, b"whole", SECRET_MODE).unwrap();

        assert_eq!(fs::read(&file).unwrap(), b"whole");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();

        let error = AuthorityDirectory::open(&file.join("state"), "Test", now()).unwrap_err();

        assert!(error.to_string().contains("file/state"), "{error}");
    }
}
