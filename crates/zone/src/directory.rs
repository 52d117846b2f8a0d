//! The directory file as a producer of snapshots.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use model::directory::{Epoch, ExtensionRole, Snapshot, Update};
use model::directory_file::{self, FILE_LENGTH_MAX};
use model::{Extension, NotUtf8, text_of};
use tokio::sync::mpsc;

/// How often the file is looked at for a change.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why a directory file gives no snapshot; a line each.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryFileError {
    /// It cannot be read.
    #[error("{}: cannot be read ({source}); name a readable file", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is longer than a directory may be.
    #[error("{}: has {length} bytes; a directory file has at most {FILE_LENGTH_MAX}", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// It is no text.
    #[error("{}:{}: {what}", .path.display(), .what.line)]
    NotText {
        /// The file.
        path: PathBuf,
        /// Which line is not, and the remedy.
        what: NotUtf8,
    },
    /// A page group has more members than a page of this zone may have listeners.
    #[error(
        "{}: the page group {extension} has {members} members, and a page of this zone reaches {members_max} at most; split the \
         group, or widen media.ports in zone.toml", .path.display()
    )]
    GroupTooLarge {
        /// The file.
        path: PathBuf,
        /// The extension of the group.
        extension: Extension,
        /// How many it has.
        members: usize,
        /// How many a page reaches.
        members_max: usize,
    },
    /// It says something that cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<directory_file::FileError>),
}

/// A directory file that is watched for changes.
#[derive(Debug)]
pub struct DirectoryFile {
    path: PathBuf,
    members_max: usize,
    read_at: Option<Stamp>,
    epoch: Epoch,
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
}

impl DirectoryFile {
    /// Names the file; nothing is read yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            members_max: usize::MAX,
            read_at: None,
            epoch: Epoch::default(),
        }
    }

    /// Has groups refused whose pages would have more listeners than this. An alert is not refused: it goes out to as many
    /// as there is room for, and that it may be too large is logged.
    #[must_use]
    pub fn with_members_max(self, members_max: usize) -> Self {
        Self { members_max, ..self }
    }

    /// Reads the file as the next epoch's snapshot.
    ///
    /// # Errors
    ///
    /// When it cannot be read or says something that cannot be: every wrong line is named.
    pub fn read(&mut self) -> Result<Snapshot, DirectoryFileError> {
        let unreadable = |source| DirectoryFileError::Unreadable {
            path: self.path.clone(),
            source,
        };
        let stamp = self.stamp().map_err(unreadable)?;
        self.read_at = Some(stamp);
        if stamp.length > FILE_LENGTH_MAX as u64 {
            return Err(DirectoryFileError::TooLong {
                path: self.path.clone(),
                length: stamp.length,
            });
        }
        let octets = fs::read(&self.path).map_err(unreadable)?;
        let text = text_of(octets).map_err(|what| DirectoryFileError::NotText {
            path: self.path.clone(),
            what,
        })?;
        let mut snapshot = directory_file::parse(&self.path.display().to_string(), &text)
            .map_err(DirectoryFileError::Wrong)?;
        self.check_groups(&snapshot)?;
        self.epoch = self.epoch.next();
        snapshot.epoch = self.epoch;
        Ok(snapshot)
    }

    fn check_groups(&self, snapshot: &Snapshot) -> Result<(), DirectoryFileError> {
        for record in &snapshot.extensions {
            let members = record.role.users().len();
            if members <= self.members_max {
                continue;
            }
            match record.role {
                ExtensionRole::Alert { .. } | ExtensionRole::Drill { .. } => {
                    tracing::warn!(
                        members,
                        most = self.members_max,
                        "an alert has more members than it reaches at once"
                    );
                }
                ExtensionRole::PageGroup { .. }
                | ExtensionRole::Phone { .. }
                | ExtensionRole::Slot { .. } => {
                    return Err(DirectoryFileError::GroupTooLarge {
                        path: self.path.clone(),
                        extension: record.extension.clone(),
                        members,
                        members_max: self.members_max,
                    });
                }
            }
        }
        Ok(())
    }

    /// Sends a snapshot whenever the file has changed and is right; what is wrong with it is logged, and the zone goes on with
    /// what it knows. Ends when nobody takes updates any more.
    pub async fn watch(mut self, updates: mpsc::Sender<Update>) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let changed = self.stamp().is_ok_and(|stamp| Some(stamp) != self.read_at);
            if !changed {
                if updates.is_closed() {
                    return;
                }
                continue;
            }
            match self.read() {
                Ok(snapshot) => {
                    tracing::info!("the directory file has changed");
                    if updates.send(Update::Snapshot(snapshot)).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::error!(%error, "the changed directory file is not used"),
            }
        }
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let metadata = fs::metadata(&self.path)?;
        Ok(Stamp {
            modified: metadata.modified()?,
            length: metadata.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "account = \"a\"\ndomain = \"b\"\n[[device]]\nuser = \"hall\"\npassword = \"one\"\nkind = \"page\"\n\
                        [[device]]\nuser = \"yard\"\npassword = \"two\"\nkind = \"page\"\n";

    fn read(group: &str, members_max: usize) -> Result<Snapshot, DirectoryFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.toml");
        fs::write(
            &path,
            format!("{HEAD}[[{group}]]\nextension = \"700\"\nmembers = [\"hall\", \"yard\"]\n"),
        )
        .unwrap();
        DirectoryFile::new(&path).with_members_max(members_max).read()
    }

    #[test]
    fn a_group_may_have_as_many_members_as_a_page_reaches_and_not_one_more() {
        read("page-group", 2).unwrap();

        let refused = read("page-group", 1).unwrap_err().to_string();

        assert!(
            refused.contains("page group 700 has 2 members") && refused.contains("media.ports"),
            "{refused}"
        );
    }

    #[test]
    fn a_file_that_is_no_text_is_told_so_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.toml");
        fs::write(&path, b"account = \"a\"\ndomain = \"\xff\"\n").unwrap();

        let refused = DirectoryFile::new(&path).read().unwrap_err().to_string();

        assert!(
            refused.ends_with("directory.toml:2: is not UTF-8; save the file as UTF-8 text"),
            "{refused}"
        );
    }

    #[test]
    fn an_alert_to_more_than_it_reaches_at_once_is_taken() {
        read("alert", 1).unwrap();
    }
}
