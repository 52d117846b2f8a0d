//! The values that must not be guessed or repeated: branches, tags, Call-IDs, first CSeq numbers.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// The start of every branch made after RFC 3261 (8.1.1.7).
const BRANCH_COOKIE: &str = "z9hG4bK";

/// All randomness of one agent, from one seed: the same seed and the same inputs give the same outputs.
pub(crate) struct Random {
    generator: ChaCha20Rng,
    /// Makes the tags of stateless responses.
    tag_key: [u8; 32],
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut generator = ChaCha20Rng::from_seed(seed);
        let mut tag_key = [0; 32];
        generator.fill_bytes(&mut tag_key);
        Self { generator, tag_key }
    }

    /// 128 random bits after the cookie.
    pub(crate) fn branch(&mut self) -> String {
        let mut branch = String::with_capacity(BRANCH_COOKIE.len() + 32);
        branch.push_str(BRANCH_COOKIE);
        branch.push_str(&self.hex::<16>());
        branch
    }

    /// 64 random bits; RFC 3261 19.3 asks for 32.
    pub(crate) fn tag(&mut self) -> String {
        self.hex::<8>()
    }

    /// 128 random bits without a host part.
    pub(crate) fn call_id(&mut self) -> String {
        self.hex::<16>()
    }

    /// The client nonce of a digest answer.
    pub(crate) fn client_nonce(&mut self) -> String {
        self.hex::<16>()
    }

    /// A first CSeq number below 2^16, so that a dialog never counts up to the limit of 2^31.
    pub(crate) fn first_sequence(&mut self) -> u32 {
        (self.generator.next_u32() & 0xffff) + 1
    }

    /// A number below `bound` (which is small; the bias does not matter).
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.generator.next_u32().checked_rem(bound).unwrap_or(0)
    }

    /// The To tag of a response that is not remembered: the same for each retransmission of its request
    /// (RFC 3261 8.2.7).
    pub(crate) fn stateless_tag(&self, parts: &[&str]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.tag_key);
        for part in parts {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digest = hash.finalize();
        write_hex(digest.iter().copied().take(8))
    }

    fn hex<const N: usize>(&mut self) -> String {
        let mut bytes = [0; N];
        self.generator.fill_bytes(&mut bytes);
        write_hex(bytes)
    }
}

fn write_hex(bytes: impl IntoIterator<Item = u8>) -> String {
    let nibbles = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let mut first = Random::new([7; 32]);
        let mut second = Random::new([7; 32]);
        let mut other = Random::new([8; 32]);

        assert_eq!(first.branch(), second.branch());
        assert_ne!(first.branch(), other.branch());
        assert_ne!(first.tag(), first.tag());
    }

    #[test]
    fn a_stateless_tag_depends_on_each_part_and_on_where_it_ends() {
        let random = Random::new([7; 32]);

        assert_eq!(
            random.stateless_tag(&["a", "bc"]),
            random.stateless_tag(&["a", "bc"])
        );
        assert_ne!(
            random.stateless_tag(&["a", "bc"]),
            random.stateless_tag(&["ab", "c"])
        );
        assert_ne!(
            random.stateless_tag(&["a"]),
            Random::new([8; 32]).stateless_tag(&["a"])
        );
    }
}
