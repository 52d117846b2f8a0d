//! The SDES line `a=crypto` (RFC 4568): reading one of the peer's, writing one of ours.

use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine as _};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::srtp::{KeyError, MasterKey, RTP_PACKETS_PER_KEY, Suite};

/// Most digits of a tag (RFC 4568 section 9.1).
const TAG_DIGITS_MAX: usize = 9;

/// Longest key text looked at: 46 octets are 64 characters; more can only be no key.
const KEY_TEXT_LENGTH_MAX: usize = 64;

/// Smallest replay window a peer may ask for (RFC 4568 section 6.3.6).
const WINDOW_SIZE_MIN: u32 = 64;

/// RFC 4568 section 6.1 discards padding, so its presence proves nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why an `a=crypto` line cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CryptoOffence {
    /// Tag, suite and key parameters are not all there, or the tag is no number of one to nine digits.
    #[error("a=crypto is not <tag> <suite> <key parameters>")]
    Syntax,
    /// The suite is not known here.
    #[error("an unknown crypto suite")]
    UnknownSuite,
    /// The suite is known, but policy does not list it.
    #[error("the crypto suite {} is not allowed here", .0.name())]
    SuiteNotAllowed(Suite),
    /// The key comes by another method than `inline`.
    #[error("a key method other than inline")]
    KeyMethod,
    /// More than one key, which only makes sense with master key identifiers.
    #[error("several master keys in one crypto line")]
    SeveralKeys,
    /// The key has a master key identifier.
    #[error("a master key identifier, which is not supported")]
    KeyIdentifier,
    /// The key is not base64.
    #[error("a master key that is not base64")]
    KeyEncoding,
    /// The key or its lifetime does not suit the suite.
    #[error("an unusable master key")]
    Key(#[source] KeyError),
    /// The lifetime is no number or power of two.
    #[error("a malformed master key lifetime")]
    Lifetime,
    /// `UNENCRYPTED_SRTP`, `UNENCRYPTED_SRTCP` or `UNAUTHENTICATED_SRTP` would take the protection away.
    #[error("a session parameter that switches protection off")]
    Weakened,
    /// A mandatory session parameter that is not supported, such as a key derivation rate.
    #[error("a session parameter that is not supported")]
    SessionParameter,
}

/// A usable `a=crypto` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CryptoLine {
    pub(super) tag: u32,
    pub(super) key: MasterKey,
}

impl CryptoLine {
    /// Reads what follows `a=crypto:`.
    pub(super) fn parse(value: &str) -> Result<Self, CryptoOffence> {
        let mut fields = value.split([' ', '\t']).filter(|field| !field.is_empty());
        let mut field = || fields.next().ok_or(CryptoOffence::Syntax);
        let tag = parse_tag(field()?)?;
        let suite = Suite::from_name(field()?).ok_or(CryptoOffence::UnknownSuite)?;
        let key = parse_key_parameters(suite, field()?)?;
        fields.try_for_each(check_session_parameter)?;
        Ok(Self { tag, key })
    }

    /// Writes what follows `a=crypto:`, with the lifetime left at its default.
    pub(super) fn to_value(&self) -> String {
        let key = Zeroizing::new(BASE64.encode(self.key.key_and_salt()));
        format!("{} {} inline:{}", self.tag, self.key.suite().name(), key.as_str())
    }
}

fn parse_tag(text: &str) -> Result<u32, CryptoOffence> {
    if text.is_empty() || text.len() > TAG_DIGITS_MAX || !is_digits(text) {
        return Err(CryptoOffence::Syntax);
    }
    text.parse().map_err(|_| CryptoOffence::Syntax)
}

fn parse_key_parameters(suite: Suite, text: &str) -> Result<MasterKey, CryptoOffence> {
    if text.contains(';') {
        return Err(CryptoOffence::SeveralKeys);
    }
    let (method, information) = text.split_once(':').ok_or(CryptoOffence::Syntax)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(CryptoOffence::KeyMethod);
    }
    let mut parts = information.split('|');
    let key = decode_key(suite, parts.next().unwrap_or_default())?;
    let Some(lifetime) = parts.next() else {
        return Ok(key);
    };
    // Only the identifier contains a colon (RFC 4568 section 6.1), and it may stand without a lifetime.
    if lifetime.contains(':') || parts.next().is_some() {
        return Err(CryptoOffence::KeyIdentifier);
    }
    key.with_lifetime(parse_lifetime(lifetime)?)
        .map_err(CryptoOffence::Key)
}

fn decode_key(suite: Suite, text: &str) -> Result<MasterKey, CryptoOffence> {
    if text.len() > KEY_TEXT_LENGTH_MAX {
        return Err(CryptoOffence::KeyEncoding);
    }
    let key_and_salt = Zeroizing::new(BASE64.decode(text).map_err(|_| CryptoOffence::KeyEncoding)?);
    MasterKey::new(suite, &key_and_salt).map_err(CryptoOffence::Key)
}

fn parse_lifetime(text: &str) -> Result<u64, CryptoOffence> {
    let (digits, is_power) = match text.strip_prefix("2^") {
        Some(exponent) => (exponent, true),
        None => (text, false),
    };
    // Leading zeros are forbidden, which forbids a zero as well.
    if !is_digits(digits) || digits.starts_with('0') {
        return Err(CryptoOffence::Lifetime);
    }
    let too_long = CryptoOffence::Key(KeyError::Lifetime(u64::MAX));
    let number: u64 = digits.parse().map_err(|_| too_long)?;
    if !is_power {
        return Ok(number);
    }
    if number > u64::from(RTP_PACKETS_PER_KEY.trailing_zeros()) {
        return Err(too_long);
    }
    Ok(1 << number)
}

/// Passes what changes nothing here, refuses the rest (RFC 4568 section 6.3).
fn check_session_parameter(text: &str) -> Result<(), CryptoOffence> {
    const WEAKENING: [&str; 3] = ["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"];
    if WEAKENING
        .iter()
        .any(|name| name.eq_ignore_ascii_case(text.trim_start_matches('-')))
    {
        return Err(CryptoOffence::Weakened);
    }
    // A leading dash marks an extension that may be ignored (section 6.3.7).
    if text.starts_with('-') {
        return Ok(());
    }
    match text.split_once('=') {
        Some(("WSH", size))
            if is_digits(size) && size.parse().is_ok_and(|size: u32| size >= WINDOW_SIZE_MIN) =>
        {
            Ok(())
        }
        _ => Err(CryptoOffence::SessionParameter),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{CryptoLine, CryptoOffence};
    use crate::srtp::{KeyError, RTP_PACKETS_PER_KEY, Suite};

    /// Thirty octets; the first example of RFC 4568 section 6.1.
    const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

    #[test]
    fn a_line_reads_back_in_every_suite() {
        for suite in Suite::ALL {
            let octets = vec![0xfb; suite.key_length() + suite.salt_length()];
            let key = crate::srtp::MasterKey::new(suite, &octets).unwrap();
            let line = CryptoLine {
                tag: 999_999_999,
                key,
            };
            assert_eq!(CryptoLine::parse(&line.to_value()), Ok(line));
        }
    }

    #[test]
    fn padding_of_the_key_may_be_missing() {
        let padded = format!("1 AEAD_AES_128_GCM inline:{}==", "A".repeat(38));
        let bare = padded.trim_end_matches('=');
        assert_eq!(CryptoLine::parse(bare), CryptoLine::parse(&padded));
        assert!(CryptoLine::parse(bare).is_ok());
    }

    #[test]
    fn a_lifetime_is_a_number_or_a_power_of_two() {
        for (text, expected) in [
            ("2^20", 1 << 20),
            ("1048576", 1 << 20),
            ("2^48", RTP_PACKETS_PER_KEY),
            ("1", 1),
        ] {
            let line = CryptoLine::parse(&format!("1 {SUITE} inline:{KEY}|{text}")).unwrap();
            assert_eq!(line.key.lifetime(), expected);
        }
        let too_long = RTP_PACKETS_PER_KEY + 1;
        for (text, expected) in [
            ("", CryptoOffence::Lifetime),
            ("0", CryptoOffence::Lifetime),
            ("020", CryptoOffence::Lifetime),
            ("2^", CryptoOffence::Lifetime),
            ("2^020", CryptoOffence::Lifetime),
            ("-1", CryptoOffence::Lifetime),
            ("forever", CryptoOffence::Lifetime),
            ("2^49", CryptoOffence::Key(KeyError::Lifetime(u64::MAX))),
            (
                "99999999999999999999999",
                CryptoOffence::Key(KeyError::Lifetime(u64::MAX)),
            ),
            (
                "281474976710657",
                CryptoOffence::Key(KeyError::Lifetime(too_long)),
            ),
        ] {
            let line = format!("1 {SUITE} inline:{KEY}|{text}");
            assert_eq!(CryptoLine::parse(&line), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_tag_has_one_to_nine_digits() {
        for tag in ["0", "1", "999999999", "007"] {
            assert!(
                CryptoLine::parse(&format!("{tag} {SUITE} inline:{KEY}")).is_ok(),
                "{tag}"
            );
        }
        for tag in ["1000000000", "-1", "+1", "1a", "\u{0661}"] {
            let line = format!("{tag} {SUITE} inline:{KEY}");
            assert_eq!(CryptoLine::parse(&line), Err(CryptoOffence::Syntax), "{tag}");
        }
    }

    #[test]
    fn each_defect_has_its_name() {
        let short = KeyError::Length {
            suite: Suite::AesCm128HmacSha1_80,
            expected: 30,
            actual: 27,
        };
        for (line, expected) in [
            (String::new(), CryptoOffence::Syntax),
            ("1".to_owned(), CryptoOffence::Syntax),
            (format!("1 {SUITE}"), CryptoOffence::Syntax),
            (format!("1 {SUITE} {KEY}"), CryptoOffence::Syntax),
            (
                format!("1 NULL_HMAC_SHA1_80 inline:{KEY}"),
                CryptoOffence::UnknownSuite,
            ),
            (
                format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
                CryptoOffence::UnknownSuite,
            ),
            (format!("1 {SUITE} uri:{KEY}"), CryptoOffence::KeyMethod),
            (
                format!("1 {SUITE} inline:{KEY}|1:4;inline:{KEY}|2:4"),
                CryptoOffence::SeveralKeys,
            ),
            (
                format!("1 {SUITE} inline:{KEY}|2^20|1:4"),
                CryptoOffence::KeyIdentifier,
            ),
            (
                format!("1 {SUITE} inline:{KEY}|1:4"),
                CryptoOffence::KeyIdentifier,
            ),
            (format!("1 {SUITE} inline:***"), CryptoOffence::KeyEncoding),
            (format!("1 {SUITE} inline:{KEY}{KEY}"), CryptoOffence::KeyEncoding),
            (
                format!("1 {SUITE} inline:{}", KEY.get(..36).unwrap()),
                CryptoOffence::Key(short),
            ),
        ] {
            assert_eq!(CryptoLine::parse(&line), Err(expected), "{line}");
        }
    }

    #[test]
    fn session_parameters_may_widen_the_window_and_nothing_else() {
        for (parameters, expected) in [
            ("WSH=64", None),
            ("WSH=128 -FUTURE=1", None),
            ("WSH=63", Some(CryptoOffence::SessionParameter)),
            ("WSH=many", Some(CryptoOffence::SessionParameter)),
            ("UNENCRYPTED_SRTP", Some(CryptoOffence::Weakened)),
            ("WSH=64 UNENCRYPTED_SRTCP", Some(CryptoOffence::Weakened)),
            ("UNAUTHENTICATED_SRTP", Some(CryptoOffence::Weakened)),
            ("-UNENCRYPTED_SRTP", Some(CryptoOffence::Weakened)),
            ("KDR=0", Some(CryptoOffence::SessionParameter)),
            ("FEC_ORDER=FEC_SRTP", Some(CryptoOffence::SessionParameter)),
            ("FUTURE=1", Some(CryptoOffence::SessionParameter)),
        ] {
            let line = CryptoLine::parse(&format!("1 {SUITE} inline:{KEY} {parameters}"));
            assert_eq!(line.err(), expected, "{parameters}");
        }
    }

    #[test]
    fn an_offence_never_repeats_the_key() {
        let line = format!("1 {SUITE} inline:{KEY}|9:9");
        let error = CryptoLine::parse(&line).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(KEY.get(..4).unwrap()));
    }
}
