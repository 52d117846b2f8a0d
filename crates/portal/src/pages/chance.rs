//! What is drawn: ids, tokens, passwords, codes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::inventory::MacAddress;
use store::StoreError;
use web::{ClaimCode, drawn_password};

/// 128 bits.
pub(super) fn bits() -> Result<u128, StoreError> {
    octets().map(u128::from_le_bytes)
}

/// The address of a device that has none of its own here.
pub(super) fn mac() -> Result<MacAddress, StoreError> {
    octets().map(MacAddress::made_up)
}

/// A token of 256 bits.
pub(super) fn token() -> Result<String, StoreError> {
    octets::<32>().map(|octets| URL_SAFE_NO_PAD.encode(octets))
}

/// A password that can be typed by hand.
pub(super) fn password() -> Result<String, StoreError> {
    drawn_password().map_err(|_| StoreError::NoRandomness)
}

/// A claim code, as it is shown: 40 bits, for one device, few tries and a week.
pub(super) fn claim_code() -> Result<String, StoreError> {
    let code = ClaimCode::draw().map_err(|_| StoreError::NoRandomness)?;
    Ok(code.to_string())
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
        assert_eq!(password().unwrap().len(), 26);
        assert_ne!(password().unwrap(), password().unwrap());
        let code = claim_code().unwrap();
        assert_eq!((code.len(), code.find('-')), (9, Some(4)));
        assert_ne!(token().unwrap(), token().unwrap());
    }
}
