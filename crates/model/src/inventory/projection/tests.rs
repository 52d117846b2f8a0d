use super::*;
use crate::directory::{Directory, Generation, Update};
use crate::inventory::{
    CountryCode, Description, DeviceType, DisplayName, GroupId, HolderKind, MacAddress, TimeZone, Timestamp,
};
use crate::{Secret, SlotPosition};

fn inventory() -> Inventory {
    let name = |text: &str| DisplayName::new(text).unwrap();
    let holder = |number: u16, text: &str| Holder {
        id: HolderId::from_random(number.into()),
        kind: HolderKind::CommonArea,
        name: name(text),
        extension: number.to_string().parse().unwrap(),
        package: "basic".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    };
    let device = |number: u8, kind: DeviceType| Device {
        id: DeviceId::from_random(number.into()),
        name: name("Loudspeaker"),
        description: Description::new("").unwrap(),
        mac: MacAddress::new([0, 0, 0, 0, 0, number]),
        kind,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
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
        devices: vec![
            device(1, DeviceType::Oyez),
            device(2, DeviceType::Algo),
            device(3, DeviceType::Other),
        ],
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
            members: vec![HolderId::from_random(701), HolderId::from_random(703)],
        }],
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
    let users = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>();
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
