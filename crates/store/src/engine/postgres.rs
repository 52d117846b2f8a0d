//! PostgreSQL, on a server: one writer, many readers, every commit on the server's disk.

use std::fmt;
use std::future::Future;
use std::io;
use std::str::FromStr as _;
use std::time::Duration;

use model::Secret;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions as _, Executor as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{Kind, READERS, Row, TURN_WITHIN, Value, Values, kind_of};

/// Longest time that a statement runs, waits for locks included, before the server gives it up.
const STATEMENT_WITHIN: Duration = Duration::from_secs(15);
/// Longest wait for an answer, where the server or the way to it has gone without a word.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
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
            writer: answered(TURN_WITHIN, writer).await?,
            readers: pool(READERS).connect_lazy_with(options),
        })
    }

    /// Says whether a store has been made in the database.
    pub(crate) async fn is_made(&self) -> Result<bool, sqlx::Error> {
        let sql = "SELECT CASE WHEN to_regclass('schema_version') IS NULL THEN 0 ELSE 1 END";
        let rows = self.read().await?.rows(sql, &[]).await?;
        Ok(rows == [Row(vec![Value::Integer(1)])])
    }

    pub(crate) async fn read(&self) -> Result<PostgresTransaction, sqlx::Error> {
        begin(&self.readers, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await
    }

    /// Begins a transaction that will write, once no other does: the lock is taken before anything is read, and each statement sees
    /// all that was committed before it, so what is read is what is there.
    pub(crate) async fn write(&self) -> Result<PostgresTransaction, sqlx::Error> {
        let mut transaction = begin(&self.writer, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        transaction
            .execute("SELECT pg_advisory_xact_lock($1)", &[WRITER_LOCK.into()])
            .await?;
        Ok(transaction)
    }
}

async fn begin(pool: &PgPool, sql: &'static str) -> Result<PostgresTransaction, sqlx::Error> {
    let mut transaction = PostgresTransaction {
        connection: Some(answered(ANSWER_WITHIN, pool.acquire()).await?),
        is_asking: false,
    };
    transaction
        .ask(async |connection| connection.execute(sql).await)
        .await?;
    Ok(transaction)
}

/// A transaction in it.
#[derive(Debug)]
pub(crate) struct PostgresTransaction {
    /// None once it has been given back.
    connection: Option<PoolConnection<sqlx::Postgres>>,
    /// An answer is outstanding, so nobody knows what the connection is good for.
    is_asking: bool,
}

impl PostgresTransaction {
    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let rows = self.ask(async |connection| connection.fetch_all(bound(sql, values)).await);
        rows.await?.iter().map(row_of).collect()
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<u64, sqlx::Error> {
        let done = self.ask(async |connection| connection.execute(bound(sql, values)).await);
        Ok(done.await?.rows_affected())
    }

    pub(crate) async fn script(&mut self, sql: String) -> Result<(), sqlx::Error> {
        let script = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        self.ask(async |connection| connection.execute(script).await)
            .await
            .map(|_| ())
    }

    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.ask(async |connection| connection.execute("COMMIT").await)
            .await?;
        // The transaction is over, so the connection can be another's at once.
        self.connection = None;
        Ok(())
    }

    async fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        self.is_asking = true;
        let answer = answered(ANSWER_WITHIN, question(connection)).await;
        // After anything but an answer of the database the connection is useless.
        self.is_asking = matches!(&answer, Err(error) if !matches!(error, sqlx::Error::Database(_)));
        answer
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if self.is_asking {
            connection.close_on_drop();
            return;
        }
        tokio::spawn(async move {
            let over = answered(ANSWER_WITHIN, connection.execute("ROLLBACK")).await;
            if over.is_err() {
                connection.close_on_drop();
            }
        });
    }
}

/// Waits for an answer, and no longer than it may take.
async fn answered<T>(
    within: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the database gives no answer");
    tokio::time::timeout(within, answer)
        .await
        .unwrap_or_else(|_| Err(late().into()))
}

fn bound<'q>(sql: &'static str, values: &[Value]) -> sqlx::query::Query<'q, sqlx::Postgres, PgArguments> {
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
