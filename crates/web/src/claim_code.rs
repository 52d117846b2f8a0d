//! Codes by which people claim a device, and passwords that are drawn for them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Letters and digits that nobody takes for one another: 32 of them, five bits each.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Characters of a code, forty bits: with the wait after wrong tries, more than can be guessed while a device waits.
const LENGTH: usize = 8;
/// Characters of a password: 130 bits.
const PASSWORD_LENGTH: usize = 26;

/// Draws a password that can be typed by hand.
///
/// # Errors
///
/// When the system gives no random numbers.
pub fn drawn_password() -> Result<String, getrandom::Error> {
    let letters: [u8; PASSWORD_LENGTH] = legible()?;
    Ok(password_of(&letters))
}

/// The password of one of many that share a secret: whoever knows it learns neither the secret nor the password of another by it. It looks
/// as one that was drawn, and is the same whenever it is made.
///
/// # Panics
///
/// Never: HMAC takes keys of any length.
#[must_use]
pub fn derived_password(secret: &str, of: &str) -> String {
    let mut made = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes keys of any length (RFC 2104 section 2)");
    made.update(b"oyez password of ");
    made.update(of.as_bytes());
    let octets: [u8; 32] = made.finalize().into_bytes().into();
    let letters = octets.map(letter);
    password_of(letters.get(..PASSWORD_LENGTH).unwrap_or(&letters))
}

fn password_of(letters: &[u8]) -> String {
    let letters = letters.iter();
    letters
        .map(|letter| char::from(letter.to_ascii_lowercase()))
        .collect()
}

pub(crate) fn legible<const COUNT: usize>() -> Result<[u8; COUNT], getrandom::Error> {
    let mut octets = [0; COUNT];
    getrandom::fill(&mut octets)?;
    Ok(octets.map(letter))
}

fn letter(octet: u8) -> u8 {
    ALPHABET.get(usize::from(octet & 31)).copied().unwrap_or(b'A')
}

/// A code as it is shown: `K7QF-2XMB`.
#[derive(Clone)]
pub struct ClaimCode([u8; LENGTH]);

impl ClaimCode {
    /// Draws a code.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub fn draw() -> Result<Self, getrandom::Error> {
        legible().map(Self)
    }

    /// Says whether somebody has typed this code, in any case, with or without the dash.
    #[must_use]
    pub fn matches(&self, typed: &str) -> bool {
        let typed: Vec<u8> = typed
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|octet| octet.to_ascii_uppercase())
            .take(LENGTH + 1)
            .collect();
        typed.ct_eq(&self.0).into()
    }
}

impl fmt::Display for ClaimCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, octet) in self.0.iter().enumerate() {
            let dash = if place == LENGTH / 2 { "-" } else { "" };
            write!(formatter, "{dash}{}", char::from(*octet))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClaimCode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_as_people_type_it_and_no_other() {
        let code = ClaimCode(*b"K7QF2XMB");

        assert_eq!(code.to_string(), "K7QF-2XMB");
        for typed in ["K7QF-2XMB", "k7qf2xmb", " K7QF 2XMB "] {
            assert!(code.matches(typed), "{typed}");
        }
        for typed in ["", "K7QF-2XMC", "K7QF-2XMBB", "K7QF-2XM"] {
            assert!(!code.matches(typed), "{typed}");
        }
    }

    #[test]
    fn two_codes_differ() {
        let (one, other) = (ClaimCode::draw().unwrap(), ClaimCode::draw().unwrap());

        assert!(!one.matches(&other.to_string()));
        assert_eq!(one.to_string().len(), LENGTH + 1);
    }

    // By Python's hmac: the letters of `hmac.new(b"a secret", b"oyez password of 0022EE0A0B0C", sha256)`, five bits of each octet.
    #[test]
    fn passwords_that_are_derived_stay_as_they_are_and_differ() {
        assert_eq!(
            derived_password("a secret", "0022EE0A0B0C"),
            "t6t8md4crw483dskj4wamjl536"
        );
        assert_eq!(
            derived_password("a secret", "0022EE0A0B0D"),
            "ww39awkvhnk9mf872h6bp8f4rf"
        );
        assert_ne!(
            derived_password("a secret", "0022EE0A0B0C"),
            derived_password("another", "0022EE0A0B0C")
        );
    }

    #[test]
    fn two_passwords_differ() {
        let (one, other) = (drawn_password().unwrap(), drawn_password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), PASSWORD_LENGTH);
    }
}
