//! The hashes of RFC 7616 §3.4, written as the hexadecimal digits they are exchanged in.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::Secret;

/// A digest algorithm (RFC 8760). The order is that of strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// For peers that know no other.
    Md5,
    /// The default.
    Sha256,
}

impl Algorithm {
    /// The value of the `algorithm` parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The algorithm an `algorithm` parameter names, in any case.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(token))
    }

    /// Hexadecimal digits of a hash.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }
}

/// Digits of the longest hash.
const DIGITS_MAX: usize = 64;

/// A hash as lower-case hexadecimal digits, zeroed when dropped.
#[derive(Clone)]
pub(super) struct HexHash {
    digits: [u8; DIGITS_MAX],
    /// At most [`DIGITS_MAX`].
    length: usize,
}

impl HexHash {
    /// Hashes the parts joined by colons: the `KD` and `H` of RFC 7616 §3.4.
    pub(super) fn of(algorithm: Algorithm, parts: &[&str]) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::hash::<Md5>(parts),
            Algorithm::Sha256 => Self::hash::<Sha256>(parts),
        }
    }

    fn hash<Hash: Digest>(parts: &[&str]) -> Self {
        let mut hash = Hash::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                hash.update(b":");
            }
            hash.update(part.as_bytes());
        }
        Self::from_octets(&hash.finalize())
    }

    pub(super) fn from_octets(octets: &[u8]) -> Self {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let nibbles = octets.iter().flat_map(|octet| [octet >> 4, octet & 0xf]);
        let mut hex = Self {
            digits: [b'0'; DIGITS_MAX],
            length: 0,
        };
        for (place, nibble) in hex.digits.iter_mut().zip(nibbles) {
            if let Some(digit) = DIGITS.get(usize::from(nibble)) {
                *place = *digit;
                hex.length += 1;
            }
        }
        hex
    }

    fn from_hex(text: &str, length: usize) -> Option<Self> {
        if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut digits = [b'0'; DIGITS_MAX];
        for (place, byte) in digits.iter_mut().zip(text.bytes()) {
            *place = byte.to_ascii_lowercase();
        }
        Some(Self { digits, length })
    }

    pub(super) fn as_str(&self) -> &str {
        let digits = self
            .digits
            .get(..self.length)
            .expect("length is at most the array's, by both constructors");
        std::str::from_utf8(digits).expect("hexadecimal digits are ASCII, by both constructors")
    }

    /// Compares with what a peer sent, in either case, without telling by its duration where they differ.
    pub(super) fn matches(&self, text: &str) -> bool {
        Self::from_hex(text, self.length).is_some_and(|other| self.digits.ct_eq(&other.digits).into())
    }
}

impl Drop for HexHash {
    fn drop(&mut self) {
        self.digits.zeroize();
    }
}

/// `H(username:realm:password)` of one user, possibly of two generations: all a server needs to know of a password.
#[derive(Clone)]
pub struct Ha1 {
    algorithm: Algorithm,
    current: HexHash,
    previous: Option<HexHash>,
}

impl Ha1 {
    /// Hashes a password (RFC 7616 §3.4.2).
    #[must_use]
    pub fn new(algorithm: Algorithm, username: &str, realm: &str, password: &Secret) -> Self {
        let current = HexHash::of(algorithm, &[username, realm, password.reveal()]);
        Self {
            algorithm,
            current,
            previous: None,
        }
    }

    /// Takes a hash made elsewhere; `None` if it has not the algorithm's number of hexadecimal digits.
    #[must_use]
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Self> {
        let current = HexHash::from_hex(hex, algorithm.digits())?;
        Some(Self {
            algorithm,
            current,
            previous: None,
        })
    }

    /// Makes the current hash of another generation valid as well, for as long as a password is being rotated.
    /// A generation of another algorithm is left out: only one algorithm is challenged.
    #[must_use]
    pub fn or_previous(mut self, previous: &Self) -> Self {
        if previous.algorithm == self.algorithm {
            self.previous = Some(previous.current.clone());
        }
        self
    }

    /// The current hash in lower-case hexadecimal digits, to be sealed or sent sealed and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.current.as_str()
    }

    /// The only algorithm the user may answer with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn current(&self) -> &HexHash {
        &self.current
    }

    pub(super) fn previous(&self) -> Option<&HexHash> {
        self.previous.as_ref()
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ha1({}, redacted)", self.algorithm.as_str())
    }
}

/// What makes an answer to a challenge, apart from the password.
pub(super) struct Exchange<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) nonce: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    /// `None` answers a challenge without quality of protection, as RFC 2069 did.
    pub(super) counted: Option<Counted<'a>>,
}

/// The part of an answer that the quality of protection `auth` adds.
pub(super) struct Counted<'a> {
    pub(super) nonce_count: &'a str,
    pub(super) cnonce: &'a str,
}

impl Exchange<'_> {
    /// The `response` parameter (RFC 7616 §3.4.1, §3.4.3).
    pub(super) fn response(&self, ha1: &HexHash) -> HexHash {
        let ha2 = HexHash::of(self.algorithm, &[self.method, self.uri]);
        let (ha1, ha2) = (ha1.as_str(), ha2.as_str());
        match &self.counted {
            Some(Counted { nonce_count, cnonce }) => HexHash::of(
                self.algorithm,
                &[ha1, self.nonce, nonce_count, cnonce, "auth", ha2],
            ),
            None => HexHash::of(self.algorithm, &[ha1, self.nonce, ha2]),
        }
    }
}
