//! The directory file as a producer of snapshots.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use model::directory::{Epoch, Snapshot, Update};
use model::directory_file::{self, FILE_LENGTH_MAX};
use tokio::sync::mpsc;

/// How often the file is looked at for a change.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why a directory file gives no snapshot; a line each.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryFileError {
    /// It cannot be read.
    #[error("{}: cannot be read ({source}); name an existing file", .path.display())]
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
    /// It says something that cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<directory_file::FileError>),
}

/// A directory file that is watched for changes.
#[derive(Debug)]
pub struct DirectoryFile {
    path: PathBuf,
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
            read_at: None,
            epoch: Epoch::default(),
        }
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
        let text = fs::read_to_string(&self.path).map_err(unreadable)?;
        let mut snapshot = directory_file::parse(&self.path.display().to_string(), &text)
            .map_err(DirectoryFileError::Wrong)?;
        self.epoch = self.epoch.next();
        snapshot.epoch = self.epoch;
        Ok(snapshot)
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
