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
