//! The state folder and what makes a device the same one after a restart.

use std::env;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

/// Random bytes of an instance.
const INSTANCE_BYTES: usize = 16;

/// The state folder of a device.
#[derive(Debug)]
pub(crate) struct StateFolder {
    root: PathBuf,
}

impl StateFolder {
    /// The folder that was named, or the user's usual one.
    pub(crate) fn choose(named: Option<&Path>) -> Result<Self> {
        if let Some(root) = named {
            return Ok(Self {
                root: root.to_owned(),
            });
        }
        let base = env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/state")))
            .context("there is no home folder to keep the state in; name a folder with --state")?;
        Ok(Self {
            root: base.join("oyez-endpoint"),
        })
    }

    /// Makes the folder, mode 0700.
    pub(crate) fn prepare(&self) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .with_context(|| {
                format!(
                    "cannot make the state folder {}; name another with --state",
                    self.root.display()
                )
            })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// The authority of the web pages' certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.root.join("web")
    }

    /// The control socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// The device's URN (RFC 5626 4.1), made at the first start and kept.
    pub(crate) fn instance(&self) -> Result<String> {
        let path = self.root.join("instance");
        if let Ok(kept) = fs::read_to_string(&path)
            && kept.trim().starts_with("urn:uuid:")
        {
            return Ok(kept.trim().to_owned());
        }
        let made = new_instance()?;
        fs::write(&path, &made).with_context(|| {
            format!(
                "cannot write {}; name another state folder with --state",
                path.display()
            )
        })?;
        Ok(made)
    }
}

/// A random UUID (RFC 9562 5.4) as a URN.
fn new_instance() -> Result<String> {
    let mut bytes = [0; INSTANCE_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let value = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{value:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    Ok(format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_a_random_uuid_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::choose(Some(folder.path())).unwrap();
        let first = state.instance().unwrap();
        assert_eq!(first.len(), "urn:uuid:".len() + 36);
        assert_eq!(first.as_bytes()[9 + 14], b'4');
        assert!(b"89ab".contains(&first.as_bytes()[9 + 19]));
        assert_eq!(state.instance().unwrap(), first);
        assert_ne!(new_instance().unwrap(), first);
    }
}
