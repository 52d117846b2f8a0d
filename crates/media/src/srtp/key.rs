//! Suites, master keys, and the session keys derived from them (RFC 3711 section 4.3).

use std::fmt;

use aes::cipher::{BlockCipherEncrypt, KeyInit, consts::U16};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use super::counter_mode::apply_keystream;

/// Most SRTP packets one master key may protect (RFC 3711 section 9.2).
pub const RTP_PACKETS_PER_KEY: u64 = 1 << 48;

/// Most SRTCP packets one master key may protect (RFC 3711 section 9.2).
pub const RTCP_PACKETS_PER_KEY: u64 = 1 << 31;

/// A crypto-suite of SDP security descriptions: RFC 4568 section 6.2, RFC 6188, RFC 7714.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// AES in counter mode with a 128-bit key and 80-bit tags, the one every peer has.
    AesCm128HmacSha1_80,
    /// The same with 32-bit tags on RTP; RTCP keeps 80 bits.
    AesCm128HmacSha1_32,
    /// AES in counter mode with a 256-bit key and 80-bit tags.
    AesCm256HmacSha1_80,
    /// The same with 32-bit tags on RTP; RTCP keeps 80 bits.
    AesCm256HmacSha1_32,
    /// AES in Galois/counter mode with a 128-bit key.
    AeadAes128Gcm,
    /// AES in Galois/counter mode with a 256-bit key.
    AeadAes256Gcm,
}

impl Suite {
    /// Every suite, in the order of the table.
    pub const ALL: [Suite; 6] = [
        Suite::AesCm128HmacSha1_80,
        Suite::AesCm128HmacSha1_32,
        Suite::AesCm256HmacSha1_80,
        Suite::AesCm256HmacSha1_32,
        Suite::AeadAes128Gcm,
        Suite::AeadAes256Gcm,
    ];

    /// Is the suite's name in `a=crypto`.
    pub fn name(self) -> &'static str {
        match self {
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Finds the suite of this name; ABNF string literals compare without regard to case (RFC 5234 section 2.3).
    pub fn from_name(name: &str) -> Option<Suite> {
        Suite::ALL
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Is the length of the master key in octets.
    pub fn key_length(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 | Suite::AeadAes128Gcm => 16,
            Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 | Suite::AeadAes256Gcm => 32,
        }
    }

    /// Is the length of the master salt in octets.
    pub fn salt_length(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Is the length in octets of the tag on every SRTP packet.
    pub fn rtp_tag_length(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm256HmacSha1_80 => 10,
            Suite::AesCm128HmacSha1_32 | Suite::AesCm256HmacSha1_32 => 4,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 16,
        }
    }

    /// Is the length in octets of the tag on every SRTCP packet, without the index word.
    pub fn rtcp_tag_length(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    fn is_aead(self) -> bool {
        matches!(self, Suite::AeadAes128Gcm | Suite::AeadAes256Gcm)
    }
}

/// What makes octets or a number no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Key and salt together have another length than the suite asks for.
    #[error("key and salt have {actual} octets where {} asks for {expected}", suite.name())]
    Length {
        /// The suite the key was meant for.
        suite: Suite,
        /// Octets the suite asks for.
        expected: usize,
        /// Octets there were.
        actual: usize,
    },
    /// A lifetime of zero, or beyond [`RTP_PACKETS_PER_KEY`].
    #[error("a key lifetime of {0} packets is not between 1 and 2^48")]
    Lifetime(u64),
}

/// Master key and master salt of one direction, with the suite they belong to.
///
/// The octets are overwritten when the value is dropped, compared in constant time, and never printed.
#[derive(Clone)]
pub struct MasterKey {
    suite: Suite,
    // Exactly `suite.key_length() + suite.salt_length()` octets.
    key_and_salt: Zeroizing<Box<[u8]>>,
    lifetime: u64,
}

impl MasterKey {
    /// Takes key and salt as they stand, concatenated, in `a=crypto`.
    ///
    /// # Errors
    /// The length must be the suite's key length plus salt length.
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Result<Self, KeyError> {
        let expected = suite.key_length() + suite.salt_length();
        if key_and_salt.len() != expected {
            return Err(KeyError::Length {
                suite,
                expected,
                actual: key_and_salt.len(),
            });
        }
        Ok(Self {
            suite,
            key_and_salt: Zeroizing::new(key_and_salt.into()),
            lifetime: RTP_PACKETS_PER_KEY,
        })
    }

    /// Makes a fresh key.
    pub fn generate(suite: Suite, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let length = suite.key_length() + suite.salt_length();
        let mut key_and_salt = Zeroizing::new(vec![0; length].into_boxed_slice());
        rng.fill_bytes(&mut key_and_salt);
        Self {
            suite,
            key_and_salt,
            lifetime: RTP_PACKETS_PER_KEY,
        }
    }

    /// Shortens the key's life to this many packets of RTP and as many of RTCP (RFC 4568 section 6.1).
    ///
    /// # Errors
    /// Zero, or more than [`RTP_PACKETS_PER_KEY`].
    pub fn with_lifetime(self, packets: u64) -> Result<Self, KeyError> {
        if packets == 0 || packets > RTP_PACKETS_PER_KEY {
            return Err(KeyError::Lifetime(packets));
        }
        Ok(Self {
            lifetime: packets,
            ..self
        })
    }

    /// Is the suite the key was made for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Is the most packets of RTP the key may protect; RTCP has [`RTCP_PACKETS_PER_KEY`] as a limit besides.
    pub fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// Is the secret itself, key before salt, for the writer of `a=crypto`.
    pub fn key_and_salt(&self) -> &[u8] {
        &self.key_and_salt
    }

    fn split(&self) -> (&[u8], &[u8]) {
        self.key_and_salt
            .split_at_checked(self.suite.key_length())
            .unwrap_or_default()
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &Self) -> bool {
        self.suite == other.suite
            && self.lifetime == other.lifetime
            && bool::from(self.key_and_salt.ct_eq(&other.key_and_salt))
    }
}

impl Eq for MasterKey {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// The six keys of RFC 3711 section 4.3.2, by the label that makes them different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Derives session keys from a master key with a key derivation rate of zero (RFC 3711 section 4.3.3).
pub(super) struct KeyDerivation<C> {
    cipher: C,
    // The master salt in the high bits, zero in the rest.
    salt: u128,
}

impl<C: BlockCipherEncrypt<BlockSize = U16> + KeyInit> KeyDerivation<C> {
    pub(super) fn new(master: &MasterKey) -> Self {
        let (key, salt) = master.split();
        let cipher = C::new_from_slice(key).expect(
            "MasterKey::new checked the length against the suite, and Context::new chose C by the suite",
        );
        Self {
            cipher,
            salt: left_aligned(salt),
        }
    }

    /// Fills `out` with the key of this label.
    pub(super) fn derive_into(&self, label: Label, out: &mut [u8]) {
        // The label stands above the 48-bit index, which is zero here, and the block counter's 16 bits.
        let label = u128::from(label as u8) << 64;
        out.fill(0);
        apply_keystream(&self.cipher, self.salt ^ label, out);
    }

    /// Makes the salt of this label, left-aligned as a counter block needs it.
    pub(super) fn derive_salt(&self, label: Label, length: usize) -> u128 {
        let mut salt = Zeroizing::new([0; 16]);
        self.derive_into(label, salt.get_mut(..length).unwrap_or_default());
        u128::from_be_bytes(*salt)
    }

    /// Makes a cipher keyed for this label.
    pub(super) fn derive_cipher(&self, label: Label) -> C {
        let mut key = aes::cipher::Key::<C>::default();
        self.derive_into(label, &mut key);
        let cipher = C::new(&key);
        key.as_mut_slice().zeroize();
        cipher
    }
}

impl<C> Drop for KeyDerivation<C> {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

fn left_aligned(salt: &[u8]) -> u128 {
    let mut block = Zeroizing::new([0; 16]);
    for (octet, salt) in block.iter_mut().zip(salt) {
        *octet = *salt;
    }
    u128::from_be_bytes(*block)
}

#[cfg(test)]
mod tests {
    use aes::{Aes128, Aes256};

    use super::{KeyDerivation, KeyError, Label, MasterKey, RTP_PACKETS_PER_KEY, Suite};
    use crate::srtp::hex::octets;

    //= https://www.rfc-editor.org/rfc/rfc3711#appendix-B.3
    #[test]
    fn session_keys_of_aes_128_are_those_of_rfc_3711() {
        let master = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";
        let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &octets(master)).unwrap();
        let derivation = KeyDerivation::<Aes128>::new(&master);

        let mut cipher_key = [0; 16];
        derivation.derive_into(Label::RtpEncryption, &mut cipher_key);
        let mut authentication_key = [0; 94];
        derivation.derive_into(Label::RtpAuthentication, &mut authentication_key);

        assert_eq!(cipher_key.to_vec(), octets("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(
            derivation.derive_salt(Label::RtpSalt, 14),
            0x30CB_BC08_863D_8C85_D49D_B34A_9AE1_0000
        );
        assert_eq!(
            authentication_key.to_vec(),
            octets(
                "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
                 E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
                 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"
            )
        );
    }

    //= https://www.rfc-editor.org/rfc/rfc6188#section-7.2
    #[test]
    fn session_keys_of_aes_256_are_those_of_rfc_6188() {
        let master = "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6
                      3b04803de51ee7c96423ab5b78d2";
        let master = MasterKey::new(Suite::AesCm256HmacSha1_80, &octets(master)).unwrap();
        let derivation = KeyDerivation::<Aes256>::new(&master);

        let mut cipher_key = [0; 32];
        derivation.derive_into(Label::RtpEncryption, &mut cipher_key);
        let mut authentication_key = [0; 20];
        derivation.derive_into(Label::RtpAuthentication, &mut authentication_key);

        assert_eq!(
            cipher_key.to_vec(),
            octets("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4")
        );
        assert_eq!(
            derivation.derive_salt(Label::RtpSalt, 14),
            0xfa31_7916_85ca_444a_9e07_c6c6_4e93_0000
        );
        assert_eq!(
            authentication_key.to_vec(),
            octets("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
        );
    }

    #[test]
    fn a_master_key_has_the_length_of_its_suite() {
        for suite in Suite::ALL {
            let expected = suite.key_length() + suite.salt_length();
            assert!(MasterKey::new(suite, &vec![1; expected]).is_ok());
            for actual in [0, expected - 1, expected + 1] {
                let error = KeyError::Length {
                    suite,
                    expected,
                    actual,
                };
                assert_eq!(MasterKey::new(suite, &vec![1; actual]).err(), Some(error));
            }
        }
    }

    #[test]
    fn a_lifetime_is_between_one_packet_and_2_to_the_48() {
        let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &[1; 30]).unwrap();
        for packets in [1, RTP_PACKETS_PER_KEY] {
            assert_eq!(key.clone().with_lifetime(packets).unwrap().lifetime(), packets);
        }
        for packets in [0, RTP_PACKETS_PER_KEY + 1] {
            assert_eq!(
                key.clone().with_lifetime(packets).err(),
                Some(KeyError::Lifetime(packets))
            );
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &[0xab; 30]).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey { suite: AesCm128HmacSha1_80, .. }");
    }
}
