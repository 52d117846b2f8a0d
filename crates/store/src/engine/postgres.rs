//! PostgreSQL, on a server: one writer, many readers, every commit on the server's disk.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use model::Secret;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions as _, Executor as _, Row as _, SqlSafeStr, TypeInfo as _, ValueRef as _};

use super::held::{Held, Plain, answered};
use super::{Kind, READERS, Row, TURN_WITHIN, Value, Values, kind_of};

/// Longest time that a statement runs, waits for locks included, before the server gives it up.
const STATEMENT_WITHIN: Duration = Duration::from_secs(15);
/// Longest time that a transaction may do nothing before the server takes its locks away.
const IDLE_WITHIN: Duration = Duration::from_secs(60);
/// What the writer of every service on a database locks, so that they take turns: "oyez" in ASCII.
const WRITER_LOCK: i64 = 0x6f79_657a;

/// Where a database is, and who asks.
#[derive(Clone)]
pub struct PostgresServer {
    options: PgConnectOptions,
}

/// A text that names no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no address of a PostgreSQL database; right would be postgres://user@db.example.com/database"
)]
pub struct NoServer;

impl PostgresServer {
    /// Reads the address of a database, `postgres://user@host:port/database`; a password that is given beside it counts. The error
    /// repeats nothing of the address, in which a password may stand.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn new(address: &str, password: Option<&Secret>) -> Result<Self, NoServer> {
        let is_postgres = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| address.starts_with(scheme));
        if !is_postgres {
            return Err(NoServer);
        }
        let mut options = PgConnectOptions::from_str(address).map_err(|_| NoServer)?;
        if let Some(password) = password {
            options = options.password(password.reveal());
        }
        let limits = [
            ("statement_timeout", STATEMENT_WITHIN),
            ("lock_timeout", TURN_WITHIN),
            ("idle_in_transaction_session_timeout", IDLE_WITHIN),
        ];
        let options = options
            .application_name("oyez")
            .options(limits.map(|(name, limit)| (name, limit.as_millis())))
            .disable_statement_logging();
        Ok(Self { options })
    }
}

impl fmt::Display for PostgresServer {
    /// Names host, port and database; never user or password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        match options.get_socket() {
            Some(socket) => write!(formatter, "{}", socket.display())?,
            None => write!(formatter, "{}:{}", options.get_host(), options.get_port())?,
        }
        write!(formatter, "/{}", options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgresServer({self})")
    }
}

/// A database on a server. A connection that is lost is replaced by the next transaction.
pub(crate) struct Postgres {
    writer: PgPool,
    readers: PgPool,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A pool shows its options, the password with them.
        formatter.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    pub(crate) async fn open(server: &PostgresServer) -> Result<Self, sqlx::Error> {
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(TURN_WITHIN)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        // A commit that was acknowledged is on the disk, whatever the server does for others.
                        let sql = "SELECT set_config('synchronous_commit', 'on', false) \
                               WHERE current_setting('synchronous_commit') IN ('off', 'local')";
                        connection.execute(sql).await.map(|_| ())
                    })
                })
        };
        let options = server.options.clone();
        // The first connection is made here, so that an address that is wrong is seen at once.
        let writer = pool(1).connect_with(options.clone());
        Ok(Self {
            writer: answered(writer).await?,
            readers: pool(READERS).connect_lazy_with(options),
        })
    }

    /// Says whether a store has been made in the database.
    pub(crate) async fn is_made(&self) -> Result<bool, sqlx::Error> {
        let sql = "SELECT CASE WHEN to_regclass('schema_version') IS NULL THEN 0 ELSE 1 END";
        let rows = rows(&mut self.read().await?, sql, &[]).await?;
        Ok(rows == [Row(vec![Value::Integer(1)])])
    }

    pub(crate) async fn read(&self) -> Result<PostgresTransaction, sqlx::Error> {
        Held::begin(&self.readers, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await
    }

    /// Begins a transaction that will write, once no other does: the lock is taken before anything is read, and each statement sees
    /// all that was committed before it, so what is read is what is there.
    pub(crate) async fn write(&self) -> Result<PostgresTransaction, sqlx::Error> {
        let mut transaction = Held::begin(&self.writer, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        let lock = "SELECT pg_advisory_xact_lock($1)";
        execute(&mut transaction, lock, &[WRITER_LOCK.into()]).await?;
        Ok(transaction)
    }
}

/// A transaction in it.
pub(crate) type PostgresTransaction = Held<sqlx::Postgres>;

impl Plain for sqlx::Postgres {
    async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
        connection.execute(sql).await.map(|_| ())
    }
}

pub(crate) async fn rows(
    transaction: &mut PostgresTransaction,
    sql: impl SqlSafeStr,
    values: Values<'_>,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = transaction.ask(async |connection| connection.fetch_all(bound(sql, values)).await);
    rows.await?.iter().map(row_of).collect()
}

pub(crate) async fn execute(
    transaction: &mut PostgresTransaction,
    sql: impl SqlSafeStr,
    values: Values<'_>,
) -> Result<u64, sqlx::Error> {
    let done = transaction.ask(async |connection| connection.execute(bound(sql, values)).await);
    Ok(done.await?.rows_affected())
}

/// Runs several statements without values.
pub(crate) async fn script(transaction: &mut PostgresTransaction, sql: String) -> Result<(), sqlx::Error> {
    let script = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    let done = transaction.ask(async |connection| connection.execute(script).await);
    done.await.map(|_| ())
}

fn bound<'q>(sql: impl SqlSafeStr, values: &[Value]) -> sqlx::query::Query<'q, sqlx::Postgres, PgArguments> {
    values
        .iter()
        .fold(sqlx::query(sql), |query, value| match value.clone() {
            Value::Null(Kind::Integer) => query.bind(None::<i64>),
            Value::Null(Kind::Text) => query.bind(None::<String>),
            Value::Null(Kind::Octets) => query.bind(None::<Vec<u8>>),
            Value::Integer(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Octets(octets) => query.bind(octets),
        })
}

fn row_of(row: &PgRow) -> Result<Row, sqlx::Error> {
    (0..row.len())
        .map(|column| value_of(row, column))
        .collect::<Result<_, _>>()
        .map(Row)
}

fn value_of(row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    let type_info = raw.type_info();
    let kind = kind_of(type_info.name());
    if raw.is_null() {
        return Ok(Value::Null(kind));
    }
    match kind {
        // What is counted and what is written as a number have different widths.
        Kind::Integer if type_info.name() == "INT4" => row
            .try_get::<i32, _>(column)
            .map(|number| Value::Integer(number.into())),
        Kind::Integer => row.try_get(column).map(Value::Integer),
        Kind::Octets => row.try_get(column).map(Value::Octets),
        Kind::Text => row.try_get(column).map(Value::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_who_asks() {
        let password = Secret::from("hunter2");
        for (address, shown) in [
            (
                "postgres://oyez:hunter2@db.example.com/oyez",
                "db.example.com:5432/oyez",
            ),
            (
                "postgresql://oyez@[::1]:5433/oyez?sslmode=require",
                "[::1]:5433/oyez",
            ),
            ("postgres://%2Frun%2Fpostgresql/oyez", "/run/postgresql/oyez"),
        ] {
            let server = PostgresServer::new(address, Some(&password)).unwrap();
            assert_eq!(server.to_string(), shown);
            assert!(!format!("{server:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for address in [
            "",
            "mysql://a:hunter2@b/c",
            "postgres://a:hunter2@b:port/c",
            "postgres:hunter2",
        ] {
            let refused = PostgresServer::new(address, None).unwrap_err();
            assert!(!refused.to_string().contains("hunter2"), "{address}");
        }
    }
}
