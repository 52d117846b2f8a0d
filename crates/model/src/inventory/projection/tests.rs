use super::*;
use crate::directory::Permission;
use crate::directory::{Action, Decision, Directory, Generation, Update};
use crate::inventory::{DisplayName, GroupId, Pagers};
use crate::{Secret, SlotPosition};

fn inventory() -> Inventory {
    let name = |text: &str| DisplayName::new(text).unwrap();
    let holder = |number: u16, text: &str| DirectoryHolder {
        id: HolderId::from_random(number.into()),
        name: name(text),
        extension: number.to_string().parse().unwrap(),
        site: None,
    };
    let device = |number: u8| DirectoryDevice {
        id: DeviceId::from_random(number.into()),
        name: name("Loudspeaker"),
        site: None,
    };
    let line = |number: u8, device: u8, place: LinePlace, holder: u16| Line {
        id: LineId::from_random(number.into()),
        device: DeviceId::from_random(device.into()),
        place,
        holder: HolderId::from_random(holder.into()),
        user: format!("u{number}").parse().unwrap(),
        authorization_id: format!("a{number}").parse().unwrap(),
        algorithm: DigestAlgorithm::Sha256,
        generation: Generation(1),
        password: Secret::from("secret"),
    };
    let slot = |kind, port| LinePlace::Slot(SlotPosition::new(kind, port).unwrap());
    Inventory {
        account: Account {
            id: "oyez".parse().unwrap(),
            name: name("Oyez"),
            domain: "oyez.internal".to_owned(),
            many_extensions_before_5_5: false,
            generic_devices: true,
        },
        holders: vec![
            holder(701, "Hall"),
            holder(702, "Gate"),
            holder(703, "Lockdown"),
            holder(200, "Desk"),
            holder(299, "Nobody"),
        ],
        devices: (1..=3).map(device).collect(),
        lines: vec![
            line(1, 1, slot(SlotKind::Page, 1), 701),
            line(2, 2, slot(SlotKind::Page, 1), 701),
            line(3, 1, slot(SlotKind::Ring, 1), 702),
            line(4, 1, slot(SlotKind::Alert, 1), 703),
            line(5, 2, slot(SlotKind::Alert, 1), 703),
            line(6, 3, LinePlace::Phone(1), 200),
        ],
        earlier_passwords: Vec::new(),
        groups: vec![PageGroup {
            id: GroupId::from_random(1),
            name: name("Everywhere"),
            extension: "700".parse().unwrap(),
            urgency: Urgency::Normal,
            pagers: Pagers::Everybody,
            members: [701, 703]
                .map(|id| GroupMember::Holder(HolderId::from_random(id)))
                .into(),
        }],
        pins: BTreeMap::new(),
    }
}

#[test]
fn a_switch_takes_the_directory_of_an_inventory() {
    let inventory = inventory();
    let mut directory = Directory::new(inventory.account.id.clone());
    let snapshot = directory_of(&inventory, Epoch(3));
    directory.apply(Update::Snapshot(snapshot)).unwrap();
}

#[test]
fn the_lines_of_a_holder_decide_what_dialling_it_does() {
    let snapshot = directory_of(&inventory(), Epoch(1));
    let role = |extension: &str| {
        snapshot
            .extensions
            .iter()
            .find(|record| record.extension.as_str() == extension)
            .map(|record| record.role.clone())
    };
    let urgency = Urgency::Normal;
    assert_eq!(
        role("701"),
        Some(ExtensionRole::PageGroup {
            members: users(&["u1", "u2"]),
            urgency
        })
    );
    assert_eq!(
        role("702"),
        Some(ExtensionRole::Slot {
            kind: SlotKind::Ring,
            user: "u3".parse().unwrap()
        })
    );
    assert_eq!(
        role("703"),
        Some(ExtensionRole::Alert {
            members: users(&["u4", "u5"])
        })
    );
    assert_eq!(
        role("200"),
        Some(ExtensionRole::Phone {
            user: "u6".parse().unwrap()
        })
    );
    assert_eq!(role("299"), None, "nothing hangs on it");
    assert_eq!(
        role("700"),
        Some(ExtensionRole::PageGroup {
            members: users(&["u1", "u2"]),
            urgency
        }),
        "a group pages page slots, not alerts"
    );
}

#[test]
fn a_phone_is_no_device_of_the_directory() {
    let snapshot = directory_of(&inventory(), Epoch(1));
    let kind = |user: &str| {
        snapshot
            .users
            .iter()
            .find(|known| known.user.as_str() == user)
            .map(|known| known.kind.clone())
    };
    assert_eq!(kind("u6"), Some(UserKind::Phone));
    assert_eq!(kind("u1"), Some(UserKind::Device(DeviceId::from_random(1))));
}

#[test]
fn a_switch_takes_both_passwords_of_a_line_that_is_being_rotated() {
    let mut inventory = inventory();
    inventory.lines[0].generation = Generation(2);
    inventory.earlier_passwords.push(EarlierPassword {
        line: inventory.lines[0].id.clone(),
        generation: Generation(1),
        password: Secret::from("earlier"),
    });
    let mut directory = Directory::new(inventory.account.id.clone());
    directory
        .apply(Update::Snapshot(directory_of(&inventory, Epoch(1))))
        .unwrap();
    let id = inventory.lines[0].authorization_id.as_str();
    assert_eq!(directory.credentials(id).len(), 2);
}

#[test]
fn a_line_of_a_device_that_is_gone_is_left_out() {
    let mut inventory = inventory();
    inventory.devices.truncate(1);
    let snapshot = directory_of(&inventory, Epoch(1));
    assert_eq!(snapshot.users.len(), 3);
    assert_eq!(snapshot.credentials.len(), 3);
}

fn users(names: &[&str]) -> Vec<SipUser> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Who hears the group 700.
fn hearers(inventory: &Inventory) -> Vec<SipUser> {
    let snapshot = directory_of(inventory, Epoch(1));
    let group = snapshot.extensions.last().unwrap();
    group.role.users().to_vec()
}

#[test]
fn members_by_device_slot_and_site_are_their_page_slots_each_once() {
    let device = |number: u8| DeviceId::from_random(number.into());
    let slot = |kind, port| SlotPosition::new(kind, port).unwrap();
    let site: SiteId = "north".parse().unwrap();
    let mut inventory = inventory();
    inventory.devices[1].site = Some(site.clone());
    for (members, heard) in [
        (vec![GroupMember::Device(device(1))], vec!["u1"]),
        (
            vec![GroupMember::Slot(device(2), slot(SlotKind::Page, 1))],
            vec!["u2"],
        ),
        (
            vec![GroupMember::Slot(device(2), slot(SlotKind::Page, 2))],
            vec![],
        ),
        (
            vec![GroupMember::Slot(device(1), slot(SlotKind::Ring, 1))],
            vec![],
        ),
        (vec![GroupMember::Site(site.clone())], vec!["u2"]),
        (
            vec![
                GroupMember::Holder(HolderId::from_random(701)),
                GroupMember::Device(device(1)),
                GroupMember::Site(site),
            ],
            vec!["u1", "u2"],
        ),
        (vec![GroupMember::Site("south".parse().unwrap())], vec![]),
    ] {
        inventory.groups[0].members.clone_from(&members);
        assert_eq!(hearers(&inventory), users(&heard), "{members:?}");
    }
}

#[test]
fn what_comes_to_a_site_later_is_in_its_groups() {
    let site: SiteId = "north".parse().unwrap();
    let mut inventory = inventory();
    inventory.groups[0].members = vec![GroupMember::Site(site.clone())];
    assert_eq!(hearers(&inventory), []);
    // A device of no site is where its common area is, and one with a site is there.
    inventory.holders[0].site = Some(site);
    assert_eq!(hearers(&inventory), users(&["u1", "u2"]));
    inventory.devices[0].site = Some("south".parse().unwrap());
    assert_eq!(hearers(&inventory), users(&["u2"]));
}

#[test]
fn a_group_has_as_many_members_as_a_zone_takes_and_not_one_more() {
    let mut inventory = inventory();
    let site: SiteId = "north".parse().unwrap();
    inventory.devices[0].site = Some(site.clone());
    inventory.groups[0].members = vec![GroupMember::Site(site)];
    let first = inventory.lines[0].clone();
    for number in 1..=MEMBERS_MAX {
        inventory.lines.push(Line {
            id: LineId::from_random(100 + number as u128),
            user: format!("more{number}").parse().unwrap(),
            authorization_id: format!("more{number}").parse().unwrap(),
            ..first.clone()
        });
        if number >= MEMBERS_MAX - 1 {
            assert_eq!(hearers(&inventory).len(), MEMBERS_MAX, "{number}");
        }
    }
}

#[test]
fn a_group_is_paged_by_those_it_names_and_everything_else_by_everybody() {
    let mut inventory = inventory();
    let decide = |inventory: &Inventory, caller: &str, target: &str| {
        let mut directory = Directory::new(inventory.account.id.clone());
        let mut snapshot = directory_of(inventory, Epoch(1));
        let talker = User {
            user: "portal".parse().unwrap(),
            name: String::new(),
            kind: UserKind::Phone,
        };
        snapshot
            .permissions
            .push(Permission::to_page_everything(talker.user.clone()));
        snapshot.users.push(talker);
        directory.apply(Update::Snapshot(snapshot)).unwrap();
        let target = directory.extension(target).unwrap();
        directory.decide(&caller.parse().unwrap(), target) == Decision::Allowed
    };
    for (pagers, may) in [
        (Pagers::Everybody, [true, true, true]),
        (
            Pagers::Named(vec![HolderId::from_random(200)]),
            [true, false, true],
        ),
        (Pagers::Portal, [false, false, true]),
    ] {
        inventory.groups[0].pagers = pagers;
        assert_eq!(
            ["u6", "u1", "portal"].map(|by| decide(&inventory, by, "700")),
            may
        );
        for target in ["701", "702", "703", "200"] {
            assert!(decide(&inventory, "u1", target), "{target}");
        }
    }
    let snapshot = directory_of(&inventory, Epoch(1));
    assert!(
        snapshot
            .permissions
            .iter()
            .all(|permission| permission.action != Action::Page
                || permission.subject != crate::directory::Subject::Any)
    );
}

#[test]
fn a_group_with_a_pin_asks_whoever_may_page_it_but_the_portal_and_leaves_the_rest_as_it_was() {
    let mut inventory = inventory();
    let group = inventory.groups[0].clone();
    inventory.pins.insert(group.id, Secret::from("4711"));
    let portal: SipUser = "portal".parse().unwrap();
    let mut snapshot = directory_of(&inventory, Epoch(3));
    snapshot.users.push(User {
        user: portal.clone(),
        name: "Portal".to_owned(),
        kind: UserKind::Phone,
    });
    snapshot
        .permissions
        .push(Permission::to_page_everything(portal.clone()));
    let mut directory = Directory::new(inventory.account.id.clone());
    directory.apply(Update::Snapshot(snapshot)).unwrap();

    let decision = |who: &SipUser, number: &str| directory.decide(who, directory.extension(number).unwrap());
    let desk: SipUser = "u6".parse().unwrap();
    assert_eq!(
        decision(&desk, "700"),
        Decision::PinWanted(&Secret::from("4711")),
        "asks_for_it"
    );
    assert_eq!(
        decision(&desk, "701"),
        Decision::Allowed,
        "its members by their own numbers"
    );
    assert_eq!(
        decision(&portal, "700"),
        Decision::Allowed,
        "it is let in by its own sign-in"
    );

    inventory.groups[0].pagers = Pagers::Named(vec![HolderId::from_random(200)]);
    let named = directory_of(&inventory, Epoch(4));
    let mut directory = Directory::new(inventory.account.id.clone());
    directory.apply(Update::Snapshot(named)).unwrap();
    let decision = |who: &SipUser| directory.decide(who, directory.extension("700").unwrap());
    assert!(matches!(decision(&desk), Decision::PinWanted(_)));
    assert_eq!(decision(&"u1".parse().unwrap()), Decision::Denied);
}
