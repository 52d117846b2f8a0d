//! Many at once come to the same as one after the other.

use model::inventory::{ProvisionTemplate, Site, SiteTitle, TemplateContent, TemplateId, TemplateName};

use model::SlotKind;

use super::*;
use crate::{Placing, Scope};

/// One more than a statement takes.
const MANY: u8 = 201;

fn site(title: &str) -> Site {
    Site {
        id: title.parse().unwrap(),
        name: SiteTitle::new(title).unwrap(),
    }
}

async fn add(scope: &mut Scope<'_, '_>, holders: &[Holder], devices: &[Device]) -> Result<(), StoreError> {
    let all: Vec<&Holder> = holders.iter().collect();
    scope.add_holders(&all).await?;
    let all: Vec<_> = devices.iter().map(|device| (device, None)).collect();
    scope.add_devices(&all).await?;
    let pairs = devices.iter().zip(holders);
    let placings: Vec<Placing<'_>> = pairs
        .map(|(device, holder)| Placing {
            device,
            holder: &holder.id,
            place: LinePlace::Slot(SlotPosition::new(SlotKind::Page, 1).unwrap()),
            password: Secret::from(holder.extension.as_str()),
        })
        .collect();
    scope.place_all(&placings).await
}

#[tokio::test]
async fn as_many_as_there_are_are_added_changed_and_told_to_the_zones_once() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_site(&site("North")).await.unwrap();
    let mut holders: Vec<Holder> = (1_000..).take(MANY.into()).map(holder).collect();
    let mut devices: Vec<Device> = (1..=MANY).map(device).collect();
    let before = scope.epoch().await.unwrap();
    holders[0].site = Some(site("North").id);

    add(&mut scope, &holders, &devices).await.unwrap();

    assert_eq!(scope.epoch().await.unwrap().0, before.0 + 1);
    assert_eq!(scope.holders(None).await.unwrap(), holders);
    devices.sort_by(|one, other| (one.name.as_str(), &one.id).cmp(&(other.name.as_str(), &other.id)));
    assert_eq!(scope.devices().await.unwrap(), devices);
    let lines = scope.lines().await.unwrap();
    assert_eq!(lines.len(), holders.len());
    for line in lines {
        let holder = holders.iter().find(|holder| holder.id == line.holder).unwrap();
        assert_eq!(line.password.reveal(), holder.extension.as_str());
    }

    let template = ProvisionTemplate {
        id: TemplateId::from_random(1),
        name: TemplateName::new("Loud").unwrap(),
        description: Description::new("").unwrap(),
        content: TemplateContent::from_stored(""),
    };
    scope.add_template(&template).await.unwrap();
    for holder in &mut holders {
        holder.name = name("Another");
        holder.site = Some(site("North").id);
    }
    for device in &mut devices {
        device.description = Description::new("Above the door").unwrap();
        device.site = Some(site("North").id);
    }
    let all: Vec<&Holder> = holders.iter().collect();
    scope.update_holders(&all).await.unwrap();
    let all: Vec<_> = devices
        .iter()
        .map(|device| (device, Some(&template.id)))
        .collect();
    scope.update_devices(&all).await.unwrap();
    assert_eq!(scope.holders(None).await.unwrap(), holders);
    assert_eq!(scope.devices().await.unwrap(), devices);
    assert_eq!(scope.device_templates().await.unwrap().len(), devices.len());
    let all: Vec<_> = devices.iter().map(|device| (device, None)).collect();
    scope.update_devices(&all).await.unwrap();
    assert!(scope.device_templates().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_names_something_of_another_account_is_refused() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_site(&site("North")).await.unwrap();
    add(&mut scope, &[holder(701)], &[device(1)]).await.unwrap();
    let mut scope = writing.account(&id("two"));
    let elsewhere = Holder {
        site: Some(site("North").id),
        ..holder(702)
    };
    let missing = |answer: Result<(), StoreError>| matches!(answer, Err(StoreError::Missing { .. }));
    assert!(missing(scope.add_holders(&[&elsewhere]).await));
    assert!(missing(scope.update_holders(&[&holder(701)]).await));
    assert!(missing(scope.update_devices(&[(&device(1), None)]).await));
    let template = TemplateId::from_random(9);
    assert!(missing(scope.add_devices(&[(&device(2), Some(&template))]).await));
    let placing = Placing {
        device: &device(1),
        holder: &holder(701).id,
        place: LinePlace::Slot(SlotPosition::new(SlotKind::Page, 2).unwrap()),
        password: Secret::from("open sesame"),
    };
    assert!(missing(scope.place_all(&[placing]).await));
}
