//! How a command ends: exit codes and the one sentence that goes with each.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use net::control::AskError;
use zone::toml_file::ConfigError;

/// A command that did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It was tried and failed: exit code 1.
    Failed(anyhow::Error),
    /// The configuration or the directory is wrong, and nothing was started: exit code 64.
    BadConfiguration(anyhow::Error),
    /// It ran to its end, and the result, which has been printed, is that the page was not heard: exit code 1.
    NotHeard,
    /// It ran to its end, and the result, which has been printed, is that the device is not registered: exit code 1.
    NotRegistered,
    /// It ran to its end, and the result, which has been printed, is that something else has changed the audit: exit code 1.
    Tampered,
    /// It ran to its end, and the result, which has been printed, is that the audit does not contain a checkpoint: exit code 1.
    Incomplete,
}

impl Failure {
    /// The exit code of the program.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) | Self::NotHeard | Self::NotRegistered | Self::Tampered | Self::Incomplete => {
                ExitCode::from(1)
            }
            Self::BadConfiguration(_) => ExitCode::from(64),
        }
    }
}

/// What to tell of a zone that did not do what its control socket was asked for.
pub fn unanswered(socket: &Path, error: AskError) -> anyhow::Error {
    let place = socket.display();
    match error {
        AskError::Unanswered(error) => anyhow!(error).context(format!(
            "no zone answers at {place}; start one with `oyez up` or `oyez zone`"
        )),
        AskError::Refused(why) => anyhow!("the zone at {place} refuses: {why}"),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) | Self::BadConfiguration(error) => {
                f.write_str(&device::sentence(error.as_ref()))
            }
            Self::NotHeard => write!(f, "the page was not heard by everybody"),
            Self::NotRegistered => write!(f, "the device is not registered"),
            Self::Tampered => write!(f, "the audit was tampered with"),
            Self::Incomplete => write!(f, "the audit does not contain the checkpoint"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::BadConfiguration(anyhow!(error))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}
