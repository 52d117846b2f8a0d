//! AES in Galois/counter mode (RFC 7714).

use aes::cipher::{BlockCipherEncrypt, KeyInit, consts::U16};
use aes::{Aes128, Aes256};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::{Zeroize as _, Zeroizing};

use super::key::{KeyDerivation, Label, MasterKey, Suite};
use super::transform::{Forged, PacketId, RTCP_HEADER_LENGTH, RTCP_INDEX_LENGTH, Transform, esrtcp_word};

const KEY_LENGTH_MAX: usize = 32;

/// The keys of RTP and of RTCP.
pub(super) struct Gcm {
    rtp: Keys,
    rtcp: Keys,
}

struct Keys {
    key: LessSafeKey,
    // Left-aligned; the lowest 32 bits are zero.
    salt: u128,
}

impl Gcm {
    pub(super) fn new_128(master: &MasterKey) -> Self {
        Self::new::<Aes128>(master, &AES_128_GCM)
    }

    pub(super) fn new_256(master: &MasterKey) -> Self {
        Self::new::<Aes256>(master, &AES_256_GCM)
    }

    // The key derivation is AES in counter mode here as well (RFC 7714 section 11), with C its cipher.
    fn new<C>(master: &MasterKey, algorithm: &'static Algorithm) -> Self
    where
        C: BlockCipherEncrypt<BlockSize = U16> + KeyInit,
    {
        let derivation = KeyDerivation::<C>::new(master);
        let suite = master.suite();
        Self {
            rtp: Keys::new(
                &derivation,
                suite,
                algorithm,
                Label::RtpEncryption,
                Label::RtpSalt,
            ),
            rtcp: Keys::new(
                &derivation,
                suite,
                algorithm,
                Label::RtcpEncryption,
                Label::RtcpSalt,
            ),
        }
    }
}

impl Transform for Gcm {
    fn seal_rtp(&self, packet: &mut Vec<u8>, header_length: usize, id: PacketId) {
        let Some((header, payload)) = packet.split_at_mut_checked(header_length) else {
            return;
        };
        let tag = self.rtp.seal(id, header, payload);
        packet.extend_from_slice(tag.as_ref());
    }

    fn open_rtp(&self, packet: &mut [u8], header_length: usize, id: PacketId) -> Result<usize, Forged> {
        let (header, sealed) = packet.split_at_mut_checked(header_length).ok_or(Forged)?;
        Ok(header_length + self.rtp.open(id, header, sealed)?)
    }

    fn seal_rtcp(&self, packet: &mut Vec<u8>, id: PacketId) {
        let Some((header, body)) = packet.split_first_chunk_mut::<RTCP_HEADER_LENGTH>() else {
            return;
        };
        let word = esrtcp_word(id);
        let tag = self.rtcp.seal(id, &rtcp_associated_data(*header, word), body);
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&word);
    }

    fn open_rtcp(&self, packet: &mut [u8], id: PacketId) -> Result<usize, Forged> {
        let (header, rest) = packet
            .split_first_chunk_mut::<RTCP_HEADER_LENGTH>()
            .ok_or(Forged)?;
        let (sealed, word) = rest.split_last_chunk_mut::<RTCP_INDEX_LENGTH>().ok_or(Forged)?;
        let length = self
            .rtcp
            .open(id, &rtcp_associated_data(*header, *word), sealed)?;
        Ok(RTCP_HEADER_LENGTH + length)
    }

    fn octets_after_rtcp_index(&self) -> usize {
        0
    }
}

impl Keys {
    fn new<C>(
        derivation: &KeyDerivation<C>,
        suite: Suite,
        algorithm: &'static Algorithm,
        encryption: Label,
        salt: Label,
    ) -> Self
    where
        C: BlockCipherEncrypt<BlockSize = U16> + KeyInit,
    {
        let mut key = Zeroizing::new([0; KEY_LENGTH_MAX]);
        let key = key.get_mut(..algorithm.key_len()).unwrap_or_default();
        derivation.derive_into(encryption, key);
        Self::from_session_key(algorithm, key, derivation.derive_salt(salt, suite.salt_length()))
    }

    fn from_session_key(algorithm: &'static Algorithm, key: &[u8], salt: u128) -> Self {
        let unbound = UnboundKey::new(algorithm, key).expect("the key has the algorithm's own length");
        Self {
            key: LessSafeKey::new(unbound),
            salt,
        }
    }

    fn seal(&self, id: PacketId, associated: &[u8], plain: &mut [u8]) -> aws_lc_rs::aead::Tag {
        self.key
            .seal_in_place_separate_tag(self.nonce(id), Aad::from(associated), plain)
            .expect("Context refuses packets far shorter than GCM's limit of 2^36 octets")
    }

    fn open(&self, id: PacketId, associated: &[u8], sealed: &mut [u8]) -> Result<usize, Forged> {
        let plain = self
            .key
            .open_in_place(self.nonce(id), Aad::from(associated), sealed);
        plain.map(|plain| plain.len()).map_err(|_| Forged)
    }

    /// Is the salt XORed with 16 zero bits, SSRC and the 48-bit index (RFC 7714 sections 8.1 and 9.1).
    ///
    /// The SRTCP index has 31 bits and zeros above it, which is what section 9.1 asks for.
    fn nonce(&self, id: PacketId) -> Nonce {
        let packet = u128::from(id.ssrc) << 48 | u128::from(id.index);
        let block = (self.salt ^ packet << 32).to_be_bytes();
        let mut nonce = [0; NONCE_LEN];
        for (octet, value) in nonce.iter_mut().zip(block) {
            *octet = value;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

fn rtcp_associated_data(
    header: [u8; RTCP_HEADER_LENGTH],
    word: [u8; RTCP_INDEX_LENGTH],
) -> [u8; RTCP_HEADER_LENGTH + RTCP_INDEX_LENGTH] {
    let [h0, h1, h2, h3, h4, h5, h6, h7] = header;
    let [w0, w1, w2, w3] = word;
    [h0, h1, h2, h3, h4, h5, h6, h7, w0, w1, w2, w3]
}

#[cfg(test)]
mod tests {
    //! The vectors of RFC 7714 section 16 and 17 give session keys, so they enter below the key derivation. Those
    //! of tagging without encryption are left out with the mode itself.

    use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Algorithm};

    use super::{Forged, Gcm, Keys};
    use crate::srtp::hex::octets;
    use crate::srtp::transform::{PacketId, Transform as _};

    const SALT: u128 = 0x5175_6964_2070_726f_2071_756f_0000_0000;
    const RTP: PacketId = PacketId {
        ssrc: 0x5501_a0b2,
        index: 0xf17b,
    };
    const RTCP: PacketId = PacketId {
        ssrc: 0x4d61_7273,
        index: 0x5d4,
    };
    const RTP_HEADER_LENGTH: usize = 12;

    //= https://www.rfc-editor.org/rfc/rfc7714#section-16
    const RTP_PLAIN: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
        69736120 696e2070 61727465 73207472 6573";
    const RTP_SEALED_128: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
        0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
    const RTP_SEALED_256: &str = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
        9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";

    //= https://www.rfc-editor.org/rfc/rfc7714#section-17
    const RTCP_PLAIN: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
        deadbeef deadbeef deadbeef deadbeef deadbeef";
    const RTCP_SEALED_128: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
        c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
    const RTCP_SEALED_256: &str = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
        a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";

    #[test]
    fn rtp_vectors_of_rfc_7714_hold_in_both_directions() {
        for (algorithm, sealed) in [(&AES_128_GCM, RTP_SEALED_128), (&AES_256_GCM, RTP_SEALED_256)] {
            let gcm = gcm(algorithm);
            let mut packet = octets(RTP_PLAIN);
            gcm.seal_rtp(&mut packet, RTP_HEADER_LENGTH, RTP);
            assert_eq!(packet, octets(sealed));

            let length = gcm.open_rtp(&mut packet, RTP_HEADER_LENGTH, RTP).unwrap();
            assert_eq!(packet[..length], octets(RTP_PLAIN));
        }
    }

    #[test]
    fn rtcp_vectors_of_rfc_7714_hold_in_both_directions() {
        for (algorithm, sealed) in [(&AES_128_GCM, RTCP_SEALED_128), (&AES_256_GCM, RTCP_SEALED_256)] {
            let gcm = gcm(algorithm);
            let mut packet = octets(RTCP_PLAIN);
            gcm.seal_rtcp(&mut packet, RTCP);
            assert_eq!(packet, octets(sealed));

            let length = gcm.open_rtcp(&mut packet, RTCP).unwrap();
            assert_eq!(packet[..length], octets(RTCP_PLAIN));
        }
    }

    #[test]
    fn the_vectors_fail_under_the_other_key() {
        let mut packet = octets(RTP_SEALED_128);
        assert_eq!(
            gcm(&AES_256_GCM).open_rtp(&mut packet, RTP_HEADER_LENGTH, RTP),
            Err(Forged)
        );
    }

    fn gcm(algorithm: &'static Algorithm) -> Gcm {
        let key: Vec<u8> = (0..).take(algorithm.key_len()).collect();
        let keys = || Keys::from_session_key(algorithm, &key, SALT);
        Gcm {
            rtp: keys(),
            rtcp: keys(),
        }
    }
}
