//! What became of pages is kept, the last of it, account by account.

use model::status::PageReport;

use super::*;
use crate::{KeptPageReport, PAGE_REPORTS_MAX};

fn report(number: i64) -> PageReport {
    PageReport {
        page: format!("page{number}").parse().unwrap(),
        extension: "700".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        duration_ms: 1_000,
        since_start_ms: None,
        since_end_ms: None,
        listeners: Vec::new(),
    }
}

#[tokio::test]
async fn so_many_reports_are_kept_and_one_more_pushes_the_oldest_out() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in 0..PAGE_REPORTS_MAX {
        scope.add_page_report(NOW, &report(number)).await.unwrap();
    }
    let oldest = scope.page_reports(None, 3_000).await.unwrap().pop().unwrap();
    assert_eq!(oldest.report, report(0));

    scope
        .add_page_report(NOW, &report(PAGE_REPORTS_MAX))
        .await
        .unwrap();

    assert_eq!(scope.page_report(oldest.number).await.unwrap(), None);
    let last = scope.page_reports(None, 2).await.unwrap();
    assert_eq!(last[0].report, report(PAGE_REPORTS_MAX));
    assert_eq!(
        scope.page_report(last[0].number).await.unwrap().as_ref(),
        last.first()
    );
    assert_eq!(
        scope
            .page_report_of(&report(PAGE_REPORTS_MAX).page)
            .await
            .unwrap()
            .as_ref(),
        last.first()
    );
    let before = scope.page_reports(Some(last[1].number), 1).await.unwrap();
    assert_eq!(before[0].report, report(PAGE_REPORTS_MAX - 2));
    let mut other = writing.account(&id("two"));
    assert!(other.page_reports(None, 10).await.unwrap().is_empty());
    assert_eq!(other.page_report(last[0].number).await.unwrap(), None);
    assert_eq!(
        other
            .page_report_of(&report(PAGE_REPORTS_MAX).page)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_report_that_is_told_again_is_kept_once_in_its_account() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    assert!(scope.add_page_report_once(NOW, &report(1)).await.unwrap());
    assert!(!scope.add_page_report_once(NOW, &report(1)).await.unwrap());
    assert!(scope.add_page_report_once(NOW, &report(11)).await.unwrap());
    assert_eq!(scope.page_reports(None, 9).await.unwrap().len(), 2);
    let mut other = writing.account(&id("two"));
    assert!(other.add_page_report_once(NOW, &report(1)).await.unwrap());
}

#[tokio::test]
async fn a_report_says_when_its_page_started_and_ended_if_its_zone_does() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let told = PageReport {
        since_start_ms: Some(9_000),
        since_end_ms: Some(5_000),
        ..report(1)
    };
    let absurd = PageReport {
        since_start_ms: Some(u64::MAX),
        since_end_ms: Some(u64::MAX - 1),
        ..report(2)
    };
    for report in [&told, &absurd, &report(3)] {
        scope.add_page_report(NOW, report).await.unwrap();
    }
    let kept = scope.page_reports(None, 3).await.unwrap();
    let times = |kept: &KeptPageReport| (kept.started_at(), kept.at);
    assert_eq!(times(&kept[0]), (None, NOW));
    assert_eq!(times(&kept[1]), (Some(Timestamp(0)), Timestamp(0)));
    assert_eq!(times(&kept[2]), (Some(Timestamp(991_000)), Timestamp(995_000)));
    assert_eq!(KeptPageReport::made_at(NOW, kept[2].number, told), kept[2]);
}
