//! What people type: names, descriptions, countries, time zones.

use std::fmt;

/// Why a typed text is not taken, with what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must have {expected}")]
pub struct FieldError {
    /// Which field: "the display name".
    pub what: &'static str,
    /// What would be right.
    pub expected: &'static str,
}

/// Declares a text that people type: trimmed, of a length counted in characters, without control characters.
macro_rules! typed_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $range:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes a text without the spaces around it.
            ///
            /// # Errors
            ///
            /// Refuses a length out of range, and control characters.
            pub fn new(text: &str) -> Result<Self, FieldError> {
                let text = text.trim();
                if $range.contains(&text.chars().count()) && !text.chars().any(char::is_control) {
                    Ok(Self(text.into()))
                } else {
                    Err(FieldError { what: $what, expected: $expected })
                }
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

typed_text!(
    /// The name of a place, a person or a device.
    DisplayName, "the display name", "3 to 255 characters, on one line", 3..=255
);
typed_text!(
    /// What a device is for, or where it hangs; may be empty.
    Description, "the description", "at most 255 characters, on one line", 0..=255
);
typed_text!(
    /// The name of a site.
    SiteTitle, "the name of the site", "1 to 255 characters, on one line", 1..=255
);
typed_text!(
    /// The name of a provisioning template.
    TemplateName, "the name of the template", "1 to 128 characters, on one line", 1..=128
);
typed_text!(
    /// A line of an address that has to be there.
    AddressLine, "the line of the address", "1 to 255 characters, on one line", 1..=255
);
typed_text!(
    /// A text that may be left empty: a department, a second line of an address.
    Remark, "the text", "at most 255 characters, on one line", 0..=255
);

impl Default for Remark {
    /// The empty text.
    fn default() -> Self {
        Self("".into())
    }
}

/// A country by its two letters (ISO 3166-1 alpha-2). Whether there is one, [`countries::read`](super::countries::read) says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// Takes two letters, in any case.
    ///
    /// # Errors
    ///
    /// Refuses anything else.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        match text.trim().as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Ok(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => Err(FieldError {
                what: "the country",
                expected: "two letters, such as CA",
            }),
        }
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(formatter, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A time zone by its name in the tz database. Whether the database has it, [`time_zones::read`](super::time_zones::read) says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeZone(Box<str>);

impl TimeZone {
    /// Longest name, in bytes.
    pub const LENGTH_MAX: usize = 64;

    /// Takes a name such as `America/Vancouver` or `UTC`.
    ///
    /// # Errors
    ///
    /// Refuses what cannot be a name of the tz database.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
        let parts_stand = text.split('/').all(|part| !part.is_empty());
        if text.len() <= Self::LENGTH_MAX && parts_stand && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(FieldError {
                what: "the time zone",
                expected: "a name of the tz database, such as America/Vancouver",
            })
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_3_to_255_characters_counted_as_people_do() {
        assert!(DisplayName::new("ab").is_err());
        assert_eq!(
            DisplayName::new("  Aula ").map(|name| name.to_string()),
            Ok("Aula".to_owned())
        );
        assert!(DisplayName::new(&"ü".repeat(255)).is_ok());
        assert!(DisplayName::new(&"ü".repeat(256)).is_err());
        assert!(DisplayName::new("Hall\nnorth").is_err());
    }

    #[test]
    fn a_description_may_be_empty_and_has_at_most_255_characters() {
        assert!(Description::new("").is_ok());
        assert!(Description::new(&"x".repeat(255)).is_ok());
        assert!(Description::new(&"x".repeat(256)).is_err());
    }

    #[test]
    fn a_country_is_two_letters() {
        assert_eq!(
            CountryCode::new("ca").map(|code| code.to_string()),
            Ok("CA".to_owned())
        );
        for text in ["", "C", "CAN", "C4", "é"] {
            assert!(CountryCode::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_time_zone_has_the_form_of_the_database() {
        for text in [
            "UTC",
            "America/Vancouver",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+3",
        ] {
            assert!(TimeZone::new(text).is_ok(), "{text}");
        }
        for text in ["", "../etc/passwd", "/UTC", "Europe//Paris", "Europe/Paris "] {
            assert_eq!(TimeZone::new(text).is_ok(), text.ends_with(' '), "{text:?}");
        }
        assert!(TimeZone::new(&"a".repeat(64)).is_ok());
        assert!(TimeZone::new(&"a".repeat(65)).is_err());
    }
}
