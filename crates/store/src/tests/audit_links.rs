//! What something else does to the audit is seen.

use super::*;
use crate::audit_links::AuditList;
use crate::{AUDIT_MAX, AuditFault, Scope, Store, Transaction};

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
const TAMPERED: [(&[&str], &str); 23] = [
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
    // Inserted: without a link, with that of another, before and after all others, in a list without entries, in no list.
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
    (
        &[
            "INSERT INTO audit (id, account, at, by, action, detail, by_program) VALUES (100, 'one', 1, 'x', 'x', 'x', 3)",
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

/// Rows that fill the list of people of account one past its limit: without links, before and after all others; and with the link of
/// another, at the places of others and of none.
const FILLERS: [&str; 6] = [
    "INSERT INTO audit (account, at, by, action, detail) \
     WITH RECURSIVE one (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < 10001) \
     SELECT 'one', 1, 'filler', 'x', 'x' FROM one",
    "INSERT INTO audit (id, account, at, by, action, detail) \
     WITH RECURSIVE one (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < 10001) \
     SELECT -n, 'one', 1, 'filler', 'x', 'x' FROM one",
    "INSERT INTO audit (id, account, at, by, action, detail) \
     WITH RECURSIVE one (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < 10001) \
     SELECT 1000000000000 + n, 'one', 1, 'filler', 'x', 'x' FROM one",
    "INSERT INTO audit (account, at, by, action, detail, place, link) \
     WITH RECURSIVE one (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < 10001) \
     SELECT 'one', 1, 'filler', 'x', 'x', n, (SELECT link FROM audit WHERE id = 5) FROM one",
    "INSERT INTO audit (id, account, at, by, action, detail, place, link) \
     WITH RECURSIVE one (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < 10001) \
     SELECT -n, 'one', 1, 'filler', 'x', 'x', n, (SELECT link FROM audit WHERE id = 5) FROM one",
    "INSERT INTO audit (id, account, at, by, action, detail, place, link) \
     WITH RECURSIVE one (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < 10001) \
     SELECT 1000000000000 + n, 'one', 1, 'filler', 'x', 'x', 1000000 + n, (SELECT link FROM audit WHERE id = 5) FROM one",
];
const NO_FILLERS: &str = "DELETE FROM audit WHERE by = 'filler'";

#[tokio::test]
async fn w08_rows_that_fill_a_list_push_nothing_out_and_are_found_while_they_are_there() {
    let (_place, store) = opened!();
    kept(&store).await;
    for fillers in FILLERS {
        // What is done is not committed.
        let mut writing = store.write().await.unwrap();
        let filled = writing.execute(fillers, &[]).await.unwrap();
        assert_eq!(i64::try_from(filled).unwrap(), AUDIT_MAX + 1);

        let mut scope = writing.account(&id("one"));
        scope.add_audit(&entry(9)).await.unwrap();

        let verified = scope.verify_audit().await.unwrap();
        assert!(verified.fault.is_some(), "{fillers}");
        assert_eq!(writing.execute(NO_FILLERS, &[]).await.unwrap(), filled);
        assert_eq!(fits(&mut writing.account(&id("one"))).await, 9, "{fillers}");
    }
}

/// Adds entries to the list of people of account one, from one number to another.
async fn add(writing: &mut Transaction<'_>, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers {
        let entry = entry(u64::try_from(number).unwrap());
        writing.account(&id("one")).add_audit(&entry).await.unwrap();
    }
}

/// Adds entries as [`add`] does, a part at a time: a server walks past all that a transaction has made of a row to come to the last.
async fn fill(store: &Store, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers.clone().step_by(200) {
        let mut writing = store.write().await.unwrap();
        add(&mut writing, number..=*numbers.end().min(&(number + 199))).await;
        writing.commit().await.unwrap();
    }
}

/// How many rows the list of people of account one has.
async fn rows(writing: &mut Transaction<'_>) -> i64 {
    let sql = "SELECT id FROM audit WHERE account = 'one' AND by_program = 0";
    i64::try_from(writing.rows(sql, &[]).await.unwrap().len()).unwrap()
}

#[tokio::test]
async fn w08_a_full_list_loses_its_oldest_entry_where_that_fits_and_otherwise_stays_one_that_does_not_fit() {
    let (place, store) = opened!();
    fill(&store, 1..=AUDIT_MAX).await;
    let (max, next) = (AUDIT_MAX, AUDIT_MAX + 1);
    let filler = "INSERT INTO audit (id, account, at, by, action, detail, place, link) \
                  SELECT -1, account, at, 'filler', action, detail, place, link FROM audit WHERE id = 1";
    let cases: [(&[&'static str], &[&'static str], _, _); 6] = [
        (&[], &[], max, "nothing"),
        (&[FILLERS[0]], &[NO_FILLERS], max, "nothing"),
        (&[FILLERS[3]], &[NO_FILLERS], max, "nothing"),
        (
            &["UPDATE audit SET detail = 'x' WHERE id = 1"],
            &[],
            next,
            "entry 1",
        ),
        (&["DELETE FROM audit WHERE id = 1"], &[], max, "entry 3"),
        // What was put in its place is not taken for it, and is not forgotten once it is gone.
        (&[filler], &[NO_FILLERS], next, "entry 3"),
    ];
    for (before, after, count, expected) in cases {
        // What is done is not committed.
        let mut writing = store.write().await.unwrap();
        for sql in before {
            writing.execute(sql, &[]).await.unwrap();
        }

        add(&mut writing, next..=next + 1).await;

        for sql in after {
            writing.execute(sql, &[]).await.unwrap();
        }
        assert_eq!(rows(&mut writing).await, count, "{before:?}");
        let verified = writing.account(&id("one")).verify_audit().await.unwrap();
        assert_eq!(named(verified.fault.as_ref()), expected, "{before:?}");
        let is_whole = verified.entries == u64::try_from(max).unwrap();
        assert_eq!(is_whole, expected == "nothing", "{before:?}");
    }
    let mut writing = store.write().await.unwrap();
    writing
        .execute("DELETE FROM audit_bounds WHERE account = 'one'", &[])
        .await
        .unwrap();
    // Without bounds as many go as come, the oldest first.
    add(&mut writing, next..=next).await;
    assert_eq!(rows(&mut writing).await, max);
    let first = writing.rows("SELECT id FROM audit WHERE id = 1", &[]).await;
    assert_eq!(first.unwrap().len(), 0);
    let unlinked = "UPDATE audit SET place = NULL, link = NULL WHERE id > 2";
    writing.execute(unlinked, &[]).await.unwrap();
    writing.commit().await.unwrap();
    drop(store);
    // So they do where no end is known either, of those that have no link.
    let store = place.open().await.unwrap();
    let mut writing = store.write().await.unwrap();
    for expected in [max + 1, max + 1] {
        add(&mut writing, next..=next).await;
        assert_eq!(rows(&mut writing).await, expected);
    }
    let first = writing.rows("SELECT id FROM audit WHERE id = 2", &[]).await;
    assert_eq!(first.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_kept_before_there_were_links_goes_once_as_many_have_come_after_it_as_a_list_holds() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    writing
        .execute("DELETE FROM audit_bounds WHERE account = 'one'", &[])
        .await
        .unwrap();
    add(&mut writing, 1..=2).await;
    let lists = AuditList::ALL;
    writing.account(&id("one")).begin_audit(&lists).await.unwrap();
    writing.commit().await.unwrap();

    let mut first = 1;
    for (last, unlinked) in [(AUDIT_MAX - 1, 2), (AUDIT_MAX, 0)] {
        fill(&store, first..=last).await;

        let mut reading = store.read().await.unwrap();
        let verified = reading.account(&id("one")).verify_audit().await.unwrap();
        assert_eq!((verified.fault, verified.unlinked), (None, unlinked));
        assert_eq!(i64::try_from(verified.entries).unwrap(), last);
        first = last + 1;
    }
}

#[tokio::test]
async fn w08_an_earlier_state_that_is_put_back_with_its_bounds_is_found_by_the_process_that_knows_a_later_one()
 {
    for is_written_by_another in [false, true] {
        let (place, mut store) = opened!();
        kept(&store).await;
        let mut writing = store.write().await.unwrap();
        let copy = "CREATE TABLE earlier AS SELECT * FROM audit_bounds";
        writing.execute(copy, &[]).await.unwrap();
        add(&mut writing, 9..=10).await;
        writing.commit().await.unwrap();
        if is_written_by_another {
            drop(store);
            store = place.open().await.unwrap();
        }
        // What was not committed is not missed.
        add(&mut store.write().await.unwrap(), 11..=11).await;
        assert_eq!(found_after(&store, &[]).await, None);

        let mut writing = store.write().await.unwrap();
        for sql in [
            "DELETE FROM audit WHERE id > 8",
            "DELETE FROM audit_bounds",
            "INSERT INTO audit_bounds SELECT * FROM earlier",
        ] {
            writing.execute(sql, &[]).await.unwrap();
        }
        writing.commit().await.unwrap();

        let found = found_after(&store, &[]).await;
        assert_eq!(named(found.as_ref()), "2 missing of People");
        // Nor is it forgotten once as many have come, or when the process has ended.
        let mut writing = store.write().await.unwrap();
        add(&mut writing, 12..=14).await;
        writing.commit().await.unwrap();
        for _ in 0..2 {
            let found = found_after(&store, &[]).await;
            let Some(AuditFault::Entry { entry: found, .. }) = found else {
                panic!("{found:?}");
            };
            assert_eq!(found, entry(12));
            drop(store);
            store = place.open().await.unwrap();
        }
    }
}

#[tokio::test]
async fn w08_what_is_kept_while_the_bounds_are_away_is_missed_once_it_is_removed_and_they_are_back() {
    for away in [
        "DELETE FROM audit_bounds",
        "UPDATE audit_bounds SET last = last + 1",
    ] {
        let (_place, store) = opened!();
        kept(&store).await;
        let run = async |statements: &[&'static str]| {
            let mut writing = store.write().await.unwrap();
            for sql in statements {
                writing.execute(sql, &[]).await.unwrap();
            }
            writing.commit().await.unwrap();
        };
        run(&["CREATE TABLE earlier AS SELECT * FROM audit_bounds", away]).await;
        // In one transaction, and in another.
        for numbers in [9..=10, 11..=11] {
            let mut writing = store.write().await.unwrap();
            add(&mut writing, numbers).await;
            writing.commit().await.unwrap();
        }
        let found = found_after(&store, &[]).await;
        assert_eq!(named(found.as_ref()), "bounds of People", "{away}");
        run(&[
            "DELETE FROM audit_bounds",
            "INSERT INTO audit_bounds SELECT * FROM earlier",
        ])
        .await;
        assert_eq!(found_after(&store, &[]).await, None, "all is there: {away}");

        run(&["DELETE FROM audit WHERE id > 8"]).await;

        let found = found_after(&store, &[]).await;
        assert_eq!(named(found.as_ref()), "3 missing of People", "{away}");
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
