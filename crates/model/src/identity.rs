//! The three values a registration carries, each with its own type because they are easily swapped:
//! who the AOR is, who the password belongs to, and what people dial.

use crate::validated_text::validated_text;

/// RFC 3261 §25.1 `user` without `escaped`: a user that needs no escaping compares byte for byte.
fn user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte)
}

/// Visible ASCII that stands in a quoted string as it is. A colon would make `user:realm:password`
/// ambiguous (RFC 7616 §3.4.2).
fn authorization_id_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b':')
}

fn extension_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'*'
}

validated_text!(
    /// The user part of an address of record: who registers.
    SipUser,
    "a SIP user",
    "1 to 64 letters, digits or -_.!~*'()&=+$,;?/",
    64,
    user_byte
);
validated_text!(
    /// The user name of a digest credential: whose password it is (RFC 7616 `username`).
    AuthorizationId,
    "an authorization id",
    "1 to 128 visible ASCII characters other than \" \\ and :",
    128,
    authorization_id_byte
);
validated_text!(
    /// The number people dial.
    Extension,
    "an extension",
    "1 to 16 digits or asterisks",
    16,
    extension_byte
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_accepts_its_longest_text_and_refuses_one_more() {
        assert!("u".repeat(64).parse::<SipUser>().is_ok());
        assert!("u".repeat(65).parse::<SipUser>().is_err());
        assert!("a".repeat(128).parse::<AuthorizationId>().is_ok());
        assert!("a".repeat(129).parse::<AuthorizationId>().is_err());
        assert!("1".repeat(16).parse::<Extension>().is_ok());
        assert!("1".repeat(17).parse::<Extension>().is_err());
    }

    #[test]
    fn nothing_is_empty() {
        assert!("".parse::<SipUser>().is_err());
        assert!("".parse::<AuthorizationId>().is_err());
        assert!("".parse::<Extension>().is_err());
    }

    #[test]
    fn a_user_that_would_need_escaping_is_refused() {
        for text in ["a@b", "a b", "a%41", "a#1", "é", "a\r\n"] {
            assert!(text.parse::<SipUser>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_authorization_id_cannot_break_its_quotes_or_its_hash() {
        for text in ["a\"b", "a\\b", "a:b", "a b", "ä"] {
            assert!(text.parse::<AuthorizationId>().is_err(), "{text:?}");
        }
        assert!("7001@pbx".parse::<AuthorizationId>().is_ok());
    }

    #[test]
    fn an_error_repeats_no_more_than_80_characters() {
        let error = "x".repeat(10_000).parse::<Extension>().unwrap_err();

        assert_eq!(error.text.len(), 80);
    }
}
