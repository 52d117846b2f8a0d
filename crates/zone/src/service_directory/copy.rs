//! A zone's own copy of its directory: sealed on the disk, and believed only if an authority has signed it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::feed::Held;
use net::authority::is_signed_by;
use tokio::sync::watch;
use tokio_rustls::rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::FeedError;
use super::vault::Vault;

/// A copy of a directory on the disk, which holds hashes of passwords: sealed with a key that is made beside it.
#[derive(Debug)]
pub struct DirectoryCopy {
    file: PathBuf,
    vault: Vault,
    authority: CertificateDer<'static>,
}

/// Where a directory goes that is to be kept.
pub(super) type ToKeep = watch::Sender<Option<Arc<Held>>>;

impl DirectoryCopy {
    /// The copy in a file, of a directory that an authority signs.
    ///
    /// # Errors
    ///
    /// When its key cannot be read or made.
    pub fn open(file: &Path, authority: CertificateDer<'static>) -> Result<Self, FeedError> {
        Ok(Self {
            file: file.to_owned(),
            vault: Vault::open(file)?,
            authority,
        })
    }

    /// Says whether the authority has signed something.
    pub(super) fn is_signed(&self, statement: &[u8], signature: &[u8]) -> bool {
        is_signed_by(&self.authority, statement, signature)
    }

    /// What it holds, if there is a copy. One that cannot be read, or that the authority has not signed, is told of and left out.
    #[must_use]
    pub fn read(&self) -> Option<Held> {
        self.checked().unwrap_or_else(|error| {
            let file = self.file.display();
            tracing::error!(%file, %error, "the copy of the directory is not used");
            None
        })
    }

    fn checked(&self) -> io::Result<Option<Held>> {
        let Some(octets) = self.vault.read()? else {
            return Ok(None);
        };
        let held = Held::from_octets(&octets).map_err(io::Error::other)?;
        if !held.is_signed(|statement, signature| self.is_signed(statement, signature)) {
            let why = "it is not signed by the authority that is trusted here";
            return Err(io::Error::other(why));
        }
        held.records().snapshot().map_err(io::Error::other)?;
        Ok(Some(held))
    }

    /// Keeps what is sent from here on.
    pub(super) fn keep(self: Arc<Self>) -> ToKeep {
        keep_last(move |held: &Arc<Held>| self.write(held))
    }

    /// Puts another in its place, so that a crash leaves the one or the other.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, held: &Held) -> io::Result<()> {
        self.vault.write(Zeroizing::new(held.to_octets()))
    }
}

/// Has a copy of what is sent from here on written: beside the zone, which does not wait for the disk. Of several that wait the last is
/// written, and the zone goes on without one that cannot be.
pub fn keep_last<T: Send + Sync + 'static>(
    write: impl Fn(&Arc<T>) -> io::Result<()> + Send + Sync + 'static,
) -> watch::Sender<Option<Arc<T>>> {
    let (sender, mut wanted) = watch::channel::<Option<Arc<T>>>(None);
    let write = Arc::new(write);
    tokio::spawn(async move {
        while wanted.changed().await.is_ok() {
            let last = wanted.borrow_and_update().clone();
            let Some(last) = last else { continue };
            let write = Arc::clone(&write);
            let written = tokio::task::spawn_blocking(move || write(&last)).await;
            if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
                tracing::error!(%error, "this zone's copy of the directory cannot be written; the zone goes on with the older one");
            }
        }
    });
    sender
}
