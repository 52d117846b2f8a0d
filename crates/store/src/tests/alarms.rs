//! Alarms stand until they are dismissed.

use super::audit_links::fits;
use super::*;
use crate::{AuditFault, Scope, StandingAlarm, Store};

/// All of the time.
const EVER: std::ops::RangeInclusive<Timestamp> = Timestamp(0)..=NOW;
const GUESSED: &str = "see many wrong passwords";
const HELD: &str = "hold device";

fn alarm(action: &str, at: u64) -> AuditEntry {
    AuditEntry {
        at: Timestamp(at),
        by: "portal".to_owned(),
        action: action.to_owned(),
        detail: format!("last from 192.0.2.{at}"),
    }
}

/// Raises one alarm of a device and then some of guesses in account one.
async fn raised(store: &Store, guesses: u64) {
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope
        .add_alarm(&alarm(HELD, 1), Some(&device(1).id))
        .await
        .unwrap();
    for number in 1..=guesses {
        scope.add_alarm(&alarm(GUESSED, 1 + number), None).await.unwrap();
    }
    writing.commit().await.unwrap();
}

async fn standing(scope: &mut Scope<'_, '_>, of_kind_max: u32) -> Vec<StandingAlarm> {
    scope.standing_alarms(EVER, of_kind_max).await.unwrap()
}

#[tokio::test]
async fn so_many_alarms_of_a_kind_are_listed_and_not_one_more_with_how_many_stand() {
    let (_place, store) = opened!();
    raised(&store, 3).await;
    let mut reading = store.read().await.unwrap();
    for (of_kind_max, expected) in [(3, vec![4, 3, 2, 1]), (2, vec![4, 3, 1])] {
        let listed = standing(&mut reading.account(&id("one")), of_kind_max).await;
        let moments: Vec<u64> = listed.iter().map(|alarm| alarm.entry.at.0).collect();
        assert_eq!(moments, expected);
        let (first, last) = (&listed[0], listed.last().unwrap());
        assert_eq!((first.of_kind, &first.device), (3, &None));
        assert_eq!((last.of_kind, &last.device), (1, &Some(device(1).id)));
    }
    assert_eq!(standing(&mut reading.account(&id("two")), 3).await, []);
    let mut scope = reading.account(&id("one"));
    let later = scope.standing_alarms(Timestamp(3)..=NOW, 9).await.unwrap();
    assert_eq!(later.len(), 2);
}

#[tokio::test]
async fn an_alarm_whose_device_cannot_be_read_hides_no_other() {
    let (_place, store) = opened!();
    raised(&store, 2).await;
    let mut writing = store.write().await.unwrap();
    let sql = "UPDATE audit SET device = 'a b' WHERE device IS NOT NULL";
    assert_eq!(writing.execute(sql, &[]).await.unwrap(), 1);

    let listed = standing(&mut writing.account(&id("one")), 9).await;

    let told: Vec<_> = listed
        .iter()
        .map(|alarm| (alarm.entry.at.0, &alarm.device))
        .collect();
    assert_eq!(told, [(3, &None), (2, &None), (1, &None)]);
}

#[tokio::test]
async fn a_dismissed_alarm_stands_no_more_and_in_the_audit_as_before() {
    let (_place, store) = opened!();
    raised(&store, 3).await;
    let mut writing = store.write().await.unwrap();
    let before = writing.account(&id("one")).audit(9).await.unwrap();
    let numbers: Vec<i64> = standing(&mut writing.account(&id("one")), 9)
        .await
        .iter()
        .map(|alarm| alarm.number)
        .collect();
    let [newest, middle, ..] = numbers[..] else {
        panic!("{numbers:?}")
    };
    let another = writing
        .account(&id("two"))
        .dismiss_alarms(GUESSED, i64::MIN..=newest, EVER)
        .await;
    assert_eq!(another.unwrap(), [], "another account's");
    let mut scope = writing.account(&id("one"));

    let alone = scope
        .dismiss_alarms(GUESSED, newest..=newest, EVER)
        .await
        .unwrap();
    assert_eq!(alone, [alarm(GUESSED, 4)]);
    let again = scope.dismiss_alarms(GUESSED, newest..=newest, EVER).await;
    assert_eq!(again.unwrap(), [], "once");
    let late = scope
        .dismiss_alarms(GUESSED, i64::MIN..=middle, Timestamp(3)..=NOW)
        .await;
    assert_eq!(
        late.unwrap(),
        [alarm(GUESSED, 3)],
        "those of the time that was asked for"
    );
    let rest = scope.dismiss_alarms(GUESSED, i64::MIN..=newest, EVER).await;
    assert_eq!(rest.unwrap(), [alarm(GUESSED, 2)]);

    let standing = standing(&mut scope, 9).await;
    assert_eq!(standing.len(), 1, "{standing:?}");
    assert_eq!(standing[0].entry, alarm(HELD, 1));
    assert_eq!(scope.alarm(newest).await.unwrap(), Some(alarm(GUESSED, 4)));
    assert_eq!(scope.audit(9).await.unwrap(), before);
    assert_eq!(fits(&mut scope).await, 4);
    assert_eq!(
        writing.account(&id("two")).alarm(newest).await.unwrap(),
        None,
        "another account's"
    );
}

#[tokio::test]
async fn w08_an_alarm_that_something_else_dismisses_or_leads_elsewhere_is_found() {
    let (_place, store) = opened!();
    raised(&store, 2).await;
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let numbers: Vec<i64> = standing(&mut scope, 9)
        .await
        .iter()
        .map(|alarm| alarm.number)
        .collect();
    let [newest, middle, of_device] = numbers[..] else {
        panic!("{numbers:?}")
    };
    scope
        .dismiss_alarms(GUESSED, newest..=newest, EVER)
        .await
        .unwrap();
    writing.commit().await.unwrap();
    for (sql, of) in [
        ("UPDATE audit SET dismissed = link WHERE id = $1", middle),
        (
            "UPDATE audit SET dismissed = (SELECT dismissed FROM audit WHERE dismissed IS NOT NULL) WHERE id = $1",
            middle,
        ),
        (
            "UPDATE audit SET device = '00000000000000000000000000000009' WHERE id = $1",
            of_device,
        ),
        ("UPDATE audit SET device = NULL WHERE id = $1", of_device),
        ("UPDATE audit SET device = 'x' WHERE id = $1", newest),
    ] {
        // What is done is not committed.
        let mut writing = store.write().await.unwrap();
        assert_eq!(writing.execute(sql, &[of.into()]).await.unwrap(), 1);

        let verified = writing.account(&id("one")).verify_audit().await.unwrap();

        let is_found = matches!(verified.fault, Some(AuditFault::Entry { id, .. }) if id == of);
        assert!(is_found, "{sql}: {:?}", verified.fault);
    }
}
