//! A database as the repositories see it: a text of SQL with numbered places, values that go in, rows that come out. The same
//! texts serve both engines; what differs is in their modules and, for the schema, in [`dialect`].

mod dialect;
mod held;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::time::Duration;

use postgres::{Postgres, PostgresTransaction};
use sqlite::{Sqlite, SqliteTransaction};
use sqlx::SqlSafeStr;

/// Connections for reading. Writers take turns, so they need one.
const READERS: u32 = 4;
/// Longest wait for a connection: for the turn of a writer, or for a server that has gone.
pub(crate) const TURN_WITHIN: Duration = Duration::from_secs(10);

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing, where something of a kind can stand: PostgreSQL has to be told which.
    Null(Kind),
    Integer(i64),
    Text(String),
    Octets(Vec<u8>),
}

/// A kind of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Octets,
}

/// What can stand in a column, and so can be missing there.
pub(crate) trait Kept: Into<Value> {
    const KIND: Kind;
}

macro_rules! kept {
    ($($from:ty => $kind:ident, $value:ident => $made:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                Self::$kind($made)
            }
        }

        impl Kept for $from {
            const KIND: Kind = Kind::$kind;
        }
    )*};
}

kept! {
    &str => Text, text => text.to_owned();
    String => Text, text => text;
    i64 => Integer, number => number;
    bool => Integer, truth => truth.into();
    Vec<u8> => Octets, octets => octets;
}

impl<T: Kept> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null(T::KIND), Into::into)
    }
}

/// One row, in the order of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row(pub(crate) Vec<Value>);

/// What a statement is called with.
pub(crate) type Values<'v> = &'v [Value];

/// A database.
#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// A transaction in it; one that is dropped has not happened.
#[derive(Debug)]
pub(crate) enum EngineTransaction {
    Sqlite(SqliteTransaction),
    Postgres(PostgresTransaction),
}

impl Engine {
    /// Begins a transaction that sees one state.
    pub(crate) async fn read(&self) -> Result<EngineTransaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(engine) => EngineTransaction::Sqlite(engine.read().await?),
            Self::Postgres(engine) => EngineTransaction::Postgres(engine.read().await?),
        })
    }

    /// Begins a transaction that may write, as the only one.
    pub(crate) async fn write(&self) -> Result<EngineTransaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(engine) => EngineTransaction::Sqlite(engine.write().await?),
            Self::Postgres(engine) => EngineTransaction::Postgres(engine.write().await?),
        })
    }
}

impl EngineTransaction {
    pub(crate) async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        values: Values<'_>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => sqlite::rows(transaction, sql, values).await,
            Self::Postgres(transaction) => postgres::rows(transaction, sql, values).await,
        }
    }

    pub(crate) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        values: Values<'_>,
    ) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => sqlite::execute(transaction, sql, values).await,
            Self::Postgres(transaction) => postgres::execute(transaction, sql, values).await,
        }
    }

    /// Writes the place of a value into a statement that is made, in which each value has one place, in their order.
    pub(crate) fn write_place(&self, sql: &mut String, number: usize) {
        match self {
            // It would look for each of thousands of names among all of them.
            Self::Sqlite(_) => sql.push('?'),
            Self::Postgres(_) => {
                sql.push('$');
                sql.push_str(&number.to_string());
            }
        }
    }

    /// Runs several statements without values, written as SQLite has them.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => sqlite::script(transaction, sql).await,
            Self::Postgres(transaction) => postgres::script(transaction, dialect::postgres(sql)).await,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }
}

/// The kind of values of a type, by its name in either engine.
fn kind_of(type_name: &str) -> Kind {
    match type_name {
        "INTEGER" | "BOOLEAN" | "INT8" | "INT4" => Kind::Integer,
        "BLOB" | "BYTEA" => Kind::Octets,
        _ => Kind::Text,
    }
}
