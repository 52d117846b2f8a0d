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
        let unbound = UnboundKey::new(algorithm, key).expect("the key has the algorithm's own length");
        Self {
            key: LessSafeKey::new(unbound),
            salt: derivation.derive_salt(salt, suite.salt_length()),
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
