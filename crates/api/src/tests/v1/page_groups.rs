//! Page groups.

use model::inventory::PageGroup;

use super::*;

#[tokio::test]
async fn a_page_group_is_added_changed_and_removed_with_all_kinds_of_members() {
    let program = Program::with(EVERYTHING).await;
    let hall = program.add_area("Hall", 701).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "oyez").await;
    let members = json!([
        { "type": "holder", "id": hall },
        { "type": "device", "id": device },
        { "type": "slot", "id": device, "port": 2 },
    ]);
    let body = json!({ "name": "All rooms", "extension": "700", "members": members });

    let id = program.post_v1("/page_groups", body.clone()).await.id();

    let path = format!("/page_groups/{id}");
    let group = program.get_v1(&path).await.found();
    assert_eq!(
        (&group["members"], &group["pagers"]),
        (&members, &json!("everybody"))
    );
    let taken = program.post_v1("/page_groups", body).await;
    assert!(
        taken.problem() == 409 && taken.text.contains("All rooms"),
        "{}",
        taken.text
    );
    let change =
        json!({ "name": "Every room", "pagers": "named", "pager_ids": [hall], "urgency": "priority" });
    let changed = program
        .ask_v1(Method::PATCH, &path, &change.to_string())
        .await
        .found();
    assert_eq!(
        (&changed["name"], &changed["pager_ids"], &changed["members"]),
        (&json!("Every room"), &json!([hall]), &members)
    );
    let row = &program.get_v1("/page_groups?search=every").await.found()["page_groups"][0];
    assert_eq!(
        (&row["holders"], &row["devices"], &row["slots"]),
        (&json!(1), &json!(1), &json!(1))
    );

    let changes = json!({ "add": [members[0]], "remove": [members[1], members[2]] });
    for _ in 0..2 {
        let answer = program.post_v1(&format!("{path}/members"), changes.clone()).await;
        assert_eq!(answer.found()["members"], json!([members[0]]));
    }
    let actions: Vec<String> = program
        .audit()
        .await
        .into_iter()
        .map(|(_, action)| action)
        .collect();
    assert_eq!(
        actions[..3],
        ["change page group", "change page group", "add page group"]
    );
    assert!(is_silent(&program.ask_v1(Method::DELETE, &path, "").await));
    assert_eq!(program.get_v1(&path).await.problem(), 404);
}

#[tokio::test]
async fn what_a_group_cannot_have_is_refused_by_its_field() {
    let program = Program::with(EVERYTHING).await;
    let hall = program.add_area("Hall", 701).await;
    let group = |further: Value| {
        let mut body = json!({ "name": "All rooms", "extension": "700" });
        body.as_object_mut()
            .unwrap()
            .extend(further.as_object().unwrap().clone());
        body
    };
    let member = |kind: &str, id: &str| json!({ "type": kind, "id": id });
    let too_many = vec![member("holder", &hall); PageGroup::MEMBERS_MAX + 1];
    for (further, field) in [
        (json!({ "name": "x" }), "name"),
        (json!({ "extension": "seven" }), "extension"),
        (json!({ "members": [member("holder", "nobody")] }), "members"),
        (json!({ "members": [member("site", "nowhere")] }), "members"),
        (json!({ "members": [member("slot", &hall)] }), "members"),
        (
            json!({ "members": [{ "type": "holder", "id": hall, "port": 1 }] }),
            "members",
        ),
        (json!({ "members": too_many }), "members"),
        (json!({ "pagers": "named" }), "pager_ids"),
        (json!({ "pagers": "named", "pager_ids": ["nobody"] }), "pager_ids"),
        (json!({ "pagers": "portal", "pager_ids": [hall] }), "pager_ids"),
        (json!({ "pager_ids": [hall] }), "pager_ids"),
    ] {
        let answer = program.post_v1("/page_groups", group(further)).await;
        assert_eq!(
            (answer.problem(), &answer.json()["field"]),
            (400, &json!(field)),
            "{}",
            answer.text
        );
    }
    let most = vec![member("holder", &hall); PageGroup::MEMBERS_MAX];
    program
        .post_v1("/page_groups", group(json!({ "members": most })))
        .await
        .id();
}

#[tokio::test]
async fn a06_an_account_sees_and_changes_no_group_of_another() {
    let mut program = Program::with(EVERYTHING).await;
    let hall = program.add_area("Hall", 701).await;
    let body = json!({ "name": "All rooms", "extension": "700" });
    let path = format!(
        "/page_groups/{}",
        program.post_v1("/page_groups", body).await.id()
    );
    program.go_on_with(2, "two", EVERYTHING).await;
    assert_eq!(
        program.get_v1("/page_groups").await.found()["page_groups"],
        json!([])
    );
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        assert_eq!(program.ask_v1(method, &path, "{}").await.problem(), 404);
    }
    assert_eq!(
        program
            .post_v1(&format!("{path}/members"), json!({}))
            .await
            .problem(),
        404
    );
    let foreign =
        json!({ "name": "Theirs", "extension": "700", "members": [{ "type": "holder", "id": hall }] });
    assert_eq!(program.post_v1("/page_groups", foreign).await.problem(), 400);
}

#[tokio::test]
async fn a_pin_is_written_and_never_read() {
    let program = Program::with(EVERYTHING).await;
    let body = json!({ "name": "All rooms", "extension": "700", "pin": "4711" });
    for wrong in ["471", "47x1", "12345678901234567"] {
        let mut body = body.clone();
        body["pin"] = json!(wrong);
        let refused = program.post_v1("/page_groups", body).await;
        assert_eq!(refused.problem(), 400);
        assert!(
            refused.text.contains("4 to 16 digits") && !refused.text.contains(wrong),
            "{}",
            refused.text
        );
    }
    let id = program.post_v1("/page_groups", body).await.id();
    let path = format!("/page_groups/{id}");
    let group = program.get_v1(&path).await;
    assert!(!group.text.contains("4711"));
    assert_eq!(group.found()["pin_set"], json!(true));

    for (change, pin_set) in [
        (json!({ "name": "Every room" }), true),
        (json!({ "pin": "081512" }), true),
        (json!({ "pin": "" }), false),
        (json!({ "pin": "" }), false),
    ] {
        let answer = program
            .ask_v1(Method::PATCH, &path, &change.to_string())
            .await
            .found();
        assert_eq!(answer["pin_set"], json!(pin_set), "{change}");
        let list = program.get_v1("/page_groups").await.found();
        assert_eq!(list["page_groups"][0]["pin_set"], json!(pin_set), "{change}");
    }
    let mut reading = program.store.read().await.unwrap();
    let entries = reading.account(&one()).audit(10).await.unwrap();
    let details: Vec<&str> = entries.iter().map(|entry| entry.detail.as_str()).collect();
    assert_eq!(
        details[..5],
        [
            "Every room (700)",
            "Every room (700); PIN removed",
            "Every room (700); PIN changed",
            "Every room (700)",
            "All rooms (700); PIN set",
        ]
    );
}
