//! What a service has before its database is there.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use axum::Router;
use model::inventory::Catalogue;
use net::tls::{ClientCertificates, Identity};
use portal::provisioning::Manufacturer;
use registrations::Registrations;
use store::Store;
use zone::config::ZoneConfig;

use super::account::{self, Opened};
use super::certificates::Certificates;
use super::config::ServiceConfig;
use super::database;
use super::front::Front;
use super::imported::ImportedFiles;
use super::own_copy::OwnCopy;
use super::talk::Reader;
use crate::failure::Failure;
use crate::state::StateFolder;

/// A database that is empty beside the copy of a directory, which is here.
#[derive(Debug)]
pub(super) struct Emptied(PathBuf);

impl fmt::Display for Emptied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the database is empty, and this service has had a directory: put a copy of the database back, \
             or remove {} to begin anew",
            self.0.display()
        )
    }
}

impl Error for Emptied {}

/// What was read of files, and what was made of it.
pub(super) struct Foundation<'c> {
    pub(super) config: &'c ServiceConfig,
    pub(super) zone_config: Option<&'c ZoneConfig>,
    pub(super) state: StateFolder,
    pub(super) certificates: Certificates,
    pub(super) registrations: Arc<Registrations>,
    pub(super) manufacturers: Vec<Manufacturer>,
    /// The zone's copy of its directory; none where its key cannot be had.
    pub(super) copy: Option<Arc<OwnCopy>>,
    pub(super) provisioning_files: Option<(ImportedFiles, Identity)>,
    /// What reads texts out, if something does.
    pub(super) reader: Option<Reader>,
    portal_files: Option<(ImportedFiles, Identity)>,
    catalogue: Catalogue,
}

impl<'c> Foundation<'c> {
    /// Reads all files that the configuration names, and opens the state folder.
    ///
    /// # Errors
    ///
    /// Names what is wrong or cannot be had.
    pub(super) async fn lay(
        config: &'c ServiceConfig,
        zone_config: Option<&'c ZoneConfig>,
    ) -> Result<Self, Failure> {
        let (manufacturers, catalogue) = (config.manufacturers()?, config.catalogue()?);
        let (portal_files, provisioning_files) = config.imported()?;
        let reader = Reader::installed(config.talk.voice.as_deref()).await;
        let reader = reader.map_err(|what| config.wrong("talk.voice", &what))?;
        let state = StateFolder::configured(&config.state);
        state.prepare()?;
        let certificates = Certificates::open(&state)?;
        let copy = OwnCopy::open(&state, certificates.authority()?).inspect_err(|error| {
            let error = device::sentence(error.as_ref());
            tracing::error!(%error, "the zone keeps no copy of its directory: while there is no database it cannot be started");
        });
        Ok(Self {
            config,
            zone_config,
            state,
            certificates,
            registrations: Arc::new(Registrations::default()),
            manufacturers,
            copy: copy.ok().map(Arc::new),
            provisioning_files,
            reader,
            portal_files,
            catalogue,
        })
    }

    /// Opens the database and the account in it.
    ///
    /// # Errors
    ///
    /// When it cannot be used; or has nothing, though there was a directory once.
    pub(super) async fn database(&self) -> Result<(Arc<Store>, Opened), Failure> {
        let store = database::open(self.config, &self.state).await?;
        self.see_that_nothing_is_lost(&store).await?;
        store.set_catalogue(self.catalogue.clone());
        let opened = account::open(&store, self.config).await?;
        Ok((Arc::new(store), opened))
    }

    /// An empty database beside the copy of a directory is none that this service has begun with: to take it would have the zone forget
    /// everybody.
    async fn see_that_nothing_is_lost(&self, store: &Store) -> Result<(), Failure> {
        let mut reading = store.read().await.map_err(|error| anyhow!(error))?;
        let accounts = reading.accounts().await.map_err(|error| anyhow!(error))?;
        let copy = self.state.directory_copy();
        let had_directory = match &self.copy {
            Some(own) => own.read().is_some(),
            None => copy.exists(),
        };
        if accounts.is_empty() && had_directory {
            return Err(anyhow!(Emptied(copy)).into());
        }
        Ok(())
    }

    /// Listens where the portal is to be.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub(super) async fn front(&mut self, before: Router) -> Result<Front, Failure> {
        let host = self.config.portal.address.host.as_str();
        let (files, clients) = (self.portal_files.clone(), ClientCertificates::NotAsked);
        let tls = self.certificates.site("portal", host, files, clients)?;
        Front::start(self.config.portal.listen, &tls, before).await
    }
}
