//! What a database has to withstand, where the engines differ: a full disk, a server that goes or hangs, a careless default.

use std::time::Duration;

use model::Secret;
use model::inventory::{AuditEntry, Timestamp};
use tempfile::TempDir;

use crate::both_engines::account;
use crate::{OpenError, PostgresServer, Store, StoreError};

async fn on_sqlite() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    (folder, store)
}

/// A server of this test's own, with a store in a database of it.
async fn on_postgres() -> Option<(peers::Postgres, TempDir, Store)> {
    let server = peers::Postgres::start()?;
    let address = PostgresServer::new(&server.create_database(), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_postgres(folder.path(), &address).await.unwrap();
    Some((server, folder, store))
}

async fn add_account(store: &Store, id: &str) -> Result<(), StoreError> {
    let mut writing = store.write().await?;
    writing.add_account(&account(id)).await?;
    writing.commit().await
}

async fn ids(store: &Store) -> Vec<String> {
    let mut reading = store.read().await.unwrap();
    let accounts = reading.accounts().await.unwrap().into_iter();
    accounts.map(|account| account.id.to_string()).collect()
}

#[tokio::test]
async fn sqlite_writes_ahead_and_waits_for_the_disk() {
    let (_folder, store) = on_sqlite().await;
    let mut writing = store.write().await.unwrap();
    for (pragma, said) in [
        ("PRAGMA journal_mode", "Text(\"wal\")"),
        ("PRAGMA synchronous", "Integer(2)"),
        ("PRAGMA foreign_keys", "Integer(1)"),
    ] {
        let row = writing.row(pragma, &[]).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", row.0), format!("[{said}]"), "{pragma}");
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_what_was_kept_stays() {
    let (_folder, store) = on_sqlite().await;
    add_account(&store, "one").await.unwrap();
    let limit = async |sql| {
        let mut writing = store.write().await.unwrap();
        writing.rows(sql, &[]).await.unwrap();
        writing.commit().await.unwrap();
    };
    limit("PRAGMA max_page_count = 1").await;

    let entry = AuditEntry {
        at: Timestamp(1),
        by: "owner@example.com".to_owned(),
        action: "fill the disk".to_owned(),
        detail: "x".repeat(100_000),
    };
    let mut writing = store.write().await.unwrap();
    writing.add_account(&account("two")).await.unwrap();
    let mut scope = writing.account(&account("one").id);
    let refused = scope.add_audit(&entry).await.unwrap_err();
    let not_kept = writing.commit().await.unwrap_err();

    assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
    assert!(matches!(not_kept, StoreError::Incomplete), "{not_kept:?}");
    assert_eq!(ids(&store).await, ["one"]);
    limit("PRAGMA max_page_count = 1000000").await;
    add_account(&store, "two").await.unwrap();
    assert_eq!(ids(&store).await, ["one", "two"]);
}

/// Octets of a disk on which a store has room, and not for much more.
const SMALL_DISK: u64 = 24 * 1024 * 1024;

#[tokio::test]
async fn a_full_disk_of_a_server_is_named_what_was_kept_stays_and_room_mends_it() {
    let Some(server) = peers::Postgres::start_with_small_disk(SMALL_DISK) else {
        return;
    };
    let address = PostgresServer::new(&server.create_database_on_small_disk(), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_postgres(folder.path(), &address).await.unwrap();
    add_account(&store, "one").await.unwrap();
    // Something else on the disk, which grows until there is no room left.
    server.query("test_small", "CREATE TABLE other (octets BYTEA)");
    let fill = "DO $$ BEGIN LOOP INSERT INTO other SELECT decode(string_agg(md5(random()::text), ''), 'hex') \
                FROM generate_series(1, 500); END LOOP; EXCEPTION WHEN disk_full THEN NULL; END $$";
    // What was not kept leaves its room behind; it is found again only when it is looked for.
    server.query("test_small", fill);

    let entry = AuditEntry {
        at: Timestamp(1),
        by: "owner@example.com".to_owned(),
        action: "fill the disk".to_owned(),
        detail: (0..200_000_u32)
            .map(|number| char::from_u32(0x4E00 + number * 7919 % 20_000).unwrap())
            .collect(),
    };
    let mut writing = store.write().await.unwrap();
    writing.add_account(&account("two")).await.unwrap();
    let mut scope = writing.account(&account("one").id);
    let refused = scope.add_audit(&entry).await.unwrap_err();
    let not_kept = writing.commit().await.unwrap_err();

    assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
    assert!(matches!(not_kept, StoreError::Incomplete), "{not_kept:?}");
    assert_eq!(ids(&store).await, ["one"], "what is there can be read");
    server.query("test_small", "DROP TABLE other");
    add_account(&store, "two").await.unwrap();
    let mut writing = store.write().await.unwrap();
    writing
        .account(&account("one").id)
        .add_audit(&entry)
        .await
        .unwrap();
    writing.commit().await.unwrap();
    assert_eq!(ids(&store).await, ["one", "two"]);
}

#[tokio::test]
async fn a_database_that_is_lost_is_named_and_nothing_is_believed_kept() {
    let Some((server, _folder, store)) = on_postgres().await else {
        return;
    };
    add_account(&store, "one").await.unwrap();
    server.query("postgres", "DROP DATABASE test_0 WITH (FORCE)");

    let lost = add_account(&store, "two").await.unwrap_err();
    assert!(matches!(lost, StoreError::Lost(_)), "{lost:?}");
    let lost = store.read().await.unwrap_err();
    assert!(matches!(lost, StoreError::Lost(_)), "{lost:?}");
}

#[tokio::test]
async fn whoever_waits_for_others_too_long_is_told_that_they_are_busy() {
    let (_folder, store) = on_sqlite().await;
    let mut first = store.write().await.unwrap();
    first.add_account(&account("one")).await.unwrap();

    tokio::time::pause();
    let busy = store.write().await.unwrap_err();
    tokio::time::resume();

    assert!(matches!(busy, StoreError::Busy), "{busy:?}");
    first.commit().await.unwrap();
    add_account(&store, "two").await.unwrap();
    assert_eq!(ids(&store).await, ["one", "two"]);
}

#[tokio::test]
async fn a_server_that_has_gone_is_named_and_taken_again_when_it_is_back() {
    let Some((mut server, _folder, store)) = on_postgres().await else {
        return;
    };
    add_account(&store, "one").await.unwrap();
    let mut under_way = store.write().await.unwrap();
    under_way.add_account(&account("two")).await.unwrap();

    server.crash();

    let uncertain = under_way.commit().await.unwrap_err();
    assert!(matches!(uncertain, StoreError::Uncertain(_)), "{uncertain:?}");
    tokio::time::pause();
    let lost = add_account(&store, "three").await.unwrap_err();
    assert!(matches!(lost, StoreError::Lost(_)), "{lost:?}");
    let lost = store.read().await.unwrap_err();
    assert!(matches!(lost, StoreError::Lost(_)), "{lost:?}");
    tokio::time::resume();
    server.start_again();
    add_account(&store, "three").await.unwrap();
    assert_eq!(ids(&store).await, ["one", "three"]);
}

#[tokio::test]
async fn whoever_waits_for_a_turn_while_the_server_is_gone_is_told_of_the_server() {
    let Some((mut server, _folder, store)) = on_postgres().await else {
        return;
    };
    server.crash();

    tokio::time::pause();
    let (first, second, third) = tokio::join!(store.write(), store.write(), store.write());
    tokio::time::resume();

    for told in [first, second, third].map(Result::unwrap_err) {
        assert!(matches!(told, StoreError::Lost(_)), "{told:?}");
    }
    server.start_again();
    add_account(&store, "one").await.unwrap();
    let writing = store.write().await.unwrap();
    tokio::time::pause();
    let busy = store.write().await.unwrap_err();
    assert!(matches!(busy, StoreError::Busy), "{busy:?}");
    drop(writing);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_taken_again_when_it_goes_on() {
    let Some((server, _folder, store)) = on_postgres().await else {
        return;
    };
    add_account(&store, "one").await.unwrap();
    let mut reading = store.read().await.unwrap();

    server.freeze();

    tokio::time::pause();
    let lost = reading.accounts().await.unwrap_err();
    assert!(matches!(lost, StoreError::Lost(_)), "{lost:?}");
    drop(reading);
    let lost = add_account(&store, "two").await.unwrap_err();
    assert!(matches!(lost, StoreError::Lost(_)), "{lost:?}");
    tokio::time::resume();
    server.thaw();
    add_account(&store, "three").await.unwrap();
    assert_eq!(ids(&store).await, ["one", "three"]);
}

#[tokio::test]
async fn a_server_that_acknowledges_early_does_not_do_so_for_the_store() {
    let Some(server) = peers::Postgres::start() else {
        return;
    };
    let address = PostgresServer::new(&server.create_database(), None).unwrap();
    server.query("test_0", "ALTER DATABASE test_0 SET synchronous_commit = off");
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_postgres(folder.path(), &address).await.unwrap();
    let mut writing = store.write().await.unwrap();
    let row = writing
        .row("SHOW synchronous_commit", &[])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(format!("{:?}", row.0), "[Text(\"on\")]");
}

#[tokio::test]
async fn a_server_is_given_the_password_and_a_wrong_one_is_told_nowhere() {
    let Some(server) = peers::Postgres::start() else {
        return;
    };
    let address = server
        .create_database()
        .replace("postgres@", &format!("{}@", peers::GUARDED_USER));
    server.query(
        "test_0",
        &format!(
            "CREATE ROLE {0} LOGIN PASSWORD 'open sesame'; ALTER DATABASE test_0 OWNER TO {0}",
            peers::GUARDED_USER
        ),
    );
    let folder = tempfile::tempdir().unwrap();
    let open = async |password: &str| {
        let server = PostgresServer::new(&address, Some(&Secret::from(password))).unwrap();
        Store::open_postgres(folder.path(), &server).await
    };

    let refused = open("close sesame").await.unwrap_err();

    assert!(matches!(refused, OpenError::Server { .. }), "{refused:?}");
    let said = format!("{refused} {refused:?}");
    assert!(!said.contains("sesame") && said.contains("test_0"), "{said}");
    let store = open("open sesame").await.unwrap();
    assert!(!format!("{store:?}").contains("sesame"));
    add_account(&store, "one").await.unwrap();
}

#[tokio::test]
async fn writers_of_two_services_take_turns() {
    let Some((server, folder, store)) = on_postgres().await else {
        return;
    };
    let address = PostgresServer::new(&server.address("test_0"), None).unwrap();
    let other = Store::open_postgres(folder.path(), &address).await.unwrap();
    let mut first = store.write().await.unwrap();
    first.add_account(&account("one")).await.unwrap();
    let second = tokio::time::timeout(Duration::from_millis(50), other.write()).await;
    assert!(second.is_err(), "the other writes");
    first.commit().await.unwrap();
    let mut second = other.write().await.unwrap();
    assert_eq!(second.accounts().await.unwrap().len(), 1);
    second.add_account(&account("two")).await.unwrap();
    second.commit().await.unwrap();
    assert_eq!(ids(&store).await, ["one", "two"]);
}
