//! The copy of its directory that a service keeps for the zone in its process, to start it from while there is no database.

use std::io;
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

    /// Keeps what is sent from here on.
    pub(super) fn keep(self: Arc<Self>, reader: Arc<DirectoryReader>) -> ToKeep {
        zone::keep_last(move |snapshot: &Arc<Snapshot>| {
            let written = self.write(snapshot, reader.records(snapshot));
            written.map_err(|error| io::Error::other(device::sentence(error.as_ref())))
        })
    }

    pub(super) fn write(&self, snapshot: &Snapshot, records: Records) -> Result<()> {
        // A directory that the zone would refuse is no use to it later.
        Directory::new(snapshot.account.clone())
            .apply(Update::Snapshot(snapshot.clone()))
            .map_err(|error| anyhow!(error))?;
        let held = Held::sign(records, |statement| self.authority.sign(statement));
        let written = self.copy.write(&held.map_err(|error| anyhow!(error))?);
        written.context("the file cannot be written")
    }
}
