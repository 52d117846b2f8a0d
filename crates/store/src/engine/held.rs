//! A connection while a transaction has it. Its end is not left to what the driver believes of the connection: a database that fails
//! may have ended the transaction itself, and one that does not answer must not hold up whoever comes next.

use std::future::Future;
use std::io;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};

/// Longest wait for an answer, where a server, the way to it or a disk has gone without a word.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A database to which a statement without values or rows can be given.
pub(crate) trait Plain: Database {
    fn run(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// A connection in a transaction; one that is dropped is rolled back.
#[derive(Debug)]
pub(crate) struct Held<DB: Plain> {
    /// None once it has been given back.
    connection: Option<PoolConnection<DB>>,
    /// An answer is outstanding, so nobody knows what the connection is good for.
    is_asking: bool,
}

impl<DB: Plain> Held<DB> {
    pub(super) async fn begin(pool: &Pool<DB>, sql: &'static str) -> Result<Self, sqlx::Error> {
        let mut held = Self {
            connection: Some(answered(pool.acquire()).await?),
            is_asking: false,
        };
        held.ask(async |connection| DB::run(connection, sql).await)
            .await?;
        Ok(held)
    }

    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.ask(async |connection| DB::run(connection, "COMMIT").await)
            .await?;
        // The transaction is over, so the connection can be another's at once.
        self.connection = None;
        Ok(())
    }

    pub(super) async fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        self.is_asking = true;
        let answer = answered(question(connection)).await;
        // After anything but an answer of the database the connection is useless.
        self.is_asking = matches!(&answer, Err(error) if !matches!(error, sqlx::Error::Database(_)));
        answer
    }
}

impl<DB: Plain> Drop for Held<DB> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if self.is_asking {
            connection.close_on_drop();
            return;
        }
        tokio::spawn(async move {
            if answered(DB::run(&mut connection, "ROLLBACK")).await.is_err() {
                connection.close_on_drop();
            }
        });
    }
}

/// Waits for an answer, and no longer than it may take.
pub(super) async fn answered<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the database gives no answer");
    tokio::time::timeout(ANSWER_WITHIN, answer)
        .await
        .unwrap_or_else(|_| Err(late().into()))
}
