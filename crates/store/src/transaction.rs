//! A store, its transactions, and an account's part of one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use model::AccountId;
use model::inventory::{Attempt, Catalogue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::timeout;

use crate::audit_links::AuditEnds;
use crate::engine::postgres::{Postgres, PostgresServer};
use crate::engine::sqlite::Sqlite;
use crate::engine::{Engine, EngineTransaction, Row, TURN_WITHIN, Values};
use crate::schema;
use crate::seal::Sealer;
use crate::webhooks::Named;

/// Name of the database in its folder.
const DATABASE: &str = "service.db";
/// Name of the key in the same folder.
const KEY: &str = "service.key";
/// What the engines say of a disk without room: SQLite's SQLITE_FULL, PostgreSQL's disk_full.
pub(crate) const FULL: [&str; 2] = ["13", "53100"];
/// What PostgreSQL's errors begin with when it cannot do its part: connection exceptions, too many connections, locks that are not
/// given, statements given up, a server that stops or starts, and a database that is not there.
pub(crate) const LOST: [&str; 7] = ["08", "3D", "53300", "55P03", "57014", "57P0", "25P03"];
/// What PostgreSQL says of a table, an index or a column that is there already.
const THERE_ALREADY: [&str; 2] = ["42P07", "42701"];

/// Tries to fetch a configuration that wait for who listens to them.
const ATTEMPTS_TOLD: usize = 256;

/// Why a store cannot be opened; each with what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The key file.
    #[error("{}: the key that opens the passwords of the database cannot be used ({source}); restore it from a copy", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The database.
    #[error("{}: cannot be opened; see that its folder exists, is writable, and is on a disk with room", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The server of the database.
    #[error(
        "{server}: the database cannot be used; see that it runs, and that user, password and name of the database are right"
    )]
    Server {
        /// Where it is.
        server: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// A later program has written it.
    #[error(
        "the database has version {version}, and this program knows {known}: use the program that wrote it, or a copy from before"
    )]
    TooNew {
        /// The version found.
        version: usize,
        /// The last one known.
        known: usize,
    },
    /// It has what a later version makes than the one that it says it has.
    #[error(
        "the database says that its version is {version}, and has what a later one makes: something else has set schema_version back; \
         restore a copy from before into an empty database"
    )]
    SetBack {
        /// The version found.
        version: usize,
        /// What is there already.
        source: StoreError,
    },
    /// It has no version, and has what the first one makes.
    #[error(
        "the database is not empty and belongs to something else ({what}); name another one, that is empty"
    )]
    Foreign {
        /// What the database says is there.
        what: String,
        /// The same.
        source: StoreError,
    },
    /// Its tables could not be brought up to date.
    #[error("the tables of the database cannot be brought up to date")]
    Upgrade(#[from] StoreError),
}

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed; what was being done has not been done")]
    Database(#[source] sqlx::Error),
    /// There is no room for more.
    #[error(
        "the disk of the database is full: this was not kept, what is there can be read; make room and do it again"
    )]
    Full(#[source] sqlx::Error),
    /// There is no answer.
    #[error(
        "the database does not answer: this was not done; see that it runs and can be reached, and do it again"
    )]
    Lost(#[source] sqlx::Error),
    /// Others change something for longer than can be waited for.
    #[error("many other changes are being made: this was not done; do it again in a moment")]
    Busy,
    /// There was no answer to the last word.
    #[error("the database was lost while it kept this: see whether it is there before doing it again")]
    Uncertain(#[source] sqlx::Error),
    /// A part of what was to be kept had failed before.
    #[error("a part of this could not be done, so none of it was")]
    Incomplete,
    /// It holds something that was never written by this program.
    #[error(
        "the table {table} holds what cannot be read: it was damaged or changed by something else; restore a copy"
    )]
    Damaged {
        /// Where.
        table: &'static str,
    },
    /// What is written names something that the account does not have.
    #[error("the account has no such {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// A password cannot be opened with the key beside the database.
    #[error("a password of the database cannot be opened with {KEY}: restore the key that belongs to it")]
    WrongKey,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

impl StoreError {
    /// Something that was to be made is there already: says what, in the words of the database.
    pub(crate) fn is_there_already(&self) -> Option<&str> {
        let Self::Database(sqlx::Error::Database(said)) = self else {
            return None;
        };
        let is_known = said
            .code()
            .is_some_and(|code| THERE_ALREADY.contains(&code.as_ref()));
        // SQLite has no code for it.
        let words = said.message();
        let is_there =
            is_known || words.ends_with("already exists") || words.starts_with("duplicate column name");
        is_there.then_some(words)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(said) => match said.code().as_deref() {
                Some(code) if FULL.contains(&code) => Self::Full(error),
                Some(code) if LOST.iter().any(|class| code.starts_with(class)) => Self::Lost(error),
                Some(_) | None => Self::Database(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Lost(error),
            _ => Self::Database(error),
        }
    }
}

/// What the service keeps.
#[derive(Debug)]
pub struct Store {
    engine: Engine,
    sealer: Sealer,
    /// Whose turn it is to write: waiting for others is another matter than waiting for a database.
    turn: Arc<Semaphore>,
    /// Whoever has the turn, or had it last, waits for the database or has lost it: then those who wait for a turn wait for it as well.
    is_awaited: AtomicBool,
    changes: watch::Sender<u64>,
    webhook_changes: watch::Sender<u64>,
    attempts: broadcast::Sender<Attempt>,
    catalogue: OnceLock<Catalogue>,
    /// What this process knows of the audit.
    audit_ends: Mutex<Arc<AuditEnds>>,
    /// Receivers of what happens that were named because they cannot be read.
    webhooks_named: Mutex<Named>,
}

impl Store {
    /// Opens the store in a folder, and makes it where there is none. Tables of an earlier version are brought up to date.
    ///
    /// # Errors
    ///
    /// When key or database cannot be used.
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::connect(folder).await?.upgraded().await
    }

    /// Opens the store in a folder with the tables that are there.
    pub(crate) async fn connect(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(DATABASE);
        let sealer = sealer(folder, !path.exists())?;
        let engine = Sqlite::open(&path)
            .await
            .map_err(|source| OpenError::Database { path, source })?;
        Ok(Self::new(Engine::Sqlite(engine), sealer))
    }

    /// Opens the store in a database of a server, and makes it where there is none; the key that opens its passwords lies in a folder
    /// of this machine. Tables of an earlier version are brought up to date.
    ///
    /// # Errors
    ///
    /// When key or database cannot be used.
    pub async fn open_postgres(folder: &Path, server: &PostgresServer) -> Result<Self, OpenError> {
        Self::connect_postgres(folder, server).await?.upgraded().await
    }

    /// Opens the store in a database of a server with the tables that are there.
    pub(crate) async fn connect_postgres(folder: &Path, server: &PostgresServer) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Server {
            server: server.to_string(),
            source,
        };
        let engine = Postgres::open(server).await.map_err(unusable)?;
        let is_made = engine.is_made().await.map_err(unusable)?;
        let sealer = sealer(folder, !is_made)?;
        Ok(Self::new(Engine::Postgres(engine), sealer))
    }

    fn new(engine: Engine, sealer: Sealer) -> Self {
        Self {
            engine,
            sealer,
            turn: Arc::new(Semaphore::new(1)),
            is_awaited: AtomicBool::new(false),
            changes: watch::Sender::new(0),
            webhook_changes: watch::Sender::new(0),
            attempts: broadcast::Sender::new(ATTEMPTS_TOLD),
            catalogue: OnceLock::new(),
            audit_ends: Mutex::default(),
            webhooks_named: Mutex::default(),
        }
    }

    async fn upgraded(self) -> Result<Self, OpenError> {
        let mut transaction = self.write().await?;
        schema::upgrade(&mut transaction, schema::LAST).await?;
        transaction.learn_audit_ends().await?;
        transaction.commit().await?;
        Ok(self)
    }

    /// Begins a transaction that sees one state and changes nothing.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn read(&self) -> Result<Transaction<'_>, StoreError> {
        // What is known before cannot be later than what is seen.
        let audit_ends = self.audit_ends();
        let inner = self.engine.read().await?;
        Ok(Transaction::new((self, audit_ends), inner, None))
    }

    /// Begins a transaction that changes something; writers take turns, in the order in which they ask. What is not committed has
    /// not happened.
    ///
    /// # Errors
    ///
    /// When others take their turns for longer than can be waited for, or the database fails.
    pub async fn write(&self) -> Result<Transaction<'_>, StoreError> {
        let turn = timeout(TURN_WITHIN, Arc::clone(&self.turn).acquire_owned()).await;
        let given_up = |_| {
            if self.is_awaited.load(Ordering::Relaxed) {
                StoreError::Lost(sqlx::Error::PoolTimedOut)
            } else {
                StoreError::Busy
            }
        };
        // Nobody closes it.
        let turn = turn.map_err(given_up)?.ok();
        self.is_awaited.store(true, Ordering::Relaxed);
        let begun = self.engine.write().await.map_err(StoreError::from);
        let is_lost = matches!(begun, Err(StoreError::Lost(_)));
        self.is_awaited.store(is_lost, Ordering::Relaxed);
        Ok(Transaction::new((self, self.audit_ends()), begun?, turn))
    }

    fn audit_ends(&self) -> Arc<AuditEnds> {
        let ends = self.audit_ends.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&ends)
    }

    /// Takes the models that devices are judged by; the first that are taken stay.
    pub fn set_catalogue(&self, catalogue: Catalogue) {
        let _is_first = self.catalogue.set(catalogue).is_ok();
    }

    /// The models that devices are judged by.
    pub fn catalogue(&self) -> &Catalogue {
        self.catalogue.get_or_init(Catalogue::built_in)
    }

    /// Tells when a directory has changed.
    #[must_use]
    pub fn directory_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Tells when a receiver of what happens, or what waits for one, has changed.
    #[must_use]
    pub fn webhook_changes(&self) -> watch::Receiver<u64> {
        self.webhook_changes.subscribe()
    }

    /// Tells of each try to fetch a configuration that is kept.
    #[must_use]
    pub fn attempts_kept(&self) -> broadcast::Receiver<Attempt> {
        self.attempts.subscribe()
    }
}

fn sealer(folder: &Path, is_new: bool) -> Result<Sealer, OpenError> {
    let path = folder.join(KEY);
    Sealer::open(&path, is_new).map_err(|source| OpenError::Key { path, source })
}

/// One state of the store, and what is being made of it.
#[derive(Debug)]
pub struct Transaction<'s> {
    store: &'s Store,
    inner: EngineTransaction,
    /// Accounts whose directory it changes.
    changed: BTreeSet<AccountId>,
    changes_webhooks: bool,
    /// Tries to fetch a configuration that are kept with it.
    pub(crate) attempts: Vec<Attempt>,
    /// Where lists of the audit ended, as far as the process knew when it began, and where they end with it.
    pub(crate) audit_ends_known: Arc<AuditEnds>,
    pub(crate) audit_ends: AuditEnds,
    /// A statement has failed. SQLite would keep what the others did, PostgreSQL would say that it keeps it.
    has_failed: bool,
    /// The turn of a writer.
    _turn: Option<OwnedSemaphorePermit>,
}

impl<'s> Transaction<'s> {
    fn new(
        (store, audit_ends_known): (&'s Store, Arc<AuditEnds>),
        inner: EngineTransaction,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            store,
            inner,
            changed: BTreeSet::new(),
            changes_webhooks: false,
            attempts: Vec::new(),
            audit_ends_known,
            audit_ends: AuditEnds::new(),
            has_failed: false,
            _turn: turn,
        }
    }

    /// An account's part of it.
    pub fn account(&mut self, id: &AccountId) -> Scope<'_, 's> {
        Scope {
            account: id.clone(),
            transaction: self,
        }
    }

    /// Makes what was changed lasting: once this returns it is on the disk.
    ///
    /// # Errors
    ///
    /// When the database fails; then nothing was changed, except that nobody knows after [`StoreError::Uncertain`].
    pub async fn commit(self) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(StoreError::Incomplete);
        }
        let _told_when_dropped = (!self.changed.is_empty()).then(|| Telling(&self.store.changes));
        let _also = self
            .changes_webhooks
            .then(|| Telling(&self.store.webhook_changes));
        self.inner.commit().await.map_err(|error| match error.into() {
            StoreError::Lost(error) => StoreError::Uncertain(error),
            other => other,
        })?;
        if !self.audit_ends.is_empty() {
            let ends = self.store.audit_ends.lock();
            Arc::make_mut(&mut ends.unwrap_or_else(PoisonError::into_inner)).extend(self.audit_ends);
        }
        for attempt in self.attempts {
            // Nobody may listen.
            let _is_heard = self.store.attempts.send(attempt).is_ok();
        }
        Ok(())
    }

    /// The models that devices are judged by.
    #[must_use]
    pub fn catalogue(&self) -> &'s Catalogue {
        self.store.catalogue()
    }

    /// Notes that receivers of what happens, or what waits for them, change with this transaction.
    pub(crate) fn change_webhooks(&mut self) {
        self.changes_webhooks = true;
    }

    pub(crate) fn webhooks_named(&self) -> &'s Mutex<Named> {
        &self.store.webhooks_named
    }

    pub(crate) fn sealer(&self) -> &'s Sealer {
        &self.store.sealer
    }

    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.inner.rows(sql, values).await;
        self.noted(rows)
    }

    pub(crate) async fn row(
        &mut self,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: Values<'_>) -> Result<u64, StoreError> {
        let touched = self.inner.execute(sql, values).await;
        self.noted(touched)
    }

    /// Writes the place of a value into a statement that is made, in which each value has one place, in their order.
    pub(crate) fn write_place(&self, sql: &mut String, number: usize) {
        self.inner.write_place(sql, number);
    }

    /// Runs a statement that was made of texts of this program alone, and says how many rows it touched.
    pub(crate) async fn execute_made(&mut self, sql: String, values: Values<'_>) -> Result<u64, StoreError> {
        let touched = self.inner.execute(sqlx::AssertSqlSafe(sql), values).await;
        self.noted(touched)
    }

    /// Reads by a statement that was made of texts of this program alone.
    pub(crate) async fn rows_made(
        &mut self,
        sql: String,
        values: Values<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.inner.rows(sqlx::AssertSqlSafe(sql), values).await;
        self.noted(rows)
    }

    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let done = self.inner.script(sql).await;
        self.noted(done)
    }

    fn noted<T>(&mut self, answer: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.has_failed |= answer.is_err();
        Ok(answer?)
    }
}

/// Tells of what has changed when it is dropped. Whoever waits for a commit may be given up while the database carries it out, so
/// it is told whatever has come of it: to look once more at what has not changed does no harm.
struct Telling<'s>(&'s watch::Sender<u64>);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// One account's part of a transaction: nothing of another account can be read or changed through it.
#[derive(Debug)]
pub struct Scope<'t, 's> {
    pub(crate) account: AccountId,
    pub(crate) transaction: &'t mut Transaction<'s>,
}

impl Scope<'_, '_> {
    pub(crate) fn id(&self) -> crate::engine::Value {
        self.account.as_str().into()
    }

    /// Notes that what is told to the zones changes with this transaction.
    pub(crate) async fn change_directory(&mut self) -> Result<(), StoreError> {
        if self.transaction.changed.insert(self.account.clone()) {
            let id = self.id();
            let sql = "UPDATE account SET epoch = epoch + 1 WHERE id = $1";
            self.transaction.execute(sql, &[id]).await?;
        }
        Ok(())
    }
}
