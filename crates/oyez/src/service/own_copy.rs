//! The copy of its directory that a service keeps for the zone in its process, to start it from while there is no database.

use std::sync::Arc;

use ::feed::{Held, Records};
use anyhow::{Context, Result, anyhow};
use model::directory::{Directory, Snapshot, Update};
use net::authority::Authority;
use tokio::sync::watch;
use zone::DirectoryCopy;

use super::feed::DirectoryReader;
use crate::state::StateFolder;

/// The copy, which the service's own authority signs.
pub(super) struct OwnCopy {
    copy: DirectoryCopy,
    authority: Arc<Authority>,
}

/// Where a directory goes that is to be kept; of several that wait the last is.
pub(super) type ToKeep = watch::Sender<Option<Arc<Snapshot>>>;

impl OwnCopy {
    /// The copy in the state folder.
    ///
    /// # Errors
    ///
    /// When its key cannot be read or made.
    pub(super) fn open(state: &StateFolder, authority: Arc<Authority>) -> Result<Self> {
        let copy = DirectoryCopy::open(&state.directory_copy(), authority.certificate().clone());
        Ok(Self {
            copy: copy.map_err(|error| anyhow!(error))?,
            authority,
        })
    }

    /// What was kept last.
    pub(super) fn read(&self) -> Option<Held> {
        self.copy.read()
    }

    /// Keeps what is sent from here on: beside the zone, which does not wait for the disk.
    pub(super) fn keep(self: Arc<Self>, reader: Arc<DirectoryReader>) -> ToKeep {
        let (sender, mut wanted) = watch::channel(None);
        tokio::spawn(async move {
            while wanted.changed().await.is_ok() {
                let snapshot: Option<Arc<Snapshot>> = wanted.borrow_and_update().clone();
                let Some(snapshot) = snapshot else { continue };
                let (own, reader) = (Arc::clone(&self), Arc::clone(&reader));
                let written =
                    tokio::task::spawn_blocking(move || own.write(&snapshot, reader.records(&snapshot)))
                        .await;
                let written = written.unwrap_or_else(|error| Err(anyhow!(error)));
                if let Err(error) = written {
                    let error = device::sentence(error.as_ref());
                    tracing::error!(%error, "the zone's copy of the directory is not written; an older one stays");
                }
            }
        });
        sender
    }

    fn write(&self, snapshot: &Snapshot, records: Records) -> Result<()> {
        // A directory that the zone would refuse is no use to it later.
        Directory::new(snapshot.account.clone())
            .apply(Update::Snapshot(snapshot.clone()))
            .map_err(|error| anyhow!(error))?;
        let held = Held::sign(records, |statement| self.authority.sign(statement));
        let written = self.copy.write(&held.map_err(|error| anyhow!(error))?);
        written.context("the file cannot be written")
    }
}
