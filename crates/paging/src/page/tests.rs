//! The life of a page and its report.

use std::time::{Duration, Instant};

use crate::{ANSWER_WAIT, LISTENERS_MAX, Page, RECEIPT_WAIT, ReceiptRefusal};
use model::SipUser;
use model::status::{MissingReason, NotHeardReason, PageReport, Receipt, Verdict};

#[test]
fn a_page_reports_who_heard_it_and_when_it_was_first_audible() {
    let began = Instant::now();
    let at = |milliseconds| began + Duration::from_millis(milliseconds);
    let mut page = page();
    for name in ["early", "late", "phone", "absent", "silent"] {
        assert!(page.invite(began, user(name), name.to_uppercase()));
    }
    page.answered(at(100), &user("early"), true);
    page.audio_began(at(150));
    page.audio_began(at(170));
    page.answered(at(900), &user("late"), true);
    page.answered(at(900), &user("phone"), false);
    page.answered(at(900), &user("silent"), true);
    page.failed(&user("absent"), MissingReason::Refused { status: 486 });

    page.ended(at(5_150), Duration::from_secs(5));
    page.left(&user("phone"), Some(12));
    page.receive(
        &user("early"),
        Receipt {
            first_audio_ms: Some(80),
            ..receipt(5_000)
        },
    )
    .unwrap();
    page.receive(
        &user("late"),
        Receipt {
            first_audio_ms: Some(40),
            muted: true,
            ..receipt(5_000)
        },
    )
    .unwrap();

    let report = page.report();
    assert_eq!(report.duration_ms, 5_000);
    assert_eq!(report.heard_count(), 1);
    assert_eq!(verdict(&report, "early"), Verdict::Heard);
    assert_eq!(
        verdict(&report, "late"),
        Verdict::NotHeard {
            why: NotHeardReason::Muted
        }
    );
    assert_eq!(
        verdict(&report, "phone"),
        Verdict::Answered {
            loss_permille: Some(12)
        }
    );
    assert_eq!(
        verdict(&report, "silent"),
        Verdict::NotHeard {
            why: NotHeardReason::NoReceipt
        }
    );
    assert_eq!(
        verdict(&report, "absent"),
        Verdict::Missing {
            why: MissingReason::Refused { status: 486 }
        }
    );
    // Answered 50 ms before the talker spoke and audible 80 ms after the answer; answered 750 ms after and audible 40 later.
    assert_eq!(first_audio(&report, "early"), Some(30));
    assert_eq!(first_audio(&report, "late"), Some(790));
    assert_eq!(first_audio(&report, "phone"), None);
    assert_eq!(report.listeners[0].name, "ABSENT");
}

#[test]
fn a_page_is_settled_when_every_receipt_has_come() {
    let began = Instant::now();
    let mut page = page();
    page.invite(began, user("a"), String::new());
    page.answered(began, &user("a"), true);
    assert!(!page.is_settled(began));
    page.ended(began, Duration::from_secs(1));
    assert!(!page.is_settled(began));
    assert_eq!(page.next_timeout(), Some(began + RECEIPT_WAIT));

    page.receive(&user("a"), receipt(1_000)).unwrap();

    assert!(page.is_settled(began));
    assert_eq!(page.next_timeout(), None);
}

#[test]
fn a_page_is_settled_when_its_receipts_are_overdue() {
    let began = Instant::now();
    let mut page = page();
    page.invite(began, user("a"), String::new());
    page.answered(began, &user("a"), true);
    page.ended(began, Duration::from_secs(1));

    assert!(!page.is_settled(began + RECEIPT_WAIT - Duration::from_millis(1)));
    assert!(page.is_settled(began + RECEIPT_WAIT));
}

#[test]
fn phones_do_not_delay_the_report() {
    let began = Instant::now();
    let mut page = page();
    page.invite(began, user("phone"), String::new());
    page.answered(began, &user("phone"), false);

    page.ended(began, Duration::from_secs(1));

    assert!(page.is_settled(began));
}

#[test]
fn a_listener_that_does_not_answer_in_time_is_missing_and_named_to_be_cancelled() {
    let began = Instant::now();
    let mut page = page();
    page.invite(began, user("a"), String::new());
    page.invite(began + Duration::from_secs(1), user("b"), String::new());
    assert_eq!(page.next_timeout(), Some(began + ANSWER_WAIT));

    assert_eq!(
        page.handle_timeout(began + ANSWER_WAIT - Duration::from_millis(1)),
        []
    );
    assert_eq!(page.handle_timeout(began + ANSWER_WAIT), [user("a")]);

    page.answered(began + ANSWER_WAIT, &user("a"), true);
    assert_eq!(
        verdict(&page.report(), "a"),
        Verdict::Missing {
            why: MissingReason::NoAnswer
        }
    );
    assert_eq!(
        page.next_timeout(),
        Some(began + Duration::from_secs(1) + ANSWER_WAIT)
    );
}

#[test]
fn a_listener_still_invited_when_the_page_ends_is_missing_for_that() {
    let began = Instant::now();
    let mut page = page();
    page.invite(began, user("a"), String::new());
    page.miss(user("b"), String::new(), MissingReason::NotRegistered);

    page.ended(began, Duration::from_secs(1));

    assert_eq!(
        verdict(&page.report(), "a"),
        Verdict::Missing {
            why: MissingReason::PageEnded
        }
    );
    assert_eq!(
        verdict(&page.report(), "b"),
        Verdict::Missing {
            why: MissingReason::NotRegistered
        }
    );
    assert!(page.is_settled(began));
}

#[test]
fn a_listener_that_left_early_is_judged_by_the_whole_page() {
    let began = Instant::now();
    let mut page = page();
    page.invite(began, user("a"), String::new());
    page.answered(began, &user("a"), true);
    page.receive(&user("a"), receipt(4_000)).unwrap();
    page.left(&user("a"), None);

    page.ended(began, Duration::from_secs(10));

    assert_eq!(
        verdict(&page.report(), "a"),
        Verdict::NotHeard {
            why: NotHeardReason::TooLittle
        }
    );
}

#[test]
fn only_the_first_receipt_of_a_listener_that_answered_this_page_counts() {
    let began = Instant::now();
    let mut page = page();
    page.invite(began, user("a"), String::new());
    page.invite(began, user("b"), String::new());
    page.answered(began, &user("a"), true);
    page.receive(&user("a"), receipt(1_000)).unwrap();

    let other = Receipt {
        page: "other".parse().unwrap(),
        ..receipt(1_000)
    };
    assert_eq!(page.receive(&user("a"), other), Err(ReceiptRefusal::OtherPage));
    assert_eq!(
        page.receive(&user("a"), receipt(9)),
        Err(ReceiptRefusal::Duplicate)
    );
    assert_eq!(
        page.receive(&user("b"), receipt(9)),
        Err(ReceiptRefusal::NotAnswered)
    );
    assert_eq!(
        page.receive(&user("c"), receipt(9)),
        Err(ReceiptRefusal::Stranger)
    );
    page.ended(began, Duration::from_secs(1));
    assert_eq!(verdict(&page.report(), "a"), Verdict::Heard);
}

#[test]
fn a_page_ends_once() {
    let began = Instant::now();
    let mut page = page();

    page.ended(began, Duration::from_secs(1));
    page.ended(began + Duration::from_secs(9), Duration::from_secs(9));

    assert_eq!(page.report().duration_ms, 1_000);
}

#[test]
fn the_number_of_listeners_is_limited_and_each_is_entered_once() {
    let began = Instant::now();
    let mut page = page();
    for number in 0..LISTENERS_MAX {
        assert!(page.invite(began, user(&format!("u{number}")), String::new()));
    }

    assert!(!page.invite(began, user("one-more"), String::new()));
    assert!(!page.invite(began, user("u0"), String::new()));
    assert_eq!(page.report().listeners.len(), LISTENERS_MAX);
}

fn page() -> Page {
    Page::new("page-1".parse().unwrap(), "700".parse().unwrap(), user("talker"))
}

fn user(name: &str) -> SipUser {
    name.parse().unwrap()
}

fn receipt(played_ms: u64) -> Receipt {
    Receipt {
        page: "page-1".parse().unwrap(),
        played_ms,
        expected_ms: played_ms,
        lost: 0,
        concealed_ms: 0,
        first_audio_ms: Some(0),
        level_dbfs: None,
        muted: false,
        sink_healthy: true,
    }
}

fn verdict(report: &PageReport, name: &str) -> Verdict {
    listener(report, name).verdict.clone()
}

fn first_audio(report: &PageReport, name: &str) -> Option<u64> {
    listener(report, name).first_audio_ms
}

fn listener<'a>(report: &'a PageReport, name: &str) -> &'a model::status::ListenerReport {
    report
        .listeners
        .iter()
        .find(|listener| listener.user == user(name))
        .unwrap()
}
