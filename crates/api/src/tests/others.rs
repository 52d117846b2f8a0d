//! Templates, addresses, alert settings, users and operation logs.

use model::inventory::{CountryCode, Holder, HolderId, HolderKind, TimeZone};

use super::*;

fn ada() -> Holder {
    Holder {
        id: HolderId::from_random(7),
        kind: HolderKind::User,
        name: DisplayName::new("Ada").unwrap(),
        extension: "702".parse().unwrap(),
        package: "Standard".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    }
}

impl Program {
    async fn add_user(&self, user: &Holder) {
        let mut writing = self.store.write().await.unwrap();
        writing.account(&one()).add_holder(user).await.unwrap();
        writing.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_template_takes_nothing_that_is_the_service_s() {
    let program = Program::with(EVERYTHING).await;
    let body = json!({ "name": "Loud", "description": "For halls", "content": "audio.page.vol = 0dB" });
    let id = program.post("/provision_templates", body.clone()).await.id();
    let path = format!("/provision_templates/{id}");
    assert_eq!(
        program.post("/provision_templates", body).await.refusal(),
        (400, 400)
    );
    let reserved = program
        .patch(
            &path,
            json!({ "content": "prov.server.static = https://evil.example" }),
        )
        .await;
    assert_eq!(reserved.refusal(), (400, 400));
    assert!(reserved.text.contains("prov.server.static"), "{}", reserved.text);
    assert_eq!(
        program.patch(&path, json!({ "name": "" })).await.refusal(),
        (400, 300)
    );
    assert!(is_silent(
        &program.patch(&path, json!({ "name": "Louder" })).await
    ));
    let shown = program.get(&path).await.json();
    assert_eq!(
        (&shown["name"], &shown["content"]),
        (&json!("Louder"), &json!("audio.page.vol = 0dB"))
    );
    assert!(is_silent(&program.delete(&path).await));
    assert_eq!(program.delete(&path).await.refusal(), (400, 404));
}

#[tokio::test]
async fn an_emergency_address_is_kept_and_changes_are_told() {
    let program = Program::with(EVERYTHING).await;
    let body = json!({
        "address_line1": "1 Main Street", "city": "Vancouver", "state_code": "BC", "zip": "V5K", "country": "CA",
        "is_default": true,
    });
    let id = program.post("/emergency_addresses", body.clone()).await.id();
    let path = format!("/emergency_addresses/{id}");
    let changed = program.patch(&path, json!({ "city": "Burnaby" })).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(changed.json()["city"], json!("Burnaby"));
    let page = program
        .get("/emergency_addresses?address_keyword=burna&level=0")
        .await
        .json();
    assert_eq!(page["total_records"], json!(1));
    let page = program.get("/emergency_addresses?level=1").await.json();
    assert_eq!(page["total_records"], json!(0));
    for country in ["Canada", "UK"] {
        let mut nowhere = body.clone();
        nowhere["country"] = json!(country);
        assert_eq!(
            program.post("/emergency_addresses", nowhere).await.refusal(),
            (400, 300)
        );
    }
    assert!(is_silent(&program.delete(&path).await));
    assert_eq!(program.get(&path).await.refusal(), (400, 400));
    assert_eq!(program.delete(&path).await.refusal(), (400, 300));
}

#[tokio::test]
async fn a_user_s_own_default_address_is_where_services_are_sent_and_may_go() {
    let program = Program::with(EVERYTHING).await;
    let site = program.add_site("West").await;
    let ada = Holder {
        site: Some(site.parse().unwrap()),
        ..ada()
    };
    program.add_user(&ada).await;
    let user = format!("/users/{}", ada.id);
    let city = async |path: &str| {
        let shown = program.get(path).await.json();
        shown["emergency_address"]["city"].clone()
    };
    assert_eq!(city(&user).await, json!("Vancouver"));
    let mut body = json!({
        "address_line1": "2 Main Street", "city": "Burnaby", "state_code": "BC", "zip": "V5K", "country": "CA",
        "is_default": true, "user_id": ada.id, "site_id": site,
    });

    let own = program.post("/emergency_addresses", body.clone()).await.id();

    assert_eq!(city(&user).await, json!("Burnaby"));
    assert!(is_silent(
        &program.delete(&format!("/emergency_addresses/{own}")).await
    ));
    assert_eq!(city(&user).await, json!("Vancouver"));
    body["user_id"] = json!("");
    body["site_id"] = json!("");
    program.post("/emergency_addresses", body).await.id();
    let area = program.add_area("Hall", 701).await;
    assert_eq!(city(&format!("/common_areas/{area}")).await, json!("Burnaby"));
}

fn alert() -> Value {
    json!({
        "alert_setting_name": "Speakers", "module": 3, "rule": 10, "target_type": 2,
        "rule_conditions": [{ "rule_condition_type": 4, "rule_condition_value": "15" }],
        "time_frame_type": "all_day", "time_frame_from": "00:00:00", "time_frame_to": "23:59:59",
        "frequency": 5, "email_recipients": ["a@one.example"], "status": 1,
    })
}

#[tokio::test]
async fn an_alert_setting_is_kept_and_refused_with_its_codes() {
    let program = Program::with(EVERYTHING).await;
    let made = program.post("/alert_settings", alert()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.json()["alert_setting_id"].as_str().unwrap().to_owned();
    let path = format!("/alert_settings/{id}");
    for (field, value, code) in [
        ("module", json!(1), 13012),
        ("target_type", json!(4), 13013),
        ("email_recipients", json!(vec!["a@b"; 11]), 13007),
        ("time_frame_from", json!("noon"), 13018),
        ("status", json!(2), 300),
    ] {
        let mut body = alert();
        body[field] = value;
        assert_eq!(
            program.post("/alert_settings", body).await.refusal(),
            (400, code),
            "{field}"
        );
    }
    let mut body = alert();
    body["target_type"] = json!(5);
    body["target_ids"] = json!(["nothing"]);
    assert_eq!(
        program.post("/alert_settings", body).await.refusal(),
        (400, 13014)
    );
    assert!(is_silent(&program.patch(&path, json!({ "status": 0 })).await));
    let shown = program.get(&path).await.json();
    assert_eq!((&shown["status"], &shown["rule"]), (&json!(0), &json!(10)));
    for refused in [
        program.patch(&path, json!({ "status": 5 })).await,
        program.get("/alert_settings?status=5").await,
    ] {
        assert_eq!(refused.refusal(), (400, 300));
        assert!(refused.text.contains("0 for inactive"), "{}", refused.text);
    }
    let page = program.get("/alert_settings?status=0&module=3").await.json();
    assert_eq!(page["alert_settings"].as_array().unwrap().len(), 1);
    assert!(is_silent(&program.delete(&path).await));
    assert_eq!(program.get(&path).await.refusal(), (404, 13003));
}

#[tokio::test]
async fn a_site_keeps_its_default_address_until_another_is() {
    let program = Program::with(EVERYTHING).await;
    let body = json!({
        "site_id": program.add_site("West").await, "address_line1": "1 Main Street", "city": "Vancouver",
        "state_code": "BC", "zip": "V5K", "country": "CA", "is_default": true,
    });
    let id = program.post("/emergency_addresses", body).await.id();
    let path = format!("/emergency_addresses/{id}");
    assert_eq!(program.delete(&path).await.refusal(), (400, 300));
    let refused = program.patch(&path, json!({ "is_default": false })).await;
    assert_eq!(refused.refusal(), (400, 300));
    let changed = program.patch(&path, json!({ "city": "Burnaby" })).await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn p06_a_chat_token_is_told_under_the_scope_of_passwords_and_kept_where_it_comes_back_empty() {
    let mut program = Program::with(EVERYTHING).await;
    let channel =
        |token| json!([{ "chat_channel_name": "Ops", "token": token, "end_point": "https://chat.example" }]);
    let mut body = alert();
    body["chat_channels"] = channel("the token");
    let made = program.post("/alert_settings", body).await;
    let id = made.json()["alert_setting_id"].as_str().unwrap().to_owned();
    let path = format!("/alert_settings/{id}");

    let shown = program.get(&path).await.json();
    assert_eq!(shown["chat_channels"], channel(""));
    let page = program.get("/alert_settings").await.json();
    assert_eq!(page["alert_settings"][0]["chat_channels"], channel(""));
    let back = json!({ "chat_channels": shown["chat_channels"] });
    assert!(is_silent(&program.patch(&path, back).await));

    let scopes = format!("{EVERYTHING} {}", crate::phone::SHOW_PASSWORDS);
    program.go_on_with(2, "one", &scopes).await;
    let shown = program.get(&path).await.json();
    assert_eq!(shown["chat_channels"], channel("the token"));
}

#[tokio::test]
async fn users_are_told_beside_common_areas() {
    let program = Program::with(EVERYTHING).await;
    let area = program.add_area("Hall", 701).await;
    let user = ada();
    program.add_user(&user).await;

    let page = program.get("/users?keyword=ad").await.json();
    assert_eq!(page["users"][0]["extension_number"], json!(702));
    assert_eq!(page["total_records"], json!(1));
    for filter in ["status=pending", "department=Works", "keyword=Hall"] {
        let page = program.get(&format!("/users?{filter}")).await.json();
        assert_eq!(page["users"], json!([]), "{filter}");
    }
    let shown = program.get(&format!("/users/{}", user.id)).await.json();
    assert_eq!(
        (&shown["id"], &shown["status"]),
        (&json!(user.id), &json!("activate"))
    );
    assert_eq!(
        program.get(&format!("/users/{area}")).await.refusal(),
        (404, 1001)
    );
}

#[tokio::test]
async fn what_was_done_is_told_the_last_first_page_by_page() {
    let program = Program::with(EVERYTHING).await;
    program.add_area("Hall", 701).await;
    program.add_area("Gate", 702).await;
    program.add_device("0022EE0A0B0C", "algo").await;

    let first = program.get("/reports/operationlogs?page_size=2").await.json();
    assert_eq!(first["total_records"], json!(3));
    let row = &first["operation_logs"][0];
    assert_eq!(
        (&row["action"], &row["category_type"], &row["operator"]),
        (&json!("ADD"), &json!("Device"), &json!("API client Stock list"))
    );
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/reports/operationlogs?page_size=2&next_page_token={token}");
    let second = program.get(&path).await.json();
    assert_eq!(
        second["operation_logs"][0]["operation_detail"],
        json!("Hall (701)")
    );
    let areas = program
        .get("/reports/operationlogs?category_type=Common%20Area")
        .await
        .json();
    assert_eq!(areas["total_records"], json!(2));
    for range in [
        "from=2026-01-01",
        "from=2026-01-01&to=2026-03-01",
        "from=2026-02-30&to=2026-03-01",
    ] {
        let refused = program.get(&format!("/reports/operationlogs?{range}")).await;
        assert_eq!(refused.refusal(), (400, 300), "{range}");
    }
    let past = program
        .get("/reports/operationlogs?from=2020-01-01&to=2020-01-31")
        .await
        .json();
    assert_eq!(
        (&past["total_records"], &past["from"], &past["to"]),
        (&json!(0), &json!("2020-01-01"), &json!("2020-01-31"))
    );
}
