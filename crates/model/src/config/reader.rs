//! Typed access to the values of a document.

use std::str::FromStr;
use std::time::Duration;

use super::kind::{parse_choice, parse_choices, parse_decibel, parse_integer, parse_volume, parse_words};
use super::multicast_values::{SourceNetwork, ZoneNumber, parse_sources, parse_zones};
use super::{Document, find};

/// Why a typed read cannot fail.
const CHECKED: &str =
    "Document checks every known value, a test of KEYS every default, and a key is read as its kind";

/// Reads the values of a document, or their defaults, as what their kind says.
pub(super) struct Reader<'a> {
    pub(super) document: &'a Document,
}

impl<'a> Reader<'a> {
    /// The value or its default; empty for a key that is not set and has no default.
    pub(super) fn text(&self, key: &str) -> &'a str {
        let default = || find(key).map_or("", |spec| spec.default_of(key));
        self.document.value(key).unwrap_or_else(default)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.text(key) == "1"
    }

    pub(super) fn integer(&self, key: &str) -> u32 {
        parse_integer(self.text(key)).expect(CHECKED)
    }

    /// A code point of six bits.
    pub(super) fn code_point(&self, key: &str) -> u8 {
        u8::try_from(self.integer(key)).expect(CHECKED)
    }

    pub(super) fn seconds(&self, key: &str) -> Duration {
        Duration::from_secs(self.integer(key).into())
    }

    pub(super) fn decibel(&self, key: &str) -> i32 {
        parse_decibel(self.text(key)).expect(CHECKED)
    }

    /// The gain, or `None` where the one of another key counts.
    pub(super) fn volume(&self, key: &str) -> Option<i32> {
        parse_volume(self.text(key)).expect(CHECKED)
    }

    /// The zones of a list, in the order of their numbers; none where it is empty.
    pub(super) fn zones(&self, key: &str) -> Vec<ZoneNumber> {
        match self.text(key) {
            "" => Vec::new(),
            text => parse_zones(text).expect(CHECKED),
        }
    }

    /// The senders of a list; none where it is empty.
    pub(super) fn sources(&self, key: &str) -> Vec<SourceNetwork> {
        match self.text(key) {
            "" => Vec::new(),
            text => parse_sources(text).expect(CHECKED),
        }
    }

    pub(super) fn choice(&self, key: &str, words: &'static [&'static str]) -> &'static str {
        parse_choice(self.text(key), words).expect(CHECKED)
    }

    pub(super) fn choices(&self, key: &str, words: &'static [&'static str]) -> Vec<&'static str> {
        parse_choices(self.text(key), words).expect(CHECKED)
    }

    /// The words of a list that are known.
    pub(super) fn known_words(&self, key: &str, words: &'static [&'static str]) -> Vec<&'static str> {
        parse_words(self.text(key), words).known
    }

    /// The value as a type with a form of its own; `None` if it is not set.
    pub(super) fn parsed<T: FromStr>(&self, key: &str) -> Option<T> {
        Some(self.text(key))
            .filter(|text| !text.is_empty())
            .and_then(|text| text.parse().ok())
    }
}
