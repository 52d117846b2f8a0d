//! Passwords at rest: AES-256-GCM with a key that lies beside the database, bound to what the password belongs to. The links of the
//! audit, and what tells requests from each other, are made with keys that are derived from it.

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use model::Secret;
use model::inventory::TokenHash;
use zeroize::Zeroizing;

/// Octets of a key.
const KEY_LENGTH: usize = 32;

/// What the key of the audit is derived for: whoever has that key opens no password with it.
const AUDIT: &[u8] = b"oyez audit";

/// What the key of the fingerprints of requests is derived for.
const REQUESTS: &[u8] = b"oyez requests";

/// Seals and opens passwords, links what is in the audit, and takes fingerprints of requests.
pub(crate) struct Sealer {
    passwords: RandomizedNonceKey,
    audit: hmac::Key,
    requests: hmac::Key,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sealer(redacted)")
    }
}

impl Sealer {
    /// Reads the key file. Where there is none and it `may_make` one, it makes it, for its owner alone: another key beside
    /// passwords that were sealed with the one that is missing would make it worse.
    ///
    /// # Errors
    ///
    /// When it cannot be read or made, or has another length.
    pub(crate) fn open(file: &Path, may_make: bool) -> io::Result<Self> {
        let key = match read(file) {
            Err(error) if may_make && error.kind() == io::ErrorKind::NotFound => make(file)?,
            other => other?,
        };
        Self::new(&key).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a key has {KEY_LENGTH} octets, this file {}", key.len()),
            )
        })
    }

    fn new(key: &[u8]) -> Option<Self> {
        let passwords = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
        let secret = Salt::new(HKDF_SHA256, &[]).extract(key);
        Some(Self {
            passwords,
            audit: secret.expand(&[AUDIT], hmac::HMAC_SHA256).ok()?.into(),
            requests: secret.expand(&[REQUESTS], hmac::HMAC_SHA256).ok()?.into(),
        })
    }

    /// What only the key makes of some octets of the audit.
    pub(crate) fn link(&self, octets: &[u8]) -> Vec<u8> {
        hmac::sign(&self.audit, octets).as_ref().to_vec()
    }

    /// Says whether [`Sealer::link`] makes this of the octets.
    pub(crate) fn is_link(&self, octets: &[u8], link: &[u8]) -> bool {
        hmac::verify(&self.audit, octets, link).is_ok()
    }

    /// What only the key makes of the digest of a request: a request may hold a PIN, which whoever has the database alone would find by
    /// trying them all.
    pub(crate) fn fingerprint(&self, request: TokenHash) -> Option<TokenHash> {
        let made = hmac::sign(&self.requests, &request.0);
        made.as_ref().try_into().ok().map(TokenHash)
    }

    /// Seals a password for what `belongs_to` names: a nonce, then what only the key opens. None where the system has no
    /// randomness.
    pub(crate) fn seal(&self, password: &Secret, belongs_to: &str) -> Option<Vec<u8>> {
        let mut sealed = password.reveal().as_bytes().to_vec();
        let nonce = self
            .passwords
            .seal_in_place_append_tag(Aad::from(belongs_to.as_bytes()), &mut sealed)
            .ok()?;
        Some([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what [`Sealer::seal`] made; none where it was made with another key, for something else, or changed since.
    pub(crate) fn open_sealed(&self, sealed: &[u8], belongs_to: &str) -> Option<Secret> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = Zeroizing::new(rest.to_vec());
        let opened = self
            .passwords
            .open_in_place(nonce, Aad::from(belongs_to.as_bytes()), &mut rest)
            .ok()?;
        std::str::from_utf8(opened).ok().map(Secret::from)
    }
}

fn read(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
    let longest = u64::try_from(KEY_LENGTH + 1).unwrap_or(u64::MAX);
    fs::File::open(file)?.take(longest).read_to_end(&mut key)?;
    Ok(key)
}

fn make(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Under another name until it is whole: a key that was cut off by a power failure would lock the store.
    let unfinished = file.with_extension("key.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    made.write_all(&key)?;
    made.sync_all()?;
    fs::rename(&unfinished, file)?;
    if let Some(folder) = file.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_same_key_and_owner_open_what_was_sealed() {
        let sealer = Sealer::new(&[1; KEY_LENGTH]).unwrap();
        let sealed = sealer.seal(&Secret::from("hunter2"), "line 1").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
        assert!(sealer.open_sealed(&sealed, "line 1").unwrap().matches("hunter2"));
        assert!(sealer.open_sealed(&sealed, "line 2").is_none());
        let other = Sealer::new(&[2; KEY_LENGTH]).unwrap();
        assert!(other.open_sealed(&sealed, "line 1").is_none());
        assert!(sealer.open_sealed(&sealed[..8], "line 1").is_none());
    }

    #[test]
    fn a_fingerprint_is_made_by_the_key_alone_and_is_no_link() {
        let sealer = Sealer::new(&[1; KEY_LENGTH]).unwrap();
        let (one, other) = (TokenHash([1; 32]), TokenHash([2; 32]));
        let made = sealer.fingerprint(one).unwrap();
        assert_eq!(sealer.fingerprint(one), Some(made));
        assert_ne!(made, one);
        assert_ne!(sealer.fingerprint(other), Some(made));
        assert_ne!(sealer.link(&one.0), made.0);
        let foreign = Sealer::new(&[2; KEY_LENGTH]).unwrap();
        assert_ne!(foreign.fingerprint(one), Some(made));
    }

    #[test]
    fn the_key_is_made_once_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.key");
        fs::write(
            folder.path().join("store.key.new"),
            "what a power failure has left",
        )
        .unwrap();
        assert!(Sealer::open(&file, false).is_err());
        let sealed = Sealer::open(&file, true)
            .unwrap()
            .seal(&Secret::from("p"), "x")
            .unwrap();
        let again = Sealer::open(&file, true).unwrap();
        assert!(again.open_sealed(&sealed, "x").is_some());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_file_of_another_length_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.key");
        for length in [0, KEY_LENGTH - 1, KEY_LENGTH + 1] {
            fs::write(&file, vec![7; length]).unwrap();
            assert!(Sealer::open(&file, true).is_err(), "{length}");
            assert_eq!(fs::read(&file).unwrap().len(), length);
        }
    }
}
