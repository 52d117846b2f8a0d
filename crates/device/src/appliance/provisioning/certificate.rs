//! The files of the device's certificate, and how others come in their place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use net::authority::CertificateFacts;
use net::tls::{Identity, IdentityError};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// The folder in the state folder that holds the device's certificate.
const CERTIFICATE_FOLDER: &str = "certificate";

/// The certificate that a device shows to a server that asks for it, with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnCertificate {
    /// There is none.
    Absent,
    /// There is something, but it cannot be shown; says why.
    Unusable(String),
    /// There is one.
    Installed(CertificateFacts),
}

impl OwnCertificate {
    /// Looks at the one in a state folder. Reads files.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        let identity = match CertificateFiles::of(state).identity() {
            Ok(None) => return Self::Absent,
            Ok(Some(identity)) => identity,
            Err(error) => return Self::Unusable(error.to_string()),
        };
        let leaf = identity.chain().first().map(CertificateFacts::read);
        match leaf {
            None => Self::Absent,
            Some(Ok(facts)) => Self::Installed(facts),
            Some(Err(error)) => Self::Unusable(error.to_string()),
        }
    }
}

/// The certificate that the device shows.
///
/// ```text
///   device.key.pending ─ 1 ─▶ device.key
///   device.pem.new ───── 2 ─▶ device.pem
/// ```
///
/// An enrolment that ends between the two leaves a key with another one's certificate, and its own beside it: whoever reads them next takes
/// the second step.
pub(in crate::appliance) struct CertificateFiles {
    pub(in crate::appliance) chain: PathBuf,
    pub(in crate::appliance) key: PathBuf,
    /// The key of an enrolment that has not come to its end.
    pub(super) pending_key: PathBuf,
    new_chain: PathBuf,
    folder: PathBuf,
}

impl CertificateFiles {
    pub(in crate::appliance) fn of(state: &Path) -> Self {
        let folder = state.join(CERTIFICATE_FOLDER);
        Self {
            chain: folder.join("device.pem"),
            key: folder.join("device.key"),
            pending_key: folder.join("device.key.pending"),
            new_chain: folder.join("device.pem.new"),
            folder,
        }
    }

    /// The certificate with its key; `None` if there is neither.
    pub(super) fn identity(&self) -> Result<Option<Identity>, IdentityError> {
        if !self.chain.exists() && !self.key.exists() {
            return Ok(None);
        }
        let read = Identity::from_files(&self.chain, &self.key).or_else(|error| {
            let completed = Identity::from_files(&self.new_chain, &self.key).map_err(|_| error)?;
            if let Err(error) = rename(&self.new_chain, &self.chain) {
                tracing::warn!(%error, "the device's new certificate stays where it is");
            }
            Ok(completed)
        });
        read.map(Some)
    }

    /// Makes the folder, the owner's alone.
    pub(super) fn prepare(&self) -> Result<(), (PathBuf, io::Error)> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(at(&self.folder))
    }

    /// Keeps a key until its certificate comes.
    pub(super) fn keep(&self, key: &str) -> Result<(), (PathBuf, io::Error)> {
        write(&self.pending_key, key.as_bytes())
    }

    /// Gives up the key that was kept, because it will get no certificate.
    pub(super) fn forget_key(&self) -> Result<(), (PathBuf, io::Error)> {
        fs::remove_file(&self.pending_key).map_err(at(&self.pending_key))
    }

    /// Puts a certificate in place, with the key that was kept for it.
    pub(super) fn install(&self, chain: &str) -> Result<(), (PathBuf, io::Error)> {
        write(&self.new_chain, chain.as_bytes())?;
        rename(&self.pending_key, &self.key).map_err(at(&self.key))?;
        match rename(&self.new_chain, &self.chain) {
            // A running endpoint has read the files and taken this step.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed.map_err(at(&self.chain)),
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> (PathBuf, io::Error) {
    let path = path.to_owned();
    move |error| (path, error)
}

/// Writes a file that is its owner's alone, durably. One that was there is removed and not written into: others may read it, or it may be a
/// link to elsewhere.
fn write(path: &Path, content: &[u8]) -> Result<(), (PathBuf, io::Error)> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    let written = removed.and_then(|()| {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(at(path))
}

/// Renames a file in its folder, durably: steps have to be found in their order after a power cut.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    to.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Does something in a folder with the rights of its owner alone, where root does it: what the owner has put there, a link to a file of root
/// for one, leads no further than the owner could go. What is made belongs to the owner.
pub(super) fn as_owner<T: Send>(folder: &Path, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let metadata = fs::metadata(folder)?;
    if !geteuid().is_root() || metadata.uid() == 0 {
        return Ok(work());
    }
    let (user, group) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    // Linux has rights for each thread; this one's do not come back.
    thread::scope(|scope| {
        let working = thread::Builder::new().spawn_scoped(scope, move || {
            set_thread_groups(&[])?;
            set_thread_res_gid(group, group, group)?;
            set_thread_res_uid(user, user, user)?;
            Ok(work())
        })?;
        working
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
