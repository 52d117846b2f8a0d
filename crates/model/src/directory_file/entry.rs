//! One table of the file, key by key.

use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::reading::Reading;
use crate::TextError;
use crate::nearest::nearest;

/// A table whose keys are all known.
pub(super) struct Entry<'a> {
    /// Where it begins.
    pub(super) line: usize,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    key: &'a str,
    line: usize,
    value: &'a DeValue<'a>,
}

/// A value with the line it stands on.
#[derive(Clone, Copy)]
pub(super) struct At<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

impl At<crate::SipUser> {
    /// The user as a text that other values are read from.
    pub(super) fn as_text(&self) -> At<&str> {
        At {
            line: self.line,
            value: self.value.as_str(),
        }
    }
}

impl<'a> Entry<'a> {
    /// Takes a table apart; unknown keys are refused with the known one they resemble.
    pub(super) fn new(
        reading: &mut Reading<'_>,
        line: usize,
        table: &'a DeTable<'a>,
        known: &[&'static str],
    ) -> Self {
        let mut fields = Vec::with_capacity(table.len());
        for (key, value) in table {
            let line = reading.line_at(key.span().start);
            let name: &str = key.get_ref();
            if known.contains(&name) {
                fields.push(Field {
                    key: name,
                    line,
                    value: value.get_ref(),
                });
            } else {
                let right = match nearest(name, known.iter().copied()) {
                    Some(suggestion) => format!("did you mean {suggestion}?"),
                    None => format!("known here are {}", known.join(", ")),
                };
                reading.refuse(line, name, "unknown key", &right);
            }
        }
        Self { line, fields }
    }

    /// The tables of an array of tables; an absent key has none.
    pub(super) fn tables(&self, reading: &mut Reading<'_>, key: &str) -> Vec<At<&'a DeTable<'a>>> {
        let Some(field) = self.field(key) else {
            return Vec::new();
        };
        let right = format!("tables that begin with [[{key}]]");
        let Some(array) = field.value.as_array() else {
            reading.refuse(field.line, key, "not a list of tables", &right);
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(array.len());
        for item in array.iter() {
            let line = reading.line_at(item.span().start);
            match item.get_ref().as_table() {
                Some(value) => tables.push(At { line, value }),
                None => reading.refuse(line, key, "not a table", &right),
            }
        }
        tables
    }

    /// A text; `None` if it is absent or no text, which is refused.
    pub(super) fn text(&self, reading: &mut Reading<'_>, key: &str) -> Option<At<&'a str>> {
        let field = self.field(key)?;
        let text = text_of(reading, key, field.line, field.value)?;
        Some(At {
            line: field.line,
            value: text,
        })
    }

    /// A text that has to be there.
    pub(super) fn required_text(&self, reading: &mut Reading<'_>, key: &str) -> Option<At<&'a str>> {
        if self.field(key).is_none() {
            reading.refuse(
                self.line,
                key,
                "missing",
                &format!("{key} = \"...\" is needed here"),
            );
        }
        self.text(reading, key)
    }

    /// A value with a form of its own; a wrong one is refused.
    pub(super) fn parsed<T: FromStr<Err = TextError>>(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
    ) -> Option<At<T>> {
        let text = self.text(reading, key)?;
        parse_at(reading, key, text)
    }

    /// As [`Entry::parsed`], for a value that has to be there.
    pub(super) fn required<T: FromStr<Err = TextError>>(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
    ) -> Option<At<T>> {
        let text = self.required_text(reading, key)?;
        parse_at(reading, key, text)
    }

    /// One of some words; the first stands for an absent key, and a wrong word is refused.
    pub(super) fn word(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
        words: &[&'static str],
    ) -> Option<&'static str> {
        match self.text(reading, key) {
            Some(text) => one_of(reading, key, text, words),
            None if self.field(key).is_some() => None,
            None => words.first().copied(),
        }
    }

    /// A list of texts, or one text in place of a list of one; empty if it is absent.
    pub(super) fn texts(&self, reading: &mut Reading<'_>, key: &str) -> Vec<At<&'a str>> {
        let Some(field) = self.field(key) else {
            return Vec::new();
        };
        let Some(array) = field.value.as_array() else {
            return self.text(reading, key).into_iter().collect();
        };
        let mut texts = Vec::with_capacity(array.len());
        for item in array.iter() {
            let line = reading.line_at(item.span().start);
            texts.extend(text_of(reading, key, line, item.get_ref()).map(|value| At { line, value }));
        }
        texts
    }

    /// As [`Entry::texts`], for a list that has to be there.
    pub(super) fn required_texts(&self, reading: &mut Reading<'_>, key: &str) -> Vec<At<&'a str>> {
        if self.field(key).is_none() {
            reading.refuse(
                self.line,
                key,
                "missing",
                &format!("{key} = [\"...\"] is needed here"),
            );
        }
        self.texts(reading, key)
    }

    /// A text as it stands there; a value that is no text is not refused here.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.field(key)?.value.as_str()
    }

    fn field(&self, key: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.key == key)
    }
}

pub(super) fn parse_at<T: FromStr<Err = TextError>>(
    reading: &mut Reading<'_>,
    key: &str,
    text: At<&str>,
) -> Option<At<T>> {
    match text.value.parse() {
        Ok(value) => Some(At {
            line: text.line,
            value,
        }),
        Err(TextError {
            kind,
            text: shown,
            expected,
        }) => {
            let problem = format!("{shown:?} is not {kind}");
            reading.refuse(text.line, key, &problem, &format!("{expected} would be right"));
            None
        }
    }
}

pub(super) fn one_of(
    reading: &mut Reading<'_>,
    key: &str,
    text: At<&str>,
    words: &[&'static str],
) -> Option<&'static str> {
    let found = words.iter().find(|word| **word == text.value).copied();
    if found.is_none() {
        let right = format!("one of {} would be right", words.join(", "));
        let shown: String = text.value.chars().take(80).collect();
        reading.refuse(text.line, key, &format!("{shown:?} is unknown"), &right);
    }
    found
}

fn text_of<'a>(reading: &mut Reading<'_>, key: &str, line: usize, value: &'a DeValue<'a>) -> Option<&'a str> {
    let text = value.as_str();
    if text.is_none() {
        let problem = format!("the value is of type {}", value.type_str());
        reading.refuse(line, key, &problem, "a text in quotation marks would be right");
    }
    text
}
