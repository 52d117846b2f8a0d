//! Where in the configuration file something stands, and what would be right there.

use super::Right;

/// Says what is wrong at an offset, in the words of the TOML reader, and on which line that is, from 1.
pub(super) fn explain(text: &str, offset: usize, message: &str, right: Right) -> (usize, String) {
    let line = line_at(text, offset);
    let (section, key) = key_at(text, line);
    let message = message.replace('\n', "; ");
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    let (path, message) = match missing {
        Some(field) => (joined(section, field), "is missing".to_owned()),
        None => (joined(section, key), message),
    };
    let right = right
        .iter()
        .find(|(known, _)| *known == path)
        .map_or(String::new(), |(_, right)| format!("; right would be {right}"));
    let what = if path.is_empty() {
        format!("{message}; the form of a TOML file is described at toml.io")
    } else {
        format!("{path}: {message}{right}")
    };
    (line, what)
}

/// The line of a key, as `section.key`, or of a section; the first line where the file does not have it.
pub(super) fn line_of_key(text: &str, wanted: &str) -> usize {
    let lines = 1..=text.lines().count();
    lines
        .into_iter()
        .find(|line| {
            let (section, key) = key_at(text, *line);
            joined(section, key) == wanted
        })
        .unwrap_or(1)
}

/// The line of a key in one of several sections of a name, counted from 0; the first line where the file does not have it.
pub(super) fn line_of_key_in(text: &str, section: &str, number: usize, wanted: &str) -> usize {
    let mut sections = 0;
    for (line, text) in text.lines().enumerate() {
        match header(text) {
            Some(name) if name == section => sections += 1,
            _ if sections == number + 1 && assigned(text) == Some(wanted) => return line + 1,
            Some(_) | None => {}
        }
    }
    1
}

/// The section and the key that a line belongs to; a value may go on over several lines.
fn key_at(text: &str, line: usize) -> (&str, &str) {
    let (mut section, mut key) = ("", "");
    for text in text.lines().take(line) {
        if let Some(name) = header(text) {
            (section, key) = (name, "");
        } else if let Some(name) = assigned(text) {
            key = name;
        }
    }
    (section, key)
}

fn header(line: &str) -> Option<&str> {
    let text = line.split('#').next()?.trim();
    let name = inside(text)?;
    // A section of which there may be several stands in two pairs of brackets.
    let name = inside(name).unwrap_or(name);
    is_name(name).then_some(name)
}

/// What stands in a pair of brackets.
fn inside(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

fn assigned(line: &str) -> Option<&str> {
    let name = line.split_once('=')?.0.trim();
    is_name(name).then_some(name)
}

fn is_name(text: &str) -> bool {
    let is_part = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(is_part)
}

fn joined(section: &str, key: &str) -> String {
    match (section, key) {
        ("", key) => key.to_owned(),
        (section, "") => section.to_owned(),
        (section, key) => format!("{section}.{key}"),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
