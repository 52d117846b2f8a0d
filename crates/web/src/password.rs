//! Passwords of those who sign in, as their Argon2id hashes.

use std::fmt;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};

/// Characters of a password at least.
pub const PASSWORD_LENGTH_MIN: usize = 8;
/// Bytes of a password at most: what is hashed has a limit.
pub const PASSWORD_LENGTH_MAX: usize = 256;

/// Kibibytes, passes and lanes of one hash: a choice of the OWASP cheat sheet that a small device can afford.
const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;
const SALT_LENGTH: usize = 16;

/// A hash in the PHC string format.
#[derive(Clone)]
pub struct PasswordHash(phc::PasswordHash);

impl PasswordHash {
    /// Hashes a password; `None` for one that is too short or too long, or without randomness.
    #[must_use]
    pub fn make(password: &str) -> Option<Self> {
        let is_fit = password.chars().count() >= PASSWORD_LENGTH_MIN && password.len() <= PASSWORD_LENGTH_MAX;
        let mut salt = [0; SALT_LENGTH];
        getrandom::fill(&mut salt).ok().filter(|()| is_fit)?;
        let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        argon
            .hash_password_with_salt(password.as_bytes(), &salt)
            .ok()
            .map(Self)
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        phc::PasswordHash::new(text).ok().map(Self)
    }

    /// The hash in the PHC string format.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// Says whether it is the hash of a password.
    #[must_use]
    pub fn matches(&self, password: &str) -> bool {
        password.len() <= PASSWORD_LENGTH_MAX
            && Argon2::default()
                .verify_password(password.as_bytes(), &self.0)
                .is_ok()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_by_its_hash_and_no_other_is() {
        let text = PasswordHash::make("correct horse").unwrap().to_text();
        assert!(text.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{text}");

        let hash = PasswordHash::read(&text).unwrap();

        assert!(hash.matches("correct horse"));
        assert!(!hash.matches("correct hors"));
    }

    #[test]
    fn a_password_has_at_least_eight_characters_and_at_most_256_bytes() {
        for (length, is_fit) in [(7, false), (8, true), (256, true), (257, false)] {
            assert_eq!(
                PasswordHash::make(&"x".repeat(length)).is_some(),
                is_fit,
                "{length}"
            );
        }
    }
}
