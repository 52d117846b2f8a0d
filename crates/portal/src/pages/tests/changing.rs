//! Changing and removing what is there: each asks first, says what goes along, and is written down.

use model::inventory::GroupMember;
use registrations::Resync;
use tokio::sync::mpsc;

use super::*;

const AREA: &str = "name=Hall&extension=1001&package=Standard&country=ca&time_zone=America%2FVancouver";

#[tokio::test]
async fn a_common_area_is_changed_and_what_was_wrong_is_marked() {
    let visit = Visit::of(Role::Admin).await;
    visit.add_area(2, "Lobby", "1000").await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let path = format!("/common-areas/{hall}");
    assert!(visit.get("/common-areas").await.text.contains(&path));
    let form = visit.get(&path).await.text;
    assert!(form.contains("value=\"Hall\"") && form.contains("value=\"1001\""));

    let taken = visit.post(&path, &AREA.replace("1001", "1000")).await;
    assert!(
        taken.marks("extension", "extension 1000 is Lobby"),
        "{}",
        taken.text
    );
    assert!(taken.text.contains("value=\"1000\""), "what was typed stays");
    let answer = visit
        .post(&path, &AREA.replace("1001", "1002").replace("Hall", "Great+hall"))
        .await;

    assert_eq!(answer.path(), "/common-areas");
    let list = visit.get("/common-areas").await.text;
    assert!(list.contains("Great hall") && list.contains("1002") && !list.contains("1001"));
    assert_eq!(visit.audit().await, ["change common area"]);
    let detail = visit.last_detail().await;
    assert!(
        detail.contains(
            "Hall (1001): Display Name \"Hall\" → \"Great hall\", Extension Number \"1001\" → \"1002\""
        ),
        "{detail}"
    );
}

#[tokio::test]
async fn a_country_and_a_time_zone_that_are_stored_may_stay_though_no_table_has_them() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let mut stored = scope.holder(&hall).await.unwrap().unwrap();
    stored.country = CountryCode::new("UK").unwrap();
    stored.time_zone = TimeZone::new("Europe/Berln").unwrap();
    scope.update_holder(&stored).await.unwrap();
    writing.commit().await.unwrap();
    let form = AREA
        .replace("country=ca", "country=UK")
        .replace("America%2FVancouver", "Europe%2FBerln");

    let answer = visit.post(&format!("/common-areas/{hall}"), &form).await;

    assert_eq!(answer.path(), "/common-areas");
}

#[tokio::test]
async fn a_common_area_is_removed_with_what_the_page_before_said() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    visit.add_group(&[GroupMember::Holder(hall.clone())]).await;
    let path = format!("/common-areas/{hall}/remove");

    let asked = visit.get(&path).await.text;
    for text in ["Page 1 at Hall speaker", "membership of Everywhere (1900)"] {
        assert!(asked.contains(text), "{asked}");
    }
    assert_eq!(visit.post(&path, "").await.location(), "/common-areas");

    assert_eq!(visit.get(&path).await.status, StatusCode::NOT_FOUND);
    assert!(visit.get("/devices/unassigned").await.text.contains(&device));
    assert_eq!(visit.audit().await[0], "remove common area");
    assert!(visit.last_detail().await.contains("Page 1 at Hall speaker"));
}

#[tokio::test]
async fn the_devices_of_whoever_is_removed_or_called_otherwise_are_asked_to_fetch() {
    let mut visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let gate = visit.add_area(2, "Gate", "1003").await;
    let device = visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    let form = format!("holder={gate}&type-{gate}=page&port-{gate}=2");
    visit.post(&format!("{device}/extensions/add"), &form).await;
    let path = format!("/common-areas/{hall}");
    let mut reading = visit.store.read().await.unwrap();
    let mut lines = reading.account(&one()).lines().await.unwrap();
    drop(reading);
    lines.sort_by_key(|line| line.place);
    let users: Vec<_> = lines.into_iter().map(|line| line.user).collect();
    let (resyncs, mut requests) = mpsc::channel::<Resync>(8);
    visit.give_resyncs(resyncs);

    visit.post(&path, &AREA.replace("1001", "1002")).await;
    visit.post(&path, &AREA.replace("Hall", "Great+hall")).await;
    assert_eq!(requests.recv().await.unwrap().users.len(), 2);
    visit.post(&format!("{path}/remove"), "").await;
    assert_eq!(requests.recv().await.unwrap().users, users[1..]);
    drop(visit);
    assert!(
        requests.recv().await.is_none(),
        "another number is nothing to a device"
    );
}

#[tokio::test]
async fn a_device_is_changed_and_removed_once_nothing_is_assigned_to_it() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    let edit = format!("{device}/edit");
    let wrong = visit.post(&edit, "name=X&description=").await;
    assert!(wrong.marks("name", "3 to 255 characters"), "{}", wrong.text);
    let answer = visit
        .post(&edit, "name=North+speaker&description=by+the+door")
        .await;
    assert_eq!(answer.path(), device);
    let page = visit.get(&device).await.text;
    assert!(page.contains("North speaker") && page.contains("by the door"));

    let remove = format!("{device}/remove");
    visit.post(&format!("/common-areas/{hall}/remove"), "").await;
    assert!(visit.get(&remove).await.text.contains("enrolled anew"));
    assert_eq!(visit.post(&remove, "").await.location(), "/devices/unassigned");

    assert_eq!(visit.get(&device).await.status, StatusCode::NOT_FOUND);
    assert_eq!(visit.audit().await[..2], ["remove device", "remove common area"]);
}

#[tokio::test]
async fn a_rotated_password_is_shown_and_the_one_before_is_good_until_it_is_ended() {
    let visit = Visit::of(Role::Admin).await;
    let desk = visit.add_area(1, "Front desk", "1001").await;
    let device = visit.add_device("0022EE0A0B0C", "other", desk.as_str()).await;
    let line = {
        let mut reading = visit.store.read().await.unwrap();
        reading.account(&one()).lines().await.unwrap().remove(0)
    };
    let path = format!("{device}/lines/{}", line.id);
    let extensions = format!("{device}/extensions");
    assert!(
        visit
            .get(&format!("{path}/rotate"))
            .await
            .text
            .contains("No call is missed")
    );

    assert_eq!(
        visit.post(&format!("{path}/rotate"), "").await.location(),
        extensions
    );

    let shown = visit.post(&format!("{device}/credentials"), "").await.text;
    assert!(!shown.contains(line.password.reveal()));
    let list = visit.get(&extensions).await.text;
    assert!(list.contains("The password before is good too"), "{list}");
    let again = visit.post(&format!("{path}/rotate"), "").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("end the earlier one first"), "{}", again.text);
    let held = {
        let mut reading = visit.store.read().await.unwrap();
        let mut scope = reading.account(&one());
        let rotated = scope.lines().await.unwrap().remove(0);
        assert!(shown.contains(rotated.password.reveal()));
        scope.earlier_passwords_of_device(&rotated.device).await.unwrap()
    };
    assert!(held.contains(&line.id), "what the device has stays good");
    visit.post(&format!("{path}/end-earlier"), "").await;
    visit.post(&format!("{path}/end-earlier"), "").await;
    let list = visit.get(&extensions).await.text;
    assert!(!list.contains("The password before is good too"));
    assert_eq!(
        visit.audit().await[..3],
        ["end earlier password", "show credentials", "make new password"]
    );
}
