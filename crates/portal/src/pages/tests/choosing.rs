//! Choosing out of more users and common areas than a page shows.

use super::*;

async fn crowded() -> (Visit, String) {
    crowded_by(60).await
}

async fn crowded_by(count: u32) -> (Visit, String) {
    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device("0022EE0A0B0C", "oyez", "").await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    for number in 0..count {
        let holder = Holder {
            id: HolderId::from_random(u128::from(number) + 1),
            kind: if number == 59 {
                HolderKind::User
            } else {
                HolderKind::CommonArea
            },
            name: DisplayName::new(&format!("Room {number}")).unwrap(),
            extension: (1000 + number).to_string().parse().unwrap(),
            package: String::new(),
            country: CountryCode::new("CA").unwrap(),
            time_zone: TimeZone::new("UTC").unwrap(),
            site: None,
        };
        scope.add_holder(&holder).await.unwrap();
    }
    writing.commit().await.unwrap();
    (visit, format!("{device}/extensions/add"))
}

fn id(number: u128) -> HolderId {
    HolderId::from_random(number + 1)
}

#[tokio::test]
async fn extensions_are_searched_and_those_ticked_stay_from_page_to_page() {
    let (visit, path) = crowded().await;
    let first = visit.get(&path).await.text;
    assert_eq!(first.matches("name=\"holder\"").count(), 50);
    let next = first.split_once("name=\"after\" value=\"").unwrap().1;
    let next = next.split('"').next().unwrap();

    let second = visit
        .get(&format!("{path}?q=&holder={}&after={next}", id(3)))
        .await
        .text;
    assert_eq!(second.matches("name=\"holder\"").count(), 11);
    assert!(second.contains(&format!("value=\"{}\" checked> Room 3 (1003)", id(3))));

    let found = visit
        .get(&format!("{path}?holder={}&q=room+59", id(3)))
        .await
        .text;
    assert_eq!(found.matches("name=\"holder\"").count(), 2, "{found}");
    let users = visit.get(&format!("{path}?kind=user")).await.text;
    assert!(users.contains("Room 59") && !users.contains("Room 58"));
    let nothing = visit.get(&format!("{path}?q=nobody")).await.text;
    assert!(nothing.contains("Nobody else is found by"), "{nothing}");

    let slots = visit
        .get(&format!("{path}?holder={}&holder={}&next=1", id(3), id(59)))
        .await
        .text;
    assert!(
        slots.contains("Room 3 (1003)") && slots.contains("Room 59 (1059)") && slots.contains("Port number")
    );
    let none = visit.get(&format!("{path}?next=1&q=room")).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn whom_a_device_is_for_is_typed_where_there_are_many() {
    let (visit, _) = crowded().await;
    let form = |mac: &str, assigned: &str| {
        format!("name=Speaker&description=&mac={mac}&type=oyez&model=oyez&assigned={assigned}")
    };
    let page = visit.get("/devices/add").await.text;
    assert!(page.contains("a part of the name") && !page.contains("Room 7"));
    for (typed, told) in [
        ("nobody", "nobody is found by &#34;nobody&#34;"),
        ("room", "more than 50 are found"),
        ("room+1", "several are found"),
    ] {
        let answer = visit.post("/devices/add", &form("0022EE000001", typed)).await;
        assert!(answer.marks("assigned", told), "{typed}: {}", answer.text);
        assert!(
            answer.text.contains("value=\"0022EE000001\""),
            "what was typed stays"
        );
    }
    let several = visit
        .post("/devices/add", &form("0022EE000001", "room+1"))
        .await
        .text;
    assert!(
        several.contains(&format!("<option value=\"{}\"", id(17))),
        "{several}"
    );
    for (mac, typed) in [
        ("0022EE000001", id(17).to_string()),
        ("0022EE000002", "1001".to_owned()),
        ("0022EE000003", "room+59".to_owned()),
    ] {
        let answer = visit.post("/devices/add", &form(mac, &typed)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{typed}: {}", answer.text);
    }
    let list = visit.get("/devices").await.text;
    for name in ["Room 17 (1017)", "Room 1 (1001)", "Room 59 (1059)"] {
        assert!(list.contains(name), "{name}: {list}");
    }
    let wrong = visit
        .post("/devices/add", &form("nonsense", id(5).as_str()))
        .await
        .text;
    assert!(
        wrong.contains("Common area: Room 5 (1005)"),
        "who was chosen stays: {wrong}"
    );
}

#[tokio::test]
async fn as_many_as_a_device_has_slots_are_added_at_once_and_of_more_it_is_said() {
    let (visit, path) = crowded_by(73).await;
    let chosen = |count: u128| {
        (0..count)
            .map(|number| format!("holder={}&", id(number)))
            .collect::<String>()
    };

    let ports = visit.get(&format!("{path}?{}next=1", chosen(72))).await;
    let refused = visit.get(&format!("{path}?{}next=1", chosen(73))).await;
    let posted = visit.post(&path, &chosen(73)).await;

    assert_eq!(ports.status, StatusCode::OK);
    assert_eq!(
        ports.text.matches("Port number</label>").count(),
        72,
        "{}",
        ports.text
    );
    for refused in [refused, posted] {
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            refused.text.contains("At most 72 extensions are added at a time"),
            "{}",
            refused.text
        );
        assert_eq!(refused.text.matches(" checked> ").count(), 72);
    }
}
