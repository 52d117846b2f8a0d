//! Programs that use the service's API for an account.

use std::collections::BTreeSet;

use super::{ApiClientId, DisplayName, Timestamp, TokenHash};
use crate::validated_text::validated_text;

fn scope_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b':' | b'_')
}

validated_text!(
    /// What a program may do, by the name that the API's document gives it: `phone:read:admin`.
    ApiScope,
    "a scope",
    "1 to 100 of a-z 0-9 : _, such as phone:read:admin",
    100,
    scope_byte
);

/// What a program may do: a bounded set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiScopes(BTreeSet<ApiScope>);

/// Why scopes are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiScopesError {
    /// One of them is none.
    #[error(transparent)]
    Scope(#[from] crate::TextError),
    /// There are too many.
    #[error(
        "at most {} scopes can be given; give phone:read:admin and phone:write:admin instead",
        ApiScopes::COUNT_MAX
    )]
    TooMany,
}

impl ApiScopes {
    /// Scopes of one program at most: more than the API has.
    pub const COUNT_MAX: usize = 100;

    /// Reads scopes that are separated by spaces, lines or commas.
    ///
    /// # Errors
    ///
    /// When one of them is no scope, or there are more than [`ApiScopes::COUNT_MAX`].
    pub fn parse(text: &str) -> Result<Self, ApiScopesError> {
        let mut scopes = BTreeSet::new();
        for word in text
            .split([' ', ',', '\t', '\r', '\n'])
            .filter(|word| !word.is_empty())
        {
            scopes.insert(word.parse()?);
            if scopes.len() > Self::COUNT_MAX {
                return Err(ApiScopesError::TooMany);
            }
        }
        Ok(Self(scopes))
    }

    /// Says whether a scope is among them.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.0.iter().any(|known| known.as_str() == scope)
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for ApiScopes {
    /// Writes them with spaces between them, as a token's answer does.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(formatter, "{space}{}", scope.as_str())?;
        }
        Ok(())
    }
}

/// A program that may use the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiClient {
    /// Its id, which it gives when it asks for a token.
    pub id: ApiClientId,
    /// What people call it.
    pub name: DisplayName,
    /// Hash of its secret, which was drawn and is known to nobody else.
    pub secret: TokenHash,
    /// What it may do.
    pub scopes: ApiScopes,
    /// When it was added.
    pub added_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_however_they_are_separated_and_written_with_spaces() {
        let scopes = ApiScopes::parse("phone:write:admin,\n phone:read:admin phone:read:admin").unwrap();
        assert_eq!(scopes.to_string(), "phone:read:admin phone:write:admin");
        assert!(scopes.has("phone:read:admin"));
        assert!(!scopes.has("phone:read"));
        assert!(ApiScopes::parse(" ").unwrap().is_empty());
        let error = ApiScopes::parse("phone:read Phone").unwrap_err();
        assert!(error.to_string().contains("\"Phone\""), "{error}");
    }

    #[test]
    fn a_program_has_a_hundred_scopes_and_not_one_more() {
        let scopes = |count: usize| {
            (0..count)
                .map(|number| format!("scope:{number} "))
                .collect::<String>()
        };
        assert!(ApiScopes::parse(&scopes(ApiScopes::COUNT_MAX)).is_ok());
        assert_eq!(
            ApiScopes::parse(&scopes(ApiScopes::COUNT_MAX + 1)),
            Err(ApiScopesError::TooMany)
        );
    }
}
