//! Devices and their extensions.

use model::status::ZoneEvent;

use super::*;
use crate::phone::SHOW_PASSWORDS;

const MAC: &str = "00-22-ee-0a-0b-0c";

#[tokio::test]
async fn a_device_is_added_in_any_spelling_and_told_as_clients_read_it() {
    let program = Program::with(EVERYTHING).await;
    let area = program.add_area("Hall", 701).await;
    let body = json!({
        "display_name": "Hall speaker", "mac_address": MAC, "type": "Algo", "model": "algo-sip-based-device",
        "assigned_to": area, "unknown": { "field": true },
    });

    let id = program.post("/devices", body).await.id();

    let device = program.get(&format!("/devices/{id}")).await.json();
    assert_eq!(device["mac_address"], json!("0022ee0a0b0c"));
    assert_eq!(device["device_type"], json!("Algo algo-sip-based-device"));
    assert_eq!(device["status"], json!("offline"));
    assert_eq!(
        device["assignee"],
        json!({ "extension_number": 701, "id": area, "name": "Hall", "extension_type": "commonArea" })
    );
    assert_eq!(device["assignees"][0]["extension_id"], json!(area));
    assert_eq!(
        device["provision"],
        json!({ "type": "assisted", "url": "https://prov.example:8444" })
    );
    let page = program
        .get("/devices?type=assigned&device_type=algo&keyword=0022EE0A")
        .await
        .json();
    assert_eq!(
        (&page["total_records"], &page["next_page_token"]),
        (&json!(1), &json!(""))
    );
    assert_eq!(page["devices"][0]["id"], json!(id));
    for filter in [
        "type=unassigned",
        "type=assigned&device_type=poly",
        "type=assigned&assignee_type=user",
        "type=assigned&site_id=nowhere",
        "type=assigned&location_status=unknownAddress",
    ] {
        let page = program.get(&format!("/devices?{filter}")).await.json();
        assert_eq!(page["devices"], json!([]), "{filter}");
    }
    assert_eq!(
        program.audit().await[0],
        ("API client Stock list".to_owned(), "add device".to_owned())
    );
}

#[tokio::test]
async fn a_device_that_is_wrong_is_refused_with_the_field_that_is() {
    let program = Program::with(EVERYTHING).await;
    program.add_device(MAC, "algo").await;
    let right = json!({ "display_name": "Hall speaker", "mac_address": "0022EE0A0B0D", "type": "algo" });
    for (field, value, names) in [
        ("display_name", json!("x".repeat(256)), "display_name"),
        ("display_name", json!(1), "display_name"),
        ("mac_address", json!("0022EE"), "mac_address"),
        ("mac_address", json!("0022.ee0a.0b0c"), "is Hall speaker"),
        ("type", json!("poly"), "type"),
        ("model", json!("8186"), "model"),
        ("site_id", json!("nowhere"), "Site does not exist"),
        (
            "provision_template_id",
            json!("none"),
            "Provision template does not exist",
        ),
    ] {
        let mut body = right.clone();
        body[field] = value;
        let refused = program.post("/devices", body).await;
        assert_eq!(refused.refusal(), (400, 300), "{field}");
        assert!(refused.text.contains(names), "{field}: {}", refused.text);
    }
    let mut body = right.clone();
    body["assigned_to"] = json!("nobody");
    assert_eq!(program.post("/devices", body).await.refusal(), (404, 1001));
    for (count, refusal) in [(10, (404, 1001)), (11, (400, 405))] {
        let mut body = right.clone();
        body["assignee_extension_ids"] = json!(vec!["nobody"; count]);
        assert_eq!(program.post("/devices", body).await.refusal(), refusal);
    }
    let broken = program.ask(Method::POST, "/devices", "{".to_owned()).await;
    assert_eq!(broken.refusal(), (400, 300));
}

#[tokio::test]
async fn p06_passwords_are_given_under_their_own_scope_and_that_is_written_down() {
    let mut program = Program::with(EVERYTHING).await;
    let area = program.add_area("Desk", 701).await;
    let id = program.add_device(MAC, "other").await;
    let body = json!({ "assignee_extension_ids": [area] });
    let added = program.post(&format!("/devices/{id}/extensions"), body).await;
    assert_eq!(added.status, StatusCode::CREATED);

    let shown = program.get(&format!("/devices/{id}")).await.json();
    let account = &shown["provision"]["sip_accounts"][0];
    assert_eq!(shown["provision"]["type"], json!("manual"));
    assert_eq!(account["sip_domain"], json!("one.example.com"));
    assert_eq!(account["outbound_proxy"], json!("zone-a.example.com:5061"));
    assert_eq!(
        account["secondary_outbound_proxy"],
        json!("zone-b.example.com:5061")
    );
    assert_eq!(account["user_name"].as_str().unwrap().len(), 20);
    assert_eq!(account.get("password"), None);
    assert!(shown["provision"].get("url").is_none());

    program
        .go_on_with(2, "one", &format!("phone:read:device:admin {SHOW_PASSWORDS}"))
        .await;
    let shown = program.get(&format!("/devices/{id}")).await.json();
    let password = &shown["provision"]["sip_accounts"][0]["password"];
    assert_eq!(password.as_str().unwrap().len(), 26);
    assert_eq!(program.audit().await[0].1, "show credentials");
}

#[tokio::test]
async fn a_device_is_online_while_one_of_its_lines_is_registered() {
    let program = Program::with("phone:read:admin phone:write:admin").await;
    let area = program.add_area("Hall", 701).await;
    let id = program.add_device(MAC, "other").await;
    let body = json!({ "assignee_extension_ids": [area] });
    program.post(&format!("/devices/{id}/extensions"), body).await;
    let shown = program.get(&format!("/devices/{id}")).await.json();
    let user = shown["provision"]["sip_accounts"][0]["user_name"]
        .as_str()
        .unwrap();
    let event = ZoneEvent::Registered {
        account: one(),
        user: user.parse().unwrap(),
        from: "192.0.2.7:40000".to_owned(),
        user_agent: None,
        transport: None,
    };

    program.registrations.note(&event, Timestamp(1));

    let shown = program.get(&format!("/devices/{id}")).await.json();
    assert_eq!(
        (&shown["status"], &shown["public_ip"]),
        (&json!("online"), &json!("192.0.2.7"))
    );
    let areas = program.get("/common_areas").await.json();
    assert_eq!(areas["common_areas"][0]["status"], json!("online"));
    assert_eq!(
        areas["common_areas"][0]["desk_phones"][0]["status"],
        json!("online")
    );
}

#[tokio::test]
async fn a_device_is_changed_unassigned_and_removed_without_a_word() {
    let program = Program::with(EVERYTHING).await;
    let (hall, gate) = (
        program.add_area("Hall", 701).await,
        program.add_area("Gate", 702).await,
    );
    let id = program.add_device(MAC, "algo").await;
    let path = format!("/devices/{id}");

    let body = json!({ "display_name": "Gate speaker", "assigned_to": hall });
    assert!(is_silent(&program.patch(&path, body).await));
    assert!(is_silent(
        &program.patch(&path, json!({ "assigned_to": gate })).await
    ));
    let shown = program.get(&path).await.json();
    assert_eq!(shown["display_name"], json!("Gate speaker"));
    assert_eq!(shown["assignees"].as_array().unwrap().len(), 1);
    assert_eq!(shown["assignee"]["id"], json!(gate));
    assert_eq!(
        program
            .patch(&path, json!({ "assigned_to": "x" }))
            .await
            .refusal(),
        (404, 1001)
    );

    assert_eq!(program.delete(&path).await.refusal(), (400, 300));
    let assigned = format!("{path}/extensions/{gate}");
    assert!(is_silent(&program.delete(&assigned).await));
    assert_eq!(program.delete(&assigned).await.refusal(), (400, 300));
    assert!(is_silent(&program.delete(&path).await));
    assert_eq!(program.get(&path).await.refusal(), (400, 400));
    assert_eq!(program.delete(&path).await.refusal(), (400, 300));
}

#[tokio::test]
async fn extensions_stand_in_slots_and_are_moved_by_index() {
    let program = Program::with(EVERYTHING).await;
    let (hall, gate) = (
        program.add_area("Hall", 701).await,
        program.add_area("Gate", 702).await,
    );
    let id = program.add_device(MAC, "algo").await;
    let body = json!({ "assignee_extension_ids": [hall, gate] });
    for _ in 0..2 {
        let answer = program
            .post(&format!("/devices/{id}/extensions"), body.clone())
            .await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let path = format!("/devices/{id}/line_keys");
    let indices = |keys: &Value| -> Vec<(u64, i64)> {
        let positions = keys["positions"].as_array().unwrap().iter();
        let one = |position: &Value| {
            let number = position["extension_number"].as_i64().unwrap();
            (position["index"].as_u64().unwrap(), number)
        };
        positions.map(one).collect()
    };
    let keys = program.get(&path).await.json();
    assert_eq!(indices(&keys), [(1, 701), (2, 702)]);
    assert_eq!(keys["positions"][0]["extension_type"], json!("CommonArea"));

    let moves =
        json!({ "positions": [{ "extension_id": hall, "index": 52 }, { "extension_id": gate, "index": 1 }] });
    assert!(is_silent(&program.patch(&path, moves).await));

    assert_eq!(indices(&program.get(&path).await.json()), [(1, 702), (52, 701)]);
    for (extension, index, names) in [
        (&hall, 73, "Index is invalid: 73."),
        (&"x".to_owned(), 3, "does not exist"),
    ] {
        let moves = json!({ "positions": [{ "extension_id": extension, "index": index }] });
        let refused = program.patch(&path, moves).await;
        assert_eq!(refused.refusal(), (400, 300));
        assert!(refused.text.contains(names), "{}", refused.text);
    }
}

#[tokio::test]
async fn an_extension_that_answers_by_itself_belongs_to_no_phone() {
    let program = Program::with(EVERYTHING).await;
    let hall = program.add_area("Hall", 701).await;
    let speaker = program.add_device(MAC, "algo").await;
    let phone = program.add_device("0022EE0A0B0D", "other").await;
    let body = json!({ "assignee_extension_ids": [hall] });
    let added = program
        .post(&format!("/devices/{speaker}/extensions"), body.clone())
        .await;
    assert_eq!(added.status, StatusCode::CREATED);

    let refused = program.post(&format!("/devices/{phone}/extensions"), body).await;

    assert_eq!(refused.refusal(), (400, 300));
    assert!(
        refused.text.contains("cannot answer by itself and ring"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_device_that_is_not_there_is_not_restarted_and_a_sync_is_not_repeated() {
    let program = Program::with(EVERYTHING).await;
    let id = program.add_device(MAC, "algo").await;
    let refused = program.post(&format!("/devices/{id}/reboot"), json!({})).await;
    assert_eq!(refused.refusal(), (400, 400));
    assert!(refused.text.contains("offline"), "{}", refused.text);
    assert_eq!(
        program.post("/devices/none/reboot", json!({})).await.refusal(),
        (400, 404)
    );

    assert!(is_silent(
        &program.post("/devices/sync", json!({ "level": 1 })).await
    ));
    assert_eq!(
        program
            .post("/devices/sync", json!({ "level": 1 }))
            .await
            .refusal(),
        (400, 429)
    );
    for level in [0, 2, 3] {
        let refused = program.post("/devices/sync", json!({ "level": level })).await;
        assert_eq!(refused.refusal(), (400, 300), "{level}");
    }
}

#[tokio::test]
async fn a_device_has_the_template_it_was_given() {
    let program = Program::with(EVERYTHING).await;
    let id = program.add_device(MAC, "algo").await;
    let template = json!({ "name": "Loud", "content": "audio.page.vol = 0dB" });
    let template = program.post("/provision_templates", template).await.id();
    let path = format!("/devices/{id}/provision_templates");

    assert!(is_silent(
        &program
            .put(&path, json!({ "provision_template_id": template }))
            .await
    ));
    let shown = program.get(&format!("/devices/{id}")).await.json();
    assert_eq!(shown["provision_template_id"], json!(template));
    let page = program.get("/provision_templates").await.json();
    assert_eq!(page["provision_templates"][0]["bound_device_count"], json!(1));
    let unknown = program.put(&path, json!({ "provision_template_id": "x" })).await;
    assert_eq!(unknown.refusal(), (400, 404));
    assert!(is_silent(
        &program.put(&path, json!({ "provision_template_id": "" })).await
    ));
    let shown = program.get(&format!("/devices/{id}")).await.json();
    assert_eq!(shown.get("provision_template_id"), None);
}

#[tokio::test]
async fn a_device_that_restarts_when_it_is_told_to_is_told_by_its_zone() {
    let mut program = Program::with(EVERYTHING).await;
    let area = program.add_area("Hall", 701).await;
    let (speaker, phone) = (
        program.add_device(MAC, "algo").await,
        program.add_device("0022EE0A0B0D", "other").await,
    );
    let body = json!({ "assignee_extension_ids": [area] });
    program
        .post(&format!("/devices/{speaker}/extensions"), body)
        .await;
    let mut reading = program.store.read().await.unwrap();
    let user = reading.account(&one()).lines().await.unwrap().remove(0).user;
    drop(reading);
    let event = ZoneEvent::Registered {
        account: one(),
        user: user.clone(),
        from: "192.0.2.7:40000".to_owned(),
        user_agent: None,
        transport: None,
    };
    program.registrations.note(&event, Timestamp(1));
    let mut orders = program.give_resyncs();
    let path = format!("/devices/{speaker}/reboot");

    let (answer, asked) = tokio::join!(program.post(&path, json!({})), async {
        let order = orders.recv().await.unwrap();
        let written = program.audit().await.remove(0).1;
        order.asked.send(1).unwrap();
        (order.users, order.restarts, written)
    });

    let before = "restart device".to_owned();
    assert_eq!(
        (answer.status, asked),
        (StatusCode::ACCEPTED, (vec![user], true, before))
    );
    let refused = program.post(&format!("/devices/{phone}/reboot"), json!({})).await;
    assert_eq!(refused.refusal(), (400, 400));
}

#[tokio::test]
async fn a_device_that_is_given_to_another_keeps_the_place_of_its_extension() {
    let program = Program::with(EVERYTHING).await;
    let (hall, gate) = (
        program.add_area("Hall", 701).await,
        program.add_area("Gate", 702).await,
    );
    let id = program.add_device(MAC, "algo").await;
    let path = format!("/devices/{id}");
    program.patch(&path, json!({ "assigned_to": hall })).await;
    let body = json!({ "assignee_extension_ids": [gate] });
    program.post(&format!("{path}/extensions"), body).await;
    let moves = json!({ "positions": [{ "extension_id": hall, "index": 52 }] });
    let moved = program.patch(&format!("{path}/line_keys"), moves).await;
    assert!(is_silent(&moved), "{}", moved.text);
    program.delete(&format!("{path}/extensions/{gate}")).await;

    assert!(is_silent(
        &program.patch(&path, json!({ "assigned_to": gate })).await
    ));

    let keys = program.get(&format!("{path}/line_keys")).await.json();
    assert_eq!(
        (
            &keys["positions"][0]["index"],
            &keys["positions"][0]["extension_number"]
        ),
        (&json!(52), &json!(702))
    );
}

#[tokio::test]
async fn a_sync_asks_every_device_that_fetches_whatever_the_queue_holds() {
    let mut program = Program::with(EVERYTHING).await;
    for (number, mac, brand) in [
        (701, "0022EE0A0B01", "algo"),
        (702, "0022EE0A0B02", "algo"),
        (703, "0022EE0A0B03", "algo"),
        (704, "0022EE0A0B04", "other"),
    ] {
        let area = program.add_area("Hall", number).await;
        let id = program.add_device(mac, brand).await;
        let body = json!({ "assignee_extension_ids": [area] });
        program.post(&format!("/devices/{id}/extensions"), body).await;
    }
    let mut orders = program.give_resyncs();

    assert!(is_silent(
        &program.post("/devices/sync", json!({ "level": 1 })).await
    ));

    for _ in 0..3 {
        let order = orders.recv().await.unwrap();
        assert_eq!((order.users.len(), order.restarts), (1, false));
        order.asked.send(1).unwrap();
    }
    assert!(orders.try_recv().is_err());
}
