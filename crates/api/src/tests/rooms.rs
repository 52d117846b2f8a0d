//! Common areas, their settings, users and sites.

use model::inventory::{CountryCode, HolderDefaults, TimeZone};

use super::*;

fn address() -> Value {
    json!({
        "address_line1": "1 Main Street", "city": "Vancouver", "state_code": "BC", "zip": "V5K", "country": "CA",
    })
}

impl Program {
    pub(crate) async fn add_site(&self, name: &str) -> String {
        let body = json!({
            "name": name, "auto_receptionist_name": "Desk", "default_emergency_address": address(),
        });
        self.post("/sites", body).await.id()
    }
}

#[tokio::test]
async fn a_common_area_is_added_told_changed_and_removed() {
    let program = Program::with(EVERYTHING).await;
    let site = program.add_site("HQ").await;
    let body = json!({
        "display_name": "Hall", "extension_number": 701, "site_id": site, "country_iso_code": "ca",
        "timezone": "America/Vancouver", "calling_plans": [{ "type": 3000 }],
    });
    let id = program.post("/common_areas", body).await.id();
    let path = format!("/common_areas/{id}");

    let shown = program.get(&path).await.json();
    assert_eq!(shown["extension_number"], json!(701));
    assert_eq!(shown["site"], json!({ "id": site, "name": "HQ" }));
    assert_eq!(shown["country"], json!({ "code": "CA" }));
    assert_eq!(shown["emergency_address"]["city"], json!("Vancouver"));
    let page = program
        .get(&format!("/common_areas?site_id={site}&common_area_device_type=2"))
        .await
        .json();
    assert_eq!(page["common_areas"][0]["id"], json!(id));
    assert_eq!(page.get("total_records"), None);
    let page = program
        .get("/common_areas?common_area_device_type=1")
        .await
        .json();
    assert_eq!(page["common_areas"], json!([]));

    let body = json!({ "display_name": "Great hall", "extension_number": 702, "department": "Works",
        "default_transcription_language": "de-DE", "policy": { "call_park": {} } });
    assert!(is_silent(&program.patch(&path, body).await));
    let shown = program.get(&path).await.json();
    assert_eq!(shown["display_name"], json!("Great hall"));
    assert_eq!(shown["extension_number"], json!(702));
    assert_eq!(shown["department"], json!("Works"));
    assert_eq!(shown["default_transcription_language"], json!("de-DE"));

    assert!(is_silent(&program.delete(&path).await));
    assert_eq!(program.delete(&path).await.refusal(), (400, 404));
    assert_eq!(program.get(&path).await.refusal(), (400, 400));
    program.add_area("Another", 702).await;
}

#[tokio::test]
async fn a_common_area_that_is_wrong_is_refused_as_clients_know_it() {
    let program = Program::with(EVERYTHING).await;
    let id = program.add_area("Hall", 701).await;
    for (field, value, names) in [
        ("display_name", json!("ab"), "display_name"),
        (
            "timezone",
            json!("Nowhere in space"),
            "Timezone not found in the system.",
        ),
        ("timezone", json!("Europe/Berln"), "did you mean Europe/Berlin?"),
        (
            "country_iso_code",
            json!("CAN"),
            "This country is not supported by Zoom Phone.",
        ),
        (
            "country_iso_code",
            json!("UK"),
            "two letters of ISO 3166-1, such as CA",
        ),
        ("site_id", json!("x"), "Site does not exist: x."),
        ("template_id", json!("x"), "the template does not exist:x."),
        ("extension_number", json!(-1), "extension_number"),
    ] {
        let mut body = json!({ "display_name": "Gate", "extension_number": 702 });
        body[field] = value;
        let refused = program.post("/common_areas", body).await;
        assert_eq!(refused.refusal(), (400, 300), "{field}");
        assert!(refused.text.contains(names), "{field}: {}", refused.text);
    }
    let taken = json!({ "display_name": "Gate", "extension_number": 701 });
    let refused = program.post("/common_areas", taken).await;
    assert_eq!(refused.refusal(), (400, 409));
    assert!(refused.text.contains("Hall"), "{}", refused.text);
    program.add_area("Gate", 702).await;
    let body = json!({ "extension_number": 702 });
    assert_eq!(
        program
            .patch(&format!("/common_areas/{id}"), body)
            .await
            .refusal(),
        (400, 409)
    );
    assert_eq!(
        program.patch("/common_areas/x", json!({})).await.refusal(),
        (400, 404)
    );
}

#[tokio::test]
async fn a_common_area_without_a_country_and_a_time_zone_has_those_of_the_account() {
    let program = Program::with(EVERYTHING).await;
    let shown = async |number: i64| {
        let body = json!({ "display_name": "Hall", "extension_number": number, "timezone": "" });
        let id = program.post("/common_areas", body).await.id();
        let mut reading = program.store.read().await.unwrap();
        let area = reading.account(&one()).holder(&id.parse().unwrap()).await;
        let area = area.unwrap().unwrap();
        format!("{} {}", area.country, area.time_zone)
    };
    assert_eq!(shown(701).await, "US UTC");
    let mut writing = program.store.write().await.unwrap();
    let defaults = HolderDefaults {
        country: Some(CountryCode::new("CA").unwrap()),
        time_zone: Some(TimeZone::new("America/Vancouver").unwrap()),
    };
    let mut scope = writing.account(&one());
    scope.set_holder_defaults(&defaults).await.unwrap();
    assert_eq!(scope.holder_defaults().await.unwrap(), defaults);
    writing.commit().await.unwrap();
    assert_eq!(shown(702).await, "CA America/Vancouver");
}

#[tokio::test]
async fn a_common_area_without_a_number_gets_one_that_is_free() {
    let program = Program::with(EVERYTHING).await;
    program.add_area("Hall", 1001).await;
    let id = program
        .post("/common_areas", json!({ "display_name": "Gate" }))
        .await
        .id();
    let shown = program.get(&format!("/common_areas/{id}")).await.json();
    assert_eq!(shown["extension_number"], json!(1002));
}

#[tokio::test]
async fn a_number_that_comes_back_as_it_was_told_changes_no_extension() {
    let program = Program::with(EVERYTHING).await;
    for (extension, told, title) in [("0701", 701, "Hall"), ("*700", 0, "Gate")] {
        let id = program.add_area(title, 999).await;
        let mut writing = program.store.write().await.unwrap();
        let mut scope = writing.account(&one());
        let id = id.parse().unwrap();
        let mut area = scope.holder(&id).await.unwrap().unwrap();
        area.extension = extension.parse().unwrap();
        scope.update_holder(&area).await.unwrap();
        writing.commit().await.unwrap();
        let path = format!("/common_areas/{id}");
        let shown = program.get(&path).await.json();
        assert_eq!(shown["extension_number"], json!(told));

        let back = json!({ "display_name": title, "extension_number": shown["extension_number"] });
        assert!(is_silent(&program.patch(&path, back).await));

        let mut reading = program.store.read().await.unwrap();
        let kept = reading.account(&one()).holder(&id).await.unwrap().unwrap();
        assert_eq!(kept.extension.as_str(), extension);
    }
    let id = program
        .post("/common_areas", json!({ "display_name": "Yard" }))
        .await
        .id();
    let shown = program.get(&format!("/common_areas/{id}")).await.json();
    assert_eq!(shown["extension_number"], json!(1001));
}

#[tokio::test]
async fn a_country_and_a_time_zone_that_are_stored_are_taken_though_no_table_has_them() {
    let program = Program::with(EVERYTHING).await;
    let id = program.add_area("Hall", 701).await;
    let mut writing = program.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let mut area = scope.holder(&id.parse().unwrap()).await.unwrap().unwrap();
    area.country = CountryCode::new("UK").unwrap();
    area.time_zone = TimeZone::new("Europe/Berln").unwrap();
    scope.update_holder(&area).await.unwrap();
    writing.commit().await.unwrap();
    let path = format!("/common_areas/{id}");

    let same = json!({ "country_iso_code": "UK", "timezone": "Europe/Berln" });
    assert!(is_silent(&program.patch(&path, same).await));
    for other in [
        json!({ "country_iso_code": "QQ" }),
        json!({ "timezone": "Europe/Berl" }),
    ] {
        assert_eq!(program.patch(&path, other).await.refusal(), (400, 300));
    }
}

#[tokio::test]
async fn a_common_area_has_three_desk_phones_and_not_one_more_and_is_there_around_the_clock() {
    let program = Program::with(EVERYTHING).await;
    let id = program.add_area("Hall", 701).await;
    let path = format!("/common_areas/{id}/settings");
    let mut devices = Vec::new();
    for number in 1..=4 {
        devices.push(program.add_device(&format!("0022EE0A0B0{number}"), "algo").await);
    }
    for (device, refused) in devices.iter().zip([false, false, false, true]) {
        let body = json!({ "device_id": device });
        let answer = program.post(&format!("{path}/desk_phone"), body).await;
        assert_eq!(answer.status.is_client_error(), refused, "{}", answer.text);
        if refused {
            assert_eq!(answer.refusal(), (400, 405));
        }
    }
    let shown = program.get(&path).await.json();
    assert_eq!(shown["desk_phones"].as_array().unwrap().len(), 3);
    let gone = format!("{path}/desk_phone?device_id={}", devices[0]);
    assert!(is_silent(&program.delete(&gone).await));
    assert_eq!(program.delete(&gone).await.refusal(), (400, 300));

    let hours = program
        .get(&format!("{path}?setting_type=business_hours"))
        .await
        .json();
    assert_eq!(hours["business_hours_settings"]["business_hour_type"], json!(1));
    let holidays = |count| json!({ "holiday_hours": { "holidays": vec![json!({ "name": "x" }); count] } });
    let refused = program.post(&format!("{path}/holiday_hours"), holidays(10)).await;
    assert_eq!(refused.refusal(), (400, 15104));
    let refused = program.post(&format!("{path}/holiday_hours"), holidays(11)).await;
    assert_eq!(refused.refusal(), (400, 405));
    let always = json!({ "business_hours_settings": { "business_hour_type": 1 } });
    assert!(is_silent(
        &program.patch(&format!("{path}/business_hours"), always).await
    ));
    let sometimes = json!({ "business_hours_settings": { "business_hour_type": 2 } });
    let refused = program.patch(&format!("{path}/business_hours"), sometimes).await;
    assert_eq!(refused.refusal(), (400, 15104));
    assert_eq!(
        program
            .post(&format!("{path}/nothing"), json!({}))
            .await
            .refusal(),
        (400, 300)
    );
}

#[tokio::test]
async fn a_site_is_added_told_changed_and_given_to_another() {
    let program = Program::with(EVERYTHING).await;
    let (hq, east) = (program.add_site("HQ").await, program.add_site("East").await);
    let path = format!("/sites/{hq}");
    let body = json!({ "name": "Head office", "site_code": 8, "caller_id_name": "Works", "short_extension": { "length": 4 } });
    assert!(is_silent(&program.patch(&path, body).await));
    let shown = program.get(&path).await.json();
    assert_eq!(shown["name"], json!("Head office"));
    assert_eq!(
        (&shown["site_code"], &shown["short_extension"]["length"]),
        (&json!(8), &json!(4))
    );
    assert_eq!(shown["default_emergency_address"]["is_default"], json!(true));
    let page = program.get("/sites?site_name=office").await.json();
    assert_eq!(
        (&page["total_records"], &page["sites"][0]["id"]),
        (&json!(1), &json!(hq))
    );
    let first = program.get("/sites?page_size=1").await.json();
    let token = first["next_page_token"].as_str().unwrap();
    let second = program
        .get(&format!("/sites?page_size=1&next_page_token={token}"))
        .await
        .json();
    assert_ne!(first["sites"][0]["id"], second["sites"][0]["id"]);
    assert_eq!(second["next_page_token"], json!(""));

    for (name, refusal) in [("x".repeat(15), None), ("x".repeat(16), Some((400, 300)))] {
        let answer = program.patch(&path, json!({ "caller_id_name": name })).await;
        assert_eq!((!is_silent(&answer)).then(|| answer.refusal()), refusal);
    }
    for (count, refusal) in [(10, None), (11, Some((400, 405)))] {
        let body = json!({ "short_extension": { "ranges": vec![json!({}); count] } });
        let answer = program.patch(&path, body).await;
        assert_eq!((!is_silent(&answer)).then(|| answer.refusal()), refusal);
    }
    assert_eq!(program.delete(&path).await.refusal(), (400, 300));
    assert_eq!(
        program
            .delete(&format!("{path}?transfer_site_id={hq}"))
            .await
            .refusal(),
        (400, 400)
    );
    assert_eq!(
        program
            .delete(&format!("{path}?transfer_site_id=x"))
            .await
            .refusal(),
        (400, 400)
    );
    assert!(is_silent(
        &program.delete(&format!("{path}?transfer_site_id={east}")).await
    ));
    assert_eq!(program.get(&path).await.refusal(), (400, 400));
}
