//! Where a service keeps what it knows: a file in its state folder, or a database of a PostgreSQL server.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use model::Secret;
use serde::{Deserialize, Deserializer};
use store::{PostgresServer, Store};

use super::config::ServiceConfig;
use crate::failure::Failure;
use crate::state::StateFolder;

/// Octets of a password file that are read: a password is its first line.
const PASSWORD_LENGTH_MAX: u64 = 1_024;

/// The section `[store]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StoreConfig {
    /// The address of a database, in which a password may stand.
    #[serde(deserialize_with = "secret")]
    pub postgres: Secret,
    /// The file with the password for it, on its first line.
    pub password_file: Option<PathBuf>,
}

/// Opens the store that the file names, and makes it where there is none.
///
/// # Errors
///
/// When the file names no database or password file that can be read; or key or database cannot be used.
pub(super) async fn open(config: &ServiceConfig, state: &StateFolder) -> Result<Store, Failure> {
    let opened = match &config.store {
        Some(store) => Store::open_postgres(state.root(), &server(config, store)?).await,
        None => Store::open(state.root()).await,
    };
    Ok(opened.map_err(|error| anyhow!(error))?)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn server(config: &ServiceConfig, store: &StoreConfig) -> Result<PostgresServer, Failure> {
    let password = store.password_file.as_deref().map(first_line).transpose();
    let password = password.map_err(|error| config.wrong("store.password-file", &error.to_string()))?;
    PostgresServer::new(store.postgres.reveal(), password.as_ref())
        .map_err(|error| config.wrong("store.postgres", &error.to_string()).into())
}

fn first_line(file: &Path) -> io::Result<Secret> {
    let cannot =
        |error: io::Error| io::Error::new(error.kind(), format!("cannot read {}: {error}", file.display()));
    let mut line = String::new();
    BufReader::new(File::open(file).map_err(cannot)?.take(PASSWORD_LENGTH_MAX))
        .read_line(&mut line)
        .map_err(cannot)?;
    Ok(Secret::from(line.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use net::authority::{Authority, Purpose, Subject};

    use super::*;

    fn config(folder: &Path, store: &str) -> ServiceConfig {
        let file = folder.join("service.toml");
        let text = format!(
            "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
             [provisioning]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n[account]\nid = \"acme\"\nname = \"Acme\"\n\
             domain = \"pbx.example.com\"\nowner = \"me@example.com\"\n[zone]\noutbound-proxy = \"127.0.0.1\"\n{store}"
        );
        std::fs::write(&file, text).unwrap();
        ServiceConfig::read(&file).unwrap()
    }

    async fn opened(config: &ServiceConfig) -> Result<Store, Failure> {
        let state = StateFolder::configured(&config.state);
        state.prepare().unwrap();
        open(config, &state).await
    }

    #[tokio::test]
    async fn a_database_is_opened_with_the_password_of_a_file() {
        let Some(server) = peers::Postgres::start() else {
            return;
        };
        let user = peers::GUARDED_USER;
        let address = server.create_database().replace("postgres@", &format!("{user}@"));
        let role =
            format!("CREATE ROLE {user} LOGIN PASSWORD 'open sesame'; ALTER DATABASE test_0 OWNER TO {user}");
        server.query("test_0", &role);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "open sesame\n").unwrap();
        let section = format!("[store]\npostgres = \"{address}\"\npassword-file = \"password\"\n");

        let store = opened(&config(folder.path(), &section)).await.unwrap();

        let mut reading = store.read().await.unwrap();
        assert_eq!(reading.accounts().await.unwrap(), []);
        assert!(!folder.path().join("state/service.db").exists());
    }

    #[tokio::test]
    async fn a_server_elsewhere_is_spoken_to_over_tls_if_its_authority_is_the_one_named() {
        let Some(mut server) = peers::Postgres::start() else {
            return;
        };
        let [right, wrong] = [(); 2].map(|()| Authority::generate("Databases", SystemTime::now()).unwrap());
        let subject = Subject::Address("127.0.0.1".parse().unwrap());
        let shown = right
            .issue(&[subject], Purpose::Server, SystemTime::now())
            .unwrap();
        server.create_database();
        let port = server.encrypt(&shown.certificate_pem, &shown.key_pem);
        let folder = tempfile::tempdir().unwrap();
        let section = |authority: &Authority, mode: &str| {
            let file = folder.path().join("authority.pem");
            std::fs::write(&file, authority.certificate_pem()).unwrap();
            let file = file.display();
            let query = format!("sslmode={mode}&sslrootcert={file}");
            format!("[store]\npostgres = \"postgres://postgres@127.0.0.1:{port}/test_0?{query}\"\n")
        };

        for (authority, mode, cause) in [
            (&wrong, "verify-full", "invalid peer certificate"),
            (&right, "disable", "no encryption"),
        ] {
            let refused = opened(&config(folder.path(), &section(authority, mode))).await;
            let shown = format!("{:?}", refused.unwrap_err());
            assert!(shown.contains(cause), "{mode}: {shown}");
        }
        let store = opened(&config(folder.path(), &section(&right, "verify-full"))).await;
        let mut reading = store.as_ref().unwrap().read().await.unwrap();
        assert_eq!(reading.accounts().await.unwrap(), []);
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                         WHERE application_name = 'oyez'";
        assert_eq!(server.query("test_0", encrypted), "t");
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_named_and_no_password_repeated() {
        let folder = tempfile::tempdir().unwrap();
        for (section, said) in [
            (
                "[store]\npostgres = \"mysql://a:hunter2@b/c\"\n",
                "service.toml:16: store.postgres: this is no address of a PostgreSQL database",
            ),
            (
                "[store]\npostgres = \"postgres://a:hunter2@b/c\"\npassword-file = \"missing\"\n",
                "service.toml:17: store.password-file: cannot read",
            ),
            (
                "[store]\npostgres = \"postgres://a:hunter2@127.0.0.1:1/c\"\n",
                "127.0.0.1:1/c: the database cannot be used",
            ),
        ] {
            let config = config(folder.path(), section);
            let refused = opened(&config).await.unwrap_err();
            let shown = format!("{refused} {refused:?}");
            assert!(shown.contains(said), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
