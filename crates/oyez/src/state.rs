//! The state folder: what `oyez up` keeps from run to run.

use std::env;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The state folder of a machine's one installation.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
    /// How another one is named.
    how: &'static str,
}

/// How it is named on the command line.
const BY_OPTION: &str = "with --state";

impl StateFolder {
    /// The folder that was named, or the user's usual one.
    ///
    /// # Errors
    ///
    /// When none was named and neither `XDG_STATE_HOME` nor `HOME` is set.
    pub fn choose(named: Option<&Path>) -> Result<Self> {
        if let Some(root) = named {
            return Ok(Self {
                root: root.to_owned(),
                how: BY_OPTION,
            });
        }
        let base = env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/state")))
            .context("there is no home folder to keep the state in; name a folder with --state")?;
        Ok(Self {
            root: base.join("oyez"),
            how: BY_OPTION,
        })
    }

    /// The folder that a configuration file names.
    pub fn configured(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            how: "as `state` of the configuration file",
        }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder (mode 0700) and proves that it can be written.
    ///
    /// # Errors
    ///
    /// One sentence that names the folder when it cannot be made, read or written.
    pub fn prepare(&self) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .with_context(|| {
                format!(
                    "cannot make the state folder {}; name another {}",
                    self.root.display(),
                    self.how
                )
            })?;
        let mode = fs::metadata(&self.root)?.permissions().mode();
        if mode & 0o022 != 0 {
            bail!(
                "others may write the state folder {}; take that away with chmod go-w",
                self.root.display()
            );
        }
        let probe = self.root.join(".probe");
        fs::write(&probe, b"")
            .and_then(|()| fs::remove_file(&probe))
            .with_context(|| {
                format!(
                    "cannot write the state folder {}; name another {}",
                    self.root.display(),
                    self.how
                )
            })
    }

    /// The private certificate authority.
    pub fn authority(&self) -> PathBuf {
        self.root.join("authority")
    }

    /// The control socket of a service.
    pub fn service_control(&self) -> PathBuf {
        self.root.join("service.sock")
    }

    /// The copy of its directory that the zone of a service is started from while there is no database.
    pub fn directory_copy(&self) -> PathBuf {
        self.root.join("directory.sealed")
    }

    /// The authority of zones, with the file for each.
    pub fn zones(&self) -> PathBuf {
        self.root.join("zones")
    }

    /// The configuration of the service of `oyez up`.
    pub fn service_config(&self) -> PathBuf {
        self.root.join("service.toml")
    }

    /// The configuration of its zone.
    pub fn zone_config(&self) -> PathBuf {
        self.root.join("zone.toml")
    }

    /// The state of a virtual loudspeaker.
    pub fn loudspeaker(&self, user: &str) -> PathBuf {
        self.root.join("loudspeakers").join(user)
    }

    /// A directory file that somebody may have put here: `oyez zone` takes such files, and `oyez up` does not.
    pub fn directory(&self) -> PathBuf {
        self.root.join("directory.toml")
    }

    /// The zone's control socket.
    pub fn zone_control(&self) -> PathBuf {
        self.root.join("zone.sock")
    }

    /// What `oyez page` needs to reach the running zone.
    pub fn talker(&self) -> PathBuf {
        self.root.join("talker.json")
    }

    /// What the virtual loudspeakers played: a folder for each, with a WAV file for each time it sounded.
    pub fn recordings(&self) -> PathBuf {
        self.root.join("recordings")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_private() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("a/b");
        StateFolder::choose(Some(&root)).unwrap().prepare().unwrap();
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = StateFolder::choose(Some(&file.join("state")))
            .unwrap()
            .prepare()
            .unwrap_err();
        assert!(
            error.to_string().contains("file/state") && error.to_string().contains("--state"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = StateFolder::choose(Some(temporary.path()))
            .unwrap()
            .prepare()
            .unwrap_err();
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }
}
