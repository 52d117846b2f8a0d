//! The life of a page and its report.

use std::time::{Duration, Instant};

use crate::{DEVICES_MAX, LISTENERS_MAX, LegNumber, Page, RECEIPT_WAIT, ReceiptRefusal};
use model::SipUser;
use model::status::{MissingReason, NotHeardReason, PageReport, Receipt, Verdict};

/// The leg of a listener with one device.
const LEG: LegNumber = LegNumber(1);
/// The leg of a second device.
const OTHER_LEG: LegNumber = LegNumber(2);

#[test]
fn nobody_has_heard_a_page_that_was_broken_off_and_after_its_end_none_is() {
    let began = Instant::now();
    for (ends_first, expected) in [(false, 0), (true, 1)] {
        let mut page = page();
        assert!(page.invite(user("hall"), LEG, "Hall".to_owned()));
        page.answered(began, &user("hall"), LEG, true);
        page.receive(&user("hall"), LEG, receipt(5_000)).unwrap();

        if ends_first {
            page.ended(began, Duration::from_secs(5));
        }
        page.break_off();
        page.ended(began, Duration::from_secs(5));

        let report = page.report();
        assert_eq!((report.duration_ms, report.heard_count()), (5_000, expected));
    }
}

#[test]
fn a_page_reports_who_heard_it_and_when_it_was_first_audible() {
    let began = Instant::now();
    let at = |milliseconds| began + Duration::from_millis(milliseconds);
    let mut page = page();
    for name in ["early", "late", "phone", "absent", "silent"] {
        assert!(page.invite(user(name), LEG, name.to_uppercase()));
    }
    page.answered(at(100), &user("early"), LEG, true);
    page.audio_began(at(150));
    page.audio_began(at(170));
    page.answered(at(900), &user("late"), LEG, true);
    page.answered(at(900), &user("phone"), LEG, false);
    page.answered(at(900), &user("silent"), LEG, true);
    page.failed(
        &user("absent"),
        LEG,
        MissingReason::Refused {
            status: 486,
            text: None,
        },
    );

    page.ended(at(5_150), Duration::from_secs(5));
    page.left(&user("phone"), LEG, Some(12));
    page.receive(
        &user("early"),
        LEG,
        Receipt {
            first_audio_ms: Some(80),
            ..receipt(5_000)
        },
    )
    .unwrap();
    page.receive(
        &user("late"),
        LEG,
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
            why: MissingReason::Refused {
                status: 486,
                text: None
            }
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
    page.invite(user("a"), LEG, String::new());
    page.answered(began, &user("a"), LEG, true);
    assert!(!page.is_settled(began));
    page.ended(began, Duration::from_secs(1));
    assert!(!page.is_settled(began));

    page.receive(&user("a"), LEG, receipt(1_000)).unwrap();

    assert!(page.is_settled(began));
}

#[test]
fn a_page_is_settled_when_its_receipts_are_overdue() {
    let began = Instant::now();
    let mut page = page();
    page.invite(user("a"), LEG, String::new());
    page.answered(began, &user("a"), LEG, true);
    page.ended(began, Duration::from_secs(1));

    assert!(!page.is_settled(began + RECEIPT_WAIT - Duration::from_millis(1)));
    assert!(page.is_settled(began + RECEIPT_WAIT));
}

#[test]
fn phones_do_not_delay_the_report() {
    let began = Instant::now();
    let mut page = page();
    page.invite(user("phone"), LEG, String::new());
    page.answered(began, &user("phone"), LEG, false);

    page.ended(began, Duration::from_secs(1));

    assert!(page.is_settled(began));
}

#[test]
fn a_listener_has_not_heard_where_one_of_its_devices_was_left_out() {
    let began = Instant::now();
    let mut page = page();
    page.invite(user("a"), LEG, String::new());
    page.answered(began, &user("a"), LEG, true);
    let why = MissingReason::Refused {
        status: 488,
        text: None,
    };

    assert!(page.leave_out(user("a"), OTHER_LEG, String::new(), why.clone()));

    page.ended(began, Duration::from_secs(1));
    page.receive(&user("a"), LEG, receipt(1_000)).unwrap();
    let report = page.report();
    assert_eq!(verdict(&report, "a"), Verdict::Missing { why });
    assert_eq!(report.listeners[0].devices, 2);
    assert_eq!(report.listeners[0].heard_devices, 1);
}

#[test]
fn a_listener_still_invited_when_the_page_ends_is_missing_for_that() {
    let began = Instant::now();
    let mut page = page();
    page.invite(user("a"), LEG, String::new());
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
    page.invite(user("a"), LEG, String::new());
    page.answered(began, &user("a"), LEG, true);
    page.receive(&user("a"), LEG, receipt(4_000)).unwrap();
    page.left(&user("a"), LEG, None);

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
    page.invite(user("a"), LEG, String::new());
    page.invite(user("b"), LEG, String::new());
    page.answered(began, &user("a"), LEG, true);
    page.receive(&user("a"), LEG, receipt(1_000)).unwrap();

    let other = Receipt {
        page: "other".parse().unwrap(),
        ..receipt(1_000)
    };
    assert_eq!(
        page.receive(&user("a"), LEG, other),
        Err(ReceiptRefusal::OtherPage)
    );
    assert_eq!(
        page.receive(&user("a"), LEG, receipt(9)),
        Err(ReceiptRefusal::Duplicate)
    );
    assert_eq!(
        page.receive(&user("b"), LEG, receipt(9)),
        Err(ReceiptRefusal::NotAnswered)
    );
    assert_eq!(
        page.receive(&user("c"), LEG, receipt(9)),
        Err(ReceiptRefusal::Stranger)
    );
    page.ended(began, Duration::from_secs(1));
    assert_eq!(verdict(&page.report(), "a"), Verdict::Heard);
}

#[test]
fn a_listener_with_two_devices_is_judged_by_the_worse_whichever_receipt_comes_first() {
    let deaf = Receipt {
        sink_healthy: false,
        ..receipt(1_000)
    };
    for (first, second) in [(receipt(1_000), deaf.clone()), (deaf.clone(), receipt(1_000))] {
        let mut page = two_devices();
        page.receive(&user("a"), LEG, first).unwrap();
        assert!(!page.is_settled(Instant::now()), "a receipt is still owed");

        page.receive(&user("a"), OTHER_LEG, second).unwrap();

        let report = page.report();
        let entry = listener(&report, "a");
        let why = NotHeardReason::SinkFault;
        assert_eq!(entry.verdict, Verdict::NotHeard { why });
        assert_eq!(entry.receipt.as_ref(), Some(&deaf));
        assert_eq!((entry.devices, entry.heard_devices), (2, 1));
        assert_eq!((report.heard_count(), report.listeners.len()), (0, 1));
    }
}

#[test]
fn a_listener_has_heard_when_each_of_its_devices_has() {
    let mut page = two_devices();
    page.receive(&user("a"), LEG, receipt(1_000)).unwrap();
    page.receive(&user("a"), OTHER_LEG, receipt(990)).unwrap();

    let report = page.report();

    assert_eq!(report.heard_count(), 1);
    assert_eq!(listener(&report, "a").heard_devices, 2);
}

#[test]
fn a_device_that_does_not_answer_keeps_its_listener_from_having_heard() {
    let began = Instant::now();
    let mut page = page();
    page.invite(user("a"), LEG, String::new());
    page.invite(user("a"), OTHER_LEG, String::new());
    page.answered(began, &user("a"), LEG, true);
    let why = MissingReason::Refused {
        status: 486,
        text: None,
    };
    page.failed(&user("a"), OTHER_LEG, why.clone());
    page.receive(&user("a"), LEG, receipt(1_000)).unwrap();

    page.ended(began, Duration::from_secs(1));

    assert_eq!(verdict(&page.report(), "a"), Verdict::Missing { why });
    assert_eq!(listener(&page.report(), "a").heard_devices, 1);
}

#[test]
fn the_devices_of_a_listener_are_limited_and_each_is_entered_once() {
    let mut page = page();
    for number in 0..DEVICES_MAX {
        let leg = LegNumber(u64::try_from(number).unwrap());
        assert!(page.invite(user("a"), leg, String::new()));
        assert!(!page.invite(user("a"), leg, String::new()));
    }

    assert!(!page.invite(user("a"), LegNumber(99), String::new()));
    assert_eq!(listener(&page.report(), "a").devices, DEVICES_MAX);
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
    let mut page = page();
    for number in 0..LISTENERS_MAX {
        assert!(page.invite(user(&format!("u{number}")), LEG, String::new()));
    }

    assert!(!page.invite(user("one-more"), LEG, String::new()));
    assert!(!page.invite(user("u0"), LEG, String::new()));
    assert_eq!(page.report().listeners.len(), LISTENERS_MAX);
}

#[test]
fn a_report_tells_how_long_ago_its_page_started_and_ended() {
    let started = Instant::now();
    let at = |milliseconds| started + Duration::from_millis(milliseconds);
    let mut page = page_at(started);
    let told = |page: &Page, now| {
        let report = page.report_at(now);
        (report.since_start_ms, report.since_end_ms)
    };
    assert_eq!(told(&page, at(700)), (Some(700), None), "it goes on");
    page.ended(at(2_000), Duration::from_millis(1_200));
    page.ended(at(4_000), Duration::ZERO);
    assert_eq!(told(&page, at(7_000)), (Some(7_000), Some(5_000)));
    assert_eq!(page.report_at(at(7_000)).duration_ms, 1_200);
}

/// A page of one second that has ended, and whose listener `a` answered with two devices.
fn two_devices() -> Page {
    let began = Instant::now();
    let mut page = page();
    for leg in [LEG, OTHER_LEG] {
        page.invite(user("a"), leg, String::new());
        page.answered(began, &user("a"), leg, true);
    }
    page.ended(began, Duration::from_secs(1));
    page
}

fn page() -> Page {
    page_at(Instant::now())
}

fn page_at(started: Instant) -> Page {
    Page::new(
        started,
        "page-1".parse().unwrap(),
        "700".parse().unwrap(),
        user("talker"),
    )
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
        interrupted_ms: 0,
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
