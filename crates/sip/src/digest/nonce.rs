//! Nonces that need no memory: what the server must know of one stands in it, signed.
//!
//! ```text
//! base64url( milliseconds: 8 octets | serial: 8 octets | HMAC-SHA-256 truncated to 16 octets )
//! ```
//!
//! The signature covers the realm and the algorithm challenged with as well, so a nonce serves neither another realm
//! nor another algorithm (RFC 7616 §3.3, §5.4). The serial makes every nonce unique and orders them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Algorithm;

/// Octets of the truncated signature: 128 bits cannot be guessed.
const SIGNATURE_LENGTH: usize = 16;
/// Octets of a nonce before they are written as text.
const NONCE_LENGTH: usize = 8 + 8 + SIGNATURE_LENGTH;

/// What a nonce of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    /// When it was made, in milliseconds of the authenticator's time.
    pub(super) made_ms: u64,
    /// Its place among all nonces of the authenticator.
    pub(super) serial: u64,
}

/// Makes nonces and recognises its own.
pub(super) struct Mint {
    /// Has taken the key, which costs as much as a signature.
    keyed: Hmac<Sha256>,
}

impl Mint {
    pub(super) fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        let keyed = Hmac::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length");
        Self { keyed }
    }

    pub(super) fn make(&self, nonce: Nonce, realm: &str, algorithm: Algorithm) -> String {
        let mut octets = [0; NONCE_LENGTH];
        let signature = self.signature(nonce, realm, algorithm);
        let content = nonce
            .made_ms
            .to_be_bytes()
            .into_iter()
            .chain(nonce.serial.to_be_bytes())
            .chain(signature);
        for (place, octet) in octets.iter_mut().zip(content) {
            *place = octet;
        }
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// Reads a nonce; `None` if this mint did not make it for that realm and algorithm.
    pub(super) fn recognise(&self, text: &str, realm: &str, algorithm: Algorithm) -> Option<Nonce> {
        let mut octets = [0; NONCE_LENGTH];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut octets).ok()?;
        if length != NONCE_LENGTH {
            return None;
        }
        let (made_ms, rest) = octets.split_first_chunk::<8>()?;
        let (serial, signature) = rest.split_first_chunk::<8>()?;
        let nonce = Nonce {
            made_ms: u64::from_be_bytes(*made_ms),
            serial: u64::from_be_bytes(*serial),
        };
        let expected = self.signature(nonce, realm, algorithm);
        bool::from(expected.as_slice().ct_eq(signature)).then_some(nonce)
    }

    /// A key for the hash that an unknown user's answer is compared with, so that nobody can prepare for it.
    pub(super) fn decoy(&self, username: &str) -> [u8; SIGNATURE_LENGTH] {
        self.sign(&[b"decoy", username.as_bytes()])
    }

    fn signature(&self, nonce: Nonce, realm: &str, algorithm: Algorithm) -> [u8; SIGNATURE_LENGTH] {
        self.sign(&[
            b"nonce",
            &nonce.made_ms.to_be_bytes(),
            &nonce.serial.to_be_bytes(),
            &[match algorithm {
                Algorithm::Md5 => 0,
                Algorithm::Sha256 => 1,
            }],
            realm.as_bytes(),
        ])
    }

    /// Signs a tag and parts that only the last of may vary in length, so that no two lists sign alike.
    fn sign(&self, parts: &[&[u8]]) -> [u8; SIGNATURE_LENGTH] {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(part);
        }
        let full = mac.finalize().into_bytes();
        let mut signature = [0; SIGNATURE_LENGTH];
        for (place, octet) in signature.iter_mut().zip(full) {
            *place = octet;
        }
        signature
    }
}
