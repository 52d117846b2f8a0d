//! A directory written by hand: a TOML file as one source of snapshots.
//!
//! ```
//! let text = r#"
//! account = "acme"
//! domain = "pbx.example.com"
//! realm = "acme"              # otherwise the account
//! algorithm = "sha-256"       # what users that are unknown are challenged with
//!
//! [[phone]]
//! user = "desk"
//! password = "f3b1c2..."
//! extension = "200"
//!
//! [[device]]
//! user = "hall"
//! name = "Hall loudspeaker"   # otherwise the user
//! authorization-id = "8731"   # otherwise the user
//! password = "90aa17..."
//! algorithm = "md5"           # for devices that know no other
//! extension = "101"
//! kind = "page"               # or "ring", "alert": what a call to the extension does
//!
//! [[page-group]]
//! extension = "700"
//! members = ["hall", "desk"]
//! urgency = "normal"          # or "priority"
//!
//! [[alert]]                   # and [[drill]], of the same form
//! extension = "911"
//! members = ["hall"]
//!
//! [[permission]]
//! who = "*"                   # or a user, or a list of users
//! may = ["call", "page"]      # and "alert"
//! what = "*"                  # or an extension, or a list of extensions
//! pin = "4711"                # optional
//! "#;
//!
//! let snapshot = model::directory_file::parse("directory.toml", text).unwrap();
//! assert_eq!(snapshot.users.len(), 2);
//! ```
//!
//! A file is taken as a whole or not at all. Every error names file, line and key, and says what would be right.

mod entry;
mod reading;
mod records;
mod sections;
#[cfg(test)]
mod tests;

use reading::Reading;
use toml::de::DeTable;

use crate::directory::Snapshot;

/// Bytes of a file: [`USERS_MAX`](crate::directory::USERS_MAX) users with 160 bytes each.
pub const FILE_LENGTH_MAX: usize = 16 * 1024 * 1024;
/// Errors reported of one file: more than anybody mends at once.
pub const ERRORS_MAX: usize = 100;

/// Something wrong in a directory file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}{}{problem}; {right}", if key.is_empty() { "" } else { ": " })]
pub struct FileError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, empty if the trouble is not one key's.
    pub key: String,
    /// What is wrong. Passwords and PINs are not repeated.
    pub problem: String,
    /// What would be right.
    pub right: String,
}

/// Reads a directory file. `file` is only repeated in errors. The snapshot has epoch 1; whoever reads a file again
/// counts on from there.
///
/// # Errors
///
/// Everything that is wrong, in the order of lines, up to [`ERRORS_MAX`].
pub fn parse(file: &str, text: &str) -> Result<Snapshot, Vec<FileError>> {
    let mut reading = Reading::new(file, text);
    if text.len() > FILE_LENGTH_MAX {
        reading.refuse(
            1,
            "",
            "the file is too large",
            &format!("up to {FILE_LENGTH_MAX} bytes are read"),
        );
        return Err(reading.into_errors());
    }
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    for error in &syntax_errors {
        let offset = error.span().map_or(0, |span| span.start);
        // The error's own text repeats the line, which may hold a password; its message does not.
        let line = reading.line_at(offset);
        reading.refuse(
            line,
            "",
            error.message(),
            "the form of a TOML file is described at toml.io",
        );
    }
    if !syntax_errors.is_empty() {
        return Err(reading.into_errors());
    }
    let snapshot = sections::read(&mut reading, table.get_ref());
    let errors = reading.into_errors();
    match snapshot {
        Some(snapshot) if errors.is_empty() => Ok(snapshot),
        Some(_) | None => Err(errors),
    }
}
