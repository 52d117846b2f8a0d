//! A configuration file in TOML, whose faults are told with their line and what would be right.

use std::fs;
use std::path::{Path, PathBuf};

use model::text_of;
use serde::de::DeserializeOwned;
use thiserror::Error;

mod place;

/// Largest configuration file, in bytes; a real one has a few hundred.
pub const FILE_LENGTH_MAX: u64 = 64 * 1024;

/// What would be right for each key, as `section.key`, in the words of the file.
pub type Right = &'static [(&'static str, &'static str)];

/// Why a configuration file cannot be used: one sentence with place and remedy.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read ({source}); name a readable file with --config", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what a configuration file may be.
    #[error("{}:{line}: {what}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
}

/// The text of a configuration file, to name the line of what is wrong or later proves wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TomlFile {
    path: PathBuf,
    text: String,
}

impl TomlFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is too long, or is no text.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_LENGTH_MAX {
            return Err(ConfigError::Wrong {
                path: path.to_owned(),
                line: 1,
                what: format!("has {length} bytes; a configuration file has at most {FILE_LENGTH_MAX}"),
            });
        }
        let text = text_of(fs::read(path).map_err(unreadable)?).map_err(|error| ConfigError::Wrong {
            path: path.to_owned(),
            line: error.line,
            what: error.to_string(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// Takes a text as if `path` had it.
    #[must_use]
    pub fn of_text(path: &Path, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Reads what the text says; `right` is what a fault is told with.
    ///
    /// # Errors
    ///
    /// When it is not TOML, has a key that is not known, lacks one, or has a wrong value: the line is named.
    pub fn parse<T: DeserializeOwned>(&self, right: Right) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let (line, what) = place::explain(&self.text, offset, error.message(), right);
            self.fault(line, what)
        })
    }

    /// What the file says under a key, as `section.key`, or in a section as a whole, cannot be used: `what` says why.
    #[must_use]
    pub fn wrong(&self, key: &str, what: &str) -> ConfigError {
        self.fault(place::line_of_key(&self.text, key), format!("{key}: {what}"))
    }

    /// What the file says under a key in one of several sections of a name, counted from 0, cannot be used: `what` says why.
    #[must_use]
    pub fn wrong_in(&self, section: &str, number: usize, key: &str, what: &str) -> ConfigError {
        let line = place::line_of_key_in(&self.text, section, number, key);
        self.fault(line, format!("{section}.{key}: {what}"))
    }

    /// A path that the file names, taken from the file's folder.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        // A name alone has an empty parent, which the system opens as nothing.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).join(path)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A line of the file, counted from 1, cannot be used: `what` says why.
    #[must_use]
    pub fn fault(&self, line: usize, what: String) -> ConfigError {
        ConfigError::Wrong {
            path: self.path.clone(),
            line,
            what,
        }
    }
}
