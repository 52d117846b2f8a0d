use super::*;
use crate::DeviceId;
use crate::inventory::Catalogue;
use crate::inventory::{
    CountryCode, Description, DeviceType, DisplayName, HolderId, HolderKind, MacAddress, TimeZone, Timestamp,
};

const PAGE_1: LinePlace = LinePlace::Slot(SlotPosition::BASE_PAGE);

fn account() -> Account {
    Account {
        id: "oyez".parse().unwrap(),
        name: DisplayName::new("Oyez").unwrap(),
        domain: "oyez.internal".to_owned(),
        many_extensions_before_5_5: false,
        generic_devices: true,
    }
}

fn device(kind: DeviceType, firmware: Option<&str>) -> Device {
    Device {
        id: DeviceId::from_random(1),
        name: DisplayName::new("Hall").unwrap(),
        description: Description::new("").unwrap(),
        mac: MacAddress::new([0; 6]),
        kind,
        model: None,
        firmware: firmware.map(str::to_owned),
        site: None,
        added_at: Timestamp(0),
    }
}

fn holder(number: u8) -> Holder {
    Holder {
        id: HolderId::from_random(number.into()),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: number.to_string().parse().unwrap(),
        package: "basic".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    }
}

fn place(kind: SlotKind, port: u8) -> LinePlace {
    LinePlace::Slot(SlotPosition::new(kind, port).unwrap())
}

fn check(device: &Device, at: LinePlace, on_device: &[LinePlace]) -> Result<(), AssignmentError> {
    let taken: Vec<_> = on_device.iter().map(|place| (*place, "8".to_owned())).collect();
    check_assignment(&account(), (device, None), &holder(7), at, &taken, &[])
}

#[test]
fn a_slot_has_one_extension() {
    let refused = check(&device(DeviceType::Oyez, None), PAGE_1, &[PAGE_1]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "page port 1 has extension 8; choose another port, or remove that one first"
    );
}

#[test]
fn firmware_5_5_takes_several_extensions_in_any_slot() {
    let device = device(DeviceType::Algo, Some("5.5"));
    assert_eq!(check(&device, place(SlotKind::Ring, 3), &[PAGE_1]), Ok(()));
}

#[test]
fn firmware_5_4_takes_one_extension_in_the_base_page_slot() {
    let device = device(DeviceType::Algo, Some("5.4.2"));
    let firmware = Firmware(5, 4, 2);
    assert_eq!(check(&device, PAGE_1, &[]), Ok(()));
    assert_eq!(
        check(&device, place(SlotKind::Page, 2), &[PAGE_1]),
        Err(AssignmentError::OneExtension { firmware })
    );
    assert_eq!(
        check(&device, place(SlotKind::Alert, 1), &[]),
        Err(AssignmentError::BasePageOnly { firmware })
    );
}

#[test]
fn the_setting_of_the_account_lifts_the_limit() {
    let account = Account {
        many_extensions_before_5_5: true,
        ..account()
    };
    let taken = [(PAGE_1, "8".to_owned())];
    let device = device(DeviceType::Algo, Some("5.4"));
    assert_eq!(
        check_assignment(
            &account,
            (&device, None),
            &holder(7),
            place(SlotKind::Ring, 1),
            &taken,
            &[]
        ),
        Ok(())
    );
}

#[test]
fn firmware_3_2_2_is_too_old_and_3_2_3_is_not() {
    let old = device(DeviceType::Algo, Some("3.2.2"));
    assert!(matches!(
        check(&old, PAGE_1, &[]),
        Err(AssignmentError::TooOld { .. })
    ));
    let oldest = device(DeviceType::Algo, Some("3.2.3"));
    assert_eq!(check(&oldest, PAGE_1, &[]), Ok(()));
}

#[test]
fn an_extension_pages_several_devices_but_rings_at_one() {
    let device = device(DeviceType::Oyez, None);
    let holder = holder(7);
    let check = |at: LinePlace, elsewhere: LinePlace| {
        check_assignment(&account(), (&device, None), &holder, at, &[], &[elsewhere])
    };
    assert_eq!(check(PAGE_1, place(SlotKind::Page, 4)), Ok(()));
    assert!(matches!(
        check(place(SlotKind::Ring, 1), place(SlotKind::Ring, 1)),
        Err(AssignmentError::RingsElsewhere { .. })
    ));
    assert!(matches!(
        check(PAGE_1, LinePlace::Phone(1)),
        Err(AssignmentError::OtherKind { other: "phone", .. })
    ));
}

#[test]
fn a_generic_device_is_a_phone_or_has_slots_whatever_its_firmware() {
    let other = device(DeviceType::Other, Some("5.4"));
    assert_eq!(check(&other, LinePlace::Phone(2), &[LinePlace::Phone(1)]), Ok(()));
    assert_eq!(
        check(&other, place(SlotKind::Alert, 2), &[LinePlace::Phone(1)]),
        Ok(())
    );
    let algo = device(DeviceType::Algo, None);
    assert!(matches!(
        check(&algo, LinePlace::Phone(1), &[]),
        Err(AssignmentError::NoPhone { .. })
    ));
}

#[test]
fn firmware_is_compared_by_numbers() {
    assert_eq!(Firmware::parse("5.10"), Some(Firmware(5, 10, 0)));
    assert_eq!(Firmware::parse("5.5.1-beta"), Some(Firmware(5, 5, 1)));
    assert!(Firmware::parse("5.10") > Firmware::parse("5.5"));
    assert_eq!(Firmware::parse("next"), None);
    assert_eq!(Firmware::parse("99999999999.1"), None);
}

#[test]
fn a_model_has_so_many_slots_and_not_one_more() {
    let mut catalogue = Catalogue::built_in();
    let text = "[[model]]\nname = \"bell\"\nsays = [\"bell\"]\npage-slots = 2\nalert-slots = 0\noldest-firmware = \"6.0\"\n";
    catalogue.extend(text).unwrap();
    let model = catalogue.of_name("bell");
    let device = device(DeviceType::Algo, None);
    let check = |at| check_place(&account(), &device, model, at, true);
    assert_eq!(check(place(SlotKind::Page, 2)), Ok(()));
    for (at, words) in [
        (
            place(SlotKind::Page, 3),
            "the bell has page slots 1 to 2; choose one of them",
        ),
        (
            place(SlotKind::Alert, 1),
            "the bell has no alert slot; choose another assignment type",
        ),
    ] {
        assert_eq!(check(at).unwrap_err().to_string(), words);
    }
}

#[test]
fn the_five_models_without_tls_cannot_register_and_a_model_may_need_later_firmware() {
    let mut catalogue = Catalogue::built_in();
    catalogue
        .extend("[[model]]\nname = \"late\"\nsays = [\"late\"]\noldest-firmware = \"6.0\"\n")
        .unwrap();
    let device = device(DeviceType::Algo, Some("5.5"));
    let check = |name: &str| {
        let model = catalogue.of_name(name);
        assert!(model.is_some());
        check_place(&account(), &device, model, PAGE_1, true)
    };
    for name in ["8180 G1", "8028 G1", "8128 G1", "8061", "8036"] {
        let said = check(name).unwrap_err().to_string();
        assert!(
            said.contains(name) && said.contains("neither TLS nor SRTP"),
            "{said}"
        );
    }
    assert_eq!(check("8039"), Ok(()), "audio only");
    let said = check("late").unwrap_err().to_string();
    assert_eq!(
        said,
        "firmware 5.5.0 cannot register: update the device to 6.0.0 or later"
    );
}
