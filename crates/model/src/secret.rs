//! Passwords, PINs and password hashes.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A text that must not be seen: no `Display`, a redacted `Debug`, zeroed when dropped.
///
/// The digest of crate `sip` has a type of its own, so that neither crate needs the other.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over; the caller keeps no copy.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Shows the text, to be hashed or sealed and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where the first difference is.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_nothing_of_the_secret() {
        let secret = Secret::from("hunter2");

        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn only_the_same_text_matches() {
        let secret = Secret::from("1234");

        assert!(secret.matches("1234"));
        assert!(!secret.matches("1235"));
        assert!(!secret.matches("12345"));
        assert!(!secret.matches(""));
    }
}
