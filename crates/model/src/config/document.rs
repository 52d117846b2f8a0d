//! A configuration file, line by line.
//!
//! ```text
//! # lobby speaker            comment: # in the first column
//! sip.proxy = pbx.example.net:5061
//! audio.page.vol = -12dB     the value ends with the line; a # in it is part of it
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::kind::parse_words;
use super::{KEYS, KeySpec, Kind, find};
use crate::nearest::nearest;

/// Bytes of a file: a full back-up of the hardware has 370 keys in 12 kB.
pub const DOCUMENT_LENGTH_MAX: usize = 256 * 1024;
/// Lines of a file, comments included.
pub const LINES_MAX: usize = 10_000;
/// Bytes of a value, also of an unknown key's.
pub const VALUE_LENGTH_MAX: usize = 4_096;

/// A configuration file whose known keys have right values.
#[derive(Clone, Default)]
pub struct Document {
    lines: Vec<Line>,
    /// Place in `lines` of every key; of a key that stands there twice, the last place.
    place_by_key: BTreeMap<String, usize>,
}

#[derive(Clone)]
struct Line {
    /// With its line ending. May hold a password.
    text: Zeroizing<String>,
    /// Where the value stands in the text, if the line sets a key.
    value: Option<Range<usize>>,
}

/// What is wrong with a file or a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{key}{}{problem}; {right} would be right", at(*line), separator(key))]
pub struct ConfigError {
    /// The line, from 1; `None` for a value that comes from elsewhere.
    pub line: Option<usize>,
    /// The key, empty if none can be made out.
    pub key: String,
    /// What is wrong. Values of secret keys are not repeated.
    pub problem: String,
    /// What would be right.
    pub right: String,
}

/// A key that means nothing here; it is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// The line, from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// The known key it was perhaps meant to be.
    pub suggestion: Option<String>,
}

/// A key that has no effect in this version, and asks for something else than what is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleKey {
    /// The line, from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// The words of its value that ask in vain; empty where the whole value does.
    pub words: Vec<String>,
}

impl Document {
    /// Reads a file as a whole.
    ///
    /// # Errors
    ///
    /// Names every line that is wrong, and what would be right; nothing of the file is to be used then.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigError>> {
        if text.len() > DOCUMENT_LENGTH_MAX {
            return Err(vec![too_large(format!("up to {DOCUMENT_LENGTH_MAX} bytes"))]);
        }
        let mut document = Self::default();
        let mut errors = Vec::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if index == LINES_MAX {
                errors.push(too_large(format!("up to {LINES_MAX} lines")));
                break;
            }
            if let Err(error) = document.read_line(index, line) {
                errors.push(error);
            }
        }
        if errors.is_empty() {
            Ok(document)
        } else {
            Err(errors)
        }
    }

    /// The file, byte for byte as it was read but for what was set or removed. It holds the passwords.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }

    /// The value of a key as it stands in the file; `None` if it is absent or empty.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let line = self.lines.get(*self.place_by_key.get(key)?)?;
        line.text
            .get(line.value.clone()?)
            .filter(|value| !value.is_empty())
    }

    /// The keys of the file, in their own order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.place_by_key.keys().map(String::as_str)
    }

    /// The line a key stands on, from 1.
    #[must_use]
    pub fn line_of(&self, key: &str) -> Option<usize> {
        self.place_by_key.get(key).map(|place| place + 1)
    }

    /// Lists the keys without a meaning here, in the order of the file.
    #[must_use]
    pub fn unknown_keys(&self) -> Vec<UnknownKey> {
        let unknown = self.place_by_key.iter().filter(|(key, _)| find(key).is_none());
        let mut keys: Vec<_> = unknown
            .map(|(key, place)| UnknownKey {
                line: place + 1,
                key: key.clone(),
                suggestion: suggestion(key),
            })
            .collect();
        keys.sort_by_key(|unknown| unknown.line);
        keys
    }

    /// Lists the keys that ask, wholly or by some words, for something that this version does not do, in the order of the file.
    #[must_use]
    pub fn idle_keys(&self) -> Vec<IdleKey> {
        let mut keys: Vec<_> = self
            .place_by_key
            .iter()
            .filter_map(|(key, place)| {
                Some(IdleKey {
                    line: place + 1,
                    key: key.clone(),
                    words: asked_in_vain(find(key)?, key, self.value(key)?)?,
                })
            })
            .collect();
        keys.sort_by_key(|idle| idle.line);
        keys
    }

    /// Sets a key: on its line if it has one, otherwise on a line at the end. Every other line stays as it is.
    ///
    /// # Errors
    ///
    /// Refuses what a file could not hold and what is wrong for a known key; the document is then unchanged.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        check_key(None, key)?;
        check_value(None, key, value)?;
        let place = self.place_by_key.get(key).copied();
        match place.and_then(|place| self.lines.get_mut(place)) {
            Some(line) => line.replace_value(value),
            None => self.append(key, value)?,
        }
        Ok(())
    }

    /// Removes a key with its line, so that its default applies; an absent key is no error.
    pub fn remove(&mut self, key: &str) {
        if let Some(removed) = self.place_by_key.remove(key) {
            self.lines.remove(removed);
            for place in self.place_by_key.values_mut().filter(|place| **place > removed) {
                *place -= 1;
            }
        }
    }

    fn read_line(&mut self, index: usize, text: &str) -> Result<(), ConfigError> {
        let number = Some(index + 1);
        let mut line = Line {
            text: Zeroizing::new(text.to_owned()),
            value: None,
        };
        let body = text.trim_end_matches(['\r', '\n']);
        // Editors of other systems mark the file's encoding in front of its first line.
        let content = if index == 0 {
            body.strip_prefix('\u{feff}').unwrap_or(body)
        } else {
            body
        };
        if !content.trim().is_empty() && !content.starts_with('#') {
            let (key, value) = content.split_once('=').ok_or_else(|| ConfigError {
                line: number,
                key: String::new(),
                problem: "the line has no =".into(),
                right: "key = value, or # in the first column for a comment".into(),
            })?;
            let (key, value) = (key.trim(), value.trim());
            check_key(number, key)?;
            check_value(number, key, value)?;
            self.check_first(index, key)?;
            let start = value_start(body, value);
            line.value = Some(start..start + value.len());
            self.place_by_key.insert(key.to_owned(), index);
        }
        self.lines.push(line);
        Ok(())
    }

    /// A known key may stand there once: which of two values was meant cannot be told.
    fn check_first(&self, index: usize, key: &str) -> Result<(), ConfigError> {
        match self.line_of(key) {
            Some(earlier) if find(key).is_some() => Err(ConfigError {
                line: Some(index + 1),
                key: key.to_owned(),
                problem: format!("the key stands on line {earlier} too"),
                right: "one line for each key".into(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    fn append(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        if self.lines.len() == LINES_MAX {
            return Err(too_large(format!("up to {LINES_MAX} lines")));
        }
        let uses_carriage_return = self.lines.first().is_some_and(|line| line.text.ends_with("\r\n"));
        let ending = if uses_carriage_return { "\r\n" } else { "\n" };
        if let Some(last) = self.lines.last_mut().filter(|last| !last.text.ends_with('\n')) {
            last.text.push_str(ending);
        }
        let start = key.len() + " = ".len();
        let text = Zeroizing::new(format!("{key} = {value}{ending}"));
        self.place_by_key.insert(key.to_owned(), self.lines.len());
        self.lines.push(Line {
            text,
            value: Some(start..start + value.len()),
        });
        Ok(())
    }
}

impl Line {
    fn replace_value(&mut self, value: &str) {
        if let Some(range) = self.value.clone() {
            let start = range.start;
            self.text.replace_range(range, value);
            self.value = Some(start..start + value.len());
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Document({} lines, {} keys)",
            self.lines.len(),
            self.place_by_key.len()
        )
    }
}

/// Where the trimmed value begins in its line: counted from the end, since the value is the last thing on it.
fn value_start(body: &str, value: &str) -> usize {
    if value.is_empty() {
        body.len()
    } else {
        body.trim_end().len() - value.len()
    }
}

fn check_key(line: Option<usize>, key: &str) -> Result<(), ConfigError> {
    let is_key_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/');
    if !key.is_empty() && key.len() <= KEY_LENGTH_MAX && key.bytes().all(is_key_byte) {
        return Ok(());
    }
    Err(ConfigError {
        line,
        key: String::new(),
        problem: "what stands before the = is no key".into(),
        right: format!("1 to {KEY_LENGTH_MAX} letters, digits, dots, dashes, slashes or underscores"),
    })
}

/// Bytes of a key: twice the longest known one.
const KEY_LENGTH_MAX: usize = 64;

fn check_value(line: Option<usize>, key: &str, value: &str) -> Result<(), ConfigError> {
    let error = |problem: String, right: String| {
        Err(ConfigError {
            line,
            key: key.to_owned(),
            problem,
            right,
        })
    };
    if value.len() > VALUE_LENGTH_MAX {
        return error(
            "the value is too long".into(),
            format!("up to {VALUE_LENGTH_MAX} bytes"),
        );
    }
    if value
        .chars()
        .any(|character| character.is_control() && character != '\t')
        || value.trim() != value
    {
        return error(
            "the value has control characters or spaces around it".into(),
            "text on one line".into(),
        );
    }
    let Some(spec) = find(key).filter(|_| !value.is_empty()) else {
        return Ok(());
    };
    match spec.kind.check(value) {
        Ok(()) => Ok(()),
        Err(right) if spec.secret => error("the value is wrong".into(), right),
        Err(right) => error(format!("{value:?} is wrong"), right),
    }
}

/// The words by which a value asks for what is not done, none for the whole value; `None` if it asks for nothing else than is done.
fn asked_in_vain(spec: &KeySpec, key: &str, value: &str) -> Option<Vec<String>> {
    let unknown = if let Kind::Words(words) = spec.kind {
        parse_words(value, words).unknown
    } else {
        Vec::new()
    };
    let is_in_vain = !spec.has_effect && !value.eq_ignore_ascii_case(spec.default_of(key));
    (is_in_vain || !unknown.is_empty()).then_some(unknown)
}

fn suggestion(key: &str) -> Option<String> {
    let known: Vec<String> = KEYS.iter().flat_map(|spec| spec.pattern.keys()).collect();
    nearest(key, known.iter().map(String::as_str)).map(str::to_owned)
}

fn too_large(right: String) -> ConfigError {
    ConfigError {
        line: None,
        key: String::new(),
        problem: "the file is too large".into(),
        right,
    }
}

fn at(line: Option<usize>) -> String {
    line.map_or(String::new(), |line| format!("line {line}: "))
}

fn separator(key: &str) -> &'static str {
    if key.is_empty() { "" } else { ": " }
}

#[cfg(test)]
mod tests;
