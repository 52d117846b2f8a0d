//! What is drawn: ids, tokens, passwords, codes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::StoreError;

/// Letters and digits that nobody takes for each other when they are read aloud or typed. There are 32: a character has 5 bits.
const LEGIBLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a password: 130 bits.
const PASSWORD_LENGTH: usize = 26;
/// Characters of either half of a claim code: 40 bits together, for one device, few tries and a week.
const CODE_HALF_LENGTH: usize = 4;

/// 128 bits.
pub(super) fn bits() -> Result<u128, StoreError> {
    octets().map(u128::from_le_bytes)
}

/// A token of 256 bits.
pub(super) fn token() -> Result<String, StoreError> {
    octets::<32>().map(|octets| URL_SAFE_NO_PAD.encode(octets))
}

/// So many decimal digits, 20 at most.
pub(super) fn digits(count: u32) -> Result<String, StoreError> {
    let width = usize::try_from(count).unwrap_or_default();
    let number = bits()? % 10_u128.pow(count);
    Ok(format!("{number:0width$}"))
}

/// A password that can be typed by hand.
pub(super) fn password() -> Result<String, StoreError> {
    legible::<PASSWORD_LENGTH>()
}

/// A claim code, as it is shown.
pub(super) fn claim_code() -> Result<String, StoreError> {
    let [first, second] = [legible::<CODE_HALF_LENGTH>()?, legible::<CODE_HALF_LENGTH>()?];
    Ok(format!("{first}-{second}").to_ascii_uppercase())
}

fn legible<const LENGTH: usize>() -> Result<String, StoreError> {
    let letters = octets::<LENGTH>()?
        .into_iter()
        .filter_map(|octet| LEGIBLE.get(usize::from(octet % 32)));
    Ok(letters.map(|letter| char::from(*letter)).collect())
}

fn octets<const LENGTH: usize>() -> Result<[u8; LENGTH], StoreError> {
    let mut octets = [0; LENGTH];
    getrandom::fill(&mut octets).map_err(|_| StoreError::NoRandomness)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_has_its_length_and_is_not_drawn_twice() {
        assert_eq!(digits(20).unwrap().len(), 20);
        assert_eq!(digits(12).unwrap().len(), 12);
        assert_eq!(password().unwrap().len(), PASSWORD_LENGTH);
        assert_ne!(password().unwrap(), password().unwrap());
        let code = claim_code().unwrap();
        assert_eq!((code.len(), code.find('-')), (9, Some(4)));
        assert_ne!(token().unwrap(), token().unwrap());
    }
}
