//! AES in counter mode with HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1, RFC 6188).

use aes::cipher::{BlockCipherEncrypt, KeyInit, consts::U16};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::key::{KeyDerivation, Label, MasterKey};
use super::transform::{Forged, PacketId, RTCP_HEADER_LENGTH, RTCP_INDEX_LENGTH, Transform, esrtcp_word};

/// Blocks of keystream made at a time, so that the processor's AES units stay busy.
const BLOCKS_AT_A_TIME: usize = 16;
const BLOCK_LENGTH: usize = 16;
const AUTHENTICATION_KEY_LENGTH: usize = 20;

/// The keys of RTP and of RTCP.
pub(super) struct CounterMode<C> {
    rtp: Keys<C>,
    rtcp: Keys<C>,
}

struct Keys<C> {
    cipher: C,
    // Left-aligned, the sixteen bits of the block counter are zero.
    salt: u128,
    // Keyed once; each packet works on a clone.
    authenticator: Hmac<Sha1>,
    tag_length: usize,
}

impl<C: BlockCipherEncrypt<BlockSize = U16> + KeyInit> CounterMode<C> {
    pub(super) fn new(master: &MasterKey) -> Self {
        let derivation = KeyDerivation::<C>::new(master);
        let suite = master.suite();
        let keys = |encryption, authentication, salt, tag_length| {
            let mut authentication_key = Zeroizing::new([0; AUTHENTICATION_KEY_LENGTH]);
            derivation.derive_into(authentication, authentication_key.as_mut_slice());
            Keys {
                cipher: derivation.derive_cipher(encryption),
                salt: derivation.derive_salt(salt, suite.salt_length()),
                authenticator: Hmac::new_from_slice(authentication_key.as_slice())
                    .expect("HMAC takes keys of every length"),
                tag_length,
            }
        };
        Self {
            rtp: keys(
                Label::RtpEncryption,
                Label::RtpAuthentication,
                Label::RtpSalt,
                suite.rtp_tag_length(),
            ),
            rtcp: keys(
                Label::RtcpEncryption,
                Label::RtcpAuthentication,
                Label::RtcpSalt,
                suite.rtcp_tag_length(),
            ),
        }
    }
}

impl<C> Transform for CounterMode<C>
where
    C: BlockCipherEncrypt<BlockSize = U16> + Send + Sync,
{
    fn seal_rtp(&self, packet: &mut Vec<u8>, header_length: usize, id: PacketId) {
        if let Some(payload) = packet.get_mut(header_length..) {
            self.rtp.encrypt(id, payload);
        }
        let tag = self.rtp.tag(packet, &id.rollovers());
        packet.extend_from_slice(tag.get(..self.rtp.tag_length).unwrap_or_default());
    }

    fn open_rtp(&self, packet: &mut [u8], header_length: usize, id: PacketId) -> Result<usize, Forged> {
        let length = packet.len().checked_sub(self.rtp.tag_length).ok_or(Forged)?;
        let (packet, tag) = packet.split_at_mut_checked(length).ok_or(Forged)?;
        self.rtp.verify(packet, &id.rollovers(), tag)?;
        self.rtp
            .encrypt(id, packet.get_mut(header_length..).ok_or(Forged)?);
        Ok(length)
    }

    fn seal_rtcp(&self, packet: &mut Vec<u8>, id: PacketId) {
        if let Some(body) = packet.get_mut(RTCP_HEADER_LENGTH..) {
            self.rtcp.encrypt(id, body);
        }
        packet.extend_from_slice(&esrtcp_word(id));
        let tag = self.rtcp.tag(packet, &[]);
        packet.extend_from_slice(tag.get(..self.rtcp.tag_length).unwrap_or_default());
    }

    fn open_rtcp(&self, packet: &mut [u8], id: PacketId) -> Result<usize, Forged> {
        let signed_length = packet.len().checked_sub(self.rtcp.tag_length).ok_or(Forged)?;
        let length = signed_length.checked_sub(RTCP_INDEX_LENGTH).ok_or(Forged)?;
        let (signed, tag) = packet.split_at_mut_checked(signed_length).ok_or(Forged)?;
        self.rtcp.verify(signed, &[], tag)?;
        self.rtcp
            .encrypt(id, signed.get_mut(RTCP_HEADER_LENGTH..length).ok_or(Forged)?);
        Ok(length)
    }

    fn octets_after_rtcp_index(&self) -> usize {
        self.rtcp.tag_length
    }
}

impl<C: BlockCipherEncrypt<BlockSize = U16>> Keys<C> {
    /// Encrypts and, being its own inverse, decrypts.
    fn encrypt(&self, id: PacketId, data: &mut [u8]) {
        // RFC 3711 section 4.1.1: IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)
        let initial = self.salt ^ (u128::from(id.ssrc) << 64) ^ (u128::from(id.index) << 16);
        apply_keystream(&self.cipher, initial, data);
    }

    fn tag(&self, signed: &[u8], suffix: &[u8]) -> [u8; 20] {
        let mut authenticator = self.authenticator.clone();
        authenticator.update(signed);
        authenticator.update(suffix);
        authenticator.finalize().into_bytes().into()
    }

    fn verify(&self, signed: &[u8], suffix: &[u8], tag: &[u8]) -> Result<(), Forged> {
        let expected = self.tag(signed, suffix);
        let expected = expected.get(..self.tag_length).ok_or(Forged)?;
        if bool::from(expected.ct_eq(tag)) {
            Ok(())
        } else {
            Err(Forged)
        }
    }
}

impl<C> Drop for Keys<C> {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

/// XORs `data` with the blocks E(counter), E(counter + 1), ...
///
/// The sixteen bits of the block counter suffice for 1 MiB, which is above every packet this crate takes.
pub(super) fn apply_keystream<C>(cipher: &C, mut counter: u128, data: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    for chunk in data.chunks_mut(BLOCKS_AT_A_TIME * BLOCK_LENGTH) {
        let mut blocks = [aes::Block::default(); BLOCKS_AT_A_TIME];
        let used = blocks
            .get_mut(..chunk.len().div_ceil(BLOCK_LENGTH))
            .unwrap_or_default();
        for block in used.iter_mut() {
            *block = counter.to_be_bytes().into();
            counter = counter.wrapping_add(1);
        }
        cipher.encrypt_blocks(used);
        xor(chunk, used);
    }
}

fn xor(data: &mut [u8], keystream: &[aes::Block]) {
    for (data, key) in data.chunks_mut(BLOCK_LENGTH).zip(keystream) {
        if let Ok(whole) = <&mut [u8; BLOCK_LENGTH]>::try_from(&mut *data) {
            *whole = (u128::from_ne_bytes(*whole) ^ u128::from_ne_bytes((*key).into())).to_ne_bytes();
        } else {
            for (octet, key) in data.iter_mut().zip(key) {
                *octet ^= key;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::{BlockCipherEncrypt, KeyInit as _, consts::U16};
    use aes::{Aes128, Aes256};

    use super::apply_keystream;
    use crate::srtp::hex::octets;

    const SALT: u128 = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000;
    const KEYSTREAM_LENGTH: usize = 1_044_512;

    //= https://www.rfc-editor.org/rfc/rfc3711#appendix-B.2
    #[test]
    fn the_keystream_of_aes_128_is_that_of_rfc_3711() {
        let cipher = Aes128::new_from_slice(&octets("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        assert_keystream(
            &cipher,
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
            "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44",
        );
    }

    //= https://www.rfc-editor.org/rfc/rfc6188#section-7.1
    #[test]
    fn the_keystream_of_aes_256_is_that_of_rfc_6188() {
        let key = octets("57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98");
        assert_keystream(
            &Aes256::new_from_slice(&key).unwrap(),
            "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
            "cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f",
        );
    }

    #[test]
    fn the_keystream_does_not_depend_on_how_long_the_packet_is() {
        let cipher = Aes128::new_from_slice(&[1; 16]).unwrap();
        let mut whole = [0; 600];
        apply_keystream(&cipher, SALT, &mut whole);
        for length in 0..whole.len() {
            let mut part = vec![0; length];
            apply_keystream(&cipher, SALT, &mut part);
            assert_eq!(part, whole[..length]);
        }
    }

    fn assert_keystream(cipher: &impl BlockCipherEncrypt<BlockSize = U16>, beginning: &str, end: &str) {
        let mut keystream = vec![0; KEYSTREAM_LENGTH];
        apply_keystream(cipher, SALT, &mut keystream);
        assert!(keystream.starts_with(&octets(beginning)));
        assert!(keystream.ends_with(&octets(end)));
    }
}
