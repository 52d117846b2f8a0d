//! What a zone tells of itself reaches the service whole, once heard or after a loss.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test states what it expects by unwrapping it"
)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use feed::{
    CHANGES_MAX, Decoder, HAPPENED_MAX, Hearing, Message, Misheard, News, REPORT_OCTETS_MAX, REPORTS_MAX,
    Teller, Told, UNHEARD_MAX, encode,
};
use model::directory::{Epoch, USERS_MAX};
use model::status::{
    HandshakeFailure, ListenerReport, OngoingPage, PageReport, RegisteredUser, RegistrationRefusal, Verdict,
    ZoneEvent,
};
use model::{AccountId, PageId};

fn account() -> AccountId {
    "acme".parse().unwrap()
}

fn registered(user: &str) -> ZoneEvent {
    ZoneEvent::Registered {
        account: account(),
        user: user.parse().unwrap(),
        from: "192.0.2.1:5060".to_owned(),
        user_agent: Some("Test".to_owned()),
        transport: None,
    }
}

fn refused(user: &str) -> ZoneEvent {
    ZoneEvent::RegistrationRefused {
        account: Some(account()),
        user: user.to_owned(),
        from: "192.0.2.9:5060".to_owned(),
        why: RegistrationRefusal::WrongCredentials,
    }
}

fn handshake_failed(number: usize) -> ZoneEvent {
    ZoneEvent::HandshakeFailed {
        from: Ipv4Addr::from_bits(u32::try_from(number).unwrap()).into(),
        why: HandshakeFailure::CertificateRefused,
    }
}

fn roll(count: usize) -> Vec<RegisteredUser> {
    let user = |number| RegisteredUser {
        user: format!("u{number}").parse().unwrap(),
        from: "192.0.2.1:5060".to_owned(),
        transport: None,
    };
    (0..count).map(user).collect()
}

/// A report with a listener whose name has so many characters of three octets.
fn report(page: &str, characters: usize) -> PageReport {
    PageReport {
        page: page.parse().unwrap(),
        extension: "700".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        duration_ms: 4_200,
        since_start_ms: None,
        since_end_ms: None,
        listeners: vec![ListenerReport {
            user: "hall".parse().unwrap(),
            name: "€".repeat(characters),
            verdict: Verdict::Heard,
            first_audio_ms: None,
            receipt: None,
            devices: 1,
            heard_devices: 1,
        }],
    }
}

fn ended(report: &PageReport) -> ZoneEvent {
    ZoneEvent::PageEnded {
        account: account(),
        report: report.clone(),
    }
}

/// Carries everything over the wire and lets the zone know what was heard.
fn carry(teller: &mut Teller, hearing: &mut Hearing, now: Instant) -> Vec<News> {
    let mut news = Vec::new();
    while let Some(message) = teller.poll_message(now) {
        let mut decoder = Decoder::default();
        decoder.push(&encode(&message).unwrap());
        let Some(Message::Tell { number, told }) = decoder.next_message().unwrap() else {
            panic!("{message:?}")
        };
        news.extend(hearing.take(number, told).unwrap());
        teller.handle_heard(number);
    }
    news
}

fn connected() -> (Teller, Hearing, Instant) {
    let mut teller = Teller::default();
    teller.handle_connected();
    (teller, Hearing::new(account()), Instant::now())
}

#[test]
fn a_connection_begins_with_the_whole_roll_and_goes_on_with_changes() {
    let (mut teller, mut hearing, now) = connected();
    teller.set_epoch(Epoch(7));
    assert!(teller.take_wants_roll() && !teller.take_wants_roll());
    let all = roll(1_234);
    teller.handle_roll(all.clone());
    teller.handle_event(now, &registered("late"));
    let gone = ZoneEvent::Unregistered {
        account: account(),
        user: "u1".parse().unwrap(),
    };
    teller.handle_event(now, &gone);
    teller.handle_event(now, &refused("stranger"));
    teller.handle_event(now, &handshake_failed(7));
    let told = carry(&mut teller, &mut hearing, now);
    let expected = [
        News::Here(Some(Epoch(7))),
        News::Roll(all),
        News::Event(registered("late")),
        News::Event(gone),
        News::Event(refused("stranger")),
        News::Event(handshake_failed(7)),
    ];
    assert_eq!(told, expected);
    teller.handle_roll(Vec::new());
    assert_eq!(carry(&mut teller, &mut hearing, now), [News::Roll(Vec::new())]);
    teller.handle_beat();
    assert_eq!(
        carry(&mut teller, &mut hearing, now),
        [News::Here(Some(Epoch(7)))]
    );
}

#[test]
fn a_report_is_kept_until_it_is_heard_and_told_again_after_a_loss() {
    let mut teller = Teller::default();
    let now = Instant::now();
    // Its octets end in no part where its characters do.
    let long = report("page1", 100_000);
    teller.handle_event(now, &ended(&long));
    assert!(!teller.has_message(), "there is no connection");
    let later = now + Duration::from_secs(90);
    teller.handle_connected();
    let mut hearing = Hearing::new(account());
    let news = loop {
        let Some(Message::Tell { number, told }) = teller.poll_message(later) else {
            panic!("the report was not told")
        };
        if let Some(News::Report(age, told)) = hearing.take(number, told).unwrap() {
            break (age, told);
        }
    };
    assert_eq!(news, (Duration::from_secs(90), long.clone()));
    assert_eq!(teller.waiting().count(), 1, "nobody said that it was heard");
    teller.handle_lost();
    teller.handle_connected();
    let mut hearing = Hearing::new(account());
    let told = carry(&mut teller, &mut hearing, later);
    assert_eq!(told.last(), Some(&News::Report(Duration::from_secs(90), long)));
    assert_eq!(teller.waiting().count(), 0);
}

#[test]
fn no_more_is_said_than_may_be_unheard() {
    let (mut teller, _, now) = connected();
    for number in 0..2 * UNHEARD_MAX {
        teller.handle_event(now, &registered(&format!("u{number}")));
    }
    for _ in 0..UNHEARD_MAX {
        assert!(teller.poll_message(now).is_some());
    }
    assert_eq!(teller.poll_message(now), None);
    teller.handle_heard(1);
    assert!(teller.poll_message(now).is_some());
    assert_eq!(teller.poll_message(now), None);
    // What was never said cannot have been heard.
    teller.handle_heard(u64::MAX);
    assert!(teller.poll_message(now).is_some());
}

#[test]
fn more_changes_than_may_wait_are_told_as_a_whole_and_strangers_push_nobody_out() {
    let (mut teller, _, now) = connected();
    teller.take_wants_roll();
    for number in 0..CHANGES_MAX * 2 {
        teller.handle_event(now, &handshake_failed(number));
        teller.handle_event(now, &refused(&format!("stranger{number}")));
    }
    for number in 0..CHANGES_MAX / 2 {
        teller.handle_event(now, &registered(&format!("u{number}")));
    }
    assert!(!teller.take_wants_roll(), "all that may wait do");
    teller.handle_event(now, &registered("one-more"));
    assert!(teller.take_wants_roll());
    teller.handle_missed();
    assert!(teller.take_wants_roll());
}

#[test]
fn so_many_reports_wait_and_for_one_more_the_oldest_is_given_up() {
    let mut teller = Teller::default();
    let now = Instant::now();
    for number in 0..REPORTS_MAX {
        let lost = teller.handle_event(now, &ended(&report(&format!("page{number}"), 1)));
        assert_eq!(lost, 0);
    }
    assert_eq!(teller.handle_event(now, &ended(&report("one-more", 1))), 1);
    let waiting: Vec<&str> = teller.waiting().map(model::PageId::as_str).collect();
    assert_eq!(
        (waiting.len(), waiting[0], waiting[REPORTS_MAX - 1]),
        (REPORTS_MAX, "page1", "one-more")
    );
}

#[test]
fn a_report_that_was_begun_stays_when_another_is_given_up() {
    let (mut teller, mut hearing, now) = connected();
    let large = |page: &str| report(page, REPORT_OCTETS_MAX / 9);
    teller.handle_event(now, &ended(&large("begun")));
    teller.handle_event(now, &ended(&large("second")));
    for _ in 0..2 {
        let Some(Message::Tell { number, told }) = teller.poll_message(now) else {
            panic!("nothing is told")
        };
        hearing.take(number, told).unwrap();
        teller.handle_heard(number);
    }
    assert_eq!(teller.handle_event(now, &ended(&large("third"))), 1);
    let told = carry(&mut teller, &mut hearing, now);
    let pages: Vec<&str> = told
        .iter()
        .filter_map(|news| match news {
            News::Report(_, report) => Some(report.page.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(pages, ["begun", "third"]);
    let around = serde_json::to_string(&report("p", 0)).unwrap().len();
    let most = (REPORT_OCTETS_MAX - around) / 3;
    let mut teller = Teller::default();
    assert_eq!(teller.handle_event(now, &ended(&report("p", most))), 0);
    assert_eq!(teller.handle_event(now, &ended(&report("p", most + 1))), 1);
    assert_eq!(teller.waiting().count(), 1);
}

#[test]
fn what_a_zone_does_not_tell_is_refused() {
    let part = |is_first, length| Told::Report {
        age_ms: 0,
        part: "x".repeat(length),
        is_first,
        is_last: false,
    };
    let roll = |users: usize, is_first| Told::Roll {
        users: roll(users),
        is_first,
        is_last: false,
    };
    let hearing = || Hearing::new(account());
    assert_eq!(
        hearing().take(2, Told::Here { epoch: None }),
        Err(Misheard::OutOfOrder)
    );
    assert_eq!(hearing().take(1, part(false, 1)), Err(Misheard::OutOfOrder));
    assert_eq!(hearing().take(1, roll(1, false)), Err(Misheard::OutOfOrder));

    let mut long = hearing();
    assert_eq!(long.take(1, part(true, REPORT_OCTETS_MAX)), Ok(None));
    assert_eq!(long.take(2, part(false, 1)), Err(Misheard::TooLong));
    let mut many = hearing();
    assert_eq!(many.take(1, roll(USERS_MAX, true)), Ok(None));
    assert_eq!(many.take(2, roll(1, false)), Err(Misheard::TooManyUsers));
    let unknown = Told::Report {
        age_ms: 0,
        part: "{}".to_owned(),
        is_first: true,
        is_last: true,
    };
    assert_eq!(hearing().take(1, unknown), Ok(Some(News::UnknownReport)));
}

fn raised(call: u128) -> ZoneEvent {
    ZoneEvent::AlertRaised {
        account: account(),
        call: PageId::from_random(call),
        extension: "900".parse().unwrap(),
        caller: "desk".parse().unwrap(),
    }
}

fn ongoing(page: u128) -> OngoingPage {
    OngoingPage {
        page: PageId::from_random(page),
        extension: "700".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        listeners: 3,
    }
}

fn started(page: u128) -> ZoneEvent {
    let OngoingPage {
        page,
        extension,
        talker,
        listeners,
    } = ongoing(page);
    ZoneEvent::PageStarted {
        account: account(),
        page,
        extension,
        talker,
        listeners,
    }
}

#[test]
fn an_alert_and_the_beginning_of_a_page_are_told_before_the_roll_and_kept_until_they_are_heard() {
    let mut teller = Teller::default();
    let begun = Instant::now();
    assert_eq!(teller.handle_event(begun, &raised(1)), 0);
    assert_eq!(teller.handle_event(begun, &started(2)), 0);
    teller.handle_connected();
    teller.handle_roll(roll(1));
    teller.handle_pages(vec![ongoing(2)]);
    let now = begun + Duration::from_secs(9);
    let expected = [
        News::Here(None),
        News::Pages(vec![ongoing(2)]),
        News::Happened(Duration::from_secs(9), raised(1)),
        News::Happened(Duration::from_secs(9), started(2)),
        News::Roll(roll(1)),
    ];
    let mut unheard = Vec::new();
    let mut hearing = Hearing::new(account());
    while let Some(Message::Tell { number, told }) = teller.poll_message(now) {
        unheard.extend(hearing.take(number, told).unwrap());
    }
    assert_eq!(unheard, expected);

    teller.handle_connected();

    let again = carry(&mut teller, &mut Hearing::new(account()), now);
    assert_eq!(again, [&expected[..1], &expected[2..4]].concat());
    teller.handle_connected();
    let heard = carry(&mut teller, &mut Hearing::new(account()), now);
    assert_eq!(heard, [News::Here(None)]);
}

#[test]
fn so_much_that_has_begun_waits_and_alerts_are_given_up_last() {
    let mut teller = Teller::default();
    let now = Instant::now();
    let number = |number: usize| u128::try_from(number).unwrap();
    for alert in 1..HAPPENED_MAX {
        assert_eq!(teller.handle_event(now, &raised(number(alert))), 0);
    }
    assert_eq!(teller.handle_event(now, &started(0)), 0);
    assert_eq!(teller.handle_event(now, &raised(number(HAPPENED_MAX))), 1);
    assert_eq!(teller.handle_event(now, &raised(number(HAPPENED_MAX + 1))), 1);
    teller.handle_connected();

    let mut told = carry(&mut teller, &mut Hearing::new(account()), now);

    let alerts = told.split_off(1);
    assert_eq!(alerts.len(), HAPPENED_MAX);
    assert_eq!(alerts.first(), Some(&News::Happened(Duration::ZERO, raised(2))));
}

#[test]
fn an_alert_that_was_told_outlives_beginnings_and_goes_where_there_are_alerts_alone() {
    let (mut teller, _, now) = connected();
    let number = |number: usize| u128::try_from(number).unwrap();
    teller.handle_event(now, &raised(0));
    teller.handle_event(now, &started(0));
    while teller.poll_message(now).is_some() {}
    for page in 1..HAPPENED_MAX - 1 {
        assert_eq!(teller.handle_event(now, &started(number(page))), 0);
    }
    // Beginnings go first, what was told of them before the others.
    for page in HAPPENED_MAX..2 * HAPPENED_MAX {
        assert_eq!(teller.handle_event(now, &started(number(page))), 1);
    }
    teller.handle_connected();
    let told = carry(&mut teller, &mut Hearing::new(account()), now);
    assert_eq!(told.len(), 1 + HAPPENED_MAX);
    assert_eq!(told[1], News::Happened(Duration::ZERO, raised(0)));
    assert_eq!(
        told[2],
        News::Happened(Duration::ZERO, started(number(HAPPENED_MAX + 1)))
    );

    for alert in 0..HAPPENED_MAX {
        assert_eq!(teller.handle_event(now, &raised(number(alert))), 0);
    }
    assert!(teller.poll_message(now).is_some());
    assert_eq!(teller.handle_event(now, &raised(number(HAPPENED_MAX))), 1);
    teller.handle_connected();
    let told = carry(&mut teller, &mut Hearing::new(account()), now);
    assert_eq!(told.len(), 1 + HAPPENED_MAX);
    assert_eq!(told[1], News::Happened(Duration::ZERO, raised(1)));
}

#[test]
fn whatever_is_given_up_while_there_is_a_connection_has_the_whole_told_anew() {
    let number = |number: usize| u128::try_from(number).unwrap();
    let fill = |teller: &mut Teller, now| {
        for alert in 0..HAPPENED_MAX {
            teller.handle_event(now, &raised(number(alert)));
        }
        for page in 0..REPORTS_MAX {
            teller.handle_event(now, &ended(&report(&format!("page{page}"), 1)));
        }
    };
    let too_long = report("long", REPORT_OCTETS_MAX / 3);
    for one_more in [
        started(0),
        raised(0),
        ended(&report("one-more", 1)),
        ended(&too_long),
    ] {
        let (mut teller, _, now) = connected();
        teller.take_wants_roll();
        fill(&mut teller, now);
        assert!(!teller.take_wants_roll(), "all of it waits");
        assert_eq!(teller.handle_event(now, &one_more), 1);
        assert!(teller.take_wants_roll(), "{one_more:?}");

        let mut teller = Teller::default();
        fill(&mut teller, now);
        assert_eq!(teller.handle_event(now, &one_more), 1);
        assert!(!teller.take_wants_roll(), "there is nobody to tell");
    }
}

#[test]
fn the_beginning_of_a_page_is_given_up_with_its_report() {
    let mut teller = Teller::default();
    let now = Instant::now();
    let of = |page: u128, characters| PageReport {
        page: PageId::from_random(page),
        ..report("p", characters)
    };
    for page in 1..=3 {
        teller.handle_event(now, &started(page));
    }
    assert_eq!(teller.handle_event(now, &ended(&of(1, REPORT_OCTETS_MAX / 6))), 0);
    assert_eq!(teller.handle_event(now, &ended(&of(2, REPORT_OCTETS_MAX / 3))), 2);
    assert_eq!(teller.handle_event(now, &ended(&of(3, REPORT_OCTETS_MAX / 5))), 2);
    teller.handle_connected();
    let told = carry(&mut teller, &mut Hearing::new(account()), now);
    let begun = News::Happened(Duration::ZERO, started(3));
    let told_of = News::Report(Duration::ZERO, of(3, REPORT_OCTETS_MAX / 5));
    assert_eq!(told, [News::Here(None), begun, told_of]);
}

#[test]
fn a_report_of_a_zone_that_tells_no_times_is_heard_and_one_with_times_keeps_them() {
    let untold = report("p", 1);
    let mut part = serde_json::to_value(&untold).unwrap();
    let fields = part.as_object_mut().unwrap();
    fields.retain(|name, _| !name.starts_with("since_"));
    let told = Told::Report {
        age_ms: 0,
        part: part.to_string(),
        is_first: true,
        is_last: true,
    };
    let heard = Hearing::new(account()).take(1, told).unwrap();
    assert_eq!(heard, Some(News::Report(Duration::ZERO, untold.clone())));

    let timed = PageReport {
        since_start_ms: Some(9_000),
        since_end_ms: Some(5_000),
        ..untold
    };
    let now = Instant::now();
    let mut teller = Teller::default();
    teller.handle_connected();
    teller.handle_event(now, &ended(&timed));
    let told = carry(&mut teller, &mut Hearing::new(account()), now);
    assert!(told.contains(&News::Report(Duration::ZERO, timed)));
}

#[test]
fn the_roll_of_a_zone_that_tells_no_transport_is_heard() {
    let told = r#"{"roll":{"users":[["hall","192.0.2.1:5060"]],"is_first":true,"is_last":true}}"#;
    let told = serde_json::from_str(told).unwrap();
    let heard = Hearing::new(account()).take(1, told).unwrap();
    let hall = RegisteredUser {
        user: "hall".parse().unwrap(),
        from: "192.0.2.1:5060".to_owned(),
        transport: None,
    };
    assert_eq!(heard, Some(News::Roll(vec![hall])));
}

#[test]
fn what_a_later_zone_tells_is_heard_and_a_roll_or_a_report_is_whole_without_it_unless_it_is_a_part_of_that() {
    let roll_part = |is_first, is_last| Told::Roll {
        users: roll(1),
        is_first,
        is_last,
    };
    let report_part = |is_first, is_last| Told::Report {
        age_ms: 0,
        part: String::new(),
        is_first,
        is_last,
    };
    for (parts, own, other) in [
        (roll_part as fn(bool, bool) -> Told, "roll", "report"),
        (report_part, "report", "roll"),
    ] {
        let mut hearing = Hearing::new(account());
        let mut numbers = 1..;
        let mut take = |told| hearing.take(numbers.next().unwrap(), told);
        let unknown = |kind: &str| Told::Unknown {
            kind: kind.to_owned(),
        };
        assert_eq!(take(parts(true, false)), Ok(None));
        for kind in ["weather", other] {
            assert_eq!(take(unknown(kind)), Ok(Some(News::Unknown(kind.to_owned()))));
        }
        assert!(take(parts(false, true)).unwrap().is_some(), "{own}: whole");
        assert_eq!(take(parts(true, false)), Ok(None));
        assert_eq!(take(unknown(own)), Ok(Some(News::Unknown(own.to_owned()))));
        assert_eq!(take(parts(false, false)), Ok(None));
        assert_eq!(take(parts(false, true)), Ok(None));
        assert!(take(parts(true, true)).unwrap().is_some(), "{own}: whole again");

        let mut hearing = Hearing::new(account());
        assert!(hearing.take(1, unknown("weather")).is_ok());
        assert_eq!(
            hearing.take(2, parts(false, true)),
            Err(Misheard::OutOfOrder),
            "{own}"
        );
    }
}
