//! A certificate chain with its private key, read from PEM.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::provider;

/// Largest PEM file read, in bytes: a bundle of all public authorities has about 250 kB.
const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A certificate chain, leaf first, with the private key of the leaf.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    // rustls wants the key itself for client authentication and cannot give it back from `certified`.
    key: Arc<PrivateKeyDer<'static>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Identity(chain of {}, key redacted)",
            self.certified.cert.len()
        )
    }
}

impl Identity {
    /// Reads the chain and the key from two PEM files, which may be the same file.
    ///
    /// # Errors
    /// Names the file that is missing, unreadable, empty, or does not match the other.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let chain_pem = read_limited(chain)?;
        let key_pem = Zeroizing::new(read_limited(key)?);
        Self::parse(&chain_pem, &key_pem, chain, key)
    }

    /// Takes the chain and the key from PEM text in memory.
    ///
    /// # Errors
    /// As [`Identity::from_files`]; in place of a file name stands "(in memory)".
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let memory = Path::new("(in memory)");
        Self::parse(chain, key, memory, memory)
    }

    fn parse(chain_pem: &[u8], key_pem: &[u8], chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let certificates = parse_certificates(chain_pem, chain)?;
        let private = PrivateKeyDer::from_pem_slice(key_pem).map_err(|error| match error {
            pem::Error::NoItemsFound => IdentityError::NoKey { file: key.to_owned() },
            _ => IdentityError::NotPem {
                file: key.to_owned(),
                source: error,
            },
        })?;
        let certified =
            CertifiedKey::from_der(certificates, private.clone_key(), &provider()).map_err(|error| {
                match error {
                    rustls::Error::InconsistentKeys(_) => IdentityError::Mismatch {
                        chain: chain.to_owned(),
                        key: key.to_owned(),
                    },
                    _ => IdentityError::Unusable {
                        file: key.to_owned(),
                        source: error,
                    },
                }
            })?;
        Ok(Self {
            certified: Arc::new(certified),
            key: Arc::new(private),
        })
    }

    /// The certificates in DER, the leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

/// Reads all certificates of a PEM file, at least one.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn certificates_from_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    parse_certificates(&read_limited(file)?, file)
}

/// Reads all certificates of PEM text in memory, at least one.
///
/// # Errors
/// As [`certificates_from_file`]; in place of a file name stands "(in memory)".
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    parse_certificates(text, Path::new("(in memory)"))
}

fn parse_certificates(text: &[u8], file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let certificates = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| IdentityError::NotPem {
            file: file.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(IdentityError::NoCertificate {
            file: file.to_owned(),
        });
    }
    Ok(certificates)
}

fn read_limited(file: &Path) -> Result<Vec<u8>, IdentityError> {
    let unreadable = |source| IdentityError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let length = fs::metadata(file).map_err(unreadable)?.len();
    if length > PEM_BYTES_MAX {
        return Err(IdentityError::TooLong {
            file: file.to_owned(),
            length,
        });
    }
    fs::read(file).map_err(unreadable)
}

/// Why a certificate or key could not be used; each names its file in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is missing or may not be read.
    #[error("the file {} cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any bundle of certificates.
    #[error("the file {} has {length} bytes, more than the {PEM_BYTES_MAX} a PEM file may have", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// Its length in bytes.
        length: u64,
    },
    /// The file is not PEM.
    #[error("the file {} is not PEM: {source}", file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// What the reader said.
        source: pem::Error,
    },
    /// The file has no certificate in it.
    #[error("the file {} holds no certificate", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The file has no private key in it.
    #[error("the file {} holds no private key", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the private key in {} does not belong to the certificate in {}", key.display(), chain.display())]
    Mismatch {
        /// The file of the certificate.
        chain: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The key is of a kind that cannot sign a TLS handshake.
    #[error("the private key in {} cannot be used: {source}", file.display())]
    Unusable {
        /// The file of the key.
        file: PathBuf,
        /// What the cryptography said.
        source: rustls::Error,
    },
}

impl IdentityError {
    /// The file that is at fault; the key's where the two do not fit each other.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            Self::Unreadable { file, .. }
            | Self::TooLong { file, .. }
            | Self::NotPem { file, .. }
            | Self::NoCertificate { file }
            | Self::NoKey { file }
            | Self::Unusable { file, .. } => file,
            Self::Mismatch { key, .. } => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::authority::{Authority, Issued, Purpose, Subject};

    fn issued() -> Issued {
        let authority = Authority::generate("Test", SystemTime::now()).unwrap();
        let subject = Subject::Name("sip.example.com".to_owned());
        authority
            .issue(&[subject], Purpose::Server, SystemTime::now())
            .unwrap()
    }

    /// What is said when the chain and the key are read from files with these contents.
    fn said_of(chain: Option<&str>, key: Option<&str>) -> String {
        let directory = tempfile::tempdir().unwrap();
        let (chain_file, key_file) = (
            directory.path().join("chain.pem"),
            directory.path().join("key.pem"),
        );
        for (file, content) in [(&chain_file, chain), (&key_file, key)] {
            if let Some(content) = content {
                fs::write(file, content).unwrap();
            }
        }
        Identity::from_files(&chain_file, &key_file)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn each_fault_names_its_file_in_one_line() {
        let (good, other) = (issued(), issued());
        let (chain, key) = (good.certificate_pem.as_str(), good.key_pem.as_str());
        let broken = chain.replace("-----END", "-----ENT");

        for (chain, key, file) in [
            (None, Some(key), "chain.pem"),
            (Some(chain), None, "key.pem"),
            (Some(""), Some(key), "chain.pem"),
            (Some(broken.as_str()), Some(key), "chain.pem"),
            (Some(key), Some(key), "chain.pem"),
            (Some(chain), Some(chain), "key.pem"),
            (Some(chain), Some(other.key_pem.as_str()), "key.pem"),
        ] {
            let said = said_of(chain, key);
            assert!(said.contains(file) && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_names_both_files() {
        let said = said_of(Some(&issued().certificate_pem), Some(&issued().key_pem));

        assert!(said.contains("chain.pem") && said.contains("key.pem"), "{said}");
    }

    #[test]
    fn a_file_of_the_longest_length_is_read_and_a_longer_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("chain.pem");
        let padded = |length: u64| {
            let mut text = issued().certificate_pem;
            text.extend(std::iter::repeat_n(
                '\n',
                usize::try_from(length).unwrap() - text.len(),
            ));
            fs::write(&file, text).unwrap();
            certificates_from_file(&file)
        };

        assert!(padded(PEM_BYTES_MAX).is_ok());
        assert!(matches!(
            padded(PEM_BYTES_MAX + 1),
            Err(IdentityError::TooLong { .. })
        ));
    }
}
