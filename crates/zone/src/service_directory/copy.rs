//! A zone's own copy of its directory: sealed on the disk, and believed only if an authority has signed it.

use std::io;
use std::path::{Path, PathBuf};

use ::feed::Held;
use net::authority::is_signed_by;
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
        if !self.is_signed(&held.records.statement(), &held.signature) {
            let why = "it is not signed by the authority that is trusted here";
            return Err(io::Error::other(why));
        }
        held.records.snapshot().map_err(io::Error::other)?;
        Ok(Some(held))
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
