//! What may be paged: page groups and page slots, and nothing that would ring or raise an alert.

use model::SlotKind;

use super::*;

#[tokio::test]
async fn page_groups_and_page_slots_can_be_paged_and_no_telephone_no_ring_and_no_alert() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let group = PageGroup {
        id: GroupId::from_random(1),
        name: name("Everywhere"),
        extension: "700".parse().unwrap(),
        urgency: Urgency::Normal,
        pagers: Pagers::Everybody,
        members: Vec::new(),
    };
    scope.add_group(&group).await.unwrap();
    let slot = |kind| LinePlace::Slot(SlotPosition::new(kind, 2).unwrap());
    let places = [
        (1001, Some(slot(SlotKind::Page))),
        (799, Some(slot(SlotKind::Page))),
        (702, Some(slot(SlotKind::Ring))),
        (703, Some(slot(SlotKind::Alert))),
        (704, Some(LinePlace::Phone(1))),
        (705, None),
    ];
    for (number, (extension, place)) in places.into_iter().enumerate() {
        let (holder, device) = (holder(extension), device(number.try_into().unwrap()));
        scope.add_holder(&holder).await.unwrap();
        let Some(place) = place else { continue };
        scope.add_device(&device).await.unwrap();
        let line = Line {
            id: LineId::from_random(number.try_into().unwrap()),
            place,
            user: format!("user{number}").parse().unwrap(),
            authorization_id: format!("name{number}").parse().unwrap(),
            ..line(&device, &holder)
        };
        scope.add_line(&line).await.unwrap();
    }

    for (extension, expected) in [
        ("700", true),
        ("1001", true),
        ("799", true),
        ("702", false),
        ("703", false),
        ("704", false),
        ("705", false),
        ("706", false),
    ] {
        let can_be_paged = scope.can_be_paged(&extension.parse().unwrap()).await.unwrap();
        assert_eq!(can_be_paged, expected, "{extension}");
    }
    let listed = scope.page_slot_holders(2).await.unwrap();
    let numbers = listed.iter().map(|(extension, _)| extension.as_str());
    assert_eq!(numbers.collect::<Vec<_>>(), ["799", "1001"]);
    assert_eq!(scope.page_slot_holders(1).await.unwrap(), listed[..1]);
    let mut other = writing.account(&id("two"));
    assert!(!other.can_be_paged(&group.extension).await.unwrap());
    assert!(other.page_slot_holders(2).await.unwrap().is_empty());
}
