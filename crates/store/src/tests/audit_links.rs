//! What something else does to the audit is seen.

use super::*;
use crate::{AuditFault, Scope, Store};

/// What people and programs do in account one, with the ids that it gets: 1 to 5, and 6 to 8.
async fn kept(store: &Store) {
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in 1..=5 {
        scope.add_audit(&entry(number)).await.unwrap();
    }
    for number in 6..=8 {
        scope.add_audit_of_program(&entry(number)).await.unwrap();
    }
    writing.commit().await.unwrap();
}

fn entry(number: u64) -> AuditEntry {
    AuditEntry {
        at: NOW.after_seconds(number),
        by: "owner@example.com".to_owned(),
        action: "add device".to_owned(),
        detail: format!("Hall {number}"),
    }
}

/// Does something to the database itself, and says what is found in account one.
async fn found_after(store: &Store, statements: &[&'static str]) -> Option<AuditFault> {
    let mut writing = store.write().await.unwrap();
    for sql in statements {
        assert!(writing.execute(sql, &[]).await.unwrap() > 0, "{sql}");
    }
    let verified = writing.account(&id("one")).verify_audit().await.unwrap();
    verified.fault
}

/// A short name of what was found.
fn named(fault: Option<&AuditFault>) -> String {
    match fault {
        None => "nothing".to_owned(),
        Some(AuditFault::Entry { id, .. }) => format!("entry {id}"),
        Some(AuditFault::End { list, missing }) => format!("{missing} missing of {list:?}"),
        Some(AuditFault::Bounds(list)) => format!("bounds of {list:?}"),
    }
}

/// Says of how many entries of an account all fit.
pub(super) async fn fits(scope: &mut Scope<'_, '_>) -> usize {
    let verified = scope.verify_audit().await.unwrap();
    assert_eq!((verified.fault, verified.unlinked), (None, 0));
    usize::try_from(verified.entries).unwrap()
}

#[tokio::test]
async fn what_was_kept_and_left_alone_fits() {
    let (place, store) = opened!();
    kept(&store).await;
    drop(store);
    let store = place.open().await.unwrap();

    let mut reading = store.read().await.unwrap();

    let verified = reading.account(&id("one")).verify_audit().await.unwrap();
    assert_eq!((verified.entries, verified.fault), (8, None));
    assert_eq!(verified.since, Some(NOW.after_seconds(1)));
    let verified = reading.account(&id("two")).verify_audit().await.unwrap();
    assert_eq!(
        (verified.entries, verified.since, verified.fault),
        (0, None, None)
    );
}

/// What somebody does in the database, and the first thing that does not fit then.
const TAMPERED: [(&[&str], &str); 22] = [
    // Altered.
    (&["UPDATE audit SET detail = 'Hall 9' WHERE id = 3"], "entry 3"),
    (&["UPDATE audit SET by = 'another' WHERE id = 1"], "entry 1"),
    (&["UPDATE audit SET action = 'x' WHERE id = 5"], "entry 5"),
    (&["UPDATE audit SET at = at + 1 WHERE id = 7"], "entry 7"),
    (
        &["UPDATE audit SET by = 'owner@example.coma', action = 'dd device' WHERE id = 3"],
        "entry 3",
    ),
    // Altered, and as if it were of before there were links.
    (
        &["UPDATE audit SET detail = 'x', place = NULL, link = NULL WHERE id = 1"],
        "entry 1",
    ),
    // Removed.
    (&["DELETE FROM audit WHERE id = 3"], "entry 4"),
    (&["DELETE FROM audit WHERE id = 1"], "entry 2"),
    // Inserted: without a link, with that of another, before and after all others, in no list.
    (
        &["INSERT INTO audit (id, account, at, by, action, detail) VALUES (100, 'one', 1, 'x', 'x', 'x')"],
        "entry 100",
    ),
    (
        &["INSERT INTO audit (id, account, at, by, action, detail) VALUES (-1, 'one', 1, 'x', 'x', 'x')"],
        "entry -1",
    ),
    (
        &[
            "INSERT INTO audit (id, account, at, by, action, detail, place, link) \
           SELECT 100, account, at, by, action, detail, place, link FROM audit WHERE id = 5",
        ],
        "entry 100",
    ),
    (
        &[
            "INSERT INTO audit (id, account, at, by, action, detail, place, link) \
           SELECT 100, account, at, by, action, detail, place + 1, link FROM audit WHERE id = 5",
        ],
        "entry 100",
    ),
    (
        &[
            "INSERT INTO audit (id, account, at, by, action, detail, by_program) VALUES (100, 'one', 1, 'x', 'x', 'x', 2)",
        ],
        "entry 100",
    ),
    // Reordered.
    (
        &[
            "UPDATE audit SET id = 100 WHERE id = 2",
            "UPDATE audit SET id = 2 WHERE id = 3",
            "UPDATE audit SET id = 3 WHERE id = 100",
        ],
        "entry 2",
    ),
    // Moved into the other list, and to another account.
    (
        &["UPDATE audit SET by_program = 1 WHERE id = 5"],
        "1 missing of People",
    ),
    (
        &["UPDATE audit SET account = 'two' WHERE id = 8"],
        "1 missing of Programs",
    ),
    // Cut off.
    (&["DELETE FROM audit WHERE id = 5"], "1 missing of People"),
    (&["DELETE FROM audit WHERE id IN (7, 8)"], "2 missing of Programs"),
    (&["DELETE FROM audit"], "5 missing of People"),
    // Cut off, with the bounds after it.
    (
        &[
            "DELETE FROM audit WHERE id = 5",
            "UPDATE audit_bounds SET last = 4, last_link = (SELECT link FROM audit WHERE id = 4) WHERE by_program = 0 AND account = 'one'",
        ],
        "bounds of People",
    ),
    // The beginning cut off, as if it had been pruned.
    (
        &[
            "UPDATE audit_bounds SET pruned = 1, pruned_link = (SELECT link FROM audit WHERE id = 1) WHERE by_program = 0 AND account = 'one'",
            "DELETE FROM audit WHERE id = 1",
        ],
        "bounds of People",
    ),
    (
        &["DELETE FROM audit", "DELETE FROM audit_bounds"],
        "bounds of People",
    ),
];

#[tokio::test]
async fn w08_what_was_altered_removed_inserted_reordered_or_cut_off_is_found() {
    let (_place, store) = opened!();
    kept(&store).await;
    let mut wrong = Vec::new();
    for (statements, expected) in TAMPERED {
        // What was done is not committed.
        let found = named(found_after(&store, statements).await.as_ref());
        if found != expected {
            wrong.push((statements, expected, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(found_after(&store, &[]).await, None);
}

#[tokio::test]
async fn w08_what_is_kept_afterwards_heals_nothing() {
    let cases = [
        ("DELETE FROM audit WHERE id = 5", "entry 9"),
        ("DELETE FROM audit_bounds", "bounds of People"),
        ("UPDATE audit_bounds SET last = 1", "bounds of People"),
        ("UPDATE audit SET detail = 'x' WHERE id = 5", "entry 5"),
    ];
    for (sql, expected) in cases {
        let (_place, store) = opened!();
        kept(&store).await;
        let mut writing = store.write().await.unwrap();
        writing.execute(sql, &[]).await.unwrap();
        let mut scope = writing.account(&id("one"));

        scope.add_audit(&entry(9)).await.unwrap();

        let verified = scope.verify_audit().await.unwrap();
        assert_eq!(named(verified.fault.as_ref()), expected, "{sql}");
        assert_eq!(scope.audit(1).await.unwrap(), [entry(9)]);
    }
}

#[tokio::test]
async fn w08_another_key_makes_no_links() {
    let (place, store) = opened!();
    kept(&store).await;
    drop(store);
    std::fs::write(place.path().join("service.key"), [9; 32]).unwrap();

    let store = place.open().await.unwrap();

    assert_eq!(named(found_after(&store, &[]).await.as_ref()), "bounds of People");
}
