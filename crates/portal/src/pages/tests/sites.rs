//! Sites: adding, changing and removing them, and what belongs to one.

use model::inventory::SiteId;

use super::*;

async fn add_site(visit: &Visit, name: &str) -> String {
    let answer = visit.post("/sites/add", &format!("name={name}")).await;
    assert_eq!(answer.location(), "/sites", "{}", answer.text);
    let mut reading = visit.store.read().await.unwrap();
    let sites = reading.account(&one()).sites().await.unwrap();
    let added = sites.into_iter().find(|site| site.name.as_str() == name);
    added.unwrap().id.to_string()
}

#[tokio::test]
async fn a_site_is_added_renamed_and_found_and_what_was_wrong_is_marked() {
    let visit = Visit::of(Role::Admin).await;
    assert!(visit.get("/sites").await.text.contains("There is no site yet"));
    assert!(
        visit
            .post("/sites/add", "name=+")
            .await
            .marks("name", "1 to 255 characters")
    );
    let west = add_site(&visit, "West").await;
    add_site(&visit, "East").await;
    let taken = visit.post("/sites/add", "name=East").await;
    assert!(taken.marks("name", "choose another name"), "{}", taken.text);
    assert!(taken.text.contains("value=\"East\""), "what was typed stays");
    let edit = format!("/sites/{west}/edit");
    assert!(
        visit
            .post(&edit, "name=East")
            .await
            .marks("name", "choose another name")
    );

    assert_eq!(
        visit.post(&edit, "name=North").await.location(),
        format!("/sites/{west}")
    );

    let list = visit.get("/sites").await.text;
    assert!(list.contains("North") && list.contains("East") && !list.contains("West"));
    let found = visit.get("/sites?q=nor").await.text;
    assert!(found.contains("North") && !found.contains("East"), "{found}");
    assert!(
        visit
            .get("/sites?q=nowhere")
            .await
            .text
            .contains("Nothing is found by")
    );
    assert_eq!(visit.audit().await, ["change site", "add site", "add site"]);
}

#[tokio::test]
async fn people_places_and_devices_are_put_into_a_site_and_stay_when_it_is_removed() {
    let visit = Visit::of(Role::Admin).await;
    assert!(
        !visit.get("/common-areas/add").await.text.contains("No site"),
        "there is none to choose"
    );
    let (west, east) = (add_site(&visit, "West").await, add_site(&visit, "East").await);
    let area = "name=Hall&extension=1001&package=Standard&country=ca&time_zone=UTC";
    let gone = SiteId::from_random(9);
    let wrong = visit
        .post("/common-areas/add", &format!("{area}&site={gone}"))
        .await;
    assert!(wrong.marks("site", "choose another"), "{}", wrong.text);
    visit
        .post("/common-areas/add", &format!("{area}&site={west}"))
        .await;
    let device = visit.add_device("0022EE0A0B0C", "algo", "").await;
    visit
        .post(
            &format!("{device}/edit"),
            &format!("name=Hall+speaker&description=&site={west}"),
        )
        .await;

    assert!(
        visit
            .get(&device)
            .await
            .text
            .contains(&format!("<a href=\"/sites/{west}\">West</a>"))
    );
    let page = visit.get(&format!("/sites/{west}")).await.text;
    assert!(
        page.contains("Hall</a> (1001)") && page.contains(&device),
        "{page}"
    );
    let remove = format!("/sites/{west}/remove");
    let asked = visit.get(&remove).await.text;
    for text in [
        "Hall (1001)",
        "Hall speaker (00:22:EE:0A:0B:0C)",
        "No site",
        "East",
    ] {
        assert!(asked.contains(text), "{text}: {asked}");
    }
    let to_itself = visit.post(&remove, &format!("site={west}")).await;
    assert_eq!(to_itself.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        visit.post(&remove, &format!("site={east}")).await.location(),
        "/sites"
    );

    let page = visit.get(&format!("/sites/{east}")).await.text;
    assert!(
        page.contains("Hall</a> (1001)") && page.contains(&device),
        "{page}"
    );
    visit.post(&format!("/sites/{east}/remove"), "site=").await;
    assert!(visit.get("/sites").await.text.contains("There is no site yet"));
    assert!(visit.get("/common-areas").await.text.contains("Hall"));
    let mut reading = visit.store.read().await.unwrap();
    let detail = reading.account(&one()).audit(2).await.unwrap().remove(1).detail;
    assert!(
        detail.starts_with("West; to East: users and common areas, 1: Hall (1001); devices, 1"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_site_stays_with_whom_it_was_chosen_for() {
    let visit = Visit::of(Role::Admin).await;
    let west = add_site(&visit, "West").await;
    let area = format!("name=Hall&extension=1001&package=Standard&country=ca&time_zone=UTC&site={west}");
    visit.post("/common-areas/add", &area).await;
    let mut reading = visit.store.read().await.unwrap();
    let hall = reading.account(&one()).holders(None).await.unwrap().remove(0);
    drop(reading);
    let form = visit.get(&format!("/common-areas/{}", hall.id)).await.text;
    assert!(form.contains(&format!("value=\"{west}\" selected")), "{form}");
}
