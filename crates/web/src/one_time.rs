//! The second factor at a sign-in: codes of an authenticator app (RFC 6238), and recovery codes for the day on which it is lost.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::claim_code::legible;

//= https://www.rfc-editor.org/rfc/rfc4226#section-4
//# This document RECOMMENDs a shared secret length of 160 bits.
/// Octets of a secret.
const SECRET_LENGTH: usize = 20;
/// Seconds for which a code holds.
pub const CODE_SECONDS: u64 = 30;
/// Digits of a code.
const DIGITS: usize = 6;
/// The first number with a digit more than a code.
const CODES: u32 = 1_000_000;
/// Steps before and after the present one whose codes are taken: clocks differ, and typing takes time.
const STEPS_AROUND: u64 = 1;
/// Characters of a recovery code, 80 bits: its hash tells nothing of it.
const RECOVERY_LENGTH: usize = 16;
/// Characters between two dashes of one.
const RECOVERY_GROUP: usize = 4;

/// What an authenticator app and the service both know.
#[derive(Clone)]
pub struct OneTimeSecret(Zeroizing<[u8; SECRET_LENGTH]>);

impl OneTimeSecret {
    /// Draws a secret.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut octets = Zeroizing::new([0; SECRET_LENGTH]);
        getrandom::fill(octets.as_mut())?;
        Ok(Self(octets))
    }

    /// Reads what [`OneTimeSecret::to_text`] writes, in any case and with spaces between.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let typed = text.bytes().filter(|octet| !octet.is_ascii_whitespace());
        let typed: Zeroizing<Vec<u8>> =
            Zeroizing::new(typed.map(|octet| octet.to_ascii_uppercase()).collect());
        let octets = Zeroizing::new(BASE32_NOPAD.decode(&typed).ok()?);
        let octets: [u8; SECRET_LENGTH] = octets.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(octets)))
    }

    /// The secret in the letters that apps take (RFC 4648 6).
    #[must_use]
    pub fn to_text(&self) -> String {
        BASE32_NOPAD.encode(self.0.as_ref())
    }

    /// The link that a QR code tells an app: whose codes these are, and of which service.
    #[must_use]
    pub fn link(&self, service: &str, who: &str) -> String {
        let (service, who, secret) = (escaped(service), escaped(who), self.to_text());
        format!(
            "otpauth://totp/{service}:{who}?secret={secret}&issuer={service}&algorithm=SHA1&digits={DIGITS}&period={CODE_SECONDS}"
        )
    }

    /// The code of a step, which is a number of [`CODE_SECONDS`] since 1970.
    #[must_use]
    pub fn code(&self, step: u64) -> String {
        let number = Hmac::<Sha1>::new_from_slice(self.0.as_ref()).map_or(0, |mut mac| {
            mac.update(&step.to_be_bytes());
            truncated(&mac.finalize().into_bytes())
        });
        format!("{:0DIGITS$}", number % CODES)
    }

    /// The step whose code somebody has typed, with or without spaces, around the step of a time in seconds since 1970.
    #[must_use]
    pub fn step_of(&self, typed: &str, seconds: u64) -> Option<u64> {
        let typed: Vec<u8> = typed
            .bytes()
            .filter(|octet| !octet.is_ascii_whitespace())
            .take(DIGITS + 1)
            .collect();
        let present = seconds / CODE_SECONDS;
        let around = present.saturating_sub(STEPS_AROUND)..=present.saturating_add(STEPS_AROUND);
        // Each is compared whichever is right, so that the time does not tell.
        around.fold(None, |found, step| {
            let is_right: bool = self.code(step).as_bytes().ct_eq(&typed).into();
            if is_right { Some(step) } else { found }
        })
    }
}

impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OneTimeSecret(redacted)")
    }
}

//= https://www.rfc-editor.org/rfc/rfc4226#section-5.3
//# We treat the dynamic binary code as a 31-bit, unsigned, big-endian
//# integer; the first byte is masked with a 0x7f.
fn truncated(mac: &[u8]) -> u32 {
    let offset = mac.last().map_or(0, |last| usize::from(last & 0xf));
    let octets = mac.get(offset..).and_then(<[u8]>::first_chunk);
    octets.map_or(0, |octets| u32::from_be_bytes(*octets) & 0x7fff_ffff)
}

/// A text as a part of a link (RFC 3986 2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(octet));
        } else {
            escaped.push_str(&format!("%{octet:02X}"));
        }
    }
    escaped
}

/// Draws a recovery code as it is shown: `K7QF-2XMB-9HTR-4WCN`.
///
/// # Errors
///
/// When the system gives no random numbers.
pub fn drawn_recovery_code() -> Result<String, getrandom::Error> {
    let letters: [u8; RECOVERY_LENGTH] = legible()?;
    let groups = letters.chunks(RECOVERY_GROUP).map(String::from_utf8_lossy);
    Ok(groups.collect::<Vec<_>>().join("-"))
}

/// A recovery code as it is kept and compared; none where what somebody has typed is none.
#[must_use]
pub fn typed_recovery_code(typed: &str) -> Option<String> {
    let letters: String = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .take(RECOVERY_LENGTH + 1)
        .collect();
    (letters.len() == RECOVERY_LENGTH).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the appendix of both documents: `12345678901234567890`.
    fn secret() -> OneTimeSecret {
        OneTimeSecret::read("gezd gnbv gy3t qojq GEZD GNBV GY3T QOJQ").unwrap()
    }

    //= https://www.rfc-editor.org/rfc/rfc6238#appendix-B
    //# The test token shared secret uses the ASCII string value
    //# "12345678901234567890".
    #[test]
    fn codes_are_those_of_the_standard() {
        assert_eq!(secret().0.as_ref(), b"12345678901234567890");
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().code(seconds / CODE_SECONDS), code, "{seconds}");
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc4226#appendix-D
    //# Count  Hexadecimal    Decimal        HOTP
    #[test]
    fn codes_of_the_first_steps_are_those_of_the_standard() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(secret().code(step), code);
        }
    }

    #[test]
    fn a_code_is_taken_one_step_before_and_after_its_own_and_no_further() {
        let (secret, step) = (secret(), 1_000_000);
        let code = secret.code(step);
        for (seconds, found) in [
            ((step - 1) * CODE_SECONDS - 1, None),
            ((step - 1) * CODE_SECONDS, Some(step)),
            ((step + 2) * CODE_SECONDS - 1, Some(step)),
            ((step + 2) * CODE_SECONDS, None),
        ] {
            assert_eq!(secret.step_of(&code, seconds), found, "{seconds}");
        }
        let (first, last) = code.split_at(3);
        let seconds = step * CODE_SECONDS;
        assert_eq!(secret.step_of(&format!(" {first} {last}"), seconds), Some(step));
        for typed in [String::new(), first.to_owned(), format!("{code}0"), "x".repeat(6)] {
            assert_eq!(secret.step_of(&typed, seconds), None, "{typed}");
        }
    }

    #[test]
    fn a_secret_is_read_as_it_was_written_and_no_other_length_is_one() {
        let drawn = OneTimeSecret::draw().unwrap();
        let text = drawn.to_text();
        assert_eq!(OneTimeSecret::read(&text).unwrap().code(1), drawn.code(1));
        assert_ne!(OneTimeSecret::draw().unwrap().to_text(), text);
        for wrong in [
            "",
            "GEZDGNBV",
            &format!("{text}GEZDGNBV"),
            "1EZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        ] {
            assert!(OneTimeSecret::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_link_names_service_and_person_whatever_they_are_called() {
        let link = secret().link("Oyez: Größe & Co", "ada@example.com");
        assert_eq!(
            link,
            "otpauth://totp/Oyez%3A%20Gr%C3%B6%C3%9Fe%20%26%20Co:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Oyez%3A%20Gr%C3%B6%C3%9Fe%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn a_recovery_code_is_taken_as_people_type_it() {
        let code = drawn_recovery_code().unwrap();
        assert_eq!((code.len(), code.matches('-').count()), (19, 3));
        assert_ne!(drawn_recovery_code().unwrap(), code);
        let kept = typed_recovery_code(&code).unwrap();
        assert_eq!(
            typed_recovery_code(&code.to_lowercase().replace('-', " ")),
            Some(kept)
        );
        for wrong in ["", "K7QF-2XMB-9HTR-4WC", &format!("{code}X"), "123456"] {
            assert_eq!(typed_recovery_code(wrong), None, "{wrong}");
        }
    }
}
