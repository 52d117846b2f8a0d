//! What is said where something was saved: the step that follows.

use super::*;

const AREA: &str = "name=Hall&extension=1001&package=Standard&country=ca&time_zone=UTC";
const DEVICE: &str = "name=Speaker&description=&mac=0022EE0A0B0C&type=algo&model=algo-sip-based-device";

/// What the notice of a page says, and where its link leads.
async fn told(visit: &Visit, location: &str) -> (String, String) {
    let page = visit.get(location).await.text;
    let (_, notice) = page.split_once("<p class=\"done\" role=\"status\">").unwrap();
    let (notice, _) = notice.split_once("</p>").unwrap();
    let Some((said, link)) = notice.split_once(" <a href=\"") else {
        return (notice.to_owned(), String::new());
    };
    let (way, title) = link.split_once("\">").unwrap();
    (
        format!("{said} {}", title.trim_end_matches("</a>")),
        way.to_owned(),
    )
}

#[tokio::test]
async fn who_was_added_leads_to_a_device_for_them_and_the_device_to_its_configuration() {
    let visit = Visit::of(Role::Admin).await;
    let saved = visit.post("/common-areas/add", AREA).await;

    let (said, form) = told(&visit, saved.location()).await;

    assert_eq!(
        said,
        "Hall (1001) was saved. Next: Add the device that hangs there"
    );
    let page = visit.get(&form).await.text;
    let (_, id) = form.split_once("assigned=").unwrap();
    assert!(
        page.contains(&format!("<option value=\"{id}\" selected>")),
        "{page}"
    );
    let saved = visit
        .post("/devices/add", &format!("{DEVICE}&assigned={id}"))
        .await;
    let (said, way) = told(&visit, saved.location()).await;
    assert_eq!(said, "The device was saved. Next: Provision it");
    assert_eq!(way, format!("{}/provision", saved.path()));

    // Who has a device wants no other, and a device that is registered nothing more.
    let edit = format!("/common-areas/{id}");
    let (said, _) = told(&visit, visit.post(&edit, AREA).await.location()).await;
    assert_eq!(said, "Hall (1001) was saved.");
    visit.register().await;
    let again = visit.post(&format!("{}/edit", saved.path()), DEVICE).await;
    assert_eq!(told(&visit, again.location()).await.0, "The device was saved.");
}

#[tokio::test]
async fn a_user_wants_a_device_as_well_and_what_was_removed_meanwhile_is_not_told_of() {
    let visit = Visit::of(Role::Admin).await;
    let saved = visit.post("/users/add", AREA).await;
    let (said, _) = told(&visit, saved.location()).await;
    assert_eq!(said, "Hall (1001) was saved. Next: Add a device");
    for gone in [
        "/users?saved=gone",
        "/users?saved=%00",
        "/devices/add?assigned=gone",
    ] {
        let page = visit.get(gone).await;
        assert_eq!(page.status, StatusCode::OK, "{gone}");
        assert!(!page.text.contains("was saved"), "{gone}");
    }
}

#[tokio::test]
async fn a_device_without_an_extension_leads_to_one_and_an_assignment_to_the_configuration_or_to_check() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let saved = visit.post("/devices/add", DEVICE).await;
    let device = saved.path();
    let (said, way) = told(&visit, saved.location()).await;
    assert_eq!(said, "The device was saved. Next: Assign an extension");
    assert_eq!(way, format!("{device}/extensions/add"));

    let form = format!("holder={hall}&type-{hall}=page&port-{hall}=1");
    let saved = visit.post(&way, &form).await;

    let (said, way) = told(&visit, saved.location()).await;
    assert_eq!(said, "The assignment was saved. Next: Provision it");
    assert_eq!(way, format!("{device}/provision"));
    visit.register().await;
    let (said, way) = told(&visit, saved.location()).await;
    assert_eq!(said, "The assignment was saved. Next: See it registered");
    assert_eq!(way, format!("{device}/check"));
}

#[tokio::test]
async fn a_page_group_leads_to_its_members_and_then_to_a_page() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let group = visit.add_group(&[]).await;
    let form = "name=Everywhere&extension=1900&pagers=everybody&urgency=normal";
    let saved = visit.post(&format!("{group}/edit"), form).await;
    let (said, members) = told(&visit, saved.location()).await;
    assert_eq!(said, "The page group was saved. Next: Add members");

    let chosen = format!("of=extensions&member=extension:{hall}");
    let silent = visit.post(&members, &chosen).await;
    assert_eq!(
        told(&visit, silent.location()).await.0,
        "One was added. Next: Add members"
    );
    visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;

    for location in [silent.location(), saved.location()] {
        let (said, way) = told(&visit, location).await;
        assert!(said.ends_with(" Next: Page it"), "{said}");
        assert_eq!(way, "/talk?extension=1900");
    }
}
