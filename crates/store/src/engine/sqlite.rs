//! SQLite, in the process: one writer, many readers, every commit on the disk.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Executor as _, Row as _, SqlSafeStr, TypeInfo as _, ValueRef as _};

use super::held::{Held, Plain};
use super::{Kind, READERS, Row, TURN_WITHIN, Value, Values, kind_of};

/// Rows that are read ahead of whoever takes them. Each time it is full or empty a thread waits for another, and a whole directory has
/// tens of thousands.
const ROWS_AHEAD: usize = 1_000;
/// For the owner alone.
const FILE_MODE: u32 = 0o600;

/// A database file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

/// A transaction in it.
pub(crate) type SqliteTransaction = Held<sqlx::Sqlite>;

impl Plain for sqlx::Sqlite {
    async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        connection.execute(sql).await.map(|_| ())
    }
}

impl Sqlite {
    pub(crate) async fn open(file: &Path) -> Result<Self, sqlx::Error> {
        // The files beside it get its mode.
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(FILE_MODE)
            .open(file)
            .map_err(sqlx::Error::Io)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .row_buffer_size(ROWS_AHEAD);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(TURN_WITHIN)
        };
        Ok(Self {
            writer: pool(1).connect_with(options.clone()).await?,
            readers: pool(READERS).connect_with(options).await?,
        })
    }

    pub(crate) async fn read(&self) -> Result<SqliteTransaction, sqlx::Error> {
        Held::begin(&self.readers, "BEGIN").await
    }

    /// Begins a transaction that will write: it takes the lock at once, so it cannot fail later because another has written.
    pub(crate) async fn write(&self) -> Result<SqliteTransaction, sqlx::Error> {
        Held::begin(&self.writer, "BEGIN IMMEDIATE").await
    }
}

pub(crate) async fn rows(
    transaction: &mut SqliteTransaction,
    sql: impl SqlSafeStr,
    values: Values<'_>,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = transaction.ask(async |connection| connection.fetch_all(bound(sql, values)).await);
    rows.await?.iter().map(row_of).collect()
}

pub(crate) async fn execute(
    transaction: &mut SqliteTransaction,
    sql: impl SqlSafeStr,
    values: Values<'_>,
) -> Result<u64, sqlx::Error> {
    let done = transaction.ask(async |connection| connection.execute(bound(sql, values)).await);
    Ok(done.await?.rows_affected())
}

/// Runs several statements without values.
pub(crate) async fn script(
    transaction: &mut SqliteTransaction,
    sql: &'static str,
) -> Result<(), sqlx::Error> {
    let done = transaction.ask(async |connection| connection.execute(sqlx::raw_sql(sql)).await);
    done.await.map(|_| ())
}

fn bound<'q>(
    sql: impl SqlSafeStr,
    values: &[Value],
) -> sqlx::query::Query<'q, sqlx::Sqlite, SqliteArguments> {
    values
        .iter()
        .fold(sqlx::query(sql), |query, value| match value.clone() {
            Value::Null(_) => query.bind(None::<i64>),
            Value::Integer(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Octets(octets) => query.bind(octets),
        })
}

fn row_of(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    (0..row.len())
        .map(|column| value_of(row, column))
        .collect::<Result<_, _>>()
        .map(Row)
}

fn value_of(row: &SqliteRow, column: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    let kind = kind_of(raw.type_info().name());
    if raw.is_null() {
        return Ok(Value::Null(kind));
    }
    match kind {
        Kind::Integer => row.try_get_unchecked(column).map(Value::Integer),
        Kind::Octets => row.try_get_unchecked(column).map(Value::Octets),
        Kind::Text => row.try_get_unchecked(column).map(Value::Text),
    }
}
