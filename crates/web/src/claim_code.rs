//! The code that claims a new device.

use std::fmt;

use subtle::ConstantTimeEq;

/// Letters and digits that nobody takes for one another: 32 of them, five bits each.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Characters of a code, forty bits: with the wait after wrong tries, more than can be guessed while a device waits.
const LENGTH: usize = 8;

/// A code as it is shown: `K7QF-2XMB`.
#[derive(Clone)]
pub(super) struct ClaimCode([u8; LENGTH]);

impl ClaimCode {
    pub(super) fn draw() -> Result<Self, getrandom::Error> {
        let mut code = [0; LENGTH];
        getrandom::fill(&mut code)?;
        Ok(Self(code.map(|octet| {
            ALPHABET.get(usize::from(octet & 31)).copied().unwrap_or(b'A')
        })))
    }

    /// Says whether somebody has typed this code, in any case, with or without the dash.
    pub(super) fn matches(&self, typed: &str) -> bool {
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
}
