//! The audit, page by page, by list and by day.

use model::inventory::AuditEntry;

use super::*;

const DAY_MS: u64 = 24 * 3_600_000;

fn entry(at: u64, number: u64) -> AuditEntry {
    AuditEntry {
        at: Timestamp(at),
        by: "somebody@one.example".to_owned(),
        action: "add common area".to_owned(),
        detail: format!("Hall {number:03}."),
    }
}

#[tokio::test]
async fn everything_that_is_kept_can_be_reached_page_by_page() {
    let visit = Visit::of(Role::Viewer).await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    for number in 0..201 {
        scope.add_audit(&entry(number, number)).await.unwrap();
    }
    writing.commit().await.unwrap();

    let first = visit.get("/audit").await.text;

    assert!(first.contains("201 entries."), "{first}");
    assert!(first.contains("Hall 200.") && first.contains("Hall 001."));
    assert!(!first.contains("Hall 000.") && !first.contains("Latest"));
    let (rest, _) = first.split_once("\">Older</a>").unwrap();
    let (_, path) = rest.rsplit_once("href=\"").unwrap();
    let older = visit
        .get(&path.replace("&#38;", "&").replace("&amp;", "&"))
        .await
        .text;
    assert!(
        older.contains("Hall 000.") && !older.contains("Hall 001."),
        "{older}"
    );
    assert!(older.contains("Latest") && !older.contains("Older"), "{older}");
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    scope.add_alarm(&entry(0, 999), None).await.unwrap();
    writing.commit().await.unwrap();
    let people = visit.get("/audit?list=people").await.text;
    assert!(
        people.contains("201 entries.") && !people.contains("Hall 999."),
        "{people}"
    );
}

#[tokio::test]
async fn the_audit_is_narrowed_to_a_list_and_to_a_day_of_whoever_looks() {
    let visit = Visit::of(Role::Viewer).await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let last = DAY_MS * 2 - 1;
    scope.add_audit(&entry(DAY_MS, 1)).await.unwrap();
    scope.add_audit_of_program(&entry(last, 2)).await.unwrap();
    scope.add_alarm(&entry(last + 1, 3), None).await.unwrap();
    writing.commit().await.unwrap();
    for (asked, told, whose) in [
        ("", vec![1, 2, 3], ""),
        ("list=people", vec![1], ""),
        ("list=programs", vec![2], ""),
        ("list=alarms", vec![3], ""),
        (
            "list=&day=1970-01-02&begins=&ends=",
            vec![1, 2],
            "1970-01-02 in UTC",
        ),
        (
            "list=&day=1970-01-02&begins=60&ends=60",
            vec![2, 3],
            "1970-01-02 in your time zone",
        ),
        ("list=people&day=1970-01-03", vec![], "of that day in UTC"),
    ] {
        let page = visit.get(&format!("/audit?{asked}")).await;

        assert_eq!(page.status, StatusCode::OK);
        for number in 1..=3 {
            let is_told = page.text.contains(&format!("Hall {number:03}."));
            assert_eq!(is_told, told.contains(&number), "{asked}: {}", page.text);
        }
        assert!(page.text.contains(whose), "{asked}: {}", page.text);
    }
    let wrong = visit.get("/audit?day=yesterday").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text.contains("one such as 2026-08-31 would be right"),
        "{}",
        wrong.text
    );
}
