//! What became of pages is kept, the last of it, account by account.

use std::time::{Duration, Instant};

use model::status::{HeardBy, ListenerReport, NotHeardReason, PageReport, Verdict};

use super::*;
use crate::{
    FoundPageReports, KeptPageReport, LISTENERS_LOOKED_AT_MAX, PAGE_REPORTS_MAX, PageReportFilter,
    REPORTS_LOOKED_AT_MAX, SEARCH_TEXT_MAX, Scope, Transaction,
};

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

fn listener(user: &str, name: &str, is_heard: bool) -> ListenerReport {
    let why = NotHeardReason::Muted;
    ListenerReport {
        user: user.parse().unwrap(),
        name: name.to_owned(),
        verdict: if is_heard {
            Verdict::Heard
        } else {
            Verdict::NotHeard { why }
        },
        first_audio_ms: None,
        receipt: None,
        devices: 1,
        heard_devices: 0,
    }
}

fn searching(text: &str) -> PageReportFilter {
    PageReportFilter {
        text: text.to_owned(),
        ..PageReportFilter::default()
    }
}

async fn found(scope: &mut Scope<'_, '_>, filter: &PageReportFilter) -> Vec<String> {
    let found = scope.find_page_reports(filter, None, 9).await.unwrap();
    assert_eq!((found.next, found.is_cut), (None, false));
    pages(&found)
}

fn pages(found: &FoundPageReports) -> Vec<String> {
    let reports = found.reports.iter();
    reports.map(|kept| kept.report.page.to_string()).collect()
}

#[tokio::test]
async fn reports_are_found_by_number_and_by_names_of_talker_target_and_listeners() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let yard = Holder {
        name: name("Yard"),
        ..holder(702)
    };
    scope.add_holder(&yard).await.unwrap();
    scope.add_device(&device(1)).await.unwrap();
    let of_yard = line(&device(1), &yard);
    scope.add_line(&of_yard).await.unwrap();
    let everywhere = PageGroup {
        id: GroupId::from_random(1),
        name: name("Everywhere"),
        extension: "700".parse().unwrap(),
        urgency: Urgency::Normal,
        pagers: Pagers::Everybody,
        members: Vec::new(),
    };
    scope.add_group(&everywhere).await.unwrap();
    let user = of_yard.user.as_str();
    let to_group = PageReport {
        listeners: vec![listener("gate", "Gate 5", true)],
        ..report(1)
    };
    let by_yard = PageReport {
        extension: "1702".parse().unwrap(),
        talker: user.parse().unwrap(),
        ..report(2)
    };
    let heard_there = PageReport {
        extension: "703".parse().unwrap(),
        talker: "portal-1".parse().unwrap(),
        listeners: vec![listener(user, "as it was called then", true)],
        ..report(3)
    };
    for report in [&to_group, &by_yard, &heard_there] {
        scope.add_page_report(NOW, report).await.unwrap();
    }
    let mut other = writing.account(&id("two"));
    other.add_page_report(NOW, &to_group).await.unwrap();

    let mut scope = writing.account(&id("one"));
    let cases: [(&str, &[&str]); 15] = [
        ("  ", &["page3", "page2", "page1"]),
        ("everyWHERE", &["page1"]),
        ("70", &["page3", "page2", "page1"]),
        ("700", &["page1"]),
        ("0", &[]),
        ("yard", &["page3", "page2"]),
        ("702", &["page3", "page2"]),
        ("loudspeaker", &["page3", "page2"]),
        ("gate", &["page1"]),
        ("5", &["page1"]),
        ("called then", &["page3"]),
        ("DESK", &["page1"]),
        ("8360", &[]),
        ("%", &[]),
        ("nowhere\0", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(found(&mut scope, &searching(text)).await, expected, "{text:?}");
    }
    let by_portal = PageReportFilter {
        talkers: Some("portal-"),
        are_talkers_meant: true,
        ..searching("gate")
    };
    assert_eq!(found(&mut scope, &by_portal).await, ["page3", "page1"]);
    let by_others = PageReportFilter {
        talkers: Some("portal-"),
        ..searching("port")
    };
    assert_eq!(found(&mut scope, &by_others).await, [""; 0]);
    let longest = "n".repeat(SEARCH_TEXT_MAX);
    let long = PageReport {
        listeners: vec![listener("gate", &format!("{longest}n"), true)],
        ..report(4)
    };
    scope.add_page_report(NOW, &long).await.unwrap();
    assert_eq!(found(&mut scope, &searching(&longest)).await, ["page4"]);
    let longer = searching(&format!("{longest}n"));
    assert_eq!(found(&mut scope, &longer).await, [""; 0]);
}

#[tokio::test]
async fn reports_are_narrowed_by_who_heard_and_by_when_the_page_ended() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let heard = [
        (1, vec![true, true]),
        (2, vec![true, false]),
        (3, vec![false]),
        (4, vec![]),
    ];
    for (number, heard) in heard {
        let listeners = heard.into_iter().map(|heard| listener("hall", "Hall", heard));
        let report = PageReport {
            listeners: listeners.collect(),
            ..report(number)
        };
        let at = Timestamp(u64::try_from(number).unwrap() * 1_000);
        scope.add_page_report(at, &report).await.unwrap();
    }
    for (by, expected) in [
        (HeardBy::Everybody, ["page1"].as_slice()),
        (HeardBy::Some, &["page2"]),
        (HeardBy::Nobody, &["page4", "page3"]),
    ] {
        let filter = PageReportFilter {
            heard_by: Some(by),
            ..PageReportFilter::default()
        };
        assert_eq!(found(&mut scope, &filter).await, expected, "{by:?}");
    }
    let within = PageReportFilter {
        ended: Timestamp(2_000)..Timestamp(4_000),
        ..PageReportFilter::default()
    };
    assert_eq!(found(&mut scope, &within).await, ["page3", "page2"]);
    let first = scope.find_page_reports(&within, None, 1).await.unwrap();
    assert_eq!(pages(&first), ["page3"]);
    let second = scope.find_page_reports(&within, first.next, 1).await.unwrap();
    assert_eq!((pages(&second), second.next), (vec!["page2".to_owned()], None));
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

/// Keeps so many reports alike, past the most that are kept otherwise.
async fn fill(writing: &mut Transaction<'_>, count: usize, report: &PageReport) {
    let text = serde_json::to_string(report).unwrap();
    let sql = "INSERT INTO page_report (account, at, report) VALUES ('one', 0, $1)";
    for _ in 0..count {
        writing.execute(sql, &[text.as_str().into()]).await.unwrap();
    }
}

#[tokio::test]
async fn a_search_looks_at_so_many_reports_and_says_where_it_goes_on() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let wanted = PageReport {
        extension: "1".parse().unwrap(),
        ..report(1)
    };
    fill(&mut writing, 1, &wanted).await;
    fill(&mut writing, REPORTS_LOOKED_AT_MAX - 1, &report(2)).await;
    let mut scope = writing.account(&id("one"));
    assert_eq!(found(&mut scope, &searching("1")).await, ["page1"]);

    fill(&mut writing, 1, &report(2)).await;

    let mut scope = writing.account(&id("one"));
    let first = scope.find_page_reports(&searching("1"), None, 9).await.unwrap();
    assert!(first.reports.is_empty() && first.is_cut);
    let rest = scope
        .find_page_reports(&searching("1"), first.next, 9)
        .await
        .unwrap();
    assert_eq!(
        (pages(&rest), rest.next, rest.is_cut),
        (vec!["page1".to_owned()], None, false)
    );
}

#[tokio::test]
async fn a_search_looks_at_reports_of_so_many_listeners_and_says_where_it_goes_on() {
    let (_folder, store) = opened!();
    let many = PageReport {
        listeners: vec![listener("hall", "Hall", true); LISTENERS_LOOKED_AT_MAX / 100],
        ..report(2)
    };
    let fewer = PageReport {
        listeners: many.listeners[1..].to_vec(),
        ..report(2)
    };
    for (last, is_cut) in [(fewer, false), (many.clone(), true)] {
        let mut writing = store.write().await.unwrap();
        fill(&mut writing, 1, &report(1)).await;
        fill(&mut writing, 99, &many).await;
        fill(&mut writing, 1, &last).await;
        let mut scope = writing.account(&id("one"));
        let filter = searching("700");
        let nobody = PageReportFilter {
            heard_by: Some(HeardBy::Nobody),
            ..filter
        };
        let found = scope.find_page_reports(&nobody, None, 9).await.unwrap();
        assert_eq!((found.reports.is_empty(), found.is_cut), (is_cut, is_cut));
    }
}

#[tokio::test]
async fn names_are_told_of_more_numbers_and_users_than_one_statement_takes() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let hall = holder(701);
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&device(1)).await.unwrap();
    let line = line(&device(1), &hall);
    scope.add_line(&line).await.unwrap();
    let numbers = (500..=701).map(|number| number.to_string().parse().unwrap());
    let numbers = scope.names_of_numbers(&numbers.collect()).await.unwrap();
    assert_eq!(numbers, [("701".parse().unwrap(), "Hall".to_owned())].into());
    let strangers = (0..201).map(|number| format!("u{number}").parse().unwrap());
    let users = strangers.chain([line.user.clone()]).collect();
    let named = scope.named_users(&users).await.unwrap();
    let one = &named[&line.user];
    assert_eq!((named.len(), one.holder.as_str()), (1, "Hall"));
    assert_eq!((one.extension.as_str(), &one.device), ("701", &device(1).id));
    assert_eq!(
        (one.device_name.as_str(), one.place),
        ("Hall loudspeaker", line.place)
    );
    let mut other = writing.account(&id("two"));
    assert!(other.named_users(&users).await.unwrap().is_empty());
}

/// Says how long a page of the list takes where there is much. `cargo test --release -p store -- --ignored --nocapture much`.
#[tokio::test]
#[ignore = "measures; it asserts nothing about time"]
async fn reports_of_much() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let listeners = (0..20).map(|number| listener(&format!("u{number}"), &format!("Hall {number}"), true));
    let report = PageReport {
        listeners: listeners.collect(),
        ..report(1)
    };
    fill(&mut writing, 100_000, &report).await;
    writing.commit().await.unwrap();
    let mut reading = store.read().await.unwrap();
    let mut scope = reading.account(&id("one"));
    for text in ["", "700", "hall 7", "nowhere"] {
        let (mut before, mut slowest, mut rows, mut parts) = (None, Duration::ZERO, 0, 0);
        loop {
            let start = Instant::now();
            let found = scope.find_page_reports(&searching(text), before, 50).await;
            let found = found.unwrap();
            slowest = slowest.max(start.elapsed());
            (rows, parts, before) = (rows + found.reports.len(), parts + 1, found.next);
            if before.is_none() {
                break;
            }
        }
        println!("reports {text:?}: {rows} rows, {parts} parts, slowest {slowest:?}");
    }
}
