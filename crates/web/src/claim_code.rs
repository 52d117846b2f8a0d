//! Codes by which people claim a device, and passwords that are drawn for them.

use std::fmt;

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
    Ok(letters
        .map(|letter| char::from(letter.to_ascii_lowercase()))
        .iter()
        .collect())
}

pub(crate) fn legible<const COUNT: usize>() -> Result<[u8; COUNT], getrandom::Error> {
    let mut octets = [0; COUNT];
    getrandom::fill(&mut octets)?;
    Ok(octets.map(|octet| ALPHABET.get(usize::from(octet & 31)).copied().unwrap_or(b'A')))
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

    #[test]
    fn two_passwords_differ() {
        let (one, other) = (drawn_password().unwrap(), drawn_password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), PASSWORD_LENGTH);
    }
}
