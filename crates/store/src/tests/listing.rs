//! Lists: every row once, in one order, whatever comes and goes meanwhile, and as quick at the end as at the beginning.

use std::time::{Duration, Instant};

use super::*;
use crate::{DeviceFilter, HolderFilter, LIST_ROWS_MAX, ListKey, NoListKey, SEARCH_TEXT_MAX, Transaction};
use model::inventory::DisplayName;

/// A device of another name than those of [`device`].
fn named(number: u16, name: &str) -> Device {
    let [high, low] = number.to_be_bytes();
    Device {
        id: DeviceId::from_random(number.into()),
        name: DisplayName::new(name).unwrap(),
        mac: MacAddress::new([0, 0x22, 0xEE, 0xAB, high, low]),
        ..device(0)
    }
}

fn line_of(number: u16, device: &Device, holder: &Holder) -> Line {
    Line {
        id: LineId::from_random(number.into()),
        user: format!("8{number:05}").parse().unwrap(),
        authorization_id: format!("9{number:05}").parse().unwrap(),
        ..line(device, holder)
    }
}

fn searching(text: &str) -> DeviceFilter {
    DeviceFilter {
        text: text.to_owned(),
        ..DeviceFilter::default()
    }
}

async fn names(transaction: &mut Transaction<'_>, filter: &DeviceFilter) -> Vec<String> {
    let listed = transaction
        .account(&id("one"))
        .list_devices(filter, None, LIST_ROWS_MAX)
        .await
        .unwrap();
    let rows = listed.rows.into_iter();
    rows.map(|row| row.device.name.to_string()).collect()
}

async fn numbers(transaction: &mut Transaction<'_>, text: &str, kind: Option<HolderKind>) -> Vec<String> {
    let filter = HolderFilter {
        text: text.to_owned(),
        kind,
        ..HolderFilter::default()
    };
    let mut scope = transaction.account(&id("one"));
    let listed = scope.list_holders(&filter, None, LIST_ROWS_MAX).await.unwrap();
    let rows = listed.rows.into_iter();
    rows.map(|row| row.holder.extension.to_string()).collect()
}

#[tokio::test]
async fn devices_are_listed_page_by_page_with_what_stands_in_their_slots() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let (hall, yard) = (holder(701), holder(1702));
    scope.add_holder(&hall).await.unwrap();
    scope.add_holder(&yard).await.unwrap();
    let devices = ["alpha", "Beta", "Beta", "gamma", "Delta"];
    for (name, number) in devices.into_iter().zip(1..) {
        scope.add_device(&named(number, name)).await.unwrap();
    }
    let beta = named(2, "Beta");
    let second = Line {
        place: LinePlace::Slot(SlotPosition::new(model::SlotKind::Page, 2).unwrap()),
        ..line_of(2, &beta, &yard)
    };
    scope.add_line(&second).await.unwrap();
    scope.add_line(&line_of(1, &beta, &hall)).await.unwrap();
    writing
        .account(&id("two"))
        .add_device(&named(99, "Beta"))
        .await
        .unwrap();

    let mut scope = writing.account(&id("one"));
    let all = DeviceFilter::default();
    let first = scope.list_devices(&all, None, 2).await.unwrap();
    let names = |rows: &[crate::ListedDevice]| -> Vec<String> {
        rows.iter().map(|row| row.device.name.to_string()).collect()
    };
    assert_eq!(names(&first.rows), ["alpha", "Beta"]);
    let extensions = first.rows[1].lines.iter().map(|(_, _, number)| number.as_str());
    assert_eq!(extensions.collect::<Vec<_>>(), ["701", "1702"]);
    assert_eq!(first.rows[0].lines, []);
    // A row that comes before the place shifts nothing.
    scope.add_device(&named(6, "aardvark")).await.unwrap();
    let next: ListKey = first.next.unwrap().to_string().parse().unwrap();
    let second = scope.list_devices(&all, Some(&next), 2).await.unwrap();
    assert_eq!(names(&second.rows), ["Beta", "Delta"]);
    assert_eq!(second.rows[0].device.id, named(3, "Beta").id);
    let last = scope.list_devices(&all, second.next.as_ref(), 2).await.unwrap();
    assert_eq!((names(&last.rows), last.next), (vec!["gamma".to_owned()], None));
}

#[tokio::test]
async fn devices_are_found_by_name_address_and_extension() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let hall = holder(701);
    scope.add_holder(&hall).await.unwrap();
    for (number, name) in [(1, "Hall 50%"), (2, "Yard_2"), (0x1234, "Gate!")] {
        scope.add_device(&named(number, name)).await.unwrap();
    }
    scope
        .add_line(&line_of(1, &named(1, "Hall"), &hall))
        .await
        .unwrap();
    let cases: [(&str, &[&str]); 15] = [
        ("", &["Gate!", "Hall 50%", "Yard_2"]),
        ("  ", &["Gate!", "Hall 50%", "Yard_2"]),
        ("HALL", &["Hall 50%"]),
        (" yard ", &["Yard_2"]),
        ("%", &["Hall 50%"]),
        ("_", &["Yard_2"]),
        ("!", &["Gate!"]),
        ("70", &["Hall 50%"]),
        ("702", &[]),
        ("01", &[]),
        ("ab:12:34", &["Gate!"]),
        ("1234", &["Gate!"]),
        ("0022-eeab-0002", &["Yard_2"]),
        ("Hall\0", &[]),
        ("nowhere", &[]),
    ];
    for (text, found) in cases {
        assert_eq!(names(&mut writing, &searching(text)).await, found, "{text:?}");
    }
    for (is_assigned, found) in [(true, ["Hall 50%"].as_slice()), (false, &["Gate!", "Yard_2"])] {
        let filter = DeviceFilter {
            is_assigned: Some(is_assigned),
            ..DeviceFilter::default()
        };
        assert_eq!(names(&mut writing, &filter).await, found);
    }
}

#[tokio::test]
async fn devices_are_found_by_an_extension_with_an_asterisk() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    for account in ["one", "two"] {
        let mut scope = writing.account(&id(account));
        let number = if account == "one" { 1 } else { 2 };
        let gate = Holder {
            id: HolderId::from_random(number.into()),
            name: DisplayName::new("Main Gate 5%").unwrap(),
            extension: "*701".parse().unwrap(),
            ..holder(701)
        };
        scope.add_holder(&gate).await.unwrap();
        for device in [named(number, "Speaker"), named(number + 10, "Horn")] {
            scope.add_device(&device).await.unwrap();
        }
        let speaker = named(number, "Speaker");
        scope.add_line(&line_of(number, &speaker, &gate)).await.unwrap();
    }
    for (text, found) in [
        ("*70", ["Speaker"].as_slice()),
        ("701", &[]),
        ("mainXgate", &[]),
        ("", &["Horn", "Speaker"]),
    ] {
        assert_eq!(names(&mut writing, &searching(text)).await, found, "{text:?}");
        let counted = writing.account(&id("one")).count_devices(&searching(text)).await;
        assert_eq!(counted.unwrap(), found.len() as u64, "{text:?}");
    }
}

#[tokio::test]
async fn a_text_as_long_as_is_searched_for_is_found_and_a_longer_one_is_not() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let longest = "n".repeat(SEARCH_TEXT_MAX);
    let device = Device {
        name: DisplayName::new(&longest).unwrap(),
        ..device(1)
    };
    writing.account(&id("one")).add_device(&device).await.unwrap();
    assert_eq!(names(&mut writing, &searching(&longest)).await.len(), 1);
    let longer = format!("{longest}n");
    assert_eq!(names(&mut writing, &searching(&longer)).await.len(), 0);
}

#[tokio::test]
async fn users_and_common_areas_are_listed_by_number_with_where_they_stand() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in [1000, 99, 702, 701] {
        let kind = match number {
            99 => HolderKind::User,
            _ => HolderKind::CommonArea,
        };
        let holder = Holder {
            kind,
            ..holder(number)
        };
        scope.add_holder(&holder).await.unwrap();
    }
    for number in [2, 1] {
        let device = named(number, &format!("Speaker {number}"));
        scope.add_device(&device).await.unwrap();
        scope
            .add_line(&line_of(number, &device, &holder(701)))
            .await
            .unwrap();
    }
    let first = scope
        .list_holders(&HolderFilter::default(), None, 2)
        .await
        .unwrap();
    let places = first.rows[1].lines.iter().map(|(_, name)| name.as_str());
    assert_eq!(places.collect::<Vec<_>>(), ["Speaker 1", "Speaker 2"]);
    let next = first.next.unwrap().to_string().parse().unwrap();
    let second = scope
        .list_holders(&HolderFilter::default(), Some(&next), 2)
        .await
        .unwrap();
    let rest = second.rows.iter().map(|row| row.holder.extension.as_str());
    assert_eq!(
        (rest.collect::<Vec<_>>(), second.next),
        (vec!["702", "1000"], None)
    );
    assert_eq!(
        numbers(&mut writing, "", None).await,
        ["99", "701", "702", "1000"]
    );
    assert_eq!(numbers(&mut writing, "70", None).await, ["701", "702"]);
    assert_eq!(
        numbers(&mut writing, "hall", Some(HolderKind::User)).await,
        ["99"]
    );
    assert_eq!(
        numbers(&mut writing, "99", Some(HolderKind::CommonArea)).await,
        [""; 0]
    );
}

#[tokio::test]
async fn a_page_has_as_many_rows_as_one_may_and_never_more() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let most = u16::try_from(LIST_ROWS_MAX).unwrap();
    for number in 1..=most {
        scope.add_device(&named(number, "Speaker")).await.unwrap();
    }
    let all = DeviceFilter::default();
    let whole = scope.list_devices(&all, None, u32::MAX).await.unwrap();
    assert_eq!((whole.rows.len(), whole.next), (usize::from(most), None));
    scope.add_device(&named(most + 1, "Speaker")).await.unwrap();
    let first = scope.list_devices(&all, None, u32::MAX).await.unwrap();
    assert_eq!(first.rows.len(), usize::from(most));
    let rest = scope
        .list_devices(&all, first.next.as_ref(), u32::MAX)
        .await
        .unwrap();
    assert_eq!((rest.rows.len(), rest.next), (1, None));
    assert_eq!(scope.list_devices(&all, None, 0).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_place_behind_the_longest_name_can_be_read_again() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in 1..=2 {
        let device = named(number, &"𝄞".repeat(255));
        scope.add_device(&device).await.unwrap();
    }
    let all = DeviceFilter::default();
    let next = scope.list_devices(&all, None, 1).await.unwrap().next.unwrap();
    assert_eq!(next.to_string().parse(), Ok(next));
}

#[test]
fn what_is_no_place_in_a_list_is_refused() {
    let long = "A".repeat(1_501);
    for text in ["", "!", "AAAA", "L_8", "LwA", long.as_str()] {
        assert_eq!(text.parse::<ListKey>(), Err(NoListKey), "{text}");
    }
    assert!("L2E".parse::<ListKey>().is_ok());
}

/// Says how long lists and searches take where there is much. `cargo test --release -p store -- --ignored --nocapture much`.
#[tokio::test]
#[ignore = "measures; it asserts nothing about time"]
async fn lists_of_much() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in 0..20_000_u16 {
        let hall = holder(10_000 + number);
        scope.add_holder(&hall).await.unwrap();
        if number < 10_000 {
            let device = named(number, &format!("Speaker {number}"));
            scope.add_device(&device).await.unwrap();
            if number % 10 > 0 {
                scope.add_line(&line_of(number, &device, &hall)).await.unwrap();
            }
        }
    }
    writing.commit().await.unwrap();
    let mut reading = store.read().await.unwrap();
    let mut scope = reading.account(&id("one"));
    for text in ["", "speaker 99", "nowhere", "ab:12:34", "19999", "777777"] {
        for is_assigned in [None, Some(true), Some(false)] {
            let filter = DeviceFilter {
                text: text.to_owned(),
                is_assigned,
                ..DeviceFilter::default()
            };
            let (mut after, mut slowest, mut rows, mut pages) = (None, Duration::ZERO, 0, 0);
            loop {
                let start = Instant::now();
                let listed = scope.list_devices(&filter, after.as_ref(), 50).await.unwrap();
                slowest = slowest.max(start.elapsed());
                (rows, pages, after) = (rows + listed.rows.len(), pages + 1, listed.next);
                if after.is_none() {
                    break;
                }
            }
            println!("devices {text:?} {is_assigned:?}: {rows} rows, {pages} pages, slowest {slowest:?}");
        }
        let filter = HolderFilter {
            text: text.to_owned(),
            kind: None,
            ..HolderFilter::default()
        };
        let (mut after, mut slowest, mut rows) = (None, Duration::ZERO, 0);
        loop {
            let start = Instant::now();
            let listed = scope.list_holders(&filter, after.as_ref(), 50).await.unwrap();
            slowest = slowest.max(start.elapsed());
            (rows, after) = (rows + listed.rows.len(), listed.next);
            if after.is_none() {
                break;
            }
        }
        println!("holders {text:?}: {rows} rows, slowest page {slowest:?}");
    }
}

#[tokio::test]
async fn a_list_is_narrowed_by_type_assignee_and_site_and_its_rows_are_counted() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let hall = holder(701);
    let person = Holder {
        kind: HolderKind::User,
        ..holder(702)
    };
    scope.add_holder(&hall).await.unwrap();
    scope.add_holder(&person).await.unwrap();
    let generic = Device {
        kind: DeviceType::Other,
        ..named(3, "gamma")
    };
    for device in [&named(1, "alpha"), &named(2, "beta"), &generic] {
        scope.add_device(device).await.unwrap();
    }
    scope
        .add_line(&line_of(1, &named(1, "alpha"), &hall))
        .await
        .unwrap();
    scope
        .add_line(&line_of(2, &named(2, "beta"), &person))
        .await
        .unwrap();

    let of_type = DeviceFilter {
        kind: Some(DeviceType::Other),
        ..DeviceFilter::default()
    };
    let of_user = DeviceFilter {
        assignee: Some(HolderKind::User),
        ..DeviceFilter::default()
    };
    let elsewhere = DeviceFilter {
        site: Some("nowhere".parse().unwrap()),
        ..DeviceFilter::default()
    };

    for (filter, expected) in [
        (of_type, vec!["gamma"]),
        (of_user, vec!["beta"]),
        (elsewhere, vec![]),
    ] {
        assert_eq!(names(&mut writing, &filter).await, expected);
        let count = writing.account(&id("one")).count_devices(&filter).await.unwrap();
        assert_eq!(count, expected.len() as u64);
    }
    let mut scope = writing.account(&id("one"));
    let areas = HolderFilter {
        kind: Some(HolderKind::CommonArea),
        ..HolderFilter::default()
    };
    assert_eq!(scope.count_holders(&areas).await.unwrap(), 1);
    let listed = scope.list_holders(&areas, None, 10).await.unwrap();
    let row = &listed.rows[0];
    assert_eq!(row.devices[&row.lines[0].0.device], named(1, "alpha"));
    let listed = scope
        .list_devices(&DeviceFilter::default(), None, 1)
        .await
        .unwrap();
    assert_eq!(listed.rows[0].holders[&hall.id], hall);
}
