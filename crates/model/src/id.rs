//! Opaque identifiers. Nothing may be read out of one but whether it equals another.

use crate::validated_text::validated_text;

/// Ids are RFC 3261 tokens without the characters that need care in a URL path, so that one may stand
/// in a SIP header, a URL and a file name alike.
fn id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

validated_text!(
    /// Identifies a customer: everything a directory holds belongs to exactly one account.
    AccountId, "an account id", "1 to 64 of A-Z a-z 0-9 - _ .", 64, id_byte
);
validated_text!(
    /// Identifies a piece of equipment, whatever numbers it carries.
    DeviceId, "a device id", "1 to 64 of A-Z a-z 0-9 - _ .", 64, id_byte
);
validated_text!(
    /// Identifies one slot of a device; see [`SlotPosition::id`](crate::SlotPosition::id).
    SlotId, "a slot id", "1 to 64 of A-Z a-z 0-9 - _ .", 64, id_byte
);
validated_text!(
    /// Identifies one page from the first INVITE to the last receipt, across zones.
    PageId, "a page id", "1 to 64 of A-Z a-z 0-9 - _ .", 64, id_byte
);

impl PageId {
    /// Makes an id from 128 bits of the caller's randomness, written as 32 hexadecimal digits.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{bits:032x}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_64_characters_is_accepted_and_one_more_is_not() {
        assert!("a".repeat(64).parse::<DeviceId>().is_ok());
        assert!("a".repeat(65).parse::<DeviceId>().is_err());
    }

    #[test]
    fn an_id_with_a_path_separator_is_refused() {
        let error = "../etc".parse::<AccountId>().unwrap_err();

        assert_eq!(error.kind, "an account id");
    }

    #[test]
    fn a_random_page_id_keeps_its_leading_zeros() {
        let id = PageId::from_random(0xab);

        assert_eq!(id.as_str(), "000000000000000000000000000000ab");
        assert_eq!(id.to_string().parse::<PageId>(), Ok(id));
    }
}
