//! Sites, templates, addresses and alert settings: what programs keep besides.

use model::inventory::{
    AddressId, AddressLine, AlertCondition, AlertSetting, AlertSettingId, AlertTarget, AlertTimes,
    EmergencyAddress, HardwareSettings, HolderProfile, ProvisionTemplate, Remark, Site, SiteId, SiteProfile,
    SiteTitle, TemplateContent, TemplateId, TemplateName,
};

use super::*;
use crate::{ADDRESSES_MAX, AddressFilter, AlertSettingFilter, DeviceFilter, SiteError, TemplateStoreError};

fn site(number: u128, name: &str) -> Site {
    Site {
        id: SiteId::from_random(number),
        name: SiteTitle::new(name).unwrap(),
    }
}

fn address(number: u128, site: Option<&Site>) -> EmergencyAddress {
    let line = |text| AddressLine::new(text).unwrap();
    EmergencyAddress {
        id: AddressId::from_random(number),
        line1: line("1 Main Street"),
        line2: Remark::new("").unwrap(),
        city: line("Vancouver"),
        state_code: line("BC"),
        zip: line("V5K"),
        country: CountryCode::new("CA").unwrap(),
        is_default: true,
        site: site.map(|site| site.id.clone()),
        holder: None,
    }
}

#[tokio::test]
async fn a_site_that_goes_leaves_what_it_had_to_another() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let (west, east) = (site(1, "HQ"), site(2, "East"));
    scope.add_site(&west).await.unwrap();
    scope.add_site(&east).await.unwrap();
    let again = scope.add_site(&site(3, "HQ")).await;
    assert!(matches!(again, Err(SiteError::NameTaken(_))));
    let profile = SiteProfile {
        receptionist: SiteTitle::new("Front desk").unwrap(),
        code: Some(8),
        short_length: None,
        caller_id_name: Remark::new("").unwrap(),
    };
    scope.set_site_profile(&west.id, &profile).await.unwrap();
    assert_eq!(scope.site_profile(&west.id).await.unwrap(), Some(profile));
    let hall = Holder {
        site: Some(west.id.clone()),
        ..holder(701)
    };
    scope.add_holder(&hall).await.unwrap();
    assert!(scope.set_address(&address(1, Some(&west))).await.unwrap());

    let members = scope.site_members(&west.id, 1).await.unwrap();
    assert_eq!(
        (members.holder_count, members.device_count, members.address_count),
        (1, 0, 1)
    );
    assert_eq!(members.holders, std::slice::from_ref(&hall));
    let gone = SiteId::from_random(9);
    assert!(!scope.remove_site(&west.id, Some(&west.id)).await.unwrap());
    assert!(!scope.remove_site(&west.id, Some(&gone)).await.unwrap());
    assert!(scope.remove_site(&west.id, Some(&east.id)).await.unwrap());

    assert_eq!(scope.sites().await.unwrap(), std::slice::from_ref(&east));
    assert_eq!(
        scope.holder(&hall.id).await.unwrap().unwrap().site,
        Some(east.id.clone())
    );
    let kept = scope.address(&AddressId::from_random(1)).await.unwrap().unwrap();
    assert_eq!((kept.site, kept.is_default), (Some(east.id.clone()), false));

    assert!(scope.remove_site(&east.id, None).await.unwrap());
    assert_eq!(scope.holder(&hall.id).await.unwrap().unwrap().site, None);
    let kept = scope.address(&AddressId::from_random(1)).await.unwrap().unwrap();
    assert_eq!(kept.site, None);
}

#[tokio::test]
async fn sites_are_listed_page_by_page_with_how_much_belongs_to_each() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut other = writing.account(&id("two"));
    other.add_site(&site(9, "East of two")).await.unwrap();
    let mut scope = writing.account(&id("one"));
    let sites = [site(1, "west"), site(2, "East"), site(3, "100% east")];
    for site in &sites {
        scope.add_site(site).await.unwrap();
    }
    let speaker = Device {
        site: Some(sites[1].id.clone()),
        ..device(1)
    };
    scope.add_device(&speaker).await.unwrap();
    let first = scope.list_sites("", None, 2).await.unwrap();
    let names: Vec<&str> = first.rows.iter().map(|row| row.site.name.as_str()).collect();
    assert_eq!(names, ["100% east", "East"]);
    assert_eq!((first.rows[1].holders, first.rows[1].devices), (0, 1));
    let second = scope.list_sites("", first.next.as_ref(), 2).await.unwrap();
    assert_eq!(second.rows.len(), 1);
    assert_eq!((&second.rows[0].site, &second.next), (&sites[0], &None));
    assert_eq!(scope.list_sites("EAST", None, 9).await.unwrap().rows.len(), 2);
    assert_eq!(scope.list_sites("0%", None, 9).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn one_address_of_a_site_is_the_default_and_a_common_area_can_have_its_own() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let west = site(1, "West");
    scope.add_site(&west).await.unwrap();
    scope.add_holder(&holder(701)).await.unwrap();
    for number in [1, 2] {
        scope.set_address(&address(number, Some(&west))).await.unwrap();
    }
    let elsewhere = address(3, Some(&site(9, "Elsewhere")));
    assert!(scope.set_address(&elsewhere).await.is_err());

    let default = scope.default_address(Some(&west.id)).await.unwrap().unwrap();
    assert_eq!(default.id, AddressId::from_random(2));
    assert_eq!(scope.default_address(None).await.unwrap(), None);
    let filter = AddressFilter {
        text: "vancou".to_owned(),
        site: Some(west.id.clone()),
        ..AddressFilter::default()
    };
    let first = scope.list_addresses(&filter, "", 1).await.unwrap();
    let second = scope
        .list_addresses(&filter, first[0].id.as_str(), 1)
        .await
        .unwrap();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert_eq!(scope.count_addresses(&filter).await.unwrap(), 2);

    let text = |text| Remark::new(text).unwrap();
    let profile = HolderProfile {
        department: text("Works"),
        cost_center: text(""),
        area_code: text(""),
        language: text("en-GB"),
        address: Some(AddressId::from_random(1)),
    };
    scope.set_holder_profile(&holder(701).id, &profile).await.unwrap();
    assert_eq!(
        scope.holder_profile(&holder(701).id).await.unwrap(),
        Some(profile)
    );
    assert!(scope.remove_address(&AddressId::from_random(1)).await.unwrap());
    let kept = scope.holder_profile(&holder(701).id).await.unwrap().unwrap();
    assert_eq!(kept.address, None);
}

#[tokio::test]
async fn services_are_sent_to_the_chosen_address_else_the_own_default_else_the_site_s_else_the_account_s() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let (west, east) = (site(1, "West"), site(2, "East"));
    scope.add_site(&west).await.unwrap();
    scope.add_site(&east).await.unwrap();
    let ann = Holder {
        kind: HolderKind::User,
        site: Some(west.id.clone()),
        ..holder(701)
    };
    scope.add_holder(&ann).await.unwrap();
    let own = |number, site| EmergencyAddress {
        holder: Some(ann.id.clone()),
        ..address(number, Some(site))
    };
    let not_default = EmergencyAddress {
        is_default: false,
        ..own(4, &west)
    };
    assert_eq!(scope.address_of(&ann).await.unwrap(), None);
    for (added, sent_to) in [
        (not_default, None),
        (address(1, None), Some(1)),
        (address(2, Some(&west)), Some(2)),
        (own(9, &east), Some(9)),
        // One of all that are a user's own is the default, wherever they are.
        (own(8, &west), Some(8)),
        (own(9, &east), Some(9)),
    ] {
        assert!(scope.set_address(&added).await.unwrap());
        let found = scope.address_of(&ann).await.unwrap();
        assert_eq!(
            found.map(|found| found.id),
            sent_to.map(AddressId::from_random),
            "{:?}",
            added.id
        );
    }
    let of_west = scope.default_address(Some(&west.id)).await.unwrap().unwrap();
    assert_eq!(of_west.id, AddressId::from_random(2));
    assert!(scope.remove_site(&east.id, Some(&west.id)).await.unwrap());
    let found = scope.address_of(&ann).await.unwrap().unwrap();
    assert_eq!(
        found.id,
        AddressId::from_random(9),
        "it is the user's wherever it is"
    );

    let text = |text| Remark::new(text).unwrap();
    let profile = HolderProfile {
        department: text(""),
        cost_center: text(""),
        area_code: text(""),
        language: text(""),
        address: Some(AddressId::from_random(4)),
    };
    scope.set_holder_profile(&ann.id, &profile).await.unwrap();
    let found = scope.address_of(&ann).await.unwrap().unwrap();
    assert_eq!(found.id, AddressId::from_random(4));
}

#[tokio::test]
async fn an_address_is_found_by_letters_and_signs_as_they_stand() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for (number, city) in [(1, "\u{c4}GYPTEN 50%"), (2, "Agypten 501")] {
        let address = EmergencyAddress {
            city: AddressLine::new(city).unwrap(),
            ..address(number, None)
        };
        assert!(scope.set_address(&address).await.unwrap());
    }
    for (text, count) in [
        ("\u{c4}gypten", 1),
        ("50%", 1),
        ("_", 0),
        ("!", 0),
        ("GYPTEN 50", 2),
    ] {
        let filter = AddressFilter {
            text: text.to_owned(),
            ..AddressFilter::default()
        };
        assert_eq!(scope.count_addresses(&filter).await.unwrap(), count, "{text}");
    }
}

#[tokio::test]
async fn an_address_is_changed_where_there_is_no_room_for_another() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in 0..u128::from(ADDRESSES_MAX) {
        let address = EmergencyAddress {
            is_default: false,
            ..address(number, None)
        };
        assert!(scope.set_address(&address).await.unwrap());
    }
    assert!(scope.set_address(&address(1, None)).await.unwrap());
    let one_more = address(ADDRESSES_MAX.into(), None);
    assert!(!scope.set_address(&one_more).await.unwrap());
}

#[tokio::test]
async fn a_template_is_a_device_s_until_it_is_removed() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let template = |number: u128| ProvisionTemplate {
        id: TemplateId::from_random(number),
        name: TemplateName::new("Loud").unwrap(),
        description: Description::new("").unwrap(),
        content: TemplateContent::new("audio.page.vol = 0dB", &HardwareSettings::default()).unwrap(),
    };
    scope.add_template(&template(1)).await.unwrap();
    let again = scope.add_template(&template(2)).await;
    assert!(matches!(again, Err(TemplateStoreError::NameTaken(_))));
    scope.add_device(&device(1)).await.unwrap();
    let chosen = Some(&template(1).id).cloned();
    scope
        .set_device_template(&device(1).id, chosen.as_ref())
        .await
        .unwrap();

    assert_eq!(
        scope.template_of_device(&device(1).id).await.unwrap(),
        Some(template(1))
    );
    assert_eq!(scope.list_templates("", 10).await.unwrap(), [(template(1), 1)]);
    let listed = scope
        .list_devices(&DeviceFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(listed.rows[0].template, chosen);
    let missing = TemplateId::from_random(9);
    assert!(
        scope
            .set_device_template(&device(1).id, Some(&missing))
            .await
            .is_err()
    );

    scope
        .set_device_template(&device(1).id, chosen.as_ref())
        .await
        .unwrap();
    assert!(scope.remove_template(&template(1).id).await.unwrap());
    assert_eq!(scope.template_of_device(&device(1).id).await.unwrap(), None);
}

#[tokio::test]
async fn an_alert_setting_is_kept_sealed_and_found_by_its_rule() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let mut setting = AlertSetting {
        id: AlertSettingId::from_random(1),
        name: "Speakers".to_owned(),
        module: 3,
        rule: 10,
        target: AlertTarget {
            kind: 2,
            ids: Vec::new(),
        },
        conditions: vec![AlertCondition {
            kind: 4,
            value: "15".to_owned(),
        }],
        times: AlertTimes {
            is_all_day: true,
            from: "00:00:00".to_owned(),
            to: "23:59:59".to_owned(),
        },
        frequency: None,
        email_recipients: Vec::new(),
        chat_channels: Vec::new(),
        is_active: true,
    };
    assert!(scope.set_alert_setting(&setting).await.unwrap());
    setting.is_active = false;
    assert!(scope.set_alert_setting(&setting).await.unwrap());

    let found = |rule, is_active| AlertSettingFilter {
        rule: Some(rule),
        is_active: Some(is_active),
        ..AlertSettingFilter::default()
    };
    assert_eq!(
        scope
            .list_alert_settings(&found(10, false), "", 10)
            .await
            .unwrap(),
        [setting.clone()]
    );
    assert_eq!(
        scope.list_alert_settings(&found(10, true), "", 10).await.unwrap(),
        []
    );
    assert_eq!(
        scope
            .list_alert_settings(&found(11, false), "", 10)
            .await
            .unwrap(),
        []
    );
    let mut other = writing.account(&id("two"));
    assert_eq!(other.alert_setting(&setting.id).await.unwrap(), None);
    assert!(!other.remove_alert_setting(&setting.id).await.unwrap());
    assert!(
        writing
            .account(&id("one"))
            .remove_alert_setting(&setting.id)
            .await
            .unwrap()
    );
}
