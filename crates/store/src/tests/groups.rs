//! Page groups: whatever they name is kept, found, and goes with what it names.

use model::SlotKind;
use model::inventory::{Site, SiteId, SiteTitle};

use super::*;
use crate::{GroupError, PinChange, Scope};

fn group(number: u32, members: Vec<GroupMember>) -> PageGroup {
    PageGroup {
        id: GroupId::from_random(number.into()),
        name: name(&format!("Group {number}")),
        extension: number.to_string().parse().unwrap(),
        urgency: Urgency::Normal,
        pagers: Pagers::Everybody,
        members,
    }
}

fn site(title: &str) -> Site {
    Site {
        id: title.parse().unwrap(),
        name: SiteTitle::new(title).unwrap(),
    }
}

fn slot(port: u8) -> SlotPosition {
    SlotPosition::new(SlotKind::Page, port).unwrap()
}

/// Two common areas, a loudspeaker, two sites.
async fn furnish(scope: &mut Scope<'_, '_>) -> Vec<GroupMember> {
    for number in [701, 702] {
        scope.add_holder(&holder(number)).await.unwrap();
    }
    scope.add_device(&device(1)).await.unwrap();
    for title in ["North", "South"] {
        scope.add_site(&site(title)).await.unwrap();
    }
    vec![
        GroupMember::Holder(holder(701).id),
        GroupMember::Device(device(1).id),
        GroupMember::Slot(device(1).id, slot(2)),
        GroupMember::Slot(device(1).id, slot(51)),
        GroupMember::Site(site("North").id),
    ]
}

#[tokio::test]
async fn members_of_every_kind_and_who_may_page_come_back_and_go_with_what_they_name() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let members = furnish(&mut scope).await;
    let mut kept = group(700, members.clone());
    kept.urgency = Urgency::Priority;
    kept.pagers = Pagers::Named(vec![holder(702).id]);
    scope.add_group(&kept).await.unwrap();
    assert_eq!(scope.group(&kept.id).await.unwrap(), Some(kept.clone()));
    assert_eq!(scope.groups().await.unwrap(), [kept.clone()]);
    let listed = scope.list_groups("", None, 10).await.unwrap().rows;
    let [listed] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    let counts = [listed.holders, listed.devices, listed.slots, listed.sites];
    assert_eq!(
        (counts, &listed.pagers),
        ([1, 1, 2, 1], &Pagers::Named(Vec::new()))
    );
    for number in [701, 702] {
        let named = scope.groups_with_holder(&holder(number).id).await.unwrap();
        assert_eq!(named, [(kept.extension.clone(), kept.name.clone())]);
    }

    let named = scope.named_members(&kept.id).await.unwrap();
    let told: Vec<&GroupMember> = named.iter().map(|named| &named.member).collect();
    assert_eq!(told, members.iter().collect::<Vec<_>>());
    assert_eq!(
        (named[4].name.as_str(), &named[0].extension),
        ("North", &Some(holder(701).extension))
    );
    let pagers = scope.named_pagers(&kept.id).await.unwrap();
    assert_eq!(
        pagers,
        [(holder(702).id, holder(702).name, holder(702).extension)]
    );

    scope.remove_holder(&holder(702).id).await.unwrap();
    kept.pagers = Pagers::Named(Vec::new());
    assert_eq!(scope.group(&kept.id).await.unwrap(), Some(kept.clone()));
    let epoch = scope.epoch().await.unwrap();
    writing.commit().await.unwrap();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    assert!(
        scope
            .remove_site(&site("North").id, Some(&site("South").id))
            .await
            .unwrap()
    );
    assert!(scope.epoch().await.unwrap() > epoch, "the zones are told");
    scope.remove_device(&device(1).id).await.unwrap();
    kept.members = vec![members[0].clone(), GroupMember::Site(site("South").id)];
    assert_eq!(scope.group(&kept.id).await.unwrap(), Some(kept.clone()));
    kept.pagers = Pagers::Portal;
    assert!(scope.update_group(&kept).await.unwrap());
    assert_eq!(scope.group(&kept.id).await.unwrap(), Some(kept));
}

#[tokio::test]
async fn nothing_of_another_account_is_a_member() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let members = furnish(&mut writing.account(&id("one"))).await;
    let mut scope = writing.account(&id("two"));
    let mut foreign = group(700, members);
    foreign.pagers = Pagers::Named(vec![holder(702).id]);
    scope.add_group(&foreign).await.unwrap();
    let kept = scope.group(&foreign.id).await.unwrap().unwrap();
    assert_eq!((kept.members, kept.pagers), (vec![], Pagers::Named(vec![])));
    assert_eq!(
        writing.account(&id("one")).group(&foreign.id).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_group_names_so_many_and_not_one_more() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let members = |count: usize| -> Vec<GroupMember> {
        (0..count)
            .map(|number| GroupMember::Site(SiteId::from_random(number as u128)))
            .collect()
    };
    let named = |count: usize| {
        let holders = (0..count).map(|number| HolderId::from_random(number as u128));
        Pagers::Named(holders.collect())
    };
    let mut large = group(700, members(PageGroup::MEMBERS_MAX));
    large.pagers = named(PageGroup::PAGERS_MAX);
    scope.add_group(&large).await.unwrap();
    large.members = members(PageGroup::MEMBERS_MAX + 1);
    let refused = scope.update_group(&large).await.unwrap_err();
    assert!(matches!(refused, GroupError::TooManyMembers), "{refused}");
    large.members.clear();
    large.pagers = named(PageGroup::PAGERS_MAX + 1);
    let refused = scope.update_group(&large).await.unwrap_err();
    assert!(matches!(refused, GroupError::TooManyPagers), "{refused}");
}

#[tokio::test]
async fn groups_are_searched_by_name_and_number_and_read_page_by_page() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in [71, 700, 701, 7001] {
        scope.add_group(&group(number, Vec::new())).await.unwrap();
    }
    let numbers = |rows: &[crate::ListedGroup]| -> Vec<String> {
        rows.iter().map(|row| row.extension.to_string()).collect()
    };
    let first = scope.list_groups("", None, 3).await.unwrap();
    assert_eq!(numbers(&first.rows), ["71", "700", "701"]);
    let second = scope.list_groups("", first.next.as_ref(), 3).await.unwrap();
    assert_eq!(
        (numbers(&second.rows), second.next),
        (vec!["7001".to_owned()], None)
    );
    assert_eq!(
        numbers(&scope.list_groups("700", None, 9).await.unwrap().rows),
        ["700", "7001"]
    );
    assert_eq!(
        numbers(&scope.list_groups("oUp 71", None, 9).await.unwrap().rows),
        ["71"]
    );
    assert_eq!(scope.count_groups("").await.unwrap(), 4);
    assert_eq!(writing.account(&id("two")).count_groups("").await.unwrap(), 0);
}

#[tokio::test]
async fn an_account_has_so_many_groups_and_not_one_more() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let most = i64::try_from(crate::GROUPS_MAX).unwrap();
    for sql in [
        "INSERT INTO extension WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
         SELECT 'one', CAST(100000 + i AS TEXT) FROM n",
        "INSERT INTO page_group (id, account, name, extension) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
         SELECT CAST(i AS TEXT), 'one', 'Many', CAST(100000 + i AS TEXT) FROM n",
    ] {
        writing.execute(sql, &[(most - 1).into()]).await.unwrap();
    }
    let mut scope = writing.account(&id("one"));
    scope.add_group(&group(700, Vec::new())).await.unwrap();
    assert_eq!(scope.count_groups("").await.unwrap(), crate::GROUPS_MAX);
    let refused = scope.add_group(&group(701, Vec::new())).await.unwrap_err();
    assert!(matches!(refused, GroupError::TooMany), "{refused}");
}

#[tokio::test]
async fn the_page_slots_that_a_group_reaches_are_those_that_the_zones_are_told_of() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let members = furnish(&mut scope).await;
    let (hall, gate) = (holder(701), holder(702));
    for (number, port, whose) in [(1, 1, &hall), (2, 2, &gate), (3, 3, &gate)] {
        let line = Line {
            id: LineId::from_random(number),
            place: LinePlace::Slot(slot(port)),
            user: format!("u{number}").parse().unwrap(),
            authorization_id: format!("a{number}").parse().unwrap(),
            ..line(&device(1), whose)
        };
        scope.add_line(&line).await.unwrap();
    }
    let mut tried = group(700, Vec::new());
    scope.add_group(&tried).await.unwrap();
    let at = Device {
        site: Some(site("South").id),
        ..device(1)
    };
    scope.update_device(&at).await.unwrap();
    for (named, reached) in [
        (vec![], 0),
        (vec![members[0].clone()], 1),
        (vec![members[2].clone()], 1),
        (vec![members[3].clone()], 0),
        (vec![members[0].clone(), members[2].clone()], 2),
        (vec![members[1].clone(), members[0].clone()], 3),
        (vec![members[4].clone()], 0),
        (vec![GroupMember::Site(site("South").id)], 3),
    ] {
        tried.members.clone_from(&named);
        scope.update_group(&tried).await.unwrap();
        let directory = scope.directory().await.unwrap().unwrap();
        let told = directory.extensions.last().unwrap().role.users().len();
        let counted = scope.count_reached(&tried.id).await.unwrap();
        assert_eq!(
            (counted, told),
            (reached, usize::try_from(reached).unwrap()),
            "{named:?}"
        );
    }
}

#[tokio::test]
async fn a_group_is_given_what_its_account_has_and_nothing_else() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let members = furnish(&mut scope).await;
    let mut kept = group(700, Vec::new());
    kept.pagers = Pagers::Named(Vec::new());
    scope.add_group(&kept).await.unwrap();
    let named: Vec<_> = members.iter().map(|member| (&kept.id, member)).collect();
    scope.add_group_members(&named).await.unwrap();
    let named = [(&kept.id, &holder(702).id)];
    scope.add_group_pagers(&named).await.unwrap();
    let group = scope.group(&kept.id).await.unwrap().unwrap();
    assert_eq!(group.members, members);
    assert_eq!(group.pagers, Pagers::Named(vec![holder(702).id]));

    let mut scope = writing.account(&id("two"));
    let mine = GroupMember::Holder(holder(703).id);
    scope.add_holder(&holder(703)).await.unwrap();
    for (group, member) in [(&kept.id, &mine), (&GroupId::from_random(9), &mine)] {
        let refused = scope.add_group_members(&[(group, member)]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Missing { .. }), "{refused:?}");
    }
    let refused = scope
        .add_group_pagers(&[(&kept.id, &holder(703).id)])
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::Missing { .. }), "{refused:?}");
    let mut scope = writing.account(&id("one"));
    let refused = scope.add_group_members(&[(&kept.id, &mine)]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Missing { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_pin_is_sealed_told_to_zones_alone_and_goes_with_its_group() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let (one, other) = (group(700, Vec::new()), group(701, Vec::new()));
    for group in [&one, &other] {
        scope.add_group(group).await.unwrap();
    }
    let epoch = scope.epoch().await.unwrap();
    writing.commit().await.unwrap();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    assert_eq!(scope.set_group_pin(&one.id, None).await.unwrap(), None);
    assert_eq!(scope.epoch().await.unwrap(), epoch, "nothing has changed");

    let mut changes = Vec::new();
    for pin in [Some("4711"), Some("4711"), Some("0815"), None, Some("123456")] {
        let pin = pin.map(Secret::from);
        changes.push(scope.set_group_pin(&one.id, pin.as_ref()).await.unwrap());
    }
    assert_eq!(
        changes,
        [
            Some(PinChange::Set),
            None,
            Some(PinChange::Changed),
            Some(PinChange::Removed),
            Some(PinChange::Set)
        ]
    );
    assert!(scope.epoch().await.unwrap() > epoch);
    assert!(scope.has_group_pin(&one.id).await.unwrap());
    assert!(!scope.has_group_pin(&other.id).await.unwrap());

    let mut renamed = one.clone();
    renamed.name = name("Another name");
    scope.update_group(&renamed).await.unwrap();
    assert!(
        scope.group_pins().await.unwrap()[&one.id].matches("123456"),
        "a change of the rest leaves it"
    );
    let snapshot = scope.directory().await.unwrap().unwrap();
    let asked = snapshot
        .permissions
        .iter()
        .filter(|permission| permission.pin.is_some());
    assert_eq!(asked.count(), 1);
    let column = "SELECT pin FROM page_group WHERE pin IS NOT NULL";
    let rows = scope.transaction.rows(column, &[]).await.unwrap();
    let kept = format!("{rows:?}");
    assert!(
        !kept.contains("123456") && !kept.contains("[49, 50, 51, 52, 53, 54"),
        "{kept}"
    );

    scope.remove_group(&one.id).await.unwrap();
    assert!(scope.group_pins().await.unwrap().is_empty());
    let mut elsewhere = writing.account(&id("two"));
    assert_eq!(elsewhere.set_group_pin(&other.id, None).await.unwrap(), None);
}
