//! Regular expressions that a ring picks its tone by.

use std::str::FromStr;

use regex_lite::{Regex, RegexBuilder};

/// Matches the id of a caller or of who is called, anywhere in it: `^1[0-9]{3}$`, `(?i)front desk`.
#[derive(Clone, Debug)]
pub struct CallerPattern(Regex);

/// An expression that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerPatternError {
    /// It is too long.
    #[error("longer than {} bytes", CallerPattern::LENGTH_MAX)]
    TooLong,
    /// It is malformed, too deep, or stands for too much.
    #[error("{0}")]
    Malformed(String),
}

impl CallerPattern {
    /// Longest expression, in bytes.
    pub const LENGTH_MAX: usize = 128;
    /// Largest machine that an expression becomes, in bytes: repeats of repeats grow beyond any length of the text. What
    /// is matched costs as many steps as machine and text are long, and callers choose the text.
    pub const SIZE_MAX: usize = 16_384;
    /// Deepest groups within groups.
    const DEPTH_MAX: u32 = 16;
    /// Longest text that is looked at, in bytes; of a longer one the beginning is.
    pub const SUBJECT_LENGTH_MAX: usize = 256;

    /// Says whether the expression matches somewhere in `subject`.
    #[must_use]
    pub fn is_match(&self, subject: &str) -> bool {
        let end = subject.floor_char_boundary(Self::SUBJECT_LENGTH_MAX);
        self.0.is_match(subject.get(..end).unwrap_or_default())
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for CallerPattern {
    type Err = CallerPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::LENGTH_MAX {
            return Err(CallerPatternError::TooLong);
        }
        RegexBuilder::new(text)
            .size_limit(Self::SIZE_MAX)
            .nest_limit(Self::DEPTH_MAX)
            .build()
            .map(Self)
            .map_err(|error| CallerPatternError::Malformed(error.to_string()))
    }
}

impl PartialEq for CallerPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for CallerPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> CallerPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_matches_anywhere_unless_it_says_where() {
        assert!(pattern("00").is_match("1001"));
        assert!(!pattern("^00").is_match("1001"));
        assert!(pattern("(?i)front desk").is_match("Front Desk 2"));
        assert!(pattern("^1[0-9]{3}$").is_match("1001"));
    }

    #[test]
    fn a_pattern_of_the_greatest_length_is_taken_and_a_longer_one_refused() {
        let longest = "1".repeat(CallerPattern::LENGTH_MAX);
        assert!(longest.parse::<CallerPattern>().is_ok());

        let longer = format!("{longest}1");
        assert_eq!(longer.parse::<CallerPattern>(), Err(CallerPatternError::TooLong));
    }

    #[test]
    fn a_malformed_a_deep_and_a_huge_pattern_are_refused() {
        let depth = usize::try_from(CallerPattern::DEPTH_MAX).unwrap();
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(nested(depth).parse::<CallerPattern>().is_ok());
        assert!("(a{9}){9}".parse::<CallerPattern>().is_ok());
        for text in ["(", "[z-a]", "*", &nested(depth + 1), "((a{9}){9}){9}"] {
            let refused = text.parse::<CallerPattern>();
            assert!(matches!(refused, Err(CallerPatternError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn of_a_long_text_the_beginning_is_looked_at() {
        let filler = "a".repeat(CallerPattern::SUBJECT_LENGTH_MAX - 1);

        assert!(pattern("b").is_match(&format!("{filler}b")));
        assert!(!pattern("b").is_match(&format!("{filler}ab")));
        assert!(!pattern("é").is_match(&format!("{filler}é")), "half a character");
    }
}
