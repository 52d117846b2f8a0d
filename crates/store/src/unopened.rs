//! Why a store cannot be used, as far as who has to mend it does something else for each.

use std::io;

use crate::transaction::{FULL, LOST, OpenError, StoreError};

/// What PostgreSQL's errors begin with where it does not let somebody in: who they are, a database that is not there, and rights.
const REFUSED: [&str; 3] = ["28", "3D", "42501"];

/// Why a store cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// The server of the database does not answer, or is about to start or to stop.
    Unreachable,
    /// The server answers, and does not let the service in.
    Refused,
    /// The disk of the database is full.
    Full,
    /// The key beside the database is missing, or is another.
    Key,
    /// What is there is no database, is damaged, or may not be read or written.
    Unusable,
    /// A later program has written it.
    TooNew,
}

impl OpenError {
    /// Why the store cannot be used.
    #[must_use]
    pub fn why(&self) -> Unopened {
        match self {
            Self::Key { .. } => Unopened::Key,
            Self::Database { source, .. } => of_driver(source, Unopened::Unusable),
            Self::Server { source, .. } => of_driver(source, Unopened::Unreachable),
            Self::TooNew { .. } => Unopened::TooNew,
            Self::Upgrade(error)
            | Self::SetBack { source: error, .. }
            | Self::Foreign { source: error, .. } => error.why(),
        }
    }
}

impl StoreError {
    /// Why the store cannot be used.
    #[must_use]
    pub fn why(&self) -> Unopened {
        match self {
            Self::Full(_) => Unopened::Full,
            Self::Lost(error) | Self::Uncertain(error) => of_driver(error, Unopened::Unreachable),
            Self::Busy => Unopened::Unreachable,
            Self::WrongKey => Unopened::Key,
            Self::Database(error) => of_driver(error, Unopened::Unusable),
            Self::Incomplete | Self::Damaged { .. } | Self::Missing { .. } | Self::NoRandomness => {
                Unopened::Unusable
            }
        }
    }
}

/// What the driver says; where that is of a connection or a file, it is for another reason each.
fn of_driver(error: &sqlx::Error, of_input: Unopened) -> Unopened {
    match error {
        sqlx::Error::Database(said) => {
            let code = said.code().unwrap_or_default();
            let begins = |class: &&str| code.starts_with(*class);
            if FULL.contains(&code.as_ref()) {
                Unopened::Full
            } else if REFUSED.iter().any(begins) {
                Unopened::Refused
            } else if LOST.iter().any(begins) {
                Unopened::Unreachable
            } else {
                Unopened::Unusable
            }
        }
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => Unopened::Full,
        sqlx::Error::Tls(_) => Unopened::Refused,
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => of_input,
        _ => Unopened::Unusable,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{PostgresServer, Store};

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_told_from_a_key_that_is_missing_and_from_a_full_disk() {
        let [made, damaged] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        drop(Store::open(made.path()).await.unwrap());
        let why = async |folder: &tempfile::TempDir| Store::open(folder.path()).await.unwrap_err().why();
        let key = made.path().join("service.key");
        fs::copy(&key, damaged.path().join("service.key")).unwrap();
        let path = damaged.path().join("service.db");
        fs::write(&path, [0x5a; 8_192]).unwrap();

        fs::remove_file(&key).unwrap();
        assert_eq!(why(&made).await, Unopened::Key);
        assert_eq!(why(&damaged).await, Unopened::Unusable);
        let full = || sqlx::Error::Io(io::ErrorKind::StorageFull.into());
        assert_eq!(OpenError::Database { path, source: full() }.why(), Unopened::Full);
        assert_eq!(StoreError::Full(full()).why(), Unopened::Full);
        let (version, known) = (2, 1);
        assert_eq!(OpenError::TooNew { version, known }.why(), Unopened::TooNew);
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_told_from_one_that_does_not_answer() {
        let Some(server) = peers::Postgres::start() else {
            return;
        };
        let address = server.create_database();
        let folder = tempfile::tempdir().unwrap();
        let why = async |address: &str| {
            let server = PostgresServer::new(address, None).unwrap();
            Store::open_postgres(folder.path(), &server)
                .await
                .unwrap_err()
                .why()
        };
        let role = format!("CREATE ROLE {} LOGIN PASSWORD 'open sesame'", peers::GUARDED_USER);
        server.query("test_0", &role);

        let missing = address.replace("test_0", "missing");
        assert_eq!(why(&missing).await, Unopened::Refused);
        let guessed = address.replace("postgres@", &format!("{}:guess@", peers::GUARDED_USER));
        assert_eq!(why(&guessed).await, Unopened::Refused);
        assert_eq!(why("postgres://a@127.0.0.1:1/b").await, Unopened::Unreachable);
    }
}
