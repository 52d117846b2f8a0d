//! The zone's copy of its directory on the disk: AES-256-GCM, with a key that lies beside it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::FeedError;

/// Octets of a key.
const KEY_LENGTH: usize = 32;
/// For the owner alone.
const MODE: u32 = 0o600;
/// What a copy is, so that nothing else that is sealed with the key is taken for one.
const CONTEXT: &[u8] = b"oyez directory copy 1";

/// A sealed file.
#[derive(Debug)]
pub(super) struct Vault {
    file: PathBuf,
    key: RandomizedNonceKey,
}

impl Vault {
    /// Opens the key beside the file, and makes one where there is none: what may have been sealed with another is lost, and is
    /// fetched again.
    pub(super) fn open(file: &Path) -> Result<Self, FeedError> {
        let key_file = file.with_added_extension("key");
        let key = match fs::read(&key_file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(&key_file),
            other => other.map(Zeroizing::new),
        };
        let key = key.and_then(|key| {
            let wrong = || {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a key has {KEY_LENGTH} octets"),
                )
            };
            RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| wrong())
        });
        Ok(Self {
            file: file.to_owned(),
            key: key.map_err(|source| FeedError::Key {
                file: key_file,
                source,
            })?,
        })
    }

    /// What the file holds; none where there is no file.
    pub(super) fn read(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let mut sealed = match fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => Zeroizing::new(other?),
        };
        let damaged = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "it is damaged, or sealed with another key",
            )
        };
        let (nonce, rest) = sealed.split_at_mut_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(CONTEXT), rest)
            .map_err(|_| damaged())?;
        Ok(Some(Zeroizing::new(opened.to_vec())))
    }

    /// Puts octets in its place, so that a crash leaves the old ones or these.
    pub(super) fn write(&self, octets: Zeroizing<Vec<u8>>) -> io::Result<()> {
        let mut sealed = octets;
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(CONTEXT), &mut *sealed)
            .map_err(|_| io::Error::other("the system gives no random numbers"))?;
        write_whole(&self.file, &[nonce.as_ref().as_slice(), &sealed])
    }
}

fn make_key(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    write_whole(file, &[&key])?;
    Ok(key)
}

fn write_whole(file: &Path, pieces: &[&[u8]]) -> io::Result<()> {
    let unfinished = file.with_added_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&unfinished)?;
    for piece in pieces {
        made.write_all(piece)?;
    }
    made.sync_all()?;
    fs::rename(&unfinished, file)?;
    match file.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_put_away_is_there_for_its_owner_and_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("directory.sealed");
        let vault = Vault::open(&file).unwrap();
        assert!(vault.read().unwrap().is_none());
        for text in ["first", "second"] {
            vault.write(Zeroizing::new(text.as_bytes().to_vec())).unwrap();
        }
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, MODE);
            let octets = fs::read(entry.path()).unwrap();
            assert!(!octets.windows(6).any(|part| part == b"second"));
        }
        let again = Vault::open(&file).unwrap();
        assert_eq!(again.read().unwrap().unwrap().as_slice(), b"second");

        let mut damaged = fs::read(&file).unwrap();
        damaged[NONCE_LEN] ^= 1;
        fs::write(&file, damaged).unwrap();
        assert!(again.read().is_err());
        fs::write(&file, "short").unwrap();
        assert!(again.read().is_err());
    }

    #[test]
    fn a_key_of_another_length_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("directory.sealed.key");
        fs::write(&key, "short").unwrap();
        let refused = Vault::open(&folder.path().join("directory.sealed")).unwrap_err();
        assert!(refused.to_string().contains("directory.sealed.key"), "{refused}");
        assert_eq!(fs::read(&key).unwrap(), b"short");
    }
}
