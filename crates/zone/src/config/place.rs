//! Where in the configuration file something stands, and what would be right there.

/// A line of the file with what is wrong in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongLine {
    /// The line, from 1.
    pub(super) line: usize,
    /// The key, what is wrong with it, and what would be right.
    pub(super) what: String,
}

/// What would be right for each key, as it would stand in the file.
const RIGHT: &[(&str, &str)] = &[
    ("name", "name = \"campus\""),
    ("directory", "directory = \"directory.toml\""),
    ("control", "control = \"zone.sock\""),
    ("listen", "a section [listen] with tls = [\"0.0.0.0:5061\"]"),
    ("listen.udp", "udp = [\"0.0.0.0:5060\"]"),
    ("listen.tcp", "tcp = [\"0.0.0.0:5060\"]"),
    ("listen.tls", "tls = [\"0.0.0.0:5061\"]"),
    ("listen.advertise", "advertise = \"203.0.113.5\""),
    ("listen.names", "names = [\"pbx.example.com\"]"),
    ("tls", "a section [tls] with certificate and key"),
    ("tls.certificate", "certificate = \"zone.pem\""),
    ("tls.key", "key = \"zone.key\""),
    ("media", "a section [media] with ports = \"20000-29999\""),
    ("media.ports", "ports = \"20000-29999\""),
    ("media.bind", "bind = [\"0.0.0.0\", \"::\"]"),
    ("media.plain", "plain = \"never\""),
];

/// Says what is wrong at an offset, in the words of the TOML reader.
pub(super) fn explain(text: &str, offset: usize, message: &str) -> WrongLine {
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
    let right = RIGHT
        .iter()
        .find(|(known, _)| *known == path)
        .map_or(String::new(), |(_, right)| format!("; right would be {right}"));
    let what = if path.is_empty() {
        format!("{message}; the form of a TOML file is described at toml.io")
    } else {
        format!("{path}: {message}{right}")
    };
    WrongLine { line, what }
}

/// Says what is wrong with a key, as `section.key`, or with a section as a whole.
pub(super) fn at_key(text: &str, key: &str, what: &str) -> WrongLine {
    WrongLine {
        line: line_of_key(text, key),
        what: format!("{key}: {what}"),
    }
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
    let name = line
        .split('#')
        .next()?
        .trim()
        .strip_prefix('[')?
        .strip_suffix(']')?;
    is_name(name).then_some(name)
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
