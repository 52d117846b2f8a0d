//! Users, common areas, page groups and the audit.

use model::inventory::Remark;

use super::*;

const AREA: &str = "name=Hall&extension=1001&package=Standard&country=ca&time_zone=America%2FVancouver";

#[tokio::test]
async fn a_common_area_is_added_as_the_form_says_and_listed() {
    let visit = Visit::of(Role::Admin).await;
    assert!(
        visit
            .get("/common-areas")
            .await
            .text
            .contains("no common area yet")
    );

    let answer = visit.post("/common-areas/add", AREA).await;

    assert_eq!(answer.path(), "/common-areas");
    let list = visit.get("/common-areas").await.text;
    for text in ["Hall", "1001", "Standard", "Canada", "America/Vancouver"] {
        assert!(list.contains(text), "{text}");
    }
    assert!(!visit.get("/users").await.text.contains("1001"));
    assert_eq!(visit.audit().await, ["add common area"]);
    let audit = visit.get("/audit").await.text;
    assert!(audit.contains("somebody@one.example") && audit.contains("Hall (1001)"));
}

#[tokio::test]
async fn a_user_is_added_and_listed() {
    let visit = Visit::of(Role::Admin).await;
    let answer = visit.post("/users/add", &AREA.replace("Hall", "Ada+Byron")).await;
    assert_eq!(answer.path(), "/users");
    assert!(visit.get("/users").await.text.contains("Ada Byron"));
    assert_eq!(visit.audit().await, ["add user"]);
}

#[tokio::test]
async fn a_user_has_a_department_and_a_cost_center_which_are_changed_and_taken_away() {
    let visit = Visit::of(Role::Admin).await;
    let ada = AREA.replace("Hall", "Ada+Byron");
    let long = format!("{ada}&department={}&cost_center=", "d".repeat(256));
    let wrong = visit.post("/users/add", &long).await;
    assert!(
        wrong.marks("department", "at most 255 characters"),
        "{}",
        wrong.text
    );
    visit
        .post("/users/add", &format!("{ada}&department=Works&cost_center=4711"))
        .await;
    let mut reading = visit.store.read().await.unwrap();
    let user = reading.account(&one()).holders(None).await.unwrap().remove(0);
    drop(reading);
    let kept = async || {
        let mut reading = visit.store.read().await.unwrap();
        let kept = reading.account(&one()).holder_profile(&user.id).await.unwrap();
        kept.map(|kept| format!("{}/{}/{}", kept.department, kept.cost_center, kept.area_code))
    };
    assert_eq!(kept().await.as_deref(), Some("Works/4711/"));
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let mut profile = scope.holder_profile(&user.id).await.unwrap().unwrap();
    profile.area_code = Remark::new("604").unwrap();
    scope.set_holder_profile(&user.id, &profile).await.unwrap();
    writing.commit().await.unwrap();
    let path = format!("/users/{}", user.id);
    let form = visit.get(&path).await.text;
    assert!(
        form.contains("value=\"Works\"") && form.contains("value=\"4711\""),
        "{form}"
    );

    visit
        .post(&path, &format!("{ada}&department=&cost_center=4712"))
        .await;

    assert_eq!(kept().await.as_deref(), Some("/4712/604"));
    assert!(
        visit
            .last_detail()
            .await
            .contains("Department \"Works\" → \"\", Cost Center \"4711\" → \"4712\"")
    );
}

#[tokio::test]
async fn a_wrong_field_is_marked_and_what_was_typed_stays() {
    let visit = Visit::of(Role::Admin).await;
    visit.add_area(1, "Lobby", "1000").await;
    for (right, wrong, field, told) in [
        ("name=Hall", "name=H", "name", "3 to 255 characters"),
        ("extension=1001", "extension=10-01", "extension", "1 to 16 digits"),
        (
            "extension=1001",
            "extension=1000",
            "extension",
            "extension 1000 is Lobby",
        ),
        ("package=Standard", "package=Gold", "package", "choose one"),
        ("country=ca", "country=Kanada", "country", "a name of the list"),
        ("country=ca", "country=UK", "country", "ISO 3166-1"),
        (
            "America%2FVancouver",
            "Europe%2FVancouver",
            "time_zone",
            "did you mean America/Vancouver?",
        ),
    ] {
        let answer = visit.post("/common-areas/add", &AREA.replace(right, wrong)).await;
        assert!(answer.marks(field, told), "{wrong}: {}", answer.text);
        if field != "name" {
            assert!(answer.text.contains("value=\"Hall\""), "{wrong}");
        }
    }
    assert_eq!(visit.audit().await, [""; 0]);
}

#[tokio::test]
async fn w01_hostile_texts_are_inert() {
    let visit = Visit::of(Role::Admin).await;
    let hostile = "%27%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let answer = visit
        .post("/common-areas/add", &AREA.replace("Hall", hostile))
        .await;
    assert_eq!(answer.path(), "/common-areas");
    let wrong = AREA.replace("Hall", hostile).replace("1001", hostile);
    let marked = visit.post("/common-areas/add", &wrong).await;
    for text in [
        marked.text,
        visit.get("/common-areas").await.text,
        visit.get("/devices/add").await.text,
        visit.get("/audit").await.text,
    ] {
        assert!(text.contains("alert(1)"));
        assert!(!text.contains("<script>"), "{text}");
        assert!(!text.contains("'\">"), "{text}");
    }
}

#[tokio::test]
async fn w08_the_audit_says_that_it_was_tampered_with_and_otherwise_nothing() {
    let mut visit = Visit::of(Role::Viewer).await;
    let page = visit.get("/audit").await;
    assert!(page.status.is_success() && !page.text.contains("tampered"));
    // Bounds that were sealed with another key are as good as none.
    let folder = visit._folder.path();
    std::fs::write(folder.join("service.key"), [9; 32]).unwrap();
    visit.store = Arc::new(Store::open(folder).await.unwrap());
    visit.router = router(setup(&visit.store, &visit.registrations));

    let page = visit.get("/audit").await;

    assert!(page.text.contains("The audit was tampered with"), "{}", page.text);
    assert!(
        page.text
            .contains("where the list of what people did begins and ends")
    );
}
