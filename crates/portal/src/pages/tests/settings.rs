//! The settings of the account, and what they allow elsewhere.

use super::*;

#[tokio::test]
async fn the_account_is_renamed_and_what_was_wrong_is_marked() {
    let visit = Visit::of(Role::Admin).await;
    let form = visit.get("/settings").await.text;
    for text in [
        "value=\"One Ltd\"",
        "one.example.com",
        "value=\"generic_devices\" checked",
    ] {
        assert!(form.contains(text), "{text}: {form}");
    }
    let wrong = visit.post("/settings", "name=X&allows=many_extensions").await;
    assert!(wrong.marks("name", "3 to 255 characters"), "{}", wrong.text);
    assert!(
        wrong.text.contains("value=\"many_extensions\" checked"),
        "what was ticked stays"
    );

    let answer = visit
        .post("/settings", "name=Two+Ltd&allows=generic_devices")
        .await;

    assert_eq!(answer.location(), "/settings");
    assert!(visit.get("/settings").await.text.contains("value=\"Two Ltd\""));
    assert_eq!(visit.audit().await, ["change account settings"]);
    assert_eq!(
        visit.last_detail().await,
        "One Ltd: Account Name \"One Ltd\" → \"Two Ltd\""
    );
}

#[tokio::test]
async fn a_device_with_old_firmware_takes_a_second_extension_once_the_settings_lift_the_limit() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let bell = visit.add_area(2, "Bell", "1002").await;
    let device = visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let id = scope.devices().await.unwrap().remove(0).id;
    scope.note_device(&id, Some("8301"), Some("5.4.1")).await.unwrap();
    writing.commit().await.unwrap();
    let (path, form) = (
        format!("{device}/extensions/add"),
        format!("holder={bell}&type-{bell}=ring&port-{bell}=1"),
    );
    let refused = visit.post(&path, &form).await;
    let told = "the limit lifted under Settings → Account Settings";
    assert!(refused.marks(&format!("type-{bell}"), told), "{}", refused.text);
    let by_hand = "Firmware 5.4.1 takes its extension in page slot 1.";
    let steps = visit.get(&format!("{device}/provision")).await.text;
    assert!(
        steps.contains(by_hand) && steps.contains("Then disable provisioning"),
        "{steps}"
    );
    assert!(
        visit
            .get("/settings")
            .await
            .text
            .contains("<h1>Account Settings</h1>")
    );

    visit
        .post("/settings", "name=One+Ltd&allows=many_extensions")
        .await;

    let steps = visit.get(&format!("{device}/provision")).await.text;
    assert!(!steps.contains(by_hand), "{steps}");
    let assigned = visit.post(&path, &form).await;
    assert_eq!(
        assigned.path(),
        format!("{device}/extensions"),
        "{}",
        assigned.text
    );
    assert!(
        visit
            .get(&format!("{device}/extensions"))
            .await
            .text
            .contains("Ring 1")
    );
}

#[tokio::test]
async fn generic_devices_are_added_as_long_as_the_settings_allow_them() {
    let visit = Visit::of(Role::Admin).await;
    visit.add_device("0022EE0A0B0D", "other", "").await;

    visit.post("/settings", "name=One+Ltd").await;

    assert!(
        !visit
            .get("/devices/add")
            .await
            .text
            .contains("Other (generic device)")
    );
    let form = "name=Phone&description=&mac=0022EE0A0B0E&type=other&model=&assigned=";
    let refused = visit.post("/devices/add", form).await;
    assert!(
        refused.marks("type", "choose one of the types"),
        "{}",
        refused.text
    );
    assert!(visit.last_detail().await.contains("\"yes\" → \"no\""));
}

#[tokio::test]
async fn zones_are_told_of_changed_settings() {
    let visit = Visit::of(Role::Admin).await;
    let told = visit.store.directory_changes();

    visit.post("/settings", "name=Two+Ltd").await;

    assert!(told.has_changed().unwrap());
}

#[tokio::test]
async fn a_new_common_area_is_offered_the_country_and_time_zone_of_the_account() {
    let visit = Visit::of(Role::Admin).await;
    let settings = |country: &str, zone: &str| {
        format!("name=One+Ltd&allows=generic_devices&country={country}&time_zone={zone}")
    };
    let wrong = visit
        .post("/settings", &settings("CAN", "Nowhere+in+space"))
        .await;
    assert!(wrong.marks("country", "two letters"), "{}", wrong.text);
    assert!(
        wrong.marks("time_zone", "such as America/Vancouver"),
        "{}",
        wrong.text
    );
    assert!(wrong.text.contains("value=\"CAN\""), "what was typed stays");

    visit
        .post("/settings", &settings("ca", "America/Vancouver"))
        .await;

    assert_eq!(
        visit.last_detail().await,
        "One Ltd: Default Country/Region \"\" → \"Canada\", Default Time Zone \"\" → \"America/Vancouver\""
    );
    for path in ["/settings", "/common-areas/add", "/users/add"] {
        let page = visit.get(path).await.text;
        for text in [
            "value=\"Canada\" autocomplete",
            "value=\"America/Vancouver\" autocomplete",
        ] {
            assert!(page.contains(text), "{path}, {text}: {page}");
        }
    }
    let file = "record,name,extension\ncommon_area,Hall,701\n";
    let (path, _) = visit.dry_run("hall.csv", file.as_bytes()).await;
    visit.applied(&path).await;
    assert!(
        visit
            .inventory()
            .await
            .contains("common_area,Hall,701,Standard,CA,America/Vancouver")
    );

    visit.post("/settings", &settings("", "")).await;
    assert!(
        !visit
            .get("/common-areas/add")
            .await
            .text
            .contains("value=\"CA\" autocomplete")
    );
}
