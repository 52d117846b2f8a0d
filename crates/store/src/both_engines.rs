//! Every test of the store, once on each engine: the module of the tests is there twice, and its name says which it is.

use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use model::inventory::{Account, DisplayName};
use tempfile::TempDir;

use crate::{OpenError, PostgresServer, Store};

/// Where a test has its store.
pub(crate) struct Place {
    folder: TempDir,
    server: Option<PostgresServer>,
}

impl Place {
    /// A place with nothing in it for a test of a module; none where the engine is missing: then the test is skipped.
    pub(crate) fn of(module: &str) -> Option<Self> {
        let server = if module.contains("on_postgres") {
            Some(PostgresServer::new(&create_database()?, None).unwrap())
        } else {
            None
        };
        let folder = tempfile::tempdir().unwrap();
        Some(Self { folder, server })
    }

    /// The folder with the key, and with SQLite's database.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the store that is there, or makes one.
    pub(crate) async fn open(&self) -> Result<Store, OpenError> {
        self.open_in(self.folder.path()).await
    }

    /// Opens the store with the key of another folder.
    pub(crate) async fn open_in(&self, folder: &Path) -> Result<Store, OpenError> {
        match &self.server {
            Some(server) => Store::open_postgres(folder, server).await,
            None => Store::open(folder).await,
        }
    }

    /// Opens the store with the tables that are there.
    pub(crate) async fn connect(&self) -> Store {
        let store = match &self.server {
            Some(server) => Store::connect_postgres(self.path(), server).await,
            None => Store::connect(self.path()).await,
        };
        store.unwrap()
    }

    /// A script as the engine takes it: they write octets differently.
    pub(crate) fn script(&self, sql: &'static str) -> &'static str {
        match self.server {
            Some(_) => sql.replace("X'", "'\\x").leak(),
            None => sql,
        }
    }

    /// Opens the store with two accounts.
    pub(crate) async fn with_accounts(&self) -> Store {
        let store = self.open().await.unwrap();
        let mut writing = store.write().await.unwrap();
        for id in ["one", "two"] {
            writing.add_account(&account(id)).await.unwrap();
        }
        writing.commit().await.unwrap();
        store
    }
}

/// An account of its id.
pub(crate) fn account(id: &str) -> Account {
    Account {
        id: id.parse().unwrap(),
        name: DisplayName::new("Customer").unwrap(),
        domain: format!("{id}.example.com"),
        many_extensions_before_5_5: false,
        generic_devices: true,
    }
}

/// Makes a database on the server of all tests of this process, with which it ends.
fn create_database() -> Option<String> {
    static SERVER: LazyLock<Option<Mutex<peers::Postgres>>> =
        LazyLock::new(|| peers::Postgres::start().map(Mutex::new));
    let server = SERVER.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
    Some(server.create_database())
}

/// A place with nothing in it; the test ends where its engine is missing.
macro_rules! place {
    () => {{
        let Some(place) = crate::both_engines::Place::of(module_path!()) else {
            return;
        };
        place
    }};
}
pub(crate) use place;

/// A place and its store with two accounts; the test ends where its engine is missing.
macro_rules! opened {
    () => {{
        let place = crate::both_engines::place!();
        let store = place.with_accounts().await;
        (place, store)
    }};
}
pub(crate) use opened;
