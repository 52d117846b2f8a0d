//! Where the next page of a list begins, as a token that only this process can have made, for one account and one list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::AccountId;
use model::inventory::Timestamp;
use sha2::Sha256;

use crate::refusal::Refusal;

/// How long a token is good.
const LIFE_SECONDS: u64 = 15 * 60;
/// Octets of the key: a block of the hash.
const KEY_LENGTH: usize = 64;
/// Octets of a token's time.
const TIME_LENGTH: usize = 8;
/// Octets of a token's proof.
const PROOF_LENGTH: usize = 32;
/// Characters of a token at most.
const LENGTH_MAX: usize = 4_096;

/// Makes tokens and knows its own.
pub(crate) struct Cursors {
    key: [u8; KEY_LENGTH],
}

impl Cursors {
    pub(crate) fn draw() -> Result<Self, getrandom::Error> {
        let mut key = [0; KEY_LENGTH];
        getrandom::fill(&mut key)?;
        Ok(Self { key })
    }

    /// Makes the token of a place in a list.
    pub(crate) fn token(&self, account: &AccountId, list: &str, place: &str, now: Timestamp) -> String {
        let ends = now.after_seconds(LIFE_SECONDS).0.to_be_bytes();
        let proof = self.proof(account, list, place, ends).finalize().into_bytes();
        let octets = [&ends[..], &proof[..], place.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// Reads the place of a token.
    pub(crate) fn place(
        &self,
        account: &AccountId,
        list: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        self.read(account, list, token, now)
            .ok_or_else(|| Refusal::bad("The next page token is invalid or expired."))
    }

    fn read(&self, account: &AccountId, list: &str, token: &str, now: Timestamp) -> Option<String> {
        let octets = Some(token)
            .filter(|token| token.len() <= LENGTH_MAX)
            .and_then(|token| URL_SAFE_NO_PAD.decode(token).ok())?;
        let (ends, rest) = octets.split_first_chunk::<TIME_LENGTH>()?;
        let (proof, place) = rest.split_at_checked(PROOF_LENGTH)?;
        let place = std::str::from_utf8(place).ok()?;
        self.proof(account, list, place, *ends).verify_slice(proof).ok()?;
        (now < Timestamp(u64::from_be_bytes(*ends))).then(|| place.to_owned())
    }

    fn proof(&self, account: &AccountId, list: &str, place: &str, ends: [u8; TIME_LENGTH]) -> Hmac<Sha256> {
        let mut proof = Hmac::<Sha256>::new(&self.key.into());
        proof.update(&ends);
        for text in [account.as_str(), list, place] {
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            proof.update(&length.to_be_bytes());
            proof.update(text.as_bytes());
        }
        proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_token_is_good_for_its_account_and_its_list_and_for_a_while() {
        let cursors = Cursors::draw().unwrap();
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let token = cursors.token(&one, "/devices?type=assigned", "hall", NOW);
        let place = |account, list, now| cursors.place(account, list, &token, now);

        let last = NOW.after_seconds(LIFE_SECONDS - 1);
        assert_eq!(place(&one, "/devices?type=assigned", last), Ok("hall".to_owned()));
        assert!(place(&two, "/devices?type=assigned", NOW).is_err());
        assert!(place(&one, "/devices?type=unassigned", NOW).is_err());
        assert!(place(&one, "/devices?type=assigned", NOW.after_seconds(LIFE_SECONDS)).is_err());
    }

    #[test]
    fn what_was_not_made_here_is_refused() {
        let cursors = Cursors::draw().unwrap();
        let one = "one".parse().unwrap();
        let foreign = Cursors::draw().unwrap().token(&one, "list", "hall", NOW);
        for token in ["", "x", "####", &"A".repeat(LENGTH_MAX + 1), &foreign] {
            let refused = cursors.place(&one, "list", token, NOW).unwrap_err();
            assert_eq!(refused.code, 400, "{token:?}");
        }
    }
}
