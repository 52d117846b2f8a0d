//! The mechanism behind every textual newtype of the crate: checked once when made, immutable after.

/// Why a text is not a value of the type it was parsed as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: {expected}")]
pub struct TextError {
    /// What the text should have been, with its article: "an extension".
    pub kind: &'static str,
    /// The refused text, cut to [`SHOWN_MAX`] characters.
    pub text: String,
    /// What would be right, in words.
    pub expected: &'static str,
}

/// Characters of a refused text that an error repeats: enough to recognise it, too few to flood a log.
const SHOWN_MAX: usize = 80;

impl TextError {
    pub(crate) fn new(kind: &'static str, text: &str, expected: &'static str) -> Self {
        Self {
            kind,
            text: text.chars().take(SHOWN_MAX).collect(),
            expected,
        }
    }
}

/// Declares an immutable text type with `FromStr`, `Display` and serde, all through one check.
macro_rules! validated_text {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $length_max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Longest text accepted, in bytes.
            pub const LENGTH_MAX: usize = $length_max;

            /// Returns the text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn accepts(text: &str) -> bool {
                let allowed: fn(u8) -> bool = $allowed;
                !text.is_empty() && text.len() <= Self::LENGTH_MAX && text.bytes().all(allowed)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::TextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if Self::accepts(text) {
                    Ok(Self(text.into()))
                } else {
                    Err($crate::TextError::new($kind, text, $expected))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::TextError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use validated_text;
